/*
 * test_pp_stored.c
 *		The stored form: round trips, exact bytes, and damaged bytes.
 */
#include "core/pp_stored.h"
#include "pp_test.h"

static PpArena *arena;
static PpError err;

static int
setup(void **state)
{
	arena = pp_arena_new(&pp_alloc_malloc);
	return arena == NULL;
}

static int
teardown(void **state)
{
	pp_arena_free(arena);
	return 0;
}

static Bytes
stored(const PpProfile *p)
{
	Bytes b;

	if (pp_stored_encode(p, &pp_alloc_malloc, &b.data, &b.len, &err) != PP_OK)
		fail_msg("cannot store: %s", err.message);
	return b;
}

/* Decode from memory of exactly that size. */
static PpCode
decode(const uint8_t *data, size_t len, PpProfile **p)
{
	return pp_stored_decode((uint8_t *) pp_arena_copy(arena, data, len), len, arena, p, &err);
}

static PpProfile *
restored(Bytes b)
{
	PpProfile *p;

	if (decode(b.data, b.len, &p) != PP_OK)
		fail_msg("refused: %s at byte %zu", err.message, err.offset);
	return p;
}

/* What the first bytes alone say. */
static void
assert_counts(const PpProfile *p, Bytes b)
{
	size_t front = b.len < PP_STORED_FRONT ? b.len : PP_STORED_FRONT;
	uint8_t *bytes = (uint8_t *) pp_arena_copy(arena, b.data, front);
	PpStoredCounts counts;

	assert_int_equal(pp_stored_read_counts(bytes, front, b.len, &counts, &err), PP_OK);
	assert_int_equal(counts.samples, p->nsamples);
	assert_int_equal(counts.locations, p->nlocations);
	assert_int_equal(counts.functions, p->nfunctions);
	assert_int_equal(counts.mappings, p->nmappings);
	/* some count is that of bytes, which are not all there then */
	if (p->nstrings > 1 && front < b.len)
		assert_int_equal(pp_stored_read_counts(bytes, 16, 16, &counts, &err), PP_EMALFORMED);
	for (size_t cut = 0; cut < 12; cut++)
		assert_int_equal(pp_stored_read_counts(bytes, cut, b.len, &counts, &err), PP_EMALFORMED);
}

static void
assert_round_trip(const PpProfile *p)
{
	Bytes first = stored(p), second;
	PpProfile *q = restored(first);

	assert_counts(p, first);

	assert_same_profile(p, q);
	assert_int_equal(p->nstrings, q->nstrings);
	second = stored(q);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.data, second.data, first.len);
	free(first.data);
	free(second.data);
}

static void
round_trip(const char *name, Bytes bytes)
{
	PpProfile *p;

	if (pp_profile_read(bytes.data, bytes.len, &pp_limits_default, arena, &p, &err) == PP_OK)
		assert_round_trip(p);
}

static void
test_round_trip(void **state)
{
	assert_true(each_file(TEST_DATA "go/", ".pb.gz", round_trip) > 10);
	assert_true(each_file(TEST_DATA "in/", ".pb", round_trip) > 50);
	assert_true(each_file(TEST_DATA "in/", ".pb.gz", round_trip) > 10);
}

