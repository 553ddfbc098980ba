/*
 * test_pp_segment.c
 *		Segments: what goes in comes out, sums are those of the rows, and bytes
 *		that nobody wrote do no harm.
 */
#include "pp_test.h"

#include "core/pp_segment.h"

#define ROWS 300

static uint64_t random_state = 88172645463325252u;

static uint64_t
next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

typedef struct Run
{
	PpSegmentRow rows[ROWS];
	uint32_t n;
} Run;

static void
release(const void *bytes)
{
	pp_alloc_malloc.release(NULL, (void *) (uintptr_t) bytes);
}

static void
free_run(Run *run)
{
	for (uint32_t i = 0; i < run->n; i++)
		release(run->rows[i].samples);
}

/* Samples of a row from parts; its total follows. */
static void
set_samples(PpSegmentRow *row, const PpSamplesPart *parts, uint32_t nparts, uint32_t flags)
{
	uint8_t *bytes;
	PpError err;

	assert_int_equal(pp_samples_encode(parts,
									   nparts,
									   flags,
									   &pp_alloc_malloc,
									   &bytes,
									   &row->samples_len,
									   &err),
					 PP_OK);
	row->samples = bytes;
	row->total = 0;
	for (uint32_t i = 0; i < nparts; i++)
		for (uint32_t j = 0; j < parts[i].n; j++)
			row->total = (int64_t) ((uint64_t) row->total + (uint64_t) parts[i].entries[j].value);
}

/* What a random run is like. */
typedef struct Kind
{
	uint32_t rows, dicts, stacks, series;
	bool counted, scales, negative, spans, large;
} Kind;

static uint32_t
random_part(const Kind *kind, uint64_t unit, PpSampleEntry *entries)
{
	uint32_t n = 0;

	for (uint32_t stack = (uint32_t) (next_random() % 7); stack < kind->stacks;
		 stack += 1 + (uint32_t) (next_random() % (1 + next_random() % 40)))
	{
		int64_t times = 1 + (int64_t) (next_random() % (1 + next_random() % 6));

		if (kind->large)
			times = (int64_t) (next_random() >> (20 + next_random() % 40)) + 1;
		if (kind->negative && next_random() % 3 == 0)
			times = -times;
		entries[n++] = (PpSampleEntry){stack, times * (int64_t) unit};
	}
	return n;
}

static void
random_row(const Kind *kind, PpSegmentRow *row)
{
	static PpSampleEntry entries[4][4096];
	PpSamplesPart parts[4];
	uint32_t nparts = 0;

	for (uint32_t d = 0; d < kind->dicts; d++)
	{
		uint64_t unit = kind->scales ? 1 + next_random() % 5 : 10;

		if (kind->dicts > 1 && next_random() % 3 == 0)
			continue;
		parts[nparts] = (PpSamplesPart){.dict_id = d * UINT64_C(0x3000000000000001),
										.scale = kind->counted ? unit : 0,
										.entries = entries[d]};
		parts[nparts].n = random_part(kind, unit, entries[d]);
		nparts += parts[nparts].n > 0;
	}
	set_samples(row,
				parts,
				nparts,
				kind->counted && (!kind->scales || next_random() % 2 == 0) ? PP_SAMPLES_COUNTED : 0);
	if (kind->spans && next_random() % 2 == 0)
	{
		row->spans = (const uint8_t *) "spans of a row are bytes" + next_random() % 8;
		row->spans_len = 1 + next_random() % 16;
	}
}

static void
random_run(const Kind *kind, Run *run)
{
	int64_t at = -(int64_t) (next_random() % 1000000000);

	memset(run, 0, sizeof(*run));
	run->n = kind->rows;
	for (uint32_t i = 0; i < run->n; i++)
	{
		PpSegmentRow *row = &run->rows[i];

		at += 1 + (int64_t) (next_random() % 1000) * 1000;
		row->at = at;
		row->series_id = (int64_t) (next_random() % kind->series) * INT64_C(-0x123456789abcdef);
		row->duration = kind->scales ? (int64_t) (next_random() >> 30) : 15;
		for (int j = 0; j < 16; j++)
			row->id[j] = (uint8_t) next_random();
		random_row(kind, row);
	}
}

