/*
 * test_vectors.c
 *		What the reference tool printed for hand-made and Go profiles, byte by byte.
 *
 * hand.tsv, go.tsv and tolerance.tsv list the cases; deviations.tsv says where we
 * do not follow the tool.  Profiles of -proto and -topproto are compared as text.
 */
#include "core/pp_algebra.h"
#include "pp_search_pcre2.h"
#include "textproto.h"
#include "vector_cases.h"

#define TABLE_ROWS 4765

/* Cases in which the command line itself is tested. */
static const struct
{
	const char *name, *why;
} excluded[] = {
	{"names_top_demangled", "runs the demangler of -symbolize=local"},
	{"diff_both_flags", "-base and -diff_base together: a check of the command line"},
	{"t_only_string", "no sample types: refused by the command line, not by the format"},
	{"diff_normalize_alone", "-normalize without a base: a check of the command line"},
};

/* Formats that are refused, and what the reason says. */
static const struct
{
	const char *name, *reason;
} refused[] = {
	{"legacy_goroutine_raw", "the count profile text of Go"},
	{"legacy_threadcreate_raw", "the count profile text of Go"},
	{"legacy_mutex_raw", "the contention profile text of Go"},
	{"legacy_block_raw", "the contention profile text of Go"},
	{"legacy_contention", "the contention profile text of Go"},
	{"legacy_contention_top", "the contention profile text of Go"},
	{"legacy_count", "the count profile text of Go"},
	{"legacy_growth", "the growth profile text of gperftools"},
	{"legacy_java_heap", "the heap profile text of Java"},
	{"legacy_jemalloc", "the heap profile text of jemalloc"},
	{"legacy_thread", "the thread profile text of gperftools"},
};

typedef struct Tally
{
	int passed, failed, refused, excluded;
} Tally;

static PpCode
proto_text(const PpProfile *p, PpBuf *out, PpError *err)
{
	uint8_t *encoded;
	size_t len;
	PpCode code = pp_profile_encode(p, &pp_alloc_malloc, &encoded, &len, err);

	if (code != PP_OK)
		return code;
	assert_true(textproto_profile(out, encoded, len));
	free(encoded);
	return PP_OK;
}

static PpCode
print_proto(const VectorCase *c, const PpProfile *p, const PpSearch *search, PpArena *arena,
			PpBuf *out, PpError *err)
{
	PpProfile *filtered;
	PpCode code = pp_report_filter(p, &c->options, search, arena, &filtered, err);

	if (code == PP_OK && c->options.divide_by != 1)
		code = pp_profile_divide(filtered, c->options.divide_by, arena, &filtered, err);
	return code == PP_OK ? proto_text(filtered, out, err) : code;
}

static PpCode
print(const VectorCase *c, const PpSearch *search, PpArena *arena, PpBuf *out, PpError *err)
{
	PpProfile *p;
	PpCode code = vector_load(c, search, arena, &p, err);

	if (code != PP_OK)
		return code;
	switch (c->report)
	{
		case VECTOR_TOP:
			return pp_top_text(p, &c->options, search, arena, out, err);
		case VECTOR_TREE:
			return pp_tree_text(p, &c->options, search, arena, out, err);
		case VECTOR_PEEK:
			return pp_peek_text(p, &c->options, c->peek, search, arena, out, err);
		case VECTOR_RAW:
			return pp_raw_text(p, &c->options, search, arena, out, err);
		case VECTOR_TRACES:
			return pp_traces_text(p, &c->options, search, arena, out, err);
		case VECTOR_TAGS:
			return pp_tags_text(p, &c->options, search, arena, out, err);
		case VECTOR_COMMENTS:
			return pp_comments_text(p, &c->options, search, arena, out, err);
		case VECTOR_PROTO:
			return print_proto(c, p, search, arena, out, err);
		case VECTOR_DOT:
			return pp_dot_text(p, &c->options, search, arena, out, err);
		case VECTOR_CALLGRIND:
			return pp_callgrind_text(p, &c->options, search, arena, out, err);
		case VECTOR_TOPPROTO:
			code = pp_topproto(p, &c->options, search, arena, &p, err);
			return code == PP_OK ? proto_text(p, out, err) : code;
		default:
			return pp_fail(err, PP_EUNSUPPORTED, PP_NO_OFFSET, "no such report");
	}
}

