/*
 * hour_totals.c
 *		Rows of pprof.totals.
 */
#include "postgres.h"

#include "core_glue.h"
#include "hour_totals.h"

void
hour_totals_open(HourTotals *totals, const SourceRow *row)
{
	PpBytes head = source_bytes(row, TOTALS_HEAD);
	PpError err;

	memset(totals, 0, sizeof(*totals));
	totals->row = row;
	CORE_CHECK(pp_totals_head((const uint8_t *) head.data,
							  head.len,
							  core_arena_create(),
							  &totals->head,
							  &err),
			   &err);
}

/* Totals become numbers of events. */
static void
take_counts(HourTotals *totals)
{
	uint32 kept = 0;

	for (uint32 i = 0; i < totals->n; i++)
	{
		if (totals->scale[i] == 0)
			continue;
		totals->at[kept] = totals->at[i];
		totals->value[kept++] = totals->value[i] / (int64) totals->scale[i];
	}
	totals->n = kept;
}

void
hour_totals_points(HourTotals *totals, const PpTotalsSeries *series)
{
	bool counting = totals->row->target->counting;
	PpError err;

	if (totals->data.data == NULL)
		totals->data = source_bytes(totals->row, TOTALS_DATA);
	if (totals->room < series->n)
	{
		totals->room = series->n;
		totals->at = palloc_extended(sizeof(int64) * totals->room, MCXT_ALLOC_HUGE);
		totals->value = palloc_extended(sizeof(int64) * totals->room, MCXT_ALLOC_HUGE);
		totals->scale = palloc_extended(sizeof(uint64) * totals->room, MCXT_ALLOC_HUGE);
	}
	CORE_CHECK(pp_totals_points(&totals->head,
								series,
								(const uint8_t *) totals->data.data,
								totals->data.len,
								totals->at,
								totals->value,
								counting ? totals->scale : NULL,
								&err),
			   &err);
	totals->n = series->n;
	if (counting)
		take_counts(totals);
}
