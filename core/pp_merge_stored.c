/*
 * pp_merge_stored.c
 *		Adding up profiles in their stored form, without making lists of their
 *		stacks: their tree is walked node by node.
 */
#include "core/pp_codec.h"
#include "core/pp_merge_state.h"
#include "core/pp_stored.h"

#define POLL_EVERY 4096
#define BATCH	   32 /* of what is read before it is needed */

static inline bool
all_zero(const int64_t *values, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (values[i] != 0)
			return false;
	return true;
}

/*
 * Memo 0 for the nodes that lead to samples which are not all zero, PP_NONE for
 * others: what only they refer to must not show.
 */
static bool
want_nodes(PpMerge *m, const PpProfile *p, const PpStoredTree *tree)
{
	uint32_t *memo, zeros = 0;

	if (!merge_start_memo(m, &m->node_memo, tree->nnodes))
		return false;
	memo = m->node_memo.ids;
	for (uint32_t i = 0; i < p->nsamples; i++)
		if (all_zero(p->values + (size_t) i * p->ntypes, p->ntypes))
			zeros++;
		else
			memo[tree->samples[i].node] = 0;
	memo[0] = 0;
	if (zeros == 0)
		memset(memo, 0, tree->nnodes * sizeof(*memo));
	else
		for (uint32_t i = tree->nnodes - 1; i > 0; i--)
			if (memo[i] == 0)
				memo[tree->nodes[i].parent] = 0;
	return true;
}

static bool
add_locations(PpMerge *m, const PpProfile *p, const PpStoredTree *tree)
{
	const uint32_t *nodes = m->node_memo.ids;
	uint32_t *memo = m->location_memo.ids, *wanted, n = 0;

	if (!merge_start_memo(m, &m->wanted, p->nlocations))
		return false;
	wanted = m->wanted.ids;
	for (uint32_t i = 1; i < tree->nnodes; i++)
	{
		uint32_t location = tree->nodes[i].location;

		if (nodes[i] != 0 || memo[location] != PP_NONE)
			continue;
		memo[location] = 0;
		wanted[n++] = location;
	}
	for (uint32_t i = 0; i < n; i++)
		memo[wanted[i]] = PP_NONE;
	return merge_locations(m, p, wanted, n);
}

/* What finding the nodes will read; hashes[i] is of the path of node i. */
static void
expect_nodes(const PpMerge *m, const PpStoredTree *tree, uint32_t from, uint32_t to)
{
	const uint32_t *locations = m->location_memo.ids;
	uint64_t *hashes = m->path_hashes;

	for (uint32_t i = from; i < to; i++)
	{
		const PpStoredNode *node = &tree->nodes[i];

		/* of those not wanted it is not read */
		hashes[i] = merge_hash_path(hashes[node->parent], locations[node->location]);
		__builtin_prefetch(&m->node_slots[pp_table_fold(hashes[i]) & (m->nnode_slots - 1)]);
	}
	for (uint32_t i = from; i < to; i++)
		__builtin_prefetch(&m->nodes[m->node_slots[pp_table_fold(hashes[i]) & (m->nnode_slots - 1)]]);
}

static PpCode
add_nodes(PpMerge *m, const PpProfile *p, const PpStoredTree *tree, PpError *err)
{
	const uint32_t *locations = m->location_memo.ids;
	uint32_t *memo = m->node_memo.ids, expected = 1;

	if (!MERGE_RESERVE(m, m->path_hashes, m->cap_path_hashes, tree->nnodes))
		return merge_no_room(m, err);
	m->path_hashes[0] = m->seed;
	for (uint32_t i = 1; i < tree->nnodes; i++)
	{
		const PpStoredNode *node = &tree->nodes[i];

		if (i % POLL_EVERY == 0 && pp_poll(m->alloc))
			return pp_fail_canceled(err);
		if (i == expected)
		{
			expected = tree->nnodes - i > BATCH ? i + BATCH : tree->nnodes;
			expect_nodes(m, tree, i, expected);
		}
		if (memo[i] != 0)
			continue;
		memo[i] = merge_node(m, memo[node->parent], locations[node->location], m->path_hashes[i]);
		if (memo[i] == PP_NONE)
			return merge_no_room(m, err);
	}
	return PP_OK;
}

static bool
add_sets(PpMerge *m, const PpProfile *p, const PpStoredTree *tree)
{
	uint32_t *sets;

	if (!merge_start_memo(m, &m->set_memo, tree->nsets))
		return false;
	sets = m->set_memo.ids;
	for (uint32_t i = 0; i < tree->nsets; i++)
	{
		sets[i] = merge_label_set(m, p, p->labels + tree->sets[i].off, tree->sets[i].n);
		if (sets[i] == PP_NONE)
			return false;
	}
	return true;
}

static void
expect_samples(const PpMerge *m, const PpStoredTree *tree, uint32_t from, uint32_t to)
{
	const uint32_t *nodes = m->node_memo.ids;

	for (uint32_t i = from; i < to; i++)
		if (nodes[tree->samples[i].node] != PP_NONE)
			__builtin_prefetch(&m->ends[nodes[tree->samples[i].node]]);
	for (uint32_t i = from; i < to; i++)
		if (nodes[tree->samples[i].node] != PP_NONE)
		{
			uint32_t sample = m->ends[nodes[tree->samples[i].node]].sample;

			if (sample != PP_NONE)
				__builtin_prefetch(&m->values[(size_t) sample * m->ntypes]);
		}
}

static PpCode
add_samples(PpMerge *m, const PpProfile *p, const PpStoredTree *tree, PpError *err)
{
	const uint32_t *nodes = m->node_memo.ids, *sets = m->set_memo.ids;
	uint32_t expected = 0;

	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		const PpStoredSample *sample = &tree->samples[i];
		const int64_t *values = p->values + (size_t) i * p->ntypes;
		PpCode code;

		if (i % POLL_EVERY == 0 && pp_poll(m->alloc))
			return pp_fail_canceled(err);
		if (i == expected)
		{
			expected = p->nsamples - i > BATCH ? i + BATCH : p->nsamples;
			expect_samples(m, tree, i, expected);
		}
		if (all_zero(values, p->ntypes))
			continue;
		code = merge_values(m, nodes[sample->node], sets[sample->labels], values, err);
		if (code != PP_OK)
			return code;
	}
	return PP_OK;
}

PpCode
pp_merge_add_stored(PpMerge *m, const uint8_t *data, size_t len, PpArena *scratch, PpError *err)
{
	PpStoredTree tree;
	PpProfile *p;
	PpCode code = pp_stored_read(data, len, scratch, &p, &tree, err);

	if (code != PP_OK || (code = merge_start(m, p, err)) != PP_OK)
		return code;
	if (!merge_names(m, p) || !want_nodes(m, p, &tree) || !add_locations(m, p, &tree) ||
		!add_sets(m, p, &tree))
		return merge_no_room(m, err);
	if ((code = add_nodes(m, p, &tree, err)) != PP_OK ||
		(code = add_samples(m, p, &tree, err)) != PP_OK)
		return code;
	m->count++;
	return PP_OK;
}
