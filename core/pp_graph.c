/*
 * pp_graph.c
 *		Nodes, edges and their values.
 *
 * Nodes are made once, per line of each location; adding up values then is a
 * walk over numbers, which trimming repeats with fewer nodes.
 */
#include "core/pp_graph.h"

#include "core/pp_sort.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define POLL_EVERY 4096 /* samples between two looks at poll() */

/* Room for one more element; doubling. */
static void *
grow(const PpAlloc *alloc, void *array, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t bigger = *cap == 0 ? 64 : *cap * 2;

	if (n < *cap)
		return array;
	if (*cap > UINT32_MAX / 4)
		return NULL;
	array = alloc->resize(alloc->ctx, array, bigger * size);
	if (array != NULL)
		*cap = bigger;
	return array;
}

/* a//b/./../c -> a/c, by text alone; "." for nothing. */
static PpBytes
clean_path(PpBytes path, char *to)
{
	bool rooted = path.len > 0 && path.data[0] == '/';
	uint32_t n = rooted ? 1 : 0, i = n;
	uint32_t floor = n; /* ".." cannot go above this */

	if (rooted)
		to[0] = '/';
	while (i < path.len)
	{
		uint32_t start = i, len;

		while (i < path.len && path.data[i] != '/')
			i++;
		len = i - start;
		if (i < path.len)
			i++;
		if (len == 0 || (len == 1 && path.data[start] == '.'))
			continue;
		if (len == 2 && memcmp(path.data + start, "..", 2) == 0)
		{
			if (n > floor)
			{
				for (n--; n > floor && to[n] != '/';)
					n--;
				continue;
			}
			if (rooted)
				continue;
			if (n > 0)
				to[n++] = '/';
			memcpy(to + n, "..", 2);
			n += 2;
			floor = n;
			continue;
		}
		if (n > (rooted ? 1u : 0u))
			to[n++] = '/';
		memcpy(to + n, path.data + start, len);
		n += len;
	}
	if (n == 0)
		to[n++] = '.';
	return (PpBytes){to, n};
}

static PpCode
intern_file(PpGraph *g, PpBytes path, uint32_t *id, PpError *err)
{
	static const char *const prefixes[] = {"/proc/self/cwd/./", "/proc/self/cwd/"};
	char *buffer;

	if (path.len == 0)
		return pp_names_intern(&g->names, path, id, err);
	for (size_t i = 0; i < 2; i++)
	{
		uint32_t len = (uint32_t) strlen(prefixes[i]);

		if (path.len >= len && memcmp(path.data, prefixes[i], len) == 0)
		{
			path.data += len;
			path.len -= len;
			break;
		}
	}
	if ((buffer = pp_arena_alloc(g->report->arena, (size_t) path.len + 1)) == NULL)
		return pp_fail_nomem(err);
	return pp_names_intern(&g->names, clean_path(path, buffer), id, err);
}

static PpBytes
last_element(PpBytes path)
{
	uint32_t start;

	while (path.len > 1 && path.data[path.len - 1] == '/')
		path.len--;
	start = path.len;
	while (start > 0 && path.data[start - 1] != '/')
		start--;
	return (PpBytes){path.data + start, path.len - start};
}

/* Address, name and position, joined by blanks. */
static PpCode
print_name(PpGraph *g, PpGraphNode *node, PpError *err)
{
	PpArena *arena = g->report->arena;
	PpBytes name = g->names.names[node->name];
	PpBytes file = g->names.names[node->file];
	PpBytes object = g->names.names[node->object];
	PpBuf text;
	PpCode code;

	pp_buf_init(&text, pp_arena_allocator(arena));
	if (node->address != 0)
		pp_buf_printf(&text, "%016" PRIx64, node->address);
	if (name.len > 0)
	{
		pp_buf_text(&text, text.len > 0 ? " " : "");
		pp_buf_bytes(&text, name);
	}
	if (node->line != 0 || file.len > 0 || name.len == 0)
		pp_buf_text(&text, text.len > 0 ? " " : "");
	if (node->line != 0)
	{
		pp_buf_bytes(&text, file);
		pp_buf_printf(&text, ":%" PRId64, node->line);
		if (node->column != 0)
			pp_buf_printf(&text, ":%" PRId64, node->column);
	}
	else if (file.len > 0)
		pp_buf_bytes(&text, file);
	else if (name.len > 0)
		;
	else if (object.len > 0)
	{
		pp_buf_char(&text, '[');
		pp_buf_bytes(&text, last_element(object));
		pp_buf_char(&text, ']');
	}
	else
		pp_buf_text(&text, "<unknown>");
	code = pp_buf_check(&text, err);
	if (code == PP_OK)
	{
		node->printed = (PpBytes){pp_arena_copy(arena, text.data, text.len), (uint32_t) text.len};
		if (node->printed.data == NULL)
			code = pp_fail_nomem(err);
	}
	pp_buf_free(&text);
	return code;
}

