/*
 * timeline.c
 *		Regular time lines of /pyroscope/render, made of sparse points.
 */
#include "bridge/timeline.h"

#define MIN	 60
#define HOUR 3600
#define DAY	 86400

int64_t
timeline_step(int64_t range_ms)
{
	/* bound of the interval, in milliseconds, and the step that is taken up to it */
	static const struct
	{
		int64_t most_ms, step_s;
	} steps[] = {{17500, 15},
				 {25000, 20},
				 {45000, 30},
				 {90000, MIN},
				 {210000, 2 * MIN},
				 {450000, 5 * MIN},
				 {750000, 10 * MIN},
				 {1050000, 15 * MIN},
				 {1500000, 20 * MIN},
				 {2700000, 30 * MIN},
				 {5400000, HOUR},
				 {9000000, 2 * HOUR},
				 {16200000, 3 * HOUR},
				 {32400000, 6 * HOUR},
				 {INT64_C(86400000), 12 * HOUR},
				 {INT64_C(604800000), DAY},
				 {INT64_C(1814400000), 7 * DAY},
				 {INT64_C(3628799999), 30 * DAY}};
	/* compare range with 1500 times the bound, so that nothing is rounded */
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
	{
		if (range_ms <= steps[i].most_ms * 1500)
			return steps[i].step_s;
	}
	return 365 * DAY;
}

static int64_t
floor_to(int64_t value, int64_t unit)
{
	int64_t rest = value % unit;

	return value - (rest < 0 ? rest + unit : rest);
}

void
timeline_json(Buf *out, int64_t start_ms, int64_t end_ms, int64_t step_s, const SeriesPoint *points,
			  uint32_t npoints)
{
	int64_t step_ms = step_s * 1000;
	int64_t from = floor_to(start_ms, step_ms), until = floor_to(end_ms, step_ms);
	uint32_t next = 0;

	buf_str(out, "{\"startTime\":");
	buf_int(out, from / 1000);
	buf_str(out, ",\"samples\":[");
	for (int64_t at = from; at < until; at += step_ms)
	{
		int64_t value = 0;

		/* points ascend; of several in one slot the last counts */
		for (; next < npoints && points[next].ms < at + step_ms; next++)
		{
			if (points[next].ms >= at)
				value = (int64_t) points[next].value;
		}
		if (at > from)
			buf_char(out, ',');
		buf_int(out, value);
	}
	buf_str(out, "],\"durationDelta\":");
	buf_int(out, step_s);
	buf_str(out, ",\"watermarks\":null}");
}
