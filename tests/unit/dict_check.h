/*
 * dict_check.h
 *		What the tests of dictionaries share: recorded profiles, a way through a
 *		dictionary and back, and what must be equal then.
 */
#ifndef DICT_CHECK_H
#define DICT_CHECK_H

#include "pp_test.h"

#include "core/pp_dict.h"
#include "core/pp_merge.h"
#include "core/pp_split.h"

static PpArena *arena; /* of one test */

static inline int
start_test(void **state)
{
	arena = pp_arena_new(&pp_alloc_malloc);
	return arena == NULL;
}

static inline int
end_test(void **state)
{
	pp_arena_free(arena);
	return 0;
}

static inline PpProfile *
read_profile(const char *name)
{
	char path[256];
	uint8_t *data = pp_arena_alloc(arena, 1 << 20);
	PpProfile *profile;
	PpError err;
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "tests/data/pprof/go/%s.pb.gz", name);
	file = fopen(path, "rb");
	assert_non_null(file);
	len = fread(data, 1, 1 << 20, file);
	fclose(file);
	assert_int_equal(pp_profile_read(data, len, &pp_limits_default, arena, &profile, &err), PP_OK);
	return profile;
}

/* Intern, chunk and load: *stacks are the ids, the reader and the chunk are the results. */
static inline PpDict *
round_trip(PpDict *writer, PpDict *reader, const PpProfile *p, uint32_t **stacks)
{
	uint8_t *chunk;
	size_t len;
	PpError err;

	*stacks = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	assert_int_equal(pp_dict_intern(writer, p, *stacks, &err), PP_OK);
	assert_int_equal(pp_dict_chunk(writer, &pp_alloc_malloc, &chunk, &len, &err), PP_OK);
	if (len > 0)
	{
		PpChunkHeader header;

		assert_int_equal(pp_chunk_header(chunk, len, &header, &err), PP_OK);
		assert_int_equal(header.first[PP_DICT_NODES], pp_dict_count(reader, PP_DICT_NODES));
		assert_int_equal(pp_dict_load(reader, chunk, len, &err), PP_OK);
	}
	free(chunk);
	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
		assert_int_equal(pp_dict_count(reader, kind), pp_dict_count(writer, kind));
	return reader;
}

/* One column as entries by stack. */
static inline PpSamplesPart
part_of(const PpProfile *p, const uint32_t *stacks, uint32_t column)
{
	PpSamplesPart part = {.dict_id = 1};
	uint32_t *samples = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	uint32_t *scratch = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	PpError err;

	for (uint32_t i = 0; i < p->nsamples; i++)
		samples[i] = i;
	pp_split_sort(samples, p->nsamples, stacks, scratch);
	for (uint32_t i = 1; i < p->nsamples; i++)
		assert_true(stacks[samples[i - 1]] <= stacks[samples[i]]);
	part.entries = pp_arena_array(arena, p->nsamples, sizeof(PpSampleEntry));
	assert_int_equal(pp_split_entries(p, samples, p->nsamples, stacks, column, part.entries, &part.n, &err),
					 PP_OK);
	return part;
}

/* Merging keeps a first mapping that no sample uses; a dictionary has never seen it. */
static inline void
drop_unused_mappings(PpProfile *q)
{
	uint32_t *to = pp_arena_zalloc(arena, (q->nmappings + 1) * sizeof(uint32_t));
	uint32_t kept = 0;

	for (uint32_t i = 0; i < q->nsamples; i++)
		for (uint32_t j = 0; j < q->samples[i].nlocs && q->values[i] != 0; j++)
		{
			uint32_t m = q->locations[q->locrefs[q->samples[i].loc_off + j]].mapping;

			if (m != PP_NONE)
				to[m] = 1;
		}
	for (uint32_t i = 0; i < q->nmappings; i++)
		if (to[i] != 0)
		{
			q->mappings[kept] = q->mappings[i];
			to[i] = ++kept;
		}
	q->nmappings = kept;
	for (uint32_t i = 0; i < q->nlocations; i++)
		if (q->locations[i].mapping != PP_NONE)
			/* PP_NONE for a location that only samples without a value use */
			q->locations[i].mapping = to[q->locations[i].mapping] - 1;
}

