/*
 * test_pp_gperftools.c
 *		CPU and heap profiles of gperftools, field by field.
 *
 * The expected texts are those of the pprof tool for the same bytes; the files of
 * tests/data are compared in test_vectors.c.
 */
#include "core/pp_foreign.h"
#include "core/pp_gperftools.h"
#include "raw_text.h"

#define CPU_HEADER                                                                                 \
	"PeriodType: cpu nanoseconds\nPeriod: 10000000\nSamples:\nsamples/count cpu/nanoseconds\n"

/* --- CPU --- */

typedef struct Form
{
	int size;
	bool big_endian;
} Form;

static const Form forms[] = {{4, false}, {4, true}, {8, false}, {8, true}};

static size_t
put_words(uint8_t *out, Form form, const uint64_t *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < form.size; k++)
			*out++ = (uint8_t) (words[i] >> 8 * (form.big_endian ? form.size - 1 - k : k));
	return n * (size_t) form.size;
}

/* The same profile in all four forms, followed by a text. */
static void
assert_cpu(const uint64_t *words, size_t n, const char *map, const char *expected)
{
	uint8_t data[8192];

	for (size_t i = 0; i < 4; i++)
	{
		size_t len = put_words(data, forms[i], words, n);

		memcpy(data + len, map, strlen(map));
		assert_raw_within(pp_gperftools_cpu_read, data, len + strlen(map), &pp_limits_default, expected);
		assert_true(pp_is_gperftools_cpu(data, len));
	}
}

#define ASSERT_CPU(map, expected, ...)                                                             \
	assert_cpu((uint64_t[]){0, 3, 0, 10000, 0, __VA_ARGS__},                                       \
			   5 + sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t),                           \
			   map,                                                                                \
			   expected)

/* Return addresses go back into the call, the leaf does not. */
static void
test_cpu(void **state)
{
	ASSERT_CPU("00400000-00500000 r-xp 00000000 fd:01 1 /bin/app\n",
			   CPU_HEADER "          5   50000000: 1 2 \n"
						  "          2   20000000: 3 4 2 \n"
						  "Locations\n"
						  "     1: 0x400100 M=1 \n"
						  "     2: 0x400200 M=1 \n"
						  "     3: 0x400110 M=1 \n"
						  "     4: 0x600000 M=2 \n"
						  "Mappings\n"
						  "1: 0x400000/0x500000/0x0 /bin/app  \n"
						  "2: 0x0/0xffffffffffffffff/0x0   \n",
			   5,
			   2,
			   0x400100,
			   0x400201,
			   2,
			   3,
			   0x400110,
			   0x600001,
			   0x400201,
			   0,
			   1,
			   0);
}

/* No trailer, no map, no samples. */
static void
test_cpu_incomplete(void **state)
{
	ASSERT_CPU("",
			   CPU_HEADER "          1   10000000: 1 \n"
						  "Locations\n"
						  "     1: 0x10 M=1 \n"
						  "Mappings\n"
						  "1: 0x0/0xffffffffffffffff/0x0   \n",
			   1,
			   1,
			   0x10);
	assert_cpu((uint64_t[]){0, 3, 0, 10000, 0}, 5, "", CPU_HEADER "Locations\nMappings\n");
	/* a record that ends the samples only looks like one with a count */
	ASSERT_CPU("",
			   CPU_HEADER "          0          0: \n"
						  "Locations\nMappings\n",
			   0,
			   0,
			   0,
			   1,
			   0);
}

/* A second frame that (nearly) all have is the signal handler's; twice at most. */
static void
test_cpu_similar_frames(void **state)
{
	ASSERT_CPU("",
			   CPU_HEADER "          1   10000000: 1 2 \n"
						  "          1   10000000: 3 4 \n"
						  "Locations\n"
						  "     1: 0x10 M=1 \n"
						  "     2: 0x40 M=1 \n"
						  "     3: 0x20 M=1 \n"
						  "     4: 0x50 M=1 \n"
						  "Mappings\n"
						  "1: 0x0/0xffffffffffffffff/0x0   \n",
			   1,
			   4,
			   0x10,
			   0x91,
			   0x92,
			   0x41,
			   1,
			   4,
			   0x20,
			   0x91,
			   0x92,
			   0x51);
}

