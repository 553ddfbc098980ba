/*
 * incoming.c
 *		One profile on its way in: everything that can be wrong with it is found
 *		here, before anything is written.
 */
#include "postgres.h"

#include "common/int.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "core/pp_codec.h"
#include "core/pp_foreign.h"
#include "core/pp_formats.h"
#include "core/pp_inflate.h"
#include "core/pp_names.h"
#include "core_glue.h"
#include "guc.h"
#include "incoming.h"
#include "storage.h"

#define NANOS_PER_USEC	 INT64CONST(1000)
#define UNIX_EPOCH_USECS (INT64CONST(86400000000) * (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE))
#define NANOS_1971		 (INT64CONST(365) * 86400 * 1000000000)

static const PpBytes name_label = {"__name__", 8};
static const PpBytes service_label = {"service_name", 12};

void
incoming_fail(Incoming *in, int sqlstate, const char *reason, const char *fmt, ...)
{
	StringInfoData message;

	initStringInfo(&message);
	for (;;)
	{
		va_list args;
		int needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&message, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&message, needed);
	}
	in->error = (IncomingError){.sqlstate = sqlstate, .message = message.data, .reason = reason};
}

/* Pyroscope's word for a refusal. */
static const char *
reason_of(const PpError *err, const char *otherwise)
{
	static const char *const by_setting[][2] = {
		{"max_compressed", "profile_size_limit"},
		{"max_profile_size", "profile_size_limit"},
		{"max_ratio", "profile_size_limit"},
		{"max_samples", "samples_limit"},
		{"max_labels", "sample_labels_limit"},
		{"max_label_names", "max_label_names_per_series"},
		{"max_label_name_length", "label_name_too_long"},
		{"max_label_value_length", "label_value_too_long"},
	};

	for (size_t i = 0; i < lengthof(by_setting) && err->setting != NULL; i++)
		if (strcmp(err->setting, by_setting[i][0]) == 0)
			return by_setting[i][1];
	return otherwise;
}

/* An error of the core becomes this profile's, except those that are the server's. */
static void
fail_core(Incoming *in, const PpError *err, const char *reason)
{
	if (err->code == PP_ENOMEM || err->code == PP_ECANCELED)
		core_raise(err);
	incoming_fail(in,
				  core_sqlstate(err->code),
				  reason_of(err, reason),
				  "%s",
				  text_to_cstring(core_text(pp_bytes_cstr(err->message))));
	if (err->offset != PP_NO_OFFSET)
		in->error.detail = psprintf("The problem is at byte %zu of the input.", err->offset);
	if (pprof_can_raise(err->setting, err->limit))
		in->error.hint = psprintf("Raise \"pprof.%s\" if the input is to be trusted.", err->setting);
}

/* --- labels --- */

/* core_labels_from_jsonb raises for these; a batch goes on with the next. */
static bool
labels_are_strings(Jsonb *jsonb)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(jsonb))
		return false;
	iterator = JsonbIteratorInit(&jsonb->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_VALUE && value.type != jbvString)
			return false;
	return true;
}

static bool
is_private(PpBytes name)
{
	return name.len >= 2 && name.data[0] == '_' && name.data[1] == '_';
}

/* Labels of the request: private ones go, except __name__, which is taken out. */
static bool
read_labels(Incoming *in, Jsonb *jsonb, PpArena *arena, PpLabelSet *labels, PpBytes *name)
{
	uint32 kept = 0;

	if (!labels_are_strings(jsonb))
	{
		incoming_fail(in,
					  ERRCODE_INVALID_PARAMETER_VALUE,
					  "invalid_labels",
					  "labels must be a JSON object whose values are strings");
		return false;
	}
	core_labels_from_jsonb(jsonb, arena, labels);
	*name = pp_labels_get(labels, name_label);
	for (uint32 i = 0; i < labels->n; i++)
		if (!is_private(labels->pairs[i].name))
			labels->pairs[kept++] = labels->pairs[i];
	labels->n = kept;
	return true;
}

