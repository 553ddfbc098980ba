/*
 * test_pp_speedscope.c
 *		Speedscope files: evented and sampled, one profile and several.
 */
#include "stacks_text.h"

#include "core/pp_folded.h"
#include "core/pp_speedscope.h"

#define SCHEMA			  "\"$schema\":\"https://www.speedscope.app/file-format-schema.json\""
#define FRAMES			  "\"shared\":{\"frames\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}"
#define FILE_OF(profiles) "{" SCHEMA "," FRAMES ",\"profiles\":[" profiles "]}"
#define SAMPLED(name, unit, samples, weights)                                                      \
	"{\"type\":\"sampled\",\"name\":\"" name "\",\"unit\":\"" unit                                 \
	"\",\"startValue\":0,\"endValue\":9,\"samples\":" samples ",\"weights\":" weights "}"
#define EVENTED(name, unit, start, end, events)                                                    \
	"{\"type\":\"evented\",\"name\":\"" name "\",\"unit\":\"" unit "\",\"startValue\":" start      \
	",\"endValue\":" end ",\"events\":[" events "]}"
#define O(frame, at) "{\"type\":\"O\",\"frame\":" #frame ",\"at\":" #at "}"
#define C(frame, at) "{\"type\":\"C\",\"frame\":" #frame ",\"at\":" #at "}"

static void
good(const char *json, const char *expected)
{
	expect_stacks(pp_speedscope_read, NULL, json, strlen(json), expected);
}

static void
bad_with(const PpLimits *limits, const char *json, PpCode code, const char *at, const char *part)
{
	const char *found = strstr(json, at);

	assert_non_null(found);
	expect_error(pp_speedscope_read, NULL, limits, json, strlen(json), code, (size_t) (found - json), part);
}

/* The error is at the first occurrence of `at`. */
static void
bad(const char *json, PpCode code, const char *at, const char *part)
{
	bad_with(&pp_limits_default, json, code, at, part);
}

static PpProfile *
read_one(PpArena *arena, const PpFormatOptions *options, const char *json)
{
	PpProfile *p;
	PpError err;

	if (pp_speedscope_read(options,
						   (const uint8_t *) json,
						   strlen(json),
						   &pp_limits_default,
						   arena,
						   &p,
						   &err) != PP_OK)
		fail_msg("%s", err.message);
	return p;
}

static void
expect_type(const PpProfile *p, uint32_t column, const char *type, const char *unit)
{
	assert_true(column < p->ntypes);
	assert_true(pp_bytes_eq(pp_str(p, p->types[column].type), pp_bytes_cstr(type)));
	assert_true(pp_bytes_eq(pp_str(p, p->types[column].unit), pp_bytes_cstr(unit)));
}

static void
test_sampled(void **state)
{
	good(FILE_OF(SAMPLED("x", "none", "[[0,1],[0],[0,1],[]]", "[1,2,3,4.0]")), "a;b 4|a 2| 4|");
	good(FILE_OF(""), "");
	good(FILE_OF(SAMPLED("x", "bytes", "[]", "[]")), "");
	/* members in any order, and unknown ones */
	good("{\"profiles\":[{\"weights\":[1],\"samples\":[[2]],\"unit\":\"none\",\"extra\":{\"a\":[1]},"
		 "\"name\":\"x\",\"type\":\"sampled\"}]," FRAMES ",\"exporter\":\"y\"," SCHEMA "}",
		 "c 1|");
	good("\xef\xbb\xbf \n" FILE_OF(""), "");
}

static void
test_evented(void **state)
{
	good(FILE_OF(EVENTED("x", "none", "0", "10", O(0, 1) "," O(1, 2) "," C(1, 5) "," C(0, 9))),
		 "a 5|a;b 3|");
	/* idle time between two calls is no sample; equal stacks add up */
	good(FILE_OF(EVENTED("x", "none", "0", "10", O(0, 0) "," C(0, 2) "," O(0, 7) "," C(0, 8))),
		 "a 3|");
	/* still open at the end */
	good(FILE_OF(EVENTED("x", "none", "0", "10", O(0, 0) "," O(0, 4))), "a 4|a;a 6|");
	good(FILE_OF(EVENTED("x", "none", "5", "5", "")), "");
}

