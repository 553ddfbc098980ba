/*
 * samples_agg.c
 *		Merge aggregate over pprof.samples: integers are added, names are nowhere.
 */
#include "postgres.h"

#include "core/pp_samples.h"
#include "pprof.h"
#include "sum_state.h"

PPROF_FUNCTION(pprof_merge_transfn_samples);

static void *
samples_create(const PpAlloc *alloc)
{
	return pp_samples_sum_new(alloc);
}

static PpCode
samples_add(void *sum, const PpAlloc *scratch, const uint8_t *data, size_t len, PpError *err)
{
	return pp_samples_sum_add(sum, data, len, 1, err);
}

static PpCode
samples_encode(void *sum, const PpAlloc *alloc, uint8_t **out, size_t *len, PpError *err)
{
	return pp_samples_sum_encode(sum, alloc, out, len, err);
}

static const SumKind samples_kind = {samples_create, samples_add, samples_encode};

Datum
pprof_merge_transfn_samples(PG_FUNCTION_ARGS)
{
	return sum_state_transition(fcinfo, &samples_kind);
}
