/*
 * pp_speedscope.c
 *		Speedscope files to a profile.
 *
 * Members of JSON objects come in any order, so the first pass over the document
 * only finds where things are: the frames, then the head of each profile, then
 * what is in it (pp_speedscope_values.c).
 */
#include "core/pp_speedscope_impl.h"

#include <string.h>

#include "core/pp_text.h"

#define SCHEMA "https://www.speedscope.app/file-format-schema.json"

static const struct
{
	const char *type, *unit; /* of the column */
} kinds[KINDS] = {{"samples", "count"}, {"time", "nanoseconds"}, {"space", "bytes"}};

static const ScopeUnit units[] = {{"none", KIND_COUNT, 0},
								  {"nanoseconds", KIND_TIME, 0},
								  {"microseconds", KIND_TIME, 3},
								  {"milliseconds", KIND_TIME, 6},
								  {"seconds", KIND_TIME, 9},
								  {"bytes", KIND_BYTES, 0}};

/* --- helpers --- */

/* Done with a JSON reader: its error becomes that of all.  True to go on. */
bool
scope_finish_json(ScopeReader *r, PpJson *j)
{
	if (j->code != PP_OK)
		pp_builder_fail(r->builder, &j->err);
	pp_json_free(j);
	return pp_builder_ok(r->builder);
}

bool
scope_nomem(PpJson *j)
{
	return pp_json_fail(j, PP_NO_OFFSET, PP_ENOMEM, "out of memory");
}

/* The array with room for twice as many; NULL without memory. */
void *
scope_grow(ScopeReader *r, void *array, uint32_t *cap, size_t size)
{
	uint32_t wanted = *cap == 0 ? 64 : *cap * 2;
	void *grown = NULL;

	if (*cap <= UINT32_MAX / 2)
		grown = r->alloc->resize(r->alloc->ctx, array, wanted * size);
	if (grown != NULL)
		*cap = wanted;
	return grown;
}

/* A number in a profile's unit. */
bool
scope_read_value(PpJson *j, const ScopeProfile *scope, __int128 *value)
{
	size_t at = scope_value_offset(j);
	PpBytes number;

	if (!pp_json_number(j, &number))
		return false;
	if (!pp_json_decimal(number, scope->unit->scale, value))
		return pp_json_fail(j,
							at,
							PP_EOVERFLOW,
							"profile %u: %.*s %s are out of range for bigint",
							scope->number,
							(int) (number.len < 40 ? number.len : 40),
							number.data,
							scope->unit->name);
	if (scope->unit->kind != KIND_TIME && *value % PP_JSON_ONE != 0)
		return pp_json_fail(j,
							at,
							PP_EMALFORMED,
							"profile %u: the value %.*s is not a whole number, which values in unit \"%s\" must be",
							scope->number,
							(int) (number.len < 40 ? number.len : 40),
							number.data,
							scope->unit->name);
	return true;
}

__int128
scope_rounded(__int128 value)
{
	__int128 whole = value / PP_JSON_ONE, rest = value % PP_JSON_ONE;

	if (rest < 0)
	{
		rest += PP_JSON_ONE;
		whole--;
	}
	return whole + (rest * 2 >= PP_JSON_ONE);
}

/* --- frames --- */

/* A whole number, or null for 0. */
static bool
read_int(PpJson *j, int64_t *value)
{
	size_t at;
	__int128 decimal;
	PpBytes number;

	*value = 0;
	if (pp_json_peek(j) == 'n')
		return pp_json_null(j);
	at = pp_json_offset(j);
	if (!pp_json_number(j, &number))
		return false;
	if (!pp_json_decimal(number, 0, &decimal) || decimal % PP_JSON_ONE != 0 ||
		decimal / PP_JSON_ONE > INT64_MAX || decimal / PP_JSON_ONE < INT64_MIN)
		return pp_json_fail(j, at, PP_EMALFORMED, "line and column of a frame must be whole numbers");
	*value = (int64_t) (decimal / PP_JSON_ONE);
	return true;
}

