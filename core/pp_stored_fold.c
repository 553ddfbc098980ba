/*
 * pp_stored_fold.c
 *		From lists of locations and labels to the tree and the sets that are stored.
 *
 * Nodes and sets are numbered in the order in which the samples meet them: what is
 * new of a stack is a run of nodes, from the root side to the leaf.
 */
#include "core/pp_stored.h"
#include "core/pp_table.h"

#define POLL_EVERY 4096

typedef struct Fold
{
	const PpProfile *p;
	const PpAlloc *alloc;
	PpStoredTree *tree;
	uint64_t seed;
	PpTable node_table, set_table;
	uint32_t cap_nodes, cap_sets;
	uint32_t *path; /* nodes of the stack before, from the root */
	PpError *err;
} Fold;

/* Room for one more; an array of 2^32 - 1 entries is full. */
static PpCode
reserve(const Fold *f, void **array, uint32_t *cap, uint32_t n, size_t size)
{
	size_t wanted = n < 128 ? 256 : (size_t) n * 2;
	void *grown;

	if (n < *cap)
		return PP_OK;
	if (n >= PP_NONE - 1)
		return pp_fail_limit(f->err, PP_NO_OFFSET, NULL, 0, "profile has too many frames");
	if (wanted > PP_NONE - 1)
		wanted = PP_NONE - 1;
	if ((grown = f->alloc->resize(f->alloc->ctx, *array, wanted * size)) == NULL)
		return pp_fail_nomem(f->err);
	*array = grown;
	*cap = (uint32_t) wanted;
	return PP_OK;
}

/* --- stacks --- */

static inline uint32_t
node_hash(const Fold *f, uint32_t parent, uint32_t location)
{
	return pp_table_fold(pp_table_mix(f->seed, (uint64_t) parent << 32 | location));
}

static uint32_t
find_node(const Fold *f, uint32_t parent, uint32_t location)
{
	uint32_t hash = node_hash(f, parent, location), i;
	size_t at = pp_table_first(&f->node_table, hash);

	while ((i = pp_table_next(&f->node_table, hash, &at)) != PP_NONE)
		if (f->tree->nodes[i].parent == parent && f->tree->nodes[i].location == location)
			break;
	return i;
}

static PpCode
add_node(Fold *f, uint32_t parent, uint32_t location)
{
	PpStoredTree *tree = f->tree;
	PpCode code =
		reserve(f, (void **) &tree->nodes, &f->cap_nodes, tree->nnodes, sizeof(*tree->nodes));

	if (code != PP_OK)
		return code;
	if (!pp_table_reserve(&f->node_table, f->alloc))
		return pp_fail_nomem(f->err);
	pp_table_insert(&f->node_table, node_hash(f, parent, location), tree->nnodes);
	tree->nodes[tree->nnodes++] = (PpStoredNode){parent, location};
	return PP_OK;
}

/* How many locations at the root end two stacks have in common. */
static uint32_t
shared_end(const PpProfile *p, const PpSample *a, const PpSample *b)
{
	const uint32_t *a_end = p->locrefs + a->loc_off + a->nlocs;
	const uint32_t *b_end = p->locrefs + b->loc_off + b->nlocs;
	uint32_t most = a->nlocs < b->nlocs ? a->nlocs : b->nlocs, n = 0;

	while (n < most && a_end[-1 - (ptrdiff_t) n] == b_end[-1 - (ptrdiff_t) n])
		n++;
	return n;
}

static PpCode
fold_stack(Fold *f, uint32_t sample)
{
	const PpSample *s = &f->p->samples[sample];
	const uint32_t *leaf;
	uint32_t n, node, next;
	PpCode code;

	f->tree->samples[sample].node = 0;
	if (s->nlocs == 0)
		return PP_OK;
	leaf = f->p->locrefs + s->loc_off;
	n = sample > 0 && s[-1].nlocs > 0 ? shared_end(f->p, s, s - 1) : 0;
	node = n > 0 ? f->path[n - 1] : 0;
	for (; n < s->nlocs && (next = find_node(f, node, leaf[s->nlocs - 1 - n])) != PP_NONE; n++)
		f->path[n] = node = next;
	/* a new node has no children yet */
	for (; n < s->nlocs; n++)
	{
		if ((code = add_node(f, node, leaf[s->nlocs - 1 - n])) != PP_OK)
			return code;
		f->path[n] = node = f->tree->nnodes - 1;
	}
	f->tree->samples[sample].node = node;
	return PP_OK;
}

/* --- labels --- */

