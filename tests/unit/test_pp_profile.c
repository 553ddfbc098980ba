/*
 * test_pp_profile.c
 *		Columns and totals of a profile, and comparing bytes.
 */
#include "pp_decode_test.h"

/* Totals of real profiles, as the tool prints them. */
static void
test_totals(void **state)
{
	Bytes b = bytes_of_file(TEST_DATA "go/", "go123-a-cpu.pb.gz");
	PpProfile *p;
	uint32_t column;
	int64_t total;

	assert_int_equal(pp_profile_read(b.data, b.len, &pp_limits_default, arena, &p, &err), PP_OK);
	free(b.data);
	assert_int_equal(pp_profile_column(p, pp_bytes_cstr(""), &column, &err), PP_OK);
	assert_int_equal(column, 1);
	assert_int_equal(pp_profile_column(p, pp_bytes_cstr("samples"), &column, &err), PP_OK);
	assert_int_equal(column, 0);
	assert_int_equal(pp_profile_column(p, pp_bytes_cstr("+1"), &column, &err), PP_OK);
	assert_int_equal(column, 1);
	assert_int_equal(pp_profile_column(p, pp_bytes_cstr("007"), &column, &err), PP_EINVALID);
	assert_string_equal(err.message, "sample_index 007 is outside the range [0..1]");
	assert_int_equal(pp_profile_column(p, pp_bytes_cstr("wall"), &column, &err), PP_EINVALID);
	assert_string_equal(err.message, "sample_index \"wall\" must be one of: [samples cpu]");
	assert_int_equal(pp_profile_total(p, 1, &total, &err), PP_OK);
	assert_int_equal(total, INT64_C(2630000000));
	p->values[1] = INT64_MAX;
	assert_int_equal(pp_profile_total(p, 1, &total, &err), PP_EOVERFLOW);
	p->values[3] = -INT64_MAX;
	assert_int_equal(pp_profile_total(p, 1, &total, &err), PP_OK);
	assert_int_equal(pp_profile_total(p, 2, &total, &err), PP_EINVALID);
}

static void
test_column(void **state)
{
	Wire w = {.len = 0};
	uint32_t column;
	PpProfile *p;

	for (const char *const *s = (const char *const[]){"", "space", "inuse_space", "objects", NULL};
		 *s;
		 s++)
		wire_string(&w, *s);
	p = decoded(&w);
	assert_int_equal(pp_profile_column(p, pp_bytes_cstr(""), &column, &err), PP_EINVALID);
	WIRE_NUMBERS(&w, 1, 1);
	WIRE_NUMBERS(&w, 1, 2);
	WIRE_NUMBERS(&w, 1, 3);
	wire_varint(&w, 14, 2);
	p = decoded(&w);
	assert_int_equal(pp_profile_column(p, pp_bytes_cstr(""), &column, &err), PP_OK);
	assert_int_equal(column, 1);
	assert_int_equal(pp_profile_column(p, pp_bytes_cstr("inuse_space"), &column, &err), PP_OK);
	assert_int_equal(column, 0);
	assert_int_equal(pp_profile_column(p, pp_bytes_cstr("inuse_objects"), &column, &err), PP_OK);
	assert_int_equal(column, 2);
	p->default_sample_type = 0;
	assert_int_equal(pp_profile_column(p, pp_bytes_cstr(""), &column, &err), PP_OK);
	assert_int_equal(column, 2);
}

static void
test_bytes(void **state)
{
	PpBytes a = pp_bytes_cstr("a"), ab = pp_bytes_cstr("ab"), none = {NULL, 0};

	assert_true(pp_bytes_cmp(a, ab) < 0 && pp_bytes_cmp(ab, a) > 0);
	assert_true(pp_bytes_cmp(pp_bytes_cstr("\xff"), ab) > 0);
	assert_int_equal(pp_bytes_cmp(none, pp_bytes_cstr("")), 0);
	assert_true(pp_bytes_eq(none, pp_bytes_cstr("")) && !pp_bytes_eq(a, ab));
	assert_int_equal(pp_profile_new(arena)->nstrings, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_totals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_column, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
