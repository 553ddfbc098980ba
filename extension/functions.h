/*
 * functions.h
 *		Names of functions, and what each had on each day.
 */
#ifndef FUNCTIONS_H
#define FUNCTIONS_H

#include "postgres.h"

#include "core/pp_paths.h"
#include "path_dictionary.h"

/*
 * Make function_days of a service, type and day anew, of the rollups of hours
 * that are there now; none if a sum does not fit 64 bits.  Inside storage_begin,
 * holding the lock on the service.  open: a dictionary of paths that the caller
 * has, or NULL.
 */
extern void functions_refresh(int64 service_id, int64 type_id, DateADT day,
							  const PathDictionary *open);

/* The id that a name has when nobody took it; pprof.check() recomputes it. */
extern int64 functions_id(PpBytes name, uint32 salt);

/*
 * What the functions of a service, type and day have in the rollups of its
 * hours, under the active snapshot; names are texts of the server, distinct, in
 * the current memory context.  False if a sum does not fit 64 bits.
 */
extern bool functions_of_day(int64 service_id, int64 type_id, DateADT day,
							 const PathDictionary *open, PpFunctionSum **sums, uint32 *n);

#endif
