/*
 * compat.c
 *		What needs code to be the same on every server.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/tuplestore.h"

#include "compat.h"

#if PG_VERSION_NUM >= 150000
static shmem_request_hook_type next_request_hook = NULL;
static void (*shmem_request)(void) = NULL;

static void
run_requests(void)
{
	if (next_request_hook != NULL)
		next_request_hook();
	shmem_request();
}

void
request_shmem_by(void (*request)(void))
{
	shmem_request = request;
	next_request_hook = shmem_request_hook;
	shmem_request_hook = run_requests;
}
#else
void
request_shmem_by(void (*request)(void))
{
	request();
}
#endif

void *
repalloc_no_oom(void *pointer, Size size)
{
#if PG_VERSION_NUM >= 160000
	return repalloc_extended(pointer, size, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
#else
	MemoryContext caller = CurrentMemoryContext;
	void *volatile result = NULL;

	/* such a server can only throw: that is turned back into NULL */
	PG_TRY();
	{
		result = repalloc_huge(pointer, size);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		FlushErrorState();
	}
	PG_END_TRY();
	return result;
#endif
}

#if PG_VERSION_NUM < 150000

void
InitMaterializedSRF(FunctionCallInfo fcinfo, bits32 flags)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo))
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("set-valued function called in context that cannot accept a set"));
	if (!(rsinfo->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("materialize mode required, but it is not allowed in this context"));
	caller = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &rsinfo->setDesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult =
		tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	MemoryContextSwitchTo(caller);
}

#endif
