/*
 * pp_merge.c
 *		Adding up profiles: the state and the header rules.
 *
 * The keys are in pp_merge_intern.c and pp_merge_tree.c, profiles in their stored
 * form in pp_merge_stored.c, the result in pp_merge_finish.c.
 */
#include "core/pp_merge_state.h"

#define POLL_EVERY 4096 /* samples between two looks at poll() */

void *
merge_grow(PpMerge *m, void *array, uint32_t *cap, size_t need, size_t size)
{
	/* small ones by more: what is not touched costs nothing, and what is moved does */
	size_t wanted = (size_t) *cap * (*cap < 1 << 16 ? 4 : 2);
	void *grown;

	if (need >= UINT32_MAX)
	{
		m->full = true;
		return NULL;
	}
	if (wanted < need)
		wanted = need;
	if (wanted < 64)
		wanted = 64;
	if (wanted >= UINT32_MAX)
		wanted = UINT32_MAX - 1;
	grown = m->alloc->resize(m->alloc->ctx, array, wanted * size);
	if (grown != NULL)
		*cap = (uint32_t) wanted;
	return grown;
}

PpCode
merge_no_room(const PpMerge *m, PpError *err)
{
	if (m->full)
		return pp_fail_limit(err, PP_NO_OFFSET, NULL, UINT32_MAX, "merged profile has too many entries");
	return pp_fail_nomem(err);
}

PpMerge *
pp_merge_new(const PpAlloc *alloc, PpMergeMode mode)
{
	PpMerge *m = alloc->alloc(alloc->ctx, sizeof(PpMerge));
	PpBytes empty = {"", 0};

	if (m == NULL)
		return NULL;
	memset(m, 0, sizeof(*m));
	m->alloc = alloc;
	m->mode = mode;
	m->seed = pp_table_seed();
	m->main_mapping = PP_NONE;
	m->arena = pp_arena_new(alloc);
	/* string 0 is the empty one, as in a profile; pools are never null, even empty */
	if (m->arena == NULL || merge_bytes(m, empty) == PP_NONE ||
		!MERGE_RESERVE(m, m->lines, m->cap_lines, 1) || !merge_tree_start(m) ||
		!MERGE_RESERVE(m, m->label_sets, m->cap_label_sets, 1) ||
		!MERGE_RESERVE(m, m->labels, m->cap_labels, 1))
	{
		pp_merge_free(m);
		return NULL;
	}
	m->label_sets[0] = (MergeLabels){0, 0};
	m->nlabel_sets = 1;
	return m;
}

void
pp_merge_free(PpMerge *m)
{
	if (m == NULL)
		return;

	const PpAlloc *alloc = m->alloc;
	PpTable *tables[] = {&m->string_table,
						 &m->mapping_table,
						 &m->function_table,
						 &m->location_table,
						 &m->label_table,
						 &m->sample_table,
						 &m->comment_table};
	void *arrays[] = {m->strings,
					  m->mappings,
					  m->functions,
					  m->locations,
					  m->lines,
					  m->nodes,
					  m->ends,
					  m->node_hashes,
					  m->node_slots,
					  m->label_sets,
					  m->labels,
					  m->samples,
					  m->values,
					  m->comments,
					  m->string_memo.ids,
					  m->mapping_memo.ids,
					  m->function_memo.ids,
					  m->location_memo.ids,
					  m->node_memo.ids,
					  m->set_memo.ids,
					  m->wanted.ids,
					  m->path_hashes,
					  m->path.ids};

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		pp_table_free(tables[i], alloc);
	for (size_t i = 0; i < sizeof(arrays) / sizeof(*arrays); i++)
		if (arrays[i] != NULL)
			alloc->release(alloc->ctx, arrays[i]);
	pp_arena_free(m->arena);
	alloc->release(alloc->ctx, m);
}

size_t
pp_merge_memory(const PpMerge *m)
{
	size_t memos = (size_t) m->string_memo.cap + m->mapping_memo.cap + m->function_memo.cap +
				   m->location_memo.cap + m->node_memo.cap + m->set_memo.cap + m->wanted.cap +
				   m->path.cap;

	return sizeof(*m) + pp_arena_used(m->arena) + pp_table_memory(&m->string_table) +
		   pp_table_memory(&m->mapping_table) + pp_table_memory(&m->function_table) +
		   pp_table_memory(&m->location_table) + pp_table_memory(&m->label_table) +
		   pp_table_memory(&m->sample_table) + pp_table_memory(&m->comment_table) +
		   m->cap_strings * sizeof(*m->strings) + m->cap_mappings * sizeof(*m->mappings) +
		   m->cap_functions * sizeof(*m->functions) + m->cap_locations * sizeof(*m->locations) +
		   m->cap_lines * sizeof(*m->lines) + m->cap_nodes * sizeof(*m->nodes) +
		   m->cap_ends * sizeof(*m->ends) + m->cap_node_hashes * sizeof(*m->node_hashes) +
		   m->cap_path_hashes * sizeof(*m->path_hashes) + m->nnode_slots * sizeof(*m->node_slots) +
		   m->cap_label_sets * sizeof(*m->label_sets) + m->cap_labels * sizeof(*m->labels) +
		   m->cap_samples * sizeof(*m->samples) + m->cap_values * sizeof(*m->values) +
		   m->cap_comments * sizeof(*m->comments) + memos * sizeof(uint32_t);
}

