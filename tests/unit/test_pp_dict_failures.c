/*
 * test_pp_dict_failures.c
 *		Dictionaries when memory ends or a query is canceled: what was begun is gone,
 *		and what comes next is as if it had never been.
 */
#include "dict_check.h"

#include <limits.h>

typedef struct Failing
{
	PpAlloc alloc;
	long left;	/* allocations to come; afterwards there are none */
	long polls; /* polls to come before one asks to stop; below 0: never */
} Failing;

static void *
failing_alloc(void *ctx, size_t size)
{
	Failing *failing = ctx;

	return failing->left-- > 0 ? malloc(size) : NULL;
}

static void *
failing_resize(void *ctx, void *ptr, size_t size)
{
	Failing *failing = ctx;

	return failing->left-- > 0 ? realloc(ptr, size) : NULL;
}

static void
failing_release(void *ctx, void *ptr)
{
	free(ptr);
}

static bool
failing_poll(void *ctx)
{
	Failing *failing = ctx;

	return failing->polls >= 0 && failing->polls-- == 0;
}

static Failing
failing_make(void)
{
	return (Failing){.alloc = {failing_alloc, failing_resize, failing_release, failing_poll, NULL},
					 .left = LONG_MAX,
					 .polls = -1};
}

/* A chunk that could not be loaded leaves no trace: it loads later, to the same names. */
static void
test_failed_load(void **state)
{
	PpDict *writer = pp_dict_new(&pp_alloc_malloc, true, 5);
	PpProfile *p = read_profile("go123-a-heap"), *before = read_profile("go123-a-cpu");
	uint32_t *stacks = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	uint32_t *ignored = pp_arena_array(arena, before->nsamples, sizeof(uint32_t));
	uint8_t *chunk, *first;
	size_t len, first_len;
	PpCode code = PP_ENOMEM;
	PpError err;

	assert_int_equal(pp_dict_intern(writer, before, ignored, &err), PP_OK);
	assert_int_equal(pp_dict_chunk(writer, &pp_alloc_malloc, &first, &first_len, &err), PP_OK);
	assert_int_equal(pp_dict_intern(writer, p, stacks, &err), PP_OK);
	assert_int_equal(pp_dict_chunk(writer, &pp_alloc_malloc, &chunk, &len, &err), PP_OK);
	for (long left = 0; code != PP_OK; left++)
		for (int kind = 0; kind < 2; kind++)
		{
			Failing failing = failing_make();
			PpDict *dict;

			failing.alloc.ctx = &failing;
			dict = pp_dict_new(&failing.alloc, kind == 0, 6);
			assert_int_equal(pp_dict_load(dict, first, first_len, &err), PP_OK);
			failing.left = left;
			code = pp_dict_load(dict, chunk, len, &err);
			assert_true(code == PP_OK || code == PP_ENOMEM);
			failing.left = LONG_MAX;
			if (code != PP_OK)
			{
				assert_int_equal(pp_dict_verify(dict, &err), PP_OK);
				assert_int_equal(pp_dict_load(dict, chunk, len, &err), PP_OK);
			}
			assert_int_equal(pp_dict_count(dict, PP_DICT_STACKS),
							 pp_dict_count(writer, PP_DICT_STACKS));
			if (kind == 1)
				check_column(dict, p, stacks, 0);
			pp_dict_free(dict);
		}
	free(chunk);
	free(first);
	pp_dict_free(writer);
}

/* One stack of many nodes: polls come every 4096. */
static PpProfile *
many_nodes(void)
{
	PpProfile *p = pp_profile_new(arena);
	uint32_t n = 10000;

	p->strings = pp_arena_zalloc(arena, sizeof(PpBytes));
	p->strings[0] = (PpBytes){"", 0};
	p->nstrings = 1;
	p->types = pp_arena_zalloc(arena, sizeof(PpValueType));
	p->ntypes = 1;
	p->locations = pp_arena_zalloc(arena, n * sizeof(PpLocation));
	p->samples = pp_arena_zalloc(arena, sizeof(PpSample));
	p->values = pp_arena_zalloc(arena, sizeof(int64_t));
	p->locrefs = pp_arena_zalloc(arena, n * sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++)
	{
		p->locations[i] = (PpLocation){.id = i + 1, .mapping = PP_NONE, .address = i};
		p->locrefs[i] = i;
	}
	p->nlocations = p->nlocrefs = n;
	p->samples[0].nlocs = n;
	p->values[0] = 1;
	p->nsamples = 1;
	return p;
}

static void
test_canceled_load(void **state)
{
	PpDict *writer = pp_dict_new(&pp_alloc_malloc, true, 5), *reader;
	PpSampleEntry entry = {0, 7};
	PpSamplesPart part = {.dict_id = 1, .n = 1, .entries = &entry};
	PpTree *tree = pp_tree_new(&pp_alloc_malloc, PP_RULES_PPROF);
	Failing failing = failing_make();
	uint32_t stack;
	uint8_t *chunk;
	size_t len;
	PpError err;

	assert_int_equal(pp_dict_intern(writer, many_nodes(), &stack, &err), PP_OK);
	assert_int_equal(pp_dict_chunk(writer, &pp_alloc_malloc, &chunk, &len, &err), PP_OK);
	failing.alloc.ctx = &failing;
	reader = pp_dict_new(&failing.alloc, false, 0);
	failing.polls = 1;
	assert_int_equal(pp_dict_load(reader, chunk, len, &err), PP_ECANCELED);
	assert_int_equal(pp_dict_count(reader, PP_DICT_STACKS), 0);
	assert_int_equal(pp_dict_load(reader, chunk, len, &err), PP_OK);
	assert_int_equal(pp_dict_scatter(reader, &part, tree, &err), PP_OK);
	free(chunk);
	pp_tree_free(tree);
	pp_dict_free(writer);
	pp_dict_free(reader);
}

/* What a profile left behind when memory ended is forgotten like anything else. */
static void
test_failed_intern(void **state)
{
	PpProfile *p = read_profile("go123-a-heap"), *before = read_profile("go123-a-cpu");
	uint32_t *stacks = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	PpCode code = PP_ENOMEM;
	PpError err;

	for (long left = 0; code != PP_OK; left++)
	{
		Failing failing = failing_make();
		PpDict *reader = pp_dict_new(&pp_alloc_malloc, false, 0), *dict;
		uint32_t *again;

		failing.alloc.ctx = &failing;
		dict = pp_dict_new(&failing.alloc, true, 6);
		round_trip(dict, reader, before, &again);
		failing.left = left;
		code = pp_dict_intern(dict, p, stacks, &err);
		failing.left = LONG_MAX;
		pp_dict_forget(dict);
		assert_int_equal(pp_dict_verify(dict, &err), PP_OK);
		round_trip(dict, reader, p, &stacks);
		check_column(reader, p, stacks, 0);
		pp_dict_free(dict);
		pp_dict_free(reader);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_failed_load, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_canceled_load, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_failed_intern, start_test, end_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
