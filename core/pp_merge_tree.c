/*
 * pp_merge_tree.c
 *		Keys of the merge, continued: stacks, label sets and samples.
 *
 * Stacks of one program share most of their callers, so they are kept as a tree:
 * a stack that was met costs a look-up for each of its locations and no memory.
 * Nodes are found by a hash of their whole path, which can be made for many nodes
 * before the first of them is looked up; whether a node is the one is told by its
 * parent and location.
 */
#include "core/pp_merge_state.h"
#include "core/pp_wire.h"

#define FIRST_SLOTS 256

static inline void
put_slot(uint32_t *slots, uint32_t nslots, uint64_t hash, uint32_t node)
{
	size_t at = pp_table_fold(hash);

	while (slots[at & (nslots - 1)] != 0)
		at++;
	slots[at & (nslots - 1)] = node;
}

static bool
grow_slots(PpMerge *m)
{
	uint32_t nslots = m->nnode_slots == 0 ? FIRST_SLOTS : m->nnode_slots * 2;
	uint32_t *slots;

	if (m->nnode_slots >= UINT32_C(1) << 31)
	{
		m->full = true;
		return false;
	}
	slots = m->alloc->alloc(m->alloc->ctx, nslots * sizeof(uint32_t));
	if (slots == NULL)
		return false;
	memset(slots, 0, nslots * sizeof(uint32_t));
	for (uint32_t i = 1; i < m->nnodes; i++)
		put_slot(slots, nslots, m->node_hashes[i], i);
	if (m->node_slots != NULL)
		m->alloc->release(m->alloc->ctx, m->node_slots);
	m->node_slots = slots;
	m->nnode_slots = nslots;
	return true;
}

static bool
reserve_node(PpMerge *m)
{
	size_t need = (size_t) m->nnodes + 1;

	return MERGE_RESERVE(m, m->nodes, m->cap_nodes, need) &&
		   MERGE_RESERVE(m, m->ends, m->cap_ends, need) &&
		   MERGE_RESERVE(m, m->node_hashes, m->cap_node_hashes, need) &&
		   (m->nnodes < m->nnode_slots / 2 || grow_slots(m));
}

static uint32_t
new_node(PpMerge *m, uint32_t parent, uint32_t location, uint64_t hash)
{
	uint32_t i = m->nnodes;

	if (!reserve_node(m))
		return PP_NONE;
	m->nodes[i] = (MergeNode){parent, location};
	m->ends[i] = (MergeEnd){PP_NONE, 0};
	m->node_hashes[i] = hash;
	m->nnodes++;
	return i;
}

bool
merge_tree_start(PpMerge *m)
{
	return new_node(m, PP_NONE, PP_NONE, m->seed) == 0;
}

uint32_t
merge_node(PpMerge *m, uint32_t parent, uint32_t location, uint64_t hash)
{
	size_t at = pp_table_fold(hash);
	uint32_t i;

	while ((i = m->node_slots[at & (m->nnode_slots - 1)]) != 0)
	{
		if (PP_LIKELY(m->nodes[i].parent == parent && m->nodes[i].location == location))
			return i;
		at++;
	}
	i = new_node(m, parent, location, hash);
	if (i != PP_NONE)
		put_slot(m->node_slots, m->nnode_slots, hash, i);
	return i;
}

/*
 * Beyond what the stack before has in common with it.  Locations are met leaf
 * first, as the reference tool does: of two that count as one, the first lends
 * its looks.
 */
