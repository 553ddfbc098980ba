/*
 * partition_plan.h
 *		Statements on the partition of one day or month, planned once for each.
 *
 * A plan over the parent would lock every partition at each execution, or be made
 * anew each time.
 */
#ifndef PARTITION_PLAN_H
#define PARTITION_PLAN_H

#include "postgres.h"

#include "executor/spi.h"
#include "storage.h"

typedef struct PartitionPlan
{
	const char *sql;	/* with one %s, after pprof., for the partition */
	const char *parent; /* name of its table, without the schema */
	bool by_month;
	int nargs;
	Oid args[STORAGE_MAX_ARGS]; /* as in StoragePlan */
} PartitionPlan;

/* Name of the partition that begins with a day; without a look whether there is one. */
extern char *partition_name(const char *parent, DateADT begins, bool by_month);

/* Run for its effect; gives SPI_processed.  ERROR without the partition. */
extern uint64 partition_run(const PartitionPlan *plan, DateADT begins, Datum *values,
							const char *nulls);
/* The same, on rows as they are now, in every isolation level. */
extern uint64 partition_run_latest(const PartitionPlan *plan, DateADT begins, Datum *values);
/* Read under the active snapshot; nothing without the partition. */
extern uint64 partition_read(const PartitionPlan *plan, DateADT begins, Datum *values, long count);

#endif
