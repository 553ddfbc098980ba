/*
 * pp_decode_test.h
 *		What the tests of the decoder share: an arena per test, small messages.
 */
#ifndef PP_DECODE_TEST_H
#define PP_DECODE_TEST_H

#include "pp_test.h"

static PpArena *arena;
static PpError err;

static inline int
setup(void **state)
{
	arena = pp_arena_new(&pp_alloc_malloc);
	memset(&err, 0, sizeof(err));
	return arena == NULL;
}

static inline int
teardown(void **state)
{
	pp_arena_free(arena);
	return 0;
}

static inline PpProfile *
decoded_under(const Wire *w, const PpLimits *limits)
{
	/* memory of exactly that size shows reads behind the end */
	uint8_t *exact = (uint8_t *) pp_arena_copy(arena, w->data, w->len);
	PpProfile *profile;
	PpCode code = pp_profile_decode(exact, w->len, limits, arena, &profile, &err);

	if (code == PP_OK)
		assert_non_null(profile);
	else
		assert_null(profile);
	return profile;
}

static inline PpProfile *
decoded(const Wire *w)
{
	PpProfile *profile = decoded_under(w, &pp_limits_default);

	if (profile == NULL)
		fail_msg("refused: %s at %zu", err.message, err.offset);
	return profile;
}

static inline void
assert_refused(const Wire *w, const char *message)
{
	if (decoded_under(w, &pp_limits_default) != NULL)
		fail_msg("accepted, but should say \"%s\"", message);
	assert_int_equal(err.code, PP_EMALFORMED);
	assert_string_equal(err.message, message);
	assert_true(err.offset <= w->len);
}

/* Strings "", "t", "u", "f", "k", "v": 1 to 5. */
static inline Wire
with_strings(void)
{
	Wire w = {.len = 0};

	for (const char *const *s = (const char *const[]){"", "t", "u", "f", "k", "v", NULL}; *s; s++)
		wire_string(&w, *s);
	return w;
}

/* One type, one function 1, one location 1; no sample yet. */
static inline Wire
with_tables(void)
{
	Wire w = with_strings();
	Wire location = {.len = 0};

	WIRE_NUMBERS(&w, 1, 1, 2);
	WIRE_NUMBERS(&w, 5, 1, 3, 3, 0, 7);
	wire_varint(&location, 1, 1);
	WIRE_NUMBERS(&location, 4, 1, 70);
	wire_message(&w, 4, &location);
	return w;
}

static inline Wire
with_sample(void)
{
	Wire w = with_tables();

	WIRE_NUMBERS(&w, 2, 1, 42);
	return w;
}

static inline void
wire_label(Wire *sample, uint64_t key, uint64_t str, uint64_t num, uint64_t unit)
{
	WIRE_NUMBERS(sample, 3, key, str, num, unit);
}

#endif