/* A string of the builder, or null for the empty one. */
static bool
read_text(ScopeReader *r, PpJson *j, uint32_t *string)
{
	size_t at;
	PpBytes text;

	*string = 0;
	if (pp_json_peek(j) == 'n')
		return pp_json_null(j);
	at = pp_json_offset(j);
	if (!pp_json_string(j, &text))
		return false;
	pp_builder_at(r->builder, at);
	*string = pp_builder_string(r->builder, text);
	return pp_builder_ok(r->builder);
}

static bool
read_frame(ScopeReader *r, PpJson *j)
{
	size_t at = pp_json_offset(j);
	uint32_t name = PP_NONE, file = 0;
	PpLine line = {0};
	PpBytes key;

	if (!pp_json_object(j) || !SCOPE_RESERVE(r, j, r->frames, r->cap_frames, r->nframes))
		return false;
	while (pp_json_member(j, &key))
		if (scope_is(key, "name"))
			read_text(r, j, &name);
		else if (scope_is(key, "file"))
			read_text(r, j, &file);
		else if (scope_is(key, "line"))
			read_int(j, &line.line);
		else if (scope_is(key, "col"))
			read_int(j, &line.column);
		else
			pp_json_skip(j);
	if (j->code != PP_OK || !pp_builder_ok(r->builder))
		return false;
	if (name == PP_NONE)
		return pp_json_fail(j, at, PP_EMALFORMED, "frame %u has no \"name\"", r->nframes);
	pp_builder_at(r->builder, at);
	line.function = pp_builder_function(r->builder, name, name, file, 0);
	r->frames[r->nframes++] = pp_builder_location(r->builder, PP_NONE, 0, &line, 1);
	return pp_builder_ok(r->builder);
}

static void
read_frame_list(ScopeReader *r, PpJson *j)
{
	if (pp_json_array(j))
		while (pp_json_element(j) && read_frame(r, j))
			;
}

static bool
read_frames(ScopeReader *r, size_t shared)
{
	PpJson j;
	PpBytes key;

	pp_json_at(&j, &r->doc, shared);
	if (pp_json_object(&j))
		while (pp_json_member(&j, &key))
		{
			if (scope_is(key, "frames"))
				read_frame_list(r, &j);
			else
				pp_json_skip(&j);
		}
	return scope_finish_json(r, &j);
}

/* --- heads of profiles --- */

/* What is found in a profile before its unit is known. */
typedef struct Head
{
	PpBytes type, unit; /* in the arena */
	size_t start, end;	/* offsets */
} Head;

/* A string in the arena. */
static bool
read_copy(ScopeReader *r, PpJson *j, PpBytes *copy)
{
	PpBytes text;

	if (!pp_json_string(j, &text))
		return false;
	copy->data = pp_arena_copy(r->arena, text.data, text.len);
	copy->len = text.len;
	return copy->data != NULL || scope_nomem(j);
}

static bool
read_head(ScopeReader *r, PpJson *j, ScopeProfile *scope, Head *head)
{
	struct
	{
		const char *name;
		size_t *offset;
	} parts[] = {{"startValue", &head->start},
				 {"endValue", &head->end},
				 {"events", &scope->events},
				 {"samples", &scope->samples},
				 {"weights", &scope->weights}};
	PpBytes key;

	if (!pp_json_object(j))
		return false;
	while (pp_json_member(j, &key))
		if (scope_is(key, "name"))
			read_copy(r, j, &scope->name);
		else if (scope_is(key, "type"))
			read_copy(r, j, &head->type);
		else if (scope_is(key, "unit"))
			read_copy(r, j, &head->unit);
		else
		{
			for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
				if (scope_is(key, parts[i].name))
					*parts[i].offset = pp_json_offset(j);
			pp_json_skip(j);
		}
	return j->code == PP_OK;
}

static bool
check_unit(PpJson *j, size_t at, ScopeProfile *scope, PpBytes name)
{
	char quoted[32];

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (scope_is(name, units[i].name))
			scope->unit = &units[i];
	if (scope->unit != NULL)
		return true;
	return pp_json_fail(j,
						at,
						PP_EMALFORMED,
						"profile %u: unit \"%s\" is none of none, nanoseconds, microseconds, milliseconds, seconds, bytes",
						scope->number,
						pp_quote_short(name, quoted, sizeof(quoted)));
}

