/*
 * pp_topproto.c
 *		-topproto: what -top lists, as a profile.
 */
#include "core/pp_report_graph.h"

#include <string.h>

typedef struct Writer
{
	PpReport report;
	PpGraph graph;
	PpProfile *out;
	uint32_t *strings; /* of the graph's names: strings of the result, 0 if not there yet */
	PpTable functions;
} Writer;

static PpCode
add_string(Writer *w, PpBytes text, uint32_t *index, PpError *err)
{
	PpProfile *out = w->out;

	*index = 0;
	if (text.len == 0)
		return PP_OK;
	text.data = pp_arena_copy(w->report.arena, text.data, text.len);
	if (text.data == NULL)
		return pp_fail_nomem(err);
	*index = out->nstrings++;
	out->strings[*index] = text;
	return PP_OK;
}

static PpCode
add_name(Writer *w, uint32_t name, uint32_t *index, PpError *err)
{
	PpCode code = PP_OK;

	if (w->strings[name] == 0)
		code = add_string(w, w->graph.names.names[name], &w->strings[name], err);
	*index = w->strings[name];
	return code;
}

static PpCode
add_function(Writer *w, const PpGraphNode *node, uint32_t *index, PpError *err)
{
	PpProfile *out = w->out;
	PpFunction new = {.start_line = node->start_line};
	uint64_t h = w->graph.names.seed;
	uint32_t hash;
	size_t at;
	PpCode code;

	if ((code = add_name(w, node->name, &new.name, err)) != PP_OK ||
		(code = add_name(w, node->file, &new.filename, err)) != PP_OK)
		return code;
	h = pp_table_mix(h, (uint64_t) new.name << 32 | new.filename);
	hash = pp_table_fold(pp_table_mix(h, (uint64_t) new.start_line));
	at = pp_table_first(&w->functions, hash);
	while ((*index = pp_table_next(&w->functions, hash, &at)) != PP_NONE)
	{
		const PpFunction *function = &out->functions[*index];

		if (function->name == new.name && function->filename == new.filename &&
			function->start_line == new.start_line)
			return PP_OK;
	}
	if (!pp_table_reserve(&w->functions, pp_arena_allocator(w->report.arena)))
		return pp_fail_nomem(err);
	*index = out->nfunctions++;
	new.id = out->nfunctions;
	out->functions[*index] = new;
	pp_table_insert(&w->functions, hash, *index);
	return PP_OK;
}

/* Whole numbers in the unit of the report. */
static PpCode
scale(const Writer *w, int64_t value, int64_t *scaled, PpError *err)
{
	PpBytes unit;

	if (pp_double_to_int64(pp_measure_scale(value,
											pp_report_sample_unit(&w->report),
											w->report.unit,
											&unit),
						   scaled))
		return PP_OK;
	return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "scaled value is out of range for bigint");
}

/* One sample, location and line, all of the same index. */
static PpCode
add_node(Writer *w, uint32_t i, PpError *err)
{
	const PpGraphNode *node = &w->graph.nodes[w->graph.listed[i]];
	PpProfile *out = w->out;
	uint32_t function;
	PpCode code;

	if ((code = add_function(w, node, &function, err)) != PP_OK ||
		(code = scale(w, pp_graph_cum(node), &out->values[2 * (size_t) i], err)) != PP_OK ||
		(code = scale(w, pp_graph_flat(node), &out->values[2 * (size_t) i + 1], err)) != PP_OK)
		return code;
	out->lines[i] = (PpLine){.function = function, .line = node->line, .column = node->column};
	out->locations[i] = (PpLocation){.id = (uint64_t) i + 1,
									 .address = node->address,
									 .mapping = PP_NONE,
									 .line_off = i,
									 .nlines = 1};
	out->locrefs[i] = i;
	out->samples[i] = (PpSample){.loc_off = i, .nlocs = 1};
	return PP_OK;
}

static PpCode
start(Writer *w, PpError *err)
{
	PpArena *arena = w->report.arena;
	uint32_t n = w->graph.nlisted;
	PpProfile *out = pp_profile_new(arena);

	if (out == NULL)
		return pp_fail_nomem(err);
	w->out = out;
	out->ntypes = 2;
	out->nsamples = out->nlocrefs = out->nlocations = out->nlines = n;
	/* at most two strings of each node, and those of the header */
	out->strings = pp_arena_array(arena, 2 * (size_t) n + 6, sizeof(PpBytes));
	out->types = pp_arena_array(arena, 2, sizeof(PpValueType));
	out->samples = pp_arena_array(arena, n, sizeof(PpSample));
	out->values = pp_arena_array(arena, n, 2 * sizeof(int64_t));
	out->locrefs = pp_arena_array(arena, n, sizeof(uint32_t));
	out->locations = pp_arena_array(arena, n, sizeof(PpLocation));
	out->lines = pp_arena_array(arena, n, sizeof(PpLine));
	out->functions = pp_arena_array(arena, n, sizeof(PpFunction));
	w->strings = pp_arena_array(arena, w->graph.names.n, sizeof(uint32_t));
	if (out->strings == NULL || out->types == NULL || out->samples == NULL || out->values == NULL ||
		out->locrefs == NULL || out->locations == NULL || out->lines == NULL ||
		out->functions == NULL || w->strings == NULL)
		return pp_fail_nomem(err);
	memset(w->strings, 0, w->graph.names.n * sizeof(uint32_t));
	out->strings[0] = (PpBytes){"", 0};
	out->nstrings = 1;
	return PP_OK;
}

static PpCode
add_header(Writer *w, PpError *err)
{
	const PpProfile *p = w->report.p;
	PpProfile *out = w->out;
	PpCode code;

	out->time_nanos = p->time_nanos;
	out->duration_nanos = p->duration_nanos;
	out->period = p->period;
	if ((code = add_string(w, pp_bytes_cstr("cum"), &out->types[0].type, err)) != PP_OK ||
		(code = add_string(w, pp_bytes_cstr("flat"), &out->types[1].type, err)) != PP_OK ||
		(code = add_string(w, w->report.unit, &out->types[0].unit, err)) != PP_OK ||
		(code = add_string(w, pp_str(p, p->period_type.type), &out->period_type.type, err)) != PP_OK ||
		(code = add_string(w, pp_str(p, p->period_type.unit), &out->period_type.unit, err)) != PP_OK)
		return code;
	out->types[1].unit = out->types[0].unit;
	return PP_OK;
}

PpCode
pp_topproto(const PpProfile *p, const PpReportOptions *options, const PpSearch *search,
			PpArena *arena, PpProfile **out, PpError *err)
{
	Writer w = {.out = NULL};
	const PpGraphRequest request = {.nodecount = 0};
	PpCode code =
		pp_report_graph_start(&w.report, &w.graph, &request, p, options, search, arena, err);

	if (code == PP_OK && (code = start(&w, err)) == PP_OK)
		code = add_header(&w, err);
	for (uint32_t i = 0; code == PP_OK && i < w.graph.nlisted; i++)
		code = add_node(&w, i, err);
	pp_table_free(&w.functions, pp_arena_allocator(arena));
	pp_report_graph_end(&w.report, &w.graph);
	*out = w.out;
	return code;
}
