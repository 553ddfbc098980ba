/*
 * pp_merge_batch.c
 *		Looking up many strings, functions and locations of an input at once.
 *
 * What is looked up was nearly always met before, and lies anywhere in tables that
 * are larger than the nearer caches.  So each step is made for a batch of things
 * before the next one: by then what it reads has been fetched.  Whatever is not
 * found where it should be is left to pp_merge_intern.c.
 */
#include "core/pp_merge_state.h"
#include "core/pp_wire.h"

#define BATCH 32

typedef struct Batch
{
	uint32_t n;
	uint32_t index[BATCH]; /* in the input */
	uint32_t hash[BATCH];
	uint32_t found[BATCH]; /* what has that hash here, or PP_NONE */
} Batch;

static inline void
batch_add(Batch *batch, const PpTable *table, uint32_t index, uint32_t hash)
{
	if (table->nslots > 0)
		__builtin_prefetch(&table->slots[hash & (table->nslots - 1)]);
	batch->index[batch->n] = index;
	batch->hash[batch->n++] = hash;
}

static inline uint32_t
batch_find(Batch *batch, const PpTable *table, uint32_t i)
{
	size_t at = pp_table_first(table, batch->hash[i]);

	return batch->found[i] = pp_table_next(table, batch->hash[i], &at);
}

/* --- strings --- */

static bool
find_strings(PpMerge *m, const PpProfile *p, Batch *batch)
{
	uint32_t *memo = m->string_memo.ids;

	for (uint32_t i = 0; i < batch->n; i++)
		if (batch_find(batch, &m->string_table, i) != PP_NONE)
			__builtin_prefetch(&m->strings[batch->found[i]]);
	for (uint32_t i = 0; i < batch->n; i++)
		if (batch->found[i] != PP_NONE)
			__builtin_prefetch(m->strings[batch->found[i]].data);
	for (uint32_t i = 0; i < batch->n; i++)
	{
		uint32_t index = batch->index[i], found = batch->found[i];

		if (PP_LIKELY(found != PP_NONE && pp_bytes_eq(m->strings[found], p->strings[index])))
			memo[index] = found;
		else if ((memo[index] = merge_bytes(m, p->strings[index])) == PP_NONE)
			return false;
	}
	batch->n = 0;
	return true;
}

static bool
merge_strings(PpMerge *m, const PpProfile *p)
{
	Batch batch = {.n = 0};

	for (uint32_t i = 0; i < p->nstrings; i++)
	{
		batch_add(&batch, &m->string_table, i, merge_hash_bytes(m, p->strings[i]));
		if (batch.n == BATCH && !find_strings(m, p, &batch))
			return false;
	}
	return find_strings(m, p, &batch);
}

/* --- functions --- */

static inline MergeFunction
mapped_function(const PpMerge *m, const PpFunction *in)
{
	const uint32_t *strings = m->string_memo.ids;

	return (MergeFunction){strings[in->name],
						   strings[in->system_name],
						   strings[in->filename],
						   in->start_line};
}

static bool
find_functions(PpMerge *m, const PpProfile *p, Batch *batch)
{
	uint32_t *memo = m->function_memo.ids;

	for (uint32_t i = 0; i < batch->n; i++)
		if (batch_find(batch, &m->function_table, i) != PP_NONE)
			__builtin_prefetch(&m->functions[batch->found[i]]);
	for (uint32_t i = 0; i < batch->n; i++)
	{
		uint32_t index = batch->index[i], found = batch->found[i];
		MergeFunction f = mapped_function(m, &p->functions[index]);

		if (PP_LIKELY(found != PP_NONE && merge_same_function(&m->functions[found], &f)))
			memo[index] = found;
		else if (merge_function(m, p, index) == PP_NONE)
			return false;
	}
	batch->n = 0;
	return true;
}

bool
merge_names(PpMerge *m, const PpProfile *p)
{
	Batch batch = {.n = 0};

	if (!merge_strings(m, p))
		return false;
	for (uint32_t i = 0; i < p->nfunctions; i++)
	{
		MergeFunction f = mapped_function(m, &p->functions[i]);

		batch_add(&batch, &m->function_table, i, merge_hash_function(m, &f));
		if (batch.n == BATCH && !find_functions(m, p, &batch))
			return false;
	}
	return find_functions(m, p, &batch);
}

/* --- locations --- */

/* All but where its lines are; *hash is what the table goes by. */
static inline bool
map_location(PpMerge *m, const PpProfile *p, uint32_t index, MergeLocation *loc, uint32_t *hash)
{
	const PpLocation *in = &p->locations[index];
	const PpLine *lines = p->lines + in->line_off;
	const uint32_t *functions = m->function_memo.ids;
	uint64_t h;

	*loc = (MergeLocation){.address = in->address, .mapping = PP_NONE};
	loc->nlines = in->nlines;
	loc->is_folded = in->is_folded != 0;
	if (in->mapping != PP_NONE)
	{
		loc->mapping = merge_mapping(m, p, in->mapping);
		if (loc->mapping == PP_NONE)
			return false;
		loc->address -= p->mappings[in->mapping].start;
	}
	h = pp_table_mix(m->seed, loc->address);
	for (uint32_t i = 0; i < in->nlines; i++)
		h = merge_hash_line(h, functions[lines[i].function], lines[i].line);
	if (in->nlines > 0)
	{
		loc->function = functions[lines[0].function];
		loc->line = lines[0].line;
		loc->column = lines[in->nlines - 1].column;
	}
	*hash = merge_hash_location(h, loc);
	return true;
}

/* Lines behind the first, with columns that would not change those here. */
static inline bool
has_lines(const PpMerge *m, const PpProfile *p, const MergeLocation *loc, uint32_t index)
{
	const PpLine *ours = m->lines + loc->line_off;
	const PpLine *theirs = p->lines + p->locations[index].line_off;
	const uint32_t *functions = m->function_memo.ids;

	for (uint32_t i = 0; i < loc->nlines && loc->nlines > 1; i++)
		if (ours[i].function != functions[theirs[i].function] || ours[i].line != theirs[i].line ||
			ours[i].column != theirs[i].column)
			return false;
	return true;
}

static bool
find_locations(PpMerge *m, const PpProfile *p, Batch *batch, const MergeLocation *wanted)
{
	uint32_t *memo = m->location_memo.ids;

	for (uint32_t i = 0; i < batch->n; i++)
		if (batch_find(batch, &m->location_table, i) != PP_NONE)
		{
			const MergeLocation *found = &m->locations[batch->found[i]];

			__builtin_prefetch(found);
			__builtin_prefetch((const char *) (found + 1) - 1);
		}
	for (uint32_t i = 0; i < batch->n; i++)
	{
		uint32_t index = batch->index[i], found = batch->found[i];

		if (PP_LIKELY(found != PP_NONE && merge_same_location(&m->locations[found], &wanted[i]) &&
					  has_lines(m, p, &m->locations[found], index)))
			memo[index] = found;
		else if (merge_location(m, p, index) == PP_NONE)
			return false;
	}
	batch->n = 0;
	return true;
}

bool
merge_locations(PpMerge *m, const PpProfile *p, const uint32_t *locations, uint32_t n)
{
	Batch batch = {.n = 0};
	MergeLocation wanted[BATCH];

	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t hash;

		if (!map_location(m, p, locations[i], &wanted[batch.n], &hash))
			return false;
		batch_add(&batch, &m->location_table, locations[i], hash);
		if (batch.n == BATCH && !find_locations(m, p, &batch, wanted))
			return false;
	}
	return find_locations(m, p, &batch, wanted);
}
