/*
 * test_pp_formats.c
 *		Names and detection of formats, containers around all of them.
 */
#include "stacks_text.h"

#include "core/pp_inflate.h"

static PpFormat
detect(const char *text)
{
	return pp_format_detect((const uint8_t *) text, strlen(text));
}

static void
test_names(void **state)
{
	static const struct
	{
		const char *name;
		PpFormat format;
	} names[] = {
		{"auto", PP_FORMAT_AUTO},
		{"pprof", PP_FORMAT_PPROF},
		{"folded", PP_FORMAT_FOLDED},
		{"groups", PP_FORMAT_FOLDED},
		{"collapsed", PP_FORMAT_FOLDED},
		{"lines", PP_FORMAT_LINES},
		{"trie", PP_FORMAT_TRIE},
		{"tree", PP_FORMAT_TREE},
		{"speedscope", PP_FORMAT_SPEEDSCOPE},
		{"perf_script", PP_FORMAT_PERF_SCRIPT},
		{"gperftools", PP_FORMAT_GPERFTOOLS},
		{"gperftools_cpu", PP_FORMAT_GPERFTOOLS_CPU},
		{"gperftools_heap", PP_FORMAT_GPERFTOOLS_HEAP},
	};
	PpFormat format;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		assert_true(pp_format_by_name(pp_bytes_cstr(names[i].name), &format));
		assert_int_equal(format, names[i].format);
	}
	assert_false(pp_format_by_name(pp_bytes_cstr("Folded"), &format));
	assert_false(pp_format_by_name(pp_bytes_cstr(""), &format));
	assert_string_equal(pp_format_name(PP_FORMAT_FOLDED), "folded");
}

static void
test_detect(void **state)
{
	assert_int_equal(detect(""), PP_FORMAT_AUTO);
	assert_int_equal(detect("main;a 3\nmain;b 4\n"), PP_FORMAT_FOLDED);
	assert_int_equal(detect("main;a\nmain;b -4"), PP_FORMAT_FOLDED);
	assert_int_equal(detect("main;\xc3\xa4 1.5"), PP_FORMAT_FOLDED);
	assert_int_equal(detect("\xef\xbb\xbf\n {\"a\":1}"), PP_FORMAT_SPEEDSCOPE);
	assert_int_equal(detect("{"), PP_FORMAT_SPEEDSCOPE);
	assert_int_equal(detect("hello world"), PP_FORMAT_AUTO);
	assert_int_equal(detect("app 42 [001] 7.5: 10 cpu-clock:\n\t 55d0 main+0x1 (/bin/app)\n\n"),
					 PP_FORMAT_PERF_SCRIPT);
	assert_int_equal(detect("threadcreate profile: total 7\n1 @ 0x1\n"), PP_FORMAT_AUTO);
	assert_int_equal(detect("heap profile: 1: 2 [3: 4] @ heapprofile\n"), PP_FORMAT_GPERFTOOLS_HEAP);
	assert_int_equal(pp_format_detect((const uint8_t *) "\x00\x01\x02", 3), PP_FORMAT_AUTO);
	assert_int_equal(pp_format_detect((const uint8_t *) "\x0a\xff", 2), PP_FORMAT_AUTO);
	assert_int_equal(pp_format_detect((const uint8_t *) "\x32\x00", 2), PP_FORMAT_PPROF);
}

/* Whatever is a profile.proto is taken for one. */
static void
detect_file(const char *name, Bytes b)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	const uint8_t *plain;
	size_t len;
	PpProfile *p;

	if (pp_inflate_arena(pp_container_detect(b.data, b.len),
						 b.data,
						 b.len,
						 &pp_limits_default,
						 arena,
						 &plain,
						 &len,
						 NULL) == PP_OK &&
		pp_profile_decode(plain, len, &pp_limits_default, arena, &p, NULL) == PP_OK)
	{
		PpFormat format = pp_format_detect(plain, len);

		if (format != PP_FORMAT_PPROF)
			fail_msg("%s is taken for %s", name, pp_format_name(format));
	}
	pp_arena_free(arena);
}

static void
test_detect_files(void **state)
{
	assert_true(each_file(TEST_DATA "in/", ".pb", detect_file) > 5);
	assert_true(each_file(TEST_DATA "go/", ".pb.gz", detect_file) > 5);
}

/* Read, and compare with these stacks. */
static void
expect_read(PpFormat format, const uint8_t *data, size_t len, const char *expected)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p;
	PpError err;

	if (pp_format_read(format, NULL, data, len, &pp_limits_default, arena, &p, &err) != PP_OK)
		fail_msg("%s", err.message);
	assert_string_equal(stacks_text(p), expected);
	pp_arena_free(arena);
}

