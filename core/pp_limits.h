/*
 * pp_limits.h
 *		Bounds for hostile input, by argument.
 *
 * pp_limits_default guards what comes from outside; pp_limits_hard guards what
 * the product made itself (merged profiles, dumps being restored).
 */
#ifndef PP_LIMITS_H
#define PP_LIMITS_H

#include <stdint.h>

typedef struct PpLimits
{
	int64_t max_compressed;	   /* bytes of a compressed body */
	int64_t max_profile_size;  /* bytes after inflating */
	int64_t max_ratio;		   /* inflated : compressed, tested above 1 MiB of output */
	int64_t max_samples;	   /* Sample messages */
	int64_t max_sample_types;  /* columns */
	int64_t max_locations;	   /* also max_functions below */
	int64_t max_functions;	   /* Function messages */
	int64_t max_mappings;	   /* Mapping messages */
	int64_t max_lines;		   /* lines of one location */
	int64_t max_depth;		   /* locations of one sample */
	int64_t max_frames;		   /* lines over all locations of one sample */
	int64_t max_total_frames;  /* sum of that over all samples */
	int64_t max_labels;		   /* labels of one sample */
	int64_t max_label_keys;	   /* distinct label keys of a profile */
	int64_t max_string;		   /* bytes of one string */
	int64_t max_strings;	   /* entries of the string table */
	int64_t max_comments;	   /* comments of a profile */
	int64_t max_comment_bytes; /* their bytes together */
} PpLimits;

extern const PpLimits pp_limits_default;
extern const PpLimits pp_limits_hard;

#endif
