/*
 * profile_render.c
 *		Renderings of a profile as texts and files: folded stacks, speedscope, SVG,
 *		JSON, the profile a compiler takes.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "core/pp_codec.h"
#include "core/pp_inflate.h"
#include "core_glue.h"
#include "pprof.h"
#include "profile_render.h"
#include "profile_report.h"

/*
 * Members of a jsonb: the server takes some 80 bytes for each while it builds one,
 * so that a small file of large stacks could take all memory there is.
 */
#define MAX_JSON_MEMBERS (8 * 1024 * 1024)

/* It is read once and kept for long. */
#define PGO_GZIP_LEVEL 9

PPROF_FUNCTION(pprof_to_folded);
PPROF_FUNCTION(pprof_to_jsonb);
PPROF_FUNCTION(pprof_to_pgo);
PPROF_FUNCTION(pprof_to_speedscope);
PPROF_FUNCTION(pprof_to_svg);
PPROF_FUNCTION(pprof_to_svg_diff);

PpRender
profile_render(const PpProfile *profile, const RenderRequest *request, PpArena *arena)
{
	PpSearch search = report_search();
	ReportOptions options = {.core = pp_report_defaults()};
	PpProfile *loaded;
	PpRender render;
	PpError err;

	if (request->options != NULL)
		report_options_read_rows(request->options, &options);
	if (request->granularity != NULL && VARSIZE_ANY_EXHDR(request->granularity) > 0)
		options.core.granularity = report_granularity(request->granularity);
	if (request->noinlines)
		options.core.noinlines = true;
	if (request->rules == PP_RULES_PYROSCOPE)
		options.all_frames = true;
	loaded = profile_load_for(profile, &options, arena);
	CORE_CHECK(pp_render_prepare(loaded, request->sample_type, &options.core, &search, arena, &render, &err),
			   &err);
	return render;
}

PpTree *
profile_tree(const PpRender *render, PpFlameRules rules)
{
	PpTree *tree;
	PpError err;

	CORE_CHECK(pp_render_tree(render, core_alloc_create(CurrentMemoryContext), rules, &tree, &err),
			   &err);
	return tree;
}

/* A text of the core, which is freed, as one of the server. */
static text *
buffer_text(PpBuf *buf)
{
	text *result = core_text((PpBytes){buf->data, (uint32_t) buf->len});

	pp_buf_free(buf);
	return result;
}

/*
 * JSON of the core as jsonb, by the server's own parser: its limits hold, and an
 * eighth of its time is reading, the rest building the value, which would take
 * as long without a text in between.
 */
static Datum
buffer_jsonb(PpBuf *buf)
{
	size_t commas = 0; /* at least one less than members */
	char *json;

	for (size_t i = 0; i < buf->len; i++)
		commas += buf->data[i] == ',';
	if (commas > MAX_JSON_MEMBERS)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("profile is too large for jsonb"),
				errdetail("There would be about %zu members; %d are allowed.", commas, MAX_JSON_MEMBERS),
				errhint("Filter it, or shorten its stacks."));
	json = text_to_cstring(buffer_text(buf));
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
}

typedef PpCode (*RenderText)(const PpRender *render, PpArena *arena, PpBuf *out, PpError *err);

/* (profile, sample_type, options) as a text of the core. */
static void
render_text(FunctionCallInfo fcinfo, RenderText print, PpBuf *out)
{
	PpArena *arena = core_arena_create();
	RenderRequest request = {.sample_type = core_bytes(PG_GETARG_TEXT_PP(1)),
							 .options = PG_GETARG_JSONB_P(2)};
	PpRender render = profile_render(PG_GETARG_PROFILE(0, arena), &request, arena);
	PpError err;

	pp_buf_init(out, core_alloc_create(CurrentMemoryContext));
	CORE_CHECK(print(&render, arena, out, &err), &err);
	pp_arena_free(arena);
}

Datum
pprof_to_folded(PG_FUNCTION_ARGS)
{
	PpBuf out;

	render_text(fcinfo, pp_folded_text, &out);
	PG_RETURN_TEXT_P(buffer_text(&out));
}

Datum
pprof_to_speedscope(PG_FUNCTION_ARGS)
{
	PpBuf out;

	render_text(fcinfo, pp_speedscope_text, &out);
	return buffer_jsonb(&out);
}

