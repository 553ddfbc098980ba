/*
 * pprof.c
 *		Module magic and initialisation.
 */
#include "postgres.h"

#include "guc.h"
#include "pprof.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	pprof_define_gucs();
}
