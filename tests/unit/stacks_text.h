/*
 * stacks_text.h
 *		Profiles read from foreign formats, written down for tests.
 */
#ifndef STACKS_TEXT_H
#define STACKS_TEXT_H

#include "pp_test.h"

#include "core/pp_buf.h"
#include "core/pp_formats.h"

/* `root;leaf 1 2 key=value|`, sample by sample, in a static buffer. */
static inline const char *
stacks_text(const PpProfile *p)
{
	static char text[8192];
	PpBuf buf;

	pp_buf_init(&buf, &pp_alloc_malloc);
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		const PpSample *sample = &p->samples[i];

		for (uint32_t k = sample->nlocs; k > 0; k--)
		{
			const PpLocation *location = &p->locations[p->locrefs[sample->loc_off + k - 1]];

			for (uint32_t l = location->nlines; l > 0; l--)
			{
				uint32_t function = p->lines[location->line_off + l - 1].function;

				pp_buf_bytes(&buf, pp_str(p, p->functions[function].name));
				pp_buf_text(&buf, k > 1 || l > 1 ? ";" : "");
			}
		}
		for (uint32_t t = 0; t < p->ntypes; t++)
			pp_buf_printf(&buf, " %lld", (long long) p->values[(size_t) i * p->ntypes + t]);
		for (uint32_t l = 0; l < sample->nlabels; l++)
		{
			const PpLabel *label = &p->labels[sample->label_off + l];

			pp_buf_char(&buf, ' ');
			pp_buf_bytes(&buf, pp_str(p, label->key));
			pp_buf_char(&buf, '=');
			pp_buf_bytes(&buf, pp_str(p, label->str));
		}
		pp_buf_char(&buf, '|');
	}
	assert_true(buf.len < sizeof(text));
	if (buf.len > 0)
		memcpy(text, buf.data, buf.len);
	text[buf.len] = '\0';
	pp_buf_free(&buf);
	return text;
}

/* Memory aligned to 8 bytes and no more, as the server's is. */
static inline void *
aligned_resize(void *ctx, void *ptr, size_t size)
{
	char *block = realloc(ptr != NULL ? (char *) ptr - 8 : NULL, size + 8);

	return block != NULL ? block + 8 : NULL;
}

static inline void *
aligned_alloc8(void *ctx, size_t size)
{
	return aligned_resize(ctx, NULL, size);
}

static inline void
aligned_release(void *ctx, void *ptr)
{
	free(ptr != NULL ? (char *) ptr - 8 : NULL);
}

static const PpAlloc alloc_aligned8 = {aligned_alloc8, aligned_resize, aligned_release, NULL, NULL};

/* Bytes in memory of exactly their size, so that sanitizers see the end. */
static inline uint8_t *
exact_copy(const void *data, size_t len)
{
	uint8_t *copy = malloc(len + (len == 0));

	memcpy(copy, data, len);
	return copy;
}

/* The stacks must be these, and the profile must survive the codec. */
static inline void
expect_stacks(PpFormatReader *read, const PpFormatOptions *options, const void *data, size_t len,
			  const char *expected)
{
	PpArena *arena = pp_arena_new(&alloc_aligned8);
	uint8_t *copy = exact_copy(data, len), *bytes;
	size_t bytes_len;
	PpProfile *p, *again;
	PpError err;

	if (read(options, copy, len, &pp_limits_default, arena, &p, &err) != PP_OK)
		fail_msg("%s", err.message);
	free(copy); /* nothing of it is needed any more */
	assert_string_equal(stacks_text(p), expected);
	assert_int_equal(pp_profile_encode(p, &pp_alloc_malloc, &bytes, &bytes_len, &err), PP_OK);
	assert_int_equal(pp_profile_decode(bytes, bytes_len, &pp_limits_hard, arena, &again, &err),
					 PP_OK);
	assert_same_profile(p, again);
	free(bytes);
	pp_arena_free(arena);
}

/* Reading must fail like this; part is found in the message. */
static inline void
expect_error(PpFormatReader *read, const PpFormatOptions *options, const PpLimits *limits,
			 const void *data, size_t len, PpCode code, size_t offset, const char *part)
{
	PpArena *arena = pp_arena_new(&alloc_aligned8);
	uint8_t *copy = exact_copy(data, len);
	PpProfile *p;
	PpError err = {.code = PP_OK};

	if (read(options, copy, len, limits, arena, &p, &err) != code)
		fail_msg("code %d, \"%s\" instead of \"%s\"", err.code, err.message, part);
	assert_null(p);
	assert_int_equal(err.code, code);
	if (strstr(err.message, part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part, err.message);
	assert_int_equal(err.offset, offset);
	free(copy);
	pp_arena_free(arena);
}

/* The same for hexadecimal digits. */
static inline size_t
unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (; hex[0] != '\0'; hex += 2)
		out[n++] = (uint8_t) strtoul((char[]){hex[0], hex[1], '\0'}, NULL, 16);
	return n;
}

#endif
