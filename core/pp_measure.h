/*
 * pp_measure.h
 *		Units, and how numbers and percentages are printed.
 *
 * All arithmetic is in double precision in the tool's order of operations, so
 * that the last digit agrees.
 */
#ifndef PP_MEASURE_H
#define PP_MEASURE_H

#include "core/pp_buf.h"

/*
 * v, given in unit `from`, in unit `to` ("minimum" or "auto": the largest unit
 * that leaves at least 1).  *unit is the name of the unit the result is in; it
 * is static or points where `to` points.
 */
extern double pp_measure_scale(int64_t v, PpBytes from, PpBytes to, PpBytes *unit);

/* Both are known and measure the same thing. */
extern bool pp_measure_same_family(PpBytes a, PpBytes b);

/*
 * Whether one `from` is a whole number of `to` (1 for two spellings of one unit)
 * that fits; unknown units never are.
 */
extern bool pp_measure_whole_ratio(PpBytes from, PpBytes to, int64_t *ratio);

/* A scaled number as it is printed. */
typedef struct PpMeasured
{
	char number[64];
	PpBytes unit;
} PpMeasured;

extern PpMeasured pp_measure_label(int64_t v, PpBytes from, PpBytes to);
extern void pp_buf_measured(PpBuf *buf, const PpMeasured *measured, size_t width);

#define PP_PERCENTAGE_SIZE 64
/* "36.00%", at least six characters wide; 0% if total is 0. */
extern void pp_measure_percentage(char text[PP_PERCENTAGE_SIZE], int64_t v, int64_t total);
/* The same of numbers that need not fit int64. */
extern void pp_measure_percentage_of(char text[PP_PERCENTAGE_SIZE], double v, double total);

/* Truncation towards zero; false for NaN and what int64 cannot hold. */
extern bool pp_double_to_int64(double x, int64_t *result);

/* The name of a type without one final s: the tool takes both as the same. */
static inline PpBytes
pp_type_singular(PpBytes name)
{
	if (name.len > 0 && name.data[name.len - 1] == 's')
		name.len--;
	return name;
}

#endif