static void
assert_same_row(const PpSegmentRow *a, const PpSegmentRow *b)
{
	assert_true(a->at == b->at && a->series_id == b->series_id);
	assert_true(a->duration == b->duration && a->total == b->total);
	assert_memory_equal(a->id, b->id, 16);
	assert_int_equal(a->samples_len, b->samples_len);
	assert_memory_equal(a->samples, b->samples, a->samples_len);
	assert_int_equal(a->spans_len, b->spans_len);
	if (a->spans_len > 0)
		assert_memory_equal(a->spans, b->spans, a->spans_len);
}

static void
encode(const Run *run, PpSegmentBytes *bytes)
{
	PpError err;

	assert_int_equal(pp_segment_encode(run->rows, run->n, &pp_alloc_malloc, bytes, &err), PP_OK);
}

static void
assert_round_trip(const Run *run, const PpSegmentBytes *bytes)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpSegmentRow *rows;
	PpSegmentHead head;
	uint8_t *samples;
	size_t len;
	uint32_t n, last = run->n - 1;
	PpError err;

	assert_int_equal(pp_segment_decode(bytes, arena, &rows, &n, &err), PP_OK);
	assert_int_equal(n, run->n);
	for (uint32_t i = 0; i < n; i++)
		assert_same_row(&rows[i], &run->rows[i]);
	assert_int_equal(pp_segment_head(bytes->head, bytes->head_len, arena, &head, &err), PP_OK);
	assert_int_equal(pp_segment_row_samples(&head,
											bytes->samples,
											bytes->samples_len,
											last,
											&pp_alloc_malloc,
											&samples,
											&len,
											&err),
					 PP_OK);
	assert_int_equal(len, run->rows[last].samples_len);
	assert_memory_equal(samples, run->rows[last].samples, len);
	release(samples);
	pp_arena_free(arena);
}

/* Bytes of the sum of rows that are chosen, added one by one. */
static size_t
sum_rows(const Run *run, const uint8_t *chosen, bool counts, uint8_t **bytes)
{
	PpSamplesSum *sum = pp_samples_sum_new(&pp_alloc_malloc);
	PpSamplesHeader header;
	size_t len;
	PpError err;

	for (uint32_t i = 0; i < run->n; i++)
	{
		const PpSegmentRow *row = &run->rows[i];

		assert_int_equal(pp_samples_header(row->samples, row->samples_len, &header, &err), PP_OK);
		if ((chosen != NULL && !chosen[i]) ||
			(counts && (!(header.flags & PP_SAMPLES_COUNTED) || header.nparts == 0)))
			continue;
		assert_int_equal(pp_samples_sum_add(sum,
											row->samples,
											row->samples_len,
											counts ? header.scale : 1,
											&err),
						 PP_OK);
	}
	assert_int_equal(pp_samples_sum_encode(sum, &pp_alloc_malloc, bytes, &len, &err), PP_OK);
	pp_samples_sum_free(sum);
	return len;
}

static void
assert_sum(const Run *run, const PpSegmentBytes *segment, const uint8_t *chosen, bool counts)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpSamplesSum *sum = pp_samples_sum_new(&pp_alloc_malloc);
	PpSegmentHead head;
	uint8_t *expected, *bytes, *part;
	size_t expected_len = sum_rows(run, chosen, counts, &expected), len;
	uint64_t needed;
	PpError err;

	assert_int_equal(pp_segment_head(segment->head, segment->head_len, arena, &head, &err), PP_OK);
	needed = pp_segment_sum_len(&head, chosen, counts);
	if (needed > segment->samples_len)
		needed = segment->samples_len;
	/* what is said to be needed is all that is read */
	part = malloc(needed);
	memcpy(part, segment->samples, needed);
	assert_int_equal(pp_segment_sum(&head, part, needed, chosen, counts, sum, &err), PP_OK);
	free(part);
	assert_int_equal(pp_samples_sum_encode(sum, &pp_alloc_malloc, &bytes, &len, &err), PP_OK);
	assert_int_equal(len, expected_len);
	assert_memory_equal(bytes, expected, len);
	release(bytes);
	release(expected);
	pp_samples_sum_free(sum);
	pp_arena_free(arena);
}

