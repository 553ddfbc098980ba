/*
 * pp_profile.h
 *		A profile in memory: flat arrays, references by index.
 *
 * One model serves the pprof wire format (pp_decode.h, pp_encode.h), the stored
 * form (pp_stored.h), merging and reports.  Every reference has been checked:
 * string indexes are < nstrings, sample locations < nlocations, and so on.
 * Arrays live in one arena; string bytes may point into the bytes the profile
 * was read from, which must live as long as the profile.
 */
#ifndef PP_PROFILE_H
#define PP_PROFILE_H

#include "core/pp_alloc.h"
#include "core/pp_error.h"
#include "core/pp_limits.h"

#define PP_NONE UINT32_MAX /* no mapping, no function, no column */

typedef struct PpBytes
{
	const char *data; /* not terminated; may hold NUL and bad UTF-8 */
	uint32_t len;
} PpBytes;

typedef struct PpValueType
{
	uint32_t type, unit; /* strings */
} PpValueType;

enum
{
	PP_HAS_FUNCTIONS = 1,
	PP_HAS_FILENAMES = 2,
	PP_HAS_LINE_NUMBERS = 4,
	PP_HAS_INLINE_FRAMES = 8
};

typedef struct PpMapping
{
	uint64_t id; /* as read: not 0, unique; writers renumber from 1 when they compact */
	uint64_t start, limit, offset;
	uint32_t filename, build_id; /* strings */
	uint32_t flags;				 /* PP_HAS_... */
} PpMapping;

typedef struct PpFunction
{
	uint64_t id;
	uint32_t name, system_name, filename; /* strings */
	int64_t start_line;
} PpFunction;

typedef struct PpLine
{
	uint32_t function; /* index */
	int64_t line, column;
} PpLine;

typedef struct PpLocation
{
	uint64_t id;
	uint64_t address;
	uint32_t mapping;		   /* index, or PP_NONE */
	uint32_t line_off, nlines; /* innermost (inlined) line first */
	uint32_t is_folded;
} PpLocation;

/*
 * Labels of a sample are kept text first, then numbers, each stably sorted by
 * the bytes of the key: the order in which pprof writes them.  profile.proto
 * cannot carry a label whose str, num and num_unit are all 0; heap texts have it
 * (objects of 0 bytes), and it is lost when they are encoded.
 */
typedef struct PpLabel
{
	uint32_t key;	   /* string */
	uint32_t str;	   /* string; 0 for a number label */
	uint32_t num_unit; /* string; 0 for none */
	int64_t num;
} PpLabel;

typedef struct PpSample
{
	uint32_t loc_off, nlocs;	 /* into locrefs: leaf first, root last */
	uint32_t label_off, nlabels; /* into labels; samples may share them */
} PpSample;

typedef struct PpProfile
{
	PpArena *arena; /* owner of the arrays */

	uint32_t nstrings; /* at least 1: strings[0] is empty; equal entries may occur */
	PpBytes *strings;

	uint32_t ntypes;
	PpValueType *types;

	uint32_t nsamples;
	PpSample *samples;
	int64_t *values; /* nsamples * ntypes, sample by sample */
	uint32_t nlocrefs;
	uint32_t *locrefs; /* location indexes */
	uint32_t nlabels;
	PpLabel *labels;

	uint32_t nmappings;
	PpMapping *mappings;
	uint32_t nlocations;
	PpLocation *locations;
	uint32_t nlines;
	PpLine *lines;
	uint32_t nfunctions;
	PpFunction *functions;

	PpValueType period_type;
	int64_t period;
	int64_t time_nanos, duration_nanos;
	uint32_t drop_frames, keep_frames; /* strings */
	uint32_t default_sample_type;	   /* string */
	uint32_t doc_url;				   /* string */
	uint32_t ncomments;
	uint32_t *comments; /* strings */
} PpProfile;

/* An empty profile (one empty string) in the arena; NULL without memory. */
extern PpProfile *pp_profile_new(PpArena *arena);

/*
 * Index of the column that `name` means: empty is default_sample_type if there
 * is such a column, else the last; a decimal number is an index; else the name,
 * with or without a leading "inuse_".  PP_EINVALID lists what there is.
 */
extern PpCode pp_profile_column(const PpProfile *p, PpBytes name, uint32_t *column, PpError *err);

/* Sum of column `type` over all samples; 128-bit inside, PP_EOVERFLOW outside int64. */
extern PpCode pp_profile_total(const PpProfile *p, uint32_t type, int64_t *total, PpError *err);

static inline PpBytes
pp_str(const PpProfile *p, uint32_t index)
{
	return p->strings[index];
}

extern int pp_bytes_cmp(PpBytes a, PpBytes b); /* bytewise, shorter first */
extern int pp_bytes_eq(PpBytes a, PpBytes b);
extern PpBytes pp_bytes_cstr(const char *cstr);

#endif
