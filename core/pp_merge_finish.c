/*
 * pp_merge_finish.c
 *		From the state of a merge to a profile.
 *
 * A plan says which samples are left (those that are not all zero) and which
 * new index each mapping, function, location and string that they use gets.
 *
 * Ordered: indexes in order of first appearance in the samples.
 *
 * Canonical: everything is sorted by content, so that the result depends only on
 * what went in:
 *	- strings by bytes;
 *	- mappings by (build id or else file, offset, size in pages), the main one
 *	  in front of all;
 *	- functions by (name, system name, file, start line);
 *	- locations by (mapping, address in it, folded, lines), lines comparing
 *	  by function, line and column, fewer lines first;
 *	- samples by stack, compared from the root, shorter first; equal stacks by
 *	  labels, compared one by one, fewer first.
 * Adding in steps gives the same as adding at once, with one exception: what
 * only samples that cancel refer to is gone after a step, so it cannot lend its
 * load address, flags or columns to its likes of a later one.
 */
#include "core/pp_codec.h"
#include "core/pp_merge_state.h"
#include "core/pp_stored.h"

typedef struct Plan
{
	const PpMerge *m;
	PpArena *scratch;

	uint32_t nsamples;
	uint32_t *samples; /* state index by new index */

	/* new index by state index, PP_NONE if unused; and back */
	uint32_t *mapping_rank, *function_rank, *location_rank, *string_rank, *labels_rank;
	uint32_t nmappings, nfunctions, nlocations, nstrings, nlabel_sets;
	uint32_t *mappings, *functions, *locations, *strings, *label_sets;
	uint32_t main_mapping; /* state index, or PP_NONE */
	uint32_t ncomments;
	uint32_t *comments; /* state strings */

	/* how many locations the stack of each node has; 0 until its locations are used */
	uint32_t *depth;

	/* sizes of the pools */
	size_t nlines, nlocrefs, nlabels;
	uint32_t deepest, longest; /* locations of a stack, lines of a location */
	size_t sample_labels;	   /* labels of all samples together */

	/* to be stored: the tree takes the place of locrefs, strings are not copied */
	PpStoredTree *tree;
} Plan;

static uint32_t *
new_ranks(Plan *plan, uint32_t n, uint32_t **back)
{
	uint32_t *ranks = pp_arena_array(plan->scratch, (size_t) n + 1, sizeof(uint32_t));

	*back = pp_arena_array(plan->scratch, (size_t) n + 1, sizeof(uint32_t));
	if (ranks == NULL || *back == NULL)
		return NULL;
	memset(ranks, 0xFF, ((size_t) n + 1) * sizeof(uint32_t));
	return ranks;
}

static bool
plan_arrays(Plan *plan)
{
	const PpMerge *m = plan->m;

	plan->samples = pp_arena_array(plan->scratch, (size_t) m->nsamples + 1, sizeof(uint32_t));
	plan->comments = pp_arena_array(plan->scratch, (size_t) m->ncomments + 1, sizeof(uint32_t));
	plan->mapping_rank = new_ranks(plan, m->nmappings, &plan->mappings);
	plan->function_rank = new_ranks(plan, m->nfunctions, &plan->functions);
	plan->location_rank = new_ranks(plan, m->nlocations, &plan->locations);
	plan->string_rank = new_ranks(plan, m->nstrings, &plan->strings);
	plan->labels_rank = new_ranks(plan, m->nlabel_sets, &plan->label_sets);
	plan->depth = pp_arena_zalloc(plan->scratch, m->nnodes * sizeof(uint32_t));
	return plan->samples != NULL && plan->comments != NULL && plan->mapping_rank != NULL &&
		   plan->function_rank != NULL && plan->location_rank != NULL &&
		   plan->string_rank != NULL && plan->labels_rank != NULL && plan->depth != NULL;
}

static inline void
use(uint32_t *ranks, uint32_t *back, uint32_t *n, uint32_t index)
{
	if (ranks[index] != PP_NONE)
		return;
	ranks[index] = *n;
	back[(*n)++] = index;
}

