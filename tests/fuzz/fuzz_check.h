/*
 * fuzz_check.h
 *		What holds of each profile that a reader makes, whatever the bytes were.
 */
#ifndef FUZZ_CHECK_H
#define FUZZ_CHECK_H

#include <stdlib.h>
#include <string.h>

#include "core/pp_codec.h"
#include "core/pp_formats.h"

/* Small enough that each is met. */
static const PpLimits fuzz_limits = {
	.max_compressed = 1 << 16,
	.max_profile_size = 1 << 18,
	.max_ratio = 200,
	.max_samples = 1 << 10,
	.max_sample_types = 8,
	.max_locations = 1 << 10,
	.max_functions = 1 << 10,
	.max_mappings = 32,
	.max_lines = 8,
	.max_depth = 64,
	.max_frames = 128,
	.max_total_frames = 1 << 12,
	.max_labels = 8,
	.max_label_keys = 16,
	.max_string = 1024,
	.max_strings = 1 << 10,
	.max_comments = 4,
	.max_comment_bytes = 1024,
};

static inline void
fuzz_require(bool truth)
{
	if (!truth)
		abort();
}

/* Everything the profile refers to is there. */
static inline void
fuzz_check_references(const PpProfile *p)
{
	fuzz_require(p->nstrings > 0 && p->strings[0].len == 0);
	fuzz_require(p->nsamples <= fuzz_limits.max_samples && p->ntypes <= fuzz_limits.max_sample_types);
	fuzz_require(p->nmappings <= fuzz_limits.max_mappings + 1);
	fuzz_require(p->nlocations <= fuzz_limits.max_locations);
	for (uint32_t i = 0; i < p->nlocrefs; i++)
		fuzz_require(p->locrefs[i] < p->nlocations);
	for (uint32_t i = 0; i < p->nlines; i++)
		fuzz_require(p->lines[i].function < p->nfunctions);
	for (uint32_t i = 0; i < p->nlabels; i++)
		fuzz_require(p->labels[i].key < p->nstrings && p->labels[i].str < p->nstrings);
	for (uint32_t i = 0; i < p->nmappings; i++)
		fuzz_require(p->mappings[i].filename < p->nstrings && p->mappings[i].build_id < p->nstrings);
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		const PpSample *sample = &p->samples[i];

		fuzz_require(sample->nlocs <= fuzz_limits.max_depth);
		fuzz_require((uint64_t) sample->loc_off + sample->nlocs <= p->nlocrefs);
		fuzz_require((uint64_t) sample->label_off + sample->nlabels <= p->nlabels);
	}
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		fuzz_require(p->locations[i].mapping == PP_NONE || p->locations[i].mapping < p->nmappings);
		fuzz_require((uint64_t) p->locations[i].line_off + p->locations[i].nlines <= p->nlines);
	}
}

/* It is a valid profile.proto, and comes back from the stored form. */
static inline void
fuzz_check_codecs(const PpProfile *p, PpArena *arena)
{
	uint8_t *bytes, *stored;
	size_t len, stored_len;
	PpProfile *again;
	PpError err;

	fuzz_require(pp_profile_encode(p, &pp_alloc_malloc, &bytes, &len, &err) == PP_OK);
	fuzz_require(pp_profile_decode(bytes, len, &pp_limits_hard, arena, &again, &err) == PP_OK);
	fuzz_require(again->nsamples == p->nsamples && again->nlocrefs <= p->nlocrefs);
	fuzz_require(pp_stored_encode(p, &pp_alloc_malloc, &stored, &stored_len, &err) == PP_OK);
	fuzz_require(pp_stored_decode(stored, stored_len, arena, &again, &err) == PP_OK);
	fuzz_require(again->nsamples == p->nsamples);
	free(bytes);
	free(stored);
}

/* Read, and check what came of it; true if it is a profile. */
static inline bool
fuzz_reader(PpFormatReader *reader, const uint8_t *data, size_t size)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p;
	PpError err = {0};
	PpCode code = reader(NULL, data, size, &fuzz_limits, arena, &p, &err);

	if (code == PP_OK)
	{
		fuzz_check_references(p);
		fuzz_check_codecs(p, arena);
	}
	else
	{
		fuzz_require(p == NULL && err.code == code && err.message[0] != '\0');
		fuzz_require(memchr(err.message, '\0', sizeof(err.message)) != NULL);
		fuzz_require(err.offset == PP_NO_OFFSET || err.offset <= size);
		fuzz_require((code == PP_ELIMIT) == (err.setting != NULL));
	}
	pp_arena_free(arena);
	return code == PP_OK;
}

#endif
