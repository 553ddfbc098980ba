/*
 * test_pp_inflate.c
 *		Containers: joined members, budgets, and every way to be cut or damaged.
 */
#include "pp_test.h"

#include <libdeflate.h>

#include "core/pp_inflate.h"

static const char text[] = "samples of a profile, samples of a profile, samples of a profile\n";
#define TEXT_LEN (sizeof(text) - 1)

static Bytes
gzip_of(const void *data, size_t len)
{
	Bytes b;

	assert_int_equal(pp_gzip(data, len, 6, &pp_alloc_malloc, &b.data, &b.len, NULL), PP_OK);
	return b;
}

static Bytes
joined(Bytes a, const void *tail, size_t tail_len)
{
	Bytes b = {malloc(a.len + tail_len + 1), a.len + tail_len};

	memcpy(b.data, a.data, a.len);
	memcpy(b.data + a.len, tail, tail_len);
	return b;
}

/* Inflate must give PP_EMALFORMED with this text at this byte. */
static void
assert_refused(PpContainer container, Bytes b, size_t offset, const char *what)
{
	PpError err = {0};
	uint8_t *out;
	size_t len;

	assert_int_equal(pp_inflate(container,
								b.data,
								b.len,
								&pp_limits_default,
								&pp_alloc_malloc,
								&out,
								&len,
								&err),
					 PP_EMALFORMED);
	assert_string_equal(err.message, what);
	assert_int_equal(err.offset, offset);
	assert_null(out);
}

static void
assert_inflates(PpContainer container, Bytes b, const void *data, size_t data_len)
{
	PpError err = {0};
	uint8_t *out;
	size_t len;

	assert_int_equal(pp_inflate(container,
								b.data,
								b.len,
								&pp_limits_default,
								&pp_alloc_malloc,
								&out,
								&len,
								&err),
					 PP_OK);
	assert_int_equal(len, data_len);
	assert_memory_equal(out, data, data_len);
	free(out);
}

static void
test_guess(void **state)
{
	assert_int_equal(pp_container_guess((const uint8_t *) "\x1f\x8b", 2), PP_GZIP);
	assert_int_equal(pp_container_guess((const uint8_t *) "\x1f", 1), PP_PLAIN);
	assert_int_equal(pp_container_guess((const uint8_t *) "\x78\x9c", 2), PP_PLAIN);
	assert_int_equal(pp_container_guess((const uint8_t *) "", 0), PP_PLAIN);
}

