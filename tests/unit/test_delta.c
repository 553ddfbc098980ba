/*
 * test_delta.c
 *		Differences of cumulative profiles: values, resets, bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "scraper/delta.h"

#define SECOND INT64_C(1000000000)

enum
{
	EMPTY,
	ALLOC_OBJECTS,
	COUNT,
	ALLOC_SPACE,
	BYTES,
	INUSE_OBJECTS,
	INUSE_SPACE,
	F,
	G,
	NSTRINGS
};

/* One sample as the vectors write it: addresses, the label bytes, four values. */
typedef struct Row
{
	uint64_t addresses[3]; /* leaf first, 0 ends */
	int64_t bytes;		   /* 0: no label */
	int64_t values[4];
} Row;

static PpBytes strings[NSTRINGS];

static void
fill_strings(void)
{
	static const char *const texts[NSTRINGS] =
		{"", "alloc_objects", "count", "alloc_space", "bytes", "inuse_objects", "inuse_space", "f", "g"};

	for (int i = 0; i < NSTRINGS; i++)
		strings[i] = (PpBytes){texts[i], (uint32_t) strlen(texts[i])};
}

static PpProfile *
profile_of(PpArena *arena, int64_t seconds, const Row *rows, uint32_t n)
{
	PpProfile *p = pp_arena_zalloc(arena, sizeof(*p));

	fill_strings();
	p->arena = arena;
	p->nstrings = NSTRINGS;
	p->strings = strings;
	p->ntypes = 4;
	p->types = pp_arena_array(arena, 4, sizeof(PpValueType));
	p->types[0] = (PpValueType){ALLOC_OBJECTS, COUNT};
	p->types[1] = (PpValueType){ALLOC_SPACE, BYTES};
	p->types[2] = (PpValueType){INUSE_OBJECTS, COUNT};
	p->types[3] = (PpValueType){INUSE_SPACE, BYTES};
	p->samples = pp_arena_array(arena, n, sizeof(PpSample));
	p->values = pp_arena_array(arena, 4 * n, sizeof(int64_t));
	p->locrefs = pp_arena_array(arena, 3 * n, sizeof(uint32_t));
	p->labels = pp_arena_array(arena, n, sizeof(PpLabel));
	p->locations = pp_arena_zalloc(arena, 16 * sizeof(PpLocation));
	p->nlocations = 16;
	for (uint32_t i = 0; i < 16; i++)
		p->locations[i] = (PpLocation){.id = i + 1, .address = i + 1, .mapping = PP_NONE};
	for (uint32_t s = 0; s < n; s++)
	{
		PpSample *sample = &p->samples[s];

		*sample = (PpSample){p->nlocrefs, 0, p->nlabels, 0};
		for (int i = 0; i < 3 && rows[s].addresses[i] != 0; i++, sample->nlocs++)
			p->locrefs[p->nlocrefs++] = (uint32_t) rows[s].addresses[i] - 1;
		if (rows[s].bytes != 0)
		{
			p->labels[p->nlabels++] = (PpLabel){BYTES, 0, BYTES, rows[s].bytes};
			sample->nlabels = 1;
		}
		memcpy(&p->values[4 * s], rows[s].values, sizeof(rows[s].values));
	}
	p->nsamples = n;
	p->time_nanos = seconds * SECOND;
	p->duration_nanos = 7;
	return p;
}

static DeltaResult
apply(ScrapeDelta *delta, PpArena *arena, int64_t seconds, const Row *rows, uint32_t n)
{
	DeltaResult result;
	PpError err;

	assert_int_equal(delta_apply(delta, profile_of(arena, seconds, rows, n), arena, &result, &err),
					 PP_OK);
	return result;
}

/* The result has exactly these samples, in this order. */
static void
expect(const PpProfile *p, const Row *rows, uint32_t n)
{
	assert_non_null(p);
	assert_int_equal(p->nsamples, n);
	for (uint32_t s = 0; s < n; s++)
	{
		const PpSample *sample = &p->samples[s];

		for (uint32_t i = 0; i < sample->nlocs; i++)
			assert_int_equal(p->locations[p->locrefs[sample->loc_off + i]].address,
							 rows[s].addresses[i]);
		assert_int_equal(sample->nlabels, rows[s].bytes != 0);
		if (rows[s].bytes != 0)
			assert_int_equal(p->labels[sample->label_off].num, rows[s].bytes);
		for (int t = 0; t < 4; t++)
			assert_int_equal(p->values[4 * s + t], rows[s].values[t]);
	}
}

