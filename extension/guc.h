/*
 * guc.h
 *		Settings of the extension; guc.c documents each.
 */
#ifndef PPROF_GUC_H
#define PPROF_GUC_H

#include "core/pp_labels.h"
#include "core/pp_limits.h"

extern int pprof_accept_future; /* seconds; 0: no bound */
extern int pprof_accept_past;	/* the same */
extern bool pprof_bridge;
extern char *pprof_bridge_database;
extern char *pprof_bridge_listen;
extern char *pprof_bridge_path;
extern char *pprof_databases;
extern int pprof_dictionary_nodes;
extern int pprof_hour_grace; /* seconds */
extern bool pprof_maintenance;
extern int pprof_maintenance_interval;	 /* s */
extern int pprof_max_series_per_service; /* 0: any number */
extern int pprof_max_stacks_per_day;	 /* the same */
extern int pprof_reader_cache_size;		 /* kB */
extern char *pprof_sample_label_deny;	 /* comma-separated names */
extern int pprof_scrape_concurrency;
extern char *pprof_scrape_deny;	  /* networks, as pp_networks_parse reads them */
extern int pprof_scrape_max_body; /* kB */
extern int pprof_scrape_memory;	  /* kB */
extern int pprof_scrape_reload;	  /* ms */
extern int pprof_segment_profiles;
extern int pprof_shared_dictionaries;
extern char *pprof_tenant;
extern int pprof_writer_cache_size; /* kB */

extern void pprof_define_gucs(void);

/* The limits for input from outside, from the settings. */
extern void pprof_input_limits(PpLimits *limits);
extern void pprof_label_limits(PpLabelLimits *limits);

/* Is there a setting pprof.<name> (NULL: none) that can be raised above limit? */
extern bool pprof_can_raise(const char *name, int64_t limit);

#endif
