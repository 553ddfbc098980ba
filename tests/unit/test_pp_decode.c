/*
 * test_pp_decode.c
 *		profile.proto: rules of the wire, of references, of labels, of validity.
 */
#include "core/pp_inflate.h"
#include "core/pp_wire.h"
#include "pp_decode_test.h"

/* --- the wire --- */

static void
test_varints(void **state)
{
	static const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, 1 << 28, INT64_MAX, UINT64_MAX};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		uint8_t buffer[PP_VARINT_MAX];
		uint8_t *end = pp_put_varint(buffer, values[i]);
		PpVarint v = pp_varint(buffer, end);

		assert_ptr_equal(v.next, end);
		assert_true(v.value == values[i]);
		assert_null(pp_varint(buffer, end - 1).next);
		assert_true(pp_unzigzag(pp_zigzag((int64_t) values[i])) == (int64_t) values[i]);
	}
	/* bits beyond the 64th are lost; an eleventh byte is too much */
	static const uint8_t ten[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0};
	static const uint8_t eleven[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0};

	assert_true(pp_varint(ten, ten + 10).value == UINT64_MAX);
	assert_null(pp_varint(eleven, eleven + 11).next);
}

static void
test_packed_and_not(void **state)
{
	Wire w = with_tables(), sample = {.len = 0};
	PpProfile *p;

	WIRE_NUMBERS(&w, 1, 2, 2);
	WIRE_NUMBERS(&w, 1, 3, 2);
	wire_varint(&sample, 1, 1);
	wire_bytes(&sample, 1, "\x01\x01", 2);
	wire_varint(&sample, 2, 10);
	wire_bytes(&sample, 2, "\x0b\x0c", 2);
	wire_varint(&sample, 1, 1);
	wire_message(&w, 2, &sample);
	p = decoded(&w);
	assert_int_equal(p->samples[0].nlocs, 4);
	assert_int_equal(p->values[0], 10);
	assert_int_equal(p->values[1], 11);
	assert_int_equal(p->values[2], 12);
	assert_int_equal(p->nlocrefs, 4);
}

static void
test_last_wins(void **state)
{
	Wire w = with_strings(), function = {.len = 0};
	PpProfile *p;

	wire_varint(&w, 12, 5);
	wire_varint(&w, 12, 6);
	wire_varint(&w, 14, 99); /* outside, but not the last */
	wire_varint(&w, 14, 1);
	WIRE_NUMBERS(&w, 11, 1, 2);
	WIRE_NUMBERS(&w, 11, 0, 3); /* replaces, does not merge */
	wire_varint(&function, 1, 8);
	wire_varint(&function, 2, 77);
	wire_varint(&function, 1, 9);
	wire_varint(&function, 2, 3);
	wire_message(&w, 5, &function);
	p = decoded(&w);
	assert_int_equal(p->period, 6);
	assert_int_equal(p->default_sample_type, 1);
	assert_int_equal(p->period_type.type, 0);
	assert_int_equal(p->period_type.unit, 3);
	assert_int_equal(p->functions[0].id, 9);
	assert_int_equal(p->functions[0].name, 3);
}

static void
test_unknown_fields(void **state)
{
	Wire w = with_sample();

	wire_varint(&w, 0, 1);
	wire_varint(&w, 16, 1);
	wire_bytes(&w, 1000000, "abc", 3);
	wire_number(&w, 17 << 3 | 1);
	memset(w.data + w.len, 0xff, 8);
	w.len += 8;
	wire_number(&w, 17 << 3 | 5);
	memset(w.data + w.len, 0xff, 4);
	w.len += 4;
	/* field 12 with a tag of two bytes is still field 12 */
	w.data[w.len++] = 0xe0;
	w.data[w.len++] = 0x00;
	wire_number(&w, 33);
	assert_int_equal(decoded(&w)->period, 33);
}

