/*
 * pp_dot.c
 *		-dot: the call graph in the language of Graphviz.
 *
 * The tool escapes only the names of functions.  Here everything that comes from
 * a profile is escaped, so that no label or unit can write attributes, which
 * might be links where the graph becomes a page.
 */
#include "core/pp_dot_impl.h"

#include "core/pp_dot_text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define POLL_EVERY 4096 /* nodes or edges between two looks at poll() */

typedef struct Writer
{
	PpDotGraph *dot;
	PpBuf *out;
	PpBuf number;
	uint32_t *place; /* by node: where it is listed, counted from 1; else 0 */
	bool *boxed;	 /* by place: has label boxes */
	double largest;	 /* flat of all listed */
} Writer;

PpCode
pp_dot_number(const PpReport *r, int64_t value, PpBuf *out, PpError *err)
{
	PpBuf text;
	PpCode code;

	pp_buf_init(&text, out->alloc);
	code = pp_report_number(r, &text, value, 0, err);
	if (code == PP_OK)
		code = pp_buf_check(&text, err);
	if (code == PP_OK)
		pp_dot_escape(out, (PpBytes){text.data, (uint32_t) text.len});
	pp_buf_free(&text);
	return code;
}

/* --- what stands above the graph --- */

static PpCode
write_legend(Writer *w, PpBytes title, PpError *err)
{
	const PpGraphHeader header = {.profile = true, .dropped_edges = w->dot->graph.dropped_edges};
	size_t first;
	PpBuf lines;
	PpCode code;

	pp_buf_init(&lines, w->out->alloc);
	code = pp_report_graph_header(&w->dot->report, &w->dot->graph, &header, &lines, &first, err);
	pp_buf_text(&lines, "\nSee https://git.io/JfYMW for how to read the graph\n");
	if (code == PP_OK)
		code = pp_buf_check(&lines, err);
	if (code == PP_OK)
	{
		if (first == 0) /* nothing is known of the profile, or it is an empty comment */
			first = (size_t) ((char *) memchr(lines.data, '\n', lines.len) - lines.data);
		pp_buf_text(w->out, "subgraph cluster_L { \"");
		pp_dot_escape(w->out, (PpBytes){lines.data, (uint32_t) first});
		pp_buf_text(w->out, "\" [shape=box fontsize=16 label=\"");
		pp_dot_escape(w->out, (PpBytes){lines.data, (uint32_t) lines.len});
		pp_buf_char(w->out, '"');
		if (title.len > 0)
		{
			pp_buf_text(w->out, " tooltip=\"");
			pp_dot_escape(w->out, title);
			pp_buf_char(w->out, '"');
		}
		pp_buf_text(w->out, "] }\n");
	}
	pp_buf_free(&lines);
	return code;
}

/* The base name of the program. */
static PpBytes
title_of(const PpProfile *p)
{
	PpBytes file = {"", 0};

	if (p->nmappings > 0)
		file = pp_str(p, p->mappings[0].filename);
	return file.len > 0 ? pp_report_base_name(file) : file;
}

static PpCode
write_start(Writer *w, PpError *err)
{
	PpBytes title = title_of(w->dot->report.p);

	pp_buf_text(w->out, "digraph \"");
	pp_dot_escape(w->out, title.len > 0 ? title : pp_bytes_cstr("unnamed"));
	pp_buf_text(w->out, "\" {\nnode [style=filled fillcolor=\"#f8f8f8\"]\n");
	return write_legend(w, title, err);
}

/* --- nodes --- */

/* Address, short name and position, a line each. */
static PpCode
write_name(Writer *w, const PpGraphNode *node, PpError *err)
{
	const PpGraph *g = &w->dot->graph;
	PpBytes file = g->names.names[node->file], object = g->names.names[node->object];
	PpBuf *out = w->out;
	size_t before;
	bool named;
	PpCode code;

	if (node->address != 0)
		pp_buf_printf(out, "%016" PRIx64 "\\n", node->address);
	before = out->len;
	if ((code = pp_dot_function(out, g->names.names[node->name], w->dot->report.arena, err)) != PP_OK)
		return code;
	named = out->len > before;
	if (named)
		pp_buf_text(out, "\\n");
	if (file.len > 0)
		file = pp_report_base_name(file);
	if (node->line != 0)
	{
		pp_dot_escape(out, file);
		pp_buf_printf(out, ":%" PRId64, node->line);
		if (node->column != 0)
			pp_buf_printf(out, ":%" PRId64, node->column);
	}
	else if (file.len > 0)
		pp_dot_escape(out, file);
	else if (named)
		return PP_OK;
	else if (object.len > 0)
	{
		pp_buf_char(out, '[');
		pp_dot_escape(out, pp_report_base_name(object));
		pp_buf_char(out, ']');
	}
	else
		pp_buf_text(out, "<unknown>");
	pp_buf_text(out, "\\n");
	return PP_OK;
}

