/*
 * pp_callgrind.c
 *		-callgrind: all nodes and calls in the format of that tool, for KCachegrind.
 *
 * Names may hold anything, newlines too, and are printed as they are.
 */
#include "core/pp_call_tree.h"
#include "core/pp_report_graph.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define POLL_EVERY 4096				  /* nodes between two looks at poll() */
#define POLL_WORK  ((size_t) 4 << 20) /* bytes of names, likewise: a node may call very many */

/* Nodes of one file and name belong to several functions: which of how many. */
typedef struct Function
{
	uint32_t node; /* the first listed of it */
	uint32_t index, group;
} Function;

typedef struct Writer
{
	PpReport report;
	PpGraph graph;
	PpCallTree tree; /* built if the options say call_tree */
	PpBuf *out, scratch;
	size_t work; /* bytes of names since the last look at poll() */

	/* numbers given so far to names, from 1; 0 for none */
	PpNames objects, files, names;

	PpTable function_table, group_table;
	uint32_t nfunctions;
	Function *functions; /* in order of appearance */
	uint32_t ngroups;
	uint32_t *group_node, *group_size; /* a node of it, how many functions */
	uint32_t *function;				   /* by node; PP_NONE if it is not listed */
} Writer;

/* --- functions that share a name --- */

static bool
same_name(const PpGraphNode *a, const PpGraphNode *b)
{
	return a->file == b->file && a->name == b->name;
}

/* Callers make different functions of what looks alike in a tree. */
static uint32_t
parent_of(const Writer *w, uint32_t node)
{
	return w->tree.graph != NULL ? w->tree.parent[node] : PP_NONE;
}

/* A node without address and line is a function of its own column. */
static int64_t
column_of(const PpGraphNode *node)
{
	return node->address == 0 && node->line == 0 ? node->column : 0;
}

static bool
same_function(const Writer *w, uint32_t a, uint32_t b)
{
	const PpGraphNode *x = &w->graph.nodes[a], *y = &w->graph.nodes[b];

	return same_name(x, y) && x->start_line == y->start_line && x->object == y->object &&
		   column_of(x) == column_of(y) && parent_of(w, a) == parent_of(w, b);
}

static uint64_t
hash_name(const Writer *w, const PpGraphNode *node)
{
	return pp_table_mix(w->graph.names.seed, (uint64_t) node->file << 32 | node->name);
}

static PpCode
find_group(Writer *w, uint32_t node, uint32_t *id, PpError *err)
{
	const PpGraphNode *nodes = w->graph.nodes;
	uint32_t hash = pp_table_fold(hash_name(w, &nodes[node]));
	size_t at = pp_table_first(&w->group_table, hash);

	while ((*id = pp_table_next(&w->group_table, hash, &at)) != PP_NONE)
		if (same_name(&nodes[w->group_node[*id]], &nodes[node]))
			return PP_OK;
	if (!pp_table_reserve(&w->group_table, w->out->alloc))
		return pp_fail_nomem(err);
	*id = w->ngroups++;
	w->group_node[*id] = node;
	w->group_size[*id] = 0;
	pp_table_insert(&w->group_table, hash, *id);
	return PP_OK;
}

static PpCode
find_function(Writer *w, uint32_t node, PpError *err)
{
	const PpGraphNode *info = &w->graph.nodes[node];
	uint64_t h = pp_table_mix(hash_name(w, info), (uint64_t) info->start_line);
	uint32_t hash =
		pp_table_fold(pp_table_mix(h, (uint64_t) info->object << 32 | parent_of(w, node)));
	size_t at = pp_table_first(&w->function_table, hash);
	uint32_t id;
	Function *function;
	PpCode code;

	while ((id = pp_table_next(&w->function_table, hash, &at)) != PP_NONE)
		if (same_function(w, w->functions[id].node, node))
		{
			w->function[node] = id;
			return PP_OK;
		}
	if (!pp_table_reserve(&w->function_table, w->out->alloc))
		return pp_fail_nomem(err);
	id = w->nfunctions++;
	function = &w->functions[id];
	function->node = node;
	if ((code = find_group(w, node, &function->group, err)) != PP_OK)
		return code;
	function->index = ++w->group_size[function->group];
	w->function[node] = id;
	pp_table_insert(&w->function_table, hash, id);
	return PP_OK;
}

