/*
 * check_labels.h
 *		pprof.check() of the summary of labels.
 */
#ifndef CHECK_LABELS_H
#define CHECK_LABELS_H

#include "postgres.h"

/*
 * Look for rows of pprof.label_days that are missing or that no series accounts
 * for; gives the number of problems in SPI_tuptable: object, problem.
 */
extern uint64 check_labels_read(long most);

#endif