int64_t
pp_merge_count(const PpMerge *m)
{
	return m->count;
}

bool
merge_start_memo(PpMerge *m, MergeMemo *memo, uint32_t n)
{
	if (!MERGE_RESERVE(m, memo->ids, memo->cap, n))
		return false;
	if (n > 0)
		memset(memo->ids, 0xFF, n * sizeof(uint32_t)); /* PP_NONE */
	return true;
}

static bool
add_comments(PpMerge *m, const PpProfile *p)
{
	for (uint32_t i = 0; i < p->ncomments; i++)
	{
		uint32_t string = merge_string(m, p, p->comments[i]);
		uint32_t hash = pp_table_fold(pp_table_mix(m->seed, string));
		size_t at = pp_table_first(&m->comment_table, hash);
		uint32_t known;

		if (string == PP_NONE)
			return false;
		while ((known = pp_table_next(&m->comment_table, hash, &at)) != PP_NONE)
			if (m->comments[known] == string)
				break;
		if (known != PP_NONE)
			continue;
		if (!MERGE_RESERVE(m, m->comments, m->cap_comments, (size_t) m->ncomments + 1) ||
			!pp_table_reserve(&m->comment_table, m->alloc))
			return false;
		m->comments[m->ncomments] = string;
		pp_table_insert(&m->comment_table, hash, m->ncomments++);
	}
	return true;
}

/* first: the first non-empty one stays; else the least of the non-empty ones (see merge_name_cmp). */
static bool
join_string(PpMerge *m, const PpProfile *p, uint32_t string, bool first, uint32_t *ours)
{
	uint32_t new = merge_string(m, p, string);

	if (new == PP_NONE)
		return false;
	if (new != 0 && (*ours == 0 || (!first && merge_name_cmp(m->strings[new], m->strings[*ours]) < 0)))
		*ours = new;
	return true;
}

static void
join_numbers(PpMerge *m, const PpProfile *p)
{
	if (p->time_nanos != 0 && (m->time_nanos == 0 || p->time_nanos < m->time_nanos))
		m->time_nanos = p->time_nanos;
	if (__builtin_add_overflow(m->duration_nanos, p->duration_nanos, &m->duration_nanos))
		m->duration_nanos = p->duration_nanos > 0 ? INT64_MAX : INT64_MIN;
	if (m->period == 0 || (m->period < m->input_period && m->input_period != 0))
		m->period = m->input_period;
}

static bool
join_header(PpMerge *m, const PpProfile *p)
{
	bool first = m->mode == PP_MERGE_ORDERED;

	join_numbers(m, p);
	/* the tool takes the frame expressions of the first profile, empty or not */
	if (!first || m->count == 0)
		if (!join_string(m, p, p->drop_frames, first, &m->drop_frames) ||
			!join_string(m, p, p->keep_frames, first, &m->keep_frames))
			return false;
	return join_string(m, p, p->default_sample_type, first, &m->default_sample_type) &&
		   join_string(m, p, p->doc_url, first, &m->doc_url) && add_comments(m, p);
}

static bool
all_zero(const int64_t *values, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (values[i] != 0)
			return false;
	return true;
}

PpCode
merge_start(PpMerge *m, const PpProfile *p, PpError *err)
{
	PpCode agreed = merge_agree(m, p, err);

	if (agreed != PP_OK)
		return agreed;
	if (!merge_start_memo(m, &m->string_memo, p->nstrings) ||
		!merge_start_memo(m, &m->mapping_memo, p->nmappings) ||
		!merge_start_memo(m, &m->function_memo, p->nfunctions) ||
		!merge_start_memo(m, &m->location_memo, p->nlocations) || !join_header(m, p) ||
		!merge_main_mapping(m, p))
		return merge_no_room(m, err);
	return PP_OK;
}

PpCode
pp_merge_add(PpMerge *m, const PpProfile *p, PpError *err)
{
	PpCode code = merge_start(m, p, err);

	m->last_sample = NULL;
	for (uint32_t i = 0; i < p->nsamples && code == PP_OK; i++)
	{
		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(m->alloc))
			return pp_fail_canceled(err);
		if (!all_zero(p->values + (size_t) i * p->ntypes, p->ntypes))
			code = merge_sample(m, p, i, err);
	}
	if (code == PP_OK)
		m->count++;
	return code;
}
