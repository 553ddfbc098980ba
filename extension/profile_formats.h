/*
 * profile_formats.h
 *		Names of the formats that are read.
 */
#ifndef PROFILE_FORMATS_H
#define PROFILE_FORMATS_H

#include "core/pp_formats.h"

/* for hints */
#define FORMAT_NAMES                                                                               \
	"auto, pprof, folded, lines, trie, tree, speedscope, perf_script, gperftools, gperftools_cpu and gperftools_heap"

/* ERROR 22023 if there is no such format. */
extern PpFormat format_by_name(const text *name);

#endif
