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

PPROF_FUNCTION(pprof_to_folded);
PPROF_FUNCTION(pprof_to_jsonb);
PPROF_FUNCTION(pprof_to_speedscope);

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
 * JSON of the core as jsonb.  The server's own parser takes less time than the
 * core needs to read the profile and write the text, and its limits hold.
 */
static Datum
buffer_jsonb(PpBuf *buf)
{
	char *json = text_to_cstring(buffer_text(buf));

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
