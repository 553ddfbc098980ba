/*
 * pp_limits.c
 *		The two sets of limits: for strangers, and for ourselves.
 */
#include "core/pp_limits.h"

const PpLimits pp_limits_default = {
	.max_compressed = 64 << 20,
	.max_profile_size = 256 << 20,
	.max_ratio = 200,
	.max_samples = 1 << 20,
	.max_sample_types = 64,
	.max_locations = 1 << 20,
	.max_functions = 1 << 20,
	.max_mappings = 1 << 16,
	.max_lines = 1024,
	.max_depth = 16384,
	.max_frames = 65536,
	.max_total_frames = 1 << 26,
	.max_labels = 256,
	.max_label_keys = 4096,
	.max_string = 1 << 20,
	.max_strings = 1 << 21,
	.max_comments = 1024,
	.max_comment_bytes = 64 << 10,
};

const PpLimits pp_limits_hard = {
	.max_compressed = (1 << 30) - 1,
	.max_profile_size = (1 << 30) - 1,
	.max_ratio = INT64_MAX,
	.max_samples = 1 << 26,
	.max_sample_types = 1024,
	.max_locations = 1 << 26,
	.max_functions = 1 << 26,
	.max_mappings = 1 << 20,
	.max_lines = 1 << 16,
	.max_depth = 1 << 20,
	.max_frames = 1 << 20,
	.max_total_frames = INT64_C(1) << 32,
	.max_labels = 1 << 16,
	.max_label_keys = 1 << 20,
	.max_string = 64 << 20,
	.max_strings = 1 << 27,
	.max_comments = 1 << 20,
	.max_comment_bytes = 16 << 20,
};
