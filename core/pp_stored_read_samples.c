/*
 * pp_stored_read_samples.c
 *		Reading label sets and samples of the stored form, and unfolding the tree
 *		of their stacks.
 */
#include "core/pp_stored_reader.h"

#define POLL_EVERY 4096

/* --- label sets --- */

/* Text labels come before numbers, and keys ascend. */
static void
check_label_order(StoredReader *r, const PpLabel *labels, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
	{
		const PpLabel *a = &labels[i - 1], *b = &labels[i];
		bool a_num = a->str == 0, b_num = b->str == 0;

		if (a_num > b_num ||
			(a_num == b_num && a->key != b->key &&
			 pp_bytes_cmp(pp_str(r->profile, a->key), pp_str(r->profile, b->key)) > 0))
			pp_stored_damaged(r, "labels out of order");
	}
}

static void
read_label(StoredReader *r, PpLabel *label)
{
	const uint32_t nstrings = r->profile->nstrings;
	const uint8_t *at = pp_stored_room(r);
	uint64_t key = pp_stored_u(&at), str = 0, unit = 0;
	int64_t num = 0;

	if (key & 1)
		str = pp_stored_u(&at);
	else
	{
		num = (int64_t) pp_stored_z(&at);
		unit = pp_stored_u(&at);
	}
	pp_stored_done(r, at);
	if (key >> 1 >= nstrings || str >= nstrings || unit >= nstrings)
		pp_stored_damaged(r, "unknown string");
	*label = (PpLabel){(uint32_t) (key >> 1), (uint32_t) str, (uint32_t) unit, num};
}

void
pp_stored_read_sets(StoredReader *r)
{
	PpProfile *p = r->profile;
	PpStoredTree *tree = r->tree;

	tree->nsets = r->counts.sets + 1;
	tree->sets = pp_stored_array(r, tree->nsets, sizeof(PpStoredSet));
	p->labels = pp_stored_array(r, r->counts.labels, sizeof(PpLabel));
	if (r->code != PP_OK)
		return;
	tree->sets[0] = (PpStoredSet){0, 0};
	for (uint32_t i = 1; i < tree->nsets && r->code == PP_OK; i++)
	{
		PpLabel *labels = p->labels + p->nlabels;
		uint64_t n = pp_stored_take(r);

		if (i % POLL_EVERY == 0)
			pp_stored_poll(r);
		if (n > r->counts.labels - p->nlabels)
		{
			pp_stored_damaged(r, "more labels than it says");
			return;
		}
		tree->sets[i] = (PpStoredSet){p->nlabels, (uint32_t) n};
		p->nlabels += (uint32_t) n;
		for (uint32_t k = 0; k < n && r->code == PP_OK; k++)
			read_label(r, &labels[k]);
		if (r->code == PP_OK)
			check_label_order(r, labels, (uint32_t) n);
	}
	if (r->code == PP_OK && p->nlabels != r->counts.labels)
		pp_stored_damaged(r, "fewer labels than it says");
}

/* --- samples --- */

/* Locations of a stack that are new: the loop that most of the time is spent in. */
static void
read_nodes(StoredReader *r, uint32_t parent, uint32_t n, uint64_t *last)
{
	const uint32_t nlocations = r->profile->nlocations;
	PpStoredNode *nodes = r->tree->nodes + r->tree->nnodes;
	uint64_t location = *last;

	for (uint32_t i = 0; i < n; i++)
	{
		const uint8_t *at = pp_stored_room(r);

		location += pp_stored_mixed_z(&at);
		pp_stored_done(r, at);
		if (PP_UNLIKELY(location >= nlocations))
		{
			pp_stored_damaged(r, "unknown location");
			return;
		}
		nodes[i] = (PpStoredNode){parent, (uint32_t) location};
		parent = r->tree->nnodes + i;
	}
	r->tree->nnodes += n;
	*last = location;
}

static void
read_values(StoredReader *r, int64_t *values)
{
	for (uint32_t i = 0; i < r->counts.types; i++)
	{
		const uint8_t *at = pp_stored_room(r);
		int64_t value = (int64_t) pp_stored_mixed_z(&at);

		pp_stored_done(r, at);
		if (PP_UNLIKELY(__builtin_mul_overflow(value, (int64_t) r->scales[i], &values[i])))
			pp_stored_damaged(r, "value out of range");
	}
}