static void
use_string(Plan *plan, uint32_t string)
{
	use(plan->string_rank, plan->strings, &plan->nstrings, string);
}

static void
use_location(Plan *plan, uint32_t index)
{
	const MergeLocation *loc = &plan->m->locations[index];

	if (plan->location_rank[index] != PP_NONE)
		return;
	use(plan->location_rank, plan->locations, &plan->nlocations, index);
	if (loc->mapping != PP_NONE)
		use(plan->mapping_rank, plan->mappings, &plan->nmappings, loc->mapping);
	for (uint32_t i = 0; i < loc->nlines; i++)
		use(plan->function_rank,
			plan->functions,
			&plan->nfunctions,
			plan->m->lines[loc->line_off + i].function);
	plan->nlines += loc->nlines;
	if (plan->longest < loc->nlines)
		plan->longest = loc->nlines;
}

/*
 * Leaf first, as far as others did not come before: the order in which the
 * reference tool numbers them.
 */
static void
use_stack(Plan *plan, uint32_t leaf)
{
	const MergeNode *nodes = plan->m->nodes;
	uint32_t n = 0, known = leaf;

	for (; known != 0 && plan->depth[known] == 0; known = nodes[known].parent)
	{
		use_location(plan, nodes[known].location);
		n++;
	}
	n += plan->depth[known];
	for (uint32_t i = leaf; i != known; i = nodes[i].parent)
		plan->depth[i] = n--;
}

static void
use_sample(Plan *plan, uint32_t index)
{
	const PpMerge *m = plan->m;
	const MergeSample *sample = &m->samples[index];
	const MergeLabels *set = &m->label_sets[sample->labels];

	plan->samples[plan->nsamples++] = index;
	use_stack(plan, sample->node);
	plan->nlocrefs += plan->depth[sample->node];
	if (plan->deepest < plan->depth[sample->node])
		plan->deepest = plan->depth[sample->node];
	plan->sample_labels += set->n;
	if (plan->labels_rank[sample->labels] != PP_NONE)
		return;
	use(plan->labels_rank, plan->label_sets, &plan->nlabel_sets, sample->labels);
	plan->nlabels += set->n;
	for (uint32_t i = 0; i < set->n; i++)
	{
		const PpLabel *label = &m->labels[set->off + i];

		use_string(plan, label->key);
		use_string(plan, label->str);
		use_string(plan, label->num_unit);
	}
}

static void
use_header_strings(Plan *plan)
{
	const PpMerge *m = plan->m;

	use_string(plan, 0);
	for (uint32_t i = 0; i < m->ntypes; i++)
	{
		use_string(plan, m->types[i].type);
		use_string(plan, m->types[i].unit);
	}
	use_string(plan, m->period_type.type);
	use_string(plan, m->period_type.unit);
	use_string(plan, m->drop_frames);
	use_string(plan, m->keep_frames);
	use_string(plan, merge_default_type(m));
	use_string(plan, m->doc_url);
	for (uint32_t i = 0; i < m->ncomments; i++)
	{
		use_string(plan, m->comments[i]);
		plan->comments[plan->ncomments++] = m->comments[i];
	}
}

static void
use_table_strings(Plan *plan)
{
	const PpMerge *m = plan->m;

	for (uint32_t i = 0; i < plan->nmappings; i++)
	{
		use_string(plan, m->mappings[plan->mappings[i]].filename);
		use_string(plan, m->mappings[plan->mappings[i]].build_id);
	}
	for (uint32_t i = 0; i < plan->nfunctions; i++)
	{
		const MergeFunction *function = &m->functions[plan->functions[i]];

		use_string(plan, function->name);
		use_string(plan, function->system_name);
		use_string(plan, function->filename);
	}
}

