/*
 * series.c
 *		Ids of services, profile types and label sets.
 *
 * An id is a hash of what it stands for, checked against the row that has it;
 * where another holds it, the next salt is tried.  A cache bounded by its number
 * of entries spares known ones the look-up.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "core/pp_names.h"
#include "core_glue.h"
#include "storage.h"

#define CACHE_ENTRIES 65536 /* of 56 bytes and a few of overhead */

typedef enum LookupKind
{
	LOOKUP_SERVICE,
	LOOKUP_TYPE,
	LOOKUP_SERIES,
	LOOKUP_DAY
} LookupKind;

/* Hashed bytewise, so without padding. */
typedef struct LookupKey
{
	uint64 kind;
	uint64 service;
	uint64 a, b, c; /* of 128 bits of hash, or of ids */
} LookupKey;

typedef struct Lookup
{
	LookupKey key;
	int64 id;
} Lookup;

static HTAB *lookups = NULL;
static bool uncommitted = false; /* entries of this transaction are in the cache */

void
series_forget(void)
{
	if (lookups != NULL)
		hash_destroy(lookups);
	lookups = NULL;
	uncommitted = false;
}

void
series_at_end(bool commit)
{
	if (!commit && uncommitted)
		series_forget();
	uncommitted = false;
}

static bool
cache_get(const LookupKey *key, int64 *id)
{
	Lookup *found = lookups == NULL ? NULL : hash_search(lookups, key, HASH_FIND, NULL);

	if (found != NULL)
		*id = found->id;
	return found != NULL;
}

