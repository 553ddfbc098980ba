/*
 * path_dictionary.h
 *		Dictionaries of function paths, one or more for each service and UTC month.
 *
 * Only maintenance writes them, holding the lock on the service: one writer, so
 * ids have no holes, and nothing outlives the call.
 */
#ifndef PATH_DICTIONARY_H
#define PATH_DICTIONARY_H

#include "postgres.h"

#include "storage.h"

typedef struct PathDictionary PathDictionary;

/* First day of the month of a day. */
extern DateADT path_dictionary_month(DateADT day);

/*
 * The dictionary that is written to, with all it has; begun if there is none, or
 * if the last one is large.  Lives in a child of the current memory context.
 */
extern PathDictionary *path_dictionary_open(int64 service_id, DateADT month);
extern void path_dictionary_close(PathDictionary *paths);

extern PpDict *path_dictionary_get(const PathDictionary *paths);
extern uint64 path_dictionary_id(const PathDictionary *paths);
extern DateADT path_dictionary_month_of(const PathDictionary *paths);
/* Store what was added, as one chunk. */
extern void path_dictionary_flush(PathDictionary *paths);

#endif