/* In front of all; where samples refer to its like (canonical), that one. */
static void
use_main_mapping(Plan *plan)
{
	plan->main_mapping = plan->m->main_mapping;
	if (plan->main_mapping == PP_NONE)
		return;
	for (uint32_t i = 0; i < plan->nmappings; i++)
		if (merge_mapping_cmp(plan->m, plan->mappings[i], plan->m->main_mapping) == 0)
			plan->main_mapping = plan->mappings[i];
	use(plan->mapping_rank, plan->mappings, &plan->nmappings, plan->main_mapping);
}

static PpCode
plan_uses(Plan *plan, PpError *err)
{
	const PpMerge *m = plan->m;

	if (!plan_arrays(plan))
		return pp_fail_nomem(err);
	use_header_strings(plan);
	if (m->mode == PP_MERGE_ORDERED)
		use_main_mapping(plan);
	for (uint32_t i = 0; i < m->nsamples; i++)
	{
		const int64_t *values = m->values + (size_t) i * m->ntypes;
		int64_t any = 0;

		for (uint32_t t = 0; t < m->ntypes; t++)
			any |= values[t];
		if (any != 0)
			use_sample(plan, i);
		if (i % 4096 == 4095 && pp_poll(m->alloc))
			return pp_fail_canceled(err);
	}
	if (plan->nlocrefs >= UINT32_MAX)
		return pp_fail_limit(err, PP_NO_OFFSET, NULL, UINT32_MAX, "merged profile has too many frames");
	if (m->mode == PP_MERGE_CANONICAL)
		use_main_mapping(plan);
	use_table_strings(plan);
	return PP_OK;
}

/* Orders of the canonical form.  Ranks of what was sorted before stand for its content. */

static int
cmp_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int
cmp_i64(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int
cmp_strings(const void *ctx, uint32_t a, uint32_t b)
{
	const PpMerge *m = ((const Plan *) ctx)->m;

	return pp_bytes_cmp(m->strings[a], m->strings[b]);
}

static int
cmp_mappings(const void *ctx, uint32_t a, uint32_t b)
{
	const Plan *plan = ctx;

	if (a == plan->main_mapping || b == plan->main_mapping)
		return a == b ? 0 : a == plan->main_mapping ? -1 : 1;
	return merge_mapping_cmp(plan->m, a, b);
}

static int
cmp_functions(const void *ctx, uint32_t a, uint32_t b)
{
	const Plan *plan = ctx;
	const uint32_t *rank = plan->string_rank;
	const MergeFunction *x = &plan->m->functions[a], *y = &plan->m->functions[b];

	if (x->name != y->name)
		return cmp_u64(rank[x->name], rank[y->name]);
	if (x->system_name != y->system_name)
		return cmp_u64(rank[x->system_name], rank[y->system_name]);
	if (x->filename != y->filename)
		return cmp_u64(rank[x->filename], rank[y->filename]);
	return cmp_i64(x->start_line, y->start_line);
}

static int
cmp_lines(const Plan *plan, const PpLine *x, const PpLine *y, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		if (x[i].function != y[i].function)
			return cmp_u64(plan->function_rank[x[i].function], plan->function_rank[y[i].function]);
		if (x[i].line != y[i].line)
			return cmp_i64(x[i].line, y[i].line);
		if (x[i].column != y[i].column)
			return cmp_i64(x[i].column, y[i].column);
	}
	return 0;
}

/* Of one address of a mapping. */
static int
cmp_locations(const void *ctx, uint32_t a, uint32_t b)
{
	const PpMerge *m = ((const Plan *) ctx)->m;
	const MergeLocation *x = &m->locations[a], *y = &m->locations[b];

	if (x->is_folded != y->is_folded)
		return cmp_u64(x->is_folded, y->is_folded);
	if (x->nlines != y->nlines)
		return cmp_u64(x->nlines, y->nlines);
	return cmp_lines(ctx, m->lines + x->line_off, m->lines + y->line_off, x->nlines);
}

static int
cmp_labels(const Plan *plan, const PpLabel *x, const PpLabel *y)
{
	const uint32_t *rank = plan->string_rank;

	if (x->key != y->key)
		return cmp_u64(rank[x->key], rank[y->key]);
	if (x->str != y->str)
		return cmp_u64(rank[x->str], rank[y->str]);
	if (x->num != y->num)
		return cmp_i64(x->num, y->num);
	if (x->num_unit != y->num_unit)
		return cmp_u64(rank[x->num_unit], rank[y->num_unit]);
	return 0;
}

