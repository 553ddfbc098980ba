/*
 * aggregation.h
 *		How the profiles of a range, or of a step of it, become one value.
 */
#ifndef AGGREGATION_H
#define AGGREGATION_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* 'avg' or 'sum'; ERROR 22023 for anything else. */
extern bool aggregation_is_average(const text *name);

/* Width of the steps of a series, in microseconds; ERROR 22023 if it has months or is not positive. */
extern int64 aggregation_step(const Interval *step);

#endif
