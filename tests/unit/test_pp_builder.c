/*
 * test_pp_builder.c
 *		Profiles from nothing: what is equal exists once, and every limit is met.
 */
#include "pp_test.h"

#include "core/pp_builder.h"

static PpBytes
text(const char *cstr)
{
	return pp_bytes_cstr(cstr);
}

static PpProfile *
finish(PpBuilder *b)
{
	PpProfile *p;
	PpError err;

	if (pp_builder_finish(b, &p, &err) != PP_OK)
		fail_msg("%s", err.message);
	pp_builder_free(b);
	return p;
}

/* What is built is a profile that survives the codec. */
static void
check_codec(PpArena *arena, const PpProfile *p)
{
	uint8_t *bytes;
	size_t len;
	PpProfile *again;
	PpError err;

	assert_int_equal(pp_profile_encode(p, &pp_alloc_malloc, &bytes, &len, &err), PP_OK);
	assert_int_equal(pp_profile_decode(bytes, len, &pp_limits_hard, arena, &again, &err), PP_OK);
	assert_same_profile(p, again);
	free(bytes);
}

static void
test_equal_things_exist_once(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpBuilder *b = pp_builder_new(arena, &pp_limits_default);
	PpMapping mapping = {.start = 4096, .limit = 8192};
	PpLine lines[2] = {{0, 7, 1}, {0, 8, 0}};
	char name[] = "alpha";
	uint32_t alpha = pp_builder_string(b, text(name)), m;

	memset(name, 'x', 5); /* bytes were copied */
	assert_int_equal(pp_builder_string(b, text("alpha")), alpha);
	assert_int_equal(pp_builder_string(b, text("")), 0);
	assert_int_not_equal(pp_builder_cstring(b, "beta"), alpha);
	lines[0].function = pp_builder_function(b, alpha, alpha, 0, 3);
	assert_int_equal(pp_builder_function(b, alpha, alpha, 0, 3), lines[0].function);
	lines[1].function = pp_builder_function(b, alpha, alpha, 0, 4);
	assert_int_not_equal(lines[1].function, lines[0].function);
	mapping.filename = pp_builder_cstring(b, "/bin/app");
	m = pp_builder_mapping(b, &mapping);
	assert_int_equal(pp_builder_mapping(b, &mapping), m);
	mapping.limit++;
	assert_int_not_equal(pp_builder_mapping(b, &mapping), m);
	assert_int_equal(pp_builder_location(b, m, 5000, lines, 2), 0);
	assert_int_equal(pp_builder_location(b, m, 5000, lines, 2), 0);
	assert_int_equal(pp_builder_location(b, m, 5000, lines, 1), 1);
	assert_int_equal(pp_builder_location(b, PP_NONE, 5000, lines, 2), 2);
	lines[1].column = 1;
	assert_int_equal(pp_builder_location(b, m, 5000, lines, 2), 3);
	assert_int_equal(pp_builder_frame(b, text("beta")), 4);
	assert_int_equal(pp_builder_frame(b, text("beta")), 4);
	pp_builder_type(b, "samples", "count");
	check_codec(arena, finish(b));
	pp_arena_free(arena);
}