static bool
same_node(const PpGraphNode *a, const PpGraphNode *b)
{
	return a->name == b->name && a->file == b->file && a->object == b->object &&
		   a->address == b->address && a->start_line == b->start_line && a->line == b->line &&
		   a->column == b->column;
}

static PpCode
intern_node(PpGraph *g, PpGraphNode *new, uint32_t *id, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(g->report->arena);
	PpGraphNode *nodes;
	uint64_t h = g->names.seed;
	uint32_t hash;
	size_t at;
	PpCode code;

	h = pp_table_mix(h, (uint64_t) new->name << 32 | new->file);
	h = pp_table_mix(h, new->address);
	h = pp_table_mix(h, (uint64_t) new->line ^ (uint64_t) new->object << 32);
	h = pp_table_mix(h, (uint64_t) new->column);
	h = pp_table_mix(h, (uint64_t) new->start_line);
	hash = pp_table_fold(h);
	at = pp_table_first(&g->node_table, hash);
	while ((*id = pp_table_next(&g->node_table, hash, &at)) != PP_NONE)
		if (same_node(&g->nodes[*id], new))
			return PP_OK;
	nodes = grow(alloc, g->nodes, g->nnodes, &g->cap_nodes, sizeof(*nodes));
	if (nodes == NULL)
		return pp_fail_nomem(err);
	g->nodes = nodes;
	if (!pp_table_reserve(&g->node_table, alloc))
		return pp_fail_nomem(err);
	if ((code = print_name(g, new, err)) != PP_OK)
		return code;
	*id = g->nnodes++;
	g->nodes[*id] = *new;
	pp_table_insert(&g->node_table, hash, *id);
	return PP_OK;
}

/* Ids of a function's name and cleaned file, found once per function. */
typedef struct FunctionIds
{
	uint32_t name, file; /* PP_NONE: not looked up */
} FunctionIds;

static PpCode
node_of_line(PpGraph *g, const PpLocation *loc, const PpLine *line, FunctionIds *ids, uint32_t *id,
			 PpError *err)
{
	const PpProfile *p = g->report->p;
	PpGraphNode node = {.address = loc->address};
	PpBytes object = {"", 0};
	bool named = false; /* strings 0 are the empty ones */
	PpCode code;

	if (loc->mapping != PP_NONE)
		object = pp_str(p, p->mappings[loc->mapping].filename);
	if (line != NULL)
	{
		const PpFunction *function = &p->functions[line->function];
		FunctionIds *known = &ids[line->function];

		if (known->name == PP_NONE &&
			((code = pp_names_intern(&g->names, pp_str(p, function->name), &known->name, err)) !=
				 PP_OK ||
			 (code = intern_file(g, pp_str(p, function->filename), &known->file, err)) != PP_OK))
			return code;
		node.name = known->name;
		node.file = known->file;
		node.line = line->line;
		node.column = line->column;
		named = node.name != 0 || (g->report->join_files && node.file != 0);
		node.start_line = named ? 0 : function->start_line;
	}
	if (!named && (code = pp_names_intern(&g->names, object, &node.object, err)) != PP_OK)
		return code;
	return intern_node(g, &node, id, err);
}