static bool
same_labels(const PpLabel *a, const PpLabel *b, uint32_t n)
{
	for (uint32_t i = 0; i < n && a != b; i++)
		if (a[i].key != b[i].key || a[i].str != b[i].str || a[i].num != b[i].num ||
			a[i].num_unit != b[i].num_unit)
			return false;
	return true;
}

static PpCode
find_set(Fold *f, const PpLabel *labels, uint32_t n, uint32_t *set)
{
	PpStoredTree *tree = f->tree;
	uint64_t h = pp_table_mix(f->seed, n);
	uint32_t hash;
	size_t at;
	PpCode code;

	for (uint32_t i = 0; i < n; i++)
	{
		h = pp_table_mix(h, (uint64_t) labels[i].key << 32 | labels[i].str);
		h = pp_table_mix(h, (uint64_t) labels[i].num);
		h = pp_table_mix(h, labels[i].num_unit);
	}
	hash = pp_table_fold(h);
	at = pp_table_first(&f->set_table, hash);
	while ((*set = pp_table_next(&f->set_table, hash, &at)) != PP_NONE)
		if (tree->sets[*set].n == n && same_labels(f->p->labels + tree->sets[*set].off, labels, n))
			return PP_OK;
	if ((code = reserve(f, (void **) &tree->sets, &f->cap_sets, tree->nsets, sizeof(*tree->sets))))
		return code;
	if (!pp_table_reserve(&f->set_table, f->alloc))
		return pp_fail_nomem(f->err);
	*set = tree->nsets++;
	tree->sets[*set] = (PpStoredSet){(uint32_t) (labels - f->p->labels), n};
	pp_table_insert(&f->set_table, hash, *set);
	return PP_OK;
}

static PpCode
fold_labels(Fold *f, uint32_t sample)
{
	const PpSample *s = &f->p->samples[sample];
	PpStoredSample *to = &f->tree->samples[sample];
	const PpLabel *labels;

	to->labels = 0;
	if (s->nlabels == 0)
		return PP_OK;
	labels = f->p->labels + s->label_off;
	if (sample > 0 && s[-1].nlabels == s->nlabels &&
		same_labels(f->p->labels + s[-1].label_off, labels, s->nlabels))
	{
		to->labels = to[-1].labels;
		return PP_OK;
	}
	return find_set(f, labels, s->nlabels, &to->labels);
}

/* --- both --- */

static PpCode
fold_start(Fold *f)
{
	PpStoredTree *tree = f->tree;
	const PpAlloc *alloc = f->alloc;
	uint32_t deepest = 0;
	PpCode code;

	for (uint32_t i = 0; i < f->p->nsamples; i++)
		if (f->p->samples[i].nlocs > deepest)
			deepest = f->p->samples[i].nlocs;
	f->path = alloc->alloc(alloc->ctx, ((size_t) deepest + 1) * sizeof(uint32_t));
	tree->samples = alloc->alloc(alloc->ctx, ((size_t) f->p->nsamples + 1) * sizeof(*tree->samples));
	if (f->path == NULL || tree->samples == NULL)
		return pp_fail_nomem(f->err);
	if ((code = reserve(f, (void **) &tree->nodes, &f->cap_nodes, 0, sizeof(*tree->nodes))) ||
		(code = reserve(f, (void **) &tree->sets, &f->cap_sets, 0, sizeof(*tree->sets))))
		return code;
	tree->nodes[0] = (PpStoredNode){PP_NONE, PP_NONE};
	tree->sets[0] = (PpStoredSet){0, 0};
	tree->nnodes = tree->nsets = 1;
	return PP_OK;
}

PpCode
pp_stored_fold(const PpProfile *p, const PpAlloc *alloc, PpStoredTree *tree, PpError *err)
{
	Fold f = {.p = p, .alloc = alloc, .tree = tree, .seed = pp_table_seed(), .err = err};
	PpCode code;

	memset(tree, 0, sizeof(*tree));
	code = fold_start(&f);
	for (uint32_t i = 0; i < p->nsamples && code == PP_OK; i++)
	{
		if (i % POLL_EVERY == 0 && pp_poll(alloc))
			code = pp_fail_canceled(err);
		if (code == PP_OK)
			code = fold_stack(&f, i);
		if (code == PP_OK)
			code = fold_labels(&f, i);
	}
	pp_table_free(&f.node_table, alloc);
	pp_table_free(&f.set_table, alloc);
	alloc->release(alloc->ctx, f.path);
	return code;
}

void
pp_stored_fold_free(PpStoredTree *tree, const PpAlloc *alloc)
{
	alloc->release(alloc->ctx, tree->nodes);
	alloc->release(alloc->ctx, tree->sets);
	alloc->release(alloc->ctx, tree->samples);
}