static PpCode
find_functions(Writer *w, PpError *err)
{
	const PpGraph *g = &w->graph;
	PpArena *arena = w->report.arena;

	w->functions = pp_arena_array(arena, g->nlisted, sizeof(*w->functions));
	w->group_node = pp_arena_array(arena, g->nlisted, sizeof(uint32_t));
	w->group_size = pp_arena_array(arena, g->nlisted, sizeof(uint32_t));
	w->function = pp_arena_array(arena, g->nnodes, sizeof(uint32_t));
	if (w->functions == NULL || w->group_node == NULL || w->group_size == NULL || w->function == NULL)
		return pp_fail_nomem(err);
	memset(w->function, 0xFF, g->nnodes * sizeof(uint32_t)); /* PP_NONE */
	for (uint32_t i = 0; i < g->nlisted; i++)
	{
		PpCode code = find_function(w, g->listed[i], err);

		if (code == PP_OK && i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(w->out->alloc))
			code = pp_fail_canceled(err);
		if (code != PP_OK)
			return code;
	}
	return PP_OK;
}

/* --- text --- */

/* "(3) name" the first time, then "(3)"; nothing for the empty name. */
static PpCode
write_name(Writer *w, PpNames *known, const char *field, PpBytes name, PpError *err)
{
	uint32_t before = known->n, id;
	PpCode code = PP_OK;

	w->work += name.len + 1;
	if (w->work > POLL_WORK)
	{
		w->work = 0;
		if (pp_poll(w->out->alloc))
			return pp_fail_canceled(err);
	}
	pp_buf_text(w->out, field);
	if (name.len > 0 && (code = pp_names_intern(known, name, &id, err)) == PP_OK)
	{
		pp_buf_printf(w->out, "(%u)", id + 1);
		if (known->n > before)
		{
			pp_buf_char(w->out, ' ');
			pp_buf_bytes(w->out, name);
		}
	}
	pp_buf_char(w->out, '\n');
	return code;
}

/* Relative to the node before where that is shorter. */
static void
write_address(Writer *w, const PpGraphNode *before, uint64_t address)
{
	char absolute[24], relative[24];
	int64_t difference;

	snprintf(absolute, sizeof(absolute), "0x%" PRIx64, address);
	if (before == NULL)
	{
		pp_buf_text(w->out, absolute);
		return;
	}
	difference = (int64_t) (address - before->address);
	snprintf(relative, sizeof(relative), "%+" PRId64, difference);
	pp_buf_text(w->out,
				difference == 0						  ? "*"
				: strlen(relative) < strlen(absolute) ? relative
													  : absolute);
}

/* The whole part in the unit of the report. */
static PpCode
write_value(Writer *w, int64_t value, PpError *err)
{
	PpBytes unit;
	double scaled = pp_measure_scale(value, pp_report_sample_unit(&w->report), w->report.unit, &unit);

	if (!pp_double_to_int64(scaled, &value))
		return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "scaled value is out of range for bigint");
	pp_buf_printf(w->out, "%" PRId64 "\n", value);
	return PP_OK;
}

/* The name of a callee, with what tells functions of one name apart. */
static PpCode
write_callee(Writer *w, uint32_t callee, PpError *err)
{
	const PpGraph *g = &w->graph;
	const Function *function;
	PpCode code;

	if (w->function[callee] == PP_NONE) /* not listed */
		return write_name(w, &w->names, "cfn=", (PpBytes){"", 0}, err);
	function = &w->functions[w->function[callee]];
	w->scratch.len = 0;
	pp_buf_bytes(&w->scratch, g->names.names[g->nodes[callee].name]);
	if (w->group_size[function->group] > 1)
		pp_buf_printf(&w->scratch, " [%u/%u]", function->index, w->group_size[function->group]);
	code = pp_buf_check(&w->scratch, err);
	if (code != PP_OK)
		return code;
	return write_name(w, &w->names, "cfn=", (PpBytes){w->scratch.data, (uint32_t) w->scratch.len}, err);
}

/* Weights are never divided for a mean. */
static PpCode
write_call(Writer *w, const PpGraphNode *before, const PpGraphEdge *edge, PpError *err)
{
	const PpGraph *g = &w->graph;
	const PpGraphNode *callee = &g->nodes[edge->to];
	PpCode code = write_name(w, &w->files, "cfl=", g->names.names[callee->file], err);

	if (code != PP_OK || (code = write_callee(w, edge->to, err)) != PP_OK)
		return code;
	pp_buf_text(w->out, "calls=0 ");
	write_address(w, before, callee->address);
	pp_buf_printf(w->out, " %" PRId64 "\n* * ", callee->line);
	return write_value(w, edge->weight, err);
}

