/*
 * pp_stored.h
 *		What both directions of the stored form share; pp_stored.c draws the bytes.
 */
#ifndef PP_STORED_H
#define PP_STORED_H

#include "core/pp_codec.h"
#include "core/pp_wire.h"

#define PP_STORED_VERSION 1

/* What entries do not have to say, because it holds for all of them. */
enum
{
	PP_STORED_MAPPING_IDS = 1, /* ids are written; else they count from 1 */
	PP_STORED_FUNCTION_IDS = 2,
	PP_STORED_LOCATION_IDS = 4,
	PP_STORED_START_LINES = 8, /* written; else all are 0 */
	PP_STORED_COLUMNS = 16,
	PP_STORED_FLAGS = 31
};

/* Labels of a sample. */
enum
{
	PP_STORED_LABELS_NONE,
	PP_STORED_LABELS_SAME, /* as the sample before; at most PP_STORED_SAME_LABELS */
	PP_STORED_LABELS_OWN
};

/*
 * What a sample may take over from the one before it.  These bound what a few
 * bytes can unfold to, so that the reader can check counts before it allocates.
 */
#define PP_STORED_SHARED_MAX  255 /* locations */
#define PP_STORED_SAME_LABELS 16

typedef struct PpStoredCounts
{
	uint32_t strings, types, samples, locrefs, labels;
	uint32_t mappings, locations, lines, functions, comments;
	uint64_t string_bytes;
} PpStoredCounts;

/* Name of the count that exceeds pp_limits_hard, or NULL. */
extern const char *pp_stored_too_many(const PpStoredCounts *counts);

#endif
