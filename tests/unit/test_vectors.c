/*
 * test_vectors.c
 *		What the reference tool printed for hand-made and Go profiles, byte by byte.
 *
 * hand.tsv, go.tsv and tolerance.tsv list the cases: name, arguments, files.
 * Cases of reports that we do not print (tree, peek, tags, dot, callgrind,
 * topproto, comments) are counted and skipped.  Profiles of -proto are compared
 * as text.
 */
#include "pp_test.h"

#include "core/pp_algebra.h"
#include "core/pp_merge.h"
#include "core/pp_report_impl.h"
#include "pp_search_pcre2.h"
#include "textproto.h"

#define MAX_FILES		 8
#define HAND_PASSED		 174
#define GO_PASSED		 59
#define TOLERANCE_PASSED 93
#define TABLE_ROWS		 4765

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

typedef enum Report
{
	OTHER,
	TOP,
	RAW,
	TRACES,
	PROTO
} Report;

typedef struct Case
{
	const char *suite, *folder; /* of expected output, of inputs */
	char name[64], args[256], files[256];
	char deviation[32];
	int exit; /* of the reference tool */

	Report report;
	PpReportOptions options;
	bool all_frames, normalize;
	const char *base, *diff_base;
} Case;

typedef struct Tally
{
	int passed, failed, skipped, excluded;
} Tally;

static PpBytes
bytes(const char *text)
{
	return pp_bytes_cstr(text);
}

static bool
set_text(PpReportOptions *o, const char *name, const char *value)
{
	const struct
	{
		const char *name;
		PpBytes *option;
	} texts[] = {
		{"sample_index", &o->sample_index},
		{"unit", &o->unit},
		{"focus", &o->focus},
		{"ignore", &o->ignore},
		{"hide", &o->hide},
		{"show", &o->show},
		{"show_from", &o->show_from},
		{"prune_from", &o->prune_from},
		{"tagfocus", &o->tagfocus},
		{"tagignore", &o->tagignore},
		{"tagshow", &o->tagshow},
		{"taghide", &o->taghide},
		{"tagroot", &o->tagroot},
		{"tagleaf", &o->tagleaf},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(name, texts[i].name) == 0)
		{
			*texts[i].option = bytes(value);
			return true;
		}
	return false;
}

static bool
set_flag(Case *c, const char *name)
{
	PpReportOptions *o = &c->options;
	const struct
	{
		const char *name;
		bool *option;
	} flags[] = {
		{"cum", &o->cum},
		{"noinlines", &o->noinlines},
		{"showcolumns", &o->showcolumns},
		{"mean", &o->mean},
		{"relative_percentages", &o->relative_percentages},
		{"drop_negative", &o->drop_negative},
		{"compact_labels", &o->compact_labels},
		{"all_frames", &c->all_frames},
		{"normalize", &c->normalize},
	};
	static const char *const granularities[] = {"functions",
												"filefunctions",
												"files",
												"lines",
												"addresses"};
	static const char *const reports[] = {"", "top", "raw", "traces", "proto"};
	static const char *const columns[] = {"alloc_space",
										  "alloc_objects",
										  "inuse_space",
										  "inuse_objects",
										  "contentions"};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(name, flags[i].name) == 0)
			return *flags[i].option = true;
	for (int i = 0; i < 5; i++)
	{
		if (strcmp(name, granularities[i]) == 0)
			o->granularity = (PpGranularity) i;
		else if (strcmp(name, columns[i]) == 0)
			o->sample_index = bytes(columns[i]);
		else if (i > 0 && strcmp(name, reports[i]) == 0)
			c->report = (Report) i;
		else
			continue;
		return true;
	}
	if (strcmp(name, "mean_delay") == 0)
	{
		o->sample_index = bytes("delay");
		return o->mean = true;
	}
	return false;
}

/* One argument; false for one that only reports not printed here have. */
static bool
set_argument(Case *c, char *argument)
{
	char *value = strchr(argument, '=');

	if (value == NULL)
		return set_flag(c, argument);
	*value++ = '\0';
	if (strcmp(argument, "trim") == 0)
		c->options.trim = strcmp(value, "false") != 0;
	else if (strcmp(argument, "nodecount") == 0)
		c->options.nodecount = atoi(value);
	else if (strcmp(argument, "nodefraction") == 0)
		c->options.nodefraction = strtod(value, NULL);
	else if (strcmp(argument, "edgefraction") == 0)
		c->options.edgefraction = strtod(value, NULL);
	else if (strcmp(argument, "divide_by") == 0)
		c->options.divide_by = strtod(value, NULL);
	else if (strcmp(argument, "base") == 0)
		c->base = value;
	else if (strcmp(argument, "diff_base") == 0)
		c->diff_base = value;
	else
		return set_text(&c->options, argument, value);
	return true;
}