uint32_t
merge_stack(PpMerge *m, const PpProfile *p, const PpSample *in)
{
	const uint32_t *root = p->locrefs + in->loc_off + in->nlocs;
	const PpSample *last = m->last_sample;
	uint32_t n = in->nlocs, shared = 0, node = 0;

	if (!MERGE_RESERVE(m, m->path.ids, m->path.cap, n))
		return PP_NONE;
	if (last != NULL)
	{
		const uint32_t *last_root = p->locrefs + last->loc_off + last->nlocs;
		uint32_t most = n < last->nlocs ? n : last->nlocs;

		while (shared < most && root[-(ptrdiff_t) shared - 1] == last_root[-(ptrdiff_t) shared - 1])
			shared++;
	}
	for (uint32_t i = 0; i < n - shared; i++)
	{
		uint32_t location = p->locrefs[in->loc_off + i];

		if (m->location_memo.ids[location] == PP_NONE && merge_location(m, p, location) == PP_NONE)
			return PP_NONE;
	}
	if (shared > 0)
		node = m->path.ids[shared - 1];
	for (uint32_t i = shared; i < n; i++)
	{
		uint32_t location = m->location_memo.ids[root[-(ptrdiff_t) i - 1]];

		node = merge_node(m, node, location, merge_hash_path(m->node_hashes[node], location));
		if (node == PP_NONE)
			return PP_NONE;
		m->path.ids[i] = node;
	}
	m->last_sample = in;
	return node;
}

/* --- labels --- */

/*
 * Labels of the input, behind what the pool holds.  One whose text turns out to
 * be empty cannot be carried and goes.  How many there are, or PP_NONE without
 * room.
 */
static uint32_t
stage_labels(PpMerge *m, const PpProfile *p, const PpLabel *in, uint32_t nlabels)
{
	PpLabel *labels;
	uint32_t n = 0;

	if (!MERGE_RESERVE(m, m->labels, m->cap_labels, (size_t) m->nlabels + nlabels))
		return PP_NONE;
	labels = m->labels + m->nlabels;
	for (uint32_t i = 0; i < nlabels; i++)
	{
		const PpLabel *from = &in[i];
		PpLabel *to = &labels[n];

		to->key = merge_string(m, p, from->key);
		to->str = merge_string(m, p, from->str);
		to->num_unit = from->str != 0 ? 0 : merge_string(m, p, from->num_unit);
		to->num = from->str != 0 ? 0 : from->num;
		if (to->key == PP_NONE || to->str == PP_NONE || to->num_unit == PP_NONE)
			return PP_NONE;
		n += to->str != 0 || to->num != 0 || to->num_unit != 0;
	}
	return n;
}

static bool
same_labels(const PpLabel *a, const PpLabel *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (a[i].key != b[i].key || a[i].str != b[i].str || a[i].num != b[i].num ||
			a[i].num_unit != b[i].num_unit)
			return false;
	return true;
}

uint32_t
merge_label_set(PpMerge *m, const PpProfile *p, const PpLabel *in, uint32_t nlabels)
{
	uint32_t n = stage_labels(m, p, in, nlabels), hash, i;
	const PpLabel *labels = m->labels + m->nlabels;
	uint64_t h = pp_table_mix(m->seed, n);
	size_t at;

	if (n == 0 || n == PP_NONE)
		return n;
	for (i = 0; i < n; i++)
	{
		h = pp_table_mix(h, (uint64_t) labels[i].key << 32 | labels[i].str);
		h = pp_table_mix(h, (uint64_t) labels[i].num);
		h = pp_table_mix(h, labels[i].num_unit);
	}
	hash = pp_table_fold(h);
	at = pp_table_first(&m->label_table, hash);
	while ((i = pp_table_next(&m->label_table, hash, &at)) != PP_NONE)
		if (m->label_sets[i].n == n && same_labels(m->labels + m->label_sets[i].off, labels, n))
			return i;
	if (!MERGE_RESERVE(m, m->label_sets, m->cap_label_sets, (size_t) m->nlabel_sets + 1) ||
		!pp_table_reserve(&m->label_table, m->alloc))
		return PP_NONE;
	i = m->nlabel_sets++;
	m->label_sets[i] = (MergeLabels){m->nlabels, n};
	m->nlabels += n;
	pp_table_insert(&m->label_table, hash, i);
	return i;
}

