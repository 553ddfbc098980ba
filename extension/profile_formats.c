/*
 * profile_formats.c
 *		Profiles from the bytes and texts of other tools, within the limits of the
 *		settings.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "core/pp_formats.h"
#include "core_glue.h"
#include "guc.h"
#include "pprof.h"
#include "profile_formats.h"

PPROF_FUNCTION(pprof_detect_format);
PPROF_FUNCTION(pprof_from_bytea);
PPROF_FUNCTION(pprof_from_bytea_format);
PPROF_FUNCTION(pprof_from_folded);
PPROF_FUNCTION(pprof_from_gperftools);
PPROF_FUNCTION(pprof_from_lines);
PPROF_FUNCTION(pprof_from_perf_script);
PPROF_FUNCTION(pprof_from_speedscope);
PPROF_FUNCTION(pprof_from_speedscope_jsonb);
PPROF_FUNCTION(pprof_from_tree);
PPROF_FUNCTION(pprof_from_trie);
PPROF_FUNCTION(pprof_validate);

/* Input as the core takes it. */
typedef struct Input
{
	const uint8_t *data;
	size_t len;
	bool packed; /* perhaps compressed: bytea, not text */
} Input;

static Input
input_of_bytea(bytea *bytes)
{
	return (Input){(const uint8_t *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), true};
}

static Input
input_of_text(const text *value)
{
	PpBytes bytes = core_bytes(value);

	return (Input){(const uint8_t *) bytes.data, bytes.len, false};
}

PpFormat
format_by_name(const text *name)
{
	PpFormat format;

	if (!pp_format_by_name((PpBytes){VARDATA_ANY(name), (uint32_t) VARSIZE_ANY_EXHDR(name)}, &format))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("unknown format \"%s\" of profiles", text_to_cstring(name)),
				errhint("Formats are " FORMAT_NAMES "."));
	return format;
}

static PpCode
read_input(PpFormat format, const PpFormatOptions *options, const Input *input, PpArena *arena,
		   PpProfile **profile, PpError *err)
{
	PpLimits limits;

	pprof_input_limits(&limits);
	if (input->packed)
		return pp_format_read(format, options, input->data, input->len, &limits, arena, profile, err);
	return pp_format_read_plain(format, options, input->data, input->len, &limits, arena, profile, err);
}

static Datum
make_profile(PpFormat format, const PpFormatOptions *options, Input input)
{
	PpArena *arena = core_arena_create();
	PpProfile *profile;
	Datum result;
	PpError err;

	CORE_CHECK(read_input(format, options, &input, arena, &profile, &err), &err);
	result = profile_to_datum(profile);
	pp_arena_free(arena);
	return result;
}

/* The arguments sample_type, unit, period, period_type, period_unit, as many as there are. */
static PpFormatOptions
options_from(FunctionCallInfo fcinfo, int first)
{
	PpFormatOptions options = {0};

	if (PG_NARGS() > first)
		options.sample_type = core_bytes(PG_GETARG_TEXT_PP(first));
	if (PG_NARGS() > first + 1)
		options.unit = core_bytes(PG_GETARG_TEXT_PP(first + 1));
	if (PG_NARGS() > first + 2)
		options.period = PG_GETARG_INT64(first + 2);
	if (PG_NARGS() > first + 3)
		options.period_type = core_bytes(PG_GETARG_TEXT_PP(first + 3));
	if (PG_NARGS() > first + 4)
		options.period_unit = core_bytes(PG_GETARG_TEXT_PP(first + 4));
	return options;
}

/* The cast. */
Datum
pprof_from_bytea(PG_FUNCTION_ARGS)
{
	return make_profile(PP_FORMAT_AUTO, NULL, input_of_bytea(PG_GETARG_BYTEA_PP(0)));
}

Datum
pprof_from_bytea_format(PG_FUNCTION_ARGS)
{
	PpFormatOptions options = options_from(fcinfo, 2);

	return make_profile(format_by_name(PG_GETARG_TEXT_PP(1)),
						&options,
						input_of_bytea(PG_GETARG_BYTEA_PP(0)));
}