static void
assert_kind(const Kind *kind)
{
	static Run run;
	PpSegmentBytes bytes;
	uint8_t chosen[ROWS];
	PpError err;

	random_run(kind, &run);
	for (uint32_t i = 0; i < run.n; i++)
		chosen[i] = next_random() % 3 == 0;
	encode(&run, &bytes);
	assert_int_equal(pp_segment_check(&bytes, &pp_alloc_malloc, &err), PP_OK);
	assert_round_trip(&run, &bytes);
	for (int counts = 0; counts < 2; counts++)
	{
		/* parts of a row with scales of their own cannot be divided by one */
		if (counts == 1 && kind->dicts > 1 && kind->scales)
			continue;
		assert_sum(&run, &bytes, NULL, counts);
		assert_sum(&run, &bytes, chosen, counts);
	}
	pp_segment_release(&pp_alloc_malloc, &bytes);
	free_run(&run);
}

static void
test_kinds(void **state)
{
	const Kind kinds[] = {
		{.rows = 1, .dicts = 1, .stacks = 100, .series = 1},
		{.rows = 1, .dicts = 0, .stacks = 0, .series = 1},
		{.rows = 128, .dicts = 1, .stacks = 3000, .series = 50, .counted = true},
		{.rows = 128, .dicts = 1, .stacks = 600, .series = 3, .counted = true, .spans = true},
		{.rows = ROWS, .dicts = 2, .stacks = 100, .series = 2, .counted = true},
		{.rows = 60, .dicts = 4, .stacks = 400, .series = 7, .scales = true, .counted = true},
		{.rows = 60, .dicts = 1, .stacks = 400, .series = 7, .scales = true, .counted = true},
		{.rows = 60, .dicts = 3, .stacks = 400, .series = 7, .scales = true, .negative = true},
		{.rows = 60, .dicts = 1, .stacks = 400, .series = 7, .large = true},
		{.rows = 60, .dicts = 1, .stacks = 400, .series = 7, .large = true, .negative = true},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		for (int round = 0; round < 4; round++)
			assert_kind(&kinds[i]);
}

/* The ends of what numbers can be; sums that no int64 holds. */
static void
test_extremes(void **state)
{
	PpSampleEntry entries[] = {{0, INT64_MIN}, {5, 1}, {UINT32_MAX, INT64_MAX}};
	PpSamplesPart part = {.dict_id = UINT64_MAX, .n = 3, .entries = entries};
	PpSamplesSum *sum = pp_samples_sum_new(&pp_alloc_malloc);
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	uint8_t chosen[] = {0, 1, 0};
	PpSegmentBytes bytes;
	PpSegmentHead head;
	Run run = {.n = 3};
	PpError err;

	for (int i = 0; i < 3; i++)
	{
		run.rows[i].at = i == 0 ? INT64_MIN : i == 1 ? -1 : INT64_MAX;
		run.rows[i].series_id = i == 0 ? INT64_MAX : INT64_MIN;
		run.rows[i].duration = i == 1 ? INT64_MIN : INT64_MAX;
		set_samples(&run.rows[i], &part, 1, 0);
	}
	encode(&run, &bytes);
	assert_int_equal(pp_segment_check(&bytes, &pp_alloc_malloc, &err), PP_OK);
	assert_round_trip(&run, &bytes);
	assert_sum(&run, &bytes, chosen, false);
	assert_int_equal(pp_segment_head(bytes.head, bytes.head_len, arena, &head, &err), PP_OK);
	assert_false(head.has_sums);
	assert_int_equal(pp_segment_sum(&head, bytes.samples, bytes.samples_len, NULL, false, sum, &err),
					 PP_EOVERFLOW);
	pp_segment_release(&pp_alloc_malloc, &bytes);
	pp_samples_sum_free(sum);
	pp_arena_free(arena);
	free_run(&run);
}

static void
test_encoder_refuses(void **state)
{
	PpSampleEntry entry = {1, 1};
	PpSamplesPart part = {.dict_id = 1, .n = 1, .entries = &entry};
	PpSegmentBytes bytes;
	Run run = {.n = 2};
	PpError err;

	assert_int_equal(pp_segment_encode(run.rows, 0, &pp_alloc_malloc, &bytes, &err), PP_EINVALID);
	set_samples(&run.rows[0], &part, 1, 0);
	set_samples(&run.rows[1], &part, 1, 0);
	/* equal rows, then falling ones, then samples that are none */
	assert_int_equal(pp_segment_encode(run.rows, 2, &pp_alloc_malloc, &bytes, &err), PP_EINVALID);
	run.rows[0].at = 1;
	assert_int_equal(pp_segment_encode(run.rows, 2, &pp_alloc_malloc, &bytes, &err), PP_EINVALID);
	run.rows[1].at = 2;
	run.rows[1].samples_len--;
	assert_int_equal(pp_segment_encode(run.rows, 2, &pp_alloc_malloc, &bytes, &err), PP_EMALFORMED);
	free_run(&run);
}

/* Half of the bytes that rows take, and less: the point of it all. */
static void
test_size(void **state)
{
	const Kind kind = {.rows = 128, .dicts = 1, .stacks = 4000, .series = 50, .counted = true};
	static Run run;
	PpSegmentBytes bytes;
	size_t raw = 0;

	random_run(&kind, &run);
	for (uint32_t i = 0; i < run.n; i++)
		raw += run.rows[i].samples_len;
	encode(&run, &bytes);
	assert_true(bytes.samples_len < raw);
	assert_true(bytes.head_len < 128 * 16);
	pp_segment_release(&pp_alloc_malloc, &bytes);
	free_run(&run);
}

/* Whatever the bytes, no crash; what passes the check can be read. */
static void
assert_harmless(const PpSegmentBytes *bytes)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpSamplesSum *sum = pp_samples_sum_new(&pp_alloc_malloc);
	uint8_t chosen[ROWS] = {1};
	PpSegmentHead head;
	PpSegmentRow *rows;
	uint32_t n;
	PpError err;

	if (pp_segment_head(bytes->head, bytes->head_len, arena, &head, &err) == PP_OK && head.n <= ROWS)
	{
		(void) pp_segment_sum(&head, bytes->samples, bytes->samples_len, NULL, false, sum, &err);
		(void) pp_segment_sum(&head, bytes->samples, bytes->samples_len, chosen, false, sum, &err);
		(void) pp_segment_sum(&head, bytes->samples, bytes->samples_len, NULL, true, sum, &err);
	}
	if (pp_segment_decode(bytes, arena, &rows, &n, &err) == PP_OK)
		assert_true(n > 0);
	(void) pp_segment_check(bytes, &pp_alloc_malloc, &err);
	pp_samples_sum_free(sum);
	pp_arena_free(arena);
}

