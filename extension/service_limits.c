/*
 * service_limits.c
 *		Caps per service and UTC day on series, labels and stacks (pprof.service_limits).
 *
 * What a session knows of a service and day is cached: its limits, how many
 * series there are, and which of them it has seen, so that a profile of a known
 * series costs one look into a hash table per series.  The count is made anew
 * when it is older than COUNT_SECONDS and before anything is refused, from what
 * is committed: what other sessions have in flight may exceed a cap by a little.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "core/pp_dict.h"
#include "core/pp_reduce.h"
#include "core/pp_wire.h"
#include "core_glue.h"
#include "guc.h"
#include "pprof.h"
#include "service_limits.h"
#include "storage.h"

#define COUNT_SECONDS 10
#define STACK_SECONDS 600	/* a day seldom has another dictionary */
#define MAX_SERVICES  4096	/* services and days in the cache */
#define MAX_KNOWN	  65536 /* series in the cache */

typedef struct ServiceKey
{
	int64 service_id;
	int64 day;
} ServiceKey;

/* A cap of -1 is the setting's. */
typedef struct ServiceState
{
	ServiceKey key;
	int32 max_series, max_names, max_values, max_stacks;
	char rule[NAMEDATALEN]; /* its pattern, cut off if it is long; empty: there is none */
	bool by_function;
	int64 nseries;
	TimestampTz counted; /* 0: never */
	int64 nstacks;		 /* committed, of all dictionaries of the day */
	TimestampTz stacks_counted;
} ServiceState;

/* Hashed bytewise, so without padding. */
typedef struct SeriesKey
{
	int64 service_id;
	int64 day;
	int64 series_id;
} SeriesKey;

static HTAB *services = NULL, *known = NULL;
static bool uncommitted = false; /* series of this transaction are in the cache */

void
limits_forget(void)
{
	if (services != NULL)
		hash_destroy(services);
	if (known != NULL)
		hash_destroy(known);
	services = known = NULL;
	uncommitted = false;
}

void
limits_at_end(bool commit)
{
	if (!commit && uncommitted)
		limits_forget();
	uncommitted = false;
}

static HTAB *
make_cache(HTAB *cache, const char *name, Size key, Size entry, long most)
{
	HASHCTL ctl = {.keysize = key, .entrysize = entry, .hcxt = TopMemoryContext};

	if (cache != NULL && hash_get_num_entries(cache) >= most)
	{
		hash_destroy(cache);
		cache = NULL;
	}
	if (cache == NULL)
		cache = hash_create(name, 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return cache;
}

/* --- rules --- */

static int32
rule_value(int column, int32 otherwise)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? otherwise : DatumGetInt32(value);
}

static void
read_rule(ServiceState *state, PpBytes service)
{
	static StoragePlan read = {.sql = "SELECT service, max_series, max_label_names, "
									  "max_label_values, max_stacks, granularity = 'functions' "
									  "FROM pprof.service_limits_of($1, $2)",
							   .nargs = 2,
							   .args = {TEXTOID, TEXTOID}};
	Datum values[2] = {PointerGetDatum(core_text(storage_tenant())),
					   PointerGetDatum(core_text(service))};

	state->max_series = state->max_stacks = -1;
	if (storage_read_latest(&read, values, NULL, 1) == 0)
		return;
	strlcpy(state->rule, TextDatumGetCString(storage_value(0, 1)), sizeof(state->rule));
	state->max_series = rule_value(2, -1);
	state->max_names = rule_value(3, 0);
	state->max_values = rule_value(4, 0);
	state->max_stacks = rule_value(5, -1);
	state->by_function = DatumGetBool(storage_value(0, 6));
}

