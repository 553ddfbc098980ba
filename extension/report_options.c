/*
 * report_options.c
 *		The options of reports, filters and renderings, as jsonb spells them.
 *
 * Every name is an option of the pprof tool and means the same here.  Those that
 * stand for another option with a value ("lines" for granularity, "cum" for sort,
 * "alloc_space" for sample_index) may be given, too, unless they contradict.
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "core_glue.h"
#include "report_options.h"

typedef enum OptionKind
{
	OPTION_FLAG,
	OPTION_TEXT,
	OPTION_COLUMN,		/* a name or an index */
	OPTION_KEYS,		/* names separated by commas, or an array of names */
	OPTION_COUNT,		/* a whole number */
	OPTION_NUMBER,		/* any number */
	OPTION_GRANULARITY, /* one of granularities[] */
	OPTION_SORT,		/* one of sorts[] */
	/* true stands for another option's value */
	OPTION_IS_GRANULARITY,
	OPTION_IS_SORT,
	OPTION_IS_COLUMN,
	OPTION_IS_MEAN, /* of that column */
	OPTION_PEEK
} OptionKind;

typedef struct Option
{
	const char *name;
	OptionKind kind;
	size_t offset;		/* in ReportOptions */
	const char *column; /* that it stands for */
	bool text_only;		/* rows have exact numbers and no header */
} Option;

#define CORE(field) offsetof(ReportOptions, core.field)

/* in the order of PpGranularity */
static const char *const granularities[] = {"functions", "filefunctions", "files", "lines", "addresses"};
static const char *const sorts[] = {"flat", "cum"};

static const Option known[] = {
	{"addresses", OPTION_IS_GRANULARITY, 0, NULL, false},
	{"all_frames", OPTION_FLAG, offsetof(ReportOptions, all_frames), NULL, false},
	{"alloc_objects", OPTION_IS_COLUMN, 0, "alloc_objects", false},
	{"alloc_space", OPTION_IS_COLUMN, 0, "alloc_space", false},
	{"call_tree", OPTION_FLAG, CORE(call_tree), NULL, true},
	{"compact_labels", OPTION_FLAG, CORE(compact_labels), NULL, true},
	{"contentions", OPTION_IS_COLUMN, 0, "contentions", false},
	{"cum", OPTION_IS_SORT, 0, NULL, false},
	{"divide_by", OPTION_NUMBER, CORE(divide_by), NULL, true},
	{"drop_negative", OPTION_FLAG, CORE(drop_negative), NULL, false},
	{"edgefraction", OPTION_NUMBER, CORE(edgefraction), NULL, false},
	{"filefunctions", OPTION_IS_GRANULARITY, 0, NULL, false},
	{"files", OPTION_IS_GRANULARITY, 0, NULL, false},
	{"flat", OPTION_IS_SORT, 0, NULL, false},
	{"focus", OPTION_TEXT, CORE(focus), NULL, false},
	{"functions", OPTION_IS_GRANULARITY, 0, NULL, false},
	{"granularity", OPTION_GRANULARITY, 0, NULL, false},
	{"hide", OPTION_TEXT, CORE(hide), NULL, false},
	{"ignore", OPTION_TEXT, CORE(ignore), NULL, false},
	{"inuse_objects", OPTION_IS_COLUMN, 0, "inuse_objects", false},
	{"inuse_space", OPTION_IS_COLUMN, 0, "inuse_space", false},
	{"lines", OPTION_IS_GRANULARITY, 0, NULL, false},
	{"mean", OPTION_FLAG, CORE(mean), NULL, false},
	{"mean_delay", OPTION_IS_MEAN, 0, "delay", false},
	{"nodecount", OPTION_COUNT, CORE(nodecount), NULL, false},
	{"nodefraction", OPTION_NUMBER, CORE(nodefraction), NULL, false},
	{"noinlines", OPTION_FLAG, CORE(noinlines), NULL, false},
	{"peek", OPTION_PEEK, 0, NULL, false},
	{"prune_from", OPTION_TEXT, CORE(prune_from), NULL, false},
	{"relative_percentages", OPTION_FLAG, CORE(relative_percentages), NULL, false},
	{"sample_index", OPTION_COLUMN, CORE(sample_index), NULL, false},
	{"show", OPTION_TEXT, CORE(show), NULL, false},
	{"show_from", OPTION_TEXT, CORE(show_from), NULL, false},
	{"showcolumns", OPTION_FLAG, CORE(showcolumns), NULL, false},
	{"sort", OPTION_SORT, CORE(cum), NULL, false},
	{"tagfocus", OPTION_TEXT, CORE(tagfocus), NULL, false},
	{"taghide", OPTION_TEXT, CORE(taghide), NULL, false},
	{"tagignore", OPTION_TEXT, CORE(tagignore), NULL, false},
	{"tagleaf", OPTION_KEYS, CORE(tagleaf), NULL, false},
	{"tagroot", OPTION_KEYS, CORE(tagroot), NULL, false},
	{"tagshow", OPTION_TEXT, CORE(tagshow), NULL, false},
	{"total_delay", OPTION_IS_COLUMN, 0, "delay", false},
	{"trim", OPTION_FLAG, CORE(trim), NULL, false},
	{"unit", OPTION_TEXT, CORE(unit), NULL, true},
};

