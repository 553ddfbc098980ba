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
rows_begin_column(Rows *rows, FunctionCallInfo fcinfo, Oid type)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;

	if (info == NULL || !IsA(info, ReturnSetInfo) || (info->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("set-valued function called in context that cannot accept a set"));
	caller = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	info->setDesc = CreateTemplateTupleDesc(1);
	TupleDescInitEntry(info->setDesc, 1, "value", type, -1, 0);
	info->returnMode = SFRM_Materialize;
	info->setResult =
		tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	MemoryContextSwitchTo(caller);
	rows->info = info;
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
