/*
 * pp_operations.h
 *		Everything that is done with a profile, as a list to be tried on odd ones.
 */
#ifndef PP_OPERATIONS_H
#define PP_OPERATIONS_H

#include "core/pp_report.h"

typedef struct Operands
{
	const PpProfile *p;
	PpReportOptions options;
	PpSearch *search;
	PpArena *arena; /* results and scratch */
	PpBuf *out;		/* what is printed, or bytes */
} Operands;

typedef struct Operation
{
	const char *name;
	PpCode (*run)(Operands *x, PpError *err);
} Operation;

extern const Operation operations[];
extern const size_t noperations;

/* Memory from malloc() that is counted, and may be limited. */
typedef struct Meter
{
	size_t used, peak;
	size_t most; /* 0: any */
} Meter;

extern PpAlloc meter_alloc(Meter *meter);

#endif
