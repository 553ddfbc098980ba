/*
 * rows.h
 *		Writing the rows of a set-returning function.
 */
#ifndef ROWS_H
#define ROWS_H

#include "fmgr.h"
#include "nodes/execnodes.h"

typedef struct Rows
{
	ReturnSetInfo *info;
	MemoryContext row;	  /* current while rows are made; reset after each */
	MemoryContext caller; /* current before */
} Rows;

/* Begin; from here to rows_end what is allocated lives for one row. */
extern void rows_begin(Rows *rows, FunctionCallInfo fcinfo);
/* The same for a set of one plain type. */
extern void rows_begin_column(Rows *rows, FunctionCallInfo fcinfo, Oid type);
extern void rows_put(Rows *rows, Datum *values, bool *nulls);
/* End; gives the datum to return. */
extern Datum rows_end(Rows *rows);

#endif