static void
test_hostile(void **state)
{
	const Kind kind = {.rows = 5, .dicts = 2, .stacks = 30, .series = 2, .scales = true, .spans = true};
	static Run run;
	PpSegmentBytes bytes, copy;
	PpError err;

	random_run(&kind, &run);
	encode(&run, &bytes);
	for (int column = 0; column < 2; column++)
	{
		size_t len = column == 0 ? bytes.head_len : bytes.samples_len;
		uint8_t *data = column == 0 ? bytes.head : bytes.samples;

		copy = bytes;
		for (size_t cut = 0; cut < len; cut++)
		{
			uint8_t *shorter = malloc(cut + 1);

			memcpy(shorter, data, cut);
			*(column == 0 ? &copy.head : &copy.samples) = shorter;
			*(column == 0 ? &copy.head_len : &copy.samples_len) = cut;
			assert_int_not_equal(pp_segment_check(&copy, &pp_alloc_malloc, &err), PP_OK);
			assert_harmless(&copy);
			free(shorter);
		}
		for (size_t at = 0; at < len; at++)
			for (int bit = 0; bit < 8; bit++)
			{
				data[at] ^= (uint8_t) (1 << bit);
				assert_harmless(&bytes);
				data[at] ^= (uint8_t) (1 << bit);
			}
		for (int round = 0; round < 5000; round++)
		{
			uint8_t saved[4096];

			assert_true(len <= sizeof(saved));
			memcpy(saved, data, len);
			for (int i = 0; i < 4; i++)
				data[next_random() % len] = (uint8_t) next_random();
			assert_harmless(&bytes);
			memcpy(data, saved, len);
		}
	}
	copy = bytes;
	copy.ids_len--;
	assert_int_not_equal(pp_segment_check(&copy, &pp_alloc_malloc, &err), PP_OK);
	copy = bytes;
	copy.spans_len++;
	assert_int_not_equal(pp_segment_check(&copy, &pp_alloc_malloc, &err), PP_OK);
	assert_int_equal(pp_segment_check(&bytes, &pp_alloc_malloc, &err), PP_OK);
	pp_segment_release(&pp_alloc_malloc, &bytes);
	free_run(&run);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_encoder_refuses),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
