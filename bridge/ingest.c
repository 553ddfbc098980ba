/*
 * ingest.c
 *		POST /ingest: one profile, its name and tags in the query string.
 */
#include "bridge/attime.h"
#include "bridge/json_codec.h"
#include "bridge/multipart.h"
#include "bridge/push.h"
#include "bridge/route.h"
#include "bridge/url.h"
#include "core/pp_labels.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* 1971-01-01: an earlier `from` is a unit error of an old client. */
#define YEAR_1971_NS INT64_C(31536000000000000)

typedef enum BodyFormat
{
	BODY_PPROF,
	BODY_PPROF_FORM,
	BODY_OTHER
} BodyFormat;

typedef struct Ingest
{
	Request *request;
	Query query;
	Labels labels;
	const uint8_t *profile;
	size_t profile_len;
	Buf display_names; /* JSON object; empty when no sample_type_config was sent */
} Ingest;

static bool
unprocessable(Request *request, const char *what)
{
	return answer_error_status(request,
							   422,
							   RPC_INVALID_ARGUMENT,
							   "parsing IngestInput-pprof failed %s",
							   what);
}

static bool
is_multipart(const Request *request)
{
	const char *type = request->headers[HDR_CONTENT_TYPE];

	return type != NULL && strcasestr(type, "multipart/form-data") != NULL;
}

/* The format by parameter and content type; *name is what an error calls it. */
static BodyFormat
body_format(const Ingest *ingest, const char **name)
{
	static const char *const known[] = {"trie", "tree", "lines", "jfr", "speedscope"};
	const char *format = query_get(&ingest->query, "format");
	const char *type = ingest->request->headers[HDR_CONTENT_TYPE];

	if (format == NULL)
		format = "";
	if (type == NULL)
		type = "";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		*name = known[i];
		if (strcmp(format, known[i]) == 0)
			return BODY_OTHER;
	}
	*name = "trie";
	if (strcmp(type, "binary/octet-stream+trie") == 0)
		return BODY_OTHER;
	*name = "tree";
	if (strcmp(type, "binary/octet-stream+tree") == 0)
		return BODY_OTHER;
	*name = "pprof";
	if (is_multipart(ingest->request))
		return BODY_PPROF_FORM;
	if (strcmp(format, "pprof") == 0)
		return BODY_PPROF;
	*name = "folded";
	return BODY_OTHER;
}

static bool
read_name(Ingest *ingest)
{
	Request *request = ingest->request;
	const char *text = query_get(&ingest->query, "name");
	const char *spy = query_get(&ingest->query, "spyName");
	PpBytes name;
	PpLabelSet tags;
	PpError err;
	PpCode code =
		pp_app_name_parse(pp_bytes_cstr(text == NULL ? "" : text), request->arena, &name, &tags, &err);
	char *service;

	if (code != PP_OK)
		return answer_error_status(request,
								   code == PP_ENOMEM ? 503 : 400,
								   rpc_code_of_core(code),
								   "name: %s",
								   err.message);
	service = pp_arena_zalloc(request->arena, name.len + 1);
	if (service == NULL)
		return answer_error_status(request, 503, RPC_UNAVAILABLE, "out of memory");
	memcpy(service, name.data, name.len);
	if (spy == NULL || spy[0] == '\0')
		spy = "unknown";
	labels_put(&ingest->labels, "pyroscope_spy", strlen("pyroscope_spy"), spy, strlen(spy));
	for (uint32_t i = 0; i < tags.n; i++)
	{
		PpBytes key = tags.pairs[i].name, value = tags.pairs[i].value;

		/* private names are ours to give */
		if (key.len < 2 || memcmp(key.data, "__", 2) != 0)
			labels_put(&ingest->labels, key.data, key.len, value.data, value.len);
	}
	labels_end(&ingest->labels, service);
	return true;
}

/* {"type": {"display-name": "x", ...}, ...} to {"type": "x", ...} */
static bool
read_sample_types(Ingest *ingest, const MultipartPart *part)
{
	json_error_t json_err;
	json_t *config, *entry;
	const char *type;
	PpError err;

	if (json_precheck(part->data, part->len, &codec_limits_default, &err) != PP_OK)
		return unprocessable(ingest->request, err.message);
	config = json_loadb((const char *) part->data, part->len, 0, &json_err);
	if (!json_is_object(config))
	{
		json_decref(config);
		return unprocessable(ingest->request, "sample_type_config is not a JSON object");
	}
	buf_char(&ingest->display_names, '{');
	json_object_foreach(config, type, entry)
	{
		const json_t *display = json_object_get(entry, "display-name");

		if (!json_is_string(display) || json_string_length(display) == 0)
			continue;
		if (ingest->display_names.len > 1)
			buf_char(&ingest->display_names, ',');
		buf_json_string(&ingest->display_names, type, strlen(type), false);
		buf_char(&ingest->display_names, ':');
		buf_json_string(&ingest->display_names,
						json_string_value(display),
						json_string_length(display),
						false);
	}
	buf_char(&ingest->display_names, '}');
	json_decref(config);
	return true;
}