static void
test_wire_errors(void **state)
{
	Wire good = with_sample();

	for (int type = 3; type < 8; type += type == 4 ? 2 : 1)
	{
		Wire w = good;

		wire_number(&w, (uint64_t) (20 << 3 | type));
		assert_refused(&w, "unknown wire type");
		w = good;
		wire_number(&w, (uint64_t) (12 << 3 | type));
		assert_refused(&w, "unknown wire type");
	}

	/* each field of the profile with a wrong type: fixed32 is never right */
	for (uint32_t field = 1; field <= 15; field++)
	{
		Wire w = good;

		wire_number(&w, field << 3 | 5);
		w.len += 4;
		assert_refused(&w, "field has an unexpected wire type");
	}

	static const struct
	{
		uint32_t message, fields;
	} inner[] = {{1, 2}, {2, 3}, {3, 10}, {4, 5}, {5, 5}, {11, 2}};

	for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++)
		for (uint32_t field = 1; field <= inner[i].fields; field++)
		{
			Wire w = good;

			wire_bytes(&w,
					   inner[i].message,
					   (uint8_t[]){(uint8_t) (field << 3 | 1), 0, 0, 0, 0, 0, 0, 0, 0},
					   9);
			assert_refused(&w, "field has an unexpected wire type");
		}

	Wire w = good;

	wire_number(&w, 20 << 3 | 1);
	w.len += 7;
	assert_refused(&w, "field is longer than what is left of the message");
	w = good;
	wire_number(&w, 20 << 3 | 5);
	w.len += 3;
	assert_refused(&w, "field is longer than what is left of the message");
	w = good;
	wire_number(&w, 6 << 3 | 2);
	wire_number(&w, UINT64_MAX);
	assert_refused(&w, "field is longer than what is left of the message");
	w = good;
	wire_number(&w, 6 << 3 | 2);
	w.data[w.len++] = 0x80;
	assert_refused(&w, "unexpected end of a number");
	w = good;
	wire_number(&w, 12 << 3);
	memset(w.data + w.len, 0x80, 11);
	w.len += 11;
	assert_refused(&w, "number of more than ten bytes");
}

/* Every prefix of every real profile is refused or a profile, and never read beyond. */
static void
cut_profile(const char *name, Bytes b)
{
	PpArena *own = pp_arena_new(&pp_alloc_malloc);
	const uint8_t *plain;
	size_t len;

	assert_int_equal(pp_inflate_arena(PP_GZIP, b.data, b.len, &pp_limits_default, own, &plain, &len, NULL),
					 PP_OK);
	for (size_t cut = 0; cut < len; cut += 1 + len / 500)
	{
		PpArena *one = pp_arena_new(&pp_alloc_malloc);
		uint8_t *exact = malloc(cut + 1);
		PpProfile *profile;

		memcpy(exact, plain, cut);
		pp_profile_decode(exact, cut, &pp_limits_default, one, &profile, &err);
		free(exact);
		pp_arena_free(one);
	}
	pp_arena_free(own);
}

static void
test_truncation(void **state)
{
	assert_true(each_file(TEST_DATA "go/", ".pb.gz", cut_profile) > 10);
}

/* --- references --- */

static void
test_strings(void **state)
{
	Wire w = {.len = 0};

	assert_refused(&w, "string index 0 is outside the string table of 0 entries");
	wire_varint(&w, 9, 1);
	assert_refused(&w, "string index 0 is outside the string table of 0 entries");

	w = (Wire){.len = 0};
	wire_string(&w, "x");
	assert_refused(&w, "string_table[0] must be empty");

	/* every place that holds a string */
	for (int field = 7; field <= 15; field++)
	{
		if (field >= 9 && field <= 12)
			continue;
		w = with_strings();
		wire_varint(&w, (uint32_t) field, 6);
		assert_refused(&w, "string index 6 is outside the string table of 6 entries");
	}

	static const struct
	{
		uint32_t message, field;
	} places[] = {{1, 1}, {1, 2}, {11, 1}, {11, 2}, {3, 5}, {3, 6}, {5, 2}, {5, 3}, {5, 4}};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
	{
		Wire inside = {.len = 0};

		w = with_strings();
		wire_varint(&inside, places[i].field, UINT64_MAX);
		wire_message(&w, places[i].message, &inside);
		assert_refused(&w, "string index -1 is outside the string table of 6 entries");
	}

	for (uint32_t field = 1; field <= 4; field++)
	{
		Wire sample = {.len = 0}, label = {.len = 0};

		if (field == 3)
			continue;
		w = with_tables();
		wire_varint(&label, field, 6);
		wire_message(&sample, 3, &label);
		wire_varint(&sample, 2, 1);
		wire_message(&w, 2, &sample);
		assert_refused(&w, "string index 6 is outside the string table of 6 entries");
	}

	/* bytes are kept as they are */
	w = (Wire){.len = 0};
	wire_string(&w, "");
	wire_bytes(&w, 6, "a\0\xff", 3);
	assert_memory_equal(decoded(&w)->strings[1].data, "a\0\xff", 3);
	assert_int_equal(decoded(&w)->strings[1].len, 3);
}

