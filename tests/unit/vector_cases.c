/*
 * vector_cases.c
 *		Arguments and inputs of the cases that the reference tool was run with.
 */
#include "vector_cases.h"

#include "core/pp_algebra.h"
#include "core/pp_merge.h"

#define MAX_FILES	  8
#define LENGTH(array) ((int) (sizeof(array) / sizeof((array)[0])))

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
set_flag(VectorCase *c, const char *name)
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
		{"call_tree", &o->call_tree},
		{"all_frames", &c->all_frames},
		{"normalize", &c->normalize},
	};
	static const char *const granularities[] = {"functions",
												"filefunctions",
												"files",
												"lines",
												"addresses"};
	static const char *const reports[] =
		{"", "top", "tree", "raw", "traces", "tags", "comments", "proto", "dot", "callgrind", "topproto"};
	static const char *const columns[] = {"alloc_space",
										  "alloc_objects",
										  "inuse_space",
										  "inuse_objects",
										  "contentions"};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(name, flags[i].name) == 0)
			return *flags[i].option = true;
	for (int i = 0; i < LENGTH(granularities); i++)
		if (strcmp(name, granularities[i]) == 0)
		{
			o->granularity = (PpGranularity) i;
			return true;
		}
	for (int i = 1; i < LENGTH(reports); i++)
		if (strcmp(name, reports[i]) == 0)
		{
			c->report = (VectorReport) i;
			return true;
		}
	for (int i = 0; i < LENGTH(columns); i++)
		if (strcmp(name, columns[i]) == 0)
		{
			o->sample_index = bytes(columns[i]);
			return true;
		}
	if (strcmp(name, "mean_delay") == 0)
	{
		o->sample_index = bytes("delay");
		return o->mean = true;
	}
	return false;
}

/* One argument; false for an unknown one. */
static bool
set_argument(VectorCase *c, char *argument)
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
	else if (strcmp(argument, "peek") == 0)
	{
		c->report = VECTOR_PEEK;
		c->peek = bytes(value);
	}
	else if (strcmp(argument, "base") == 0)
		c->base = value;
	else if (strcmp(argument, "diff_base") == 0)
		c->diff_base = value;
	else
		return set_text(&c->options, argument, value);
	return true;
}

static PpCode
load_one(const VectorCase *c, const char *file, PpArena *arena, PpProfile **out, PpError *err)
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
load_files(const VectorCase *c, PpArena *arena, PpProfile **out, PpError *err)
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
subtract(const VectorCase *c, PpArena *arena, PpProfile **profile, PpError *err)
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

/* A field of a line up to a tab or the end. */
char *
vector_field(char **line)
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
bool
vector_look_up(const char *list, const VectorCase *c, bool with_suite, int column, char *value,
			   size_t size)
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

		found = strcmp(vector_field(&at), c->name) == 0;
		if (found && with_suite)
			found = strcmp(vector_field(&at), c->suite) == 0;
		for (int i = with_suite ? 2 : 1; found && i < column; i++)
			vector_field(&at);
		if (found)
			snprintf(value, size, "%s", vector_field(&at));
	}
	fclose(file);
	return found;
}

bool
vector_parse(VectorCase *c)
{
	static char args[256]; /* options point into it until the next case */
	char *next;

	c->options = pp_report_defaults();
	strcpy(args, c->args);
	for (char *argument = strtok_r(args, " ", &next); argument != NULL;
		 argument = strtok_r(NULL, " ", &next))
		if (!set_argument(c, argument + 1))
			return false;
	return c->report != VECTOR_NONE;
}

PpCode
vector_load(const VectorCase *c, const PpSearch *search, PpArena *arena, PpProfile **out, PpError *err)
{
	PpCode code = load_files(c, arena, out, err);

	if (code == PP_OK && (c->base != NULL || c->diff_base != NULL))
		code = subtract(c, arena, out, err);
	return code == PP_OK ? pp_report_load(*out, c->all_frames, search, arena, out, err) : code;
}