/* What a dictionary keeps of one column: no labels, no addresses where names are final. */
static inline PpProfile *
normalised(const PpProfile *p, uint32_t column)
{
	PpProfile *q = pp_profile_new(arena);

	q->nstrings = p->nstrings;
	q->strings = p->strings;
	q->ntypes = 1;
	q->types = &p->types[column];
	q->nsamples = p->nsamples;
	q->samples = (PpSample *) pp_arena_copy(arena, p->samples, p->nsamples * sizeof(PpSample));
	q->values = pp_arena_array(arena, p->nsamples, sizeof(int64_t));
	q->nlocrefs = p->nlocrefs;
	q->locrefs = p->locrefs;
	q->nmappings = p->nmappings;
	q->mappings = (PpMapping *) pp_arena_copy(arena, p->mappings, p->nmappings * sizeof(PpMapping));
	q->nlocations = p->nlocations;
	q->locations =
		(PpLocation *) pp_arena_copy(arena, p->locations, p->nlocations * sizeof(PpLocation));
	q->nlines = p->nlines;
	q->lines = p->lines;
	q->nfunctions = p->nfunctions;
	q->functions = p->functions;
	for (uint32_t i = 0; i < q->nsamples; i++)
	{
		q->samples[i].nlabels = 0;
		q->values[i] = p->values[(size_t) i * p->ntypes + column];
	}
	drop_unused_mappings(q);
	for (uint32_t i = 0; i < q->nlocations; i++)
		if (q->locations[i].mapping != PP_NONE &&
			(q->mappings[q->locations[i].mapping].flags & PP_HAS_FUNCTIONS))
			q->locations[i].address = 0;
	for (uint32_t i = 0; i < q->nmappings; i++)
		if (q->mappings[i].flags & PP_HAS_FUNCTIONS)
			q->mappings[i].start = q->mappings[i].limit = q->mappings[i].offset = 0;
	return q;
}

static inline void
canonical_bytes(const PpProfile *p, uint8_t **bytes, size_t *len)
{
	PpMerge *merge = pp_merge_new(&pp_alloc_malloc, PP_MERGE_CANONICAL);
	PpProfile *merged;
	PpError err;

	assert_int_equal(pp_merge_add(merge, p, &err), PP_OK);
	assert_int_equal(pp_merge_finish(merge, arena, &merged, &err), PP_OK);
	assert_int_equal(pp_profile_encode(merged, &pp_alloc_malloc, bytes, len, &err), PP_OK);
	pp_merge_free(merge);
}

static inline void
assert_same_content(const PpProfile *a, const PpProfile *b)
{
	uint8_t *x, *y;
	size_t xlen, ylen;

	canonical_bytes(a, &x, &xlen);
	canonical_bytes(b, &y, &ylen);
	assert_int_equal(xlen, ylen);
	assert_memory_equal(x, y, xlen);
	free(x);
	free(y);
}

static inline void
assert_same_flame(PpTree *a, PpTree *b)
{
	PpFlameRow *x, *y;
	size_t nx, ny;
	int64_t hidden;
	PpError err;

	assert_int_equal(pp_tree_flame(a, 0, arena, &x, &nx, &hidden, &err), PP_OK);
	assert_int_equal(pp_tree_flame(b, 0, arena, &y, &ny, &hidden, &err), PP_OK);
	assert_int_equal(nx, ny);
	for (size_t i = 0; i < nx; i++)
	{
		assert_int_equal(x[i].level, y[i].level);
		assert_int_equal(x[i].value, y[i].value);
		assert_int_equal(x[i].self, y[i].self);
		assert_int_equal(x[i].label.len, y[i].label.len);
		assert_memory_equal(x[i].label.data, y[i].label.data, x[i].label.len);
	}
}

static inline void
check_column(const PpDict *reader, const PpProfile *p, const uint32_t *stacks, uint32_t column)
{
	PpSamplesPart part = part_of(p, stacks, column);
	PpProfile *back;
	PpError err;

	assert_int_equal(pp_dict_resolve(reader,
									 &part,
									 pp_str(p, p->types[column].type),
									 pp_str(p, p->types[column].unit),
									 arena,
									 &back,
									 &err),
					 PP_OK);
	assert_same_content(back, normalised(p, column));
	for (PpFlameRules rules = PP_RULES_PPROF; rules <= PP_RULES_PYROSCOPE; rules++)
	{
		PpTree *scattered = pp_tree_new(&pp_alloc_malloc, rules);
		PpTree *added = pp_tree_new(&pp_alloc_malloc, rules);

		assert_int_equal(pp_dict_scatter(reader, &part, scattered, &err), PP_OK);
		assert_int_equal(pp_tree_add_profile(added, p, column, &err), PP_OK);
		assert_same_flame(scattered, added);
		pp_tree_free(scattered);
		pp_tree_free(added);
	}
}

#endif
