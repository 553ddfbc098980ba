/*
 * test_tolerance.c
 *		One oddity per file: what the reference tool accepts, we accept; what it
 *		refuses, we refuse, and name the reason.
 *
 * tolerance.tsv lists the cases, expected/tolerance/exit.tsv what the tool did,
 * deviations.tsv where we differ on purpose.  What was decoded is compared with the
 * text of -raw in test_vectors.c.
 */
#include "pp_test.h"

#include <stdbool.h>

#define MAX_CASES 256

typedef struct Case
{
	char name[64], args[32], file[64];
	int exit;			/* of the reference tool */
	char deviation[32]; /* "" if we do as it does */
} Case;

static Case cases[MAX_CASES];
static int ncases;

static FILE *
open_list(const char *name)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), TEST_DATA "%s", name);
	file = fopen(path, "r");
	if (file == NULL)
		fail_msg("cannot open %s: run the tests in the top directory", path);
	return file;
}

static void
read_lists(void)
{
	FILE *file = open_list("tolerance.tsv");
	char name[64], suite[32], why[128], ours[32];
	int status;

	while (ncases < MAX_CASES && fscanf(file,
										"%63[^\t]\t%31[^\t]\t%63[^\n]\n",
										cases[ncases].name,
										cases[ncases].args,
										cases[ncases].file) == 3)
		cases[ncases++].exit = -1;
	fclose(file);

	file = open_list("expected/tolerance/exit.tsv");
	while (fscanf(file, "%63[^\t]\t%d\n", name, &status) == 2)
		for (int i = 0; i < ncases; i++)
			if (strcmp(cases[i].name, name) == 0)
				cases[i].exit = status;
	fclose(file);

	file = open_list("deviations.tsv");
	while (fscanf(file, "%63[^\t]\t%31[^\t]\t%127[^\t]\t%31[^\n]\n", name, suite, why, ours) == 4)
		for (int i = 0; i < ncases; i++)
			if (strcmp(suite, "tolerance") == 0 && strcmp(cases[i].name, name) == 0)
				strcpy(cases[i].deviation, ours);
	fclose(file);
}

/* Formats from before profile.proto: profiles of gperftools are read, others refused. */
static bool
is_foreign(const Case *c)
{
	return strncmp(c->name, "legacy_", 7) == 0 && strncmp(c->name, "legacy_cpu", 10) != 0 &&
		   strncmp(c->name, "legacy_heap", 11) != 0;
}

/* What reading the case must end in. */
static PpCode
expected_code(const Case *c)
{
	if (is_foreign(c) || strcmp(c->name, "t_zlib") == 0 || strcmp(c->name, "t_gzip_twice") == 0)
		return PP_EUNSUPPORTED;
	if (strcmp(c->deviation, "error 54000") == 0)
		return PP_ELIMIT;
	if (strcmp(c->deviation, "expected-fixed") == 0)
		return PP_OK;
	assert_string_equal(c->deviation, "");
	/* sixteen million zeros are refused by both, by us for the ratio */
	if (strcmp(c->name, "t_big_zeros_16m") == 0)
		return PP_ELIMIT;
	/* a command line without any sample type is refused, a profile is not */
	if (strcmp(c->name, "t_only_string") == 0)
		return PP_OK;
	return c->exit == 0 ? PP_OK : PP_EMALFORMED;
}

static void
test_accept_refuse(void **state)
{
	assert_int_equal(ncases, 94);
	for (int i = 0; i < ncases; i++)
	{
		const Case *c = &cases[i];
		Bytes b = bytes_of_file(TEST_DATA "in/", c->file);
		PpArena *arena = pp_arena_new(&pp_alloc_malloc);
		PpProfile *profile;
		PpError err = {0};
		PpCode code = pp_profile_read(b.data, b.len, &pp_limits_default, arena, &profile, &err);

		assert_int_not_equal(c->exit, -1);
		if (code != expected_code(c))
			fail_msg("%s: code %d, message \"%s\"", c->name, code, err.message);
		assert_int_equal(code == PP_OK, profile != NULL);
		pp_arena_free(arena);
		free(b.data);
	}
}

