/*
 * test_pp_stored_check.c
 *		What a dump could not restore is not stored.
 */
#include "core/pp_stored_check.h"
#include "pp_build.h"

static PpArena *arena;
static PpError err;

/* One sample; its parts are made too large by the tests. */
static PpProfile *
small(void)
{
	PpProfile *p = build_empty(arena);
	uint32_t loc;

	build_type(p, "samples", "count");
	loc = build_location(p, PP_NONE, 0x10, "main", 1);
	build_sample(p, (uint32_t[]){loc, PP_NONE, PP_NONE}, (int64_t[]){1});
	return p;
}

static void
assert_refused(const PpProfile *p, const char *setting, int64_t limit)
{
	uint8_t *data;
	size_t len;

	assert_int_equal(pp_stored_encode(p, &pp_alloc_malloc, &data, &len, &err), PP_ELIMIT);
	assert_string_equal(err.setting, setting);
	assert_int_equal(err.limit, limit);
	assert_non_null(strstr(err.message, setting));
}

#define ASSERT_REFUSED(p, limit) assert_refused(p, #limit, pp_limits_hard.limit)

static void
test_limits(void **state)
{
	const PpLimits *hard = &pp_limits_hard;
	uint32_t depth = (uint32_t) hard->max_depth + 1, labels = (uint32_t) hard->max_labels + 1;
	PpProfile *p;

	arena = pp_arena_new(&pp_alloc_malloc);
	p = small();
	assert_int_equal(pp_stored_check(p, &pp_alloc_malloc, &err), PP_OK);

	p->locrefs = pp_arena_zalloc(arena, depth * sizeof(uint32_t));
	p->samples[0].nlocs = p->nlocrefs = depth;
	ASSERT_REFUSED(p, max_depth);
	p->samples[0].nlocs = p->nlocrefs = depth / 2 + 1;
	p->locations[0].nlines = 2; /* so many lines are not there, but only counted */
	ASSERT_REFUSED(p, max_frames);

	p = small();
	p->locations[0].nlines = (uint32_t) hard->max_lines + 1;
	ASSERT_REFUSED(p, max_lines);

	p = small();
	p->labels = pp_arena_zalloc(arena, labels * sizeof(PpLabel));
	p->samples[0].nlabels = p->nlabels = labels;
	ASSERT_REFUSED(p, max_labels);

	p = small();
	p->strings[p->nstrings - 1].len = (uint32_t) hard->max_string + 1; /* nor is the string */
	ASSERT_REFUSED(p, max_string);
	p->strings[p->nstrings - 1].len = (uint32_t) hard->max_comment_bytes + 1;
	p->comments[p->ncomments++] = p->nstrings - 1;
	ASSERT_REFUSED(p, max_comment_bytes);
	pp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
