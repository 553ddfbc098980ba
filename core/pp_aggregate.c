/*
 * pp_aggregate.c
 *		Profiles made coarser for good.
 */
#include "core/pp_aggregate.h"

#include "core/pp_edit.h"
#include "core/pp_filter.h"
#include "core/pp_merge.h"

/* As if each was loaded at 0: sizes, offsets and names still tell them apart. */
static void
forget_load_addresses(PpProfile *p)
{
	for (uint32_t i = 0; i < p->nmappings; i++)
	{
		p->mappings[i].limit -= p->mappings[i].start;
		p->mappings[i].start = 0;
	}
}

PpCode
pp_profile_aggregate(const PpProfile *p, PpGranularity granularity, bool noinlines, bool columns,
					 PpArena *arena, PpProfile **out, PpError *err)
{
	PpReportOptions options = pp_report_defaults();
	PpProfile *copy;
	PpCode code = pp_edit_copy(p, arena, &copy, err);

	if (code != PP_OK)
		return code;
	options.granularity = granularity;
	options.noinlines = noinlines;
	options.showcolumns = columns;
	pp_filter_granularity(copy, &options);
	if (granularity != PP_BY_ADDRESSES)
		forget_load_addresses(copy);
	return pp_profile_compact(copy, arena, out, err);
}