/* The reasons, where the tool only says that it does not recognise the format. */
static void
test_reasons(void **state)
{
	static const struct
	{
		const char *file;
		size_t offset;
		const char *message;
	} reasons[] = {
		{"t_concat_no_time.pb", 8, "mismatch: sample has 1 values vs. 2 types"},
		{"t_concat_time.pb", 151, "concatenated profiles detected"},
		{"t_time_twice.pb", 77, "concatenated profiles detected"},
		{"t_empty.pb", 0, "empty input file"},
		{"t_gzip_empty.pb.gz", 0, "empty input file"},
		{"t_function_dup.pb", 30, "multiple functions with same id: 1"},
		{"t_function_id_zero.pb", 20, "found function with reserved ID=0"},
		{"t_function_unknown.pb", 16, "location id: 1 has a line with nil function"},
		{"t_function_zero_in_line.pb", 16, "location id: 1 has a line with nil function"},
		{"t_group.pb", 76, "unknown wire type"},
		{"t_gzip_bad_crc.pb.gz", 79, "wrong checksum of compressed data"},
		{"t_gzip_bad_method.pb.gz", 2, "unknown compression method in a gzip header"},
		{"t_gzip_magic_only.pb.gz", 2, "unexpected end of compressed data in a gzip header"},
		{"t_gzip_no_trailer.pb.gz", 79, "unexpected end of compressed data in its checksum"},
		{"t_gzip_trailing_3bytes.pb.gz", 87, "bytes after the end of compressed data"},
		{"t_gzip_trailing_garbage.pb.gz", 87, "bytes after the end of compressed data"},
		{"t_gzip_trailing_zeros.pb.gz", 87, "bytes after the end of compressed data"},
		{"t_gzip_truncated.pb.gz", 75, "unexpected end of compressed data"},
		{"t_gzip_twice.pb.gz", 0, "gzip data inside gzip data is not supported; unpack it once"},
		{"t_label_key_high.pb", 16, "string index 44 is outside the string table of 4 entries"},
		{"t_len_too_long.pb", 82, "field is longer than what is left of the message"},
		{"t_location_dup.pb", 24, "multiple locations with same id: 1"},
		{"t_location_unknown.pb", 8, "sample has nil location"},
		{"t_location_zero.pb", 8, "sample has nil location"},
		{"t_mapping_dup.pb", 20, "multiple mappings with same id: 1"},
		{"t_mapping_id_zero.pb", 16, "found mapping with reserved ID=0"},
		{"t_no_string_table.pb", 0, "string index 0 is outside the string table of 0 entries"},
		{"t_sample_no_types.pb", 2, "missing sample type information"},
		{"t_string0_not_empty.pb", 8, "string_table[0] must be empty"},
		{"t_string_index_negative.pb", 2, "string index -1 is outside the string table of 4 entries"},
		{"t_type_mismatch.pb", 75, "field has an unexpected wire type"},
		{"t_values_long.pb", 8, "mismatch: sample has 2 values vs. 1 types"},
		{"t_varint_11_bytes.pb", 76, "number of more than ten bytes"},
		{"t_zlib.pb.z", 0, "zlib compression is not supported; compress with gzip or not at all"},
		{"legacy_contention.txt",
		 0,
		 "the contention profile text of Go (debug=1) and gperftools is not supported; \"go tool pprof -proto\" converts it"},
		{"legacy_count.txt",
		 0,
		 "the count profile text of Go (debug=1) is not supported; ask for debug=0, which is profile.proto"},
		{"legacy_growth.txt",
		 0,
		 "the growth profile text of gperftools is not supported; \"go tool pprof -proto\" converts it"},
		{"legacy_java_heap.txt",
		 0,
		 "the heap profile text of Java is not supported; \"go tool pprof -proto\" converts it"},
		{"legacy_jemalloc.txt",
		 0,
		 "the heap profile text of jemalloc is not supported; \"jeprof --collapsed\" makes folded stacks of it"},
		{"legacy_thread.txt",
		 0,
		 "the thread profile text of gperftools is not supported; \"go tool pprof -proto\" converts it"},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
	{
		Bytes b = bytes_of_file(TEST_DATA "in/", reasons[i].file);
		PpArena *arena = pp_arena_new(&pp_alloc_malloc);
		PpProfile *profile;
		PpError err = {0};

		assert_int_not_equal(pp_profile_read(b.data, b.len, &pp_limits_default, arena, &profile, &err),
							 PP_OK);
		if (strcmp(err.message, reasons[i].message) != 0 || err.offset != reasons[i].offset)
			fail_msg("%s: \"%s\" at byte %zu", reasons[i].file, err.message, err.offset);
		pp_arena_free(arena);
		free(b.data);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accept_refuse),
		cmocka_unit_test(test_reasons),
	};

	read_lists();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
