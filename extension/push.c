/*
 * push.c
 *		pprof.push and pprof.ingest: what they are given and what they say.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "ingest.h"
#include "pprof.h"

/* Elements of an array argument; NULL if it is null. */
static Datum *
array_argument(FunctionCallInfo fcinfo, int argno, Oid type, bool **nulls, int *n)
{
	ArrayType *array;
	int16 typlen;
	bool typbyval;
	char typalign;
	Datum *values;

	if (PG_ARGISNULL(argno))
		return NULL;
	array = PG_GETARG_ARRAYTYPE_P(argno);
	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, type, typlen, typbyval, typalign, &values, nulls, n);
	return values;
}

static void
check_lengths(bool given, int n, int bodies, const char *what)
{
	if (given && n != bodies)
		ereport(ERROR,
				errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				errmsg("there are %d bodies but %d %s", bodies, n, what));
}

/* What of a good profile is not stored, or NULL: negative samples, as Pyroscope does. */
static char *
left_out(const Incoming *in)
{
	if (in->split.nnegative == 0)
		return NULL;
	return psprintf("Samples with negative values, which are left out: %u of %u.",
					in->split.nnegative,
					in->profile->nsamples);
}

static void
put_result(ReturnSetInfo *rsinfo, int idx, int stored, const Incoming *in)
{
	const IncomingError *error = &in->error;
	char *detail = error->sqlstate == 0 ? left_out(in) : NULL;
	Datum values[7] = {Int32GetDatum(idx), Int32GetDatum(stored)};
	bool nulls[7] = {false, false, true, true, true, true, true};

	if (detail != NULL)
	{
		values[4] = CStringGetTextDatum(detail);
		nulls[4] = false;
	}
	if (error->sqlstate != 0)
	{
		const char *texts[5] = {unpack_sql_state(error->sqlstate),
								error->message,
								error->detail,
								error->hint,
								error->reason};

		for (int i = 0; i < 5; i++)
			if (texts[i] != NULL)
			{
				values[2 + i] = CStringGetTextDatum(texts[i]);
				nulls[2 + i] = false;
			}
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PPROF_FUNCTION(pprof_push);
Datum
pprof_push(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool *body_nulls, *label_nulls, *id_nulls = NULL, *time_nulls = NULL;
	int n = 0, nlabels = 0, nids = 0, ntimes = 0;
	Datum *bodies, *labels, *ids, *times;
	IncomingOptions options;
	Incoming *incoming;
	int *stored;

	InitMaterializedSRF(fcinfo, 0);
	bodies = array_argument(fcinfo, 0, BYTEAOID, &body_nulls, &n);
	labels = array_argument(fcinfo, 1, JSONBOID, &label_nulls, &nlabels);
	ids = array_argument(fcinfo, 2, TEXTOID, &id_nulls, &nids);
	times = array_argument(fcinfo, 3, TIMESTAMPTZOID, &time_nulls, &ntimes);
	check_lengths(bodies != NULL || labels != NULL, nlabels, n, "label sets");
	check_lengths(ids != NULL, nids, n, "ids");
	check_lengths(times != NULL, ntimes, n, "times");
	incoming_options(&options, PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4));

	incoming = palloc0(sizeof(Incoming) * Max(n, 1));
	stored = palloc0(sizeof(int) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		TimestampTz at = times != NULL && !time_nulls[i] ? DatumGetTimestampTz(times[i]) : 0;

		CHECK_FOR_INTERRUPTS();
		if (body_nulls[i] || label_nulls[i])
			incoming_fail(&incoming[i],
						  ERRCODE_NULL_VALUE_NOT_ALLOWED,
						  "malformed_profile",
						  "body and labels must not be null");
		else
			incoming_read(&incoming[i],
						  DatumGetByteaPP(bodies[i]),
						  DatumGetJsonbP(labels[i]),
						  ids != NULL && !id_nulls[i] ? TextDatumGetCString(ids[i]) : NULL,
						  times != NULL && !time_nulls[i] ? &at : NULL,
						  "pprof",
						  i,
						  &options);
	}
	ingest_store(incoming, n, stored);
	for (int i = 0; i < n; i++)
		put_result(rsinfo, i, stored[i], &incoming[i]);
	return (Datum) 0;
}

PPROF_FUNCTION(pprof_ingest);
Datum
pprof_ingest(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_ARGISNULL(2) ? 0 : PG_GETARG_TIMESTAMPTZ(2);
	IncomingOptions options;
	Incoming incoming;
	int stored;
	char *detail;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("body and labels must not be null"));
	incoming_options(&options, NULL);
	options.infer_name = true;
	incoming_read(&incoming,
				  PG_GETARG_BYTEA_PP(0),
				  PG_GETARG_JSONB_P(1),
				  NULL,
				  PG_ARGISNULL(2) ? NULL : &at,
				  PG_ARGISNULL(3) ? "auto" : text_to_cstring(PG_GETARG_TEXT_PP(3)),
				  0,
				  &options);
	ingest_store(&incoming, 1, &stored);
	if (incoming.error.sqlstate != 0)
		ereport(ERROR,
				errcode(incoming.error.sqlstate),
				errmsg("%s", incoming.error.message),
				incoming.error.detail != NULL ? errdetail("%s", incoming.error.detail) : 0,
				incoming.error.hint != NULL ? errhint("%s", incoming.error.hint) : 0);
	if ((detail = left_out(&incoming)) != NULL)
		ereport(NOTICE, errmsg("profile is not stored in full"), errdetail("%s", detail));
	PG_RETURN_INT32(stored);
}
