/*
 * launcher.h
 *		Background workers that come with the server.
 */
#ifndef LAUNCHER_H
#define LAUNCHER_H

#include "fmgr.h"

/* Register the launcher; called while shared_preload_libraries are loaded. */
extern void launcher_register(void);

PGDLLEXPORT void pprof_launcher_main(Datum arg);
PGDLLEXPORT void pprof_maintenance_main(Datum arg);
PGDLLEXPORT void pprof_supervisor_main(Datum arg);

#endif
