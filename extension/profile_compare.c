/*
 * profile_compare.c
 *		pprof.profile: equality and hashes, by content.
 */
#include "postgres.h"

#include "core/pp_content.h"
#include "core/pp_names.h"
#include "core_glue.h"
#include "pprof.h"

PPROF_FUNCTION(pprof_eq);
PPROF_FUNCTION(pprof_hash);
PPROF_FUNCTION(pprof_ne);
PPROF_FUNCTION(pprof_profile_hash);
PPROF_FUNCTION(pprof_profile_hash_extended);

static bool
same_bytes(const struct varlena *a, const struct varlena *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		   memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static bool
same_content(Datum a, Datum b)
{
	struct varlena *left = PG_DETOAST_DATUM_PACKED(a), *right = PG_DETOAST_DATUM_PACKED(b);
	PpArena *arena;
	bool equal;
	PpError err;

	if (same_bytes(left, right))
		return true;
	arena = core_arena_create();
	CORE_CHECK(pp_profile_equal(profile_from_datum(PointerGetDatum(left), arena),
								profile_from_datum(PointerGetDatum(right), arena),
								arena,
								&equal,
								&err),
			   &err);
	pp_arena_free(arena);
	return equal;
}

Datum
pprof_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same_content(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
}

Datum
pprof_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same_content(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
}

static uint64
content_hash(Datum datum)
{
	PpArena *arena = core_arena_create();
	uint64_t hash;
	PpError err;

	CORE_CHECK(pp_profile_hash(profile_from_datum(datum, arena), arena, &hash, &err), &err);
	pp_arena_free(arena);
	return hash;
}

Datum
pprof_hash(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) content_hash(PG_GETARG_DATUM(0)));
}

/* The low half, as hash indexes and hash tables want it. */
Datum
pprof_profile_hash(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) content_hash(PG_GETARG_DATUM(0)));
}

/* Seed 0 must leave the low half as above. */
Datum
pprof_profile_hash_extended(PG_FUNCTION_ARGS)
{
	uint64 hash = content_hash(PG_GETARG_DATUM(0)), seed = (uint64) PG_GETARG_INT64(1);

	PG_RETURN_INT64((int64) (seed == 0 ? hash : pp_stable_mix(hash, seed)));
}