/* labels and last: of the sample before. */
static void
read_sample(StoredReader *r, PpStoredSample *sample, uint32_t labels, uint64_t *last)
{
	PpStoredTree *tree = r->tree;
	const uint8_t *at = pp_stored_room(r);
	uint64_t head = pp_stored_u(&at), back = pp_stored_mixed(&at), set = labels;

	if (head & 1)
		set = pp_stored_u(&at);
	pp_stored_done(r, at);
	if (PP_UNLIKELY(head >> 1 > r->counts.nodes + 1 - tree->nnodes || back >= tree->nnodes ||
					set >= tree->nsets))
	{
		pp_stored_damaged(r, "stack or labels of a sample");
		return;
	}
	sample->node = tree->nnodes - 1 - (uint32_t) back;
	sample->labels = (uint32_t) set;
	if (head >> 1 == 0)
		return;
	read_nodes(r, sample->node, (uint32_t) (head >> 1), last);
	sample->node = tree->nnodes - 1;
}

void
pp_stored_read_samples(StoredReader *r)
{
	PpProfile *p = r->profile;
	PpStoredTree *tree = r->tree;
	uint64_t last = 0;

	p->nsamples = r->counts.samples;
	p->values = pp_stored_array(r, (size_t) p->nsamples * p->ntypes, sizeof(int64_t));
	tree->samples = pp_stored_array(r, p->nsamples, sizeof(PpStoredSample));
	tree->nodes = pp_stored_array(r, (size_t) r->counts.nodes + 1, sizeof(PpStoredNode));
	if (r->code != PP_OK)
		return;
	tree->nodes[0] = (PpStoredNode){PP_NONE, PP_NONE};
	tree->nnodes = 1;
	if (p->nsamples > 0 && p->ntypes == 0)
		pp_stored_damaged(r, "samples without types");
	for (uint32_t i = 0; i < p->nsamples && r->code == PP_OK; i++)
	{
		if (i % POLL_EVERY == 0)
			pp_stored_poll(r);
		read_sample(r, &tree->samples[i], i > 0 ? tree->samples[i - 1].labels : 0, &last);
		if (r->code == PP_OK)
			read_values(r, p->values + (size_t) i * p->ntypes);
	}
	if (r->code == PP_OK && tree->nnodes != r->counts.nodes + 1)
		pp_stored_damaged(r, "fewer nodes than it says");
	if (r->code == PP_OK && r->p != r->end)
		pp_stored_damaged(r, "bytes behind its end");
}

/* --- the same as lists --- */

/* Depths of the nodes; how long all stacks are together. */
static uint64_t
count_frames(StoredReader *r, uint32_t *depth)
{
	const PpStoredTree *tree = r->tree;
	uint64_t frames = 0;

	depth[0] = 0;
	for (uint32_t i = 1; i < tree->nnodes; i++)
		depth[i] = depth[tree->nodes[i].parent] + 1;
	for (uint32_t i = 0; i < r->profile->nsamples; i++)
		frames += depth[tree->samples[i].node];
	return frames;
}

/* The stack of a node, leaf first; place says where those before were written. */
static uint32_t *
unfold_stack(const PpStoredTree *tree, const uint32_t *depth, uint32_t *place, uint32_t *locrefs,
			 uint32_t *to, uint32_t node)
{
	for (; node != 0 && place[node] == PP_NONE; node = tree->nodes[node].parent)
	{
		place[node] = (uint32_t) (to - locrefs);
		*to++ = tree->nodes[node].location;
	}
	if (node != 0)
	{
		memcpy(to, locrefs + place[node], depth[node] * sizeof(uint32_t));
		to += depth[node];
	}
	return to;
}

void
pp_stored_unfold(StoredReader *r)
{
	PpProfile *p = r->profile;
	const PpStoredTree *tree = r->tree;
	uint32_t *depth = pp_stored_array(r, tree->nnodes, sizeof(uint32_t));
	uint32_t *place = pp_stored_array(r, tree->nnodes, sizeof(uint32_t));
	uint64_t frames = r->code == PP_OK ? count_frames(r, depth) : 0;
	uint32_t *to;

	if (frames >= PP_NONE)
		pp_stored_damaged(r, "too many frames");
	p->nlocrefs = (uint32_t) frames;
	p->locrefs = pp_stored_array(r, frames, sizeof(uint32_t));
	p->samples = pp_stored_array(r, p->nsamples, sizeof(PpSample));
	if (r->code != PP_OK)
		return;
	memset(place, 0xFF, tree->nnodes * sizeof(uint32_t)); /* PP_NONE */
	to = p->locrefs;
	for (uint32_t i = 0; i < p->nsamples && r->code == PP_OK; i++)
	{
		const PpStoredSample *from = &tree->samples[i];
		const PpStoredSet *set = &tree->sets[from->labels];

		if (i % POLL_EVERY == 0)
			pp_stored_poll(r);
		p->samples[i] = (PpSample){(uint32_t) (to - p->locrefs), depth[from->node], set->off, set->n};
		to = unfold_stack(tree, depth, place, p->locrefs, to, from->node);
	}
}