/* One of 32 samples may do without, two may not. */
static void
test_cpu_margin(void **state)
{
	for (int without = 0; without < 3; without++)
	{
		uint64_t words[5 + 32 * 4] = {0, 3, 0, 10000, 0};
		uint8_t data[sizeof(words)];
		char *text;

		for (int i = 0; i < 32; i++)
			memcpy(words + 5 + 4 * i,
				   (uint64_t[]){1, 2, 0x10, i < without ? 0x31 : 0x21},
				   4 * sizeof(uint64_t));
		put_words(data, forms[2], words, 5 + 32 * 4);
		text = raw_of(pp_gperftools_cpu_read, data, sizeof(data), &pp_limits_default);
		assert_int_equal(strstr(text, "0x20") == NULL, without < 2);
		free(text);
	}
}

/* A leaf that comes a second time, one lower, leaves its location behind. */
static void
test_cpu_doubled_leaf(void **state)
{
	ASSERT_CPU("",
			   CPU_HEADER "          1   10000000: 1 3 \n"
						  "          1   10000000: 3 \n"
						  "Locations\n"
						  "     1: 0x10 M=1 \n"
						  "     2: 0xf M=1 \n"
						  "     3: 0x40 M=1 \n"
						  "Mappings\n"
						  "1: 0x0/0xffffffffffffffff/0x0   \n",
			   1,
			   3,
			   0x10,
			   0x10,
			   0x41,
			   1,
			   1,
			   0x40);
}

static void
test_cpu_refusals(void **state)
{
	uint8_t data[256];
	size_t len;

	for (size_t i = 0; i < 4; i++)
	{
		char expected[128];
		size_t size = (size_t) forms[i].size;

		len = put_words(data, forms[i], (uint64_t[]){0, 3, 0, 10000, 0, 1, 2, 0x10, 0x20}, 9);
		snprintf(expected, sizeof(expected), "error 1 at %zu: unexpected end of the samples", 8 * size);
		assert_raw_within(pp_gperftools_cpu_read, data, len - size, &pp_limits_default, expected);
		snprintf(expected, sizeof(expected), "error 1 at %zu: unexpected end of the samples", 6 * size);
		assert_raw_within(pp_gperftools_cpu_read, data, 6 * size, &pp_limits_default, expected);
		len = put_words(data, forms[i], (uint64_t[]){0, 3, 1, 10000, 0}, 5);
		assert_raw_within(pp_gperftools_cpu_read,
						  data,
						  len,
						  &pp_limits_default,
						  "error 2 at 0: the binary CPU profile of Java is not supported; \"go tool pprof -proto\" converts it");
	}
	len = put_words(data, forms[3], (uint64_t[]){0, 3, 0, UINT64_MAX, 0}, 5);
	assert_raw_within(pp_gperftools_cpu_read,
					  data,
					  len,
					  &pp_limits_default,
					  "error 4 at 24: period of 18446744073709551615 microseconds is out of range for bigint");
	len = put_words(data, forms[2], (uint64_t[]){0, 3, 0, 10000, 0, INT64_MAX, 0}, 7);
	assert_raw_within(pp_gperftools_cpu_read,
					  data,
					  len,
					  &pp_limits_default,
					  "error 4 at 40: 9223372036854775807 samples of 10000000 ns are out of range for bigint");
	assert_raw(pp_gperftools_cpu_read, "", "error 1 at 0: not a binary CPU profile of gperftools");
}

/* --- heap --- */

static void
test_heap_kinds(void **state)
{
	static const struct
	{
		const char *kind, *expected;
	} kinds[] = {
		{"heapprofile",
		 "Period: 1\nSamples:\nobjects/count space/bytes\n          2        600: 1 \n"},
		{"heapprofile/7",
		 "Period: 1\nSamples:\nobjects/count space/bytes\n          2        600: 1 \n"},
		{"heap_v2/524288",
		 "Period: 524288\nSamples:\nobjects/count space/bytes\n       3496    1048876: 1 \n"},
		{"heapz_v2/524288",
		 "Period: 524288\nSamples:\nobjects/count space/bytes\n       3496    1048876: 1 \n"},
		/* Go gives twice its rate */
		{"heap/1048576",
		 "Period: 524288\nSamples:\nobjects/count space/bytes\n       3496    1048876: 1 \n"},
		{"heap_v2", "Period: 0\nSamples:\nobjects/count space/bytes\n          2        600: 1 \n"},
		{"heap_v2/1", "Period: 1\nSamples:\nobjects/count space/bytes\n          2        600: 1 \n"},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		char input[200], expected[400];

		snprintf(input,
				 sizeof(input),
				 "heap profile: 2: 600 [ 2: 600] @ %s\n  2: 600 [2: 600] @ 0x400111\n",
				 kinds[i].kind);
		snprintf(expected,
				 sizeof(expected),
				 "PeriodType: space bytes\n%s                bytes:[300]\n"
				 "Locations\n     1: 0x400110 M=1 \nMappings\n1: 0x0/0xffffffffffffffff/0x0   \n",
				 kinds[i].expected);
		assert_raw(pp_gperftools_heap_read, input, expected);
	}
}

