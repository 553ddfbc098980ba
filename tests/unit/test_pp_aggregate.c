/*
 * test_pp_aggregate.c
 *		Coarser profiles, and the labels of all samples.
 */
#include "pp_build.h"

#include "core/pp_aggregate.h"
#include "core/pp_merge.h"
#include "core/pp_predicates.h"
#include "pp_search_pcre2.h"

static PpArena *arena; /* of one test */
static PpError err;

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

/* Two lines of one function, loaded at start; a stack of each. */
static PpProfile *
loaded_at(uint64_t start)
{
	PpProfile *p = build_empty(arena);
	uint32_t mapping = build_mapping(p, start, 0x8000, "/bin/app", "id");
	uint32_t a = build_location(p, mapping, start + 16, "f", 1);
	uint32_t b = build_location(p, mapping, start + 32, "f", 2);
	int64_t values[2] = {1, 10};

	build_type(p, "samples", "count");
	build_type(p, "cpu", "ns");
	build_sample(p, (uint32_t[3]){a, PP_NONE, PP_NONE}, values);
	build_sample(p, (uint32_t[3]){b, PP_NONE, PP_NONE}, values);
	return p;
}

static PpProfile *
aggregate(const PpProfile *p, PpGranularity granularity)
{
	PpProfile *out;

	assert_int_equal(pp_profile_aggregate(p, granularity, false, false, arena, &out, &err), PP_OK);
	return out;
}

static void
test_granularities(void **state)
{
	PpProfile *p = loaded_at(0x400000);

	assert_int_equal(aggregate(p, PP_BY_FUNCTIONS)->nsamples, 1);
	assert_int_equal(aggregate(p, PP_BY_FUNCTIONS)->values[1], 20);
	assert_int_equal(aggregate(p, PP_BY_LINES)->nsamples, 2);
	assert_int_equal(aggregate(p, PP_BY_LINES)->locations[0].address, 0);
	assert_int_equal(aggregate(p, PP_BY_ADDRESSES)->locations[0].address, 0x400010);
	assert_int_equal(p->locations[0].address, 0x400010);
}

/* Without addresses it does not matter where a program was loaded. */
static void
test_load_addresses(void **state)
{
	PpProfile *both;

	assert_int_equal(pp_profile_add(aggregate(loaded_at(0x400000), PP_BY_LINES),
									aggregate(loaded_at(0x500000), PP_BY_LINES),
									arena,
									&both,
									&err),
					 PP_OK);
	assert_int_equal(both->nsamples, 2);
	assert_int_equal(both->nmappings, 1);
	assert_int_equal(both->mappings[0].start, 0);
	assert_int_equal(both->mappings[0].limit, 0x8000);
}

static void
test_labels(void **state)
{
	PpProfile *p = loaded_at(0), *out;

	build_label(p, "b", "x", 0, "");
	build_label(p, "b", "", 3, "");
	build_label(p, "d", "", 4, "");
	assert_int_equal(pp_profile_set_num_label(p, text("c"), 9, text("bytes"), arena, &out, &err),
					 PP_OK);
	assert_int_equal(out->nlabels, 5);
	assert_int_equal(out->samples[1].nlabels, 4);
	assert_int_equal(out->labels[out->samples[1].label_off + 2].num, 9);
	assert_int_equal(pp_profile_set_num_label(p, text("b"), 9, text(""), arena, &out, &err), PP_OK);
	assert_int_equal(out->samples[1].nlabels, 3);
	assert_int_equal(out->labels[out->samples[1].label_off + 1].num, 9);
	assert_int_equal(pp_profile_remove_label(p, text("b"), arena, &out, &err), PP_OK);
	assert_int_equal(out->nlabels, 1);
	assert_int_equal(pp_profile_remove_label(p, text("none"), arena, &out, &err), PP_OK);
	assert_int_equal(out->nlabels, 3);
	assert_int_equal(pp_profile_set_num_label(p, text("b"), 0, text(""), arena, &out, &err),
					 PP_EINVALID);
	assert_int_equal(pp_profile_set_num_label(p, text("b"), 0, text("s"), arena, &out, &err), PP_OK);
}

static void
test_keep_types(void **state)
{
	PpProfile *p = loaded_at(0), *out;
	PpBytes turned[] = {text("cpu"), text("samples")}, twice[] = {text("cpu"), text("cpu")};

	assert_int_equal(pp_profile_keep_types(p, turned, 2, arena, &out, &err), PP_OK);
	assert_int_equal(out->values[0], 10);
	assert_int_equal(out->values[3], 1);
	assert_int_equal(pp_profile_keep_types(p, turned, 1, arena, &out, &err), PP_OK);
	assert_int_equal(out->ntypes, 1);
	assert_true(pp_bytes_eq(pp_str(out, out->default_sample_type), text("cpu")));
	/* what asks for no change gets none, not even a default sample type */
	assert_int_equal(pp_profile_keep_types(p,
										   (PpBytes[]){text("samples"), text("cpu")},
										   2,
										   arena,
										   &out,
										   &err),
					 PP_OK);
	assert_int_equal(out->default_sample_type, 0);
	assert_int_equal(pp_profile_keep_types(p, twice, 2, arena, &out, &err), PP_EINVALID);
	assert_int_equal(pp_profile_keep_types(p, twice, 0, arena, &out, &err), PP_EINVALID);
}

static bool
has_function(const PpProfile *p, const char *regexp)
{
	SearchList list = {.n = 0};
	PpSearch search = {search_compile, search_match, &list};
	bool found;

	assert_int_equal(pp_profile_has_function(p, text(regexp), &search, arena, &found, &err), PP_OK);
	search_release(&list);
	return found;
}

static void
test_predicates(void **state)
{
	PpProfile *p = loaded_at(0);
	PpBytes x = text("x"), four = text("4"), other = text("y");

	build_label(p, "b", "x", 0, "");
	build_label(p, "d", "", 4, "");
	build_location(p, PP_NONE, 0, "unused", 1);
	assert_true(has_function(p, "^f$"));
	assert_true(has_function(p, ""));
	assert_false(has_function(p, "g"));
	assert_false(has_function(p, "unused"));
	assert_true(pp_profile_has_label(p, text("b"), NULL));
	assert_true(pp_profile_has_label(p, text("b"), &x));
	assert_true(pp_profile_has_label(p, text("d"), &four));
	assert_false(pp_profile_has_label(p, text("b"), &other));
	assert_false(pp_profile_has_label(p, text("c"), NULL));
	memset(p->values, 0, 4 * sizeof(int64_t));
	assert_false(has_function(p, "f"));
	assert_false(pp_profile_has_label(p, text("b"), NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, start_test, end_test)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(granularities),
		TEST(load_addresses),
		TEST(labels),
		TEST(keep_types),
		TEST(predicates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