static ServiceState *
service_state(int64 service_id, DateADT day, PpBytes service)
{
	ServiceKey key = {service_id, day};
	ServiceState *state = services == NULL ? NULL : hash_search(services, &key, HASH_FIND, NULL);
	ServiceState read = {.key = key};

	if (state != NULL)
		return state;
	/* it may fail, and then nothing is to be in the cache */
	read_rule(&read, service);
	services =
		make_cache(services, "pprof limits", sizeof(ServiceKey), sizeof(ServiceState), MAX_SERVICES);
	state = hash_search(services, &key, HASH_ENTER, NULL);
	*state = read;
	return state;
}

/* The cap, and in *from who set it. */
static int64
cap_of(const ServiceState *state, int32 ruled, int setting, const char *name, char **from)
{
	if (ruled >= 0)
	{
		*from = psprintf("the rule for \"%s\" in pprof.service_limits", state->rule);
		return ruled;
	}
	*from = psprintf("\"%s\"", name);
	return setting;
}

static bool
refuse(Incoming *in, const char *reason, const char *what, int64 cap, DateADT day, const char *from)
{
	char *service = text_to_cstring(core_text(in->service));

	incoming_fail(in,
				  ERRCODE_PROGRAM_LIMIT_EXCEEDED,
				  reason,
				  "service \"%s\" would have more than " INT64_FORMAT
				  " %s on %s, the most that %s allows",
				  service,
				  cap,
				  what,
				  TextDatumGetCString(DirectFunctionCall2(timestamp_to_char,
														  TimestampGetDatum(storage_day_start(day)),
														  CStringGetTextDatum("YYYY-MM-DD"))),
				  from);
	in->error.hint = psprintf("Raise %s, or see in pprof.growth what the service grows by.", from);
	return false;
}

/* --- series and labels --- */

static bool
is_known(const SeriesKey *key)
{
	return known != NULL && hash_search(known, key, HASH_FIND, NULL) != NULL;
}

static void
remember(const SeriesKey *key)
{
	known =
		make_cache(known, "pprof limited series", sizeof(SeriesKey), sizeof(SeriesKey), MAX_KNOWN);
	hash_search(known, key, HASH_ENTER, NULL);
	uncommitted = true;
}

static bool
is_stored(const SeriesKey *key)
{
	static StoragePlan read = {.sql =
								   "SELECT FROM pprof.series_days d WHERE d.service_id = $1 AND d.day = $2 "
								   "AND d.series_id = $3 AND d.type_id = ANY (ARRAY(SELECT t.type_id "
								   "FROM pprof.service_types t WHERE t.service_id = $1)) LIMIT 1",
							   .nargs = 3,
							   .args = {INT8OID, DATEOID, INT8OID}};
	Datum values[3] = {Int64GetDatum(key->service_id),
					   DateADTGetDatum((DateADT) key->day),
					   Int64GetDatum(key->series_id)};

	return storage_read_latest(&read, values, NULL, 1) > 0;
}

static void
count_series(ServiceState *state, TimestampTz now)
{
	static StoragePlan read = {.sql =
								   "SELECT pg_catalog.count(DISTINCT d.series_id) "
								   "FROM pprof.series_days d WHERE d.service_id = $1 AND d.day = $2",
							   .nargs = 2,
							   .args = {INT8OID, DATEOID}};
	Datum values[2] = {Int64GetDatum(state->key.service_id),
					   DateADTGetDatum((DateADT) state->key.day)};

	storage_read_latest(&read, values, NULL, 1);
	state->nseries = DatumGetInt64(storage_value(0, 1));
	state->counted = now;
}

/* Would `more` series be too many?  Counted anew before the answer is yes. */
static bool
too_many_series(ServiceState *state, int64 cap, int more)
{
	TimestampTz now = GetCurrentTimestamp();

	if (cap <= 0)
		return false;
	if (state->counted == 0 || now - state->counted > COUNT_SECONDS * USECS_PER_SEC)
		count_series(state, now);
	else if (state->nseries + more > cap)
		count_series(state, now);
	return state->nseries + more > cap;
}

