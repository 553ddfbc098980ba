/*
 * pprof.h
 *		What every file of the extension shares: function declarations and the
 *		varlenas of pprof.profile, pprof.samples and pprof.selector.
 */
#ifndef PPROF_H
#define PPROF_H

#include "compat.h"
#include "core/pp_profile.h"
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

/* A varlena, in the current memory context, around bytes of the core. */
extern Datum pprof_varlena(const uint8_t *bytes, size_t len);

/*
 * pprof.profile as the core's model.  Its strings point into the detoasted
 * datum, which lives in the current memory context or where the datum does.
 */
extern PpProfile *profile_from_datum(Datum datum, PpArena *arena);
extern Datum profile_to_datum(const PpProfile *profile);

#define PG_GETARG_PROFILE(n, arena) profile_from_datum(PG_GETARG_DATUM(n), arena)

#endif