static void
test_samples_add_up(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpBuilder *b = pp_builder_new(arena, &pp_limits_default);
	uint32_t stack[2], key, other;
	PpLabel labels[3];
	PpProfile *p;

	pp_builder_type(b, "samples", "count");
	pp_builder_type(b, "cpu", "nanoseconds");
	pp_builder_period(b, text("cpu"), text("nanoseconds"), 10);
	pp_builder_time(b, 1, 2);
	pp_builder_comment(b, text("made by hand"));
	pp_builder_default_type(b, text("cpu"));
	pp_builder_doc_url(b, text("https://example.org/"));
	pp_builder_drop_frames(b, text("malloc"), text("main"));
	stack[0] = pp_builder_frame(b, text("leaf"));
	stack[1] = pp_builder_frame(b, text("root"));
	key = pp_builder_cstring(b, "key");
	other = pp_builder_cstring(b, "a");
	labels[0] = (PpLabel){.key = other, .num = 5};
	labels[1] = (PpLabel){.key = key, .str = other};
	labels[2] = (PpLabel){.key = key};
	pp_builder_sample(b, stack, 2, (int64_t[]){1, 10}, NULL, 0);
	pp_builder_sample(b, stack, 2, (int64_t[]){2, 30}, labels, 3);
	pp_builder_sample(b, stack, 1, (int64_t[]){0, 0}, NULL, 0);
	pp_builder_sample(b, stack, 2, (int64_t[]){3, -5}, NULL, 0);
	/* the same labels in another order */
	pp_builder_sample(b, stack, 2, (int64_t[]){1, 1}, (PpLabel[]){labels[2], labels[1], labels[0]}, 3);
	pp_builder_sample(b, NULL, 0, (int64_t[]){7, 7}, NULL, 0);
	p = finish(b);
	assert_int_equal(p->nsamples, 4);
	assert_int_equal(p->values[0], 4);
	assert_int_equal(p->values[1], 5);
	assert_int_equal(p->values[2], 3);
	assert_int_equal(p->values[3], 31);
	assert_int_equal(p->samples[1].nlabels, 2);
	assert_int_equal(p->labels[0].str, other);
	assert_int_equal(p->labels[1].num, 5);
	assert_int_equal(p->samples[3].nlocs, 0);
	check_codec(arena, p);
	pp_arena_free(arena);
}

static void
test_sums_are_checked(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpBuilder *b = pp_builder_new(arena, &pp_limits_default);
	uint32_t frame = pp_builder_frame(b, text("f"));
	PpProfile *p;
	PpError err;

	pp_builder_type(b, "samples", "count");
	pp_builder_sample(b, &frame, 1, (int64_t[]){INT64_MAX}, NULL, 0);
	assert_true(pp_builder_ok(b));
	pp_builder_at(b, 17);
	pp_builder_sample(b, &frame, 1, (int64_t[]){1}, NULL, 0);
	assert_false(pp_builder_ok(b));
	/* the first error stays */
	pp_builder_at(b, 18);
	pp_builder_sample(b, &frame, 1, (int64_t[]){1}, NULL, 0);
	assert_int_equal(pp_builder_string(b, text("new")), PP_NONE);
	assert_int_equal(pp_builder_finish(b, &p, &err), PP_EOVERFLOW);
	assert_int_equal(err.offset, 17);
	assert_null(p);
	pp_builder_free(b);
	pp_arena_free(arena);
}

static void
test_samples_need_types(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpBuilder *b = pp_builder_new(arena, &pp_limits_default);
	PpProfile *p;
	PpError err;

	pp_builder_sample(b, NULL, 0, (int64_t[]){1}, NULL, 0);
	assert_int_equal(pp_builder_finish(b, &p, &err), PP_EINVALID);
	pp_builder_free(b);
	pp_arena_free(arena);
}

/* Build a bit of everything under limits of which one is small. */
static void
build_some(PpArena *arena, const PpLimits *limits, PpError *err)
{
	PpBuilder *b = pp_builder_new(arena, limits);
	uint32_t stack[3], names[3];
	PpLine lines[3] = {{0}};
	PpLabel labels[2];
	PpProfile *p;

	pp_builder_type(b, "samples", "count");
	pp_builder_type(b, "cpu", "nanoseconds");
	pp_builder_comment(b, text("abcdef"));
	pp_builder_comment(b, text("ghi"));
	for (uint32_t i = 0; i < 3; i++)
	{
		PpMapping mapping = {.start = i};
		char name[8];

		snprintf(name, sizeof(name), "name%u", i);
		names[i] = pp_builder_cstring(b, name);
		lines[i].function = pp_builder_function(b, names[i], names[i], 0, 0);
		stack[i] = pp_builder_location(b, pp_builder_mapping(b, &mapping), i, lines, i + 1);
	}
	labels[0] = (PpLabel){.key = names[0], .num = 1};
	labels[1] = (PpLabel){.key = names[1], .num = 1};
	for (uint32_t i = 0; i < 4; i++)
		pp_builder_sample(b, stack, i, (int64_t[]){1, 1}, labels, 2);
	*err = (PpError){.code = PP_OK};
	pp_builder_finish(b, &p, err);
	pp_builder_free(b);
}