static int
cmp_label_sets(const void *ctx, uint32_t a, uint32_t b)
{
	const Plan *plan = ctx;
	const PpMerge *m = plan->m;
	const MergeLabels *x = &m->label_sets[a], *y = &m->label_sets[b];
	uint32_t n = x->n < y->n ? x->n : y->n;

	for (uint32_t i = 0; i < n; i++)
	{
		int cmp = cmp_labels(plan, &m->labels[x->off + i], &m->labels[y->off + i]);

		if (cmp != 0)
			return cmp;
	}
	return cmp_u64(x->n, y->n);
}

static PpCode
sort_ranks(Plan *plan, uint32_t *ranks, uint32_t *back, uint32_t n, PpIndexCompare cmp, PpError *err)
{
	PpCode code = pp_sort_indexes(back, n, cmp, plan, plan->m->alloc, err);

	if (code == PP_OK)
		for (uint32_t i = 0; i < n; i++)
			ranks[back[i]] = i;
	return code;
}

static PpCode
sort_locations(Plan *plan, PpError *err)
{
	PpCode code = merge_order_locations(plan->m,
										plan->mapping_rank,
										plan->locations,
										plan->nlocations,
										cmp_locations,
										plan,
										plan->scratch,
										err);

	for (uint32_t i = 0; i < plan->nlocations && code == PP_OK; i++)
		plan->location_rank[plan->locations[i]] = i;
	return code;
}

static PpCode
plan_canonical(Plan *p, PpError *err)
{
	const PpAlloc *alloc = p->m->alloc;
	PpCode code;

	if ((code = sort_ranks(p, p->string_rank, p->strings, p->nstrings, cmp_strings, err)) ||
		(code = sort_ranks(p, p->mapping_rank, p->mappings, p->nmappings, cmp_mappings, err)) ||
		(code = sort_ranks(p, p->function_rank, p->functions, p->nfunctions, cmp_functions, err)) ||
		(code = sort_locations(p, err)) ||
		(code = sort_ranks(p, p->labels_rank, p->label_sets, p->nlabel_sets, cmp_label_sets, err)) ||
		(code = merge_order_samples(p->m,
									p->location_rank,
									p->nlocations,
									p->labels_rank,
									p->samples,
									p->nsamples,
									p->scratch,
									err)) ||
		(code = pp_sort_indexes(p->comments, p->ncomments, cmp_strings, p, alloc, err)))
		return code;
	return PP_OK;
}

static bool
emit_arrays(const Plan *plan, PpProfile *out)
{
	PpArena *arena = out->arena;

	out->strings = pp_arena_array(arena, plan->nstrings, sizeof(*out->strings));
	out->types = pp_arena_array(arena, plan->m->ntypes, sizeof(*out->types));
	out->samples = pp_arena_array(arena, plan->nsamples, sizeof(*out->samples));
	out->values =
		pp_arena_array(arena, (size_t) plan->nsamples * plan->m->ntypes, sizeof(*out->values));
	out->locrefs = pp_arena_array(arena, plan->tree ? 0 : plan->nlocrefs, sizeof(*out->locrefs));
	out->labels = pp_arena_array(arena, plan->nlabels, sizeof(*out->labels));
	out->mappings = pp_arena_array(arena, plan->nmappings, sizeof(*out->mappings));
	out->locations = pp_arena_array(arena, plan->nlocations, sizeof(*out->locations));
	out->lines = pp_arena_array(arena, plan->nlines, sizeof(*out->lines));
	out->functions = pp_arena_array(arena, plan->nfunctions, sizeof(*out->functions));
	out->comments = pp_arena_array(arena, plan->ncomments, sizeof(*out->comments));
	return out->strings != NULL && out->types != NULL && out->samples != NULL &&
		   out->values != NULL && out->locrefs != NULL && out->labels != NULL &&
		   out->mappings != NULL && out->locations != NULL && out->lines != NULL &&
		   out->functions != NULL && out->comments != NULL;
}