/* The bytes of version 1 never change: what was stored must stay readable. */
static void
test_bytes(void **state)
{
	PpProfile *p = pp_profile_new(arena);
	static const uint8_t empty[] = {1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
									0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	Bytes b = stored(p);

	assert_int_equal(b.len, sizeof(empty));
	assert_memory_equal(b.data, empty, b.len);
	free(b.data);

	p->nstrings = 4;
	p->strings = (PpBytes[]){{"", 0}, {"cpu", 3}, {"ns", 2}, {"f", 1}};
	p->ntypes = 1;
	p->types = &(PpValueType){1, 2};
	p->nmappings = 1;
	p->mappings = &(PpMapping){.id = 1, .start = 16, .limit = 32, .flags = PP_HAS_FUNCTIONS};
	p->nfunctions = 1;
	p->functions = &(PpFunction){.id = 7, .name = 3, .system_name = 3, .start_line = 10};
	p->nlocations = 2;
	p->locations = (PpLocation[]){{.id = 1, .address = 17, .mapping = 0, .nlines = 1},
								  {.id = 2, .address = 16, .mapping = 0, .is_folded = 1}};
	p->nlines = 1;
	p->lines = &(PpLine){.function = 0, .line = 12, .column = 4};
	p->nsamples = 2;
	p->samples = (PpSample[]){{0, 2, 0, 1}, {0, 2, 0, 1}};
	p->values = (int64_t[]){-20, 50};
	p->nlocrefs = 2;
	p->locrefs = (uint32_t[]){1, 0};
	p->nlabels = 1;
	p->labels = &(PpLabel){.key = 1, .num = -1, .num_unit = 2};
	p->period = 10;
	p->time_nanos = -1;
	p->ncomments = 1;
	p->comments = (uint32_t[]){3};

	static const uint8_t all[] = {/* version, flags, counts */
								  1,
								  2 | 8 | 16,
								  4,
								  6,
								  1,
								  2,
								  2,
								  1,
								  1,
								  1,
								  2,
								  1,
								  1,
								  1,
								  /* strings */
								  3,
								  2,
								  1,
								  'c',
								  'p',
								  'u',
								  'n',
								  's',
								  'f',
								  /* type, unit, scale; header; comment */
								  1,
								  2,
								  10,
								  0,
								  0,
								  20,
								  1,
								  0,
								  0,
								  0,
								  0,
								  0,
								  3,
								  /* mapping */
								  16,
								  32,
								  0,
								  0,
								  0,
								  1,
								  /* function */
								  14,
								  6,
								  0,
								  0,
								  20,
								  /* locations */
								  1 << 2 | 1,
								  1,
								  34,
								  0,
								  4,
								  8,
								  2,
								  1,
								  /* label set */
								  1,
								  1 << 1,
								  1,
								  2,
								  /* samples: two new nodes and another set; nothing new */
								  2 << 1 | 1,
								  0,
								  1,
								  0,
								  2,
								  3,
								  0,
								  0,
								  10};

	b = stored(p);
	assert_int_equal(b.len, sizeof(all));
	assert_memory_equal(b.data, all, b.len);
	free(b.data);
	assert_round_trip(p);
}

/* Extremes of every number, and what delta coding must not trip over. */
static void
test_extremes(void **state)
{
	PpProfile *p = pp_profile_new(arena);

	p->nstrings = 3;
	p->strings = (PpBytes[]){{"", 0}, {"a", 1}, {"a", 1}};
	p->ntypes = 3;
	p->types = (PpValueType[]){{1, 2}, {2, 1}, {0, 0}};
	p->nmappings = 2;
	p->mappings = (PpMapping[]){{.id = UINT64_MAX, .start = UINT64_MAX, .limit = 0, .flags = 15},
								{.id = 1, .limit = UINT64_MAX, .offset = UINT64_MAX}};
	p->nfunctions = 2;
	p->functions = (PpFunction[]){{.id = UINT64_MAX, .name = 2, .start_line = INT64_MIN},
								  {.id = 3, .filename = 1, .start_line = INT64_MAX}};
	p->nlines = 2;
	p->lines = (PpLine[]){{0, INT64_MAX, INT64_MIN}, {1, INT64_MIN, INT64_MAX}};
	p->nlocations = 3;
	p->locations = (PpLocation[]){{UINT64_MAX, UINT64_MAX, PP_NONE, 0, 2, 0},
								  {5, 0, 1, 1, 1, 1},
								  {4, 1, PP_NONE, 0, 0, 0}};
	p->nsamples = 4;
	p->samples = (PpSample[]){{0, 3, 0, 0}, {0, 0, 0, 2}, {1, 2, 0, 2}, {0, 3, 0, 2}};
	p->values =
		(int64_t[]){INT64_MIN, 0, 0, 0, INT64_MIN, INT64_MAX, 0, 0, INT64_MIN, INT64_MIN, 0, 6};
	p->nlocrefs = 3;
	p->locrefs = (uint32_t[]){2, 0, 1};
	p->nlabels = 2;
	p->labels = (PpLabel[]){{.key = 0, .str = 1}, {.key = 2, .num = INT64_MIN}};
	p->period = INT64_MIN;
	p->time_nanos = INT64_MAX;
	p->duration_nanos = INT64_MIN;
	p->drop_frames = p->doc_url = 1;
	p->keep_frames = p->default_sample_type = 2;
	assert_round_trip(p);
}

/* Stacks that begin as others do, or end, or are parts of them; labels as well. */
static void
test_sharing(void **state)
{
	PpProfile *p = pp_profile_new(arena);
	uint32_t depth = 1000, n = 5;

	p->ntypes = 1;
	p->types = &(PpValueType){0, 0};
	p->nlocations = depth;
	p->locations = pp_arena_zalloc(arena, depth * sizeof(PpLocation));
	p->locrefs = pp_arena_zalloc(arena, depth * sizeof(uint32_t));
	for (uint32_t i = 0; i < depth; i++)
	{
		p->locations[i].id = (uint64_t) i + 1;
		p->locations[i].mapping = PP_NONE;
		p->locrefs[i] = depth - 1 - i;
	}
	p->nlocrefs = depth;
	p->labels = pp_arena_zalloc(arena, 40 * sizeof(PpLabel));
	for (uint32_t i = 0; i < 40; i++)
		p->labels[i].num = i + 1;
	p->nlabels = 40;
	p->nsamples = n;
	p->samples = (PpSample[]){{0, 1000, 0, 16},
							  {10, 990, 0, 16},
							  {745, 255, 0, 17},
							  {744, 256, 0, 17},
							  {0, 1000, 0, 1}};
	p->values = pp_arena_zalloc(arena, n * sizeof(int64_t));
	assert_round_trip(p);
}

/* --- damage --- */

static void
expect_refusal(Bytes b, const char *message)
{
	PpProfile *p;

	assert_int_equal(decode(b.data, b.len, &p), PP_EMALFORMED);
	assert_null(p);
	if (message != NULL)
		assert_string_equal(err.message, message);
}

static void
test_version(void **state)
{
	Bytes b = stored(pp_profile_new(arena));
	PpProfile *p;

	b.data[0] = 2;
	assert_int_equal(decode(b.data, b.len, &p), PP_EUNSUPPORTED);
	assert_string_equal(err.message, "stored profile has version 2, this software reads version 1");
	b.data[0] = 1;
	b.data[1] = 32;
	expect_refusal(b, "stored profile is damaged: unknown flags");
	free(b.data);
	expect_refusal((Bytes){(uint8_t *) (uintptr_t) "", 0},
				   "stored profile is damaged: unexpected end");
}

static Bytes
stored_file(const char *name)
{
	Bytes bytes = bytes_of_file(TEST_DATA "go/", name), b;
	PpProfile *p;

	assert_int_equal(pp_profile_read(bytes.data, bytes.len, &pp_limits_default, arena, &p, &err),
					 PP_OK);
	b = stored(p);
	free(bytes.data);
	return b;
}

/* A profile that was read has sound references, whatever the bytes were. */
static void
assert_sound(const PpProfile *p)
{
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		const PpSample *s = &p->samples[i];

		assert_true((uint64_t) s->loc_off + s->nlocs <= p->nlocrefs);
		assert_true((uint64_t) s->label_off + s->nlabels <= p->nlabels);
	}
	for (uint32_t i = 0; i < p->nlocrefs; i++)
		assert_true(p->locrefs[i] < p->nlocations);
	for (uint32_t i = 0; i < p->nlines; i++)
		assert_true(p->lines[i].function < p->nfunctions);
	for (uint32_t i = 0; i < p->nlabels; i++)
		assert_true(p->labels[i].key < p->nstrings && p->labels[i].str < p->nstrings &&
					p->labels[i].num_unit < p->nstrings);
}

