/*
 * profile_rows.c
 *		pprof.profile as rows: one per sample, one per frame.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "compat.h"
#include "core_glue.h"
#include "pprof.h"
#include "rows.h"

PPROF_FUNCTION(pprof_frames);
PPROF_FUNCTION(pprof_stacks);

/* The file of a path, as the tool names a frame without symbols by it: "[libz.so.1]". */
static text *
mapping_frame(PpBytes path)
{
	uint32_t start = path.len;
	char *name;

	while (start > 0 && path.data[start - 1] != '/')
		start--;
	name = psprintf("[%.*s]", (int) (path.len - start), path.data + start);
	return core_text(pp_bytes_cstr(name));
}

/* What stands for a frame in a stack: its function, else its mapping, else "<unknown>". */
static text *
frame_name(const PpProfile *p, const PpLocation *location, const PpLine *line)
{
	PpBytes name = {NULL, 0};

	if (line != NULL && line->function != PP_NONE)
		name = pp_str(p, p->functions[line->function].name);
	if (name.len > 0)
		return core_text(name);
	if (line == NULL && location->mapping != PP_NONE)
	{
		PpBytes file = pp_str(p, p->mappings[location->mapping].filename);

		if (file.len > 0)
			return mapping_frame(file);
	}
	return cstring_to_text("<unknown>");
}

/* Frames of a sample; a location without lines is one. */
static uint32_t
count_frames(const PpProfile *p, const PpSample *sample)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < sample->nlocs; i++)
		n += Max(p->locations[p->locrefs[sample->loc_off + i]].nlines, 1);
	return n;
}

/* Names of the frames, leaf first, and which of them were inlined. */
static void
stack_arrays(const PpProfile *p, const PpSample *sample, Datum *stack, Datum *inlined)
{
	uint32_t n = count_frames(p, sample), at = 0;
	Datum *names = palloc(sizeof(Datum) * Max(n, 1));
	Datum *flags = palloc(sizeof(Datum) * Max(n, 1));

	for (uint32_t i = 0; i < sample->nlocs; i++)
	{
		const PpLocation *location = &p->locations[p->locrefs[sample->loc_off + i]];

		if (location->nlines == 0)
		{
			names[at] = PointerGetDatum(frame_name(p, location, NULL));
			flags[at++] = BoolGetDatum(false);
		}
		for (uint32_t j = 0; j < location->nlines; j++)
		{
			names[at] = PointerGetDatum(frame_name(p, location, &p->lines[location->line_off + j]));
			flags[at++] = BoolGetDatum(j + 1 < location->nlines);
		}
	}
	*stack = PointerGetDatum(construct_array(names, (int) n, TEXTOID, -1, false, TYPALIGN_INT));
	*inlined = PointerGetDatum(construct_array(flags, (int) n, BOOLOID, 1, true, TYPALIGN_CHAR));
}

static void
push_label(JsonbParseState **state, JsonbIteratorToken token, const PpProfile *p, const PpLabel *label)
{
	JsonbValue value;

	if (label->str != 0)
	{
		text *str = core_text(pp_str(p, label->str));

		value.type = jbvString;
		value.val.string.val = VARDATA_ANY(str);
		value.val.string.len = VARSIZE_ANY_EXHDR(str);
	}
	else
	{
		value.type = jbvNumeric;
		value.val.numeric = int64_to_numeric(label->num);
	}
	pushJsonbValue(state, token, &value);
}

static int
compare_labels(const void *a, const void *b, void *profile)
{
	const PpLabel *left = *(const PpLabel *const *) a, *right = *(const PpLabel *const *) b;
	int order = pp_bytes_cmp(pp_str(profile, left->key), pp_str(profile, right->key));

	/* equal keys stay in the profile's order */
	return order != 0 ? order : left < right ? -1 : left > right;
}