typedef struct Reading
{
	ReportOptions *out;
	PpBytes *peek; /* NULL where there is no such report */
	bool rows;	   /* no text */
	/* options that decided about each, to find contradictions */
	const char *granularity, *sort, *column;
} Reading;

PpSearch
report_search(void)
{
	const PpRegex *regex = core_regex_search();
	PpSearch search = {regex->compile, regex->match, regex->ctx};

	return search;
}

/* Whether the caller has a use for the option. */
static bool
is_meant(const Reading *reading, const Option *option)
{
	if (option->kind == OPTION_PEEK)
		return reading->peek != NULL;
	return !reading->rows || !option->text_only;
}

/* --- errors --- */

static const char *
json_type(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return "a string";
		case jbvNumeric:
			return "a number";
		case jbvBool:
			return "a boolean";
		default:
			/* an array or an object comes as a container */
			return value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data)
					   ? "an array"
					   : "an object";
	}
}

static void
pg_attribute_noreturn() raise_type(const Option *option, const char *wanted, const JsonbValue *value)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("option \"%s\" must be %s, not %s", option->name, wanted, json_type(value)));
}

static void
pg_attribute_noreturn() raise_unknown(const Reading *reading, const char *name)
{
	StringInfoData list;

	initStringInfo(&list);
	for (size_t i = 0; i < lengthof(known); i++)
		if (is_meant(reading, &known[i]))
			appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", known[i].name);
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unknown option \"%s\"", name),
			errhint("Options are %s.", list.data));
}

/* Two options decide the same thing. */
static void
decide(const char **by, const char *name)
{
	if (*by != NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("options \"%s\" and \"%s\" contradict each other", *by, name),
				errhint("Give one of them."));
	*by = name;
}

/* A word of a list as its place there; ERROR 22023 naming the list. */
static int
word_index(const char *option, const char *word, const char *const *words, int nwords)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < nwords; i++)
	{
		if (strcmp(word, words[i]) == 0)
			return i;
		appendStringInfo(&list, "%s\"%s\"", i > 0 ? ", " : "", words[i]);
	}
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unknown %s \"%s\"", option, word),
			errhint("Use one of %s.", list.data));
}

PpGranularity
report_granularity(const text *word)
{
	return (PpGranularity)
		word_index("granularity", text_to_cstring(word), granularities, lengthof(granularities));
}

bool
report_sort_by_cum(const text *word)
{
	return word_index("sort", text_to_cstring(word), sorts, lengthof(sorts)) == 1;
}

/* --- values --- */

static char *
string_of(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static PpBytes
utf8_bytes(char *text)
{
	return pp_bytes_cstr(pg_server_to_any(text, (int) strlen(text), PG_UTF8));
}

static PpBytes
read_text(const Option *option, const JsonbValue *value)
{
	if (value->type != jbvString)
		raise_type(option, "a string", value);
	return utf8_bytes(string_of(value));
}

/* The number's own spelling, so that an index is what was written. */
static char *
number_text(const JsonbValue *value)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
}

static PpBytes
read_column(const Option *option, const JsonbValue *value)
{
	if (value->type == jbvNumeric)
		return pp_bytes_cstr(number_text(value));
	if (value->type != jbvString)
		raise_type(option, "a string or a number", value);
	return utf8_bytes(string_of(value));
}

static PpBytes
read_keys(const Option *option, const JsonbValue *value)
{
	StringInfoData list;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue item;

	if (value->type == jbvString)
		return utf8_bytes(string_of(value));
	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		raise_type(option, "a string or an array of strings", value);
	initStringInfo(&list);
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (item.type != jbvString)
			raise_type(option, "a string or an array of strings", value);
		if (memchr(item.val.string.val, ',', item.val.string.len) != NULL)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("a label key in option \"%s\" has a comma", option->name));
		if (list.len > 0)
			appendStringInfoChar(&list, ',');
		appendBinaryStringInfo(&list, item.val.string.val, item.val.string.len);
	}
	return utf8_bytes(list.data);
}

static double
read_number(const Option *option, const JsonbValue *value)
{
	double number;

	if (value->type != jbvNumeric)
		raise_type(option, "a number", value);
	number = strtod(number_text(value), NULL);
	if (isinf(number))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("option \"%s\" is out of range", option->name));
	return number;
}