/* `{a="b", c="d"}` for messages, cut where it gets long. */
static char *
labels_text(const PpLabelSet *labels)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	for (uint32 i = 0; i < labels->n && out.len < 512; i++)
		appendStringInfo(&out,
						 "%s%s=\"%s\"",
						 i > 0 ? ", " : "",
						 text_to_cstring(core_text(labels->pairs[i].name)),
						 text_to_cstring(core_text(labels->pairs[i].value)));
	appendStringInfoChar(&out, '}');
	return out.data;
}

static bool
has_nul(PpBytes bytes)
{
	return bytes.len > 0 && memchr(bytes.data, '\0', bytes.len) != NULL;
}

/* The label set of a series with __name__, as limits count it. */
static bool
check_labels(Incoming *in, const PpLabelSet *labels, PpBytes name, PpArena *arena)
{
	PpLabelLimits limits;
	PpLabelSet all = {labels->n, pp_arena_array(arena, labels->n + 1, sizeof(PpLabelPair))};
	PpError err;

	if (all.pairs == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	if (labels->n > 0)
		memcpy(all.pairs, labels->pairs, labels->n * sizeof(PpLabelPair));
	all.pairs[all.n++] = (PpLabelPair){name_label, name};
	pp_labels_normalize(&all);
	pprof_label_limits(&limits);
	if (pp_labels_validate(&all, &limits, &err) != PP_OK)
	{
		fail_core(in, &err, "invalid_labels");
		return false;
	}
	for (uint32 i = 0; i < all.n; i++)
		if (has_nul(all.pairs[i].name) || has_nul(all.pairs[i].value))
		{
			incoming_fail(in,
						  ERRCODE_INVALID_PARAMETER_VALUE,
						  "invalid_labels",
						  "invalid labels '%s' with error: zero byte",
						  labels_text(&all));
			return false;
		}
	return true;
}

/* --- names of profile types --- */

/* Display names of sample types, from the options. */
static PpBytes *
display_names(const PpProfile *p, Jsonb *jsonb, PpArena *arena)
{
	PpBytes *names = palloc0(sizeof(PpBytes) * Max(p->ntypes, 1));
	PpLabelSet set;

	core_labels_from_jsonb(jsonb, arena, &set);
	for (uint32 i = 0; i < p->ntypes; i++)
		names[i] = pp_labels_get(&set, pp_str(p, p->types[i].type));
	return names;
}

static bool
choose_name(Incoming *in, PpBytes *name, const IncomingOptions *options, PpArena *arena)
{
	static const char delta[] = "godeltaprof_";

	if (name->len == 0 && options->infer_name)
	{
		bool display = options->display_names != NULL;

		*name =
			pp_infer_name(in->profile,
						  display ? display_names(in->profile, options->display_names, arena) : NULL,
						  display);
	}
	/* that library's profiles are differences of the usual ones */
	if (name->len > strlen(delta) && memcmp(name->data, delta, strlen(delta)) == 0)
	{
		name->data += strlen(delta);
		name->len -= strlen(delta);
	}
	if (name->len > 0 && memchr(name->data, ':', name->len) != NULL)
	{
		incoming_fail(in,
					  ERRCODE_INVALID_PARAMETER_VALUE,
					  "invalid_labels",
					  "invalid metric name: it contains a colon");
		return false;
	}
	return true;
}

/* A part of a profile type id: text without colons. */
static bool
check_part(Incoming *in, PpBytes part)
{
	if ((part.len > 0 && memchr(part.data, ':', part.len) != NULL) || has_nul(part) ||
		!pg_verify_mbstr(PG_UTF8, part.len > 0 ? part.data : "", part.len, true))
	{
		incoming_fail(in,
					  ERRCODE_INVALID_BINARY_REPRESENTATION,
					  "malformed_profile",
					  "sample type \"%s\" cannot be part of a profile type",
					  text_to_cstring(core_text(part)));
		return false;
	}
	return true;
}

static PpBytes
type_id(const PpProfile *p, uint32 column, PpBytes name, PpArena *arena)
{
	PpTypeId id = {.name = name,
				   .sample_type = pp_str(p, p->types[column].type),
				   .sample_unit = pp_str(p, p->types[column].unit),
				   .period_type = pp_str(p, p->period_type.type),
				   .period_unit = pp_str(p, p->period_type.unit)};
	PpBytes text;
	PpError err;

	CORE_CHECK(pp_type_id_text(&id, arena, &text, &err), &err);
	return text;
}

static bool
check_types(Incoming *in)
{
	const PpProfile *p = in->profile;

	if (p->ntypes == 0)
	{
		incoming_fail(in, ERRCODE_INVALID_BINARY_REPRESENTATION, "malformed_profile", "empty profile");
		return false;
	}
	for (uint32 i = 0; i < p->ntypes; i++)
		if (!check_part(in, pp_str(p, p->types[i].type)) ||
			!check_part(in, pp_str(p, p->types[i].unit)))
			return false;
	return check_part(in, pp_str(p, p->period_type.type)) &&
		   check_part(in, pp_str(p, p->period_type.unit));
}

/* --- time and identity --- */

static char *
utc_text(TimestampTz at)
{
	/* Go's form: 2026-08-21 10:00:00.123 +0000 UTC */
	struct pg_tm tm;
	fsec_t fsec;
	StringInfoData out;

	initStringInfo(&out);
	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		return pstrdup("out of range");
	appendStringInfo(&out,
					 "%04d-%02d-%02d %02d:%02d:%02d",
					 tm.tm_year,
					 tm.tm_mon,
					 tm.tm_mday,
					 tm.tm_hour,
					 tm.tm_min,
					 tm.tm_sec);
	if (fsec / 1000 != 0)
	{
		appendStringInfo(&out, ".%03d", (int) (fsec / 1000));
		while (out.data[out.len - 1] == '0')
			out.data[--out.len] = '\0';
	}
	appendStringInfoString(&out, " +0000 UTC");
	return out.data;
}

/* Is the time one that profiles are accepted of? */
static bool
check_window(Incoming *in, TimestampTz now, const PpLabelSet *labels, PpBytes name)
{
	TimestampTz first = now - (int64) pprof_accept_past * USECS_PER_SEC;
	TimestampTz last = now + (int64) pprof_accept_future * USECS_PER_SEC;
	bool early = pprof_accept_past > 0 && in->at < first;
	bool late = pprof_accept_future > 0 && in->at > last;
	/* what nanoseconds can say, whatever the settings are */
	TimestampTz least = PG_INT64_MIN / NANOS_PER_USEC - UNIX_EPOCH_USECS + 2 * USECS_PER_DAY;
	TimestampTz most = PG_INT64_MAX / NANOS_PER_USEC - UNIX_EPOCH_USECS - 2 * USECS_PER_DAY;
	StringInfoData window;
	PpLabelSet all = {0, palloc(sizeof(PpLabelPair) * (labels->n + 1))};

	if (!early && !late && in->at >= least && in->at <= most)
		return true;
	all.pairs[all.n++] = (PpLabelPair){name_label, name};
	if (labels->n > 0)
		memcpy(all.pairs + 1, labels->pairs, labels->n * sizeof(PpLabelPair));
	all.n += labels->n;
	initStringInfo(&window);
	if (pprof_accept_past > 0)
		appendStringInfo(&window, "starts at %s", utc_text(first));
	if (pprof_accept_future > 0)
		appendStringInfo(&window, "%sends at %s", window.len > 0 ? " and " : "", utc_text(last));
	if (window.len == 0)
		appendStringInfoString(&window, "is 1677 to 2262");
	incoming_fail(in,
				  ERRCODE_DATETIME_FIELD_OVERFLOW,
				  "not_in_ingestion_window",
				  "profile with labels '%s' is outside of ingestion window (profile timestamp: %s, the ingestion window %s)",
				  labels_text(&all),
				  utc_text(in->at),
				  window.data);
	return false;
}

static void
make_uuid(pg_uuid_t *uuid, const uint8 *bytes)
{
	memcpy(uuid->data, bytes, UUID_LEN);
	uuid->data[6] = (uuid->data[6] & 0x0f) | 0x80; /* version 8: made by its own rules */
	uuid->data[8] = (uuid->data[8] & 0x3f) | 0x80;
}

bool
incoming_uuid(const char *text, pg_uuid_t *uuid)
{
	char digits[2 * UUID_LEN];
	int n = 0;

	if (strlen(text) != 36)
		return false;
	for (int i = 0; i < 36; i++)
	{
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash != (text[i] == '-'))
			return false;
		if (!dash)
			digits[n++] = text[i];
	}
	return pp_hex_bytes((PpBytes){digits, sizeof(digits)}, uuid->data, UUID_LEN);
}

