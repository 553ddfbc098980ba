/*
 * test_pp_algebra.c
 *		Scaling, dividing and negating many values can be stopped.
 */
#include "pp_test.h"

#include "core/pp_algebra.h"
#include "core/pp_merge.h"

#define NSAMPLES (1 << 16) /* enough for one look at poll() */

static bool
stop(void *ctx)
{
	return true;
}

/* A profile of so many samples, all 2. */
static PpProfile *
many_samples(PpArena *arena)
{
	PpProfile *p = pp_profile_new(arena);

	assert_non_null(p);
	p->strings = pp_arena_array(arena, 1, sizeof(PpBytes));
	p->types = pp_arena_zalloc(arena, sizeof(PpValueType));
	p->samples = pp_arena_zalloc(arena, NSAMPLES * sizeof(PpSample));
	p->values = pp_arena_array(arena, NSAMPLES, sizeof(int64_t));
	assert_true(p->strings && p->types && p->samples && p->values);
	p->strings[0] = pp_bytes_cstr("");
	p->nstrings = p->ntypes = 1;
	p->nsamples = NSAMPLES;
	for (uint32_t i = 0; i < NSAMPLES; i++)
		p->values[i] = 2;
	return p;
}

static void
test_stopped(void **state)
{
	PpAlloc alloc = pp_alloc_malloc;
	PpArena *arena = pp_arena_new(&alloc);
	PpProfile *p = many_samples(arena), *out;
	double three = 3;
	PpError err;

	assert_int_equal(pp_profile_negate(p, arena, &out, &err), PP_OK);
	assert_int_equal(out->values[NSAMPLES - 1], -2);
	assert_int_equal(pp_profile_divide(p, 2, arena, &out, &err), PP_OK);
	assert_int_equal(out->values[NSAMPLES - 1], 1);
	assert_int_equal(pp_profile_scale(p, &three, arena, &out, &err), PP_OK);
	assert_int_equal(out->values[NSAMPLES - 1], 6);
	alloc.poll = stop;
	assert_int_equal(pp_profile_scale(p, &three, arena, &out, &err), PP_ECANCELED);
	assert_int_equal(pp_profile_negate(p, arena, &out, &err), PP_ECANCELED);
	assert_int_equal(pp_profile_divide(p, 2, arena, &out, &err), PP_ECANCELED);
	pp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_stopped)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
