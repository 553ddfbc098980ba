/*
 * timeline.h
 *		Regular time lines of /pyroscope/render, made of sparse points.
 */
#ifndef BRIDGE_TIMELINE_H
#define BRIDGE_TIMELINE_H

#include "bridge/buf.h"
#include "bridge/select.h"

/* Seconds between the samples of a time line over that many milliseconds. */
extern int64_t timeline_step(int64_t range_ms);

/*
 * {"startTime":...,"samples":[...],...}: the range is rounded down to the step at
 * both ends, gaps are 0, points outside are dropped, values truncated.
 */
extern void timeline_json(Buf *out, int64_t start_ms, int64_t end_ms, int64_t step_s,
						  const SeriesPoint *points, uint32_t npoints);

#endif