/* Ids in order, dense, sparse; samples before and after the tables. */
static void
test_ids(void **state)
{
	static const uint64_t ids[][3] = {{1, 2, 3},
									  {3, 1, 2},
									  {7, 5, 9},
									  {UINT64_MAX, 1, UINT64_C(1) << 40},
									  {2, 3, 4}};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
	{
		Wire w = with_strings();
		PpProfile *p;

		WIRE_NUMBERS(&w, 1, 1, 2);
		for (int j = 0; j < 3; j++)
		{
			Wire location = {.len = 0}, sample = {.len = 0};

			wire_varint(&sample, 1, ids[i][2 - j]);
			wire_varint(&sample, 2, 1);
			wire_message(&w, 2, &sample);
			wire_varint(&location, 1, ids[i][j]);
			wire_varint(&location, 2, ids[i][j]);
			WIRE_NUMBERS(&location, 4, ids[i][2 - j], 7);
			wire_message(&w, 4, &location);
			WIRE_NUMBERS(&w, 5, ids[i][j], 3);
			WIRE_NUMBERS(&w, 3, ids[i][j], 5);
		}
		p = decoded(&w);
		for (uint32_t j = 0; j < 3; j++)
		{
			assert_true(p->locations[j].id == ids[i][j]);
			assert_int_equal(p->locrefs[p->samples[j].loc_off], 2 - j);
			assert_int_equal(p->locations[j].mapping, j);
			assert_int_equal(p->lines[p->locations[j].line_off].function, 2 - j);
		}
	}
}

static void
test_no_mapping(void **state)
{
	Wire w = with_strings();

	WIRE_NUMBERS(&w, 4, 1, 0, 100);
	WIRE_NUMBERS(&w, 4, 2, 9, 100);
	WIRE_NUMBERS(&w, 3, 5);
	assert_int_equal(decoded(&w)->locations[0].mapping, PP_NONE);
	assert_int_equal(decoded(&w)->locations[1].mapping, PP_NONE);
}

static void
test_flags(void **state)
{
	Wire w = with_strings(), location = {.len = 0};
	PpProfile *p;

	WIRE_NUMBERS(&w, 3, 1, 2, 3, 4, 1, 2, 1, 0, 2, UINT64_MAX);
	wire_varint(&location, 1, 4);
	wire_varint(&location, 5, 2);
	wire_message(&w, 4, &location);
	p = decoded(&w);
	assert_int_equal(p->mappings[0].flags,
					 PP_HAS_FUNCTIONS | PP_HAS_LINE_NUMBERS | PP_HAS_INLINE_FRAMES);
	assert_int_equal(p->locations[0].is_folded, 1);
	assert_int_equal(p->mappings[0].start, 2);
	assert_int_equal(p->mappings[0].limit, 3);
	assert_int_equal(p->mappings[0].offset, 4);
}

/* --- labels --- */

static void
assert_label(const PpLabel *label, uint32_t key, uint32_t str, int64_t num, uint32_t unit)
{
	assert_int_equal(label->key, key);
	assert_int_equal(label->str, str);
	assert_int_equal(label->num, num);
	assert_int_equal(label->num_unit, unit);
}

static void
test_labels(void **state)
{
	Wire w = with_tables(), sample = {.len = 0};
	PpProfile *p;
	PpLabel *labels;

	wire_varint(&sample, 2, 1);
	wire_label(&sample, 5, 0, 8, 0);  /* v: number */
	wire_label(&sample, 4, 0, 0, 0);  /* vanishes */
	wire_label(&sample, 5, 1, 7, 2);  /* v: text, the number is ignored */
	wire_label(&sample, 4, 0, 0, 2);  /* k: 0 with a unit stays */
	wire_label(&sample, 4, 3, 0, 0);  /* k: text */
	wire_label(&sample, 0, 2, 0, 0);  /* empty key: text */
	wire_label(&sample, 4, 2, 0, 99); /* k: text, its unit is never looked at */
	wire_label(&sample, 4, 0, UINT64_MAX, 0);
	wire_message(&w, 2, &sample);
	p = decoded(&w);
	labels = p->labels;
	assert_int_equal(p->samples[0].nlabels, 7);
	assert_label(&labels[0], 0, 2, 0, 0);
	assert_label(&labels[1], 4, 3, 0, 0);
	assert_label(&labels[2], 4, 2, 0, 0);
	assert_label(&labels[3], 5, 1, 0, 0);
	assert_label(&labels[4], 4, 0, 0, 2);
	assert_label(&labels[5], 4, 0, -1, 0);
	assert_label(&labels[6], 5, 0, 8, 0);
}