static void
test_times_become_nanoseconds(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p;

	good(FILE_OF(SAMPLED("x", "seconds", "[[0],[1]]", "[0.1,1e-9]")), "a 100000000|b 1|");
	good(FILE_OF(SAMPLED("x", "milliseconds", "[[0]]", "[1.5]")), "a 1500000|");
	good(FILE_OF(SAMPLED("x", "microseconds", "[[0]]", "[2]")), "a 2000|");
	good(FILE_OF(SAMPLED("x", "nanoseconds", "[[0]]", "[9223372036854775807]")),
		 "a 9223372036854775807|");
	/* thirds of a nanosecond: the sum is right */
	good(FILE_OF(SAMPLED("x", "nanoseconds", "[[0],[1],[2]]", "[0.4,0.4,0.4]")), "a 0|b 1|c 0|");
	good(FILE_OF(EVENTED("x",
						 "microseconds",
						 "0",
						 "1",
						 O(0, 0.0004) "," O(1, 0.0006) "," C(1, 1) "," C(0, 1))),
		 "a 1|a;b 999|");
	p = read_one(arena, NULL, FILE_OF(EVENTED("x", "seconds", "2", "5", O(0, 2) "," C(0, 4))));
	expect_type(p, 0, "time", "nanoseconds");
	assert_int_equal(p->values[0], 2000000000);
	assert_int_equal(p->duration_nanos, 3000000000);
	pp_arena_free(arena);
}

static void
test_frames_keep_their_place(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p = read_one(arena,
							NULL,
							"{" SCHEMA ",\"shared\":{\"frames\":["
							"{\"name\":\"a\",\"file\":\"x.py\",\"line\":7,\"col\":3},"
							"{\"name\":\"a\",\"file\":\"x.py\",\"line\":8.0,\"col\":null},"
							"{\"name\":\"\\u00e4\",\"file\":null,\"line\":-1}]},"
							"\"profiles\":[" SAMPLED("x", "none", "[[2,1,0]]", "[1]") "]}");

	assert_int_equal(p->nfunctions, 2);
	assert_int_equal(p->nlocations, 3);
	assert_int_equal(p->lines[0].line, 7);
	assert_int_equal(p->lines[0].column, 3);
	assert_int_equal(p->lines[1].line, 8);
	assert_int_equal(p->lines[2].line, -1);
	assert_true(pp_bytes_eq(pp_str(p, p->functions[0].filename), pp_bytes_cstr("x.py")));
	assert_true(pp_bytes_eq(pp_str(p, p->functions[1].name), pp_bytes_cstr("\xc3\xa4")));
	assert_int_equal(p->functions[1].filename, 0);
	assert_int_equal(p->locrefs[p->samples[0].loc_off], 0);
	pp_arena_free(arena);
}

static void
test_several_profiles(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p;

	/* equal heads: one profile */
	good(FILE_OF(SAMPLED("x", "none", "[[0]]", "[1]") "," SAMPLED("x", "none", "[[0],[1]]", "[2,3]")),
		 "a 3|b 3|");
	/* threads */
	good(FILE_OF(SAMPLED("x", "none", "[[0]]", "[1]") "," SAMPLED("y",
																  "none",
																  "[[0]]",
																  "[2]") "," SAMPLED("x",
																					 "none",
																					 "[[0]]",
																					 "[4]")),
		 "a 5 profile_name=x|a 2 profile_name=y|");
	good(FILE_OF(EVENTED("x", "seconds", "0", "2", O(0, 0)) "," EVENTED("y",
																		"milliseconds",
																		"0",
																		"2",
																		O(0, 1))),
		 "a 2000000000 profile_name=x|a 1000000 profile_name=y|");
	/* other units: other columns */
	p = read_one(arena,
				 NULL,
				 FILE_OF(SAMPLED("x",
								 "bytes",
								 "[[0]]",
								 "[1]") "," SAMPLED("x", "none", "[[0]]", "[2]") "," SAMPLED("x",
																							 "seconds",
																							 "[[0]]",
																							 "[3]")));
	expect_type(p, 0, "space", "bytes");
	expect_type(p, 1, "samples", "count");
	expect_type(p, 2, "time", "nanoseconds");
	assert_string_equal(stacks_text(p), "a 1 2 3000000000 profile_name=x|");
	pp_arena_free(arena);
}

static void
test_options(void **state)
{
	static const char none[] = FILE_OF(SAMPLED("x", "none", "[[0]]", "[1]"));
	static const char time[] = FILE_OF(SAMPLED("x", "seconds", "[[0]]", "[1]"));
	static const char both[] =
		FILE_OF(SAMPLED("x", "none", "[[0]]", "[1]") "," SAMPLED("x", "seconds", "[[0]]", "[1]"));
	PpFormatOptions options = {.sample_type = {"cpu", 3}};
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);

	expect_type(read_one(arena, &options, time), 0, "cpu", "nanoseconds");
	expect_type(read_one(arena, &options, none), 0, "cpu", "count");
	expect_error(pp_speedscope_read,
				 &options,
				 &pp_limits_default,
				 both,
				 sizeof(both) - 1,
				 PP_EINVALID,
				 PP_NO_OFFSET,
				 "different units");
	options.unit = (PpBytes){"events", 6};
	expect_type(read_one(arena, &options, none), 0, "cpu", "events");
	expect_error(pp_speedscope_read,
				 &options,
				 &pp_limits_default,
				 time,
				 sizeof(time) - 1,
				 PP_EINVALID,
				 PP_NO_OFFSET,
				 "says its own");
	pp_arena_free(arena);
}

