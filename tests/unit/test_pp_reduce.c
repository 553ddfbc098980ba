/*
 * test_pp_reduce.c
 *		Less detail: the same calls of functions, fewer stacks.
 */
#include "pp_test.h"

#include "core/pp_codec.h"
#include "core/pp_dict.h"
#include "core/pp_edit.h"
#include "core/pp_reduce.h"

static const char *const files[] = {"go119-a-cpu", "go119-a-heap", "go123-a-cpu", "go123-a-heap"};

static PpArena *arena;

static int
start_test(void **state)
{
	arena = pp_arena_new(&pp_alloc_malloc);
	return arena == NULL;
}

static int
end_test(void **state)
{
	pp_arena_free(arena);
	return 0;
}

static PpProfile *
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

/* Entries of a kind after a profile was interned into a new dictionary. */
static uint32_t
interned(const PpProfile *p, PpDictKind kind)
{
	PpDict *dict = pp_dict_new(&pp_alloc_malloc, true, 1);
	uint32_t *stacks = pp_arena_array(arena, p->nsamples, sizeof(uint32_t)), n;
	PpError err;

	assert_int_equal(pp_dict_intern(dict, p, stacks, &err), PP_OK);
	n = pp_dict_count(dict, kind);
	pp_dict_free(dict);
	return n;
}

static void
test_same_calls(void **state)
{
	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++)
	{
		PpProfile *p = read_profile(files[f]), *reduced;
		PpError err;

		assert_int_equal(pp_edit_copy(p, arena, &reduced, &err), PP_OK);
		pp_reduce_to_functions(reduced);
		assert_int_equal(reduced->nsamples, p->nsamples);
		assert_memory_equal(reduced->values, p->values, sizeof(int64_t) * p->nsamples * p->ntypes);
		for (uint32_t i = 0; i < p->nsamples; i++)
		{
			const PpSample *a = &p->samples[i], *b = &reduced->samples[i];

			assert_int_equal(a->nlocs, b->nlocs);
			for (uint32_t j = 0; j < a->nlocs; j++)
				assert_int_equal(p->locrefs[a->loc_off + j], reduced->locrefs[b->loc_off + j]);
		}
		for (uint32_t i = 0; i < p->nlocations; i++)
		{
			const PpLocation *a = &p->locations[i], *b = &reduced->locations[i];

			assert_int_equal(a->nlines, b->nlines);
			assert_int_equal(a->mapping, b->mapping);
			assert_int_equal(b->nlines > 0 ? 0 : a->address, b->address);
			for (uint32_t k = 0; k < a->nlines; k++)
			{
				assert_int_equal(p->lines[a->line_off + k].function,
								 reduced->lines[b->line_off + k].function);
				assert_int_equal(reduced->lines[b->line_off + k].line, 0);
				assert_int_equal(reduced->lines[b->line_off + k].column, 0);
			}
		}
	}
}

static void
test_fewer_entries(void **state)
{
	uint32_t before[PP_DICT_KINDS] = {0}, after[PP_DICT_KINDS] = {0};

	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++)
	{
		PpProfile *p = read_profile(files[f]);

		for (int kind = 0; kind < PP_DICT_KINDS; kind++)
			before[kind] += interned(p, kind);
		pp_reduce_to_functions(p);
		for (int kind = 0; kind < PP_DICT_KINDS; kind++)
			after[kind] += interned(p, kind);
	}
	assert_int_equal(after[PP_DICT_FUNCTIONS], before[PP_DICT_FUNCTIONS]);
	assert_true(after[PP_DICT_LOCATIONS] < before[PP_DICT_LOCATIONS]);
	assert_true(after[PP_DICT_NODES] < before[PP_DICT_NODES]);
	assert_true(after[PP_DICT_STACKS] < before[PP_DICT_STACKS]);
}

static void
test_without_names(void **state)
{
	PpProfile *p = pp_profile_new(arena);
	PpLocation locations[2] = {{.id = 1, .address = 16, .mapping = PP_NONE, .nlines = 0},
							   {.id = 2, .address = 32, .mapping = PP_NONE, .nlines = 1}};
	PpLine line = {.function = 0, .line = 7, .column = 3};

	p->locations = locations;
	p->nlocations = 2;
	p->lines = &line;
	p->nlines = 1;
	pp_reduce_to_functions(p);
	assert_int_equal(locations[0].address, 16);
	assert_int_equal(locations[1].address, 0);
	assert_int_equal(line.line, 0);
	assert_int_equal(line.column, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same_calls, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_fewer_entries, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_without_names, start_test, end_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
