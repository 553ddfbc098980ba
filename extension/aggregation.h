/*
 * aggregation.h
 *		How the profiles of a range become one value: their sum, or their mean.
 */
#ifndef AGGREGATION_H
#define AGGREGATION_H

#include "postgres.h"

/* 'avg' or 'sum'; ERROR 22023 for anything else. */
extern bool aggregation_is_average(const text *name);

#endif
