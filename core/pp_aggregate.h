/*
 * pp_aggregate.h
 *		Profiles made coarser for good, where reports only look at them so.
 */
#ifndef PP_AGGREGATE_H
#define PP_AGGREGATE_H

#include "core/pp_report.h"

/*
 * The profile as reports at this granularity see it, compacted: what became equal
 * is added up.  Where addresses go, the mappings lose theirs, too, so that
 * processes loaded at different addresses meet when the results are merged.
 */
extern PpCode pp_profile_aggregate(const PpProfile *p, PpGranularity granularity, bool noinlines,
								   bool columns, PpArena *arena, PpProfile **out, PpError *err);

#endif
