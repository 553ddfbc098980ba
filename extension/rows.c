/*
 * rows.c
 *		Writing the rows of a set-returning function into its tuplestore.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "rows.h"

void
rows_begin(Rows *rows, FunctionCallInfo fcinfo)
{
	InitMaterializedSRF(fcinfo, 0);
	rows->info = (ReturnSetInfo *) fcinfo->resultinfo;
	rows->row = AllocSetContextCreate(CurrentMemoryContext, "pprof row", ALLOCSET_DEFAULT_SIZES);
	rows->caller = MemoryContextSwitchTo(rows->row);
}

void
rows_put(Rows *rows, Datum *values, bool *nulls)
{
	CHECK_FOR_INTERRUPTS();
	tuplestore_putvalues(rows->info->setResult, rows->info->setDesc, values, nulls);
	MemoryContextReset(rows->row);
}

Datum
rows_end(Rows *rows)
{
	MemoryContextSwitchTo(rows->caller);
	MemoryContextDelete(rows->row);
	return (Datum) 0;
}
