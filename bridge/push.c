/*
 * push.c
 *		push.v1.PusherService/Push, and the call of pprof.push() that /ingest shares.
 */
#include "bridge/push.h"

#include "bridge/metrics.h"
#include "bridge/route.h"
#include "push.pb-c.h"

#include <stdlib.h>
#include <string.h>

/* Limits of the server that a sender should wait for, not mend. */
static bool
is_rate_limit(const char *reason)
{
	return strcmp(reason, "rate_limited") == 0 || strcmp(reason, "ingest_limit_reached") == 0 ||
		   strcmp(reason, "series_limit") == 0 || strcmp(reason, "stacks_limit") == 0 ||
		   strcmp(reason, "label_names_limit") == 0 || strcmp(reason, "label_values_limit") == 0;
}

static RpcCode
profile_code(const char *sqlstate, const char *reason)
{
	RpcCode code = db_code(sqlstate);

	if (is_rate_limit(reason))
		return RPC_RESOURCE_EXHAUSTED;
	/* a format that is not read will not be read the next time either */
	return code == RPC_UNIMPLEMENTED || code == RPC_INTERNAL ? RPC_INVALID_ARGUMENT : code;
}

static bool
push_result(const PGresult *rows, PushError *err)
{
	bool ok = true;

	for (int row = 0; row < PQntuples(rows); row++)
	{
		const char *sqlstate = PQgetvalue(rows, row, 2), *reason = PQgetvalue(rows, row, 4);

		if (PQgetisnull(rows, row, 2))
		{
			metrics_add(db_int4(rows, row, 1) > 0 ? COUNTER_PROFILES_STORED : COUNTER_PROFILES_NOTHING,
						1);
			continue;
		}
		metrics_add(COUNTER_PROFILES_REJECTED, 1);
		if (!ok)
			continue;
		ok = false;
		err->of_profile = true;
		err->malformed = strcmp(reason, "malformed_profile") == 0 || reason[0] == '\0';
		err->db.code = profile_code(sqlstate, reason);
		strncpy(err->db.sqlstate, sqlstate, sizeof(err->db.sqlstate) - 1);
		strncpy(err->db.message, PQgetvalue(rows, row, 3), sizeof(err->db.message) - 1);
	}
	return ok;
}

bool
push_run(Request *request, Db *db, DbArgs *args, PushError *err)
{
	PGresult *rows;
	bool ok;

	memset(err, 0, sizeof(*err));
	rows = db_run(db, request, DB_PUSH, args, &err->db);
	if (rows == NULL)
		return false;
	ok = push_result(rows, err);
	PQclear(rows);
	return ok;
}

void
labels_begin(Labels *labels)
{
	memset(labels, 0, sizeof(*labels));
	buf_char(&labels->json, '{');
}

void
labels_put(Labels *labels, const char *name, size_t name_len, const char *value, size_t value_len)
{
	/* an empty value is the same as no label */
	if (value_len == 0)
		return;
	if (labels->json.len > 1)
		buf_char(&labels->json, ',');
	buf_json_string(&labels->json, name, name_len, false);
	buf_char(&labels->json, ':');
	buf_json_string(&labels->json, value, value_len, false);
	if (name_len == strlen("service_name") && memcmp(name, "service_name", name_len) == 0)
		labels->has_service = true;
}

void
labels_end(Labels *labels, const char *service)
{
	if (!labels->has_service)
		labels_put(labels, "service_name", strlen("service_name"), service, strlen(service));
	buf_char(&labels->json, '}');
}

static void
series_labels(const Push__V1__RawProfileSeries *series, Labels *labels)
{
	labels_begin(labels);
	for (size_t i = 0; i < series->n_labels; i++)
	{
		const Types__V1__LabelPair *pair = series->labels[i];

		labels_put(labels, pair->name, strlen(pair->name), pair->value, strlen(pair->value));
	}
	labels_end(labels, "unknown_service");
}

static void
put_bodies(const Push__V1__PushRequest *push, DbArgs *args)
{
	db_array_begin(args, DB_OID_BYTEA);
	for (size_t s = 0; s < push->n_series; s++)
	{
		const Push__V1__RawProfileSeries *series = push->series[s];

		for (size_t i = 0; i < series->n_samples; i++)
			db_array_put(args,
						 series->samples[i]->raw_profile.data,
						 series->samples[i]->raw_profile.len);
	}
	db_array_end(args);
}

static void
put_labels(const Push__V1__PushRequest *push, DbArgs *args)
{
	db_array_begin(args, DB_OID_JSONB);
	for (size_t s = 0; s < push->n_series; s++)
	{
		const Push__V1__RawProfileSeries *series = push->series[s];
		Labels labels;

		if (series->n_samples == 0)
			continue;
		series_labels(series, &labels);
		for (size_t i = 0; i < series->n_samples; i++)
			db_array_put_jsonb(args, &labels.json);
		buf_free(&labels.json);
	}
	db_array_end(args);
}

static void
put_ids(const Push__V1__PushRequest *push, DbArgs *args)
{
	db_array_begin(args, DB_OID_TEXT);
	for (size_t s = 0; s < push->n_series; s++)
	{
		const Push__V1__RawProfileSeries *series = push->series[s];

		for (size_t i = 0; i < series->n_samples; i++)
		{
			const char *id = series->samples[i]->id;

			if (id[0] == '\0')
				db_array_put_null(args);
			else
				db_array_put(args, id, strlen(id));
		}
	}
	db_array_end(args);
}

void
push_options(const Request *request, bool infer_name, const Buf *display_names, DbArgs *args)
{
	const char *key = request->headers[HDR_IDEMPOTENCY_KEY];
	Buf json = {0};

	buf_str(&json, "{\"infer_name\":");
	buf_str(&json, infer_name ? "true" : "false");
	if (display_names != NULL)
	{
		buf_str(&json, ",\"display_names\":");
		buf_put(&json, display_names->data, display_names->len);
		json.failed |= display_names->failed;
	}
	if (key != NULL && key[0] != '\0' && utf8_valid(key, strlen(key)))
	{
		buf_str(&json, ",\"idempotency_key\":");
		buf_json_string(&json, key, strlen(key), false);
	}
	buf_char(&json, '}');
	db_arg_jsonb(args, &json);
	buf_free(&json);
}

bool
push_rpc(Request *request, Db *db, const ProtobufCMessage *in, ProtobufCMessage **out)
{
	static const Push__V1__PushResponse empty = PUSH__V1__PUSH_RESPONSE__INIT;
	const Push__V1__PushRequest *push = (const Push__V1__PushRequest *) in;
	size_t profiles = 0;
	DbArgs args = {0};
	PushError err;

	for (size_t s = 0; s < push->n_series; s++)
		profiles += push->series[s]->n_samples;
	if (profiles == 0)
		return answer_error(request, RPC_INVALID_ARGUMENT, "no profiles received");
	put_bodies(push, &args);
	put_labels(push, &args);
	put_ids(push, &args);
	db_arg_null(&args);
	push_options(request, false, NULL, &args);
	/* the arguments are a copy, and libpq makes another one */
	request_message_free(request);
	if (!push_run(request, db, &args, &err))
		return answer_error(request, err.db.code, "%s", err.db.message);
	*out = (ProtobufCMessage *) &empty;
	return true;
}