static bool
check_type(PpJson *j, size_t at, ScopeProfile *scope, PpBytes type)
{
	char quoted[32];

	scope->evented = scope_is(type, "evented");
	if (!scope->evented && !scope_is(type, "sampled"))
		return pp_json_fail(j,
							at,
							PP_EMALFORMED,
							"profile %u: type \"%s\" is neither evented nor sampled",
							scope->number,
							pp_quote_short(type, quoted, sizeof(quoted)));
	if (scope->evented ? scope->events == PP_NO_OFFSET
					   : scope->samples == PP_NO_OFFSET || scope->weights == PP_NO_OFFSET)
		return pp_json_fail(j,
							at,
							PP_EMALFORMED,
							"profile %u has no %s",
							scope->number,
							scope->evented ? "\"events\"" : "\"samples\", or no \"weights\"");
	return true;
}

/* startValue or endValue. */
static bool
read_bound(ScopeReader *r, PpJson *j, const ScopeProfile *scope, size_t offset, ScopeWide *value)
{
	__int128 read;
	PpJson at;
	bool good;

	if (offset == PP_NO_OFFSET)
		return true;
	pp_json_at(&at, &r->doc, offset);
	good = scope_read_value(&at, scope, &read);
	if (good)
		*value = read;
	if (!good && j->code == PP_OK)
	{
		j->code = at.code;
		j->err = at.err;
	}
	return good;
}

static bool
read_scope(ScopeReader *r, PpJson *j)
{
	size_t at = pp_json_offset(j);
	Head head = {.start = PP_NO_OFFSET, .end = PP_NO_OFFSET};
	ScopeProfile scope = {.number = r->nscopes + 1,
						  .events = PP_NO_OFFSET,
						  .samples = PP_NO_OFFSET,
						  .weights = PP_NO_OFFSET};

	if (!SCOPE_RESERVE(r, j, r->scopes, r->cap_scopes, r->nscopes) ||
		!read_head(r, j, &scope, &head) || !check_unit(j, at, &scope, head.unit) ||
		!check_type(j, at, &scope, head.type) || !read_bound(r, j, &scope, head.start, &scope.start) ||
		!read_bound(r, j, &scope, head.end, &scope.end))
		return false;
	scope.has_end = head.end != PP_NO_OFFSET;
	if (r->column[scope.unit->kind] < 0)
		r->column[scope.unit->kind] = r->ncolumns++;
	r->scopes[r->nscopes++] = scope;

	const ScopeProfile *first = &r->scopes[0];

	if (!pp_bytes_eq(first->name, scope.name) || first->evented != scope.evented ||
		first->unit != scope.unit || first->start != scope.start)
		r->labelled = true;
	return true;
}

static bool
read_scopes(ScopeReader *r, size_t profiles)
{
	PpJson j;

	pp_json_at(&j, &r->doc, profiles);
	if (pp_json_array(&j))
		while (pp_json_element(&j) && read_scope(r, &j))
			;
	return scope_finish_json(r, &j);
}

/* --- the header of the result --- */

static bool
fail_option(ScopeReader *r, const char *problem)
{
	PpError err;

	pp_fail(&err, PP_EINVALID, PP_NO_OFFSET, "%s", problem);
	pp_builder_fail(r->builder, &err);
	return false;
}

static bool
make_header(ScopeReader *r)
{
	static const PpFormatOptions none;
	PpFormatOptions options = r->options != NULL ? *r->options : none;

	if (options.sample_type.len > 0 && r->ncolumns > 1)
		return fail_option(r, "sample_type cannot name the columns of profiles in different units");
	if (options.unit.len > 0 && (r->column[KIND_TIME] >= 0 || r->column[KIND_BYTES] >= 0))
		return fail_option(r, "unit is for profiles without one, and this file says its own");
	if (r->ncolumns <= 1)
	{
		ScopeKind kind = r->column[KIND_TIME] >= 0	  ? KIND_TIME
						 : r->column[KIND_BYTES] >= 0 ? KIND_BYTES
													  : KIND_COUNT;

		if (options.sample_type.len == 0)
			options.sample_type = pp_bytes_cstr(kinds[kind].type);
		if (options.unit.len == 0)
			options.unit = pp_bytes_cstr(kinds[kind].unit);
		pp_format_header(r->builder, &options);
		return pp_builder_ok(r->builder);
	}
	for (int column = 0; column < r->ncolumns; column++)
		for (ScopeKind kind = 0; kind < KINDS; kind++)
			if (r->column[kind] == column)
				pp_builder_type(r->builder, kinds[kind].type, kinds[kind].unit);
	pp_builder_period(r->builder, options.period_type, options.period_unit, options.period);
	return pp_builder_ok(r->builder);
}

