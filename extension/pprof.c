/*
 * pprof.c
 *		Module magic and initialisation.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "bgworker/launcher.h"
#include "guc.h"
#include "pprof.h"
#include "shared_dictionary.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	pprof_define_gucs();
	if (process_shared_preload_libraries_in_progress)
	{
		shared_dictionaries_request();
		launcher_register();
	}
}
