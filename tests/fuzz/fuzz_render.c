/*
 * fuzz_render.c
 *		Bytes as a profile, drawn in all ways: what comes out keeps to its format and
 *		to the values that went in.
 */
#include <stdlib.h>
#include <string.h>

#include "core/pp_codec.h"
#include "core/pp_render.h"
#include "core/pp_tree_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const PpLimits limits = {
	.max_compressed = 1 << 16,
	.max_profile_size = 1 << 18,
	.max_ratio = 200,
	.max_samples = 1 << 10,
	.max_sample_types = 8,
	.max_locations = 1 << 10,
	.max_functions = 1 << 10,
	.max_mappings = 64,
	.max_lines = 32,
	.max_depth = 512,
	.max_frames = 1024,
	.max_total_frames = 1 << 13,
	.max_labels = 16,
	.max_label_keys = 64,
	.max_string = 4096,
	.max_strings = 1 << 10,
	.max_comments = 16,
	.max_comment_bytes = 4096,
};

static void
require(bool truth)
{
	if (!truth)
		abort();
}

/* Lines that end in a blank and a number; their sum is that of the column. */
static void
check_folded(const PpRender *render, PpArena *arena)
{
	__int128 sum = 0;
	PpBuf out;
	PpError err;
	char *line;

	pp_buf_init(&out, &pp_alloc_malloc);
	if (pp_folded_text(render, arena, &out, &err) != PP_OK)
	{
		require(err.code == PP_EOVERFLOW);
		pp_buf_free(&out);
		return;
	}
	pp_buf_char(&out, '\0');
	line = out.data;
	for (char *end = memchr(line, '\n', out.len); end != NULL;
		 line = end + 1, end = memchr(line, '\n', out.len - (size_t) (line - out.data)))
	{
		char *number = end, *rest;

		while (number > line && *number != ' ')
			number--;
		require(*number == ' ');
		sum += strtoll(number + 1, &rest, 10);
		require(rest == end);
	}
	require(line == out.data + out.len - 1);
	for (uint32_t i = 0; i < render->p->nsamples; i++)
		sum -= render->p->values[(size_t) i * render->p->ntypes + render->column];
	require(sum == 0);
	pp_buf_free(&out);
}

/* Quotes close and brackets pair, outside of strings. */
static void
check_json(const PpBuf *out)
{
	bool inside = false;
	int64_t depth = 0;

	for (size_t i = 0; i < out->len; i++)
	{
		char c = out->data[i];

		if (inside && c == '\\')
			i++;
		else if (c == '"')
			inside = !inside;
		else if (inside)
			require((unsigned char) c >= 0x20);
		else
			depth += (c == '{' || c == '[') - (c == '}' || c == ']');
		require(depth > 0 || i + 1 == out->len);
	}
	require(depth == 0 && !inside);
}

static void
check_texts(const PpProfile *p, const PpRender *render, PpArena *arena)
{
	PpBuf out;
	PpError err;

	pp_buf_init(&out, &pp_alloc_malloc);
	require(pp_json_text(p, &out, &err) == PP_OK);
	check_json(&out);
	out.len = 0;
	if (pp_speedscope_text(render, arena, &out, &err) == PP_OK)
		check_json(&out);
	pp_buf_free(&out);
}

/* One element in ASCII, with as many tags opened as closed. */
static void
check_svg(const PpRender *render, PpArena *arena)
{
	PpSvgOptions options = {.width = 300, .max_nodes = 40};
	const PpValueType *type = &render->p->types[render->column];
	PpRender base, rest;
	PpTree *left = NULL, *right = NULL;
	int64_t opened = 0, closed = 0;
	PpBuf out;
	PpError err;

	options.title = options.type = pp_str(render->p, type->type);
	options.unit = pp_str(render->p, type->unit);
	pp_buf_init(&out, &pp_alloc_malloc);
	if (pp_render_split(render, arena, &base, &rest, &err) == PP_OK &&
		pp_render_tree(&base, &pp_alloc_malloc, PP_RULES_PPROF, &left, &err) == PP_OK &&
		pp_render_tree(&rest, &pp_alloc_malloc, PP_RULES_PPROF, &right, &err) == PP_OK &&
		pp_svg_text(left, right, &options, arena, &out, &err) == PP_OK)
	{
		for (size_t i = 0; i < out.len; i++)
		{
			require((out.data[i] >= ' ' && out.data[i] < 0x7F) || out.data[i] == '\n');
			opened += out.data[i] == '<' && out.data[i + 1] != '/';
			closed += out.data[i] == '/' && (out.data[i - 1] == '<' || out.data[i + 1] == '>');
		}
		require(opened == closed);
		require(memcmp(out.data + out.len - 7, "</svg>\n", 7) == 0);
	}
	pp_buf_free(&out);
	pp_tree_free(left);
	pp_tree_free(right);
}

/* What a compiler gets is a profile. */
static void
check_pgo(const PpProfile *p, PpArena *arena)
{
	PpProfile *pgo, *again;
	uint8_t *bytes;
	size_t len;
	PpError err;

	if (pp_profile_pgo(p, 3, arena, &pgo, &err) != PP_OK)
		return;
	require(pp_profile_encode(pgo, &pp_alloc_malloc, &bytes, &len, &err) == PP_OK);
	require(pp_profile_decode(bytes, len, &pp_limits_hard, arena, &again, &err) == PP_OK);
	require(again->nsamples == pgo->nsamples && again->nlabels == 0 && again->nmappings == 0);
	free(bytes);
}

static void
check_all(const PpProfile *p, PpArena *arena)
{
	PpReportOptions options = pp_report_defaults();
	PpProfile *loaded;
	PpRender render;
	PpError err;

	require(pp_report_load(p, true, NULL, arena, &loaded, &err) == PP_OK);
	for (int by = PP_BY_FUNCTIONS; by <= PP_BY_ADDRESSES; by += 3)
	{
		options.granularity = (PpGranularity) by;
		if (pp_render_prepare(loaded, pp_bytes_cstr("0"), &options, NULL, arena, &render, &err) !=
			PP_OK)
			continue;
		check_folded(&render, arena);
		check_texts(p, &render, arena);
		check_svg(&render, arena);
	}
	check_pgo(p, arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p;
	PpError err;

	if (pp_profile_read(data, size, &limits, arena, &p, &err) == PP_OK)
		check_all(p, arena);
	pp_arena_free(arena);
	return 0;
}
