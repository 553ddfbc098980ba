/*
 * fuzz_decode.c
 *		Bytes as a profile, gzip or not: what is read must come back equal from
 *		profile.proto and from the stored form.
 */
#include <stdlib.h>
#include <string.h>

#include "core/pp_codec.h"
#include "core/pp_inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Small enough that each is met. */
static const PpLimits limits = {
	.max_compressed = 1 << 16,
	.max_profile_size = 1 << 18,
	.max_ratio = 200,
	.max_samples = 1 << 12,
	.max_sample_types = 16,
	.max_locations = 1 << 12,
	.max_functions = 1 << 12,
	.max_mappings = 64,
	.max_lines = 32,
	.max_depth = 512,
	.max_frames = 1024,
	.max_total_frames = 1 << 16,
	.max_labels = 40,
	.max_label_keys = 64,
	.max_string = 4096,
	.max_strings = 1 << 12,
	.max_comments = 16,
	.max_comment_bytes = 4096,
};

static void
require(bool truth)
{
	if (!truth)
		abort();
}

/*
 * A text label whose text is the empty string under an index other than 0, or a
 * unit like that with the number 0, cannot be written: it would vanish.
 */
static bool
can_be_written(const PpProfile *p)
{
	for (uint32_t i = 0; i < p->nlabels; i++)
	{
		const PpLabel *label = &p->labels[i];

		if (label->str != 0 ? pp_str(p, label->str).len == 0
							: label->num == 0 && pp_str(p, label->num_unit).len == 0)
			return false;
	}
	return true;
}

static uint8_t *
encode(const PpProfile *p, size_t *len)
{
	uint8_t *out;
	PpError err;

	require(pp_profile_encode(p, &pp_alloc_malloc, &out, len, &err) == PP_OK);
	return out;
}

static void
check_proto(const PpProfile *p, PpArena *arena, const uint8_t *bytes, size_t len)
{
	PpProfile *again;
	uint8_t *bytes_again;
	size_t len_again;
	PpError err;

	require(pp_profile_decode(bytes, len, &pp_limits_hard, arena, &again, &err) == PP_OK);
	require(again->nsamples == p->nsamples && again->nlocrefs == p->nlocrefs);
	require(again->nlines == p->nlines && again->ncomments == p->ncomments);
	require(p->nsamples == 0 ||
			memcmp(again->values, p->values, (size_t) p->nsamples * p->ntypes * sizeof(int64_t)) == 0);
	bytes_again = encode(again, &len_again);
	if (can_be_written(p))
		require(len == len_again && memcmp(bytes, bytes_again, len) == 0);
	free(bytes_again);
}

static void
check_stored(const PpProfile *p, PpArena *arena, const uint8_t *bytes, size_t len)
{
	PpProfile *again;
	uint8_t *stored, *stored_again, *bytes_again;
	size_t stored_len, again_len, bytes_len;
	PpError err;

	require(pp_stored_encode(p, &pp_alloc_malloc, &stored, &stored_len, &err) == PP_OK);
	require(pp_stored_decode(stored, stored_len, arena, &again, &err) == PP_OK);
	require(pp_stored_encode(again, &pp_alloc_malloc, &stored_again, &again_len, &err) == PP_OK);
	require(stored_len == again_len && memcmp(stored, stored_again, again_len) == 0);
	bytes_again = encode(again, &bytes_len);
	require(len == bytes_len && memcmp(bytes, bytes_again, len) == 0);
	free(stored);
	free(stored_again);
	free(bytes_again);
}

/* Everything the profile refers to can be touched. */
static void
check_references(const PpProfile *p)
{
	for (uint32_t i = 0; i < p->nlocrefs; i++)
		require(p->locrefs[i] < p->nlocations);
	for (uint32_t i = 0; i < p->nlines; i++)
		require(p->lines[i].function < p->nfunctions);
	for (uint32_t i = 0; i < p->nlocations; i++)
		require(p->locations[i].mapping == PP_NONE || p->locations[i].mapping < p->nmappings);
	for (uint32_t i = 0; i < p->nsamples; i++)
		for (uint32_t j = 1; j < p->samples[i].nlabels; j++)
		{
			const PpLabel *b = &p->labels[p->samples[i].label_off + j], *a = b - 1;

			require((a->str == 0) <= (b->str == 0));
			require((a->str == 0) != (b->str == 0) ||
					pp_bytes_cmp(pp_str(p, a->key), pp_str(p, b->key)) <= 0);
		}
}

static void
check_container(PpContainer container, const uint8_t *data, size_t size)
{
	uint8_t *out;
	size_t len;
	PpError err;

	if (pp_inflate(container, data, size, &limits, &pp_alloc_malloc, &out, &len, &err) == PP_OK)
		free(out);
	else
		require(err.offset == PP_NO_OFFSET || err.offset <= size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p;
	PpError err;
	uint8_t *bytes;
	size_t len;
	PpCode code = pp_profile_read(data, size, &limits, arena, &p, &err);

	if (code == PP_OK)
	{
		check_references(p);
		bytes = encode(p, &len);
		check_proto(p, arena, bytes, len);
		check_stored(p, arena, bytes, len);
		free(bytes);
	}
	else
		require(p == NULL && err.code == code && err.message[0] != '\0');
	if (pp_container_guess(data, size) == PP_PLAIN)
	{
		check_container(PP_ZLIB, data, size);
		check_container(PP_RAW_DEFLATE, data, size);
	}
	pp_arena_free(arena);
	return 0;
}
