/*
 * pp_formats.h
 *		Profiles in whatever format they come: names, detection, one entry.
 */
#ifndef PP_FORMATS_H
#define PP_FORMATS_H

#include "core/pp_profile.h"

typedef enum PpFormat
{
	PP_FORMAT_AUTO, /* as pp_format_detect() says */
	PP_FORMAT_PPROF,
	PP_FORMAT_FOLDED, /* `root;frame;leaf 12`, one stack per line */
	PP_FORMAT_LINES,  /* `root;frame;leaf`, one stack seen once per line */
	PP_FORMAT_TRIE,	  /* binary, pre-order, fragments of folded stacks */
	PP_FORMAT_TREE,	  /* binary, pre-order, whole frames */
	PP_FORMAT_SPEEDSCOPE,
	PP_FORMAT_PERF_SCRIPT,
	PP_FORMAT_GPERFTOOLS_CPU,
	PP_FORMAT_GPERFTOOLS_HEAP
} PpFormat;

/*
 * What formats do not say themselves.  All zero, or a NULL pointer, means the
 * defaults: samples/count, no period.
 */
typedef struct PpFormatOptions
{
	PpBytes sample_type, unit;
	PpBytes period_type, period_unit;
	int64_t period;
} PpFormatOptions;

/* What each reader of a format is; data is not compressed. */
typedef PpCode PpFormatReader(const PpFormatOptions *options, const uint8_t *data, size_t len,
							  const PpLimits *limits, PpArena *arena, PpProfile **profile,
							  PpError *err);

#endif