static bool
as_expected(const VectorCase *c, PpCode code, const PpBuf *out, const PpError *err)
{
	bool fixed = strcmp(c->deviation, "expected-fixed") == 0;
	char folder[64], name[80];
	Bytes expected;
	bool same;

	if (strcmp(c->deviation, "error 22003") == 0 || strcmp(c->deviation, "error 54000") == 0)
	{
		PpCode wanted = c->deviation[6] == '2' ? PP_EOVERFLOW : PP_ELIMIT;

		if (code != wanted)
			print_error("%s: code %d instead of %d\n", c->name, code, wanted);
		return code == wanted;
	}
	if (!fixed && c->exit != 0)
	{
		if (code == PP_OK)
			print_error("%s: should have been refused\n", c->name);
		return code != PP_OK;
	}
	if (code != PP_OK)
	{
		print_error("%s: %s\n", c->name, err->message);
		return false;
	}
	snprintf(folder, sizeof(folder), TEST_DATA "%s/%s/", fixed ? "expected-fixed" : "expected", c->suite);
	snprintf(name, sizeof(name), "%s.out", c->name);
	expected = bytes_of_file(folder, name);
	same = expected.len == out->len && memcmp(expected.data, out->data, out->len) == 0;
	if (!same)
	{
		print_error("%s: differs from the tool; ours:\n", c->name);
		print_error("%.*s\n", (int) (out->len < 4000 ? out->len : 4000), out->data);
	}
	free(expected.data);
	return same;
}

/* Refused with this reason; NULL if the case is to pass. */
static const char *
reason_of_refusal(const VectorCase *c)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (strcmp(c->name, refused[i].name) == 0)
			return refused[i].reason;
	return NULL;
}

static void
run_case(VectorCase *c, Tally *tally)
{
	SearchList list = {.n = 0};
	PpSearch search = {search_compile, search_match, &list};
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpError err = {0};
	const char *reason = reason_of_refusal(c);
	char list_name[64], status[16] = "0";
	PpBuf out;
	PpCode code;

	snprintf(list_name, sizeof(list_name), "expected/%s/exit.tsv", c->suite);
	assert_true(vector_look_up(list_name, c, false, 1, status, sizeof(status)));
	c->exit = atoi(status);
	vector_look_up("deviations.tsv", c, true, 3, c->deviation, sizeof(c->deviation));
	pp_buf_init(&out, &pp_alloc_malloc);
	code = print(c, &search, arena, &out, &err);
	if (reason != NULL && code == PP_EUNSUPPORTED && strstr(err.message, reason) != NULL)
		tally->refused++;
	else if (reason == NULL && as_expected(c, code, &out, &err))
		tally->passed++;
	else
	{
		if (reason != NULL)
			print_error("%s: should have been refused as %s\n", c->name, reason);
		tally->failed++;
	}
	pp_buf_free(&out);
	pp_arena_free(arena);
	search_release(&list);
}

static bool
is_excluded(const VectorCase *c)
{
	for (size_t i = 0; i < sizeof(excluded) / sizeof(excluded[0]); i++)
		if (strcmp(c->name, excluded[i].name) == 0)
			return true;
	return false;
}