/* zlib has no magic: two bytes that are a multiple of 31, and say what zlib can say. */
static void
test_detect(void **state)
{
	static const struct
	{
		const char *bytes;
		PpContainer container;
	} cases[] = {
		{"\x1f\x8b", PP_GZIP},
		{"\x78\x01", PP_ZLIB},
		{"\x78\x9c", PP_ZLIB},
		{"\x78\xda", PP_ZLIB},
		{"\x08\x1d", PP_ZLIB},	/* the smallest window */
		{"\x78\x9d", PP_PLAIN}, /* no multiple of 31 */
		{"\x78\xbb", PP_PLAIN}, /* with a dictionary */
		{"\x88\x1c", PP_PLAIN}, /* a window of 64 kB */
		{"\x77\x9f", PP_PLAIN}, /* another method */
		{"he", PP_PLAIN},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(pp_container_detect((const uint8_t *) cases[i].bytes, 2),
						 cases[i].container);
	assert_int_equal(pp_container_detect((const uint8_t *) "\x78", 1), PP_PLAIN);
}

static void
test_gzip_header(void **state)
{
	Bytes b = gzip_of(text, TEXT_LEN);

	/* deflate, no flags, no time, level 6, unknown system */
	assert_memory_equal(b.data, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", 10);
	assert_inflates(PP_GZIP, b, text, TEXT_LEN);
	free(b.data);
	for (int level = 1; level <= 12; level++)
	{
		assert_int_equal(pp_gzip((const uint8_t *) text,
								 TEXT_LEN,
								 level,
								 &pp_alloc_malloc,
								 &b.data,
								 &b.len,
								 NULL),
						 PP_OK);
		assert_inflates(PP_GZIP, b, text, TEXT_LEN);
		free(b.data);
	}
}

static void
test_members(void **state)
{
	Bytes a = gzip_of(text, 10), b = gzip_of(text + 10, TEXT_LEN - 10), none = gzip_of("", 0);
	Bytes both = joined(a, b.data, b.len);
	Bytes with_empty = joined(none, both.data, both.len);
	Bytes ends_empty = joined(with_empty, none.data, none.len);

	assert_inflates(PP_GZIP, both, text, TEXT_LEN);
	assert_inflates(PP_GZIP, with_empty, text, TEXT_LEN);
	assert_inflates(PP_GZIP, ends_empty, text, TEXT_LEN);
	assert_inflates(PP_GZIP, none, "", 0);
	free(a.data);
	free(b.data);
	free(none.data);
	free(both.data);
	free(with_empty.data);
	free(ends_empty.data);
}

/* Extra field, name, comment and header checksum are all stepped over. */
static void
test_header_fields(void **state)
{
	Bytes plain = gzip_of(text, TEXT_LEN);
	uint8_t head[64] = "\x1f\x8b\x08\x1e\x00\x00\x00\x00\x00\xff\x03\x00xyzname\0comment";
	size_t len = 12 + 3 + 5 + 8;
	uint32_t crc = libdeflate_crc32(0, head, len);
	Bytes front = {head, len + 2};
	Bytes b;

	head[len] = (uint8_t) crc;
	head[len + 1] = (uint8_t) (crc >> 8);
	b = joined(front, plain.data + 10, plain.len - 10);
	assert_inflates(PP_GZIP, b, text, TEXT_LEN);
	b.data[len] ^= 1;
	assert_refused(PP_GZIP, b, len, "wrong checksum of a gzip header");
	for (size_t cut = 2; cut < len + 2; cut++)
		assert_refused(PP_GZIP,
					   (Bytes){b.data, cut},
					   cut,
					   "unexpected end of compressed data in a gzip header");
	b.data[3] |= 0x20;
	assert_refused(PP_GZIP, b, 3, "unknown flags in a gzip header");
	b.data[2] = 7;
	assert_refused(PP_GZIP, b, 2, "unknown compression method in a gzip header");
	free(b.data);
	free(plain.data);
}

static void
test_trailing(void **state)
{
	static const char *const tails[] = {"x", "xyz", "0123456789", "\0\0\0\0\0\0\0\0\0\0\0\0"};
	static const size_t lens[] = {1, 3, 10, 12};
	Bytes a = gzip_of(text, TEXT_LEN);

	for (int i = 0; i < 4; i++)
	{
		Bytes b = joined(a, tails[i], lens[i]);

		assert_refused(PP_GZIP, b, a.len, "bytes after the end of compressed data");
		free(b.data);
	}

	/* the beginning of another member */
	Bytes b = joined(a, a.data, 9);

	assert_refused(PP_GZIP, b, b.len, "unexpected end of compressed data in a gzip header");
	free(b.data);
	free(a.data);
}

static void
test_checksums(void **state)
{
	Bytes b = gzip_of(text, TEXT_LEN);

	b.data[b.len - 8] ^= 1;
	assert_refused(PP_GZIP, b, b.len - 8, "wrong checksum of compressed data");
	b.data[b.len - 8] ^= 1;
	b.data[b.len - 1] ^= 1;
	assert_refused(PP_GZIP, b, b.len - 4, "wrong length of compressed data");
	free(b.data);
}

/* Cut anywhere, and each refusal says so. */
static void
assert_cut_everywhere(Bytes b)
{
	for (size_t cut = 10; cut < b.len; cut++)
		assert_refused(PP_GZIP,
					   (Bytes){b.data, cut},
					   cut,
					   cut < b.len - 8 ? "unexpected end of compressed data"
									   : "unexpected end of compressed data in its checksum");
}

static void
cut_profile(const char *name, Bytes bytes)
{
	if (bytes.len < 1000)
		assert_cut_everywhere(bytes);
}

static void
test_truncation(void **state)
{
	/* small: fixed codes; real profiles: dynamic ones; incompressible: stored */
	Bytes b = gzip_of(text, TEXT_LEN);
	uint8_t noise[300];
	uint64_t random = 1;

	assert_cut_everywhere(b);
	free(b.data);
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t) ((random = random * UINT64_C(6364136223846793005) + 1) >> 56);
	b = gzip_of(noise, sizeof(noise));
	assert_cut_everywhere(b);
	free(b.data);
	assert_true(each_file(TEST_DATA "go/", ".pb.gz", cut_profile) > 10);
}

/* One flipped bit is never accepted, unless it is padding: then it changes nothing. */
static void
flip_profile(const char *name, Bytes b)
{
	uint8_t *good, *out;
	size_t good_len, len;
	int harmless = 0;

	assert_int_equal(pp_inflate(PP_GZIP,
								b.data,
								b.len,
								&pp_limits_default,
								&pp_alloc_malloc,
								&good,
								&good_len,
								NULL),
					 PP_OK);
	for (size_t i = 10; i < b.len; i++)
	{
		PpError err = {0};

		b.data[i] ^= (uint8_t) (1 << i % 8);
		if (pp_inflate(PP_GZIP, b.data, b.len, &pp_limits_default, &pp_alloc_malloc, &out, &len, &err) ==
			PP_OK)
		{
			harmless++;
			assert_int_equal(len, good_len);
			assert_memory_equal(out, good, len);
			free(out);
		}
		else
		{
			assert_int_equal(err.code, PP_EMALFORMED);
			assert_true(err.offset >= 10 && err.offset <= b.len);
		}
		b.data[i] ^= (uint8_t) (1 << i % 8);
	}
	assert_true(harmless <= 16);
	free(good);
}

static void
test_damage(void **state)
{
	static const uint8_t bad_block[] = {0x07, 0, 0, 0}; /* type 3 */
	static const uint8_t bad_stored[] = {0x01, 5, 0, 0, 0, 'h', 'e', 'l', 'l', 'o'};
	Bytes a = {(uint8_t *) (uintptr_t) bad_block, sizeof(bad_block)};
	Bytes b = {(uint8_t *) (uintptr_t) bad_stored, sizeof(bad_stored)};

	assert_refused(PP_RAW_DEFLATE, a, 0, "damaged compressed data");
	assert_refused(PP_RAW_DEFLATE, b, 4, "damaged compressed data");
	assert_true(each_file(TEST_DATA "go/", ".pb.gz", flip_profile) > 10);
}

static void
test_zlib(void **state)
{
	struct libdeflate_compressor *lib = libdeflate_alloc_compressor(6);
	uint8_t buffer[256];
	Bytes b = {buffer, libdeflate_zlib_compress(lib, text, TEXT_LEN, buffer, sizeof(buffer))};

	assert_inflates(PP_ZLIB, b, text, TEXT_LEN);
	assert_refused(PP_ZLIB,
				   (Bytes){buffer, b.len - 1},
				   b.len - 1,
				   "unexpected end of compressed data in its checksum");
	assert_refused(PP_ZLIB, (Bytes){buffer, 1}, 1, "unexpected end of compressed data in a zlib header");
	buffer[b.len] = 'x';
	assert_refused(PP_ZLIB, (Bytes){buffer, b.len + 1}, b.len, "bytes after the end of compressed data");
	buffer[b.len - 1] ^= 1;
	assert_refused(PP_ZLIB, b, b.len - 4, "wrong checksum of compressed data");
	buffer[0] = 0x79;
	assert_refused(PP_ZLIB, b, 0, "not a zlib header");
	buffer[0] = 0x78;
	buffer[1] = 0xbb;
	assert_refused(PP_ZLIB, b, 1, "zlib data that needs a dictionary");
	libdeflate_free_compressor(lib);
}

static void
test_raw_deflate(void **state)
{
	Bytes a = gzip_of(text, TEXT_LEN);
	Bytes b = {a.data + 10, a.len - 18};

	assert_inflates(PP_RAW_DEFLATE, b, text, TEXT_LEN);
	b.len++;
	assert_refused(PP_RAW_DEFLATE, b, b.len - 1, "bytes after the end of compressed data");
	assert_refused(PP_RAW_DEFLATE, (Bytes){b.data, 0}, 0, "empty compressed data");
	free(a.data);
}

static PpError
limited(Bytes b, const PpLimits *limits)
{
	PpError err = {0};
	uint8_t *out;
	size_t len;
	PpCode code = pp_inflate(PP_GZIP, b.data, b.len, limits, &pp_alloc_malloc, &out, &len, &err);

	if (code == PP_OK)
		free(out);
	assert_int_equal(err.code, code);
	return err;
}

static void
test_limits(void **state)
{
	PpLimits limits = pp_limits_default;
	size_t size = 3 << 20;
	uint8_t *zeros = calloc(1, size);
	Bytes bomb = gzip_of(zeros, size);
	Bytes small = gzip_of(text, TEXT_LEN);
	PpError err;

	err = limited(bomb, &limits);
	assert_int_equal(err.code, PP_ELIMIT);
	assert_string_equal(err.setting, "max_ratio");
	limits.max_ratio = 2000;
	assert_int_equal(limited(bomb, &limits).code, PP_OK);

	/* exactly the size passes, one byte less does not */
	limits.max_profile_size = (int64_t) size;
	assert_int_equal(limited(bomb, &limits).code, PP_OK);
	limits.max_profile_size = (int64_t) size - 1;
	err = limited(bomb, &limits);
	assert_int_equal(err.code, PP_ELIMIT);
	assert_string_equal(err.setting, "max_profile_size");
	assert_int_equal(err.limit, size - 1);

	limits = pp_limits_default;
	limits.max_compressed = (int64_t) small.len - 1;
	err = limited(small, &limits);
	assert_int_equal(err.code, PP_ELIMIT);
	assert_string_equal(err.setting, "max_compressed");
	limits.max_compressed++;
	assert_int_equal(limited(small, &limits).code, PP_OK);

	/* the ratio does not count below 1 MiB */
	Bytes below = gzip_of(zeros, 1 << 20), above = gzip_of(zeros, (1 << 20) + 1);

	limits.max_ratio = 1;
	assert_int_equal(limited(below, &pp_limits_default).code, PP_OK);
	assert_int_equal(limited(above, &pp_limits_default).code, PP_ELIMIT);
	free(below.data);
	free(above.data);

	limits = pp_limits_default;
	limits.max_profile_size = 4;
	uint8_t *out;
	size_t len;

	assert_int_equal(pp_inflate(PP_PLAIN, zeros, 4, &limits, &pp_alloc_malloc, &out, &len, NULL),
					 PP_OK);
	assert_ptr_equal(out, zeros);
	assert_int_equal(pp_inflate(PP_PLAIN, zeros, 5, &limits, &pp_alloc_malloc, &out, &len, NULL),
					 PP_ELIMIT);
	free(zeros);
	free(bomb.data);
	free(small.data);
}

/* A trailer may claim any size: it is believed for the first attempt at most. */
static void
test_lying_trailer(void **state)
{
	Bytes b = gzip_of(text, TEXT_LEN);
	static const uint32_t claims[] = {0, 1, 63, 64, 1000, UINT32_MAX};

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
	{
		memcpy(b.data + b.len - 4, &claims[i], 4);
		assert_refused(PP_GZIP, b, b.len - 4, "wrong length of compressed data");
	}
	free(b.data);
}

static void
test_arena(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	Bytes b = gzip_of(text, TEXT_LEN);
	Bytes twice = joined(b, b.data, b.len);
	const uint8_t *out;
	size_t len;

	assert_int_equal(pp_inflate_arena(PP_GZIP,
									  twice.data,
									  twice.len,
									  &pp_limits_default,
									  arena,
									  &out,
									  &len,
									  NULL),
					 PP_OK);
	assert_int_equal(len, 2 * TEXT_LEN);
	assert_memory_equal(out, text, TEXT_LEN);
	assert_memory_equal(out + TEXT_LEN, text, TEXT_LEN);
	pp_arena_free(arena);
	free(b.data);
	free(twice.data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guess),
		cmocka_unit_test(test_detect),
		cmocka_unit_test(test_gzip_header),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_header_fields),
		cmocka_unit_test(test_trailing),
		cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_zlib),
		cmocka_unit_test(test_raw_deflate),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_lying_trailer),
		cmocka_unit_test(test_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
