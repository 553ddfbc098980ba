/*
 * pp_formats.h
 *		Profiles in whatever format they come: names, detection, one entry.
 */
#ifndef PP_FORMATS_H
#define PP_FORMATS_H

#include "core/pp_builder.h"

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
	PP_FORMAT_GPERFTOOLS, /* either of these */
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

/* For readers: one column, and the period, as the options say. */
extern void pp_format_header(PpBuilder *b, const PpFormatOptions *options);

/* What each reader of a format is; data is not compressed. */
typedef PpCode PpFormatReader(const PpFormatOptions *options, const uint8_t *data, size_t len,
							  const PpLimits *limits, PpArena *arena, PpProfile **profile,
							  PpError *err);

/* "folded" is also called "groups" and "collapsed". */
extern bool pp_format_by_name(PpBytes name, PpFormat *format);
extern const char *pp_format_name(PpFormat format); /* the first of them */

/*
 * The format of bytes that are not compressed; PP_FORMAT_AUTO if it cannot be
 * told.  Lines, tries and trees never can: any bytes may be some.
 */
extern PpFormat pp_format_detect(const uint8_t *data, size_t len);

/*
 * Read a profile: gzip and zlib are unpacked first, whatever the format.
 * Formats with types of their own ignore the options.
 */
extern PpCode pp_format_read(PpFormat format, const PpFormatOptions *options, const uint8_t *data,
							 size_t len, const PpLimits *limits, PpArena *arena,
							 PpProfile **profile, PpError *err);

/* Unpack gzip (all members) and zlib; anything else is taken as it is. */
extern PpCode pp_format_unpack(const uint8_t *data, size_t len, const PpLimits *limits,
							   PpArena *arena, const uint8_t **plain, size_t *plain_len,
							   PpError *err);

/* The same as pp_format_read() for bytes that are unpacked. */
extern PpCode pp_format_read_plain(PpFormat format, const PpFormatOptions *options,
								   const uint8_t *data, size_t len, const PpLimits *limits,
								   PpArena *arena, PpProfile **profile, PpError *err);

#endif