static bool
emit_strings(const Plan *plan, PpProfile *out)
{
	out->nstrings = plan->nstrings;
	for (uint32_t i = 0; i < plan->nstrings; i++)
	{
		PpBytes bytes = plan->m->strings[plan->strings[i]];

		if (bytes.len > 0 && plan->tree == NULL &&
			(bytes.data = pp_arena_copy(out->arena, bytes.data, bytes.len)) == NULL)
			return false;
		if (bytes.len == 0)
			bytes.data = "";
		out->strings[i] = bytes;
	}
	return true;
}

static void
emit_header(const Plan *plan, PpProfile *out)
{
	const PpMerge *m = plan->m;
	const uint32_t *rank = plan->string_rank;

	out->ntypes = m->ntypes;
	for (uint32_t i = 0; i < m->ntypes; i++)
		out->types[i] = (PpValueType){rank[m->types[i].type], rank[m->types[i].unit]};
	out->period_type = (PpValueType){rank[m->period_type.type], rank[m->period_type.unit]};
	out->period = m->period;
	out->time_nanos = m->time_nanos;
	out->duration_nanos = m->duration_nanos;
	out->drop_frames = rank[m->drop_frames];
	out->keep_frames = rank[m->keep_frames];
	out->default_sample_type = rank[merge_default_type(m)];
	out->doc_url = rank[m->doc_url];
	out->ncomments = plan->ncomments;
	for (uint32_t i = 0; i < plan->ncomments; i++)
		out->comments[i] = rank[plan->comments[i]];
}

static void
emit_tables(const Plan *plan, PpProfile *out)
{
	const PpMerge *m = plan->m;
	const uint32_t *rank = plan->string_rank;

	out->nmappings = plan->nmappings;
	for (uint32_t i = 0; i < plan->nmappings; i++)
	{
		const MergeMapping *from = &m->mappings[plan->mappings[i]];

		out->mappings[i] = (PpMapping){(uint64_t) i + 1,
									   from->start,
									   from->start + from->size,
									   from->offset,
									   rank[from->filename],
									   rank[from->build_id],
									   from->flags};
	}
	out->nfunctions = plan->nfunctions;
	for (uint32_t i = 0; i < plan->nfunctions; i++)
	{
		const MergeFunction *from = &m->functions[plan->functions[i]];

		out->functions[i] = (PpFunction){(uint64_t) i + 1,
										 rank[from->name],
										 rank[from->system_name],
										 rank[from->filename],
										 from->start_line};
	}
	out->nlocations = plan->nlocations;
	for (uint32_t i = 0; i < plan->nlocations; i++)
	{
		const MergeLocation *from = &m->locations[plan->locations[i]];
		PpLocation *to = &out->locations[i];

		*to = (PpLocation){(uint64_t) i + 1,
						   from->address,
						   PP_NONE,
						   out->nlines,
						   from->nlines,
						   from->is_folded};
		if (from->mapping != PP_NONE)
		{
			to->address += m->mappings[from->mapping].start;
			to->mapping = plan->mapping_rank[from->mapping];
		}
		for (uint32_t k = 0; k < from->nlines; k++)
		{
			PpLine line = m->lines[from->line_off + k];

			line.function = plan->function_rank[line.function];
			out->lines[out->nlines++] = line;
		}
	}
}

/* Samples with the same labels share them. */
static void
emit_labels(const Plan *plan, PpProfile *out)
{
	const PpMerge *m = plan->m;
	const uint32_t *rank = plan->string_rank;

	for (uint32_t i = 0; i < plan->nlabel_sets; i++)
	{
		const MergeLabels *set = &m->label_sets[plan->label_sets[i]];

		for (uint32_t k = 0; k < set->n; k++)
		{
			const PpLabel *label = &m->labels[set->off + k];

			out->labels[out->nlabels++] =
				(PpLabel){rank[label->key], rank[label->str], rank[label->num_unit], label->num};
		}
	}
}

