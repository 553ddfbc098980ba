/*
 * profile_rows.c
 *		pprof.profile as rows: one per sample, frame or label.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core_glue.h"
#include "pprof.h"
#include "profile_values.h"
#include "rows.h"

PPROF_FUNCTION(pprof_frames);
PPROF_FUNCTION(pprof_labels);
PPROF_FUNCTION(pprof_raw_samples);
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
		values[4] = labels_value(p, &p->samples[i], LABEL_ALL);
		rows_put(&rows, values, nulls);
	}
	return rows_end(&rows);
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
		values[FRAME_ADDRESS] = address_value(location->address);
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

/* --- samples as they are --- */

static Datum
values_array(const PpProfile *p, uint32_t sample)
{
	Datum *values = palloc(sizeof(Datum) * Max(p->ntypes, 1));

	for (uint32_t i = 0; i < p->ntypes; i++)
		values[i] = Int64GetDatum(p->values[(size_t) sample * p->ntypes + i]);
	return PointerGetDatum(construct_array(values,
										   (int) p->ntypes,
										   INT8OID,
										   sizeof(int64),
										   FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

static Datum
location_ids(const PpProfile *p, const PpSample *sample)
{
	Datum *ids = palloc(sizeof(Datum) * Max(sample->nlocs, 1));

	for (uint32_t i = 0; i < sample->nlocs; i++)
		ids[i] = id_value(p->locations[p->locrefs[sample->loc_off + i]].id);
	return PointerGetDatum(
		construct_array(ids, (int) sample->nlocs, NUMERICOID, -1, false, TYPALIGN_INT));
}

Datum
pprof_raw_samples(PG_FUNCTION_ARGS)
{
	PpProfile *p = PG_GETARG_PROFILE(0, core_arena_create());
	Rows rows;

	rows_begin(&rows, fcinfo);
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		const PpSample *sample = &p->samples[i];
		Datum values[6];
		bool nulls[6] = {false};

		values[0] = Int32GetDatum((int32) i);
		values[1] = values_array(p, i);
		values[2] = location_ids(p, sample);
		values[3] = labels_value(p, sample, LABEL_TEXTS);
		values[4] = labels_value(p, sample, LABEL_NUMBERS);
		values[5] = labels_value(p, sample, LABEL_UNITS);
		rows_put(&rows, values, nulls);
	}
	return rows_end(&rows);
}

/* A text has no number, a number no text. */
Datum
pprof_labels(PG_FUNCTION_ARGS)
{
	PpProfile *p = PG_GETARG_PROFILE(0, core_arena_create());
	Rows rows;

	rows_begin(&rows, fcinfo);
	for (uint32_t i = 0; i < p->nsamples; i++)
		for (uint32_t j = 0; j < p->samples[i].nlabels; j++)
		{
			const PpLabel *label = &p->labels[p->samples[i].label_off + j];
			Datum values[5] = {0};
			bool nulls[5] = {false};

			values[0] = Int32GetDatum((int32) i);
			values[1] = PointerGetDatum(core_text(pp_str(p, label->key)));
			nulls[2] = label->str == 0;
			values[2] = PointerGetDatum(core_text(pp_str(p, label->str)));
			nulls[3] = label->str != 0;
			values[3] = Int64GetDatum(label->num);
			put_text(&values[4], &nulls[4], pp_str(p, label->str != 0 ? 0 : label->num_unit));
			rows_put(&rows, values, nulls);
		}
	return rows_end(&rows);
}
