/*
 * pp_graph.c
 *		Nodes, edges and their values.
 *
 * Nodes are made once, per line of each location; adding up values then is a
 * walk over numbers, which trimming repeats with fewer nodes.
 */
#include "core/pp_graph.h"

#include <inttypes.h>
#include <string.h>

#define POLL_EVERY 4096 /* samples between two looks at poll() */

/* Room for one more element; doubling. */
void *
pp_graph_grow(const PpAlloc *alloc, void *array, uint32_t n, uint32_t *cap, size_t size)
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
	edges = pp_graph_grow(alloc, g->edges, g->nedges, &g->cap_edges, sizeof(*edges));
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

void
pp_graph_list(PpGraph *g)
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

PpCode
pp_graph_add_up(PpGraph *g, PpError *err)
{
	PpCode code = add_samples(g, err);

	if (code == PP_OK)
		pp_graph_list(g);
	return code;
}

PpCode
pp_graph_full(PpGraph *g, PpError *err)
{
	if ((g->listed = pp_arena_array(g->report->arena, g->nnodes, sizeof(uint32_t))) == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < g->nnodes; i++)
		g->nodes[i].kept = true;
	return pp_graph_add_up(g, err);
}

PpCode
pp_graph_flat_sum(const PpGraph *g, int64_t *result, PpError *err)
{
	__int128 sum = 0;

	for (uint32_t i = 0; i < g->nlisted; i++)
		sum += pp_graph_flat(&g->nodes[g->listed[i]]);
	if (sum > INT64_MAX || sum < INT64_MIN)
		return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of flat values is out of range for bigint");
	*result = (int64_t) sum;
	return PP_OK;
}
