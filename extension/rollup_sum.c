/*
 * rollup_sum.c
 *		Sums of the segments of an hour, and of the hours of a day.
 *
 * Segments of one type are read one after the other, as integers.  Paths are
 * looked up per dictionary for all types together: they share stacks, and the
 * functions of a dictionary are known as long as the next one is not needed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core/pp_names.h"
#include "core/pp_paths.h"
#include "core_glue.h"
#include "rollup.h"
#include "segment.h"

/* --- distinct profiles --- */

static void
seen_grow(HourSum *hour)
{
	uint64 *old = hour->seen;
	uint64 size = old == NULL ? 0 : hour->seen_mask + 1;

	hour->seen_mask = Max(size * 2, 1024) - 1;
	hour->seen = MemoryContextAllocExtended(hour->context,
											(hour->seen_mask + 1) * sizeof(uint64),
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint64 i = 0; i < size; i++)
	{
		uint64 at = old[i] & hour->seen_mask;

		if (old[i] == 0)
			continue;
		while (hour->seen[at] != 0)
			at = (at + 1) & hour->seen_mask;
		hour->seen[at] = old[i];
	}
	if (old != NULL)
		pfree(old);
}

/* Is it the first row of its profile?  One may have rows in several series. */
static bool
seen_add(HourSum *hour, TimestampTz time, const uint8_t *id)
{
	uint64 hash = pp_stable_mix(pp_stable_hash(id, UUID_LEN, 0), (uint64) time) | 1;
	uint64 at;

	if (hour->seen == NULL || (uint64) hour->profiles * 2 > hour->seen_mask)
		seen_grow(hour);
	for (at = hash & hour->seen_mask; hour->seen[at] != 0; at = (at + 1) & hour->seen_mask)
		if (hour->seen[at] == hash)
			return false;
	hour->seen[at] = hash;
	return true;
}

static void
note_profiles(HourSum *hour, const PpSegmentHead *head, const uint8_t *ids)
{
	for (uint32 i = 0; i < head->n; i++)
	{
		counted_sum_note(&hour->lines, head->counted[i], head->scale[i]);
		if (hour->rows++ == 0 || head->at[i] < hour->first_at)
			hour->first_at = head->at[i];
		if (!seen_add(hour, head->at[i], ids + (size_t) i * UUID_LEN))
			continue;
		hour->profiles++;
		if (pg_add_s64_overflow(hour->duration, head->duration[i], &hour->duration))
			hour->duration = PG_INT64_MAX;
	}
}

/* --- an hour by line --- */

/* Add the samples of a segment, or the counts of those that are counted. */
static void
add_samples(HourSum *hour, const StoredSegment *segment, const PpSegmentHead *head, bool counts)
{
	size_t len;
	const uint8_t *samples =
		segment_prefix(segment->samples, pp_segment_sum_len(head, NULL, counts), &len);
	PpError err;
	PpCode code = pp_segment_sum(head,
								 samples,
								 len,
								 NULL,
								 counts,
								 counts ? hour->lines.counts : hour->lines.sum,
								 &err);

	if (code == PP_EOVERFLOW)
		hour->fits = false;
	else if (code == PP_EMALFORMED || code == PP_EUNSUPPORTED)
		segment_raise(segment, &err);
	else
		CORE_CHECK(code, &err);
}

static void
visit_segment(void *context, const StoredSegment *segment)
{
	HourSum *hour = context;
	PpArena *arena = core_arena_create();
	PpSegmentHead head;
	const uint8_t *ids;
	size_t len;

	if (!hour->fits)
		return;
	segment_head(segment, arena, &head);
	ids = segment_bytes(segment->ids, &len);
	if (len != (size_t) head.n * UUID_LEN)
	{
		PpError err;

		pp_fail(&err, PP_EMALFORMED, PP_NO_OFFSET, "not as many ids as profiles");
		segment_raise(segment, &err);
	}
	note_profiles(hour, &head, ids);
	add_samples(hour, segment, &head, false);
}

