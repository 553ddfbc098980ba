/*
 * pp_bucket.c
 *		Time buckets of a series of points.
 */
#include "core/pp_bucket.h"

/* The last point before until; there is one. */
static __int128
last_point(int64_t since, int64_t until, int64_t step)
{
	__int128 width = (__int128) until - since - 1;

	return since + width / step * step;
}

bool
pp_bucket_range(int64_t since, int64_t until, int64_t step, int64_t *from, int64_t *to)
{
	__int128 last, first = (__int128) since - step;

	if (step < 1 || since >= until)
		return false;
	last = last_point(since, until, step);
	*from = first < INT64_MIN ? INT64_MIN : (int64_t) first;
	*to = (int64_t) last + 1; /* last < until, so this is in range */
	return true;
}

bool
pp_bucket_point(int64_t since, int64_t until, int64_t step, int64_t at, int64_t *point)
{
	int64_t from, to;
	__int128 past;

	if (!pp_bucket_range(since, until, step, &from, &to) || at < from || at >= to)
		return false;
	past = (__int128) at - since;
	if (past <= 0)
		*point = since;
	else
		*point = (int64_t) (since + (past + step - 1) / step * step);
	return true;
}