static bool
read_form(Ingest *ingest)
{
	Request *request = ingest->request;
	Multipart *form = pp_arena_alloc(request->arena, sizeof(Multipart));
	char boundary[MULTIPART_MAX_BOUNDARY + 1];
	const MultipartPart *part;
	PpError err;

	if (form == NULL)
		return answer_error_status(request, 503, RPC_UNAVAILABLE, "out of memory");
	if (!multipart_boundary(request->headers[HDR_CONTENT_TYPE], boundary))
		return unprocessable(request, "malformed multipart content type header");
	if (multipart_parse(boundary, request->body, request->body_len, form, &err) != PP_OK)
		return unprocessable(request, err.message);
	part = multipart_file(form, "prev_profile");
	if (part != NULL && part->len > 0)
		return unprocessable(request,
							 "failed to parse pprof /ingest multipart form unsupported client "
							 "version. Please update github.com/grafana/pyroscope-go to the latest "
							 "version");
	part = multipart_file(form, "profile");
	if (part != NULL)
	{
		ingest->profile = part->data;
		ingest->profile_len = part->len;
	}
	part = multipart_file(form, "sample_type_config");
	return part == NULL || part->len == 0 || read_sample_types(ingest, part);
}

/* Only believed when the bytes agree: some clients name the encoding of the pprof inside. */
static bool
read_encoding(Ingest *ingest)
{
	Request *request = ingest->request;
	const char *encoding = request->headers[HDR_CONTENT_ENCODING];

	if (encoding == NULL || strcasecmp(encoding, "gzip") != 0 || request->body_len < 2 ||
		request->body[0] != 0x1f || request->body[1] != 0x8b)
		return true;
	return request_gunzip(request);
}

static bool
read_body(Ingest *ingest)
{
	Request *request = ingest->request;
	const char *name;

	switch (body_format(ingest, &name))
	{
		case BODY_OTHER:
			return answer_error_status(request,
									   422,
									   RPC_INVALID_ARGUMENT,
									   "format \"%s\" is not supported yet",
									   name);
		case BODY_PPROF_FORM:
			return read_encoding(ingest) && read_form(ingest);
		default:
			if (!read_encoding(ingest))
				return false;
			ingest->profile = request->body;
			ingest->profile_len = request->body_len;
			return true;
	}
}

static bool
store(Ingest *ingest, Db *db)
{
	Request *request = ingest->request;
	const char *from = query_get(&ingest->query, "from");
	int64_t now_ns = now_wall_ns();
	int64_t from_ns = from == NULL ? now_ns : attime_parse(from, now_ns, false);
	DbArgs args = {0};
	PushError err;

	db_array_begin(&args, DB_OID_BYTEA);
	db_array_put(&args, ingest->profile, ingest->profile_len);
	db_array_end(&args);
	db_array_begin(&args, DB_OID_JSONB);
	db_array_put_jsonb(&args, &ingest->labels.json);
	db_array_end(&args);
	db_arg_null(&args);
	db_array_begin(&args, DB_OID_TIMESTAMPTZ);
	if (from_ns < YEAR_1971_NS)
		db_array_put_null(&args);
	else
		db_array_put_time_us(&args, from_ns / 1000);
	db_array_end(&args);
	push_options(request, true, ingest->display_names.len > 0 ? &ingest->display_names : NULL, &args);
	if (push_run(request, db, &args, &err))
		return true;
	if (!err.of_profile)
		return answer_error_status(request,
								   err.db.code == RPC_INVALID_ARGUMENT ? 422
																	   : rpc_code_status(err.db.code),
								   err.db.code,
								   "%s",
								   err.db.message);
	if (err.malformed)
		return unprocessable(request, err.db.message);
	return answer_error_status(request,
							   err.db.code == RPC_INVALID_ARGUMENT ? 422
																   : rpc_code_status(err.db.code),
							   err.db.code,
							   "pushing IngestInput-pprof failed push series with index 0 and id "
							   " failed: %s: %s",
							   rpc_code_name(err.db.code),
							   err.db.message);
}

bool
ingest_handler(Request *request, Db *db)
{
	Ingest ingest = {.request = request};
	bool ok;

	if (!url_query(request->query, request->arena, &ingest.query))
		return answer_error_status(request, 503, RPC_UNAVAILABLE, "out of memory");
	labels_begin(&ingest.labels);
	ok = read_name(&ingest) && read_body(&ingest);
	/* an empty profile is a success that stores nothing */
	if (ok && ingest.profile_len > 0)
		ok = store(&ingest, db);
	buf_free(&ingest.labels.json);
	buf_free(&ingest.display_names);
	if (ok)
	{
		request->status = 200;
		request->content_type = NULL;
	}
	return ok;
}
