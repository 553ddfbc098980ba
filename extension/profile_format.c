/*
 * profile_format.c
 *		Numbers and names as the pprof tool prints them.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "core/pp_measure.h"
#include "core/pp_short_name.h"
#include "core_glue.h"
#include "pprof.h"

PPROF_FUNCTION(pprof_format_percentage);
PPROF_FUNCTION(pprof_format_value);
PPROF_FUNCTION(pprof_shorten);

Datum
pprof_format_value(PG_FUNCTION_ARGS)
{
	PpMeasured value = pp_measure_label(PG_GETARG_INT64(0),
										core_bytes(PG_GETARG_TEXT_PP(1)),
										core_bytes(PG_GETARG_TEXT_PP(2)));
	PpBuf out;
	PpError err;

	pp_buf_init(&out, core_alloc_create(CurrentMemoryContext));
	pp_buf_measured(&out, &value, 0);
	CORE_CHECK(pp_buf_check(&out, &err), &err);
	PG_RETURN_TEXT_P(core_text((PpBytes){out.data, (uint32_t) out.len}));
}

/* Without the blanks that align it in a table. */
Datum
pprof_format_percentage(PG_FUNCTION_ARGS)
{
	char text[PP_PERCENTAGE_SIZE];

	pp_measure_percentage(text, PG_GETARG_INT64(0), PG_GETARG_INT64(1));
	PG_RETURN_TEXT_P(cstring_to_text(text + strspn(text, " ")));
}

Datum
pprof_shorten(PG_FUNCTION_ARGS)
{
	PpBytes name;
	PpError err;

	CORE_CHECK(pp_short_name(core_bytes(PG_GETARG_TEXT_PP(0)), core_arena_create(), &name, &err),
			   &err);
	PG_RETURN_TEXT_P(core_text(name));
}
