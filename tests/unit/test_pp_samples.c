/*
 * test_pp_samples.c
 *		pprof.samples: round trips, sums against a plain model, hostile bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/pp_samples.h"

#define MAX_ENTRIES 4096

/* What a visit saw, in its order. */
typedef struct Seen
{
	uint32_t n;
	uint64_t dicts[MAX_ENTRIES];
	PpSampleEntry entries[MAX_ENTRIES];
} Seen;

static uint64_t seed = 1;

/* splitmix64: the same numbers on every machine */
static uint64_t
next_random(void)
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static PpCode
see(void *ctx, uint64_t dict_id, uint32_t stack, int64_t value, PpError *err)
{
	Seen *seen = ctx;

	assert_true(seen->n < MAX_ENTRIES);
	seen->dicts[seen->n] = dict_id;
	seen->entries[seen->n++] = (PpSampleEntry){stack, value};
	return PP_OK;
}

static size_t
encode(const PpSamplesPart *parts, uint32_t nparts, uint32_t flags, uint8_t **bytes)
{
	size_t len;
	PpError err;

	assert_int_equal(pp_samples_encode(parts, nparts, flags, &pp_alloc_malloc, bytes, &len, &err),
					 PP_OK);
	assert_int_equal(pp_samples_check(*bytes, len, &err), PP_OK);
	return len;
}

static void
release(void *bytes)
{
	pp_alloc_malloc.release(NULL, bytes);
}

/* The value a visit reports for a stack; each stack at most once. */
static int64_t
seen_value(const Seen *seen, uint64_t dict_id, uint32_t stack)
{
	int64_t value = 0;

	for (uint32_t i = 0; i < seen->n; i++)
	{
		if (seen->dicts[i] != dict_id || seen->entries[i].stack != stack)
			continue;
		assert_int_equal(value, 0);
		value = seen->entries[i].value;
	}
	return value;
}

static void
assert_round_trip(const PpSamplesPart *parts, uint32_t nparts)
{
	static Seen seen;
	uint8_t *bytes;
	size_t len = encode(parts, nparts, 0, &bytes);
	uint32_t total = 0;
	PpError err;

	seen.n = 0;
	assert_int_equal(pp_samples_visit(bytes, len, see, &seen, &err), PP_OK);
	for (uint32_t i = 0; i < nparts; i++)
	{
		total += parts[i].n;
		for (uint32_t j = 0; j < parts[i].n; j++)
			assert_true(seen_value(&seen, parts[i].dict_id, parts[i].entries[j].stack) ==
						parts[i].entries[j].value);
	}
	assert_int_equal(seen.n, total);
	release(bytes);
}

static void
test_layout(void **state)
{
	PpSampleEntry entries[] = {{0, 10}, {3, 30}, {4, 10}, {300, -20}};
	PpSamplesPart part = {.dict_id = 0x0102030405060708, .n = 4, .entries = entries};
	const uint8_t expected[] = {1,	  1,	1,			 /* version, flags, parts */
								8,	  7,	6,	5, 4, 3, /* dictionary */
								2,	  1,	10,			 /* scale */
								2,	  0,	3,			 /* ids 0 and 4 */
								2,	  3,	6,			 /* id 3: 3 units */
								0xa8, 0x02, 3};			 /* id 300: -2 units */
	uint8_t *bytes;
	size_t len = encode(&part, 1, PP_SAMPLES_COUNTED, &bytes);
	PpSamplesHeader header;
	PpError err;

	assert_int_equal(len, sizeof(expected));
	assert_memory_equal(bytes, expected, len);
	assert_int_equal(pp_samples_header(bytes, len, &header, &err), PP_OK);
	assert_int_equal(header.version, 1);
	assert_int_equal(header.flags, PP_SAMPLES_COUNTED);
	assert_int_equal(header.nparts, 1);
	assert_int_equal(header.scale, 10);
	release(bytes);
}