static void
test_limits(void **state)
{
	/* setting, and the largest value that is too small for build_some */
	static const struct
	{
		const char *name;
		size_t field;
		int64_t small;
	} cases[] = {
		{"max_samples", offsetof(PpLimits, max_samples), 3},
		{"max_sample_types", offsetof(PpLimits, max_sample_types), 1},
		{"max_locations", offsetof(PpLimits, max_locations), 2},
		{"max_functions", offsetof(PpLimits, max_functions), 2},
		{"max_mappings", offsetof(PpLimits, max_mappings), 2},
		{"max_lines", offsetof(PpLimits, max_lines), 2},
		{"max_depth", offsetof(PpLimits, max_depth), 2},
		{"max_frames", offsetof(PpLimits, max_frames), 5},
		{"max_total_frames", offsetof(PpLimits, max_total_frames), 9},
		{"max_labels", offsetof(PpLimits, max_labels), 1},
		{"max_label_keys", offsetof(PpLimits, max_label_keys), 1},
		{"max_string", offsetof(PpLimits, max_string), 10},
		{"max_strings", offsetof(PpLimits, max_strings), 9},
		{"max_comments", offsetof(PpLimits, max_comments), 1},
		{"max_comment_bytes", offsetof(PpLimits, max_comment_bytes), 8},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PpArena *arena = pp_arena_new(&pp_alloc_malloc);
		PpLimits limits = pp_limits_default;
		PpError err;

		memcpy((char *) &limits + cases[i].field, &cases[i].small, sizeof(int64_t));
		build_some(arena, &limits, &err);
		assert_int_equal(err.code, PP_ELIMIT);
		assert_string_equal(err.setting, cases[i].name);
		assert_int_equal(err.limit, cases[i].small);
		limits = pp_limits_default;
		memcpy((char *) &limits + cases[i].field, (int64_t[]){cases[i].small + 1}, sizeof(int64_t));
		build_some(arena, &limits, &err);
		assert_int_equal(err.code, PP_OK);
		pp_arena_free(arena);
	}
}

/* An allocator that runs dry after so many allocations. */
typedef struct Dry
{
	int left;
} Dry;

static void *
dry_resize(void *ctx, void *ptr, size_t size)
{
	Dry *dry = ctx;

	return dry->left-- > 0 ? realloc(ptr, size) : NULL;
}

static void *
dry_alloc(void *ctx, size_t size)
{
	return dry_resize(ctx, NULL, size);
}

static void
dry_release(void *ctx, void *ptr)
{
	free(ptr);
}

static void
test_without_memory(void **state)
{
	for (int n = 1; n < 60; n++)
	{
		Dry dry = {n};
		PpAlloc alloc = {dry_alloc, dry_resize, dry_release, NULL, &dry};
		PpArena *arena = pp_arena_new(&alloc);
		PpBuilder *b = arena != NULL ? pp_builder_new(arena, &pp_limits_default) : NULL;
		PpProfile *p;
		PpError err;

		if (b != NULL)
		{
			PpCode code;
			uint32_t frame;

			pp_builder_type(b, "samples", "count");
			pp_builder_comment(b, text("c"));
			frame = pp_builder_frame(b, text("f"));
			pp_builder_sample(b, &frame, 1, (int64_t[]){1}, &(PpLabel){.num = 1}, 1);
			code = pp_builder_finish(b, &p, &err);
			assert_true(code == PP_OK || (code == PP_ENOMEM && p == NULL));
			/* in the end there is enough */
			assert_true(n < 59 || code == PP_OK);
		}
		pp_builder_free(b);
		pp_arena_free(arena);
	}
}

static bool
poll_true(void *ctx)
{
	return true;
}

static void
test_cancel(void **state)
{
	PpAlloc alloc = pp_alloc_malloc;
	PpArena *arena;
	PpBuilder *b;
	PpProfile *p;
	PpError err;

	alloc.poll = poll_true;
	arena = pp_arena_new(&alloc);
	b = pp_builder_new(arena, &pp_limits_default);
	for (int i = 0; i < 5000; i++)
		pp_builder_cstring(b, "same");
	assert_int_equal(pp_builder_finish(b, &p, &err), PP_ECANCELED);
	pp_builder_free(b);
	pp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_things_exist_once),
		cmocka_unit_test(test_samples_add_up),
		cmocka_unit_test(test_sums_are_checked),
		cmocka_unit_test(test_samples_need_types),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