static Tally
run_suite(const char *suite, const char *folder)
{
	char path[128], line[640];
	Tally tally = {0};
	FILE *file;

	snprintf(path, sizeof(path), TEST_DATA "%s.tsv", suite);
	if ((file = fopen(path, "r")) == NULL)
		fail_msg("cannot open %s: run the tests in the top directory", path);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		VectorCase c = {.suite = suite, .folder = folder};
		char *at = line;

		snprintf(c.name, sizeof(c.name), "%s", vector_field(&at));
		snprintf(c.args, sizeof(c.args), "%s", vector_field(&at));
		snprintf(c.files, sizeof(c.files), "%s", vector_field(&at));
		if (is_excluded(&c))
			tally.excluded++;
		else if (!vector_parse(&c))
			fail_msg("%s: cannot read the arguments %s", c.name, c.args);
		else
			run_case(&c, &tally);
	}
	fclose(file);
	print_message("%s: %d cases as expected, %d formats refused, %d of the command line\n",
				  suite,
				  tally.passed,
				  tally.refused,
				  tally.excluded);
	return tally;
}

static void
check_suite(const char *suite, const char *folder, Tally expected)
{
	Tally tally = run_suite(suite, folder);

	assert_int_equal(tally.failed, 0);
	assert_int_equal(tally.excluded, expected.excluded);
	assert_int_equal(tally.refused, expected.refused);
	assert_int_equal(tally.passed, expected.passed);
}

static void
test_hand(void **state)
{
	check_suite("hand", "in", (Tally){.passed = 224, .excluded = 3});
}

static void
test_go(void **state)
{
	check_suite("go", "go", (Tally){.passed = 64, .refused = 4});
}

/* What the decoder made of odd inputs. */
static void
test_tolerance(void **state)
{
	check_suite("tolerance", "in", (Tally){.passed = 86, .refused = 7, .excluded = 1});
}

/* Each line of a table, fields by tabs, in `fields`; how many lines. */
static int
each_row(const char *table, int nfields, bool (*check)(char **fields))
{
	char path[128], line[512], *fields[8];
	int n = 0;
	FILE *file;

	snprintf(path, sizeof(path), TEST_DATA "tables/%s.tsv", table);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char *at = line;

		for (int i = 0; i < nfields; i++)
			fields[i] = vector_field(&at);
		if (!check(fields))
			fail_msg("%s: row %d, first field %s", table, n + 1, fields[0]);
		n++;
	}
	fclose(file);
	return n;
}

static bool
check_label(char **fields)
{
	PpMeasured text = pp_measure_label(strtoll(fields[0], NULL, 10),
									   pp_bytes_cstr(fields[1]),
									   pp_bytes_cstr(fields[2]));
	size_t len = strlen(text.number);

	return strncmp(fields[3], text.number, len) == 0 &&
		   pp_bytes_eq(pp_bytes_cstr(fields[3] + len), text.unit);
}

static bool
check_percentage(char **fields)
{
	char text[PP_PERCENTAGE_SIZE];

	pp_measure_percentage(text, strtoll(fields[0], NULL, 10), strtoll(fields[1], NULL, 10));
	return strcmp(text, fields[2]) == 0;
}

/* As -top prints it, and what -raw prints the first four characters of. */
static bool
check_duration(char **fields)
{
	int64_t nanos = strtoll(fields[0], NULL, 10);
	PpMeasured text = pp_measure_label(nanos, pp_bytes_cstr("nanoseconds"), pp_bytes_cstr("auto"));
	char header[128];
	PpBuf raw;
	bool same;

	snprintf(header, sizeof(header), "%s%.*s", text.number, (int) text.unit.len, text.unit.data);
	pp_buf_init(&raw, &pp_alloc_malloc);
	pp_duration_text(&raw, nanos);
	same = strcmp(header, fields[1]) == 0 && raw.len >= strlen(fields[2]) &&
		   memcmp(raw.data, fields[2], strlen(fields[2])) == 0;
	pp_buf_free(&raw);
	return same;
}

static void
test_tables(void **state)
{
	int n = each_row("scaled_label", 4, check_label);

	n += each_row("percentage", 3, check_percentage);
	n += each_row("duration", 3, check_duration);
	print_message("%d rows of number formatting\n", n);
	assert_int_equal(n, TABLE_ROWS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hand),
		cmocka_unit_test(test_go),
		cmocka_unit_test(test_tolerance),
		cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
