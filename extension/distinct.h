/*
 * distinct.h
 *		Counting profiles of which several rows may be selected.
 *
 * Rows of one profile have one time.  So rows of a segment or of pprof.raw need
 * to be told apart within their hour only, and a raw row is of a profile met
 * before if a segment of its hour has the same profile at the same time.
 */
#ifndef DISTINCT_H
#define DISTINCT_H

#include "selected_rows.h"
#include "utils/hsearch.h"

/* Hashed bytewise. */
typedef struct DistinctKey
{
	TimestampTz at;
	int64 group; /* profiles are told apart within it; 0 where there are no groups */
	pg_uuid_t profile_id;
} DistinctKey;

/* Profiles of the hour that is being read. */
typedef struct DistinctHour
{
	MemoryContext context;
	HTAB *seen;
	const Target *target;
	TimestampTz hour;
} DistinctHour;

extern void distinct_begin(DistinctHour *hour);
/* Is it the first row of its profile and group?  Rows come hour by hour of each target. */
extern bool distinct_first(DistinctHour *hour, const SelectedRow *row, int64 group);

/* A profile of raw rows, until it is known whether segments have it, too. */
typedef struct RawProfile
{
	const Target *target;
	DistinctKey key;
	int64 duration;
	int64 value; /* of its raw rows */
	bool held;	 /* by a segment */
} RawProfile;

typedef int64 (*RawGroup)(void *context, const SelectedRow *row);
typedef void (*RawProfileVisit)(void *context, const RawProfile *profile);

typedef struct RawProfiles
{
	RangePlan *plan;
	DistinctHour hour;
	RawProfile *items;
	int n, room;
	RawGroup group; /* NULL: no groups */
	RawProfileVisit visit;
	void *context; /* of both */
} RawProfiles;

/* Rows come in order of time per target; the last profiles are visited by raw_profiles_end. */
extern void raw_profiles_begin(RawProfiles *profiles, RangePlan *plan, RawGroup group,
							   RawProfileVisit visit, void *context);
extern void raw_profiles_add(RawProfiles *profiles, const SelectedRow *row);
extern void raw_profiles_end(RawProfiles *profiles);

#endif