static PpCode
write_node(Writer *w, const PpGraphNode *before, uint32_t id, PpError *err)
{
	const PpGraph *g = &w->graph;
	const PpGraphNode *node = &g->nodes[id];
	PpCode code;

	if (before == NULL || before->object != node->object || !same_name(before, node))
	{
		pp_buf_char(w->out, '\n');
		if ((code = write_name(w, &w->objects, "ob=", g->names.names[node->object], err)) != PP_OK ||
			(code = write_name(w, &w->files, "fl=", g->names.names[node->file], err)) != PP_OK ||
			(code = write_name(w, &w->names, "fn=", g->names.names[node->name], err)) != PP_OK)
			return code;
	}
	write_address(w, before, node->address);
	pp_buf_printf(w->out, " %" PRId64 " ", node->line);
	if ((code = write_value(w, pp_graph_flat(node), err)) != PP_OK)
		return code;
	for (uint32_t i = g->first_out[id]; i < g->first_out[id + 1]; i++)
		if ((code = write_call(w, before, &g->edges[g->out[i]], err)) != PP_OK)
			return code;
	return PP_OK;
}

static PpCode
write_nodes(Writer *w, PpError *err)
{
	const PpGraph *g = &w->graph;
	PpBuf *out = w->out;

	pp_buf_text(out, "positions: instr line\nevents: ");
	pp_buf_text(out, w->report.options->mean ? "mean_" : "");
	pp_buf_bytes(out, pp_str(w->report.p, w->report.p->types[w->report.column].type));
	pp_buf_char(out, '(');
	pp_buf_bytes(out, w->report.unit);
	pp_buf_text(out, ")\n");
	for (uint32_t i = 0; i < g->nlisted; i++)
	{
		const PpGraphNode *before = i > 0 ? &g->nodes[g->listed[i - 1]] : NULL;
		PpCode code = write_node(w, before, g->listed[i], err);

		if (code == PP_OK && i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(out->alloc))
			code = pp_fail_canceled(err);
		if (code != PP_OK)
			return code;
	}
	return PP_OK;
}

static PpCode
build(Writer *w, PpError *err)
{
	PpGraph *g = &w->graph;
	bool cum = w->report.options->cum;
	PpCode code = pp_graph_init(g, &w->report, err);

	if (code != PP_OK)
		return code;
	code =
		w->report.options->call_tree ? pp_call_tree_build(&w->tree, g, err) : pp_graph_full(g, err);
	if (code != PP_OK ||
		(code = pp_graph_sort(g, cum ? pp_graph_cmp_cum : pp_graph_cmp_flat, err)) != PP_OK ||
		(code = pp_graph_link(g, err)) != PP_OK ||
		(code = pp_report_choose_unit(&w->report, g, true, err)) != PP_OK)
		return code;
	return find_functions(w, err);
}

PpCode
pp_callgrind_text(const PpProfile *p, const PpReportOptions *options, const PpSearch *search,
				  PpArena *arena, PpBuf *out, PpError *err)
{
	Writer w = {.out = out};
	PpCode code = pp_report_prepare(&w.report, p, options, search, PP_REPORT_CALLGRIND, arena, err);

	pp_buf_init(&w.scratch, out->alloc);
	pp_names_init(&w.objects, out->alloc);
	pp_names_init(&w.files, out->alloc);
	pp_names_init(&w.names, out->alloc);
	if (code == PP_OK && (code = build(&w, err)) == PP_OK)
		code = write_nodes(&w, err);
	pp_call_tree_clear(&w.tree);
	if (w.graph.report != NULL)
		pp_graph_clear(&w.graph);
	pp_table_free(&w.function_table, out->alloc);
	pp_table_free(&w.group_table, out->alloc);
	pp_names_clear(&w.objects);
	pp_names_clear(&w.files);
	pp_names_clear(&w.names);
	pp_buf_free(&w.scratch);
	pp_report_end(&w.report);
	return code != PP_OK ? code : pp_buf_check(out, err);
}
