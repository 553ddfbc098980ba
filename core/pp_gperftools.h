/*
 * pp_gperftools.h
 *		Profiles as gperftools, old tcmalloc and Go's ?debug=1 write them: a binary
 *		form for CPU time, a text for the heap.
 *
 * Both have bare addresses and the memory map of the process.  What is made of
 * them is what the pprof tool makes of them, sample by sample; equal samples
 * stay apart until somebody merges.
 */
#ifndef PP_GPERFTOOLS_H
#define PP_GPERFTOOLS_H

#include <stdbool.h>

#include "core/pp_formats.h"

typedef enum PpGperftools
{
	PP_GPERFTOOLS_NONE, /* something else */
	PP_GPERFTOOLS_CPU,
	PP_GPERFTOOLS_JAVA_CPU, /* like CPU, followed by names; not read */
	PP_GPERFTOOLS_HEAP
} PpGperftools;

/* What the first bytes (not compressed) promise. */
extern PpGperftools pp_gperftools_guess(const uint8_t *data, size_t len);

extern bool pp_is_gperftools_cpu(const uint8_t *data, size_t len); /* Java's, too */
extern bool pp_is_gperftools_heap(const uint8_t *data, size_t len);

/*
 * Strings of the result point into data, which must live as long as it does;
 * options are not looked at.  PP_EUNSUPPORTED, naming the format, for what has
 * such a header and is not read; PP_EMALFORMED for anything else.
 */
extern PpFormatReader pp_gperftools_cpu_read, pp_gperftools_heap_read;

#endif
