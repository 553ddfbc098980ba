/*
 * guc.c
 *		Every setting of the extension, in alphabetical order.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "compat.h"
#include "guc.h"

char *pprof_tenant = NULL;

static int max_depth;
static int max_profile_size;
static int max_samples;

/*
 * Units are in the flags, never in the names.  Limits that exist in the core
 * carry the name of the PpLimits field, so that errors can say which to raise.
 */
void
pprof_define_gucs(void)
{
	DefineCustomIntVariable("pprof.max_depth",
							"Most locations in one sample of a profile.",
							NULL,
							&max_depth,
							16384,
							1,
							1 << 20,
							PGC_USERSET,
							0,
							NULL,
							NULL,
							NULL);
	DefineCustomIntVariable("pprof.max_profile_size",
							"Largest profile accepted, after decompression.",
							NULL,
							&max_profile_size,
							256 * 1024,
							1,
							1024 * 1024 - 1,
							PGC_USERSET,
							GUC_UNIT_KB,
							NULL,
							NULL,
							NULL);
	DefineCustomIntVariable("pprof.max_samples",
							"Most samples in one profile.",
							NULL,
							&max_samples,
							1 << 20,
							1,
							1 << 26,
							PGC_USERSET,
							0,
							NULL,
							NULL,
							NULL);
	DefineCustomStringVariable("pprof.tenant",
							   "Tenant whose profiles are written and read.",
							   NULL,
							   &pprof_tenant,
							   "anonymous",
							   PGC_USERSET,
							   0,
							   NULL,
							   NULL,
							   NULL);
	MarkGUCPrefixReserved("pprof");
}

void
pprof_input_limits(PpLimits *limits)
{
	*limits = pp_limits_default;
	limits->max_depth = max_depth;
	limits->max_profile_size = (int64_t) max_profile_size * 1024;
	limits->max_samples = max_samples;
}