#define ROWS(...) ((const Row[]){__VA_ARGS__}), sizeof((const Row[]){__VA_ARGS__}) / sizeof(Row)

static void
test_scrapes_of_one_target(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	ScrapeDelta *delta = delta_new(&pp_alloc_malloc, "memory", DELTA_MAX_KEYS, 42);
	DeltaResult r;

	r = apply(delta, arena, 100, ROWS({{1, 2}, 16, {10, 160, 2, 32}}, {{3}, 0, {1, 8, 1, 8}}));
	assert_null(r.profile);
	assert_false(r.reset);

	r = apply(delta,
			  arena,
			  115,
			  ROWS({{1, 2}, 16, {15, 240, 2, 32}}, {{3}, 0, {1, 8, 0, 0}}, {{4}, 0, {5, 50, 5, 50}}));
	expect(r.profile, ROWS({{1, 2}, 16, {5, 80, 2, 32}}, {{4}, 0, {5, 50, 5, 50}}));
	assert_int_equal(r.profile->duration_nanos, 15 * SECOND);
	assert_int_equal(r.profile->time_nanos, 115 * SECOND);
	assert_int_equal(r.profile->nlocations, 3); /* 1, 2 and 4 */

	/* equal stacks are summed, another label is another stack */
	r = apply(delta,
			  arena,
			  130,
			  ROWS({{1, 2}, 16, {10, 160, 1, 16}},
				   {{1, 2}, 16, {7, 112, 2, 32}},
				   {{1, 2}, 32, {1, 32, 1, 32}},
				   {{4}, 0, {5, 50, 5, 50}}));
	expect(r.profile,
		   ROWS({{1, 2}, 16, {2, 32, 3, 48}}, {{1, 2}, 32, {1, 32, 1, 32}}, {{4}, 0, {0, 0, 5, 50}}));

	/* the target was started again: its values count in full */
	r = apply(delta, arena, 145, ROWS({{1, 2}, 16, {3, 48, 3, 48}}));
	assert_true(r.reset);
	expect(r.profile, ROWS({{1, 2}, 16, {3, 48, 3, 48}}));
	assert_int_equal(r.profile->duration_nanos, 15 * SECOND);

	r = apply(delta, arena, 160, ROWS({{1, 2}, 16, {4, 64, 3, 48}}));
	assert_false(r.reset);
	expect(r.profile, ROWS({{1, 2}, 16, {1, 16, 3, 48}}));

	/* [4] was forgotten by the restart, and the total of bytes went down */
	r = apply(delta, arena, 175, ROWS({{4}, 0, {6, 60, 0, 0}}));
	assert_true(r.reset);
	expect(r.profile, ROWS({{4}, 0, {6, 60, 0, 0}}));

	delta_free(delta);
	pp_arena_free(arena);
}

static void
test_no_value_is_ever_negative(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	ScrapeDelta *delta = delta_new(&pp_alloc_malloc, "memory", DELTA_MAX_KEYS, 1);
	DeltaResult r;

	apply(delta, arena, 1, ROWS({{1}, 0, {5, 5, 5, 5}}, {{2}, 0, {9, 9, 0, 0}}));
	r = apply(delta, arena, 2, ROWS({{1}, 0, {-5, INT64_MIN, 5, 5}}, {{2}, 0, {INT64_MAX, 9, 0, 0}}));
	for (uint32_t i = 0; i < 4 * r.profile->nsamples; i++)
		assert_true(r.profile->values[i] >= 0);
	delta_free(delta);
	pp_arena_free(arena);
}

