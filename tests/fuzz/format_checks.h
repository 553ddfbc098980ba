/*
 * format_checks.h
 *		What fuzz targets of formats share: small limits, and what any profile that
 *		was read must stand.
 */
#ifndef FORMAT_CHECKS_H
#define FORMAT_CHECKS_H

#include <stdlib.h>
#include <string.h>

#include "core/pp_codec.h"
#include "core/pp_formats.h"

/* Small enough that each is met. */
static const PpLimits format_limits = {
	.max_compressed = 1 << 16,
	.max_profile_size = 1 << 18,
	.max_ratio = 200,
	.max_samples = 1 << 10,
	.max_sample_types = 16,
	.max_locations = 1 << 10,
	.max_functions = 1 << 10,
	.max_mappings = 64,
	.max_lines = 32,
	.max_depth = 256,
	.max_frames = 512,
	.max_total_frames = 1 << 14,
	.max_labels = 40,
	.max_label_keys = 64,
	.max_string = 1024,
	.max_strings = 1 << 10,
	.max_comments = 16,
	.max_comment_bytes = 4096,
};

static inline void
require(bool truth)
{
	if (!truth)
		abort();
}

/* Everything it refers to can be touched, and it survives the codec. */
static inline void
check_profile(const PpProfile *p)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *again;
	uint8_t *bytes;
	size_t len;

	for (uint32_t i = 0; i < p->nlocrefs; i++)
		require(p->locrefs[i] < p->nlocations);
	for (uint32_t i = 0; i < p->nlines; i++)
		require(p->lines[i].function < p->nfunctions);
	for (uint32_t i = 0; i < p->nlocations; i++)
		require(p->locations[i].mapping == PP_NONE || p->locations[i].mapping < p->nmappings);
	for (uint32_t i = 0; i < p->nfunctions; i++)
		require(p->functions[i].name < p->nstrings && p->functions[i].filename < p->nstrings);
	require(pp_profile_encode(p, &pp_alloc_malloc, &bytes, &len, NULL) == PP_OK);
	require(pp_profile_decode(bytes, len, &pp_limits_hard, arena, &again, NULL) == PP_OK);
	require(again->nsamples == p->nsamples && again->nlocrefs == p->nlocrefs);
	require(p->nsamples == 0 ||
			memcmp(again->values, p->values, (size_t) p->nsamples * p->ntypes * sizeof(int64_t)) == 0);
	free(bytes);
	pp_arena_free(arena);
}

/*
 * The profile, which lives in the arena, or NULL after an error that says where.
 * The input is in memory of its own, so that reading behind it is noticed.
 */
static inline PpProfile *
read_checked(PpFormatReader *read, const uint8_t *data, size_t size, PpArena *arena)
{
	PpProfile *p;
	PpError err = {.code = PP_OK};
	PpCode code = read(NULL, data, size, &format_limits, arena, &p, &err);

	require((code == PP_OK) == (p != NULL));
	require(p != NULL || code == err.code);
	if (p == NULL)
		require(err.message[0] != '\0' && (err.offset == PP_NO_OFFSET || err.offset <= size));
	else
		check_profile(p);
	return p;
}

#endif