static void
test_bad_documents(void **state)
{
	bad("{}", PP_EMALFORMED, "{", "\"$schema\" is missing");
	bad("[]", PP_EMALFORMED, "[", "an object expected");
	bad("{\"$schema\":\"x\"}", PP_EMALFORMED, "\"x\"", "unknown schema \"x\"");
	bad("{" SCHEMA "," FRAMES "}", PP_EMALFORMED, "{", "no \"profiles\"");
	bad("{" SCHEMA ",\"profiles\":[]}", PP_EMALFORMED, "{", "no \"shared\"");
	bad("{" SCHEMA ",\"shared\":{\"frames\":[{}]},\"profiles\":[]}",
		PP_EMALFORMED,
		"{}",
		"frame 0 has no");
	bad("{" SCHEMA ",\"shared\":{\"frames\":[{\"name\":1}]},\"profiles\":[]}",
		PP_EMALFORMED,
		"1}",
		"a string expected");
	bad("{" SCHEMA ",\"shared\":{\"frames\":[{\"name\":\"\",\"line\":1.5}]},\"profiles\":[]}",
		PP_EMALFORMED,
		"1.5",
		"whole numbers");
	bad(FILE_OF("7"), PP_EMALFORMED, "7]", "an object expected");
	bad(FILE_OF("{\"unit\":\"none\"}"), PP_EMALFORMED, "{\"unit\"", "type \"\" is neither");
	bad(FILE_OF("{\"unit\":\"hours\"}"), PP_EMALFORMED, "{\"unit\"", "profile 1: unit \"hours\"");
	bad(FILE_OF("{\"unit\":\"none\",\"type\":\"sampled\",\"samples\":[]}"),
		PP_EMALFORMED,
		"{\"unit\"",
		"no \"weights\"");
	bad(FILE_OF("{\"unit\":\"none\",\"type\":\"evented\"}"),
		PP_EMALFORMED,
		"{\"unit\"",
		"no \"events\"");
	bad(FILE_OF("") "x", PP_EMALFORMED, "x", "the end expected");
}

static void
test_bad_samples(void **state)
{
	bad(FILE_OF(SAMPLED("x", "none", "[[3]]", "[1]")), PP_EMALFORMED, "3]]", "no frame 3, only 3");
	bad(FILE_OF(SAMPLED("x", "none", "[[-1]]", "[1]")), PP_EMALFORMED, "-1]]", "no frame -1");
	bad(FILE_OF(SAMPLED("x", "none", "[[18446744073709551616]]", "[1]")),
		PP_EMALFORMED,
		"18446744073709551616",
		"no frame");
	bad(FILE_OF(SAMPLED("x", "none", "[[\"a\"]]", "[1]")),
		PP_EMALFORMED,
		"\"a\"]]",
		"a number expected");
	bad(FILE_OF(SAMPLED("x", "none", "[[0]]", "[1,2]")),
		PP_EMALFORMED,
		",\"weights\"",
		"differ in length");
	bad(FILE_OF(SAMPLED("x", "none", "[[0]]", "[0.5]")),
		PP_EMALFORMED,
		"0.5",
		"0.5 is not a whole number");
	bad(FILE_OF(SAMPLED("x", "none", "[[0]]", "[-5]")), PP_EMALFORMED, "]}]}", "negative");
	bad(FILE_OF(SAMPLED("x", "none", "[[0]]", "[9223372036854775808]")),
		PP_EOVERFLOW,
		"]}]}",
		"out of range");
	bad(FILE_OF(SAMPLED("x", "none", "[[0]]", "[1e40]")), PP_EOVERFLOW, "1e40", "out of range");
	bad(FILE_OF(SAMPLED("x", "none", "[[0],[0]]", "[9223372036854775807,1]")),
		PP_EOVERFLOW,
		",[0]]",
		"sum of the values");
}

