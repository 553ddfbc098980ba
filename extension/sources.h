/*
 * sources.h
 *		Reading the tables of profiles, many services with one statement.
 */
#ifndef SOURCES_H
#define SOURCES_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"

#include "selection.h"

/* A service and one of the types from whose rows it is answered. */
typedef struct Target
{
	const SelectedService *service;
	int64 type_id;
	bool counting; /* value / scale of counted rows is wanted, and nothing of the others */
} Target;

/* Targets of one type id: what one statement reads. */
typedef struct TargetGroup
{
	int64 type_id;
	int n;
	Target *targets; /* ascending by service_id */
	Datum services;	 /* their ids, as an array */
} TargetGroup;

typedef enum Source
{
	SOURCE_DAYS,
	SOURCE_HOURS,
	SOURCE_TOTALS,
	SOURCE_SEGMENTS,
	SOURCE_RAW
} Source;

/* Columns of each source after service_id, which is the first. */
enum
{
	DAYS_DAY = 2,
	DAYS_PROFILES,
	DAYS_FUNCTIONS,
	DAYS_FUNCTION_COUNTS
};
enum
{
	HOURS_HOUR = 2,
	HOURS_PROFILES,
	HOURS_FIRST_AT,
	HOURS_DURATION,
	HOURS_SAMPLES,
	HOURS_COUNTS,
	HOURS_FUNCTIONS,
	HOURS_FUNCTION_COUNTS
};
enum
{
	TOTALS_HOUR = 2,
	TOTALS_HEAD,
	TOTALS_DATA
};
enum
{
	SEGMENTS_HOUR = 2,
	SEGMENTS_SEGMENT,
	SEGMENTS_FIRST_AT,
	SEGMENTS_LAST_AT,
	SEGMENTS_HEAD,
	SEGMENTS_IDS,
	SEGMENTS_SAMPLES,
	SEGMENTS_SPANS
};
enum
{
	RAW_AT = 2,
	RAW_SERIES_ID,
	RAW_DURATION,
	RAW_TOTAL,
	RAW_PROFILE_ID,
	RAW_SAMPLES,
	RAW_SPANS
};

typedef struct SourceRow
{
	const Target *target;
	HeapTuple tuple;
	TupleDesc desc;
} SourceRow;

/* The current memory context is emptied after each row. */
typedef void (*SourceVisit)(void *context, const SourceRow *row);

/* Groups of the targets of services; none of those without a series. */
extern TargetGroup *source_groups(const SelectedService *services, int n, int *ngroups);

/*
 * Visit the rows of a group in [from, to): those of segments, rollups and totals
 * by their hour, days by theirs (from and to are midnights then).  Segments and raw
 * rows come by service and hour, raw rows by time.
 */
extern void source_read(Source source, const TargetGroup *group, TimestampTz from, TimestampTz to,
						SourceVisit visit, void *context);

extern bool source_isnull(const SourceRow *row, int column);
extern Datum source_value(const SourceRow *row, int column);
/* De-toasted; in the memory of the row. */
extern PpBytes source_bytes(const SourceRow *row, int column);

#endif