static void
hash_uuid(pg_uuid_t *uuid, const char *kind, const char *text, int number)
{
	char *joined = psprintf("%s %d %s", kind, number, text);
	uint8 bytes[UUID_LEN];

	pp_content_hash((const uint8_t *) joined, strlen(joined), bytes);
	make_uuid(uuid, bytes);
	pfree(joined);
}

/*
 * The time of the profile, and what makes a second delivery of it the same: its
 * id, or its content at its own time.  Without either it is nobody's double,
 * unless the request carries a key.
 */
static void
identify(Incoming *in, const char *id, const TimestampTz *at, TimestampTz now, const uint8 *plain,
		 size_t len, int number, const IncomingOptions *options)
{
	int64 nanos = in->profile->time_nanos;
	bool own_time = nanos >= NANOS_1971;
	bool has_id = id != NULL && id[0] != '\0';
	uint8 bytes[UUID_LEN];

	in->at = own_time ? nanos / NANOS_PER_USEC - UNIX_EPOCH_USECS : at != NULL ? *at : now;
	if (has_id && !incoming_uuid(id, &in->profile_id))
		hash_uuid(&in->profile_id, "id", id, 0);
	in->random_id = !has_id && !own_time;
	if (!has_id)
	{
		if (own_time)
			pp_content_hash(plain, len, bytes);
		else if (!pg_strong_random(bytes, sizeof(bytes)))
			ereport(ERROR,
					errcode(ERRCODE_INTERNAL_ERROR),
					errmsg("could not generate random values"));
		make_uuid(&in->profile_id, bytes);
	}
	if (!own_time && has_id)
		hash_uuid(&in->push_key, "id", id, 0);
	else if (!own_time && options->idempotency_key != NULL)
		hash_uuid(&in->push_key, "key", options->idempotency_key, number);
	in->has_key = !own_time && (has_id || options->idempotency_key != NULL);
}

