/*
 * query.c
 *		pprof.query, pprof.flamegraph over a range, and samples with their names.
 *
 * Rows are fetched in batches and added up as integers; names are looked up
 * once, for the sum.
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/pp_codec.h"
#include "core/pp_merge.h"
#include "core/pp_names.h"
#include "core/pp_truncate.h"
#include "core_glue.h"
#include "flamegraph.h"
#include "pprof.h"
#include "selection.h"
#include "storage.h"

#define UNIX_EPOCH_USECS (INT64CONST(86400000000) * (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE))

/* What a range adds up to. */
typedef struct RangeSum
{
	MemoryContext context;
	PpSamplesSum *sum;
	int64 nrows;
	TimestampTz first;
	int64 duration; /* of distinct profiles; saturating */

	/*
	 * Profiles met so far, by a hash that is never 0: one may have rows in several
	 * series.  Only a profile has a duration; flame graphs do without.
	 */
	bool with_duration;
	uint64 *seen;
	uint64 nseen, seen_mask;
} RangeSum;

static void
seen_grow(RangeSum *range)
{
	uint64 *old = range->seen;
	uint64 size = old == NULL ? 0 : range->seen_mask + 1;

	range->seen_mask = Max(size * 2, 1024) - 1;
	range->seen = MemoryContextAllocExtended(range->context,
											 (range->seen_mask + 1) * sizeof(uint64),
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint64 i = 0; i < size; i++)
	{
		uint64 at = old[i] & range->seen_mask;

		if (old[i] == 0)
			continue;
		while (range->seen[at] != 0)
			at = (at + 1) & range->seen_mask;
		range->seen[at] = old[i];
	}
	if (old != NULL)
		pfree(old);
}

/* Is it the first row of its profile? */
static bool
seen_add(RangeSum *range, const SelectedRow *row)
{
	uint64 hash = pp_stable_hash(&row->profile_id, UUID_LEN, (uint64) row->service->service_id);
	uint64 at;

	hash = pp_stable_mix(hash, (uint64) row->at) | 1;
	if (range->seen == NULL || range->nseen * 2 > range->seen_mask)
		seen_grow(range);
	for (at = hash & range->seen_mask; range->seen[at] != 0; at = (at + 1) & range->seen_mask)
		if (range->seen[at] == hash)
			return false;
	range->seen[at] = hash;
	range->nseen++;
	return true;
}

static void
add_row(void *context, const SelectedRow *row)
{
	RangeSum *range = context;
	PpError err;

	CORE_CHECK(pp_samples_sum_add(range->sum, row->samples, row->samples_len, row->divisor, &err),
			   &err);
	if (range->nrows++ == 0 || row->at < range->first)
		range->first = row->at;
	if (range->with_duration && seen_add(range, row) &&
		pg_add_s64_overflow(range->duration, row->duration, &range->duration))
		range->duration = PG_INT64_MAX;
}

/* The five parts of a profile type; a sixth is dropped. */
static PpTypeId
parse_type(const text *profile_type, PpArena *arena, PpBytes *canonical)
{
	PpTypeId type;
	PpError err;

	CORE_CHECK(pp_type_id_parse(core_bytes(profile_type), &type, &err), &err);
	CORE_CHECK(pp_type_id_text(&type, arena, canonical, &err), &err);
	return type;
}

