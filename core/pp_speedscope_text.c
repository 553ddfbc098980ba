/*
 * pp_speedscope_text.c
 *		A file that speedscope opens.
 *
 * One sampled profile: stacks in the order of their names, frames numbered in
 * the order in which these stacks meet them.
 */
#include "core/pp_render.h"
#include "core/pp_tree_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct Speedscope
{
	PpTree *tree;
	const PpFrame *frames; /* by name of the tree; NULL: the name is all */
	uint32_t *numbers;	   /* by name of the tree: number of the frame + 1, or 0 */
	uint32_t nframes;
	char number[16];							   /* the last one as text */
	PpBuf frames_text, samples_text, weights_text; /* the insides of the arrays */
	int64_t sum;
} Speedscope;

static const char *
unit_name(PpBytes unit)
{
	static const char *const known[] = {"nanoseconds",
										"microseconds",
										"milliseconds",
										"seconds",
										"bytes"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (pp_bytes_eq(unit, pp_bytes_cstr(known[i])))
			return known[i];
	return "none";
}

static PpCode
check_values(const PpProfile *p, const PpTree *tree, PpError *err)
{
	bool negative = pp_profile_is_difference(p);

	for (uint32_t i = 0; i < tree->n && !negative; i++)
		negative = tree->self[i] < 0;
	if (negative)
		return pp_fail(err,
					   PP_EINVALID,
					   PP_NO_OFFSET,
					   "speedscope cannot draw differences and negative values");
	return PP_OK;
}

/* What is known of the frames that stand for a name: the first one says. */
static PpCode
find_frames(Speedscope *s, const PpRender *render, PpArena *arena, PpError *err)
{
	const PpProfile *p = render->p;
	size_t n = (size_t) s->tree->names.n + p->nfunctions; /* looking up adds names */
	PpFrame *frames;

	s->numbers = pp_arena_zalloc(arena, n * sizeof(uint32_t));
	if (s->numbers == NULL)
		return pp_fail_nomem(err);
	if (render->frames == NULL)
		return PP_OK;
	frames = pp_arena_zalloc(arena, n * sizeof(PpFrame));
	if (frames == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = p->nfunctions; i-- > 0;)
	{
		uint32_t id;
		PpCode code = pp_names_intern(&s->tree->names, pp_str(p, p->functions[i].name), &id, err);

		if (code != PP_OK)
			return code;
		frames[id] = render->frames[i];
	}
	s->frames = frames;
	return PP_OK;
}

static void
append_frame(PpBuf *out, PpBytes name, const PpFrame *frame)
{
	if (out->len > 0)
		pp_buf_char(out, ',');
	pp_buf_text(out, "{\"name\":");
	pp_buf_json(out, frame != NULL ? frame->name : name);
	if (frame != NULL && frame->file.len > 0)
	{
		pp_buf_text(out, ",\"file\":");
		pp_buf_json(out, frame->file);
	}
	if (frame != NULL && frame->line > 0)
		pp_buf_printf(out, ",\"line\":%" PRId64, frame->line);
	if (frame != NULL && frame->line > 0 && frame->column > 0)
		pp_buf_printf(out, ",\"col\":%" PRId64, frame->column);
	pp_buf_char(out, '}');
}

static PpBytes
frame_number(void *ctx, uint32_t name)
{
	Speedscope *s = ctx;
	int len;

	if (s->numbers[name] == 0)
	{
		append_frame(&s->frames_text,
					 s->tree->names.names[name],
					 s->frames == NULL ? NULL : &s->frames[name]);
		s->numbers[name] = ++s->nframes;
	}
	len = snprintf(s->number, sizeof(s->number), "%" PRIu32, s->numbers[name] - 1);
	return (PpBytes){s->number, (uint32_t) len};
}

static PpCode
append_stack(void *ctx, PpBytes stack, int64_t self, PpError *err)
{
	Speedscope *s = ctx;
	const char *comma = s->samples_text.len > 0 ? "," : "";
	PpCode code;

	if (__builtin_add_overflow(s->sum, self, &s->sum))
		return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of values is out of range");
	pp_buf_printf(&s->samples_text, "%s[", comma);
	pp_buf_bytes(&s->samples_text, stack);
	pp_buf_char(&s->samples_text, ']');
	pp_buf_printf(&s->weights_text, "%s%" PRId64, comma, self);
	if ((code = pp_buf_check(&s->frames_text, err)) == PP_OK &&
		(code = pp_buf_check(&s->samples_text, err)) == PP_OK)
		code = pp_buf_check(&s->weights_text, err);
	return code;
}

static void
append_file(const Speedscope *s, const PpRender *render, PpBuf *out)
{
	const PpValueType *type = &render->p->types[render->column];

	pp_buf_text(out,
				"{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\","
				"\"shared\":{\"frames\":[");
	pp_buf_append(out, s->frames_text.data, s->frames_text.len);
	pp_buf_text(out, "]},\"profiles\":[{\"type\":\"sampled\",\"name\":");
	pp_buf_json(out, pp_str(render->p, type->type));
	pp_buf_printf(out,
				  ",\"unit\":\"%s\",\"startValue\":0,\"endValue\":%" PRId64 ",\"samples\":[",
				  unit_name(pp_str(render->p, type->unit)),
				  s->sum);
	pp_buf_append(out, s->samples_text.data, s->samples_text.len);
	pp_buf_text(out, "],\"weights\":[");
	pp_buf_append(out, s->weights_text.data, s->weights_text.len);
	pp_buf_text(out, "]}],\"exporter\":\"pgpprof\"}");
}

PpCode
pp_speedscope_text(const PpRender *render, PpArena *arena, PpBuf *out, PpError *err)
{
	Speedscope s = {.sum = 0};
	PpStackWriter writer = {frame_number, append_stack, ',', &s};
	PpCode code = pp_render_tree(render, out->alloc, PP_RULES_PPROF, &s.tree, err);

	if (code != PP_OK)
		return code;
	pp_buf_init(&s.frames_text, out->alloc);
	pp_buf_init(&s.samples_text, out->alloc);
	pp_buf_init(&s.weights_text, out->alloc);
	if ((code = check_values(render->p, s.tree, err)) == PP_OK &&
		(code = find_frames(&s, render, arena, err)) == PP_OK &&
		(code = pp_tree_stacks(s.tree, &writer, err)) == PP_OK)
	{
		append_file(&s, render, out);
		code = pp_buf_check(out, err);
	}
	pp_buf_free(&s.frames_text);
	pp_buf_free(&s.samples_text);
	pp_buf_free(&s.weights_text);
	pp_tree_free(s.tree);
	return code;
}