/* 30ms (12.00%); the number stays in w->number */
static PpCode
write_share(Writer *w, int64_t value, PpError *err)
{
	char percentage[PP_PERCENTAGE_SIZE];
	PpCode code;

	w->number.len = 0;
	if ((code = pp_dot_number(&w->dot->report, value, &w->number, err)) != PP_OK)
		return code;
	pp_measure_percentage(percentage, value, w->dot->report.total);
	pp_buf_append(w->out, w->number.data, w->number.len);
	pp_buf_printf(w->out, " (%s)", percentage + strspn(percentage, " "));
	return PP_OK;
}

/* Flat and cum; cum is what stays in w->number. */
static PpCode
write_values(Writer *w, int64_t flat, int64_t cum, PpError *err)
{
	PpCode code = PP_OK;

	w->number.len = 0;
	if (flat != 0)
		code = write_share(w, flat, err);
	else
	{
		pp_buf_char(w->out, '0');
		code = pp_dot_number(&w->dot->report, 0, &w->number, err);
	}
	if (code != PP_OK || cum == flat)
		return code;
	pp_buf_text(w->out, flat != 0 ? "\\nof " : " of ");
	return write_share(w, cum, err);
}

/* The larger the flat, but not in proportion. */
static int
font_size(const Writer *w, int64_t flat)
{
	if (flat == 0)
		return 8;
	return 8 + (int) ceil(16.0 * sqrt((double) pp_graph_absolute(flat) / w->largest));
}

static double
share_of_total(const Writer *w, int64_t value)
{
	return (double) value / (double) pp_graph_absolute(w->dot->report.total);
}

static PpCode
write_node(Writer *w, uint32_t place, PpError *err)
{
	const PpGraphNode *node = &w->dot->graph.nodes[w->dot->graph.listed[place]];
	int64_t flat = pp_graph_flat(node), cum = pp_graph_cum(node);
	PpBuf *out = w->out;
	PpCode code;

	pp_buf_printf(out, "N%u [label=\"", place + 1);
	if ((code = write_name(w, node, err)) != PP_OK ||
		(code = write_values(w, flat, cum, err)) != PP_OK)
		return code;
	pp_buf_printf(out,
				  "\" id=\"node%u\" fontsize=%d shape=box tooltip=\"",
				  place + 1,
				  font_size(w, flat));
	pp_dot_escape(out, node->printed);
	pp_buf_text(out, " (");
	pp_buf_append(out, w->number.data, w->number.len);
	pp_buf_text(out, ")\" color=\"");
	pp_dot_color(out, share_of_total(w, cum), false);
	pp_buf_text(out, "\" fillcolor=\"");
	pp_dot_color(out, share_of_total(w, cum), true);
	pp_buf_text(out, "\"]\n");
	return pp_dot_boxes(w->dot, place, out, &w->boxed[place], err);
}

static PpCode
write_nodes(Writer *w, PpError *err)
{
	const PpGraph *g = &w->dot->graph;

	w->largest = 0;
	for (uint32_t i = 0; i < g->nlisted; i++)
	{
		double flat = (double) pp_graph_absolute(pp_graph_flat(&g->nodes[g->listed[i]]));

		w->place[g->listed[i]] = i + 1;
		if (flat > w->largest)
			w->largest = flat;
	}
	for (uint32_t i = 0; i < g->nlisted; i++)
	{
		PpCode code = write_node(w, i, err);

		if (code == PP_OK && i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(w->out->alloc))
			code = pp_fail_canceled(err);
		if (code != PP_OK)
			return code;
	}
	return PP_OK;
}

/* --- edges --- */

/* 1 and so many parts of the total as the edge has, at most `parts` */
static int
parts_of_total(const Writer *w, int64_t weight, int parts)
{
	__int128 n = (__int128) weight * parts / w->dot->report.total;

	if (n < 0)
		n = -n;
	return 1 + (n > parts ? parts : (int) n);
}