/*
 * How many values the label has ('': names there are), and whether this is one
 * of them; no more than cap are looked at.
 */
static bool
label_fits(const ServiceState *state, PpBytes name, PpBytes value, int64 cap)
{
	static StoragePlan read =
		{.sql = "SELECT EXISTS (SELECT FROM unnest(a.types) AS t (type_id) JOIN pprof.label_days l "
				"ON l.service_id = $1 AND l.day = $2 AND l.type_id = t.type_id AND l.name = $3 "
				"AND l.value = $4) OR (SELECT pg_catalog.count(*) FROM (SELECT DISTINCT l.value "
				"FROM unnest(a.types) AS t (type_id) JOIN pprof.label_days l ON l.service_id = $1 "
				"AND l.day = $2 AND l.type_id = t.type_id AND l.name = $3 LIMIT $5) v) < $5 "
				"FROM (SELECT ARRAY(SELECT t.type_id FROM pprof.service_types t "
				"WHERE t.service_id = $1) AS types) a",
		 .nargs = 5,
		 .args = {INT8OID, DATEOID, TEXTOID, TEXTOID, INT8OID}};
	Datum values[5] = {Int64GetDatum(state->key.service_id),
					   DateADTGetDatum((DateADT) state->key.day),
					   PointerGetDatum(core_text(name)),
					   PointerGetDatum(core_text(value)),
					   Int64GetDatum(cap)};

	storage_read_latest(&read, values, NULL, 1);
	return DatumGetBool(storage_value(0, 1));
}

static bool
labels_fit(Incoming *in, const ServiceState *state, const PpLabelSet *labels, DateADT day)
{
	char *from = psprintf("the rule for \"%s\" in pprof.service_limits", state->rule);

	for (uint32 i = 0; i < labels->n; i++)
	{
		PpBytes name = labels->pairs[i].name;

		if (state->max_names > 0 && !label_fits(state, (PpBytes){"", 0}, name, state->max_names))
			return refuse(in, "label_names_limit", "names of labels", state->max_names, day, from);
		if (state->max_values > 0 &&
			!label_fits(state, name, labels->pairs[i].value, state->max_values))
			return refuse(in,
						  "label_values_limit",
						  psprintf("values of label \"%s\"", text_to_cstring(core_text(name))),
						  state->max_values,
						  day,
						  from);
	}
	return true;
}

static bool
series_fit(Incoming *in, ServiceState *state, DateADT day)
{
	char *from;
	int64 cap = cap_of(state,
					   state->max_series,
					   pprof_max_series_per_service,
					   "pprof.max_series_per_service",
					   &from);
	SeriesKey *unknown = palloc(sizeof(SeriesKey) * Max(in->split.nseries, 1));
	int nunknown = 0, nnew = 0;

	if (cap == 0 && state->max_names == 0 && state->max_values == 0)
		return true;
	for (uint32 i = 0; i < in->split.nseries; i++)
	{
		const PpLabelSet *labels = &in->series[i].labels;
		SeriesKey key = {state->key.service_id, day, series_labels_id(labels, 0)};

		if (in->series[i].ntypes == 0 || is_known(&key))
			continue;
		unknown[nunknown++] = key;
		if (is_stored(&key))
			continue;
		if (!labels_fit(in, state, labels, day))
			return false;
		nnew++;
	}
	if (nnew > 0 && too_many_series(state, cap, nnew))
		return refuse(in, "series_limit", "series", cap, day, from);
	state->nseries += nnew;
	for (int i = 0; i < nunknown; i++)
		remember(&unknown[i]);
	return true;
}

/* --- stacks --- */