static void
test_round_trips(void **state)
{
	PpSampleEntry ends[] = {{0, INT64_MIN}, {1, INT64_MAX}, {UINT32_MAX, 1}};
	PpSampleEntry lowest[] = {{7, INT64_MIN}};
	PpSamplesPart parts[] = {{.dict_id = 0, .n = 3, .entries = ends},
							 {.dict_id = 9, .n = 0},
							 {.dict_id = UINT64_MAX, .n = 1, .entries = lowest}};
	static PpSampleEntry random[1000];
	PpSamplesPart part = {.dict_id = 5, .entries = random};

	assert_round_trip(parts, 3);
	assert_round_trip(NULL, 0);
	for (int round = 0; round < 50; round++)
	{
		uint32_t stack = 0;
		int64_t unit = (int64_t) (next_random() % 1000) + 1;

		part.n = (uint32_t) (next_random() % 1000);
		for (uint32_t i = 0; i < part.n; i++)
		{
			int64_t times = (int64_t) (next_random() % 5) - 2;

			stack += 1 + (uint32_t) (next_random() >> (33 + next_random() % 31)) % 2000000;
			random[i] = (PpSampleEntry){stack, (times == 0 ? 1 : times) * unit};
		}
		assert_round_trip(&part, 1);
	}
}

static void
test_encoder_refuses(void **state)
{
	PpSampleEntry zero[] = {{1, 0}}, falling[] = {{2, 1}, {2, 1}}, odd[] = {{1, 5}};
	PpSamplesPart bad[] = {{.dict_id = 1, .n = 1, .entries = zero},
						   {.dict_id = 1, .n = 2, .entries = falling},
						   {.dict_id = 1, .scale = 2, .n = 1, .entries = odd},
						   {.dict_id = 1, .scale = UINT64_MAX, .n = 1, .entries = odd}};
	PpSamplesPart twice[] = {{.dict_id = 1}, {.dict_id = 1}};
	uint8_t *bytes;
	size_t len;
	PpError err;

	for (int i = 0; i < 4; i++)
		assert_int_equal(pp_samples_encode(&bad[i], 1, 0, &pp_alloc_malloc, &bytes, &len, &err),
						 PP_EINVALID);
	assert_int_equal(pp_samples_encode(twice, 2, 0, &pp_alloc_malloc, &bytes, &len, &err),
					 PP_EINVALID);
	assert_int_equal(pp_samples_encode(NULL, 0, 2, &pp_alloc_malloc, &bytes, &len, &err),
					 PP_EINVALID);
}

/* Sums of random rows over two dictionaries equal those of two plain arrays. */
static void
test_sums(void **state)
{
	static int64_t model[2][8192];
	PpSamplesSum *sum = pp_samples_sum_new(&pp_alloc_malloc);
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpSamplesPart *parts;
	uint32_t nparts;
	PpError err;

	memset(model, 0, sizeof(model));
	for (int row = 0; row < 200; row++)
	{
		static PpSampleEntry entries[2][500];
		PpSamplesPart part[2] = {{.dict_id = 3, .entries = entries[0]},
								 {.dict_id = 1 + 7 * (row % 2 + 1), .entries = entries[1]}};
		uint8_t *bytes;
		size_t len;

		for (int p = 0; p < 2; p++)
			for (uint32_t stack = next_random() % 40; stack < 8192 && part[p].n < 500;
				 stack += 1 + next_random() % 40)
			{
				int64_t value = next_random() % 3 ? 100 : (int64_t) (next_random() % 9 - 4) * 100;

				if (value == 0)
					continue;
				entries[p][part[p].n++] = (PpSampleEntry){stack, value};
				/* dictionaries 8 and 15 share a model: the halves are told apart below */
				model[p][stack] += part[p].dict_id == 15 ? 0 : value;
			}
		len = encode(part, 2, 0, &bytes);
		assert_int_equal(pp_samples_sum_add(sum, bytes, len, 1, &err), PP_OK);
		release(bytes);
	}
	assert_int_equal(pp_samples_sum_parts(sum, arena, &parts, &nparts, &err), PP_OK);
	assert_int_equal(nparts, 3);
	assert_int_equal(parts[0].dict_id, 3);
	assert_int_equal(parts[1].dict_id, 8);
	assert_int_equal(parts[2].dict_id, 15);
	for (int p = 0; p < 2; p++)
	{
		uint32_t at = 0;

		for (uint32_t stack = 0; stack < 8192; stack++)
		{
			if (model[p][stack] == 0)
				continue;
			assert_int_equal(parts[p].entries[at].stack, stack);
			assert_true(parts[p].entries[at++].value == model[p][stack]);
		}
		assert_int_equal(at, parts[p].n);
	}
	pp_arena_free(arena);
	pp_samples_sum_free(sum);
}