static void
write_weight(Writer *w, int64_t weight)
{
	int importance, width;

	if (w->dot->report.total == 0)
		return;
	importance = parts_of_total(w, weight, 100);
	width = parts_of_total(w, weight, 5);
	if (importance > 1)
		pp_buf_printf(w->out, " weight=%d", importance);
	if (width > 1)
		pp_buf_printf(w->out, " penwidth=%d", width);
	pp_buf_text(w->out, " color=\"");
	pp_dot_color(w->out, share_of_total(w, weight), false);
	pp_buf_char(w->out, '"');
}

static void
write_tooltip(Writer *w, const char *attribute, const PpGraphEdge *edge)
{
	const PpGraphNode *nodes = w->dot->graph.nodes;

	pp_buf_printf(w->out, " %s=\"", attribute);
	pp_dot_escape(w->out, nodes[edge->from].printed);
	pp_buf_text(w->out, edge->residual ? " ... " : " -> ");
	pp_dot_escape(w->out, nodes[edge->to].printed);
	pp_buf_text(w->out, " (");
	pp_buf_append(w->out, w->number.data, w->number.len);
	pp_buf_text(w->out, ")\"");
}

static PpCode
write_edge(Writer *w, const PpGraphEdge *edge, PpError *err)
{
	int64_t weight = pp_graph_mean(edge->weight, edge->divisor);
	uint32_t from = w->place[edge->from];
	PpCode code;

	w->number.len = 0;
	if ((code = pp_dot_number(&w->dot->report, weight, &w->number, err)) != PP_OK)
		return code;
	pp_buf_printf(w->out, "N%u -> N%u [label=\" ", from, w->place[edge->to]);
	pp_buf_append(w->out, w->number.data, w->number.len);
	pp_buf_text(w->out, edge->inlined ? "\\n (inline)\"" : "\"");
	write_weight(w, weight);
	write_tooltip(w, "tooltip", edge);
	write_tooltip(w, "labeltooltip", edge);
	if (edge->residual)
		pp_buf_text(w->out, " style=\"dotted\"");
	if (w->boxed[from - 1])
		pp_buf_text(w->out, " minlen=2"); /* leave room for the boxes */
	pp_buf_text(w->out, "]\n");
	return PP_OK;
}

/* Calls from all listed nodes, heaviest first; callees may not be listed. */
static PpCode
write_edges(Writer *w, PpError *err)
{
	const PpGraph *g = &w->dot->graph;
	PpCode code = PP_OK;

	for (uint32_t i = 0; i < g->nlinked && code == PP_OK; i++)
	{
		const PpGraphEdge *edge = &g->edges[g->linked[i]];

		if (w->place[edge->from] != 0)
			code = write_edge(w, edge, err);
		if (code == PP_OK && i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(w->out->alloc))
			code = pp_fail_canceled(err);
	}
	return code;
}

static PpCode
write_graph(PpDotGraph *dot, PpBuf *out, PpError *err)
{
	Writer w = {.dot = dot, .out = out};
	PpCode code;

	w.place = pp_arena_zalloc(dot->report.arena, dot->graph.nnodes * sizeof(*w.place));
	w.boxed = pp_arena_zalloc(dot->report.arena, dot->graph.nlisted * sizeof(*w.boxed));
	if (w.place == NULL || w.boxed == NULL)
		return pp_fail_nomem(err);
	pp_buf_init(&w.number, out->alloc);
	if ((code = write_start(&w, err)) == PP_OK && (code = write_nodes(&w, err)) == PP_OK)
		code = write_edges(&w, err);
	pp_buf_text(out, "}\n");
	pp_buf_free(&w.number);
	return code;
}

PpCode
pp_dot_text(const PpProfile *p, const PpReportOptions *options, const PpSearch *search,
			PpArena *arena, PpBuf *out, PpError *err)
{
	PpDotGraph dot = {.graph = {0}};
	PpCode code = pp_report_prepare(&dot.report, p, options, search, PP_REPORT_PLAIN, arena, err);

	if (code == PP_OK)
	{
		pp_report_trim(&dot.report, options->trim, PP_DEFAULT_NODECOUNT);
		code = pp_dot_graph_build(&dot, err);
	}
	if (code == PP_OK)
		code = pp_report_choose_unit(&dot.report, &dot.graph, false, err);
	if (code == PP_OK)
		code = write_graph(&dot, out, err);
	pp_dot_graph_clear(&dot);
	pp_report_end(&dot.report);
	return code != PP_OK ? code : pp_buf_check(out, err);
}
