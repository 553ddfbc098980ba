/*
 * compat.h
 *		All that differs between PostgreSQL 14 and 18.
 */
#ifndef PPROF_COMPAT_H
#define PPROF_COMPAT_H

#include "postgres.h"

#include "funcapi.h"
#include "utils/guc.h"
#include "utils/memutils.h"

/* d952373a987b (16): postgres.h no longer has the macros of varlenas. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 88103567cb8f (15): EmitWarningsOnPlaceholders became MarkGUCPrefixReserved. */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* 9e98583898c3 (15) brought SetSingleFuncCall, which a19e5cee635d renamed. */
#if PG_VERSION_NUM < 150000
extern void InitMaterializedSRF(FunctionCallInfo fcinfo, bits32 flags);
#endif

/* 50c67c2019ab (17): wait event sets belong to a resource owner, or to nobody. */
#if PG_VERSION_NUM >= 170000
#define CreateLastingWaitEventSet(nevents) CreateWaitEventSet(NULL, nevents)
#else
#define CreateLastingWaitEventSet(nevents) CreateWaitEventSet(TopMemoryContext, nevents)
#endif

/* 791b1b71da35 (15): pg_analyze_and_rewrite got a longer name. */
#if PG_VERSION_NUM < 150000
#define pg_analyze_and_rewrite_fixedparams(parsetree, source, types, ntypes, env)                  \
	pg_analyze_and_rewrite(parsetree, source, types, ntypes, env)
#endif

/* 3eea7a0c97e9 (18): a portal is always run once.  Needs tcop/pquery.h. */
#if PG_VERSION_NUM >= 180000
#define RunPortal(portal, dest) PortalRun(portal, FETCH_ALL, true, dest, dest, NULL)
#else
#define RunPortal(portal, dest) PortalRun(portal, FETCH_ALL, true, true, dest, dest, NULL)
#endif

/*
 * 4f2400cb3f10 (15): shared memory is asked for in a hook; before, while libraries
 * are loaded.  To be called once.
 */
extern void request_shmem_by(void (*request)(void));

/* repalloc_huge, but NULL when there is no memory (repalloc_extended is not everywhere). */
extern void *repalloc_no_oom(void *pointer, Size size);

#endif