/* The encoded sum, added to an empty one, gives the same bytes; cancelled values vanish. */
static void
test_sum_is_closed(void **state)
{
	PpSampleEntry up[] = {{1, 7}, {70000, 14}, {UINT32_MAX, 7}}, down[] = {{1, -7}};
	PpSamplesPart first = {.dict_id = 4, .n = 3, .entries = up};
	PpSamplesPart second = {.dict_id = 4, .n = 1, .entries = down};
	PpSamplesPart *parts[] = {&first, &second};
	PpSamplesSum *sum = pp_samples_sum_new(&pp_alloc_malloc);
	PpSamplesSum *again = pp_samples_sum_new(&pp_alloc_malloc);
	uint8_t *bytes, *bytes_again;
	size_t len, len_again;
	PpError err;

	for (int i = 0; i < 2; i++)
	{
		len = encode(parts[i], 1, 0, &bytes);
		assert_int_equal(pp_samples_sum_add(sum, bytes, len, 1, &err), PP_OK);
		release(bytes);
	}
	/* five pages and the pointers to them, not an array of 2^32 sums */
	assert_true(pp_samples_sum_memory(sum) < 200000);
	assert_int_equal(pp_samples_sum_encode(sum, &pp_alloc_malloc, &bytes, &len, &err), PP_OK);
	assert_int_equal(pp_samples_sum_add(again, bytes, len, 1, &err), PP_OK);
	assert_int_equal(pp_samples_sum_encode(again, &pp_alloc_malloc, &bytes_again, &len_again, &err),
					 PP_OK);
	assert_int_equal(len, len_again);
	assert_memory_equal(bytes, bytes_again, len);

	second.n = 2;
	second.entries = (PpSampleEntry[]){{70000, 14}, {UINT32_MAX, 7}};
	release(bytes_again);
	len_again = encode(&second, 1, 0, &bytes_again);
	assert_int_equal(len, len_again);
	assert_memory_equal(bytes, bytes_again, len);
	release(bytes);
	release(bytes_again);
	pp_samples_sum_free(sum);
	pp_samples_sum_free(again);
}

static void
test_divisor(void **state)
{
	PpSampleEntry entries[] = {{1, 10000000}, {2, 30000000}};
	PpSamplesPart part = {.dict_id = 4, .scale = 10000000, .n = 2, .entries = entries};
	PpSamplesSum *sum = pp_samples_sum_new(&pp_alloc_malloc);
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpSamplesPart *parts;
	uint32_t nparts;
	uint8_t *bytes;
	size_t len = encode(&part, 1, PP_SAMPLES_COUNTED, &bytes);
	PpError err;

	assert_int_equal(pp_samples_sum_add(sum, bytes, len, 10000000, &err), PP_OK);
	assert_int_equal(pp_samples_sum_parts(sum, arena, &parts, &nparts, &err), PP_OK);
	assert_int_equal(parts[0].entries[0].value, 1);
	assert_int_equal(parts[0].entries[1].value, 3);
	assert_int_equal(pp_samples_sum_add(sum, bytes, len, 3, &err), PP_EINVALID);
	assert_int_equal(pp_samples_sum_add(sum, bytes, len, 0, &err), PP_EINVALID);
	release(bytes);
	pp_arena_free(arena);
	pp_samples_sum_free(sum);
}