static void
test_keys_are_bounded_and_evicted(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	ScrapeDelta *delta = delta_new(&pp_alloc_malloc, "memory", 2, 1);
	DeltaResult r;

	r = apply(delta,
			  arena,
			  1,
			  ROWS({{1}, 0, {1, 1, 1, 1}}, {{2}, 0, {1, 1, 1, 1}}, {{3}, 0, {1, 1, 1, 1}}));
	assert_int_equal(r.untracked, 1);
	r = apply(delta,
			  arena,
			  2,
			  ROWS({{1}, 0, {2, 2, 1, 1}}, {{2}, 0, {1, 1, 0, 0}}, {{3}, 0, {5, 5, 1, 1}}));
	assert_int_equal(r.untracked, 1);
	expect(r.profile, ROWS({{1}, 0, {1, 1, 1, 1}}, {{3}, 0, {0, 0, 1, 1}}));
	assert_int_equal(delta_keys(delta), 2);

	/* a stack that stays away makes room for another */
	for (int i = 3; i < 3 + 2 * DELTA_KEEP; i++)
		apply(delta, arena, i, ROWS({{1}, 0, {10 + i, 10 + i, 1, 1}}));
	assert_int_equal(delta_keys(delta), 1);
	delta_free(delta);
	pp_arena_free(arena);
}

static void
test_names_stand_in_for_missing_addresses(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	ScrapeDelta *delta = delta_new(&pp_alloc_malloc, "memory", DELTA_MAX_KEYS, 1);
	PpFunction functions[2] = {{1, F, F, 0, 0}, {2, G, G, 0, 0}};
	PpLine lines[2] = {{0, 1, 0}, {1, 1, 0}};
	DeltaResult r;
	PpError err;

	for (int64_t scrape = 1; scrape <= 2; scrape++)
	{
		PpProfile *p = profile_of(arena,
								  scrape,
								  ROWS({{1}, 0, {scrape, scrape, 0, 0}},
									   {{2}, 0, {10 * scrape, 10 * scrape, 0, 0}}));

		p->functions = functions;
		p->nfunctions = 2;
		p->lines = lines;
		p->nlines = 2;
		for (uint32_t i = 0; i < 2; i++)
			p->locations[i] =
				(PpLocation){.id = i + 1, .mapping = PP_NONE, .line_off = i, .nlines = 1};
		assert_int_equal(delta_apply(delta, p, arena, &r, &err), PP_OK);
	}
	assert_int_equal(r.profile->nsamples, 2);
	assert_int_equal(r.profile->values[0], 1);
	assert_int_equal(r.profile->values[4], 10);
	assert_int_equal(r.profile->nfunctions, 2);
	delta_free(delta);
	pp_arena_free(arena);
}

static void
test_refused_profile_changes_nothing(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	ScrapeDelta *delta = delta_new(&pp_alloc_malloc, "memory", DELTA_MAX_KEYS, 1);
	DeltaResult r;
	PpError err;

	apply(delta, arena, 1, ROWS({{1}, 0, {5, 5, 5, 5}}));
	assert_int_equal(delta_apply(delta,
								 profile_of(arena,
											2,
											ROWS({{1}, 0, {INT64_MAX, 5, 5, 5}},
												 {{1}, 0, {1, 5, 5, 5}})),
								 arena,
								 &r,
								 &err),
					 PP_EOVERFLOW);
	r = apply(delta, arena, 3, ROWS({{1}, 0, {7, 7, 0, 0}}));
	expect(r.profile, ROWS({{1}, 0, {2, 2, 0, 0}}));
	assert_int_equal(r.profile->duration_nanos, 2 * SECOND);
	delta_free(delta);
	pp_arena_free(arena);
}

static void
test_other_sample_types_pass(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	ScrapeDelta *delta = delta_new(&pp_alloc_malloc, "mutex", DELTA_MAX_KEYS, 1);
	DeltaResult r = apply(delta, arena, 1, ROWS({{1}, 0, {5, 5, 5, 5}}));

	assert_true(r.passed);
	assert_int_equal(r.profile->duration_nanos, 7);
	assert_true(delta_applies("memory") && delta_applies("block"));
	assert_false(delta_applies("godeltaprof_memory") || delta_applies("process_cpu"));
	delta_free(delta);
	pp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scrapes_of_one_target),
		cmocka_unit_test(test_no_value_is_ever_negative),
		cmocka_unit_test(test_keys_are_bounded_and_evicted),
		cmocka_unit_test(test_names_stand_in_for_missing_addresses),
		cmocka_unit_test(test_refused_profile_changes_nothing),
		cmocka_unit_test(test_other_sample_types_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
