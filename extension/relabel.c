/*
 * relabel.c
 *		Labels that series get after they were stored.
 */
#include "postgres.h"

#include "utils/jsonb.h"

#include "core_glue.h"
#include "guc.h"
#include "pprof.h"

/* As ingest does it; __name__, which every profile brings, counts. */
PPROF_FUNCTION(pprof_checked_labels);
Datum
pprof_checked_labels(PG_FUNCTION_ARGS)
{
	PpLabelSet labels, all;
	PpLabelLimits limits;
	PpError err;

	core_labels_from_jsonb(PG_GETARG_JSONB_P(0), core_arena_create(), &labels);
	all.n = labels.n;
	all.pairs = palloc(sizeof(PpLabelPair) * (labels.n + 1));
	if (labels.n > 0)
		memcpy(all.pairs, labels.pairs, sizeof(PpLabelPair) * labels.n);
	all.pairs[all.n++] = (PpLabelPair){pp_bytes_cstr("__name__"), pp_bytes_cstr("profile")};
	pp_labels_normalize(&all);
	pprof_label_limits(&limits);
	CORE_CHECK(pp_labels_validate(&all, &limits, &err), &err);
	PG_RETURN_JSONB_P(core_labels_to_jsonb(&labels));
}