/* The longest of the profiles, which run side by side. */
static void
set_duration(ScopeReader *r)
{
	__int128 longest = 0;

	for (uint32_t i = 0; i < r->nscopes; i++)
	{
		const ScopeProfile *scope = &r->scopes[i];
		__int128 length = scope_rounded(scope->end) - scope_rounded(scope->start);

		if (scope->has_end && scope->unit->kind == KIND_TIME && length > longest)
			longest = length;
	}
	if (longest <= INT64_MAX)
		pp_builder_time(r->builder, 0, (int64_t) longest);
}

/* --- the document --- */

typedef struct Top
{
	bool schema;
	size_t shared, profiles;
} Top;

static bool
check_schema(PpJson *j, Top *top)
{
	size_t at = pp_json_offset(j);
	char quoted[80];
	PpBytes url;

	if (!pp_json_string(j, &url))
		return false;
	top->schema = scope_is(url, SCHEMA);
	return top->schema || pp_json_fail(j,
									   at,
									   PP_EMALFORMED,
									   "unknown schema \"%s\", not that of speedscope",
									   pp_quote_short(url, quoted, sizeof(quoted)));
}

static bool
read_top(ScopeReader *r, Top *top)
{
	PpJson *j = &r->doc;
	PpBytes key;

	if (!pp_json_object(j))
		return false;
	while (pp_json_member(j, &key))
	{
		pp_json_peek(j);
		if (scope_is(key, "$schema"))
		{
			check_schema(j, top);
			continue;
		}
		if (scope_is(key, "shared"))
			top->shared = pp_json_offset(j);
		else if (scope_is(key, "profiles"))
			top->profiles = pp_json_offset(j);
		pp_json_skip(j);
	}
	if (!pp_json_end(j))
		return false;
	if (!top->schema)
		return pp_json_fail(j,
							0,
							PP_EMALFORMED,
							"this JSON is no speedscope file: its \"$schema\" is missing");
	if (top->shared == PP_NO_OFFSET || top->profiles == PP_NO_OFFSET)
		return pp_json_fail(j, 0, PP_EMALFORMED, "speedscope file has no \"shared\" or no \"profiles\"");
	return true;
}

static void
read_document(ScopeReader *r)
{
	Top top = {false, PP_NO_OFFSET, PP_NO_OFFSET};

	read_top(r, &top);
	if (!scope_finish_json(r, &r->doc) || !read_frames(r, top.shared) ||
		!read_scopes(r, top.profiles) || !make_header(r))
		return;
	set_duration(r);
	for (uint32_t i = 0; i < r->nscopes && pp_builder_ok(r->builder); i++)
		if (r->scopes[i].evented)
			scope_read_events(r, &r->scopes[i]);
		else
			scope_read_samples(r, &r->scopes[i]);
}

PpCode
pp_speedscope_read(const PpFormatOptions *options, const uint8_t *data, size_t len,
				   const PpLimits *limits, PpArena *arena, PpProfile **profile, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(arena);
	ScopeReader r = {.options = options,
					 .limits = limits,
					 .alloc = alloc,
					 .arena = arena,
					 .builder = pp_builder_new(arena, limits),
					 .column = {-1, -1, -1},
					 .seed = pp_table_seed()};
	bool mark = len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0;
	PpCode code;

	*profile = NULL;
	if (r.builder == NULL)
		return pp_fail_nomem(err);
	pp_json_init(&r.doc, data, len, alloc);
	r.doc.p += mark ? 3 : 0;
	read_document(&r);
	alloc->release(alloc->ctx, r.frames);
	alloc->release(alloc->ctx, r.scopes);
	alloc->release(alloc->ctx, r.stack);
	alloc->release(alloc->ctx, r.nodes);
	pp_table_free(&r.node_table, alloc);
	code = pp_builder_finish(r.builder, profile, err);
	pp_builder_free(r.builder);
	return code;
}