static int64
read_count(const Option *option, const JsonbValue *value)
{
	double number = read_number(option, value);

	if (number != trunc(number) || fabs(number) > PG_INT32_MAX)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("option \"%s\" must be a whole number of at most %d",
					   option->name,
					   PG_INT32_MAX));
	return (int64) number;
}

static bool
read_flag(const Option *option, const JsonbValue *value)
{
	if (value->type != jbvBool)
		raise_type(option, "a boolean", value);
	return value->val.boolean;
}

static int
read_word(const Option *option, const JsonbValue *value, const char *const *words, int nwords)
{
	if (value->type != jbvString)
		raise_type(option, "a string", value);
	return word_index(option->name, string_of(value), words, nwords);
}

/* --- options --- */

static void
choose_column(Reading *reading, const Option *option, PpBytes column)
{
	decide(&reading->column, option->name);
	reading->out->core.sample_index = column;
}

static void
choose_granularity(Reading *reading, const Option *option, int granularity)
{
	decide(&reading->granularity, option->name);
	reading->out->core.granularity = (PpGranularity) granularity;
}

static void
choose_sort(Reading *reading, const Option *option, int sort)
{
	decide(&reading->sort, option->name);
	reading->out->core.cum = sort == 1;
}

/* Options that stand for another; false is the same as not given. */
static void
set_shorthand(Reading *reading, const Option *option, const JsonbValue *value)
{
	if (!read_flag(option, value))
		return;
	if (option->kind == OPTION_IS_GRANULARITY)
		choose_granularity(reading,
						   option,
						   word_index("option", option->name, granularities, lengthof(granularities)));
	else if (option->kind == OPTION_IS_SORT)
		choose_sort(reading, option, word_index("option", option->name, sorts, lengthof(sorts)));
	else
		choose_column(reading, option, pp_bytes_cstr(option->column));
	if (option->kind == OPTION_IS_MEAN)
		reading->out->core.mean = true;
}

static void
set_option(Reading *reading, const Option *option, const JsonbValue *value)
{
	char *field = (char *) reading->out + option->offset;

	switch (option->kind)
	{
		case OPTION_FLAG:
			*(bool *) field = read_flag(option, value);
			break;
		case OPTION_TEXT:
			*(PpBytes *) field = read_text(option, value);
			break;
		case OPTION_COLUMN:
			choose_column(reading, option, read_column(option, value));
			break;
		case OPTION_KEYS:
			*(PpBytes *) field = read_keys(option, value);
			break;
		case OPTION_COUNT:
			*(int64_t *) field = read_count(option, value);
			break;
		case OPTION_NUMBER:
			*(double *) field = read_number(option, value);
			break;
		case OPTION_GRANULARITY:
			choose_granularity(reading,
							   option,
							   read_word(option, value, granularities, lengthof(granularities)));
			break;
		case OPTION_SORT:
			choose_sort(reading, option, read_word(option, value, sorts, lengthof(sorts)));
			break;
		case OPTION_PEEK:
			*reading->peek = read_text(option, value);
			break;
		default:
			set_shorthand(reading, option, value);
	}
}

static const Option *
find_option(const Reading *reading, const char *name)
{
	for (size_t i = 0; i < lengthof(known); i++)
		if (strcmp(known[i].name, name) == 0 && is_meant(reading, &known[i]))
			return &known[i];
	raise_unknown(reading, name);
}

static void
read_options(Jsonb *options, Reading *reading)
{
	JsonbIterator *iterator = JsonbIteratorInit(&options->root);
	const Option *option = NULL;
	JsonbIteratorToken token;
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(options))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("options must be a JSON object"));
	reading->out->core = pp_report_defaults();
	reading->out->all_frames = false;
	if (reading->rows)
	{
		reading->out->core.nodecount = 0;
		reading->out->core.nodefraction = reading->out->core.edgefraction = 0;
	}
	/* skipNested: an array comes as one value */
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			option = find_option(reading, string_of(&value));
		else if (token == WJB_VALUE && value.type != jbvNull)
			set_option(reading, option, &value);
	}
}

void
report_options_read(Jsonb *options, ReportOptions *out)
{
	Reading reading = {.out = out};

	read_options(options, &reading);
}

void
report_options_read_rows(Jsonb *options, ReportOptions *out)
{
	Reading reading = {.out = out, .rows = true};

	read_options(options, &reading);
}

void
report_options_read_peek(Jsonb *options, ReportOptions *out, PpBytes *peek)
{
	Reading reading = {.out = out, .peek = peek};

	*peek = pp_bytes_cstr("");
	read_options(options, &reading);
}
