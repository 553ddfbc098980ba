/*
 * fuzz_folded.c
 *		Text as folded stacks, and as stacks without counts: each line, read alone,
 *		must be among the samples of the whole.
 */
#define _GNU_SOURCE /* memmem */
#include "format_checks.h"

#include "core/pp_folded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static PpBytes
frame_name(const PpProfile *p, const PpSample *sample, uint32_t i)
{
	const PpLocation *location = &p->locations[p->locrefs[sample->loc_off + i]];

	return pp_str(p, p->functions[p->lines[location->line_off].function].name);
}

/* Is the first sample of `line` one of `all`? */
static bool
has_stack(const PpProfile *all, const PpProfile *line)
{
	const PpSample *wanted = &line->samples[0];

	for (uint32_t i = 0; i < all->nsamples; i++)
	{
		const PpSample *sample = &all->samples[i];
		bool same = sample->nlocs == wanted->nlocs;

		for (uint32_t k = 0; same && k < wanted->nlocs; k++)
			same = pp_bytes_eq(frame_name(all, sample, k), frame_name(line, wanted, k));
		if (same)
			return true;
	}
	return false;
}

static void
check_lines(PpFormatReader *read, const PpProfile *all, const uint8_t *data, size_t size)
{
	__int128 sum = 0, total = 0;

	for (uint32_t i = 0; i < all->nsamples; i++)
		total += all->values[i];
	while (size > 0)
	{
		const uint8_t *eol = memchr(data, '\n', size);
		size_t len = eol != NULL ? (size_t) (eol - data) + 1 : size;
		PpArena *arena = pp_arena_new(&pp_alloc_malloc);
		PpProfile *p;

		/* a line without a count is an error when it is alone */
		if (read(NULL, data, len, &format_limits, arena, &p, NULL) == PP_OK && p->nsamples > 0)
		{
			require(p->nsamples == 1 && has_stack(all, p));
			sum += p->values[0];
		}
		pp_arena_free(arena);
		data += len;
		size -= len;
	}
	require(sum == total);
}

static void
check(PpFormatReader *read, const uint8_t *data, size_t size)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p = read_checked(read, data, size, arena);

	/* quadratic; and a byte order mark belongs to the first line of a text only */
	if (p != NULL && size <= 2048 && memmem(data, size, "\xef\xbb\xbf", 3) == NULL)
		check_lines(read, p, data, size);
	pp_arena_free(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(pp_folded_read, data, size);
	check(pp_lines_read, data, size);
	pp_is_folded(data, size);
	return 0;
}