/* Parts of the sum of a range, by dictionary; inside storage_begin. */
static PpSamplesPart *
sum_range(PpBytes profile_type, const text *selector, TimestampTz since, TimestampTz until,
		  bool with_duration, PpArena *arena, RangeSum *range, uint32_t *nparts)
{
	Selection selection;
	SelectedService *services;
	PpSamplesPart *parts;
	PpError err;
	int n;

	memset(range, 0, sizeof(*range));
	range->context = CurrentMemoryContext;
	range->with_duration = with_duration;
	range->sum = pp_samples_sum_new(core_alloc_create(CurrentMemoryContext));
	if (range->sum == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	selection_parse(&selection, selector);
	services = selection_find(&selection, profile_type, false, &n);
	selection_rows(&selection, services, n, since, until, true, add_row, range);
	CORE_CHECK(pp_samples_sum_parts(range->sum, arena, &parts, nparts, &err), &err);
	return parts;
}

static const PpDict *
dictionary_of(const PpSamplesPart *part)
{
	/* entries ascend */
	return dictionary_for_reading(part->dict_id, part->entries[part->n - 1].stack + 1);
}

/* Parts with their names as one profile, in the arena; NULL if there is no sample. */
static PpProfile *
resolve_parts(const PpSamplesPart *parts, uint32_t nparts, PpBytes type, PpBytes unit, PpArena *arena)
{
	PpMerge *merge = pp_merge_new(core_alloc_create(CurrentMemoryContext), PP_MERGE_CANONICAL);
	PpProfile *result;
	uint32_t added = 0;
	PpError err;

	if (merge == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	for (uint32_t i = 0; i < nparts; i++)
	{
		/* a dictionary's share may be large: it goes when it has been added */
		PpArena *share = core_arena_create();
		PpProfile *profile;

		if (parts[i].n > 0)
		{
			CORE_CHECK(pp_dict_resolve(dictionary_of(&parts[i]),
									   &parts[i],
									   type,
									   unit,
									   share,
									   &profile,
									   &err),
					   &err);
			CORE_CHECK(pp_merge_add(merge, profile, &err), &err);
			added++;
		}
		pp_arena_free(share);
	}
	if (added == 0)
		return NULL;
	CORE_CHECK(pp_merge_finish(merge, arena, &result, &err), &err);
	pp_merge_free(merge);
	return result;
}

/* Add strings to a profile: their indexes follow those that are there. */
static uint32_t
add_strings(PpProfile *profile, PpArena *arena, const PpBytes *strings, uint32_t n)
{
	uint32_t first = profile->nstrings;
	PpBytes *all = pp_arena_array(arena, (size_t) first + n, sizeof(PpBytes));

	if (all == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	memcpy(all, profile->strings, first * sizeof(PpBytes));
	for (uint32_t i = 0; i < n; i++)
		all[first + i] = strings[i];
	profile->strings = all;
	profile->nstrings += n;
	return first;
}

/* A profile without samples: its one type, and nothing else. */
static PpProfile *
empty_profile(PpArena *arena, const PpTypeId *type)
{
	PpBytes strings[2] = {type->sample_type, type->sample_unit};
	PpProfile *profile = pp_profile_new(arena);
	uint32_t first;

	if (profile == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	first = add_strings(profile, arena, strings, 2);
	profile->ntypes = 1;
	profile->types = pp_arena_array(arena, 1, sizeof(PpValueType));
	if (profile->types == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	profile->types[0] = (PpValueType){first, first + 1};
	return profile;
}

static void
set_header(PpProfile *profile, PpArena *arena, const PpTypeId *type, const RangeSum *range)
{
	PpBytes strings[2] = {type->period_type, type->period_unit};
	uint32_t first = add_strings(profile, arena, strings, 2);

	profile->period_type = (PpValueType){first, first + 1};
	if (range->nrows > 0)
	{
		profile->time_nanos = (range->first + UNIX_EPOCH_USECS) * 1000;
		profile->duration_nanos = range->duration;
	}
}

/* Type, selector, since and until: none of them null. */
static bool
range_given(FunctionCallInfo fcinfo)
{
	return !PG_ARGISNULL(0) && !PG_ARGISNULL(1) && !PG_ARGISNULL(2) && !PG_ARGISNULL(3);
}

PPROF_FUNCTION(pprof_query);
Datum
pprof_query(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	MemoryContext caller = CurrentMemoryContext;
	bool given = range_given(fcinfo);
	PpProfile *profile = NULL;
	PpTypeId type = {{"", 0}, {"", 0}, {"", 0}, {"", 0}, {"", 0}};
	RangeSum range = {0};
	Datum result;
	PpError err;

	if (given)
	{
		PpBytes canonical;
		PpSamplesPart *parts;
		uint32_t nparts;

		type = parse_type(PG_GETARG_TEXT_PP(0), arena, &canonical);
		storage_begin();
		parts = sum_range(canonical,
						  PG_GETARG_TEXT_PP(1),
						  PG_GETARG_TIMESTAMPTZ(2),
						  PG_GETARG_TIMESTAMPTZ(3),
						  true,
						  arena,
						  &range,
						  &nparts);
		profile = resolve_parts(parts, nparts, type.sample_type, type.sample_unit, arena);
		/* its strings may be the dictionary's, which the next call may drop */
		if (profile != NULL && !PG_ARGISNULL(4) && PG_GETARG_INT32(4) > 0)
			CORE_CHECK(pp_profile_truncate(profile, PG_GETARG_INT32(4), arena, &profile, &err), &err);
	}
	if (profile == NULL)
		profile = empty_profile(arena, &type);
	set_header(profile, arena, &type, &range);
	MemoryContextSwitchTo(caller);
	result = profile_to_datum(profile);
	if (given)
		storage_end();
	MemoryContextSwitchTo(caller);
	return result;
}

/* The tree of a range; empty if an argument is null. */
static PpTree *
range_tree(FunctionCallInfo fcinfo, PpFlameRules rules)
{
	PpTree *tree = pp_tree_new(core_alloc_create(CurrentMemoryContext), rules);
	PpArena *arena = core_arena_create();
	PpBytes canonical;
	PpSamplesPart *parts;
	uint32_t nparts;
	RangeSum range;
	PpError err;

	if (tree == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	if (!range_given(fcinfo))
		return tree;
	parse_type(PG_GETARG_TEXT_PP(0), arena, &canonical);
	storage_begin();
	parts = sum_range(canonical,
					  PG_GETARG_TEXT_PP(1),
					  PG_GETARG_TIMESTAMPTZ(2),
					  PG_GETARG_TIMESTAMPTZ(3),
					  false,
					  arena,
					  &range,
					  &nparts);
	for (uint32_t i = 0; i < nparts; i++)
		if (parts[i].n > 0)
			CORE_CHECK(pp_dict_scatter(dictionary_of(&parts[i]), &parts[i], tree, &err), &err);
	storage_end();
	return tree;
}

PPROF_FUNCTION(pprof_flamegraph_range);
Datum
pprof_flamegraph_range(PG_FUNCTION_ARGS)
{
	PpFlameRules rules = PG_ARGISNULL(5) ? PP_RULES_PPROF : flame_rules(PG_GETARG_TEXT_PP(5));

	return flame_rows(fcinfo, range_tree(fcinfo, rules), PG_ARGISNULL(4) ? 0 : PG_GETARG_INT32(4));
}

/* --- samples as a profile --- */

PPROF_FUNCTION(pprof_to_profile);
Datum
pprof_to_profile(PG_FUNCTION_ARGS)
{
	bytea *samples = PG_GETARG_BYTEA_PP(0);
	PpArena *arena = core_arena_create();
	PpTypeId type = {{"", 0}, {"samples", 7}, {"", 0}, {"", 0}, {"", 0}};
	PpSamplesSum *sum = pp_samples_sum_new(core_alloc_create(CurrentMemoryContext));
	MemoryContext caller = CurrentMemoryContext;
	PpSamplesPart *parts;
	PpProfile *profile;
	uint32_t nparts;
	Datum result;
	PpError err;

	if (sum == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	CORE_CHECK(pp_samples_sum_add(sum,
								  (const uint8_t *) VARDATA_ANY(samples),
								  VARSIZE_ANY_EXHDR(samples),
								  1,
								  &err),
			   &err);
	CORE_CHECK(pp_samples_sum_parts(sum, arena, &parts, &nparts, &err), &err);
	storage_begin();
	profile = resolve_parts(parts, nparts, type.sample_type, type.sample_unit, arena);
	if (profile == NULL)
		profile = empty_profile(arena, &type);
	MemoryContextSwitchTo(caller);
	result = profile_to_datum(profile);
	storage_end();
	MemoryContextSwitchTo(caller);
	return result;
}