static void
test_overflow(void **state)
{
	PpSampleEntry most[] = {{1, INT64_MAX}}, one[] = {{1, 1}}, least[] = {{1, INT64_MIN}};
	PpSampleEntry minus[] = {{1, -1}};
	PpSamplesPart pairs[2][2] = {{{.dict_id = 1, .n = 1, .entries = most},
								  {.dict_id = 1, .n = 1, .entries = one}},
								 {{.dict_id = 1, .n = 1, .entries = least},
								  {.dict_id = 1, .n = 1, .entries = minus}}};
	/* scale 2^62 and 3 units: a value that never was an int64 */
	const uint8_t wide[] = {1,	  0,	1,	  0,	0,	  0,	0,	  0,	0, 0, 0, 0x80,
							0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0, 1, 5, 6};
	PpSamplesSum *wide_sum = pp_samples_sum_new(&pp_alloc_malloc);
	PpError err;

	for (int i = 0; i < 2; i++)
	{
		PpSamplesSum *sum = pp_samples_sum_new(&pp_alloc_malloc);

		for (int j = 0; j < 2; j++)
		{
			uint8_t *bytes;
			size_t len = encode(&pairs[i][j], 1, 0, &bytes);

			assert_int_equal(pp_samples_sum_add(sum, bytes, len, 1, &err),
							 j == 0 ? PP_OK : PP_EOVERFLOW);
			release(bytes);
		}
		pp_samples_sum_free(sum);
	}
	assert_int_equal(pp_samples_check(wide, sizeof(wide), &err), PP_EMALFORMED);
	assert_int_equal(pp_samples_sum_add(wide_sum, wide, sizeof(wide), 1, &err), PP_EMALFORMED);
	pp_samples_sum_free(wide_sum);
}

/* Whatever the bytes: no crash, and sum, visit and check agree on what is malformed. */
static void
assert_agreement(const uint8_t *bytes, size_t len)
{
	static Seen seen;
	PpSamplesSum *sum = pp_samples_sum_new(&pp_alloc_malloc);
	PpError err = {.code = PP_OK};
	PpCode visited, added;

	seen.n = 0;
	visited = pp_samples_visit(bytes, len, see, &seen, &err);
	added = pp_samples_sum_add(sum, bytes, len, 1, &err);
	assert_true(visited == PP_OK || visited == PP_EMALFORMED);
	assert_true(added == visited || added == PP_EOVERFLOW);
	if (pp_samples_check(bytes, len, &err) == PP_OK)
		assert_int_equal(visited, PP_OK);
	pp_samples_sum_free(sum);
}

static void
test_hostile(void **state)
{
	PpSampleEntry entries[] = {{0, 10}, {3, 30}, {4, 10}, {300, -20}, {70000, 10}};
	PpSamplesPart parts[] = {{.dict_id = 2, .n = 5, .entries = entries},
							 {.dict_id = 3, .n = 2, .entries = entries}};
	uint8_t *bytes, copy[128];
	size_t len = encode(parts, 2, 0, &bytes);
	PpError err;

	assert_true(len < sizeof(copy));
	for (size_t cut = 0; cut < len; cut++)
	{
		assert_int_equal(pp_samples_check(bytes, cut, &err), PP_EMALFORMED);
		assert_agreement(bytes, cut);
	}
	for (size_t at = 0; at < len; at++)
		for (int value = 0; value < 256; value++)
		{
			memcpy(copy, bytes, len);
			copy[at] = (uint8_t) value;
			assert_agreement(copy, len);
		}
	for (int round = 0; round < 20000; round++)
	{
		memcpy(copy, bytes, len);
		for (int i = 0; i < 4; i++)
			copy[next_random() % len] = (uint8_t) next_random();
		assert_agreement(copy, len);
	}
	memcpy(copy, bytes, len);
	copy[len] = 0;
	assert_int_equal(pp_samples_check(copy, len + 1, &err), PP_EMALFORMED);
	assert_int_equal(err.offset, len);
	release(bytes);
}

/* What visit takes but no writer makes: an id in both lists, a one among the pairs. */
static void
test_check_is_strict(void **state)
{
	const uint8_t twice[] = {1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 1, 1, 1, 3, 4};
	const uint8_t misplaced[] = {1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 5, 1, 1, 1, 2, 2};
	const uint8_t promise[] = {1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0x7f, 0};
	static Seen seen;
	PpError err;

	assert_int_equal(pp_samples_visit(twice, sizeof(twice), see, &seen, &err), PP_OK);
	assert_int_equal(pp_samples_check(twice, sizeof(twice), &err), PP_EMALFORMED);
	assert_int_equal(pp_samples_visit(misplaced, sizeof(misplaced), see, &seen, &err), PP_OK);
	assert_int_equal(pp_samples_check(misplaced, sizeof(misplaced), &err), PP_EMALFORMED);
	assert_int_equal(pp_samples_check(promise, sizeof(promise), &err), PP_EMALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_encoder_refuses),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_sum_is_closed),
		cmocka_unit_test(test_divisor),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_check_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