/* Labels as an object; a key that occurs more than once has an array of its values. */
static Datum
labels_object(const PpProfile *p, const PpSample *sample)
{
	const PpLabel **labels = palloc(sizeof(*labels) * Max(sample->nlabels, 1));
	JsonbParseState *state = NULL;

	for (uint32_t i = 0; i < sample->nlabels; i++)
		labels[i] = &p->labels[sample->label_off + i];
	qsort_arg(labels, sample->nlabels, sizeof(*labels), compare_labels, unconstify(PpProfile *, p));
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (uint32_t i = 0, next; i < sample->nlabels; i = next)
	{
		PpBytes key = pp_str(p, labels[i]->key);
		text *name = core_text(key);
		JsonbValue value;

		for (next = i + 1; next < sample->nlabels; next++)
			if (!pp_bytes_eq(pp_str(p, labels[next]->key), key))
				break;
		value.type = jbvString;
		value.val.string.val = VARDATA_ANY(name);
		value.val.string.len = VARSIZE_ANY_EXHDR(name);
		pushJsonbValue(&state, WJB_KEY, &value);
		if (next == i + 1)
		{
			push_label(&state, WJB_VALUE, p, labels[i]);
			continue;
		}
		pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
		for (uint32_t j = i; j < next; j++)
			push_label(&state, WJB_ELEM, p, labels[j]);
		pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

Datum
pprof_stacks(PG_FUNCTION_ARGS)
{
	PpProfile *p = PG_GETARG_PROFILE(0, core_arena_create());
	uint32_t column;
	Rows rows;
	PpError err;

	CORE_CHECK(pp_profile_column(p, core_bytes(PG_GETARG_TEXT_PP(1)), &column, &err), &err);
	rows_begin(&rows, fcinfo);
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		Datum values[5];
		bool nulls[5] = {false};

		values[0] = Int32GetDatum((int32) i);
		stack_arrays(p, &p->samples[i], &values[1], &values[2]);
		values[3] = Int64GetDatum(p->values[(size_t) i * p->ntypes + column]);
		values[4] = labels_object(p, &p->samples[i]);
		rows_put(&rows, values, nulls);
	}
	return rows_end(&rows);
}

static void
put_text(Datum *value, bool *isnull, PpBytes bytes)
{
	*isnull = bytes.len == 0;
	if (!*isnull)
		*value = PointerGetDatum(core_text(bytes));
}

static void
put_number(Datum *value, bool *isnull, int64_t number)
{
	*isnull = number == 0;
	*value = Int64GetDatum(number);
}

enum
{
	FRAME_SAMPLE,
	FRAME_DEPTH,
	FRAME_FUNCTION,
	FRAME_SYSTEM_NAME,
	FRAME_FILENAME,
	FRAME_LINE,
	FRAME_COLUMN,
	FRAME_ADDRESS,
	FRAME_MAPPING,
	FRAME_INLINED,
	FRAME_COLUMNS
};

/* One row: a line of a location, or a location without any (line NULL). */
static void
put_frame(Rows *rows, const PpProfile *p, uint32_t sample, uint32_t depth,
		  const PpLocation *location, const PpLine *line, bool inlined)
{
	Datum values[FRAME_COLUMNS] = {0};
	bool nulls[FRAME_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	values[FRAME_SAMPLE] = Int32GetDatum((int32) sample);
	values[FRAME_DEPTH] = Int32GetDatum((int32) depth);
	values[FRAME_INLINED] = BoolGetDatum(inlined);
	nulls[FRAME_SAMPLE] = nulls[FRAME_DEPTH] = nulls[FRAME_INLINED] = false;
	if (line != NULL && line->function != PP_NONE)
	{
		const PpFunction *function = &p->functions[line->function];

		put_text(&values[FRAME_FUNCTION], &nulls[FRAME_FUNCTION], pp_str(p, function->name));
		put_text(&values[FRAME_SYSTEM_NAME],
				 &nulls[FRAME_SYSTEM_NAME],
				 pp_str(p, function->system_name));
		put_text(&values[FRAME_FILENAME], &nulls[FRAME_FILENAME], pp_str(p, function->filename));
	}
	if (line != NULL)
	{
		put_number(&values[FRAME_LINE], &nulls[FRAME_LINE], line->line);
		put_number(&values[FRAME_COLUMN], &nulls[FRAME_COLUMN], line->column);
	}
	if (location->address != 0)
	{
		nulls[FRAME_ADDRESS] = false;
		values[FRAME_ADDRESS] =
			CStringGetTextDatum(psprintf("0x%" INT64_MODIFIER "x", location->address));
	}
	if (location->mapping != PP_NONE)
		put_text(&values[FRAME_MAPPING],
				 &nulls[FRAME_MAPPING],
				 pp_str(p, p->mappings[location->mapping].filename));
	rows_put(rows, values, nulls);
}

Datum
pprof_frames(PG_FUNCTION_ARGS)
{
	PpProfile *p = PG_GETARG_PROFILE(0, core_arena_create());
	Rows rows;

	rows_begin(&rows, fcinfo);
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		const PpSample *sample = &p->samples[i];
		uint32_t depth = 0;

		for (uint32_t j = 0; j < sample->nlocs; j++)
		{
			const PpLocation *location = &p->locations[p->locrefs[sample->loc_off + j]];
			const PpLine *lines = &p->lines[location->line_off];

			if (location->nlines == 0)
				put_frame(&rows, p, i, depth++, location, NULL, false);
			for (uint32_t k = 0; k < location->nlines; k++)
				put_frame(&rows, p, i, depth++, location, &lines[k], k + 1 < location->nlines);
		}
	}
	return rows_end(&rows);
}