static PpCode
make_nodes(PpGraph *g, PpError *err)
{
	PpArena *arena = g->report->arena;
	const PpProfile *p = g->report->p;
	FunctionIds *ids = pp_arena_array(arena, p->nfunctions, sizeof(*ids));
	size_t total = 0;
	uint32_t n = 0;
	PpCode code;

	for (uint32_t i = 0; i < p->nlocations; i++)
		total += p->locations[i].nlines > 0 ? p->locations[i].nlines : 1;
	if (total >= UINT32_MAX)
		return pp_fail_limit(err, PP_NO_OFFSET, NULL, UINT32_MAX, "profile has too many lines");
	g->location_nodes = pp_arena_array(arena, total, sizeof(uint32_t));
	g->first_node = pp_arena_array(arena, (size_t) p->nlocations + 1, sizeof(uint32_t));
	if (ids == NULL || g->location_nodes == NULL || g->first_node == NULL)
		return pp_fail_nomem(err);
	memset(ids, 0xFF, p->nfunctions * sizeof(*ids));
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		const PpLocation *loc = &p->locations[i];
		const PpLine *lines = loc->nlines > 0 ? p->lines + loc->line_off : NULL;

		g->first_node[i] = n;
		for (uint32_t k = 0; k == 0 || k < loc->nlines; k++)
			if ((code = node_of_line(g,
									 loc,
									 lines == NULL ? NULL : &lines[k],
									 ids,
									 &g->location_nodes[n++],
									 err)) != PP_OK)
				return code;
		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(pp_arena_allocator(arena)))
			return pp_fail_canceled(err);
	}
	g->first_node[p->nlocations] = n;
	return PP_OK;
}

PpCode
pp_graph_init(PpGraph *g, const PpReport *report, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(report->arena);
	PpBytes empty = {"", 0};
	uint32_t id;
	PpCode code;

	memset(g, 0, sizeof(*g));
	g->report = report;
	pp_names_init(&g->names, alloc);
	pp_buf_init(&g->identity[0], alloc);
	pp_buf_init(&g->identity[1], alloc);
	if ((code = pp_names_intern(&g->names, empty, &id, err)) != PP_OK)
		return code;
	return make_nodes(g, err);
}

void
pp_graph_clear(PpGraph *g)
{
	const PpAlloc *alloc = pp_arena_allocator(g->report->arena);

	pp_names_clear(&g->names);
	pp_table_free(&g->node_table, alloc);
	pp_table_free(&g->edge_table, alloc);
	if (g->nodes != NULL)
		alloc->release(alloc->ctx, g->nodes);
	if (g->edges != NULL)
		alloc->release(alloc->ctx, g->edges);
	pp_buf_free(&g->identity[0]);
	pp_buf_free(&g->identity[1]);
	g->nodes = NULL;
	g->edges = NULL;
}

static bool
add(int64_t *sum, int64_t value)
{
	return !__builtin_add_overflow(*sum, value, sum);
}

/* Value and divisor of the sample being added. */
typedef struct Weight
{
	uint32_t stamp; /* sample + 1 */
	int64_t value, divisor;
} Weight;

static PpCode
add_edge(PpGraph *g, uint32_t from, uint32_t to, Weight w, bool residual, bool inlined, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(g->report->arena);
	uint32_t hash = pp_table_fold(pp_table_mix(g->names.seed, (uint64_t) from << 32 | to));
	size_t at = pp_table_first(&g->edge_table, hash);
	PpGraphEdge *edges;
	uint32_t i;

	while ((i = pp_table_next(&g->edge_table, hash, &at)) != PP_NONE)
	{
		PpGraphEdge *edge = &g->edges[i];

		if (edge->from != from || edge->to != to)
			continue;
		if (edge->seen == w.stamp)
			return PP_OK;
		edge->seen = w.stamp;
		edge->residual = edge->residual || residual;
		edge->inlined = edge->inlined && inlined;
		if (!add(&edge->weight, w.value) || !add(&edge->divisor, w.divisor))
			return pp_fail(err,
						   PP_EOVERFLOW,
						   PP_NO_OFFSET,
						   "weight of a call is out of range for bigint");
		return PP_OK;
	}
	edges = grow(alloc, g->edges, g->nedges, &g->cap_edges, sizeof(*edges));
	if (edges == NULL)
		return pp_fail_nomem(err);
	g->edges = edges;
	if (!pp_table_reserve(&g->edge_table, alloc))
		return pp_fail_nomem(err);
	g->edges[g->nedges] =
		(PpGraphEdge){from, to, w.value, w.divisor, w.stamp, residual, inlined, false};
	pp_table_insert(&g->edge_table, hash, g->nedges++);
	return PP_OK;
}

