/*
 * pp_totals.h
 *		Times and totals of all profiles of a service, profile type and hour, as
 *		the bytes of a row of pprof.totals.
 *
 * `u`, `z`: as in pp_segment.h.
 *
 *   head
 *     u8  version (1)
 *     u8  flags: 1 = some profile has several rows, as its samples carry labels
 *     z   time of the first point, in microseconds; u how much later the last one is
 *     u   series; per series, ascending:
 *       8 bytes series id
 *       u   points
 *       u   0: no point is counted, 1: see each point, else scale of all + 1
 *       u u the sum, zigzag-coded in 128 bits: its lower and its upper half
 *       u   length of its data
 *
 *   data
 *     per series
 *       u   time of its first point, after that of all
 *       u   unit of the steps, u unit of the totals
 *       per point, in order of time: but for the first: u step / unit;
 *           z total / unit; where the head says so: u scale (0: not counted)
 */
#ifndef PP_TOTALS_H
#define PP_TOTALS_H

#include "core/pp_profile.h"

#define PP_TOTALS_VERSION 1

/* How the points of a series are counted. */
typedef enum PpTotalsCounted
{
	PP_TOTALS_NOT_COUNTED, /* none is */
	PP_TOTALS_COUNTED,	   /* all are, with one scale */
	PP_TOTALS_MIXED
} PpTotalsCounted;

typedef struct PpTotalsSeries
{
	int64_t series_id;
	uint32_t n;
	PpTotalsCounted counted;
	uint64_t scale; /* of all, if they are counted with one */
	__int128 sum;
	size_t data_at, data_len; /* in the bytes of data */
	/* for encoding: n points, by time */
	const int64_t *at, *total;
	const uint64_t *scales; /* total / scale is a number of events; 0: it is not */
} PpTotalsSeries;

typedef struct PpTotalsHead
{
	bool split;				   /* some profile has several rows */
	int64_t first_at, last_at; /* of all series; 0 without any */
	uint32_t nseries;
	PpTotalsSeries *series; /* ascending; without points */
} PpTotalsHead;

typedef struct PpTotalsBytes
{
	uint8_t *head, *data;
	size_t head_len, data_len;
} PpTotalsBytes;

/* Series ascend, each with points that do not descend in time; the rest of them is made. */
extern PpCode pp_totals_encode(const PpTotalsSeries *series, uint32_t n, bool split,
							   const PpAlloc *alloc, PpTotalsBytes *out, PpError *err);
extern void pp_totals_release(const PpAlloc *alloc, PpTotalsBytes *bytes);

extern PpCode pp_totals_head(const uint8_t *data, size_t len, PpArena *arena, PpTotalsHead *head,
							 PpError *err);
/*
 * Points of a series of the head, into arrays of series->n; scales (0: not
 * counted) may be NULL.
 */
extern PpCode pp_totals_points(const PpTotalsHead *head, const PpTotalsSeries *series,
							   const uint8_t *data, size_t len, int64_t *at, int64_t *total,
							   uint64_t *scales, PpError *err);
/* Everything that can be told from the bytes, sums against points included. */
extern PpCode pp_totals_check(const PpTotalsBytes *bytes, const PpAlloc *alloc, PpError *err);

#endif