static void
test_heap_columns(void **state)
{
	assert_raw(pp_gperftools_heap_read,
			   "heap profile: 3: 700 [ 9: 2100] @ heapprofile\r\n"
			   "# comment\r\n\r\n"
			   "  1: 100 [ 2: 300] @ 0x1 0x2 Z 0x3\r\n"
			   "  0: 0 [ 4: 400] @\r\n"
			   "--- Memory map: ---\r\n"
			   "0-10 r-xp 00000000 fd:01 1 /bin/app\r\n",
			   "PeriodType: space bytes\n"
			   "Period: 1\n"
			   "Samples:\n"
			   "alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes\n"
			   "          2        300          1        100: 1 2 \n"
			   "                bytes:[100]\n"
			   "          4        400          0          0: \n"
			   "                bytes:[100]\n"
			   "Locations\n"
			   "     1: 0x0 \n"
			   "     2: 0x1 M=1 \n"
			   "Mappings\n"
			   "1: 0x0/0x10/0x0 /bin/app  \n");
}

static void
test_heap_refusals(void **state)
{
#define TITLE "heap profile: 1: 1 [1: 1] @ heapprofile\n"
	static const struct
	{
		const char *input, *expected;
	} cases[] = {
		{"", "error 1 at 0: no title of a heap profile in line 0: \"\""},
		{"heap profile: 1: 1 @ heap\n",
		 "error 1 at 0: no title of a heap profile in line 1: \"heap profile: 1: 1 @ heap\""},
		{"heap profile: 1: 1 [1: 1] @ growthz\n",
		 "error 2 at 0: the growth profile text of gperftools is not supported; \"go tool pprof -proto\" converts it"},
		{"heap profile: 1: 1 [1: 1] @ heap_v3/5\n",
		 "error 2 at 0: a heap profile text of the kind \"heap_v3\" is not supported"},
		{"heap profile: 1: 1 [1: 1] @ heap/99999999999999999999\n",
		 "error 1 at 0: sampling rate that is out of range for bigint in line 1: \"99999999999999999999\""},
		{TITLE "nonsense\n", "error 1 at 40: no sample in line 2: \"nonsense\""},
		{TITLE "\n1: 1 [1: 1 @ 0x1\n", "error 1 at 41: no sample in line 3: \"1: 1 [1: 1 @ 0x1\""},
		{TITLE "0: 1 [1: 1] @ 0x1\n",
		 "error 1 at 40: bytes of no objects in line 2: \"0: 1 [1: 1] @ 0x1\""},
		{TITLE "1: 1 [1: 1] @ 0x12345678901234567\n",
		 "error 1 at 40: address of more than 64 bits in line 2: \"1: 1 [1: 1] @ 0x12345678901234567\""},
		{TITLE "1: 99999999999999999999 [1: 1] @\n",
		 "error 1 at 40: number that is out of range for bigint in line 2: \"1: 99999999999999999999 [1: 1] @\""},
		{TITLE "-1: -9223372036854775808 [1: 1] @\n",
		 "error 1 at 40: size of an object that is out of range for bigint in line 2: \"-1: -9223372036854775808 [1: 1] @\""},
		{"heap profile: 1: 1 [1: 1] @ heap_v2/9000000000000000000\n1: 1 [1: 1] @\n",
		 "error 4 at 56: estimate for line 2 is out of range for bigint"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_raw(pp_gperftools_heap_read, cases[i].input, cases[i].expected);
}

/* A line of digits is looked at once, not once per digit. */
static void
test_heap_long_line(void **state)
{
	size_t title = strlen(TITLE), len = title + (1 << 20);
	char *input = malloc(len + 1), *text;

	memcpy(input, TITLE, title);
	memset(input + title, '1', len - title);
	text = raw_of(pp_gperftools_heap_read, input, len, &pp_limits_default);
	assert_non_null(strstr(text, "no sample in line 2"));
	free(text);
	for (size_t i = title; i < len; i++)
		input[i] = "1: "[i % 3];
	text = raw_of(pp_gperftools_heap_read, input, len, &pp_limits_default);
	assert_non_null(strstr(text, "no sample in line 2"));
	free(text);
	free(input);
}

static void
test_limits(void **state)
{
	static const char input[] = TITLE "1: 1 [1: 1] @ 0x1 0x2\n1: 1 [1: 1] @ 0x3\n"
									  "MAPPED_LIBRARIES:\n10-20 /a\n30-40 /b\n";
	static const struct
	{
		size_t setting;
		int64_t value;
		const char *expected;
	} cases[] = {
		{offsetof(PpLimits, max_samples), 1, "error 3 at 62: profile has more than 1 samples"},
		{offsetof(PpLimits, max_depth), 1, "error 3 at 40: sample has more than 1 locations"},
		{offsetof(PpLimits, max_total_frames),
		 2,
		 "error 3 at 62: samples have more than 2 frames together"},
		{offsetof(PpLimits, max_mappings), 1, "error 3 at 107: profile has more than 1 mappings"},
		{offsetof(PpLimits, max_string), 1, "error 3 at 98: string of 2 bytes is longer than 1 bytes"},
		{offsetof(PpLimits, max_locations),
		 2,
		 "error 3 at 18446744073709551615: profile has more than 2 locations"},
		{offsetof(PpLimits, max_strings),
		 9,
		 "error 3 at 18446744073709551615: profile has more than 9 strings"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PpLimits limits = pp_limits_default;

		memcpy((char *) &limits + cases[i].setting, &cases[i].value, sizeof(int64_t));
		assert_raw_within(pp_gperftools_heap_read, input, sizeof(input) - 1, &limits, cases[i].expected);
	}
}

/* --- what is neither --- */

static void
test_foreign(void **state)
{
	static const struct
	{
		const char *input, *expected;
	} cases[] = {
		{"\n# a\n goroutine profile: total 3\n",
		 "the count profile text of Go (debug=1) is not supported; ask for debug=0, which is profile.proto"},
		{"goroutine 1 [running]:\n",
		 "the stack dump of Go (debug=2) is not supported; ask for debug=0, which is profile.proto"},
		{"PERFILE2h",
		 "the perf.data format of Linux perf is not supported; send what \"perf script\" prints of it"},
		{"\x28\xb5\x2f\xfd....",
		 "zstd compression is not supported; compress with gzip or not at all"},
		{"--- contention:\ncycles/second=1\n",
		 "the contention profile text of Go (debug=1) and gperftools is not supported; \"go tool pprof -proto\" converts it"},
		{"{\"resourceProfiles\": []}",
		 "the JSON of OTLP profiles is not supported; send profile.proto"},
		{TITLE,
		 "the heap profile text of Go (debug=1) and gperftools is not supported; pprof.from_gperftools() makes a profile of it"},
	};
	PpError err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		assert_true(pp_foreign_refuse((const uint8_t *) cases[i].input, strlen(cases[i].input), &err));
		assert_int_equal(err.code, PP_EUNSUPPORTED);
		assert_string_equal(err.message, cases[i].expected);
	}
	assert_false(pp_foreign_refuse((const uint8_t *) "", 0, &err));
	assert_false(pp_foreign_refuse((const uint8_t *) "main;work 12\n", 13, &err));
	assert_false(pp_foreign_refuse((const uint8_t *) "\x0a\x04\x08\x01\x10\x02", 6, &err));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_cpu_incomplete),
		cmocka_unit_test(test_cpu_similar_frames),
		cmocka_unit_test(test_cpu_margin),
		cmocka_unit_test(test_cpu_doubled_leaf),
		cmocka_unit_test(test_cpu_refusals),
		cmocka_unit_test(test_heap_kinds),
		cmocka_unit_test(test_heap_columns),
		cmocka_unit_test(test_heap_refusals),
		cmocka_unit_test(test_heap_long_line),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