/* Keys are ordered by their bytes; equal keys under two indexes keep their order. */
static void
test_label_order(void **state)
{
	Wire w = {.len = 0}, sample = {.len = 0};
	static const char *const strings[] = {"", "b", "a", "ab", "b", "\xff", "B"};
	static const uint32_t sorted[] = {6, 2, 3, 4, 1, 4, 5};
	PpProfile *p;

	for (int i = 0; i < 7; i++)
		wire_string(&w, strings[i]);
	WIRE_NUMBERS(&w, 1, 1, 1);
	wire_varint(&sample, 2, 1);
	for (int i = 0; i < 7; i++)
		wire_label(&sample, (uint64_t[]){5, 4, 3, 1, 2, 4, 6}[i], (uint64_t) i % 6 + 1, 0, 0);
	wire_message(&w, 2, &sample);
	p = decoded(&w);
	for (int i = 0; i < 7; i++)
		assert_int_equal(p->labels[i].key, sorted[i]);
	assert_int_equal(p->labels[3].str, 2);
	assert_int_equal(p->labels[4].str, 4);
	assert_int_equal(p->labels[5].str, 6);
}

/* Many labels take the way of merging; compare with an insertion sort of (key, arrival). */
static void
test_many_labels(void **state)
{
	for (uint32_t n = 1; n <= 100; n += 3)
	{
		Wire w = {.len = 0}, sample = {.len = 0};
		PpProfile *p;
		uint64_t random = n;

		wire_string(&w, "");
		for (char c = 'a'; c < 'a' + 26; c++)
			wire_bytes(&w, 6, &c, 1);
		WIRE_NUMBERS(&w, 1, 1, 1);
		wire_varint(&sample, 2, 1);
		for (uint32_t i = 0; i < n; i++)
		{
			random = random * UINT64_C(6364136223846793005) + 1;
			wire_label(&sample, 1 + (random >> 60), 0, i + 1, 0);
		}
		wire_message(&w, 2, &sample);
		p = decoded(&w);
		assert_int_equal(p->samples[0].nlabels, n);
		for (uint32_t i = 1; i < n; i++)
		{
			const PpLabel *a = &p->labels[i - 1], *b = &p->labels[i];

			assert_true(a->key < b->key || (a->key == b->key && a->num < b->num));
		}
	}
}

/* --- validity --- */

static void
test_validity(void **state)
{
	Wire w;

	/* 1: types, also where there is not even a location */
	w = with_strings();
	WIRE_NUMBERS(&w, 2, 0, 1);
	assert_refused(&w, "missing sample type information");
	w = with_strings();
	wire_bytes(&w, 2, "", 0);
	assert_refused(&w, "missing sample type information");

	/* 2: values, too few and too many */
	w = with_tables();
	WIRE_NUMBERS(&w, 2, 1);
	assert_refused(&w, "mismatch: sample has 0 values vs. 1 types");
	w = with_tables();
	wire_bytes(&w, 2, "\x12\x03\x01\x02\x03", 5);
	assert_refused(&w, "mismatch: sample has 3 values vs. 1 types");

	/* 3: locations */
	w = with_tables();
	WIRE_NUMBERS(&w, 2, 2, 1);
	assert_refused(&w, "sample has nil location");
	w = with_tables();
	wire_bytes(&w, 2, "\x08\x00\x10\x01", 4);
	assert_refused(&w, "sample has nil location");

	/* 4, 5: mappings */
	w = with_sample();
	WIRE_NUMBERS(&w, 3, 0, 1);
	assert_refused(&w, "found mapping with reserved ID=0");
	w = with_sample();
	WIRE_NUMBERS(&w, 3, 3);
	WIRE_NUMBERS(&w, 3, 4);
	WIRE_NUMBERS(&w, 3, 3);
	assert_refused(&w, "multiple mappings with same id: 3");

	/* 6, 7: functions */
	w = with_sample();
	WIRE_NUMBERS(&w, 5, 0, 3);
	assert_refused(&w, "found function with reserved ID=0");
	w = with_sample();
	WIRE_NUMBERS(&w, 5, UINT64_MAX);
	WIRE_NUMBERS(&w, 5, UINT64_MAX);
	assert_refused(&w, "multiple functions with same id: 18446744073709551615");

	/* 8, 9: locations */
	w = with_sample();
	WIRE_NUMBERS(&w, 4, 0, 1);
	assert_refused(&w, "found location with reserved id=0");
	w = with_sample();
	WIRE_NUMBERS(&w, 4, 1);
	assert_refused(&w, "multiple locations with same id: 1");

	/* 10: lines */
	w = with_sample();
	wire_bytes(&w, 4, "\x08\x05\x22\x02\x08\x09", 6);
	assert_refused(&w, "location id: 5 has a line with nil function");
	w = with_sample();
	wire_bytes(&w, 4, "\x08\x05\x22\x02\x10\x09", 6);
	assert_refused(&w, "location id: 5 has a line with nil function");
}