static void
visit_counts(void *context, const StoredSegment *segment)
{
	HourSum *hour = context;
	PpArena *arena = core_arena_create();
	PpSegmentHead head;

	if (!hour->fits)
		return;
	segment_head(segment, arena, &head);
	add_samples(hour, segment, &head, true);
}

HourSum *
hour_sum_make(int64 service_id, int64 type_id, TimestampTz hour)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof hour", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	HourSum *sum = palloc0(sizeof(HourSum));

	sum->service_id = service_id;
	sum->type_id = type_id;
	sum->hour = hour;
	sum->context = context;
	sum->fits = true;
	counted_sum_init(&sum->lines);
	counted_sum_init(&sum->frames);
	segment_each(service_id, &type_id, 1, hour, hour + USECS_PER_HOUR, visit_segment, sum);
	if (sum->fits && counted_sum_mixed(&sum->lines))
	{
		counted_sum_count(&sum->lines);
		segment_each(service_id, &type_id, 1, hour, hour + USECS_PER_HOUR, visit_counts, sum);
	}
	MemoryContextSwitchTo(caller);
	return sum;
}

void
hour_sum_free(HourSum *hour)
{
	MemoryContextDelete(hour->context);
}

/* --- the same by function --- */

/* A sum by line that becomes one by function. */
typedef struct Conversion
{
	HourSum *hour;
	PpSamplesSum *to;
	PpSamplesPart *parts; /* ascending by dictionary */
	uint32_t nparts;
	uint32 done;
} Conversion;

static void
begin_conversion(Conversion *conversion, HourSum *hour, const PpSamplesSum *from, PpSamplesSum *to,
				 PpArena *arena)
{
	PpError err;

	*conversion = (Conversion){.hour = hour, .to = to};
	CORE_CHECK(pp_samples_sum_parts(from, arena, &conversion->parts, &conversion->nparts, &err),
			   &err);
}

/* The least dictionary that is left. */
static bool
next_dictionary(const Conversion *all, int n, uint64 *dict_id)
{
	bool found = false;

	for (int i = 0; i < n; i++)
		if (all[i].done < all[i].nparts && (!found || all[i].parts[all[i].done].dict_id < *dict_id))
		{
			*dict_id = all[i].parts[all[i].done].dict_id;
			found = true;
		}
	return found;
}

/* The part of a dictionary, if there is one. */
static PpSamplesPart *
part_of(const Conversion *conversion, uint64 dict_id)
{
	PpSamplesPart *part = &conversion->parts[conversion->done];

	return conversion->done < conversion->nparts && part->dict_id == dict_id ? part : NULL;
}

/* A dictionary that knows the stacks of all parts: it only grows, so the last look gives it. */
static const PpDict *
dictionary_of_all(const Conversion *all, int n, uint64 dict_id)
{
	const PpDict *dict = NULL;

	for (int i = 0; i < n; i++)
	{
		const PpSamplesPart *part = part_of(&all[i], dict_id);

		if (part != NULL)
			dict = dictionary_of_service(part, all[i].hour->service_id);
	}
	return dict;
}