/* --- series and types --- */

static bool
type_total(Incoming *in, const PpSplitSeries *series, uint32 column, int64 *total)
{
	const PpProfile *p = in->profile;

	*total = 0;
	for (uint32 i = 0; i < series->n; i++)
		if (pg_add_s64_overflow(*total,
								p->values[(size_t) series->samples[i] * p->ntypes + column],
								total))
		{
			incoming_fail(in,
						  ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
						  "malformed_profile",
						  "sum of the values is out of range");
			return false;
		}
	return true;
}

/*
 * Is one sample type of the profile the count of another's events?  Of all its
 * series or of none: then no profile has values of a type both derived and of its
 * own, and counting profiles needs to look at one of them only.
 */
static bool
is_counted(const Incoming *in, uint32_t *count, uint32_t *main)
{
	for (uint32 s = 0; s < in->split.nseries; s++)
		if (!pp_split_counted(in->profile, &in->split.series[s], count, main))
			return false;
	return in->split.nseries > 0;
}

/*
 * The sample types of a series that have values; column count (or PP_NONE) is
 * derived from column main.
 */
static bool
list_types(Incoming *in, IncomingSeries *out, const PpSplitSeries *series, const PpBytes *ids,
		   uint32_t count, uint32_t main)
{
	const PpProfile *p = in->profile;

	out->labels = series->labels;
	out->types = palloc0(sizeof(IncomingType) * p->ntypes);
	for (uint32 column = 0; column < p->ntypes; column++)
	{
		IncomingType *type = &out->types[out->ntypes];

		if (!type_total(in, series, column, &type->total))
			return false;
		if (type->total == 0 || column == count)
			continue;
		type->column = column;
		type->id = ids[column];
		if (count != PP_NONE && column == main)
			type->counted = ids[count];
		out->ntypes++;
	}
	return true;
}

