/*
 * query.c
 *		pprof.query, pprof.flamegraph over a range, and samples with their names.
 *
 * Sums of integers come from range_sum.c; names are looked up once, for the sums.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "aggregation.h"
#include "core/pp_mean.h"
#include "core/pp_merge.h"
#include "core/pp_truncate.h"
#include "core_glue.h"
#include "flamegraph.h"
#include "pprof.h"
#include "range_sum.h"
#include "selection.h"
#include "storage.h"

#define UNIX_EPOCH_USECS (INT64CONST(86400000000) * (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE))

/* What is asked for. */
typedef struct RangeQuestion
{
	PpArena *arena;
	PpBytes profile_type; /* its five parts; a sixth is dropped */
	PpTypeId type;
	const text *selector;
	TimestampTz since, until;
	bool average;
} RangeQuestion;

/* Type, selector, since and until, none of them null; false if one is. */
static bool
read_question(FunctionCallInfo fcinfo, int aggregation, RangeQuestion *question)
{
	PpError err;

	memset(question, 0, sizeof(*question));
	question->arena = core_arena_create();
	question->average =
		!PG_ARGISNULL(aggregation) && aggregation_is_average(PG_GETARG_TEXT_PP(aggregation));
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		return false;
	CORE_CHECK(pp_type_id_parse(core_bytes(PG_GETARG_TEXT_PP(0)), &question->type, &err), &err);
	CORE_CHECK(pp_type_id_text(&question->type, question->arena, &question->profile_type, &err),
			   &err);
	question->selector = PG_GETARG_TEXT_PP(1);
	question->since = PG_GETARG_TIMESTAMPTZ(2);
	question->until = PG_GETARG_TIMESTAMPTZ(3);
	return true;
}

/* Inside storage_begin. */
static void
ask(const RangeQuestion *question, const RangeSumOptions *options, RangeProfiles *profiles)
{
	Selection selection;
	SelectedService *services;
	int n;

	selection_parse(&selection, question->selector);
	services = selection_find(&selection, question->profile_type, false, &n);
	range_sum(&selection, services, n, question->since, question->until, options, profiles);
}

/* --- as a profile --- */

/* Parts with their names, added up. */
typedef struct Naming
{
	PpMerge *merge; /* NULL: nothing yet */
	PpBytes type, unit;
} Naming;

static void
name_part(void *context, const PpSamplesPart *part)
{
	Naming *naming = context;
	PpArena *share = core_arena_create(); /* it may be large: it goes when it has been added */
	PpProfile *profile;
	PpError err;

	CORE_CHECK(pp_dict_resolve(dictionary_for_reading(part),
							   part,
							   naming->type,
							   naming->unit,
							   share,
							   &profile,
							   &err),
			   &err);
	CORE_CHECK(pp_merge_add(naming->merge, profile, &err), &err);
	pp_arena_free(share);
}

static void
naming_begin(Naming *naming, PpBytes type, PpBytes unit)
{
	naming->merge = pp_merge_new(core_alloc_create(CurrentMemoryContext), PP_MERGE_CANONICAL);
	if (naming->merge == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	naming->type = type;
	naming->unit = unit;
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
set_header(PpProfile *profile, PpArena *arena, const PpTypeId *type, const RangeProfiles *profiles)
{
	PpBytes strings[2] = {type->period_type, type->period_unit};
	uint32_t first = add_strings(profile, arena, strings, 2);

	profile->period_type = (PpValueType){first, first + 1};
	if (profiles->n > 0)
	{
		profile->time_nanos = (profiles->first + UNIX_EPOCH_USECS) * 1000;
		profile->duration_nanos = profiles->duration;
	}
}

/* The mean of n profiles of one type: each stack rounded, those without a value left out. */
static PpProfile *
mean_profile(PpProfile *profile, int64 n, PpArena *arena)
{
	PpProfile *mean;
	PpError err;

	for (uint32_t i = 0; i < profile->nsamples; i++)
		profile->values[i] = pp_mean(profile->values[i], n);
	CORE_CHECK(pp_profile_compact(profile, arena, &mean, &err), &err);
	return mean;
}

/* The sum or mean; NULL: there is nothing. */
static PpProfile *
query_profile(const RangeQuestion *question, int64 max_nodes, RangeProfiles *profiles)
{
	Naming naming;
	RangeSumOptions options = {.with_profiles = true, .visit = name_part, .context = &naming};
	PpProfile *profile;
	PpError err;

	naming_begin(&naming, question->type.sample_type, question->type.sample_unit);
	ask(question, &options, profiles);
	if (pp_merge_count(naming.merge) == 0)
		return NULL;
	CORE_CHECK(pp_merge_finish(naming.merge, question->arena, &profile, &err), &err);
	pp_merge_free(naming.merge);
	if (question->average && profiles->n > 0)
	{
		profile = mean_profile(profile, profiles->n, question->arena);
		profiles->duration = pp_mean(profiles->duration, profiles->n);
	}
	if (max_nodes > 0)
		CORE_CHECK(pp_profile_truncate(profile, max_nodes, question->arena, &profile, &err), &err);
	return profile;
}

PPROF_FUNCTION(pprof_query);
Datum
pprof_query(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	RangeQuestion question;
	RangeProfiles profiles = {0};
	PpProfile *profile = NULL;
	bool given = read_question(fcinfo, 5, &question);
	Datum result;

	if (given)
	{
		storage_begin();
		/* its strings may be the dictionary's, which the next call may drop */
		profile = query_profile(&question, PG_ARGISNULL(4) ? 0 : PG_GETARG_INT32(4), &profiles);
	}
	if (profile == NULL)
		profile = empty_profile(question.arena, &question.type);
	set_header(profile, question.arena, &question.type, &profiles);
	MemoryContextSwitchTo(caller);
	result = profile_to_datum(profile);
	if (given)
		storage_end();
	MemoryContextSwitchTo(caller);
	return result;
}

/* --- as a flame graph --- */

static void
scatter_part(void *context, const PpSamplesPart *part)
{
	PpError err;

	CORE_CHECK(pp_dict_scatter(dictionary_for_reading(part), part, context, &err), &err);
}

/* The tree of a range; empty if an argument is null. */
static PpTree *
range_tree(FunctionCallInfo fcinfo, PpFlameRules rules)
{
	PpTree *tree = pp_tree_new(core_alloc_create(CurrentMemoryContext), rules);
	RangeQuestion question;
	RangeSumOptions options = {.functions = true, .visit = scatter_part, .context = tree};
	RangeProfiles profiles;
	PpError err;

	if (tree == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	if (!read_question(fcinfo, 6, &question))
		return tree;
	options.with_profiles = question.average;
	storage_begin();
	ask(&question, &options, &profiles);
	storage_end();
	if (question.average && profiles.n > 1)
		CORE_CHECK(pp_tree_mean(tree, profiles.n, &tree, &err), &err);
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
	Naming naming;
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
	naming_begin(&naming, type.sample_type, type.sample_unit);
	for (uint32_t i = 0; i < nparts; i++)
		name_part(&naming, &parts[i]);
	if (nparts == 0)
		profile = empty_profile(arena, &type);
	else
		CORE_CHECK(pp_merge_finish(naming.merge, arena, &profile, &err), &err);
	MemoryContextSwitchTo(caller);
	result = profile_to_datum(profile);
	storage_end();
	MemoryContextSwitchTo(caller);
	return result;
}