static void
count_stacks(ServiceState *state, TimestampTz now)
{
	static StoragePlan read =
		{.sql = "SELECT COALESCE(pg_catalog.sum((SELECT pprof.chunk_stacks(c.data) "
				"FROM pprof.chunks c WHERE c.service_id = $1 AND c.dict_id = d.dict_id "
				"AND c.day = $2 ORDER BY c.last_no DESC LIMIT 1)), 0)::pg_catalog.int8 "
				"FROM pprof.dictionaries d WHERE d.service_id = $1 AND d.day = $2",
		 .nargs = 2,
		 .args = {INT8OID, DATEOID}};
	Datum values[2] = {Int64GetDatum(state->key.service_id),
					   DateADTGetDatum((DateADT) state->key.day)};

	storage_read_latest(&read, values, NULL, 1);
	state->nstacks = DatumGetInt64(storage_value(0, 1));
	state->stacks_counted = now;
}

/* Which stacks are new is looked up only where there could be too many. */
static bool
stacks_fit(Incoming *in, ServiceState *state, DateADT day, const PpDict *dict)
{
	char *from;
	int64 cap =
		cap_of(state, state->max_stacks, pprof_max_stacks_per_day, "pprof.max_stacks_per_day", &from);
	int64 here = pp_dict_count(dict, PP_DICT_STACKS);
	TimestampTz now = GetCurrentTimestamp();
	uint32_t nnew;
	PpError err;

	if (cap == 0)
		return true;
	if (now - state->stacks_counted > STACK_SECONDS * USECS_PER_SEC)
		count_stacks(state, now);
	if (Max(state->nstacks, here) + in->profile->nsamples <= cap)
		return true;
	CORE_CHECK(pp_dict_new_stacks(dict, in->profile, &nnew, &err), &err);
	if (nnew == 0)
		return true;
	count_stacks(state, now);
	if (Max(state->nstacks, here) + nnew <= cap)
		return true;
	return refuse(in, "stacks_limit", "distinct stacks", cap, day, from);
}

bool
limits_check(Incoming *in, int64 service_id, DateADT day, const PpDict *dict)
{
	ServiceState *state = service_state(service_id, day, in->service);

	if (state->by_function)
		pp_reduce_to_functions(in->profile);
	return stacks_fit(in, state, day, dict) && series_fit(in, state, day);
}

/* --- SQL --- */

PPROF_FUNCTION(pprof_service_limits_changed);
Datum
pprof_service_limits_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("function \"%s\" was not called as a trigger", "service_limits_changed"));
	CacheInvalidateRelcacheByRelid(RelationGetRelid(((TriggerData *) fcinfo->context)->tg_relation));
	return PointerGetDatum(NULL);
}

/* The last of the chunks in a row of several (version 2); false if it cannot be read. */
static bool
last_chunk(const uint8 **data, size_t *len)
{
	const uint8 *end = *data + *len;
	PpVarint n = pp_varint(*data + 1, end);

	if (n.next == NULL || n.value == 0)
		return false;
	for (uint64 i = 0; i < n.value; i++)
	{
		PpVarint number = pp_varint(n.next, end), length;

		if (number.next == NULL || (length = pp_varint(number.next, end)).next == NULL ||
			length.value > (uint64) (end - length.next))
			return false;
		*data = length.next;
		*len = length.value;
		n.next = length.next + length.value;
	}
	return true;
}

PPROF_FUNCTION(pprof_chunk_stacks);
Datum
pprof_chunk_stacks(PG_FUNCTION_ARGS)
{
	bytea *row = PG_GETARG_BYTEA_PP(0);
	const uint8 *data = (const uint8 *) VARDATA_ANY(row);
	size_t len = VARSIZE_ANY_EXHDR(row);
	PpChunkHeader header;
	PpError err;

	if (len > 0 && data[0] == 2 && !last_chunk(&data, &len))
		ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED), errmsg("row of chunks cannot be read"));
	CORE_CHECK(pp_chunk_header(data, len, &header, &err), &err);
	PG_RETURN_INT64((int64) header.first[PP_DICT_STACKS] + header.count[PP_DICT_STACKS]);
}
