/*
 * pp_render.c
 *		From a profile and options to what all renderings draw.
 *
 * By functions, without filters, the profile is drawn as it is.  Otherwise it
 * goes the way of the reports, and each frame's printed name becomes the name of
 * a function of its own, so that the call tree by function name is the one asked
 * for.
 */
#include "core/pp_render.h"

#include "core/pp_algebra.h"
#include "core/pp_graph.h"

#include <string.h>

static bool
changes_frames(const PpReportOptions *o)
{
	return o->granularity != PP_BY_FUNCTIONS || o->noinlines || o->focus.len > 0 ||
		   o->ignore.len > 0 || o->hide.len > 0 || o->show.len > 0 || o->show_from.len > 0 ||
		   o->prune_from.len > 0 || o->tagfocus.len > 0 || o->tagignore.len > 0 ||
		   o->tagshow.len > 0 || o->taghide.len > 0 || o->tagroot.len > 0 || o->tagleaf.len > 0;
}

static PpCode
check_options(const PpReportOptions *o, PpError *err)
{
	if (o->mean)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "means cannot be drawn: they do not add up");
	if (o->divide_by != 1)
		return pp_fail(err,
					   PP_EINVALID,
					   PP_NO_OFFSET,
					   "values divided and cut off cannot be drawn: they do not add up");
	return PP_OK;
}

/* Function `node` of the result: the printed name of a node of the graph. */
static PpCode
name_functions(PpProfile *p, const PpGraph *g, PpFrame *frames, PpArena *arena, PpError *err)
{
	PpBytes *strings = pp_arena_array(arena, (size_t) p->nstrings + g->nnodes, sizeof(*strings));

	p->functions = pp_arena_zalloc(arena, g->nnodes * sizeof(PpFunction));
	if (strings == NULL || p->functions == NULL || p->nstrings > PP_NONE - 1 - g->nnodes)
		return pp_fail_nomem(err);
	memcpy(strings, p->strings, p->nstrings * sizeof(*strings));
	for (uint32_t i = 0; i < g->nnodes; i++)
	{
		const PpGraphNode *node = &g->nodes[i];
		PpBytes name = g->names.names[node->name], file = g->names.names[node->file];

		strings[p->nstrings] = node->printed;
		p->functions[i] = (PpFunction){.id = i + 1, .name = p->nstrings++};
		/* the graph's names are gone when the frames are read */
		frames[i] = (PpFrame){{pp_arena_copy(arena, name.data, name.len), name.len},
							  {pp_arena_copy(arena, file.data, file.len), file.len},
							  node->line,
							  node->column};
		if (frames[i].name.data == NULL || frames[i].file.data == NULL)
			return pp_fail_nomem(err);
		if (name.len == 0)
			frames[i].name = node->printed;
	}
	p->strings = strings;
	p->nfunctions = g->nnodes;
	return PP_OK;
}

/* Lines that name the functions above; a location without lines gets one. */
static PpCode
name_lines(PpProfile *p, const PpGraph *g, PpArena *arena, PpError *err)
{
	uint32_t nlines = g->first_node[p->nlocations];
	PpLine *lines = pp_arena_zalloc(arena, nlines * sizeof(PpLine));
	PpLocation *locations = pp_arena_array(arena, p->nlocations, sizeof(PpLocation));

	if (lines == NULL || locations == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < nlines; i++)
		lines[i].function = g->location_nodes[i];
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		locations[i] = p->locations[i];
		locations[i].line_off = g->first_node[i];
		locations[i].nlines = g->first_node[i + 1] - g->first_node[i];
	}
	p->lines = lines;
	p->nlines = nlines;
	p->locations = locations;
	return PP_OK;
}

static PpCode
name_frames(const PpReport *report, PpArena *arena, PpRender *out, PpError *err)
{
	PpGraph graph;
	PpFrame *frames = NULL;
	PpCode code = pp_graph_init(&graph, report, err);

	if (code == PP_OK)
	{
		out->p = pp_profile_share(report->p, arena);
		frames = pp_arena_array(arena, graph.nnodes, sizeof(PpFrame));
		if (out->p == NULL || frames == NULL)
			code = pp_fail_nomem(err);
	}
	if (code == PP_OK && (code = name_functions(out->p, &graph, frames, arena, err)) == PP_OK)
		code = name_lines(out->p, &graph, arena, err);
	pp_graph_clear(&graph);
	out->frames = report->options->granularity == PP_BY_FUNCTIONS ? NULL : frames;
	return code;
}

PpCode
pp_render_prepare(const PpProfile *p, PpBytes sample_type, const PpReportOptions *options,
				  const PpSearch *search, PpArena *arena, PpRender *out, PpError *err)
{
	PpReportOptions by = *options;
	PpReport report;
	PpCode code = check_options(options, err);

	memset(out, 0, sizeof(*out));
	out->drop_negative = options->drop_negative;
	if (sample_type.len > 0)
		by.sample_index = sample_type;
	if (code != PP_OK || (code = pp_profile_column(p, by.sample_index, &out->column, err)) != PP_OK)
		return code;
	if (!changes_frames(options))
	{
		out->p = pp_profile_share(p, arena);
		return out->p == NULL ? pp_fail_nomem(err) : PP_OK;
	}
	code = pp_report_prepare(&report, p, &by, search, false, arena, err);
	if (code == PP_OK)
		code = name_frames(&report, arena, out, err);
	pp_report_end(&report);
	return code;
}

PpCode
pp_render_tree(const PpRender *render, const PpAlloc *alloc, PpFlameRules rules, PpTree **tree,
			   PpError *err)
{
	PpCode code;

	*tree = pp_tree_new(alloc, rules);
	if (*tree == NULL)
		return pp_fail_nomem(err);
	code = pp_tree_add_profile(*tree, render->p, render->column, err);
	if (code != PP_OK)
	{
		pp_tree_free(*tree);
		*tree = NULL;
	}
	else if (render->drop_negative)
		pp_tree_clip(*tree);
	return code;
}
