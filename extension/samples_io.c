/*
 * samples_io.c
 *		pprof.samples: input, output and casts; the bytes are the core's own.
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "core/pp_samples.h"
#include "core_glue.h"
#include "pprof.h"

PPROF_FUNCTION(pprof_samples_in);
PPROF_FUNCTION(pprof_samples_out);
PPROF_FUNCTION(pprof_samples_recv);
PPROF_FUNCTION(pprof_samples_send);
PPROF_FUNCTION(pprof_samples_from_bytea);
PPROF_FUNCTION(pprof_samples_to_bytea);

static Datum
samples_parse(const char *data, size_t len)
{
	PpError err;

	CORE_CHECK(pp_samples_check((const uint8_t *) data, len, &err), &err);
	return pprof_varlena((const uint8_t *) data, len);
}

static Datum
samples_copy(Datum datum)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(datum);

	return pprof_varlena((const uint8_t *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

Datum
pprof_samples_in(PG_FUNCTION_ARGS)
{
	char *input = PG_GETARG_CSTRING(0);
	bytea *bytes;

	if (strncmp(input, "\\x", 2) != 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				errmsg("invalid input syntax for type %s", "pprof.samples"),
				errdetail("The text form is \"\\x\" and hexadecimal digits."));
	bytes = DatumGetByteaPP(DirectFunctionCall1(byteain, CStringGetDatum(input)));
	return samples_parse(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
}

Datum
pprof_samples_out(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	size_t len = VARSIZE_ANY_EXHDR(value);
	char *result = palloc(len * 2 + 3);

	memcpy(result, "\\x", 2);
	hex_encode(VARDATA_ANY(value), len, result + 2);
	result[len * 2 + 2] = '\0';
	PG_RETURN_CSTRING(result);
}

Datum
pprof_samples_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	int len = buf->len - buf->cursor;

	return samples_parse(pq_getmsgbytes(buf, len), (size_t) len);
}

Datum
pprof_samples_send(PG_FUNCTION_ARGS)
{
	return samples_copy(PG_GETARG_DATUM(0));
}

Datum
pprof_samples_from_bytea(PG_FUNCTION_ARGS)
{
	bytea *bytes = PG_GETARG_BYTEA_PP(0);

	return samples_parse(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
}

Datum
pprof_samples_to_bytea(PG_FUNCTION_ARGS)
{
	return samples_copy(PG_GETARG_DATUM(0));
}