/* A second column of the same type would have the same key. */
static bool
types_differ(Incoming *in, const PpBytes *ids)
{
	for (uint32 column = 1; column < in->profile->ntypes; column++)
		for (uint32 i = 0; i < column; i++)
			if (pp_bytes_eq(ids[i], ids[column]))
			{
				incoming_fail(in,
							  ERRCODE_INVALID_BINARY_REPRESENTATION,
							  "malformed_profile",
							  "sample type occurs twice");
				return false;
			}
	return true;
}

static bool
list_series(Incoming *in, PpBytes name, PpArena *arena)
{
	const PpProfile *p = in->profile;
	uint32_t count = PP_NONE, main = PP_NONE;
	PpBytes *ids = palloc(sizeof(PpBytes) * p->ntypes);

	for (uint32 i = 0; i < p->ntypes; i++)
		ids[i] = type_id(p, i, name, arena);
	if (in->split.nseries > 0 && !types_differ(in, ids))
		return false;
	if (!is_counted(in, &count, &main))
		count = PP_NONE;
	in->series = palloc0(sizeof(IncomingSeries) * Max(in->split.nseries, 1));
	for (uint32 i = 0; i < in->split.nseries; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!check_labels(in, &in->split.series[i].labels, name, arena) ||
			!list_types(in, &in->series[i], &in->split.series[i], ids, count, main))
			return false;
	}
	return true;
}

/* --- all of it --- */

/* A message of profile.proto, and nothing else: what agents push, and targets answer. */
static PpCode
decode_pprof(Incoming *in, const uint8 *plain, size_t len, const PpLimits *limits, PpArena *arena,
			 PpError *err)
{
	PpCode code = pp_profile_decode(plain, len, limits, arena, &in->profile, err);

	if (code == PP_EMALFORMED && pp_foreign_refuse(plain, len, err))
		code = PP_EUNSUPPORTED;
	return code;
}

static bool
decode(Incoming *in, bytea *body, const char *format_name, PpArena *arena, const uint8 **plain,
	   size_t *plain_len)
{
	const uint8 *data = (const uint8 *) VARDATA_ANY(body);
	size_t len = VARSIZE_ANY_EXHDR(body);
	PpFormat format;
	PpLimits limits;
	PpError err;
	PpCode code;

	if (!pp_format_by_name(pp_bytes_cstr(format_name), &format))
	{
		incoming_fail(in,
					  ERRCODE_FEATURE_NOT_SUPPORTED,
					  "malformed_profile",
					  "format \"%s\" is not supported",
					  format_name);
		return false;
	}
	pprof_input_limits(&limits);
	if (format == PP_FORMAT_PPROF)
		code = pp_inflate_arena(pp_container_guess(data, len),
								data,
								len,
								&limits,
								arena,
								plain,
								plain_len,
								&err);
	else
		code = pp_format_unpack(data, len, &limits, arena, plain, plain_len, &err);
	if (code == PP_OK && *plain_len == 0)
		code = pp_fail(&err, PP_EMALFORMED, 0, "empty profile");
	else if (code == PP_OK && format == PP_FORMAT_PPROF)
		code = decode_pprof(in, *plain, *plain_len, &limits, arena, &err);
	else if (code == PP_OK)
		code =
			pp_format_read_plain(format, NULL, *plain, *plain_len, &limits, arena, &in->profile, &err);
	if (code != PP_OK)
		fail_core(in, &err, "malformed_profile");
	return code == PP_OK;
}