static PpCode
fail_sum(PpError *err)
{
	return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of a frame is out of range for bigint");
}

/* From the root to the leaf, and within a location from the caller inwards. */
static PpCode
add_sample(PpGraph *g, const PpSample *sample, Weight w, PpError *err)
{
	const PpProfile *p = g->report->p;
	uint32_t parent = PP_NONE;
	bool residual = false;

	for (uint32_t i = sample->nlocs; i-- > 0;)
	{
		uint32_t loc = p->locrefs[sample->loc_off + i];
		uint32_t first = g->first_node[loc], end = g->first_node[loc + 1];

		for (uint32_t k = end; k-- > first;)
		{
			uint32_t id = g->location_nodes[k];
			PpGraphNode *node = &g->nodes[id];

			if (!node->kept)
			{
				residual = true;
				continue;
			}
			if (node->seen != w.stamp)
			{
				node->seen = w.stamp;
				if (!add(&node->cum, w.value) || !add(&node->cum_divisor, w.divisor))
					return fail_sum(err);
			}
			if (parent != PP_NONE && parent != id)
			{
				PpCode code = add_edge(g, parent, id, w, residual, k != end - 1, err);

				if (code != PP_OK)
					return code;
			}
			parent = id;
			residual = false;
		}
	}
	if (parent != PP_NONE && !residual &&
		(!add(&g->nodes[parent].flat, w.value) || !add(&g->nodes[parent].flat_divisor, w.divisor)))
		return fail_sum(err);
	return PP_OK;
}

/* Forget all values, then add up the samples over the kept nodes. */
static PpCode
add_samples(PpGraph *g, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(g->report->arena);
	const PpProfile *p = g->report->p;

	for (uint32_t i = 0; i < g->nnodes; i++)
	{
		PpGraphNode *node = &g->nodes[i];

		node->flat = node->flat_divisor = node->cum = node->cum_divisor = 0;
		node->seen = 0;
	}
	pp_table_free(&g->edge_table, alloc);
	g->nedges = 0;
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		Weight w = {i + 1, pp_report_value(g->report, i), pp_report_divisor(g->report, i)};
		PpCode code;

		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(alloc))
			return pp_fail_canceled(err);
		if (w.value == 0 && w.divisor == 0)
			continue;
		if ((code = add_sample(g, &p->samples[i], w, err)) != PP_OK)
			return code;
	}
	return PP_OK;
}

static void
list_nodes(PpGraph *g)
{
	bool drop_negative = g->report->options->drop_negative;

	g->nlisted = 0;
	for (uint32_t i = 0; i < g->nnodes; i++)
	{
		const PpGraphNode *node = &g->nodes[i];

		if (!node->kept || (node->cum == 0 && node->flat == 0))
			continue;
		if (drop_negative && (node->flat < 0 || (node->flat == 0 && node->cum < 0)))
			continue;
		g->listed[g->nlisted++] = i;
	}
}

static PpCode
sum_up(PpGraph *g, PpError *err)
{
	PpCode code = add_samples(g, err);

	if (code == PP_OK)
		list_nodes(g);
	return code;
}

/* Keep the first n listed nodes and no other. */
static void
keep_listed(PpGraph *g, uint32_t n)
{
	for (uint32_t i = 0; i < g->nnodes; i++)
		g->nodes[i].kept = false;
	for (uint32_t i = 0; i < n; i++)
		g->nodes[g->listed[i]].kept = true;
}

static uint64_t
absolute(int64_t value)
{
	return value < 0 ? -(uint64_t) value : (uint64_t) value;
}

/* |trunc(sum of flat * fraction)| */
static PpCode
cutoff(const PpGraph *g, double fraction, uint64_t *result, PpError *err)
{
	__int128 sum = 0;
	int64_t scaled;

	for (uint32_t i = 0; i < g->nlisted; i++)
		sum += g->nodes[g->listed[i]].flat;
	if (!pp_double_to_int64((double) sum * fraction, &scaled))
		return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "cutoff is out of range for bigint");
	*result = absolute(scaled);
	return PP_OK;
}