/*
 * The stack of a node, leaf first.  place[] says where that of a node was written
 * before: its callers are copied from there.
 */
static void
emit_stack(const Plan *plan, uint32_t *place, uint32_t leaf, PpProfile *out)
{
	const MergeNode *nodes = plan->m->nodes;
	uint32_t node = leaf, rest;

	for (; node != 0 && place[node] == PP_NONE; node = nodes[node].parent)
	{
		place[node] = out->nlocrefs;
		out->locrefs[out->nlocrefs++] = plan->location_rank[nodes[node].location];
	}
	if (node == 0)
		return;
	rest = plan->depth[node];
	memcpy(out->locrefs + out->nlocrefs, out->locrefs + place[node], rest * sizeof(uint32_t));
	out->nlocrefs += rest;
}

/*
 * The node of a sample; place[] has the numbers of nodes that came before.  New ones
 * are numbered from the root side on.
 */
static uint32_t
emit_nodes(const Plan *plan, uint32_t *place, uint32_t leaf)
{
	const MergeNode *nodes = plan->m->nodes;
	PpStoredTree *tree = plan->tree;
	uint32_t number = tree->nnodes - 1;

	for (uint32_t i = leaf; place[i] == PP_NONE; i = nodes[i].parent)
		number++;
	tree->nnodes = number + 1;
	for (uint32_t i = leaf; place[i] == PP_NONE; i = nodes[i].parent)
	{
		uint32_t parent = nodes[i].parent;

		tree->nodes[number] = (PpStoredNode){place[parent] == PP_NONE ? number - 1 : place[parent],
											 plan->location_rank[nodes[i].location]};
		place[i] = number--;
	}
	return place[leaf];
}

/* Sets are numbered as samples meet them. */
static uint32_t
emit_set(const Plan *plan, uint32_t *numbers, uint32_t set, uint32_t off)
{
	PpStoredTree *tree = plan->tree;

	if (plan->m->label_sets[set].n == 0)
		return 0;
	if (numbers[set] == PP_NONE)
	{
		tree->sets[tree->nsets] = (PpStoredSet){off, plan->m->label_sets[set].n};
		numbers[set] = tree->nsets++;
	}
	return numbers[set];
}

static bool
start_tree(const Plan *plan, uint32_t *place)
{
	const PpMerge *m = plan->m;
	PpStoredTree *tree = plan->tree;

	tree->nodes = pp_arena_array(plan->scratch, m->nnodes, sizeof(*tree->nodes));
	tree->sets = pp_arena_array(plan->scratch, (size_t) m->nlabel_sets + 1, sizeof(*tree->sets));
	tree->samples = pp_arena_array(plan->scratch, plan->nsamples, sizeof(*tree->samples));
	if (tree->nodes == NULL || tree->sets == NULL || tree->samples == NULL)
		return false;
	tree->nodes[0] = (PpStoredNode){PP_NONE, PP_NONE};
	tree->sets[0] = (PpStoredSet){0, 0};
	tree->nnodes = tree->nsets = 1;
	place[0] = 0;
	return true;
}

static uint32_t *
no_numbers(const Plan *plan, uint32_t n)
{
	uint32_t *numbers = pp_arena_array(plan->scratch, n, sizeof(uint32_t));

	if (numbers != NULL)
		memset(numbers, 0xFF, n * sizeof(uint32_t)); /* PP_NONE */
	return numbers;
}