static PpCode
load_one(const Case *c, const char *file, PpArena *arena, PpProfile **out, PpError *err)
{
	char folder[64];
	Bytes b;
	uint8_t *copy;
	PpCode code;

	snprintf(folder, sizeof(folder), TEST_DATA "%s/", c->folder);
	b = bytes_of_file(folder, file);
	/* strings of the profile point into what it was read from */
	copy = (uint8_t *) pp_arena_copy(arena, b.data, b.len);
	free(b.data);
	code = pp_profile_read(copy, b.len, &pp_limits_default, arena, out, err);
	return code == PP_OK ? pp_report_add_mapping(*out, arena, out, err) : code;
}

static PpCode
load_all(const Case *c, PpArena *arena, PpProfile **out, PpError *err)
{
	PpProfile *profiles[MAX_FILES];
	char files[256], *next;
	size_t n = 0;
	PpCode code = PP_OK;

	strcpy(files, c->files);
	for (char *file = strtok_r(files, " ", &next); file != NULL && code == PP_OK;
		 file = strtok_r(NULL, " ", &next))
		code = load_one(c, file, arena, &profiles[n++], err);
	return code == PP_OK ? pp_profiles_merge(profiles, n, arena, out, err) : code;
}

/* Subtract the base as -base or -diff_base do. */
static PpCode
subtract(const Case *c, PpArena *arena, PpProfile **profile, PpError *err)
{
	PpProfile *sides[2] = {*profile, NULL};
	PpProfile *base;
	PpCode code = load_one(c, c->base != NULL ? c->base : c->diff_base, arena, &base, err);

	if (code == PP_OK && c->normalize)
		code = pp_profile_normalize(sides[0], base, arena, &sides[0], err);
	if (code != PP_OK)
		return code;
	if (c->diff_base != NULL)
		return pp_profile_diff(sides[0], base, PP_MERGE_ORDERED, arena, profile, err);
	code = pp_profile_negate(base, arena, &sides[1], err);
	return code == PP_OK ? pp_profiles_merge(sides, 2, arena, profile, err) : code;
}

static PpCode
proto_text(const Case *c, const PpProfile *p, const PpSearch *search, PpArena *arena, PpBuf *out,
		   PpError *err)
{
	PpProfile *filtered;
	uint8_t *encoded;
	size_t len;
	PpCode code = pp_report_filter(p, &c->options, search, arena, &filtered, err);

	if (code == PP_OK && c->options.divide_by != 1)
		code = pp_profile_divide(filtered, c->options.divide_by, arena, &filtered, err);
	if (code == PP_OK)
		code = pp_profile_encode(filtered, &pp_alloc_malloc, &encoded, &len, err);
	if (code != PP_OK)
		return code;
	assert_true(textproto_profile(out, encoded, len));
	free(encoded);
	return PP_OK;
}

static PpCode
print(const Case *c, const PpSearch *search, PpArena *arena, PpBuf *out, PpError *err)
{
	PpProfile *p;
	PpCode code = load_all(c, arena, &p, err);

	if (code == PP_OK && (c->base != NULL || c->diff_base != NULL))
		code = subtract(c, arena, &p, err);
	if (code == PP_OK)
		code = pp_report_load(p, c->all_frames, search, arena, &p, err);
	if (code != PP_OK)
		return code;
	switch (c->report)
	{
		case TOP:
			return pp_top_text(p, &c->options, search, arena, out, err);
		case RAW:
			return pp_raw_text(p, &c->options, search, arena, out, err);
		case TRACES:
			return pp_traces_text(p, &c->options, search, arena, out, err);
		default:
			return proto_text(c, p, search, arena, out, err);
	}
}

static bool
as_expected(const Case *c, PpCode code, const PpBuf *out, const PpError *err)
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
	if (strncmp(c->name, "legacy_", 7) == 0 || (!fixed && c->exit != 0))
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

