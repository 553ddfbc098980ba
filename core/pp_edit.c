/*
 * pp_edit.c
 *		Copies of profiles to be changed in place.
 */
#include "core/pp_edit.h"

#include <string.h>

/* Copy n elements; a valid pointer even for n = 0. */
static void *
copy_array(PpArena *arena, const void *from, size_t n, size_t size)
{
	void *to = pp_arena_array(arena, n, size);

	if (to != NULL && n > 0)
		memcpy(to, from, n * size);
	return to;
}

static PpCode
copy_lines(const PpProfile *p, PpProfile *copy, PpError *err)
{
	size_t total = 0;

	for (uint32_t i = 0; i < p->nlocations; i++)
		total += p->locations[i].nlines;
	if (total >= UINT32_MAX)
		return pp_fail_limit(err, PP_NO_OFFSET, NULL, UINT32_MAX, "profile has too many lines");
	if ((copy->lines = pp_arena_array(copy->arena, total, sizeof(PpLine))) == NULL)
		return pp_fail_nomem(err);
	copy->nlines = 0;
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		PpLocation *loc = &copy->locations[i];

		if (loc->nlines > 0)
			memcpy(copy->lines + copy->nlines, p->lines + loc->line_off, loc->nlines * sizeof(PpLine));
		loc->line_off = copy->nlines;
		copy->nlines += loc->nlines;
	}
	return PP_OK;
}

static PpCode
copy_stacks(const PpProfile *p, PpProfile *copy, PpError *err)
{
	size_t nlocs = 0, nlabels = 0;

	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		nlocs += p->samples[i].nlocs;
		nlabels += p->samples[i].nlabels;
	}
	if (nlocs >= UINT32_MAX || nlabels >= UINT32_MAX)
		return pp_fail_limit(err, PP_NO_OFFSET, NULL, UINT32_MAX, "profile has too many frames");
	copy->locrefs = pp_arena_array(copy->arena, nlocs, sizeof(uint32_t));
	copy->labels = pp_arena_array(copy->arena, nlabels, sizeof(PpLabel));
	if (copy->locrefs == NULL || copy->labels == NULL)
		return pp_fail_nomem(err);
	copy->nlocrefs = copy->nlabels = 0;
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		PpSample *sample = &copy->samples[i];

		if (sample->nlocs > 0)
			memcpy(copy->locrefs + copy->nlocrefs,
				   p->locrefs + sample->loc_off,
				   sample->nlocs * sizeof(uint32_t));
		if (sample->nlabels > 0)
			memcpy(copy->labels + copy->nlabels,
				   p->labels + sample->label_off,
				   sample->nlabels * sizeof(PpLabel));
		sample->loc_off = copy->nlocrefs;
		sample->label_off = copy->nlabels;
		copy->nlocrefs += sample->nlocs;
		copy->nlabels += sample->nlabels;
	}
	return PP_OK;
}

PpCode
pp_edit_copy(const PpProfile *p, PpArena *arena, PpProfile **out, PpError *err)
{
	PpProfile *copy = copy_array(arena, p, 1, sizeof(*p));
	size_t nvalues = (size_t) p->nsamples * p->ntypes;
	PpCode code;

	if (copy == NULL)
		return pp_fail_nomem(err);
	copy->arena = arena;
	copy->strings = copy_array(arena, p->strings, p->nstrings, sizeof(*p->strings));
	copy->samples = copy_array(arena, p->samples, p->nsamples, sizeof(*p->samples));
	copy->values = copy_array(arena, p->values, nvalues, sizeof(*p->values));
	copy->mappings = copy_array(arena, p->mappings, p->nmappings, sizeof(*p->mappings));
	copy->locations = copy_array(arena, p->locations, p->nlocations, sizeof(*p->locations));
	copy->functions = copy_array(arena, p->functions, p->nfunctions, sizeof(*p->functions));
	if (copy->strings == NULL || copy->samples == NULL || copy->values == NULL ||
		copy->mappings == NULL || copy->locations == NULL || copy->functions == NULL)
		return pp_fail_nomem(err);
	if ((code = copy_lines(p, copy, err)) != PP_OK || (code = copy_stacks(p, copy, err)) != PP_OK)
		return code;
	*out = copy;
	return PP_OK;
}

void
pp_edit_keep_samples(PpProfile *p, const bool *keep)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		if (!keep[i])
			continue;
		p->samples[kept] = p->samples[i];
		memmove(p->values + (size_t) kept * p->ntypes,
				p->values + (size_t) i * p->ntypes,
				p->ntypes * sizeof(*p->values));
		kept++;
	}
	p->nsamples = kept;
}