void
incoming_read(Incoming *in, bytea *body, Jsonb *labels_jsonb, const char *id, const TimestampTz *at,
			  const char *format, int number, const IncomingOptions *options)
{
	TimestampTz now = GetCurrentTimestamp();
	PpArena *arena = core_arena_create();
	const uint8 *plain = NULL;
	size_t plain_len = 0;
	PpLabelSet labels;
	PpBytes name;
	PpError err;

	memset(in, 0, sizeof(*in));
	if (!read_labels(in, labels_jsonb, arena, &labels, &name) ||
		!decode(in, body, format, arena, &plain, &plain_len) || !check_types(in) ||
		!choose_name(in, &name, options, arena))
		return;
	if (pp_labels_get(&labels, service_label).len == 0)
	{
		PpLabelPair *pairs = pp_arena_array(arena, labels.n + 1, sizeof(PpLabelPair));

		if (pairs == NULL)
			ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
		if (labels.n > 0)
			memcpy(pairs, labels.pairs, labels.n * sizeof(PpLabelPair));
		labels.pairs = pairs;
		labels.pairs[labels.n++] = (PpLabelPair){service_label, pp_bytes_cstr("unknown_service")};
		pp_labels_normalize(&labels);
	}
	in->service = pp_labels_get(&labels, service_label);
	/* also when no sample is left that would have them */
	if (!check_labels(in, &labels, name, arena))
		return;
	identify(in, id, at, now, plain, plain_len, number, options);
	in->duration = Max(in->profile->duration_nanos, 0);
	if (!check_window(in, now, &labels, name))
		return;
	if (pp_split_profile(in->profile, &labels, options->deny, options->ndeny, arena, &in->split, &err) !=
		PP_OK)
		core_raise(&err);
	list_series(in, name, arena);
}

static char *
option_text(const char *key, const JsonbValue *value)
{
	if (value->type != jbvString)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("option \"%s\" must be a string", key));
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static void
read_option(IncomingOptions *options, const char *key, const JsonbValue *value)
{
	if (strcmp(key, "infer_name") == 0 && value->type == jbvBool)
		options->infer_name = value->val.boolean;
	else if (strcmp(key, "display_names") == 0 && value->type == jbvBinary)
		options->display_names = JsonbValueToJsonb(unconstify(JsonbValue *, value));
	else if (strcmp(key, "idempotency_key") == 0)
		options->idempotency_key = value->type == jbvNull ? NULL : option_text(key, value);
	else
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("option \"%s\" is unknown, or its value is of the wrong type", key),
				errhint("Options are infer_name, display_names and idempotency_key."));
}

/* The names of a setting like search_path. */
static void
read_deny_list(IncomingOptions *options)
{
	char *copy = pstrdup(pprof_sample_label_deny);
	List *names;
	ListCell *cell;

	if (!SplitGUCList(copy, ',', &names))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("invalid list in setting \"%s\"", "pprof.sample_label_deny"));
	options->deny = palloc(sizeof(PpBytes) * Max(list_length(names), 1));
	foreach (cell, names)
		options->deny[options->ndeny++] = core_bytes(cstring_to_text(lfirst(cell)));
}

void
incoming_options(IncomingOptions *options, Jsonb *jsonb)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	char *key = NULL;

	memset(options, 0, sizeof(*options));
	read_deny_list(options);
	if (jsonb == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(jsonb))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("options must be a JSON object"));
	iterator = JsonbIteratorInit(&jsonb->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
			read_option(options, key, &value);
	}
}