/* --- samples --- */

static bool
reserve_values(PpMerge *m, size_t nsamples)
{
	size_t need = nsamples * m->ntypes;
	size_t cap = m->cap_values;
	int64_t *grown;

	if (need <= cap)
		return true;
	cap = cap * 2 > need ? cap * 2 : need < 64 ? 64 : need;
	grown = m->alloc->resize(m->alloc->ctx, m->values, cap * sizeof(int64_t));
	if (grown == NULL)
		return false;
	m->values = grown;
	m->cap_values = cap;
	return true;
}

/* Its index, which may be nsamples: then it is new, and there is room for it. */
static uint32_t
intern_sample(PpMerge *m, uint32_t node, uint32_t labels)
{
	MergeEnd *end = &m->ends[node];
	uint32_t i = end->sample, hash;
	size_t at;

	if (i != PP_NONE && end->labels == labels)
		return i;
	hash = pp_table_fold(pp_table_mix(m->seed, (uint64_t) node << 32 | labels));
	if (i != PP_NONE)
	{
		at = pp_table_first(&m->sample_table, hash);
		while ((i = pp_table_next(&m->sample_table, hash, &at)) != PP_NONE)
			if (m->samples[i].node == node && m->samples[i].labels == labels)
				return i;
		if (!pp_table_reserve(&m->sample_table, m->alloc))
			return PP_NONE;
	}
	if (!MERGE_RESERVE(m, m->samples, m->cap_samples, (size_t) m->nsamples + 1) ||
		!reserve_values(m, (size_t) m->nsamples + 1))
		return PP_NONE;
	i = m->nsamples;
	m->samples[i] = (MergeSample){node, labels};
	if (end->sample != PP_NONE)
		pp_table_insert(&m->sample_table, hash, i);
	else
		*end = (MergeEnd){i, labels};
	return i;
}

PpCode
merge_values(PpMerge *m, uint32_t node, uint32_t labels, const int64_t *values, PpError *err)
{
	uint32_t i = intern_sample(m, node, labels);
	int64_t *sums;

	if (i == PP_NONE)
		return merge_no_room(m, err);
	sums = m->values + (size_t) i * m->ntypes;
	if (i == m->nsamples)
	{
		memset(sums, 0, m->ntypes * sizeof(*sums));
		m->nsamples++;
	}
	for (uint32_t t = 0; t < m->ntypes; t++)
	{
		int64_t value;

		if (PP_UNLIKELY(!merge_factored(m, t, values[t], &value) ||
						__builtin_add_overflow(sums[t], value, &sums[t])))
			return pp_fail(err,
						   PP_EOVERFLOW,
						   PP_NO_OFFSET,
						   "sum of sample values is out of range for bigint");
	}
	return PP_OK;
}

/* Labels that are those of the sample before are not looked up. */
static uint32_t
sample_labels(PpMerge *m, const PpProfile *p, const PpSample *last, const PpSample *in)
{
	const PpLabel *labels;

	if (in->nlabels == 0)
		return 0;
	labels = p->labels + in->label_off;
	if (last != NULL && last->nlabels == in->nlabels &&
		same_labels(p->labels + last->label_off, labels, in->nlabels))
		return m->last_labels;
	return merge_label_set(m, p, labels, in->nlabels);
}

PpCode
merge_sample(PpMerge *m, const PpProfile *p, uint32_t sample, PpError *err)
{
	const PpSample *in = &p->samples[sample], *last = m->last_sample;
	uint32_t node = merge_stack(m, p, in);
	uint32_t labels = node == PP_NONE ? PP_NONE : sample_labels(m, p, last, in);

	if (labels == PP_NONE)
		return merge_no_room(m, err);
	m->last_labels = labels;
	return merge_values(m, node, labels, p->values + (size_t) sample * m->ntypes, err);
}
