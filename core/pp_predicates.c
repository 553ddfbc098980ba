/*
 * pp_predicates.c
 *		Questions about what the samples of a profile hold.
 */
#include "core/pp_predicates.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/pp_filter.h"

#define POLL_EVERY 4096 /* functions between two looks at poll() */

static bool
is_zero(const PpProfile *p, uint32_t sample)
{
	const int64_t *values = p->values + (size_t) sample * p->ntypes;
	int64_t any = 0;

	for (uint32_t t = 0; t < p->ntypes; t++)
		any |= values[t];
	return any == 0;
}

/* Which locations have a line of a wanted function. */
static void
mark_locations(const PpProfile *p, const bool *functions, bool *locations)
{
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		const PpLocation *loc = &p->locations[i];

		locations[i] = false;
		for (uint32_t k = 0; k < loc->nlines && !locations[i]; k++)
			locations[i] = functions[p->lines[loc->line_off + k].function];
	}
}

static bool
any_stack(const PpProfile *p, const bool *locations)
{
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		const PpSample *sample = &p->samples[i];

		if (is_zero(p, i))
			continue;
		for (uint32_t k = 0; k < sample->nlocs; k++)
			if (locations[p->locrefs[sample->loc_off + k]])
				return true;
	}
	return false;
}

PpCode
pp_profile_has_function(const PpProfile *p, PpBytes regexp, const PpSearch *search, PpArena *arena,
						bool *found, PpError *err)
{
	bool *functions = pp_arena_array(arena, p->nfunctions, sizeof(*functions));
	bool *locations = pp_arena_array(arena, p->nlocations, sizeof(*locations));
	PpPattern pattern;
	bool any = false;
	PpCode code = pp_pattern_init(&pattern, search, regexp, "regexp", p, arena, err);

	*found = false;
	if (code != PP_OK)
		return code;
	if (functions == NULL || locations == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < p->nfunctions; i++)
	{
		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(pp_arena_allocator(arena)))
			return pp_fail_canceled(err);
		/* an empty expression matches everything */
		functions[i] = pattern.regex == NULL || pp_pattern_match(&pattern, p, p->functions[i].name);
		any = any || functions[i];
	}
	if (!any)
		return PP_OK;
	mark_locations(p, functions, locations);
	*found = any_stack(p, locations);
	return PP_OK;
}

static bool
has_value(const PpProfile *p, const PpLabel *label, const PpBytes *value)
{
	char number[24];

	if (value == NULL)
		return true;
	if (label->str != 0)
		return pp_bytes_eq(pp_str(p, label->str), *value);
	snprintf(number, sizeof(number), "%" PRId64, label->num);
	return pp_bytes_eq(pp_bytes_cstr(number), *value);
}

bool
pp_profile_has_label(const PpProfile *p, PpBytes key, const PpBytes *value)
{
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		const PpLabel *labels = p->labels + p->samples[i].label_off;

		for (uint32_t k = 0; k < p->samples[i].nlabels; k++)
			if (pp_bytes_eq(pp_str(p, labels[k].key), key) && has_value(p, &labels[k], value) &&
				!is_zero(p, i))
				return true;
	}
	return false;
}
