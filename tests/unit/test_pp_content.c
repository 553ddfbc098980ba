/*
 * test_pp_content.c
 *		What counts in the comparison of two profiles, field by field.
 *
 * The laws on random profiles are in test_pp_laws.c.
 */
#include "pp_build.h"

#include "core/pp_content.h"

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

/* Two stacks of one program, with labels and comments. */
static PpProfile *
sample_profile(void)
{
	PpProfile *p = build_empty(arena);
	uint32_t mapping = build_mapping(p, 0x400000, 0x8000, "/bin/app", "id");
	uint32_t a = build_location(p, mapping, 0x400010, "a", 1);
	uint32_t b = build_location(p, mapping, 0x400020, "b", 2);

	build_type(p, "samples", "count");
	build_type(p, "cpu", "ns");
	build_sample(p, (uint32_t[3]){a, b, PP_NONE}, (int64_t[2]){1, 10});
	build_label(p, "k", "v", 0, "");
	build_label(p, "n", "", 5, "bytes");
	build_sample(p, (uint32_t[3]){b, PP_NONE, PP_NONE}, (int64_t[2]){2, 20});
	p->comments[p->ncomments++] = build_string(p, "one");
	p->comments[p->ncomments++] = build_string(p, "two");
	return p;
}

static uint64_t
hash_of(const PpProfile *p)
{
	uint64_t hash;

	assert_int_equal(pp_profile_hash(p, arena, &hash, &err), PP_OK);
	return hash;
}

static void
assert_equal(const PpProfile *a, const PpProfile *b, bool expected)
{
	bool equal;

	assert_int_equal(pp_profile_equal(a, b, arena, &equal, &err), PP_OK);
	assert_int_equal(equal, expected);
	if (expected)
		assert_true(hash_of(a) == hash_of(b));
}

static void
test_what_counts(void **state)
{
	PpProfile *a = sample_profile();

	assert_equal(a, sample_profile(), true);
#define DIFFERS(change)                                                                            \
	do                                                                                             \
	{                                                                                              \
		PpProfile *b = sample_profile();                                                           \
		change;                                                                                    \
		assert_equal(a, b, false);                                                                 \
		assert_true(hash_of(a) != hash_of(b));                                                     \
	} while (0)
	DIFFERS(b->values[0]++);
	DIFFERS(b->values[3] = -b->values[3]);
	DIFFERS(b->nsamples--);
	DIFFERS(b->locrefs[0] = b->locrefs[1]);
	DIFFERS(b->labels[0].str = b->comments[0]);
	DIFFERS(b->labels[0].key = b->comments[0]);
	DIFFERS(b->labels[1].num++);
	DIFFERS(b->labels[1].num_unit = 0);
	DIFFERS(b->samples[0].nlabels--);
	DIFFERS(b->functions[0].name = b->functions[1].name);
	DIFFERS(b->functions[0].system_name = 0);
	DIFFERS(b->functions[0].filename = b->comments[0]);
	DIFFERS(b->functions[0].start_line++);
	DIFFERS(b->lines[0].line++);
	DIFFERS(b->lines[0].column++);
	DIFFERS(b->locations[0].address++);
	DIFFERS(b->locations[0].is_folded = 1);
	DIFFERS(b->locations[0].mapping = PP_NONE);
	DIFFERS(b->mappings[0].build_id = b->mappings[0].filename);
	DIFFERS(b->mappings[0].offset++);
	DIFFERS(b->mappings[0].limit += 0x1000);
	DIFFERS(b->types[1].unit = b->types[0].unit);
	DIFFERS(b->period_type = b->types[1]);
	DIFFERS(b->period++);
	DIFFERS(b->time_nanos++);
	DIFFERS(b->duration_nanos++);
	DIFFERS(b->drop_frames = b->comments[0]);
	DIFFERS(b->keep_frames = b->comments[0]);
	DIFFERS(b->default_sample_type = b->types[0].type);
	DIFFERS(b->doc_url = b->comments[0]);
	DIFFERS(b->ncomments--);
}

/* Flags and second names of a mapping count, but not in the hash: a merge may lose them. */
static void
test_what_only_equality_sees(void **state)
{
	PpProfile *a = sample_profile(), *b = sample_profile();

	b->mappings[0].flags = 0;
	assert_equal(a, b, false);
	b = sample_profile();
	b->mappings[0].filename = 0;
	assert_equal(a, b, false);
	assert_true(hash_of(a) == hash_of(b));
}

static void
test_what_does_not_count(void **state)
{
	PpProfile *a = sample_profile(), *b = sample_profile();
	uint32_t comment;

	b->locations[0].id = 77;
	b->functions[0].id = 78;
	b->mappings[0].id = 79;
	assert_equal(a, b, true);
	comment = b->comments[0];
	b->comments[0] = b->comments[1];
	b->comments[1] = comment;
	b->comments[b->ncomments++] = comment;
	assert_equal(a, b, true);
	/* a sample of zeros, in parts, in another place */
	build_sample(b, (uint32_t[3]){0, 0, 0}, (int64_t[2]){0, 0});
	build_sample(b, (uint32_t[3]){1, PP_NONE, PP_NONE}, (int64_t[2]){5, 0});
	b->values[2] -= 5;
	assert_equal(a, b, true);
	/* a label that cannot be carried */
	b = sample_profile();
	b->strings[b->nstrings] = text("");
	b->labels[b->nlabels++] = (PpLabel){b->labels[0].key, b->nstrings++, 0, 0};
	b->samples[1].label_off = b->nlabels - 1;
	b->samples[1].nlabels = 1;
	assert_equal(a, b, true);
	/* nor a number that is none: objects of 0 bytes in texts of heaps have it */
	b->labels[b->nlabels - 1] = (PpLabel){b->labels[0].key, 0, 0, 0};
	assert_equal(a, b, true);
	b->labels[b->nlabels - 1].num_unit = b->nstrings - 1;
	assert_equal(a, b, true);
}

static void
test_extreme_values(void **state)
{
	PpProfile *a = sample_profile(), *b = sample_profile();

	a->values[0] = b->values[0] = INT64_MIN;
	a->values[1] = b->values[1] = INT64_MAX;
	assert_equal(a, b, true);
	b->values[0] = INT64_MIN + 1;
	assert_equal(a, b, false);
	/* the prime of the hash is no multiple of anything here */
	b->values[0] = INT64_MIN;
	b->values[1] = INT64_MAX - ((INT64_C(1) << 61) - 1);
	assert_equal(a, b, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, start_test, end_test)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_counts),
		TEST(what_only_equality_sees),
		TEST(what_does_not_count),
		TEST(extreme_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
