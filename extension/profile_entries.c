/*
 * profile_entries.c
 *		The tables of a profile as rows: locations, functions, mappings.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

#include "core_glue.h"
#include "pprof.h"
#include "profile_values.h"
#include "rows.h"

PPROF_FUNCTION(pprof_functions);
PPROF_FUNCTION(pprof_locations);
PPROF_FUNCTION(pprof_mappings);

static Datum
number_array(Datum *numbers, uint32_t n)
{
	return PointerGetDatum(
		construct_array(numbers, (int) n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* Functions, line and column numbers of a location's lines, innermost first. */
static void
put_lines(const PpProfile *p, const PpLocation *location, Datum *functions, Datum *lines,
		  Datum *columns)
{
	uint32_t n = location->nlines;
	Datum *ids = palloc(sizeof(Datum) * Max(n, 1));
	Datum *numbers = palloc(sizeof(Datum) * Max(n, 1));
	Datum *positions = palloc(sizeof(Datum) * Max(n, 1));

	for (uint32_t i = 0; i < n; i++)
	{
		const PpLine *line = &p->lines[location->line_off + i];

		ids[i] = id_value(line->function == PP_NONE ? 0 : p->functions[line->function].id);
		numbers[i] = Int64GetDatum(line->line);
		positions[i] = Int64GetDatum(line->column);
	}
	*functions = PointerGetDatum(construct_array(ids, (int) n, NUMERICOID, -1, false, TYPALIGN_INT));
	*lines = number_array(numbers, n);
	*columns = number_array(positions, n);
}

Datum
pprof_locations(PG_FUNCTION_ARGS)
{
	PpProfile *p = PG_GETARG_PROFILE(0, core_arena_create());
	Rows rows;

	rows_begin(&rows, fcinfo);
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		const PpLocation *location = &p->locations[i];
		Datum values[7] = {0};
		bool nulls[7] = {false};

		values[0] = id_value(location->id);
		nulls[1] = location->mapping == PP_NONE;
		if (!nulls[1])
			values[1] = id_value(p->mappings[location->mapping].id);
		nulls[2] = location->address == 0;
		values[2] = address_value(location->address);
		put_lines(p, location, &values[3], &values[4], &values[5]);
		values[6] = BoolGetDatum(location->is_folded != 0);
		rows_put(&rows, values, nulls);
	}
	return rows_end(&rows);
}

Datum
pprof_functions(PG_FUNCTION_ARGS)
{
	PpProfile *p = PG_GETARG_PROFILE(0, core_arena_create());
	Rows rows;

	rows_begin(&rows, fcinfo);
	for (uint32_t i = 0; i < p->nfunctions; i++)
	{
		const PpFunction *function = &p->functions[i];
		Datum values[5] = {0};
		bool nulls[5] = {false};

		values[0] = id_value(function->id);
		put_text(&values[1], &nulls[1], pp_str(p, function->name));
		put_text(&values[2], &nulls[2], pp_str(p, function->system_name));
		put_text(&values[3], &nulls[3], pp_str(p, function->filename));
		put_number(&values[4], &nulls[4], function->start_line);
		rows_put(&rows, values, nulls);
	}
	return rows_end(&rows);
}

Datum
pprof_mappings(PG_FUNCTION_ARGS)
{
	PpProfile *p = PG_GETARG_PROFILE(0, core_arena_create());
	Rows rows;

	rows_begin(&rows, fcinfo);
	for (uint32_t i = 0; i < p->nmappings; i++)
	{
		const PpMapping *mapping = &p->mappings[i];
		Datum values[10] = {0};
		bool nulls[10] = {false};

		values[0] = id_value(mapping->id);
		values[1] = address_value(mapping->start);
		values[2] = address_value(mapping->limit);
		values[3] = address_value(mapping->offset);
		put_text(&values[4], &nulls[4], pp_str(p, mapping->filename));
		put_text(&values[5], &nulls[5], pp_str(p, mapping->build_id));
		values[6] = BoolGetDatum((mapping->flags & PP_HAS_FUNCTIONS) != 0);
		values[7] = BoolGetDatum((mapping->flags & PP_HAS_FILENAMES) != 0);
		values[8] = BoolGetDatum((mapping->flags & PP_HAS_LINE_NUMBERS) != 0);
		values[9] = BoolGetDatum((mapping->flags & PP_HAS_INLINE_FRAMES) != 0);
		rows_put(&rows, values, nulls);
	}
	return rows_end(&rows);
}
