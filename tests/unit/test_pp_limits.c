/*
 * test_pp_limits.c
 *		Decoding under limits, without memory, and when asked to stop.
 */
#include "pp_decode_test.h"

/* --- limits --- */

/* With the limit at `enough` the message passes; one less is refused under its name. */
static void
assert_limited(const Wire *w, const char *setting, size_t field, int64_t enough)
{
	PpLimits limits = pp_limits_default;
	int64_t *limit = (int64_t *) (void *) ((char *) &limits + field);

	*limit = enough;
	if (decoded_under(w, &limits) == NULL)
		fail_msg("%s = %ld: %s", setting, (long) enough, err.message);
	*limit = enough - 1;
	assert_null(decoded_under(w, &limits));
	assert_int_equal(err.code, PP_ELIMIT);
	assert_string_equal(err.setting, setting);
	assert_int_equal(err.limit, enough - 1);
}

#define ASSERT_LIMITED(w, name, enough) assert_limited(w, #name, offsetof(PpLimits, name), enough)

static void
test_limits(void **state)
{
	Wire w = with_strings(), location = {.len = 0}, sample = {.len = 0};

	for (uint32_t i = 1; i <= 3; i++)
	{
		WIRE_NUMBERS(&w, 1, 1, 2);
		WIRE_NUMBERS(&w, 3, i);
		WIRE_NUMBERS(&w, 5, i, 3);
		WIRE_NUMBERS(&w, 4, i + 1, 0, 100);
	}
	wire_varint(&location, 1, 1);
	for (int i = 0; i < 5; i++)
		WIRE_NUMBERS(&location, 4, 1, 70);
	wire_message(&w, 4, &location);
	wire_string(&w, "a string of 25 characters");
	wire_bytes(&w, 13, "\x06\x06\x06\x01", 4);
	wire_bytes(&sample, 1, "\x01\x01\x02\x03", 4); /* 5 + 5 + 1 + 1 frames */
	wire_bytes(&sample, 2, "\x01\x02\x03", 3);
	for (uint64_t i = 0; i < 6; i++)
		wire_label(&sample, i % 4, 1, 0, 0);
	for (int i = 0; i < 7; i++)
		wire_message(&w, 2, &sample);

	ASSERT_LIMITED(&w, max_profile_size, (int64_t) w.len);
	ASSERT_LIMITED(&w, max_samples, 7);
	ASSERT_LIMITED(&w, max_sample_types, 3);
	ASSERT_LIMITED(&w, max_locations, 4);
	ASSERT_LIMITED(&w, max_functions, 3);
	ASSERT_LIMITED(&w, max_mappings, 3);
	ASSERT_LIMITED(&w, max_lines, 5);
	ASSERT_LIMITED(&w, max_depth, 4);
	ASSERT_LIMITED(&w, max_frames, 12);
	ASSERT_LIMITED(&w, max_total_frames, 84);
	ASSERT_LIMITED(&w, max_labels, 6);
	ASSERT_LIMITED(&w, max_label_keys, 4);
	ASSERT_LIMITED(&w, max_string, 25);
	ASSERT_LIMITED(&w, max_strings, 7);
	ASSERT_LIMITED(&w, max_comments, 4);
	ASSERT_LIMITED(&w, max_comment_bytes, 76);
}

/* Unpacked locations are counted like packed ones. */
static void
test_unpacked_depth(void **state)
{
	Wire w = with_tables(), sample = {.len = 0};

	for (int i = 0; i < 9; i++)
		wire_varint(&sample, 1, 1);
	wire_varint(&sample, 2, 1);
	wire_message(&w, 2, &sample);
	ASSERT_LIMITED(&w, max_depth, 9);
}

/* 64 types and many empty samples promise values that are not there. */
static void
test_nothing_for_promises(void **state)
{
	size_t n = 500000, len;
	uint8_t *data;
	Wire w = with_strings();
	PpProfile *profile;

	for (int i = 0; i < 64; i++)
		WIRE_NUMBERS(&w, 1, 1, 2);
	len = w.len + 2 * n;
	data = malloc(len);
	memcpy(data, w.data, w.len);
	for (size_t i = 0; i < n; i++)
		memcpy(data + w.len + 2 * i, "\x12\x00", 2);
	assert_int_equal(pp_profile_decode(data, len, &pp_limits_default, arena, &profile, &err),
					 PP_EMALFORMED);
	assert_string_equal(err.message, "mismatch: sample has 0 values vs. 64 types");
	assert_true(pp_arena_used(arena) < 20 * n);
	free(data);
}

/* --- stopping --- */

typedef struct Stingy
{
	int left; /* allocations or polls until it says no */
} Stingy;

static void *
stingy_alloc(void *ctx, size_t size)
{
	return ((Stingy *) ctx)->left-- > 0 ? malloc(size) : NULL;
}

static void *
stingy_resize(void *ctx, void *ptr, size_t size)
{
	return ((Stingy *) ctx)->left-- > 0 ? realloc(ptr, size) : NULL;
}

static void
stingy_release(void *ctx, void *ptr)
{
	free(ptr);
}

static bool
stingy_poll(void *ctx)
{
	return ((Stingy *) ctx)->left-- <= 0;
}

static void *
plain_alloc(void *ctx, size_t size)
{
	return malloc(size);
}

static void *
plain_resize(void *ctx, void *ptr, size_t size)
{
	return realloc(ptr, size);
}

/* Read the profile, refusing the n-th allocation or poll, for n = 0, 1, ... until it succeeds. */
static int
attempts(Bytes b, bool poll, PpCode refusal)
{
	for (int n = 0;; n++)
	{
		Stingy stingy = {n};
		PpAlloc alloc = {poll ? plain_alloc : stingy_alloc,
						 poll ? plain_resize : stingy_resize,
						 stingy_release,
						 poll ? stingy_poll : NULL,
						 &stingy};
		PpArena *own = pp_arena_new(&alloc);
		PpProfile *profile;
		PpCode code;

		if (own == NULL)
			continue;
		code = pp_profile_read(b.data, b.len, &pp_limits_default, own, &profile, &err);
		pp_arena_free(own);
		if (code == PP_OK)
			return n;
		assert_int_equal(code, refusal);
		assert_null(profile);
	}
}

static void
test_out_of_memory(void **state)
{
	Bytes b = bytes_of_file(TEST_DATA "go/", "go123-a-cpu.pb.gz");

	assert_true(attempts(b, false, PP_ENOMEM) > 5);
	assert_true(attempts(b, true, PP_ECANCELED) >= 4);
	free(b.data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unpacked_depth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_for_promises, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
