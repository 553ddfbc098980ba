/*
 * pp_perf_script.h
 *		The text that "perf script" of Linux perf prints.
 *
 * A sample is a header ("comm pid/tid [cpu] time: period event:") and its frames,
 * leaf first, up to a blank line; without stacks it is one line.  What becomes
 * of it:
 *
 * - Each event E has a column E_sample/count, and E_event with the sum of the
 *	 periods if perf printed them: count, or nanoseconds for cpu-clock and
 *	 task-clock.  Modifiers (":ppp", ":u") are not part of the name.
 * - comm is a label.  Process, thread and processor are not kept: they would keep
 *	 equal stacks apart.  The duration is from the first sample to the last.
 * - Each dso is a mapping without a range.  Addresses are as printed: absolute,
 *	 or relative to the dso, depending on the version and options of perf.
 * - Inlined frames are lines of the location of the frame they are inlined in.
 */
#ifndef PP_PERF_SCRIPT_H
#define PP_PERF_SCRIPT_H

#include <stdbool.h>

#include "core/pp_formats.h"

/* Does the first line that is neither blank nor a # comment look like a sample? */
extern bool pp_is_perf_script(const uint8_t *data, size_t len);

/* Options are not looked at. */
extern PpFormatReader pp_perf_script_read;

#endif