static void
test_truncated(void **state)
{
	Bytes b = stored_file("go123-a-mutex.pb.gz");

	for (size_t cut = 0; cut < b.len; cut++)
		expect_refusal((Bytes){b.data, cut}, NULL);
	free(b.data);
}

static void
test_trailing(void **state)
{
	Bytes b = stored_file("go123-a-mutex.pb.gz");
	Bytes longer = {malloc(b.len + 1), b.len + 1};

	memcpy(longer.data, b.data, b.len);
	longer.data[b.len] = 0;
	expect_refusal(longer, "stored profile is damaged: bytes behind its end");
	free(longer.data);
	free(b.data);
}

/* Each byte set to a few others: refused, or a profile whose references hold. */
static void
assert_survives_flips(const char *name)
{
	Bytes b = stored_file(name);

	for (size_t i = 0; i < b.len; i++)
		for (int change = 0; change < 10; change++)
		{
			uint8_t before = b.data[i];
			PpProfile *p;
			PpCode code;

			pp_arena_free(arena);
			arena = pp_arena_new(&pp_alloc_malloc);
			b.data[i] = change < 8 ? before ^ (uint8_t) (1 << change) : change == 8 ? 0 : 0xff;
			code = decode(b.data, b.len, &p);
			if (code == PP_OK)
				assert_sound(p);
			else
			{
				assert_true(code == PP_EMALFORMED || (code == PP_EUNSUPPORTED && i == 0));
				assert_true(err.offset <= b.len);
			}
			/* amplification is bounded: what a few bytes can ask for */
			assert_true(pp_arena_used(arena) < (1 << 20) + 2000 * b.len);
			b.data[i] = before;
		}
	free(b.data);
}