static void
cache_put(const LookupKey *key, int64 id)
{
	Lookup *entry;

	if (lookups != NULL && hash_get_num_entries(lookups) >= CACHE_ENTRIES)
	{
		hash_destroy(lookups);
		lookups = NULL;
	}
	if (lookups == NULL)
	{
		HASHCTL ctl = {.keysize = sizeof(LookupKey),
					   .entrysize = sizeof(Lookup),
					   .hcxt = TopMemoryContext};

		lookups = hash_create("pprof look-ups", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	entry = hash_search(lookups, key, HASH_ENTER, NULL);
	entry->id = id;
	uncommitted = true;
}

int64
series_service_id(PpBytes tenant, PpBytes name, int32 bucket, uint32 salt)
{
	uint64 hash = pp_stable_hash(tenant.data, tenant.len, 1 + (uint64) salt);

	hash = pp_stable_hash(name.data, name.len, hash);
	return (int64) pp_stable_mix(hash, (uint32) bucket);
}

int64
series_type_id(PpBytes profile_type, uint32 salt)
{
	return (int64) pp_stable_hash(profile_type.data, profile_type.len, 101 + (uint64) salt);
}

int64
series_labels_id(const PpLabelSet *labels, uint32 salt)
{
	return (int64) pp_labels_hash(labels, 201 + (uint64) salt);
}

static void
no_id_left(const char *what)
{
	ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("no id is left for a %s", what));
}

static bool
text_is(Datum value, text *other)
{
	return DatumGetBool(
		DirectFunctionCall2Coll(texteq, C_COLLATION_OID, value, PointerGetDatum(other)));
}

/* Does the row that `find` returned hold what values (from the third on) say? */
typedef bool (*SameRow)(const Datum *values);

static bool
same_service(const Datum *values)
{
	return text_is(storage_value(0, 1), DatumGetTextPP(values[1])) &&
		   text_is(storage_value(0, 2), DatumGetTextPP(values[2]));
}

static bool
same_type(const Datum *values)
{
	return text_is(storage_value(0, 1), DatumGetTextPP(values[2]));
}

static bool
same_labels(const Datum *values)
{
	return compareJsonbContainers(&DatumGetJsonbP(values[2])->root,
								  &DatumGetJsonbP(storage_value(0, 1))->root) == 0;
}

/* Is the id in values free, and now taken for them, or theirs already? */
static bool
find_or_add(StoragePlan *find, StoragePlan *add, Datum *values, SameRow same)
{
	/* twice: another may add it in between */
	for (int attempt = 0; attempt < 2; attempt++)
	{
		if (storage_read_latest(find, values, NULL, 1) > 0)
			return same(values);
		if (storage_run(add, values, NULL) > 0)
			return true;
	}
	return false;
}

int64
series_service(PpBytes tenant, PpBytes name)
{
	static StoragePlan find =
		{.sql = "SELECT tenant, name FROM pprof.services WHERE service_id = $1 AND bucket = 0",
		 .nargs = 1,
		 .args = {INT8OID}};
	static StoragePlan add = {.sql = "INSERT INTO pprof.services (service_id, tenant, name) "
									 "VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
							  .nargs = 3,
							  .args = {INT8OID, TEXTOID, TEXTOID}};
	LookupKey key = {.kind = LOOKUP_SERVICE,
					 .a = (uint64) series_service_id(tenant, name, 0, 0),
					 .b = (uint64) series_service_id(tenant, name, 1, 77)};
	text *tenant_text, *name_text;
	int64 id;

	if (cache_get(&key, &id))
		return id;
	tenant_text = core_text(tenant);
	name_text = core_text(name);
	for (uint32 salt = 0; salt < SERIES_SALTS; salt++)
	{
		Datum values[3];

		id = series_service_id(tenant, name, 0, salt);
		values[0] = Int64GetDatum(id);
		values[1] = PointerGetDatum(tenant_text);
		values[2] = PointerGetDatum(name_text);
		if (find_or_add(&find, &add, values, same_service))
		{
			cache_put(&key, id);
			return id;
		}
	}
	no_id_left("service");
	return 0;
}

int64
series_type(int64 service_id, PpBytes profile_type)
{
	static StoragePlan find = {.sql = "SELECT profile_type FROM pprof.service_types "
									  "WHERE service_id = $1 AND type_id = $2",
							   .nargs = 2,
							   .args = {INT8OID, INT8OID}};
	static StoragePlan add = {.sql = "INSERT INTO pprof.service_types (service_id, type_id, profile_type) "
									 "VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
							  .nargs = 3,
							  .args = {INT8OID, INT8OID, TEXTOID}};
	LookupKey key = {.kind = LOOKUP_TYPE,
					 .service = (uint64) service_id,
					 .a = (uint64) series_type_id(profile_type, 0),
					 .b = (uint64) series_type_id(profile_type, 77)};
	text *type_text;
	int64 id;

	if (cache_get(&key, &id))
		return id;
	type_text = core_text(profile_type);
	for (uint32 salt = 0; salt < SERIES_SALTS; salt++)
	{
		Datum values[3];

		id = series_type_id(profile_type, salt);
		values[0] = Int64GetDatum(service_id);
		values[1] = Int64GetDatum(id);
		values[2] = PointerGetDatum(type_text);
		if (find_or_add(&find, &add, values, same_type))
		{
			cache_put(&key, id);
			return id;
		}
	}
	no_id_left("profile type");
	return 0;
}

int64
series_labels(int64 service_id, const PpLabelSet *labels)
{
	static StoragePlan find = {.sql = "SELECT labels FROM pprof.series "
									  "WHERE service_id = $1 AND series_id = $2",
							   .nargs = 2,
							   .args = {INT8OID, INT8OID}};
	static StoragePlan add = {.sql = "INSERT INTO pprof.series (service_id, series_id, labels) "
									 "VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
							  .nargs = 3,
							  .args = {INT8OID, INT8OID, JSONBOID}};
	LookupKey key = {.kind = LOOKUP_SERIES,
					 .service = (uint64) service_id,
					 .a = (uint64) series_labels_id(labels, 0),
					 .b = (uint64) series_labels_id(labels, 77)};
	Jsonb *jsonb;
	int64 id;

	if (cache_get(&key, &id))
		return id;
	jsonb = core_labels_to_jsonb(labels);
	for (uint32 salt = 0; salt < SERIES_SALTS; salt++)
	{
		Datum values[3];

		id = series_labels_id(labels, salt);
		values[0] = Int64GetDatum(service_id);
		values[1] = Int64GetDatum(id);
		values[2] = JsonbPGetDatum(jsonb);
		if (find_or_add(&find, &add, values, same_labels))
		{
			cache_put(&key, id);
			return id;
		}
	}
	no_id_left("label set");
	return 0;
}

bool
series_day(int64 service_id, DateADT day, int64 type_id, int64 series_id)
{
	static StoragePlan find = {.sql = "SELECT 1 FROM pprof.series_days WHERE service_id = $1 "
									  "AND day = $2 AND type_id = $3 AND series_id = $4",
							   .nargs = 4,
							   .args = {INT8OID, DATEOID, INT8OID, INT8OID}};
	static StoragePlan add = {.sql = "INSERT INTO pprof.series_days (service_id, day, type_id, series_id) "
									 "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
							  .nargs = 4,
							  .args = {INT8OID, DATEOID, INT8OID, INT8OID}};
	LookupKey key = {.kind = LOOKUP_DAY,
					 .service = (uint64) service_id,
					 .a = (uint64) (int64) day,
					 .b = (uint64) type_id,
					 .c = (uint64) series_id};
	Datum values[4] = {Int64GetDatum(service_id),
					   DateADTGetDatum(day),
					   Int64GetDatum(type_id),
					   Int64GetDatum(series_id)};
	int64 ignored;
	bool added = false;

	if (cache_get(&key, &ignored))
		return false;
	/* a row that is there, but too new for the snapshot of the transaction, is an error to INSERT */
	if (!IsolationUsesXactSnapshot() || storage_read_latest(&find, values, NULL, 1) == 0)
		added = storage_run(&add, values, NULL) > 0;
	cache_put(&key, 0);
	return added;
}
