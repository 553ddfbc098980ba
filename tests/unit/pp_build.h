/*
 * pp_build.h
 *		Profiles made by hand and at random, for tests of merging and reports.
 */
#ifndef PP_BUILD_H
#define PP_BUILD_H

#include "pp_test.h"

#include <stdbool.h>

#define BUILD_MAX 512 /* entries of any table */

static inline PpBytes
text(const char *cstr)
{
	return pp_bytes_cstr(cstr);
}

/* A profile with room in all tables, and the types samples/count, cpu/nanoseconds. */
static inline PpProfile *
build_empty(PpArena *arena)
{
	PpProfile *p = pp_profile_new(arena);

	p->strings = pp_arena_array(arena, BUILD_MAX, sizeof(PpBytes));
	p->strings[0] = text("");
	p->types = pp_arena_array(arena, BUILD_MAX, sizeof(PpValueType));
	p->samples = pp_arena_array(arena, BUILD_MAX, sizeof(PpSample));
	p->values = pp_arena_array(arena, BUILD_MAX * 4, sizeof(int64_t));
	p->locrefs = pp_arena_array(arena, BUILD_MAX * 16, sizeof(uint32_t));
	p->labels = pp_arena_array(arena, BUILD_MAX * 4, sizeof(PpLabel));
	p->mappings = pp_arena_array(arena, BUILD_MAX, sizeof(PpMapping));
	p->locations = pp_arena_array(arena, BUILD_MAX, sizeof(PpLocation));
	p->lines = pp_arena_array(arena, BUILD_MAX * 4, sizeof(PpLine));
	p->functions = pp_arena_array(arena, BUILD_MAX, sizeof(PpFunction));
	p->comments = pp_arena_array(arena, BUILD_MAX, sizeof(uint32_t));
	return p;
}

static inline uint32_t
build_string(PpProfile *p, const char *cstr)
{
	if (cstr[0] == '\0')
		return 0;
	assert_true(p->nstrings < BUILD_MAX);
	p->strings[p->nstrings] =
		(PpBytes){pp_arena_copy(p->arena, cstr, strlen(cstr)), (uint32_t) strlen(cstr)};
	return p->nstrings++;
}

static inline void
build_type(PpProfile *p, const char *type, const char *unit)
{
	p->types[p->ntypes].type = build_string(p, type);
	p->types[p->ntypes++].unit = build_string(p, unit);
}

static inline uint32_t
build_mapping(PpProfile *p, uint64_t start, uint64_t size, const char *file, const char *build_id)
{
	PpMapping *m = &p->mappings[p->nmappings];

	*m = (PpMapping){.id = p->nmappings + 1, .start = start, .limit = start + size};
	m->filename = build_string(p, file);
	m->build_id = build_string(p, build_id);
	m->flags = PP_HAS_FUNCTIONS;
	return p->nmappings++;
}

/* A location with one line of a new function. */
static inline uint32_t
build_location(PpProfile *p, uint32_t mapping, uint64_t address, const char *name, int64_t line)
{
	uint32_t string = build_string(p, name);

	p->functions[p->nfunctions] =
		(PpFunction){.id = p->nfunctions + 1, .name = string, .system_name = string};
	p->lines[p->nlines] = (PpLine){p->nfunctions++, line, 0};
	p->locations[p->nlocations] =
		(PpLocation){.id = p->nlocations + 1, .address = address, .mapping = mapping, p->nlines++, 1, 0};
	return p->nlocations++;
}

/* A sample of up to three locations (PP_NONE: no more), leaf first. */
static inline void
build_sample(PpProfile *p, const uint32_t locs[3], const int64_t *values)
{
	PpSample *sample = &p->samples[p->nsamples];

	*sample = (PpSample){p->nlocrefs, 0, p->nlabels, 0};
	for (int i = 0; i < 3 && locs[i] != PP_NONE; i++)
	{
		p->locrefs[p->nlocrefs++] = locs[i];
		sample->nlocs++;
	}
	memcpy(p->values + (size_t) p->nsamples++ * p->ntypes, values, p->ntypes * sizeof(*values));
}

