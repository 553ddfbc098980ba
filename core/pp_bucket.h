/*
 * pp_bucket.h
 *		Time buckets of a series of points.
 *
 * Points stand at since + k * step, before until: the buckets are relative to
 * the range, not aligned to the epoch.  A point covers what came in the step
 * before it, its own moment included, (T - step, T]; the first one also its left
 * edge, since - step.  What comes after the last point belongs to none, even
 * inside the range.  Times are microseconds.
 */
#ifndef PP_BUCKET_H
#define PP_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* The point that `at` belongs to; false if there is none (or step < 1). */
extern bool pp_bucket_point(int64_t since, int64_t until, int64_t step, int64_t at, int64_t *point);

/*
 * What must be read to fill all points: [*from, *to), cut to int64.  False if
 * there is no point.
 */
extern bool pp_bucket_range(int64_t since, int64_t until, int64_t step, int64_t *from, int64_t *to);

#endif
