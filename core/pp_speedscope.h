/*
 * pp_speedscope.h
 *		The JSON of speedscope (https://www.speedscope.app/file-format-schema.json).
 */
#ifndef PP_SPEEDSCOPE_H
#define PP_SPEEDSCOPE_H

#include "core/pp_formats.h"

/*
 * All profiles of the file become one.  Those that differ in name, type, unit or
 * start keep apart by the text label profile_name; others, and a single one, have
 * no such label.  Times become nanoseconds, whatever their unit: one column
 * time/nanoseconds; profiles in bytes have the column space/bytes, those without
 * a unit samples/count, and a file that mixes these has several columns.  The
 * option sample_type names the column if there is one, and unit that of profiles
 * without a unit.
 *
 * Times are rounded to nanoseconds so that their sum stays right; other weights
 * must be whole numbers.  Frames keep file, line and column.  The time in which
 * no frame is open (of type evented) is no sample.  Memory is bounded by the
 * limits and a small multiple of the input.
 */
extern PpFormatReader pp_speedscope_read;

#endif