static void
expect_code(PpFormat format, const void *data, size_t len, PpCode code, const char *part)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p;
	PpError err = {.code = PP_OK};

	assert_int_equal(pp_format_read(format, NULL, data, len, &pp_limits_default, arena, &p, &err),
					 code);
	if (strstr(err.message, part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part, err.message);
	pp_arena_free(arena);
}

static void
test_containers(void **state)
{
	static const char text[] = "main;a 3\nmain;b 4\n", expected[] = "main;a 3|main;b 4|";
	/* the same in zlib, as Python's zlib.compress() writes it */
	static const uint8_t zlib[] = {0x78, 0x9c, 0xcb, 0x4d, 0xcc, 0xcc, 0xb3, 0x4e,
								   0x54, 0x30, 0xe6, 0xca, 0x05, 0x31, 0x92, 0x14,
								   0x4c, 0xb8, 0x00, 0x37, 0x3c, 0x05, 0x3f};
	uint8_t *gzip, *twice;
	size_t len;

	expect_read(PP_FORMAT_AUTO, (const uint8_t *) text, sizeof(text) - 1, expected);
	expect_read(PP_FORMAT_AUTO, zlib, sizeof(zlib), expected);
	assert_int_equal(pp_gzip((const uint8_t *) text, sizeof(text) - 1, 6, &pp_alloc_malloc, &gzip, &len, NULL),
					 PP_OK);
	expect_read(PP_FORMAT_AUTO, gzip, len, expected);
	expect_read(PP_FORMAT_FOLDED, gzip, len, expected);
	/* two members */
	twice = malloc(len * 2);
	memcpy(twice, gzip, len);
	memcpy(twice + len, gzip, len);
	expect_read(PP_FORMAT_AUTO, twice, len * 2, "main;a 6|main;b 8|");
	twice[len * 2 - 1] ^= 1;
	expect_code(PP_FORMAT_AUTO, twice, len * 2, PP_EMALFORMED, "");
	free(twice);
	free(gzip);
}

/* Bytes that could be the header of zlib, before what cannot be its data. */
static void
expect_read_like_zlib(PpFormat format, const char *data, size_t len, const char *expected)
{
	assert_int_equal(pp_container_detect((const uint8_t *) data, len), PP_ZLIB);
	expect_read(format, (const uint8_t *) data, len, expected);
}

static void
test_like_zlib(void **state)
{
	expect_read_like_zlib(PP_FORMAT_AUTO, "XGetImage;main 3\n", 17, "XGetImage;main 3|");
	/* profiles that begin with a time, or with doc_url */
	expect_read_like_zlib(PP_FORMAT_AUTO, "\x48\x89\x01\x32\x00", 5, "");
	expect_read_like_zlib(PP_FORMAT_PPROF, "\x48\x89\x01\x32\x00", 5, "");
	expect_read_like_zlib(PP_FORMAT_AUTO, "\x78\x01\x32\x00\x32\x01u", 7, "");
	expect_code(PP_FORMAT_AUTO, "\x48\x89\x01\x32\x07", 5, PP_EMALFORMED, "");
	/* tries begin with the length of a name */
	expect_read_like_zlib(PP_FORMAT_TRIE, "\x08[kernel]\x05\x00", 11, "[kernel] 5|");
	/* what zlib itself began */
	expect_code(PP_FORMAT_AUTO, "\x78\x9c\xcb\x4d\xcc\xcc\xb3\x00", 8, PP_EMALFORMED, "compressed data");
}

static void
test_empty_input(void **state)
{
	expect_code(PP_FORMAT_AUTO, "", 0, PP_EMALFORMED, "empty input");
	expect_code(PP_FORMAT_PPROF, "", 0, PP_EMALFORMED, "empty input");
	expect_read(PP_FORMAT_FOLDED, (const uint8_t *) "", 0, "");
	expect_read(PP_FORMAT_LINES, (const uint8_t *) "", 0, "");
	expect_read(PP_FORMAT_TRIE, (const uint8_t *) "", 0, "");
	expect_code(PP_FORMAT_TREE, "", 0, PP_EMALFORMED, "ends inside");
	expect_code(PP_FORMAT_SPEEDSCOPE, "", 0, PP_EMALFORMED, "too early");
}