static Datum
from_text(PpFormat format, FunctionCallInfo fcinfo)
{
	PpFormatOptions options = options_from(fcinfo, 1);

	return make_profile(format, &options, input_of_text(PG_GETARG_TEXT_PP(0)));
}

static Datum
from_bytes(PpFormat format, FunctionCallInfo fcinfo)
{
	PpFormatOptions options = options_from(fcinfo, 1);

	return make_profile(format, &options, input_of_bytea(PG_GETARG_BYTEA_PP(0)));
}

Datum
pprof_from_folded(PG_FUNCTION_ARGS)
{
	return from_text(PP_FORMAT_FOLDED, fcinfo);
}

Datum
pprof_from_lines(PG_FUNCTION_ARGS)
{
	return from_text(PP_FORMAT_LINES, fcinfo);
}

Datum
pprof_from_trie(PG_FUNCTION_ARGS)
{
	return from_bytes(PP_FORMAT_TRIE, fcinfo);
}

Datum
pprof_from_tree(PG_FUNCTION_ARGS)
{
	return from_bytes(PP_FORMAT_TREE, fcinfo);
}

Datum
pprof_from_speedscope(PG_FUNCTION_ARGS)
{
	return from_text(PP_FORMAT_SPEEDSCOPE, fcinfo);
}

Datum
pprof_from_speedscope_jsonb(PG_FUNCTION_ARGS)
{
	Jsonb *document = PG_GETARG_JSONB_P(0);
	PpFormatOptions options = options_from(fcinfo, 1);
	StringInfoData printed;

	initStringInfo(&printed);
	JsonbToCString(&printed, &document->root, VARSIZE(document));
	return make_profile(PP_FORMAT_SPEEDSCOPE,
						&options,
						input_of_text(cstring_to_text_with_len(printed.data, printed.len)));
}

Datum
pprof_from_perf_script(PG_FUNCTION_ARGS)
{
	return from_text(PP_FORMAT_PERF_SCRIPT, fcinfo);
}

Datum
pprof_from_gperftools(PG_FUNCTION_ARGS)
{
	return from_bytes(PP_FORMAT_GPERFTOOLS, fcinfo);
}

/* Whether an error is about the bytes; others are the server's, and raised. */
static void
raise_if_ours(const PpError *err)
{
	if (err->code == PP_ENOMEM || err->code == PP_ECANCELED)
		core_raise(err);
}

Datum
pprof_detect_format(PG_FUNCTION_ARGS)
{
	Input input = input_of_bytea(PG_GETARG_BYTEA_PP(0));
	PpArena *arena = core_arena_create();
	const uint8_t *plain;
	size_t plain_len;
	PpFormat format;
	PpLimits limits;
	PpError err;

	pprof_input_limits(&limits);
	switch (pp_format_unpack(input.data, input.len, &limits, arena, &plain, &plain_len, &err))
	{
		case PP_OK:
			break;
		case PP_EMALFORMED:
			PG_RETURN_NULL();
		default:
			core_raise(&err);
	}
	format = pp_format_detect(plain, plain_len);
	pp_arena_free(arena);
	if (format == PP_FORMAT_AUTO)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(pp_format_name(format)));
}

/* What from_bytea would complain about, or null. */
Datum
pprof_validate(PG_FUNCTION_ARGS)
{
	Input input = input_of_bytea(PG_GETARG_BYTEA_PP(0));
	PpFormat format = format_by_name(PG_GETARG_TEXT_PP(1));
	PpArena *arena = core_arena_create();
	PpProfile *profile;
	PpError err;
	char *reason;

	if (read_input(format, NULL, &input, arena, &profile, &err) == PP_OK)
		PG_RETURN_NULL();
	raise_if_ours(&err);
	reason = err.message;
	if (err.offset != PP_NO_OFFSET)
		reason = psprintf("%s (at byte %zu)", err.message, err.offset);
	PG_RETURN_TEXT_P(core_text(pp_bytes_cstr(reason)));
}
