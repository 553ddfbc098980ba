/*
 * wake.c
 *		Tells the scraper that its configuration changed, when that is committed.
 *
 * The worker would notice by itself within pprof.scrape_reload; this makes it
 * look at once.  Its process is found by pg_stat_activity, so that no memory
 * needs to be shared; a process that got the same number meanwhile merely looks
 * at its latch for nothing.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"

#include "pprof.h"

static int scraper_pid = 0; /* to be woken at the end of this transaction */

static void
wake_scraper(XactEvent event, void *arg)
{
	PGPROC *process;

	switch (event)
	{
		case XACT_EVENT_COMMIT:
			process = scraper_pid != 0 ? BackendPidGetProc(scraper_pid) : NULL;
			if (process != NULL)
				SetLatch(&process->procLatch);
			scraper_pid = 0;
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			scraper_pid = 0;
			break;
		default:
			break;
	}
}

/* Process of this database's scraper, or 0. */
static int
find_scraper(void)
{
	bool isnull;

	if (SPI_execute("SELECT pid FROM pg_catalog.pg_stat_activity"
					" WHERE backend_type = 'pprof scraper' AND datname = pg_catalog.current_database()",
					true,
					1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for the scraper");
	if (SPI_processed == 0)
		return 0;
	return DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

PPROF_FUNCTION(pprof_scrape_changed);
Datum
pprof_scrape_changed(PG_FUNCTION_ARGS)
{
	static bool registered = false;

	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "scrape_changed was not called by a trigger");
	SPI_connect();
	if (SPI_execute("UPDATE pprof.scrape_generation SET generation = generation + 1", false, 0) !=
		SPI_OK_UPDATE)
		elog(ERROR, "could not count a change of the scrape configuration");
	if (scraper_pid == 0)
		scraper_pid = find_scraper();
	SPI_finish();
	if (!registered)
		RegisterXactCallback(wake_scraper, NULL);
	registered = true;
	return PointerGetDatum(NULL);
}