static void
test_refusals(void **state)
{
	expect_code(PP_FORMAT_AUTO, "hello world\n", 12, PP_EMALFORMED, "cannot be told");
	expect_code(PP_FORMAT_AUTO, "PERFILE2\0\0", 10, PP_EUNSUPPORTED, "perf.data");
	expect_code(PP_FORMAT_AUTO, "threadcreate profile: total 7\n", 30, PP_EUNSUPPORTED, "count profile");
	expect_code(PP_FORMAT_AUTO, "\x0a\xff\xff", 3, PP_EMALFORMED, "");
}

/* --- memory that ends, and a server that wants to stop --- */

typedef struct Dry
{
	int left; /* allocations */
	bool stop;
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

static bool
dry_poll(void *ctx)
{
	return ((Dry *) ctx)->stop;
}

static const struct
{
	PpFormat format;
	const char *data;
	size_t len;
} samples[] = {
#define SAMPLE(format, text)                                                                       \
	{                                                                                              \
		format, text, sizeof(text) - 1                                                             \
	}
	SAMPLE(PP_FORMAT_FOLDED, "main;a 3\nmain;b;c 4\n"),
	SAMPLE(PP_FORMAT_LINES, "main;a\nmain;b;c\n"),
	SAMPLE(PP_FORMAT_TRIE, "\0\0\2\5main;\1\0\1b\2\0"),
	SAMPLE(PP_FORMAT_TREE, "\0\0\1\4main\1\1\1b\2\0"),
	SAMPLE(PP_FORMAT_SPEEDSCOPE,
		   "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\"shared\":{\"frames\":["
		   "{\"name\":\"a\\u0062\"},{\"name\":\"c\",\"file\":\"d\"}]},\"profiles\":["
		   "{\"type\":\"evented\",\"name\":\"x\",\"unit\":\"none\",\"startValue\":0,\"endValue\":2,"
		   "\"events\":[{\"type\":\"O\",\"frame\":0,\"at\":0},{\"type\":\"C\",\"frame\":0,\"at\":1}]},"
		   "{\"type\":\"sampled\",\"name\":\"y\",\"unit\":\"seconds\",\"samples\":[[0,1]],"
		   "\"weights\":[1.5]}]}"),
#undef SAMPLE
};

/* Whichever allocation fails, it is said, and nothing is kept. */
static void
test_without_memory(void **state)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
	{
		PpCode code = PP_ENOMEM;

		for (int n = 1; code != PP_OK; n++)
		{
			Dry dry = {n, false};
			PpAlloc alloc = {dry_alloc, dry_resize, dry_release, dry_poll, &dry};
			PpArena *arena = pp_arena_new(&alloc);
			PpProfile *p;
			PpError err;

			code = pp_format_read(samples[i].format,
								  NULL,
								  (const uint8_t *) samples[i].data,
								  samples[i].len,
								  &pp_limits_default,
								  arena,
								  &p,
								  &err);
			assert_true(code == PP_OK || (code == PP_ENOMEM && err.code == PP_ENOMEM && p == NULL));
			assert_true(n < 100);
			pp_arena_free(arena);
		}
	}
}

/* Long inputs notice that they are to stop. */
static void
test_cancel(void **state)
{
	static const char *const repeated[] = {
		[PP_FORMAT_FOLDED] = "a;b 1\n",
		[PP_FORMAT_LINES] = "a;b\n",
		[PP_FORMAT_TRIE] = "\1a\1",
		[PP_FORMAT_SPEEDSCOPE] = "[],",
	};

	for (size_t f = 0; f < sizeof(repeated) / sizeof(repeated[0]); f++)
	{
		Dry dry = {1000000, true};
		PpAlloc alloc = {dry_alloc, dry_resize, dry_release, dry_poll, &dry};
		PpArena *arena = pp_arena_new(&alloc);
		size_t piece = repeated[f] == NULL ? 0 : strlen(repeated[f]) + (f == PP_FORMAT_TRIE);
		size_t head = f == PP_FORMAT_SPEEDSCOPE ? 6 : 0, len = head + piece * 20000;
		char *data = malloc(len + 1);
		PpProfile *p;
		PpError err;

		memcpy(data, "{\"a\":[", head);
		for (size_t at = head; at < len; at += piece)
			memcpy(data + at, repeated[f], piece);
		if (piece > 0)
			assert_int_equal(pp_format_read_plain((PpFormat) f,
												  NULL,
												  (uint8_t *) data,
												  len,
												  &pp_limits_default,
												  arena,
												  &p,
												  &err),
							 PP_ECANCELED);
		free(data);
		pp_arena_free(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_detect),
		cmocka_unit_test(test_detect_files),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_like_zlib),
		cmocka_unit_test(test_empty_input),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