Datum
pprof_to_jsonb(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *profile = PG_GETARG_PROFILE(0, arena);
	PpBuf out;
	PpError err;

	pp_buf_init(&out, core_alloc_create(CurrentMemoryContext));
	CORE_CHECK(pp_json_text(profile, &out, &err), &err);
	pp_arena_free(arena);
	return buffer_jsonb(&out);
}

Datum
pprof_to_pgo(PG_FUNCTION_ARGS)
{
	PpAlloc *alloc = core_alloc_create(CurrentMemoryContext);
	PpArena *arena = core_arena_create();
	PpProfile *profile;
	uint8_t *plain, *packed;
	size_t plain_len, packed_len;
	PpError err;

	CORE_CHECK(pp_profile_pgo(PG_GETARG_PROFILE(0, arena), PG_GETARG_INT32(1), arena, &profile, &err),
			   &err);
	CORE_CHECK(pp_profile_encode(profile, alloc, &plain, &plain_len, &err), &err);
	pp_arena_free(arena);
	CORE_CHECK(pp_gzip(plain, plain_len, PGO_GZIP_LEVEL, alloc, &packed, &packed_len, &err), &err);
	pfree(plain);
	return pprof_varlena(packed, packed_len);
}

/* --- pictures --- */

/* The arguments from `first` on: sample_type, title, width, max_nodes, options. */
typedef struct SvgRequest
{
	RenderRequest render;
	PpSvgOptions svg;
} SvgRequest;

static SvgRequest
svg_request(FunctionCallInfo fcinfo, int first)
{
	SvgRequest request = {
		.render = {.sample_type = core_bytes(PG_GETARG_TEXT_PP(first)),
				   .options = PG_GETARG_JSONB_P(first + 4)},
		.svg = {.title = core_bytes(PG_GETARG_TEXT_PP(first + 1)),
				.width = PG_GETARG_INT32(first + 2),
				.max_nodes = PG_GETARG_INT32(first + 3)},
	};

	return request;
}

/* Draw; the column's name and unit are those of `render`. */
static text *
draw_svg(PpTree *left, PpTree *right, const PpRender *render, PpSvgOptions *options)
{
	const PpValueType *type = &render->p->types[render->column];
	PpArena *arena = core_arena_create();
	PpBuf out;
	PpError err;

	options->type = pp_str(render->p, type->type);
	options->unit = pp_str(render->p, type->unit);
	pp_buf_init(&out, core_alloc_create(CurrentMemoryContext));
	CORE_CHECK(pp_svg_text(left, right, options, arena, &out, &err), &err);
	pp_arena_free(arena);
	return buffer_text(&out);
}

/* A profile that diff() made is drawn as what it is: its two sides. */
Datum
pprof_to_svg(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	SvgRequest request = svg_request(fcinfo, 1);
	PpRender render = profile_render(PG_GETARG_PROFILE(0, arena), &request.render, arena);
	PpRender base, rest;
	PpTree *left, *right = NULL;
	PpError err;

	if (pp_profile_is_difference(render.p))
	{
		CORE_CHECK(pp_render_split(&render, arena, &base, &rest, &err), &err);
		left = profile_tree(&base, PP_RULES_PPROF);
		right = profile_tree(&rest, PP_RULES_PPROF);
	}
	else
		left = profile_tree(&render, PP_RULES_PPROF);
	PG_RETURN_TEXT_P(draw_svg(left, right, &render, &request.svg));
}

Datum
pprof_to_svg_diff(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	SvgRequest request = svg_request(fcinfo, 2);
	PpRender sides[2];
	PpTree *left, *right;
	PpError err;

	for (int i = 0; i < 2; i++)
		sides[i] = profile_render(PG_GETARG_PROFILE(i, arena), &request.render, arena);
	CORE_CHECK(pp_render_meet(&sides[0], &sides[1], arena, &err), &err);
	left = profile_tree(&sides[0], PP_RULES_PPROF);
	right = profile_tree(&sides[1], PP_RULES_PPROF);
	PG_RETURN_TEXT_P(draw_svg(left, right, &sides[0], &request.svg));
}