static void
test_flips(void **state)
{
	assert_survives_flips("go123-a-mutex.pb.gz");
	assert_survives_flips("go123-a-goroutine.pb.gz");
	assert_survives_flips("go123-b-heap.pb.gz");
}

static void
test_damage(void **state)
{
	PpProfile *p = pp_profile_new(arena);
	Bytes b;

	p->nstrings = 2;
	p->strings = (PpBytes[]){{"", 0}, {"a", 1}};
	p->nmappings = 2;
	p->mappings = (PpMapping[]){{.id = 5}, {.id = 6}};
	b = stored(p);
	b.data[b.len - 7] = 0; /* the second id minus the first */
	expect_refusal(b, "stored profile is damaged: ids are not distinct");
	b.data[b.len - 7] = 2;
	b.data[b.len - 1] = 16;
	expect_refusal(b, "stored profile is damaged: unknown flags of a mapping");
	b.data[b.len - 1] = 0;
	b.data[b.len - 2] = 2;
	expect_refusal(b, "stored profile is damaged: unknown string");
	free(b.data);

	/* a million samples claimed in a few bytes */
	static const uint8_t claim[] = {1, 0, 1, 0, 0, 0xff, 0xff, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

	expect_refusal((Bytes){(uint8_t *) (uintptr_t) claim, sizeof(claim)},
				   "stored profile is damaged: counts do not fit its size");
	assert_true(pp_arena_used(arena) < 100000);
}

static void
test_label_order(void **state)
{
	PpProfile *p = pp_profile_new(arena);
	PpLabel labels[2];
	PpError err;
	Bytes b;

	p->nstrings = 3;
	p->strings = (PpBytes[]){{"", 0}, {"b", 1}, {"a", 1}};
	p->ntypes = 1;
	p->types = &(PpValueType){0, 0};
	p->nsamples = 1;
	p->samples = &(PpSample){0, 0, 0, 2};
	p->values = &(int64_t){1};
	p->nlabels = 2;
	p->labels = labels;
	labels[0] = (PpLabel){.key = 1, .str = 1};
	labels[1] = (PpLabel){.key = 2, .str = 1};
	b = stored(p);
	expect_refusal(b, "stored profile is damaged: labels out of order");
	free(b.data);
	labels[0] = (PpLabel){.key = 2, .num = 1};
	b = stored(p);
	expect_refusal(b, "stored profile is damaged: labels out of order");
	free(b.data);
	labels[0] = (PpLabel){.key = 2, .str = 1};
	labels[1] = (PpLabel){.key = 2};
	b = stored(p);
	assert_int_equal(pp_stored_decode(b.data, b.len, arena, &p, &err), PP_OK);
	assert_int_equal(p->labels[1].key, 2);
	free(b.data);
}

/* What could not be read back is not stored. */
static void
test_too_large(void **state)
{
	PpProfile *p = pp_profile_new(arena);
	Bytes b;

	p->ntypes = (uint32_t) pp_limits_hard.max_sample_types + 1;
	p->types = pp_arena_zalloc(arena, p->ntypes * sizeof(PpValueType));
	assert_int_equal(pp_stored_encode(p, &pp_alloc_malloc, &b.data, &b.len, &err), PP_ELIMIT);
	assert_string_equal(err.message, "profile has too many sample types");
	assert_null(b.data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extremes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sharing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_version, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trailing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flips, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_label_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
