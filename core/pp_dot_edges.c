/*
 * pp_dot_edges.c
 *		Residual edges that show nothing new.
 */
#include "core/pp_dot_impl.h"

/*
 * Looking for another way is a walk over all that calls a node, for each of its
 * residual edges.  Reports of some hundred nodes never get there; beyond it the
 * edges that are left stay, which changes no number.
 */
#define MAX_STEPS  (UINT64_C(1) << 29)
#define POLL_EVERY (1u << 16)

typedef struct Search
{
	PpGraph *graph;
	uint32_t *queue;
	uint32_t *seen; /* by node: number of the search that met it */
	uint32_t number;
	uint64_t steps;
} Search;

/*
 * Can the target of an edge be reached from its source without it?  Walks from
 * the target to its callers.
 */
static bool
is_redundant(Search *s, uint32_t e)
{
	const PpGraph *g = s->graph;
	uint32_t source = g->edges[e].from, head = 0, tail = 0;

	s->number++;
	s->seen[g->edges[e].to] = s->number;
	s->queue[tail++] = g->edges[e].to;
	while (head < tail)
	{
		uint32_t node = s->queue[head++];

		for (uint32_t i = g->first_in[node]; i < g->first_in[node + 1]; i++)
		{
			const PpGraphEdge *edge = &g->edges[g->in[i]];

			s->steps++;
			if (g->in[i] == e || edge->trimmed || s->seen[edge->from] == s->number)
				continue;
			if (edge->from == source)
				return true;
			s->seen[edge->from] = s->number;
			s->queue[tail++] = edge->from;
		}
	}
	return false;
}

/* From the lightest edge into a node to the first that is a direct call. */
static PpCode
clean_node(Search *s, uint32_t node, uint32_t *removed, PpError *err)
{
	PpGraph *g = s->graph;
	uint64_t polled = s->steps / POLL_EVERY;

	for (uint32_t i = g->first_in[node + 1]; i-- > g->first_in[node];)
	{
		PpGraphEdge *edge = &g->edges[g->in[i]];

		if (!edge->residual || s->steps > MAX_STEPS)
			break;
		if (is_redundant(s, g->in[i]))
		{
			edge->trimmed = true;
			(*removed)++;
		}
		if (s->steps / POLL_EVERY != polled && pp_poll(pp_arena_allocator(g->report->arena)))
			return pp_fail_canceled(err);
		polled = s->steps / POLL_EVERY;
	}
	return PP_OK;
}

PpCode
pp_dot_remove_redundant(PpGraph *g, uint32_t *removed, PpError *err)
{
	PpArena *arena = g->report->arena;
	Search s = {.graph = g};

	*removed = 0;
	s.queue = pp_arena_array(arena, g->nnodes, sizeof(uint32_t));
	s.seen = pp_arena_zalloc(arena, g->nnodes * sizeof(uint32_t));
	if (s.queue == NULL || s.seen == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = g->nlisted; i-- > 0;)
	{
		PpCode code = clean_node(&s, g->listed[i], removed, err);

		if (code != PP_OK)
			return code;
	}
	return PP_OK;
}