/* A field of a line up to a tab or the end. */
static char *
field(char **line)
{
	char *start = *line, *end = strpbrk(start, "\t\n");

	if (end == NULL)
		*line = start + strlen(start);
	else
	{
		*line = end + 1;
		*end = '\0';
	}
	return start;
}

/* Find the line of a list (below the suite's name, if it has one) that is about a case. */
static bool
look_up(const char *list, const Case *c, bool with_suite, int column, char *value, size_t size)
{
	char path[128], line[512];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), TEST_DATA "%s", list);
	if ((file = fopen(path, "r")) == NULL)
		fail_msg("cannot open %s: run the tests in the top directory", path);
	while (!found && fgets(line, sizeof(line), file) != NULL)
	{
		char *at = line;

		found = strcmp(field(&at), c->name) == 0;
		if (found && with_suite)
			found = strcmp(field(&at), c->suite) == 0;
		for (int i = with_suite ? 2 : 1; found && i < column; i++)
			field(&at);
		if (found)
			snprintf(value, size, "%s", field(&at));
	}
	fclose(file);
	return found;
}

static bool
parse_case(Case *c)
{
	static char args[256]; /* options point into it until the next case */
	char *next;

	c->options = pp_report_defaults();
	strcpy(args, c->args);
	for (char *argument = strtok_r(args, " ", &next); argument != NULL;
		 argument = strtok_r(NULL, " ", &next))
		if (!set_argument(c, argument + 1))
			return false;
	return c->report != OTHER;
}

static void
run_case(Case *c, Tally *tally)
{
	SearchList list = {.n = 0};
	PpSearch search = {search_compile, search_match, &list};
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpError err = {0};
	char list_name[64], status[16] = "0";
	PpBuf out;
	PpCode code;

	snprintf(list_name, sizeof(list_name), "expected/%s/exit.tsv", c->suite);
	assert_true(look_up(list_name, c, false, 1, status, sizeof(status)));
	c->exit = atoi(status);
	look_up("deviations.tsv", c, true, 3, c->deviation, sizeof(c->deviation));
	pp_buf_init(&out, &pp_alloc_malloc);
	code = print(c, &search, arena, &out, &err);
	if (as_expected(c, code, &out, &err))
		tally->passed++;
	else
		tally->failed++;
	pp_buf_free(&out);
	pp_arena_free(arena);
	search_release(&list);
}

static bool
is_excluded(const Case *c)
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
		Case c = {.suite = suite, .folder = folder};
		char *at = line;

		snprintf(c.name, sizeof(c.name), "%s", field(&at));
		snprintf(c.args, sizeof(c.args), "%s", field(&at));
		snprintf(c.files, sizeof(c.files), "%s", field(&at));
		if (is_excluded(&c))
			tally.excluded++;
		else if (!parse_case(&c))
			tally.skipped++;
		else
			run_case(&c, &tally);
	}
	fclose(file);
	print_message("%s: %d cases as the tool, %d of other reports, %d of the command line\n",
				  suite,
				  tally.passed,
				  tally.skipped,
				  tally.excluded);
	return tally;
}

static void
test_hand(void **state)
{
	Tally tally = run_suite("hand", "in");

	assert_int_equal(tally.failed, 0);
	assert_int_equal(tally.excluded, 3);
	assert_int_equal(tally.passed, HAND_PASSED);
}

static void
test_go(void **state)
{
	Tally tally = run_suite("go", "go");

	assert_int_equal(tally.failed, 0);
	assert_int_equal(tally.passed, GO_PASSED);
}

/* What the decoder made of odd inputs. */
static void
test_tolerance(void **state)
{
	Tally tally = run_suite("tolerance", "in");

	assert_int_equal(tally.failed, 0);
	assert_int_equal(tally.excluded, 1);
	assert_int_equal(tally.passed, TOLERANCE_PASSED);
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
			fields[i] = field(&at);
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
	PpMeasured text =
		pp_measure_label(strtoll(fields[0], NULL, 10), bytes(fields[1]), bytes(fields[2]));
	size_t len = strlen(text.number);

	return strncmp(fields[3], text.number, len) == 0 &&
		   pp_bytes_eq(bytes(fields[3] + len), text.unit);
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
	PpMeasured text = pp_measure_label(nanos, bytes("nanoseconds"), bytes("auto"));
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