static void
test_bad_events(void **state)
{
	bad(FILE_OF(EVENTED("x", "none", "0", "1", C(0, 7))),
		PP_EMALFORMED,
		"{\"type\":\"C\"",
		"not the innermost");
	bad(FILE_OF(EVENTED("x", "none", "0", "1", O(0, 7) "," C(1, 7))),
		PP_EMALFORMED,
		"{\"type\":\"C\"",
		"not the innermost");
	bad(FILE_OF(EVENTED("x", "none", "0", "1", O(0, 7) "," C(0, 6))),
		PP_EMALFORMED,
		"{\"type\":\"C\"",
		"lies before");
	bad(FILE_OF(EVENTED("x", "none", "3", "1", O(0, 2))),
		PP_EMALFORMED,
		"{\"type\":\"O\"",
		"lies before");
	bad(FILE_OF(EVENTED("x", "none", "0", "1", "{\"type\":\"O\",\"at\":0}")),
		PP_EMALFORMED,
		"{\"type\":\"O\"",
		"an event needs");
	bad(FILE_OF(EVENTED("x", "none", "0", "1", "{\"type\":\"X\",\"at\":0,\"frame\":0}")),
		PP_EMALFORMED,
		"{\"type\":\"X\"",
		"an event needs");
	bad(FILE_OF(EVENTED("x", "none", "0", "1", O(9, 0))), PP_EMALFORMED, "9,\"at\"", "no frame 9");
	bad(FILE_OF(
			EVENTED("x", "none", "0", "1", O(0, -9223372036854775807) "," C(0, 9223372036854775807))),
		PP_EMALFORMED,
		"{\"type\":\"O\"",
		"lies before");
	bad(FILE_OF(EVENTED("x",
						"none",
						"-9223372036854775808",
						"1",
						O(0, -9223372036854775807) "," C(0, 9223372036854775807))),
		PP_EOVERFLOW,
		"{\"type\":\"C\"",
		"out of range");
}

static void
test_limits(void **state)
{
	PpLimits limits = pp_limits_default;

	limits.max_depth = 2;
	bad_with(&limits,
			 FILE_OF(SAMPLED("x", "none", "[[0,1],[0,1,2]]", "[1,1]")),
			 PP_ELIMIT,
			 "2]]",
			 "2 frames");
	bad_with(&limits,
			 FILE_OF(EVENTED("x", "none", "0", "1", O(0, 0) "," O(1, 0) "," O(2, 0))),
			 PP_ELIMIT,
			 "{\"type\":\"O\",\"frame\":2",
			 "2 frames");
	limits = pp_limits_default;
	limits.max_functions = 2;
	bad_with(&limits, FILE_OF(""), PP_ELIMIT, "{\"name\":\"c\"", "2 functions");
	limits = pp_limits_default;
	limits.max_samples = 1;
	bad_with(&limits,
			 FILE_OF(SAMPLED("x", "none", "[[0],[1]]", "[1,1]")),
			 PP_ELIMIT,
			 ",[1]]",
			 "1 samples");
}

/* What others write of a profile comes to the same in both forms. */
static void
compare_with_folded(const char *name, Bytes json)
{
	PpArena *arena = pp_arena_new(&alloc_aligned8);
	char folded[256];
	PpProfile *p, *other;
	int64_t total, other_total;
	Bytes text;
	PpError err;

	snprintf(folded,
			 sizeof(folded),
			 "%.*sfolded",
			 (int) (strlen(name) - strlen("speedscope.json")),
			 name);
	text = bytes_of_file(TEST_DATA "derived/", folded);
	if (pp_speedscope_read(NULL, json.data, json.len, &pp_limits_default, arena, &p, &err) != PP_OK ||
		pp_folded_read(NULL, text.data, text.len, &pp_limits_default, arena, &other, &err) != PP_OK)
		fail_msg("%s: %s", name, err.message);
	assert_int_equal(pp_profile_total(p, 0, &total, &err), PP_OK);
	assert_int_equal(pp_profile_total(other, 0, &other_total, &err), PP_OK);
	/* folded stacks have no unit */
	if (pp_bytes_eq(pp_str(p, p->types[0].type), pp_bytes_cstr("samples")))
		assert_int_equal(total, other_total);
	assert_true(total % other_total == 0);
	free(text.data);
	pp_arena_free(arena);
}

static void
test_files(void **state)
{
	assert_true(each_file(TEST_DATA "derived/", ".speedscope.json", compare_with_folded) > 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sampled),
		cmocka_unit_test(test_evented),
		cmocka_unit_test(test_times_become_nanoseconds),
		cmocka_unit_test(test_frames_keep_their_place),
		cmocka_unit_test(test_several_profiles),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_bad_documents),
		cmocka_unit_test(test_bad_samples),
		cmocka_unit_test(test_bad_events),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
