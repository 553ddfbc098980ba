/*
 * profile_io.c
 *		pprof.profile: input, output, the cast to the bytes of a pprof file.
 *
 * The type's own input functions use the hard limits, so that a dump of whatever
 * the database made restores under default settings; those of profile_formats.c
 * guard what comes from outside.
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/pp_codec.h"
#include "core/pp_inflate.h"
#include "core_glue.h"
#include "pprof.h"

/* What the tool and Go's runtime use is 6 or below; 6 is where size stops to pay. */
#define GZIP_LEVEL 6

PPROF_FUNCTION(pprof_profile_in);
PPROF_FUNCTION(pprof_profile_out);
PPROF_FUNCTION(pprof_profile_recv);
PPROF_FUNCTION(pprof_profile_send);
PPROF_FUNCTION(pprof_to_bytea);
PPROF_FUNCTION(pprof_to_bytea_compress);

Datum
pprof_varlena(const uint8_t *bytes, size_t len)
{
	struct varlena *result;

	if (len > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("value of %zu bytes is too large for PostgreSQL", len));
	result = palloc(len + VARHDRSZ);
	SET_VARSIZE(result, len + VARHDRSZ);
	memcpy(VARDATA(result), bytes, len);
	return PointerGetDatum(result);
}

PpProfile *
profile_from_datum(Datum datum, PpArena *arena)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(datum);
	PpProfile *profile;
	PpError err;

	CORE_CHECK(pp_stored_decode((const uint8_t *) VARDATA_ANY(value),
								VARSIZE_ANY_EXHDR(value),
								arena,
								&profile,
								&err),
			   &err);
	return profile;
}

Datum
profile_to_datum(const PpProfile *profile)
{
	uint8_t *bytes;
	size_t len;
	Datum result;
	PpError err;

	CORE_CHECK(pp_stored_encode(profile, core_alloc_create(CurrentMemoryContext), &bytes, &len, &err),
			   &err);
	result = pprof_varlena(bytes, len);
	pfree(bytes);
	return result;
}

/* The bytes of a pprof file, perhaps one we wrote, as a datum of the type. */
static Datum
profile_parse(const uint8_t *data, size_t len)
{
	PpArena *arena = core_arena_create();
	PpProfile *profile;
	Datum result;
	PpError err;

	CORE_CHECK(pp_profile_read(data, len, &pp_limits_hard, arena, &profile, &err), &err);
	result = profile_to_datum(profile);
	pp_arena_free(arena);
	return result;
}

/* A datum of the type as profile.proto, gzip'd or not; *bytes is to be freed. */
static void
profile_print(Datum datum, bool compress, uint8_t **bytes, size_t *len)
{
	PpAlloc *alloc = core_alloc_create(CurrentMemoryContext);
	PpArena *arena = core_arena_create();
	PpProfile *profile = profile_from_datum(datum, arena);
	uint8_t *plain;
	size_t plain_len;
	PpError err;

	CORE_CHECK(pp_profile_encode(profile, alloc, &plain, &plain_len, &err), &err);
	pp_arena_free(arena);
	*bytes = plain;
	*len = plain_len;
	if (!compress)
		return;
	CORE_CHECK(pp_gzip(plain, plain_len, GZIP_LEVEL, alloc, bytes, len, &err), &err);
	pfree(plain);
}

/* Hex as bytea prints it, or base64, as `base64` and clipboards give it. */
Datum
pprof_profile_in(PG_FUNCTION_ARGS)
{
	char *input = PG_GETARG_CSTRING(0);
	bytea *bytes;

	if (strncmp(input, "\\x", 2) == 0)
		bytes = DatumGetByteaPP(DirectFunctionCall1(byteain, CStringGetDatum(input)));
	else
		bytes = DatumGetByteaPP(DirectFunctionCall2(binary_decode,
													CStringGetTextDatum(input),
													CStringGetTextDatum("base64")));
	return profile_parse((const uint8_t *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
}

Datum
pprof_profile_out(PG_FUNCTION_ARGS)
{
	uint8_t *bytes;
	size_t len;
	char *result;

	profile_print(PG_GETARG_DATUM(0), true, &bytes, &len);
	if (len > (MaxAllocSize - 3) / 2)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("profile of %zu bytes is too large for the text form", len));
	result = palloc(len * 2 + 3);
	memcpy(result, "\\x", 2);
	hex_encode((const char *) bytes, len, result + 2);
	result[len * 2 + 2] = '\0';
	PG_RETURN_CSTRING(result);
}

Datum
pprof_profile_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	int len = buf->len - buf->cursor;

	return profile_parse((const uint8_t *) pq_getmsgbytes(buf, len), (size_t) len);
}

Datum
pprof_profile_send(PG_FUNCTION_ARGS)
{
	uint8_t *bytes;
	size_t len;

	profile_print(PG_GETARG_DATUM(0), true, &bytes, &len);
	return pprof_varlena(bytes, len);
}

static Datum
to_bytea(Datum datum, bool compress)
{
	uint8_t *bytes;
	size_t len;

	profile_print(datum, compress, &bytes, &len);
	return pprof_varlena(bytes, len);
}

Datum
pprof_to_bytea(PG_FUNCTION_ARGS)
{
	return to_bytea(PG_GETARG_DATUM(0), true);
}

Datum
pprof_to_bytea_compress(PG_FUNCTION_ARGS)
{
	return to_bytea(PG_GETARG_DATUM(0), PG_GETARG_BOOL(1));
}