static PpCode
emit_samples(const Plan *plan, PpProfile *out, PpError *err)
{
	const PpMerge *m = plan->m;
	uint32_t *place = no_numbers(plan, m->nnodes);
	uint32_t *set_numbers = no_numbers(plan, m->nlabel_sets);
	uint32_t *label_off = no_numbers(plan, m->nlabel_sets);
	uint32_t off = 0;

	if (place == NULL || set_numbers == NULL || label_off == NULL ||
		(plan->tree != NULL && !start_tree(plan, place)))
		return pp_fail_nomem(err);
	emit_labels(plan, out);
	for (uint32_t i = 0; i < plan->nlabel_sets; i++)
	{
		label_off[plan->label_sets[i]] = off;
		off += m->label_sets[plan->label_sets[i]].n;
	}
	out->nsamples = plan->nsamples;
	for (uint32_t i = 0; i < plan->nsamples; i++)
	{
		const MergeSample *from = &m->samples[plan->samples[i]];

		if (i % 4096 == 4095 && pp_poll(m->alloc))
			return pp_fail_canceled(err);
		off = label_off[from->labels];
		out->samples[i] =
			(PpSample){out->nlocrefs, plan->depth[from->node], off, m->label_sets[from->labels].n};
		memcpy(out->values + (size_t) i * m->ntypes,
			   m->values + (size_t) plan->samples[i] * m->ntypes,
			   m->ntypes * sizeof(int64_t));
		if (plan->tree == NULL)
			emit_stack(plan, place, from->node, out);
		else
			plan->tree->samples[i] = (PpStoredSample){emit_nodes(plan, place, from->node),
													  emit_set(plan, set_numbers, from->labels, off)};
	}
	return PP_OK;
}

/* Far from every limit of what is stored, which then needs no lists to be checked. */
static bool
is_small(const Plan *plan)
{
	return plan->deepest <= 1 << 14 && plan->longest <= 1 << 6 && plan->nlocrefs <= 1 << 22 &&
		   plan->sample_labels <= 1 << 20 && plan->nsamples <= 1 << 20 && plan->m->ntypes <= 8 &&
		   plan->nlines <= 1 << 22 && plan->nlocations <= 1 << 20 && plan->nfunctions <= 1 << 20 &&
		   plan->nmappings <= 1 << 16 && plan->ncomments <= 1 << 10 &&
		   pp_arena_used(plan->m->arena) <= 1 << 26;
}

static PpCode
make_plan(Plan *plan, PpError *err)
{
	PpCode code;

	if (plan->scratch == NULL)
		return pp_fail_nomem(err);
	code = plan_uses(plan, err);
	if (code == PP_OK && plan->m->mode == PP_MERGE_CANONICAL)
		code = plan_canonical(plan, err);
	return code;
}

static PpCode
emit(const Plan *plan, PpArena *arena, PpProfile **profile, PpError *err)
{
	PpProfile *out = pp_profile_new(arena);
	PpCode code;

	if (out == NULL || !emit_arrays(plan, out) || !emit_strings(plan, out))
		return pp_fail_nomem(err);
	emit_header(plan, out);
	emit_tables(plan, out);
	code = emit_samples(plan, out, err);
	if (code == PP_OK)
		*profile = out;
	return code;
}

PpCode
pp_merge_finish(PpMerge *m, PpArena *arena, PpProfile **profile, PpError *err)
{
	Plan plan = {.m = m, .scratch = pp_arena_new(m->alloc)};
	PpCode code = make_plan(&plan, err);

	if (code == PP_OK)
		code = emit(&plan, arena, profile, err);
	pp_arena_free(plan.scratch);
	return code;
}

PpCode
pp_merge_encode(PpMerge *m, const PpAlloc *alloc, uint8_t **out, size_t *out_len, PpError *err)
{
	Plan plan = {.m = m, .scratch = pp_arena_new(m->alloc)};
	PpCode code = make_plan(&plan, err);
	PpStoredTree tree;
	PpProfile *profile;

	*out = NULL;
	*out_len = 0;
	if (code == PP_OK && is_small(&plan))
		plan.tree = &tree;
	if (code == PP_OK)
		code = emit(&plan, plan.scratch, &profile, err);
	if (code == PP_OK)
		code = plan.tree != NULL ? pp_stored_encode_tree(profile, &tree, alloc, out, out_len, err)
								 : pp_stored_encode(profile, alloc, out, out_len, err);
	pp_arena_free(plan.scratch);
	return code;
}