/* A label of the last sample; call in the order of pp_profile.h. */
static inline void
build_label(PpProfile *p, const char *key, const char *str, int64_t num, const char *unit)
{
	p->labels[p->nlabels++] =
		(PpLabel){build_string(p, key), build_string(p, str), build_string(p, unit), num};
	p->samples[p->nsamples - 1].nlabels++;
}

/* --- at random --- */

static inline uint32_t
next_random(uint64_t *state, uint32_t below)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t) (*state >> 33) % below;
}

static inline const char *
random_name(uint64_t *state, const char *prefix, uint32_t below)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s%u", prefix, next_random(state, below));
	return name;
}

/* Programs "app0" and "app1", each at an address of its own. */
static inline void
random_tables(PpProfile *p, uint64_t *state)
{
	for (uint32_t i = 0; i < 2; i++)
	{
		char file[16], build_id[16] = "";

		snprintf(file, sizeof(file), "/bin/app%u", i);
		if (i == 1)
			snprintf(build_id, sizeof(build_id), "id1");
		build_mapping(p,
					  next_random(state, 4) * 0x100000,
					  0x8000 + next_random(state, 9),
					  file,
					  build_id);
		p->mappings[i].flags = next_random(state, 16);
	}
	for (uint32_t i = 0; i < 12; i++)
	{
		uint32_t mapping = next_random(state, 3);
		uint64_t address = next_random(state, 4) * 16;
		uint32_t extra = next_random(state, 3);
		uint32_t loc;

		if (mapping < 2)
			address += p->mappings[mapping].start;
		else
			mapping = PP_NONE;
		loc = build_location(p, mapping, address, random_name(state, "f", 4), next_random(state, 2));
		for (uint32_t k = 0; k < extra; k++)
		{
			PpLine *line = &p->lines[p->nlines++];

			*line = p->lines[p->locations[loc].line_off];
			line->column = next_random(state, 3);
			p->locations[loc].nlines++;
		}
	}
}

static inline void
random_labels(PpProfile *p, uint64_t *state)
{
	if (next_random(state, 3) == 0)
		build_label(p, "a", random_name(state, "v", 2), 0, "");
	if (next_random(state, 4) == 0)
		build_label(p, "a", random_name(state, "v", 2), 0, "");
	if (next_random(state, 3) == 0)
		build_label(p, "b", "", next_random(state, 2) + 1, next_random(state, 2) == 0 ? "" : "bytes");
}

/* Values are positive where they are not 0, so that nothing cancels. */
static inline PpProfile *
build_random(PpArena *arena, uint64_t *state)
{
	PpProfile *p = build_empty(arena);
	uint32_t n = next_random(state, 40);

	build_type(p, "samples", "count");
	build_type(p, "cpu", "nanoseconds");
	p->period_type = p->types[1];
	p->period = next_random(state, 3) * 1000;
	p->time_nanos = next_random(state, 4) * 1000000000;
	p->duration_nanos = next_random(state, 4) * 1000000000;
	p->drop_frames = build_string(p, next_random(state, 2) == 0 ? "" : random_name(state, "drop", 3));
	p->keep_frames = build_string(p, next_random(state, 2) == 0 ? "" : random_name(state, "keep", 3));
	p->doc_url = build_string(p, next_random(state, 2) == 0 ? "" : random_name(state, "doc", 3));
	p->default_sample_type = next_random(state, 2) == 0 ? 0 : p->types[next_random(state, 2)].type;
	for (uint32_t i = next_random(state, 3); i > 0; i--)
		p->comments[p->ncomments++] = build_string(p, random_name(state, "comment", 4));
	random_tables(p, state);
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t locs[3] = {PP_NONE, PP_NONE, PP_NONE};
		int64_t values[2] = {next_random(state, 3), next_random(state, 1000)};

		for (uint32_t k = next_random(state, 4); k > 0; k--)
			locs[k - 1] = next_random(state, p->nlocations);
		build_sample(p, locs, values);
		random_labels(p, state);
	}
	return p;
}

#endif