static PpCode
drop_small_nodes(PpGraph *g, uint64_t smallest, PpError *err)
{
	uint32_t kept = 0, before = g->nlisted;

	for (uint32_t i = 0; i < before; i++)
		if (absolute(g->nodes[g->listed[i]].cum) >= smallest)
			g->listed[kept++] = g->listed[i];
	g->dropped = before - kept;
	if (g->dropped == 0)
		return PP_OK;
	keep_listed(g, kept);
	return sum_up(g, err);
}

/* The last resort of the order: all of a node's fields as one text. */
static PpBytes
identity(const PpGraph *g, const PpGraphNode *node, int scratch)
{
	PpBuf *text = (PpBuf *) &g->identity[scratch];

	text->len = 0;
	pp_buf_char(text, '{');
	pp_buf_bytes(text, g->names.names[node->name]);
	pp_buf_printf(text, "  %" PRIu64 " ", node->address);
	pp_buf_bytes(text, g->names.names[node->file]);
	pp_buf_printf(text,
				  " %" PRId64 " %" PRId64 " %" PRId64 " ",
				  node->start_line,
				  node->line,
				  node->column);
	pp_buf_bytes(text, g->names.names[node->object]);
	pp_buf_char(text, '}');
	return (PpBytes){text->data, (uint32_t) text->len};
}

static int
cmp_larger(int64_t a, int64_t b)
{
	return absolute(a) > absolute(b) ? -1 : absolute(a) < absolute(b);
}

static int
cmp_nodes(const void *ctx, uint32_t a, uint32_t b)
{
	const PpGraph *g = ctx;
	const PpGraphNode *x = &g->nodes[a], *y = &g->nodes[b];
	bool cum = g->report->options->cum;
	int cmp = cum ? cmp_larger(x->cum, y->cum) : cmp_larger(x->flat, y->flat);

	if (cmp == 0)
		cmp = pp_bytes_cmp(x->printed, y->printed);
	if (cmp == 0)
		cmp = cum ? cmp_larger(x->flat, y->flat) : cmp_larger(x->cum, y->cum);
	if (cmp == 0 && a != b)
		cmp = pp_bytes_cmp(identity(g, x, 0), identity(g, y, 1));
	return cmp;
}

static PpCode
sort_nodes(PpGraph *g, PpError *err)
{
	PpCode code =
		pp_sort_indexes(g->listed, g->nlisted, cmp_nodes, g, pp_arena_allocator(g->report->arena), err);

	if (code == PP_OK && (g->identity[0].failed || g->identity[1].failed))
		code = pp_fail_nomem(err);
	return code;
}

/* Light edges into listed nodes. */
static PpCode
trim_edges(PpGraph *g, uint64_t smallest, PpError *err)
{
	bool *listed = pp_arena_zalloc(g->report->arena, g->nnodes * sizeof(*listed));

	if (listed == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < g->nlisted; i++)
		listed[g->listed[i]] = true;
	for (uint32_t i = 0; i < g->nedges; i++)
		g->edges[i].trimmed = listed[g->edges[i].to] && absolute(g->edges[i].weight) < smallest;
	return PP_OK;
}

PpCode
pp_graph_build(PpGraph *g, PpError *err)
{
	const PpReportOptions *o = g->report->options;
	uint64_t node_cutoff, edge_cutoff;
	PpCode code;

	if ((g->listed = pp_arena_array(g->report->arena, g->nnodes, sizeof(uint32_t))) == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < g->nnodes; i++)
		g->nodes[i].kept = true;
	if ((code = sum_up(g, err)) != PP_OK ||
		(code = cutoff(g, o->trim ? o->nodefraction : 0, &node_cutoff, err)) != PP_OK ||
		(code = cutoff(g, o->trim ? o->edgefraction : 0, &edge_cutoff, err)) != PP_OK)
		return code;
	if (node_cutoff > 0 && (code = drop_small_nodes(g, node_cutoff, err)) != PP_OK)
		return code;
	g->before_count = g->nlisted;
	if ((code = sort_nodes(g, err)) != PP_OK)
		return code;
	if (o->trim && o->nodecount > 0 && o->nodecount < (int64_t) g->nlisted)
	{
		keep_listed(g, (uint32_t) o->nodecount);
		if ((code = sum_up(g, err)) != PP_OK || (code = sort_nodes(g, err)) != PP_OK)
			return code;
	}
	return trim_edges(g, edge_cutoff, err);
}
