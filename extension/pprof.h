/*
 * pprof.h
 *		What every file of the extension shares: function declarations and the
 *		varlenas of pprof.profile, pprof.samples and pprof.selector.
 */
#ifndef PPROF_H
#define PPROF_H

#include "fmgr.h"

/* One spelling for PostgreSQL 14 to 18. */
#define PPROF_FUNCTION(fn)                                                                         \
	PGDLLEXPORT Datum fn(PG_FUNCTION_ARGS);                                                        \
	PG_FUNCTION_INFO_V1(fn)

/*
 * pprof.profile: a varlena around the stored form of pp_codec.h.
 * pprof.samples: a varlena around the bytes of pp_samples.h.
 * pprof.selector: a varlena around the canonical text of the selector.
 */

#endif