/* All parts of a dictionary. */
static void
convert_dictionary(Conversion *all, int n, uint64 dict_id, const PpDict *dict, PathDictionary *paths)
{
	const PpAlloc *alloc = core_alloc_create(CurrentMemoryContext);
	PpPathMap *map = pp_path_map_new(dict, path_dictionary_get(paths), alloc);
	PpError err;

	if (map == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	for (int i = 0; i < n; i++)
	{
		PpArena *arena = core_arena_create();
		PpSamplesPart part;
		PpCode code;

		if (part_of(&all[i], dict_id) != NULL)
		{
			code = pp_path_map_part(map, part_of(&all[i], dict_id), arena, &part, &err);
			all[i].done++;
			part.dict_id = path_dictionary_id(paths);
			if (code == PP_OK)
				code = pp_samples_sum_add_part(all[i].to, &part, &err);
			if (code == PP_EOVERFLOW)
				all[i].hour->fits = false;
			else
				CORE_CHECK(code, &err);
		}
		pp_arena_free(arena);
	}
	pp_path_map_free(map);
}

void
hour_sum_paths(HourSum **hours, int n, PathDictionary *paths)
{
	Conversion *all = palloc(Max(n, 1) * 2 * sizeof(Conversion));
	PpArena *arena = core_arena_create();
	int nall = 0;
	uint64 dict_id = 0;

	for (int i = 0; i < n; i++)
	{
		CountedSum *lines = &hours[i]->lines, *frames = &hours[i]->frames;

		if (!hours[i]->fits)
			continue;
		frames->scale = lines->scale;
		frames->counted = lines->counted;
		frames->uncounted = lines->uncounted;
		frames->differs = lines->differs;
		begin_conversion(&all[nall++], hours[i], lines->sum, frames->sum, arena);
		if (lines->counts == NULL)
			continue;
		counted_sum_count(frames);
		begin_conversion(&all[nall++], hours[i], lines->counts, frames->counts, arena);
	}
	while (next_dictionary(all, nall, &dict_id))
	{
		CHECK_FOR_INTERRUPTS();
		convert_dictionary(all, nall, dict_id, dictionary_of_all(all, nall, dict_id), paths);
	}
	pp_arena_free(arena);
	pfree(all);
}

/* --- a day --- */

static const uint8_t *
samples_bytes(uint64 row, int column, size_t *len)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);
	bytea *samples;

	if (isnull)
		return NULL;
	samples = DatumGetByteaPP(value);
	*len = VARSIZE_ANY_EXHDR(samples);
	return (const uint8_t *) VARDATA_ANY(samples);
}

static bool
add_bytes(PpSamplesSum *sum, const uint8_t *data, size_t len, uint64 divisor)
{
	PpError err;
	PpCode code = pp_samples_sum_add(sum, data, len, divisor, &err);

	if (code == PP_EOVERFLOW)
		return false;
	CORE_CHECK(code, &err);
	return true;
}

/* Add an hour, or the counts that it has. */
static bool
add_hour(CountedSum *sum, uint64 row, bool counts)
{
	size_t len, counts_len;
	const uint8_t *functions = samples_bytes(row, 2, &len);
	const uint8_t *hour_counts = samples_bytes(row, 3, &counts_len);
	PpSamplesHeader header;
	PpError err;

	CORE_CHECK(pp_samples_header(functions, len, &header, &err), &err);
	if (counts)
	{
		if (hour_counts != NULL)
			return add_bytes(sum->counts, hour_counts, counts_len, 1);
		return (header.flags & PP_SAMPLES_COUNTED) == 0 || header.scale == 0 ||
			   add_bytes(sum->counts, functions, len, header.scale);
	}
	counted_sum_note(sum, (header.flags & PP_SAMPLES_COUNTED) != 0, header.scale);
	if (hour_counts != NULL)
		sum->counted = true; /* some of it is */
	return add_bytes(sum->sum, functions, len, 1);
}

void
day_sum_make(int64 service_id, int64 type_id, DateADT day, DaySum *result)
{
	static StoragePlan read = {.sql =
								   "SELECT profiles, functions, function_counts FROM pprof.rollups "
								   "WHERE service_id = $1 AND type_id = $2 AND hour >= $3 AND hour < $4",
							   .nargs = 4,
							   .args = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
							   .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	Datum values[4] = {Int64GetDatum(service_id),
					   Int64GetDatum(type_id),
					   TimestampTzGetDatum(storage_day_start(day)),
					   TimestampTzGetDatum(storage_day_start(day + 1))};
	CountedSum sum;

	counted_sum_init(&sum);
	*result = (DaySum){.fits = true, .rows = (int64) storage_read(&read, values, NULL, 0)};
	for (int64 i = 0; i < result->rows && result->fits; i++)
	{
		result->profiles += DatumGetInt32(storage_value(i, 1));
		result->fits = add_hour(&sum, i, false);
	}
	if (result->fits && counted_sum_mixed(&sum))
	{
		counted_sum_count(&sum);
		for (int64 i = 0; i < result->rows && result->fits; i++)
			result->fits = add_hour(&sum, i, true);
	}
	SPI_freetuptable(SPI_tuptable);
	if (result->fits)
		counted_sum_values(&sum, &result->functions, &result->counts);
	counted_sum_free(&sum);
}
