/*
 * segment.h
 *		Rows of pprof.segments, and what is made of them: reading, the search
 *		for a profile, changing them, totals.
 *
 * All of it is called in storage_begin.  Who changes segments holds the lock on
 * the service (locks.h).
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include "postgres.h"

#include "core/pp_segment.h"
#include "core/pp_totals.h"
#include "datatype/timestamp.h"
#include "utils/uuid.h"

/* Start of the UTC hour of a time. */
extern TimestampTz segment_hour(TimestampTz at);

/* --- a row of the table --- */

typedef struct StoredSegment
{
	int64 service_id, type_id;
	TimestampTz hour;
	int32 segment, profiles;
	TimestampTz first_at, last_at;
	Datum head, ids, samples, spans; /* as they lie in the table: see segment_bytes */
} StoredSegment;

/* The bytes of a column, fetched if they lie apart; in the current memory context. */
extern const uint8_t *segment_bytes(Datum column, size_t *len);
/* The same of its first bytes: no more than these are fetched. */
extern const uint8_t *segment_prefix(Datum column, uint64 most, size_t *len);
/* Its head; ERROR XX001 that names the segment if it is damaged. */
extern void segment_head(const StoredSegment *segment, PpArena *arena, PpSegmentHead *head);
/* Raise err, which came of the bytes of a segment. */
extern void segment_raise(const StoredSegment *segment, const PpError *err) __attribute__((noreturn));

/* The current memory context is reset after each call. */
typedef void (*SegmentVisit)(void *context, const StoredSegment *segment);

/*
 * Visit the segments of a service that may have profiles in [since, until), under
 * the active snapshot, by (type, hour, segment).
 */
extern void segment_each(int64 service_id, const int64 *types, int ntypes, TimestampTz since,
						 TimestampTz until, SegmentVisit visit, void *context);

/* --- is a profile there already? --- */

typedef struct SegmentProbe
{
	int64 service_id, type_id, series_id;
	TimestampTz at;
	pg_uuid_t profile_id;
	bool held; /* answer */
} SegmentProbe;

/*
 * Look for rows among what is committed now, whatever the isolation level.  To be
 * called after they were inserted into pprof.raw: who was moving an equal row at
 * that time is done then, as the unique key made us wait for it.  Probes may be in any order;
 * they come back in order of (service, hour, type, time).
 */
extern void segment_holds(SegmentProbe *probes, int n);

/* --- changing segments --- */

/*
 * Keep some of the rows of a segment (keep: a byte per row); the segment goes with
 * the last of them.  Derived rows of the hour and day are deleted.  Gives how
 * many rows went.
 */
extern int segment_rewrite(int64 service_id, int64 type_id, TimestampTz hour, int32 segment,
						   const uint8 *keep);

/*
 * To be called by whoever changed segments of an hour: totals and rollups of the
 * hour and its day go, and a mark says that they are to be made anew.
 */
extern void derived_invalidate(int64 service_id, int64 type_id, TimestampTz hour);

/* --- totals.c --- */

/* Make the totals of an hour from its segments; none if it has none. */
extern void totals_make(int64 service_id, int64 type_id, TimestampTz hour);
/* The bytes that they have to have, in the current memory context; false if there are no segments. */
extern bool totals_build(int64 service_id, int64 type_id, TimestampTz hour, PpTotalsBytes *bytes);

#endif