/* With several faults the first in the order of the checks is told. */
static void
test_validity_order(void **state)
{
	Wire w = with_sample();

	wire_bytes(&w, 4, "\x08\x05\x22\x02\x08\x09", 6); /* line without function */
	WIRE_NUMBERS(&w, 4, 0, 1);
	assert_refused(&w, "location id: 5 has a line with nil function");
	WIRE_NUMBERS(&w, 5, 0, 3);
	assert_refused(&w, "found function with reserved ID=0");
	WIRE_NUMBERS(&w, 3, 0, 1);
	assert_refused(&w, "found mapping with reserved ID=0");
	WIRE_NUMBERS(&w, 2, 9, 1);
	assert_refused(&w, "sample has nil location");
	WIRE_NUMBERS(&w, 2, 1);
	assert_refused(&w, "sample has nil location");

	/* a location whose id is taken and whose line has no function: the id first */
	w = with_sample();
	wire_bytes(&w, 4, "\x08\x01\x22\x02\x08\x09", 6);
	assert_refused(&w, "multiple locations with same id: 1");
}

static void
test_concatenated(void **state)
{
	Wire w = with_sample();

	wire_varint(&w, 9, 0);
	wire_varint(&w, 9, 5);
	assert_int_equal(decoded(&w)->time_nanos, 5);
	wire_varint(&w, 9, 0);
	assert_refused(&w, "concatenated profiles detected");
}

/* --- whole profiles --- */

/* CPU profile of two types, as an agent pushes it. */
static const char p1_hex[] =
	"0a04080110020a0408031004120b0a02010212050280dac40912160a010212050180ade2041a04080710081a"
	"040809100a12110a0201021205038087a70e1a04080710081a0408013801220a0801100122040801100b220a"
	"080210012204080210162a060801100518052a060802100618063200320773616d706c65733205636f756e74"
	"3203637075320b6e616e6f7365636f6e647332046c6561663204726f6f743208656e64706f696e7432022f61"
	"320a70726f66696c655f6964321030306630363761613062613930326237488080a8b1e39fe7cb175080c8af"
	"a0255a04080310046080ade204";

static void
test_p1(void **state)
{
	Wire w = {.len = strlen(p1_hex) / 2};
	PpProfile *p;

	for (size_t i = 0; i < w.len; i++)
		w.data[i] = (uint8_t) strtoul((char[]){p1_hex[2 * i], p1_hex[2 * i + 1], 0}, NULL, 16);
	assert_int_equal(w.len, 233);
	p = decoded(&w);
	assert_int_equal(p->ntypes, 2);
	assert_int_equal(p->nsamples, 3);
	assert_int_equal(p->period, 10000000);
	assert_int_equal(p->time_nanos, INT64_C(1700000000000000000));
	assert_int_equal(p->duration_nanos, INT64_C(10000000000));
	assert_true(pp_bytes_eq(pp_str(p, p->types[1].type), pp_bytes_cstr("cpu")));
	assert_true(pp_bytes_eq(pp_str(p, p->period_type.unit), pp_bytes_cstr("nanoseconds")));
	assert_int_equal(p->samples[0].nlocs, 2);
	assert_int_equal(p->values[1], 20000000);
	assert_int_equal(p->values[4], 3);
	assert_int_equal(p->samples[1].nlabels, 2);

	const PpLabel *id = &p->labels[p->samples[1].label_off + 1];

	assert_true(pp_bytes_eq(pp_str(p, id->key), pp_bytes_cstr("profile_id")));
	assert_true(pp_bytes_eq(pp_str(p, id->str), pp_bytes_cstr("00f067aa0ba902b7")));

	const PpLine *leaf = &p->lines[p->locations[p->locrefs[0]].line_off];

	assert_int_equal(leaf->line, 11);
	assert_true(pp_bytes_eq(pp_str(p, p->functions[leaf->function].name), pp_bytes_cstr("leaf")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_varints, setup, teardown),
		cmocka_unit_test_setup_teardown(test_packed_and_not, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wire_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_mapping, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flags, setup, teardown),
		cmocka_unit_test_setup_teardown(test_labels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_label_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_labels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_validity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_validity_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_concatenated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_p1, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
