/*
 * pp_speedscope.c
 *		Speedscope files to a profile.
 *
 * Members of JSON objects come in any order, so the first pass over the document
 * only finds where things are: the frames, then the head of each profile, then
 * what is in it.  A profile of events grows a call tree, whose nodes become
 * samples when all events are read: work and memory follow the events, however
 * deep the stacks are.
 */
#include "core/pp_speedscope.h"

#include <inttypes.h>
#include <string.h>

#include "core/pp_json_read.h"
#include "core/pp_table.h"
#include "core/pp_text.h"

#define SCHEMA "https://www.speedscope.app/file-format-schema.json"

typedef enum Kind
{
	KIND_COUNT,
	KIND_TIME,
	KIND_BYTES,
	KINDS
} Kind;

static const struct
{
	const char *type, *unit; /* of the column */
} kinds[KINDS] = {{"samples", "count"}, {"time", "nanoseconds"}, {"space", "bytes"}};

typedef struct Unit
{
	const char *name;
	Kind kind;
	int scale; /* power of ten that makes it the unit of the column */
} Unit;

static const Unit units[] = {{"none", KIND_COUNT, 0},
							 {"nanoseconds", KIND_TIME, 0},
							 {"microseconds", KIND_TIME, 3},
							 {"milliseconds", KIND_TIME, 6},
							 {"seconds", KIND_TIME, 9},
							 {"bytes", KIND_BYTES, 0}};

/* As a member of what an allocator hands out, which is aligned to 8 bytes only. */
typedef __int128 Wide __attribute__((aligned(8)));

/* The head of a profile; offsets are PP_NO_OFFSET where there is no such member. */
typedef struct Scope
{
	uint32_t number; /* in the file, from 1 */
	bool evented;
	const Unit *unit;
	PpBytes name; /* in the arena */
	Wide start, end;
	bool has_end;
	size_t events, samples, weights;
} Scope;

/* Of the call tree that events make; 0 is the root, which is no frame. */
typedef struct Node
{
	uint32_t parent, location;
	int64_t value;
} Node;

typedef struct Reader
{
	const PpFormatOptions *options;
	const PpLimits *limits;
	const PpAlloc *alloc;
	PpArena *arena;
	PpBuilder *builder;
	PpJson doc;

	uint32_t *frames; /* location of each */
	uint32_t nframes, cap_frames;
	Scope *scopes;
	uint32_t nscopes, cap_scopes;
	int column[KINDS]; /* -1: no profile of that kind */
	int ncolumns;
	bool labelled;

	uint32_t *stack;
	uint32_t nstack, cap_stack;
	Node *nodes;
	uint32_t nnodes, cap_nodes;
	PpTable node_table;
	uint64_t seed;
} Reader;

/* --- helpers --- */

static bool
is(PpBytes text, const char *cstr)
{
	return pp_bytes_eq(text, pp_bytes_cstr(cstr));
}

/* Done with a JSON reader: its error becomes that of all.  True to go on. */
static bool
finish_json(Reader *r, PpJson *j)
{
	if (j->code != PP_OK)
		pp_builder_fail(r->builder, &j->err);
	pp_json_free(j);
	return pp_builder_ok(r->builder);
}

static bool
fail_nomem(PpJson *j)
{
	return pp_json_fail(j, PP_NO_OFFSET, PP_ENOMEM, "out of memory");
}

/* The array with room for twice as many; NULL without memory. */
static void *
grow(Reader *r, void *array, uint32_t *cap, size_t size)
{
	uint32_t wanted = *cap == 0 ? 64 : *cap * 2;
	void *grown = NULL;

	if (*cap <= UINT32_MAX / 2)
		grown = r->alloc->resize(r->alloc->ctx, array, wanted * size);
	if (grown != NULL)
		*cap = wanted;
	return grown;
}

/* Room for one entry behind n. */
#define RESERVE(r, j, array, cap, n)                                                               \
	((n) < (cap) || ({                                                                             \
		 void *grown_ = grow((r), (array), &(cap), sizeof(*(array)));                              \
		 if (grown_ != NULL)                                                                       \
			 (array) = grown_;                                                                     \
		 else                                                                                      \
			 fail_nomem(j);                                                                        \
		 grown_ != NULL;                                                                           \
	 }))

/* Where the value begins that comes. */
static size_t
value_offset(PpJson *j)
{
	pp_json_peek(j);
	return pp_json_offset(j);
}

/* A number in a profile's unit. */
static bool
read_value(PpJson *j, const Scope *scope, __int128 *value)
{
	size_t at = value_offset(j);
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

static __int128
rounded(__int128 value)
{
	__int128 whole = value / PP_JSON_ONE, rest = value % PP_JSON_ONE;

	if (rest < 0)
	{
		rest += PP_JSON_ONE;
		whole--;
	}
	return whole + (rest * 2 >= PP_JSON_ONE);
}

/* What lies between two points, both rounded, so that neighbours add up to the whole. */
static bool
distance(PpJson *j, size_t at, const Scope *scope, __int128 from, __int128 to, int64_t *value)
{
	__int128 difference = rounded(to) - rounded(from);

	*value = (int64_t) difference;
	if (difference < INT64_MIN || difference > INT64_MAX)
		return pp_json_fail(j,
							at,
							PP_EOVERFLOW,
							"profile %u: a value is out of range for bigint",
							scope->number);
	return true;
}

/* The index of a frame, as the location it is. */
static bool
read_frame_index(Reader *r, PpJson *j, const Scope *scope, uint32_t *location)
{
	size_t at = value_offset(j);
	uint64_t index = 0;
	PpBytes number;

	if (!pp_json_number(j, &number))
		return false;
	for (uint32_t i = 0; i < number.len && index < r->nframes; i++)
		index = pp_is_digit(number.data[i]) ? index * 10 + (uint64_t) (number.data[i] - '0')
											: r->nframes;
	if (index >= r->nframes)
		return pp_json_fail(j,
							at,
							PP_EMALFORMED,
							"profile %u: there is no frame %.*s, only %u frames from 0",
							scope->number,
							(int) (number.len < 40 ? number.len : 40),
							number.data,
							r->nframes);
	*location = r->frames[index];
	return true;
}

/* --- samples --- */

/* A sample of the locations leaf first. */
static void
add_sample(Reader *r, const Scope *scope, size_t at, const uint32_t *locations, uint32_t n,
		   int64_t value)
{
	int64_t values[KINDS] = {0};
	PpLabel label = {0};

	values[r->column[scope->unit->kind]] = value;
	pp_builder_at(r->builder, at);
	if (r->labelled)
	{
		label.key = pp_builder_cstring(r->builder, "profile_name");
		label.str = pp_builder_string(r->builder, scope->name);
	}
	pp_builder_sample(r->builder, locations, n, values, &label, r->labelled);
}

/* The stack of a sample, leaf first. */
static bool
read_stack(Reader *r, PpJson *j, const Scope *scope)
{
	r->nstack = 0;
	if (!pp_json_array(j))
		return false;
	while (pp_json_element(j))
	{
		if (r->nstack >= r->limits->max_depth)
		{
			j->code = pp_fail_limit(&j->err,
									pp_json_offset(j),
									"max_depth",
									r->limits->max_depth,
									"profile %u: more than %" PRId64 " frames in a stack",
									scope->number,
									r->limits->max_depth);
			return false;
		}
		if (!RESERVE(r, j, r->stack, r->cap_stack, r->nstack) ||
			!read_frame_index(r, j, scope, &r->stack[r->nstack]))
			return false;
		r->nstack++;
	}
	for (uint32_t i = 0; i < r->nstack / 2; i++)
	{
		uint32_t swap = r->stack[i];

		r->stack[i] = r->stack[r->nstack - 1 - i];
		r->stack[r->nstack - 1 - i] = swap;
	}
	return j->code == PP_OK;
}

static bool
different_lengths(PpJson *j, const Scope *scope)
{
	return pp_json_fail(j,
						pp_json_offset(j),
						PP_EMALFORMED,
						"profile %u: \"samples\" and \"weights\" differ in length",
						scope->number);
}

/* One sample and its weight, if both lists go on. */
static bool
read_sample(Reader *r, PpJson *j, PpJson *weights, const Scope *scope, __int128 *sum)
{
	__int128 before = *sum, weight;
	size_t at = pp_json_offset(j);
	int64_t value;
	bool more = pp_json_element(weights);

	if (more != pp_json_element(j))
		return j->code == PP_OK && weights->code == PP_OK && different_lengths(j, scope);
	if (!more || !read_stack(r, j, scope) || !read_value(weights, scope, &weight))
		return false;
	if (weight < 0)
		return pp_json_fail(weights,
							pp_json_offset(weights),
							PP_EMALFORMED,
							"profile %u: a weight is negative",
							scope->number);
	if (__builtin_add_overflow(*sum, weight, sum))
		return pp_json_fail(weights,
							pp_json_offset(weights),
							PP_EOVERFLOW,
							"profile %u: the sum of the weights is out of range for bigint",
							scope->number);
	if (!distance(weights, pp_json_offset(weights), scope, before, *sum, &value))
		return false;
	add_sample(r, scope, at, r->stack, r->nstack, value);
	return pp_builder_ok(r->builder);
}

static bool
read_samples(Reader *r, const Scope *scope)
{
	PpJson samples, weights;
	__int128 sum = 0;

	pp_json_at(&samples, &r->doc, scope->samples);
	pp_json_at(&weights, &r->doc, scope->weights);
	if (pp_json_array(&samples) && pp_json_array(&weights))
		while (read_sample(r, &samples, &weights, scope, &sum))
			;
	finish_json(r, &weights);
	return finish_json(r, &samples);
}

/* --- events --- */

/* The node of a frame below another; made if there is none. */
static bool
find_node(Reader *r, PpJson *j, uint32_t parent, uint32_t location, uint32_t *node)
{
	uint32_t hash = pp_table_fold(pp_table_mix(r->seed, (uint64_t) parent << 32 | location));
	size_t at = pp_table_first(&r->node_table, hash);

	while ((*node = pp_table_next(&r->node_table, hash, &at)) != PP_NONE)
		if (r->nodes[*node].parent == parent && r->nodes[*node].location == location)
			return true;
	if (!RESERVE(r, j, r->nodes, r->cap_nodes, r->nnodes))
		return false;
	if (!pp_table_reserve(&r->node_table, r->alloc))
		return fail_nomem(j);
	*node = r->nnodes++;
	r->nodes[*node] = (Node){parent, location, 0};
	pp_table_insert(&r->node_table, hash, *node);
	return true;
}

typedef struct Event
{
	size_t offset;
	bool open;
	uint32_t location;
	__int128 at;
} Event;

static bool
read_event(Reader *r, PpJson *j, const Scope *scope, Event *event)
{
	bool has_type = false, has_frame = false, has_at = false;
	PpBytes key, type;

	event->offset = pp_json_offset(j);
	if (!pp_json_object(j))
		return false;
	while (pp_json_member(j, &key))
		if (is(key, "type"))
		{
			has_type = pp_json_string(j, &type) && (is(type, "O") || is(type, "C"));
			event->open = has_type && is(type, "O");
		}
		else if (is(key, "frame"))
			has_frame = read_frame_index(r, j, scope, &event->location);
		else if (is(key, "at"))
			has_at = read_value(j, scope, &event->at);
		else
			pp_json_skip(j);
	if (!has_type || !has_frame || !has_at)
		return pp_json_fail(j,
							event->offset,
							PP_EMALFORMED,
							"profile %u: an event needs \"type\" (O or C), \"frame\" and \"at\"",
							scope->number);
	return j->code == PP_OK;
}

/* Where the walk through the call tree is. */
typedef struct Place
{
	uint32_t node, depth;
	__int128 at;
} Place;

/* What has passed since the last event belongs to the open stack. */
static bool
pass_time(Reader *r, PpJson *j, const Scope *scope, size_t offset, Place *place, __int128 at)
{
	int64_t value, *sum = &r->nodes[place->node].value;

	if (at < place->at)
		return pp_json_fail(j,
							offset,
							PP_EMALFORMED,
							"profile %u: an event lies before the one before it",
							scope->number);
	if (!distance(j, offset, scope, place->at, at, &value))
		return false;
	if (place->node != 0 && __builtin_add_overflow(*sum, value, sum))
		return pp_json_fail(j,
							offset,
							PP_EOVERFLOW,
							"profile %u: the sum of the values is out of range for bigint",
							scope->number);
	place->at = at;
	return true;
}

static bool
apply_event(Reader *r, PpJson *j, const Scope *scope, const Event *event, Place *place)
{
	const Node *node;

	if (!pass_time(r, j, scope, event->offset, place, event->at))
		return false;
	if (event->open)
	{
		if (place->depth++ < r->limits->max_depth)
			return find_node(r, j, place->node, event->location, &place->node);
		j->code = pp_fail_limit(&j->err,
								event->offset,
								"max_depth",
								r->limits->max_depth,
								"profile %u: more than %" PRId64 " frames in a stack",
								scope->number,
								r->limits->max_depth);
		return false;
	}
	node = &r->nodes[place->node];
	if (place->node == 0 || node->location != event->location)
		return pp_json_fail(j,
							event->offset,
							PP_EMALFORMED,
							"profile %u: an event closes a frame that is not the innermost open one",
							scope->number);
	place->node = node->parent;
	place->depth--;
	return true;
}

/* The nodes with a value of their own, as samples. */
static bool
nodes_to_samples(Reader *r, const Scope *scope)
{
	for (uint32_t i = 1; i < r->nnodes && pp_builder_ok(r->builder); i++)
	{
		uint32_t n = 0;

		if (r->nodes[i].value == 0)
			continue;
		for (uint32_t node = i; node != 0; node = r->nodes[node].parent)
			r->stack[n++] = r->nodes[node].location;
		add_sample(r, scope, scope->events, r->stack, n, r->nodes[i].value);
	}
	return pp_builder_ok(r->builder);
}

static bool
read_events(Reader *r, const Scope *scope)
{
	Place place = {0, 0, scope->start};
	uint32_t deepest = 0;
	Event event;
	PpJson j;

	pp_json_at(&j, &r->doc, scope->events);
	pp_table_free(&r->node_table, r->alloc);
	r->nnodes = 0;
	if (RESERVE(r, &j, r->nodes, r->cap_nodes, 0))
		r->nodes[r->nnodes++] = (Node){PP_NONE, PP_NONE, 0};
	if (j.code == PP_OK && pp_json_array(&j))
		while (pp_json_element(&j) && read_event(r, &j, scope, &event) &&
			   apply_event(r, &j, scope, &event, &place))
			if (place.depth > deepest)
				deepest = place.depth;
	/* what nobody closed is open to the end */
	if (j.code == PP_OK && scope->has_end && scope->end > place.at)
		pass_time(r, &j, scope, scope->events, &place, scope->end);
	while (r->cap_stack < deepest && RESERVE(r, &j, r->stack, r->cap_stack, r->cap_stack))
		;
	return finish_json(r, &j) && nodes_to_samples(r, scope);
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
read_text(Reader *r, PpJson *j, uint32_t *string)
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
read_frame(Reader *r, PpJson *j)
{
	size_t at = pp_json_offset(j);
	uint32_t name = PP_NONE, file = 0;
	PpLine line = {0};
	PpBytes key;

	if (!pp_json_object(j) || !RESERVE(r, j, r->frames, r->cap_frames, r->nframes))
		return false;
	while (pp_json_member(j, &key))
		if (is(key, "name"))
			read_text(r, j, &name);
		else if (is(key, "file"))
			read_text(r, j, &file);
		else if (is(key, "line"))
			read_int(j, &line.line);
		else if (is(key, "col"))
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
read_frame_list(Reader *r, PpJson *j)
{
	if (pp_json_array(j))
		while (pp_json_element(j) && read_frame(r, j))
			;
}

static bool
read_frames(Reader *r, size_t shared)
{
	PpJson j;
	PpBytes key;

	pp_json_at(&j, &r->doc, shared);
	if (pp_json_object(&j))
		while (pp_json_member(&j, &key))
		{
			if (is(key, "frames"))
				read_frame_list(r, &j);
			else
				pp_json_skip(&j);
		}
	return finish_json(r, &j);
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
read_copy(Reader *r, PpJson *j, PpBytes *copy)
{
	PpBytes text;

	if (!pp_json_string(j, &text))
		return false;
	copy->data = pp_arena_copy(r->arena, text.data, text.len);
	copy->len = text.len;
	return copy->data != NULL || fail_nomem(j);
}

static bool
read_head(Reader *r, PpJson *j, Scope *scope, Head *head)
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
		if (is(key, "name"))
			read_copy(r, j, &scope->name);
		else if (is(key, "type"))
			read_copy(r, j, &head->type);
		else if (is(key, "unit"))
			read_copy(r, j, &head->unit);
		else
		{
			for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
				if (is(key, parts[i].name))
					*parts[i].offset = pp_json_offset(j);
			pp_json_skip(j);
		}
	return j->code == PP_OK;
}

static bool
check_unit(PpJson *j, size_t at, Scope *scope, PpBytes name)
{
	char quoted[32];

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (is(name, units[i].name))
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
check_type(PpJson *j, size_t at, Scope *scope, PpBytes type)
{
	char quoted[32];

	scope->evented = is(type, "evented");
	if (!scope->evented && !is(type, "sampled"))
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
read_bound(Reader *r, PpJson *j, const Scope *scope, size_t offset, Wide *value)
{
	__int128 read;
	PpJson at;
	bool good;

	if (offset == PP_NO_OFFSET)
		return true;
	pp_json_at(&at, &r->doc, offset);
	good = read_value(&at, scope, &read);
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
read_scope(Reader *r, PpJson *j)
{
	size_t at = pp_json_offset(j);
	Head head = {.start = PP_NO_OFFSET, .end = PP_NO_OFFSET};
	Scope scope = {.number = r->nscopes + 1,
				   .events = PP_NO_OFFSET,
				   .samples = PP_NO_OFFSET,
				   .weights = PP_NO_OFFSET};

	if (!RESERVE(r, j, r->scopes, r->cap_scopes, r->nscopes) || !read_head(r, j, &scope, &head) ||
		!check_unit(j, at, &scope, head.unit) || !check_type(j, at, &scope, head.type) ||
		!read_bound(r, j, &scope, head.start, &scope.start) ||
		!read_bound(r, j, &scope, head.end, &scope.end))
		return false;
	scope.has_end = head.end != PP_NO_OFFSET;
	if (r->column[scope.unit->kind] < 0)
		r->column[scope.unit->kind] = r->ncolumns++;
	r->scopes[r->nscopes++] = scope;

	const Scope *first = &r->scopes[0];

	if (!pp_bytes_eq(first->name, scope.name) || first->evented != scope.evented ||
		first->unit != scope.unit || first->start != scope.start)
		r->labelled = true;
	return true;
}

static bool
read_scopes(Reader *r, size_t profiles)
{
	PpJson j;

	pp_json_at(&j, &r->doc, profiles);
	if (pp_json_array(&j))
		while (pp_json_element(&j) && read_scope(r, &j))
			;
	return finish_json(r, &j);
}

/* --- the header of the result --- */

static bool
fail_option(Reader *r, const char *problem)
{
	PpError err;

	pp_fail(&err, PP_EINVALID, PP_NO_OFFSET, "%s", problem);
	pp_builder_fail(r->builder, &err);
	return false;
}

static bool
make_header(Reader *r)
{
	static const PpFormatOptions none;
	PpFormatOptions options = r->options != NULL ? *r->options : none;

	if (options.sample_type.len > 0 && r->ncolumns > 1)
		return fail_option(r, "sample_type cannot name the columns of profiles in different units");
	if (options.unit.len > 0 && (r->column[KIND_TIME] >= 0 || r->column[KIND_BYTES] >= 0))
		return fail_option(r, "unit is for profiles without one, and this file says its own");
	if (r->ncolumns <= 1)
	{
		Kind kind = r->column[KIND_TIME] >= 0	 ? KIND_TIME
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
		for (Kind kind = 0; kind < KINDS; kind++)
			if (r->column[kind] == column)
				pp_builder_type(r->builder, kinds[kind].type, kinds[kind].unit);
	pp_builder_period(r->builder, options.period_type, options.period_unit, options.period);
	return pp_builder_ok(r->builder);
}

/* The longest of the profiles, which run side by side. */
static void
set_duration(Reader *r)
{
	__int128 longest = 0;

	for (uint32_t i = 0; i < r->nscopes; i++)
	{
		const Scope *scope = &r->scopes[i];
		__int128 length = rounded(scope->end) - rounded(scope->start);

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
	top->schema = is(url, SCHEMA);
	return top->schema || pp_json_fail(j,
									   at,
									   PP_EMALFORMED,
									   "unknown schema \"%s\", not that of speedscope",
									   pp_quote_short(url, quoted, sizeof(quoted)));
}

static bool
read_top(Reader *r, Top *top)
{
	PpJson *j = &r->doc;
	PpBytes key;

	if (!pp_json_object(j))
		return false;
	while (pp_json_member(j, &key))
	{
		pp_json_peek(j);
		if (is(key, "$schema"))
		{
			check_schema(j, top);
			continue;
		}
		if (is(key, "shared"))
			top->shared = pp_json_offset(j);
		else if (is(key, "profiles"))
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
read_document(Reader *r)
{
	Top top = {false, PP_NO_OFFSET, PP_NO_OFFSET};

	read_top(r, &top);
	if (!finish_json(r, &r->doc) || !read_frames(r, top.shared) || !read_scopes(r, top.profiles) ||
		!make_header(r))
		return;
	set_duration(r);
	for (uint32_t i = 0; i < r->nscopes && pp_builder_ok(r->builder); i++)
		if (r->scopes[i].evented)
			read_events(r, &r->scopes[i]);
		else
			read_samples(r, &r->scopes[i]);
}

PpCode
pp_speedscope_read(const PpFormatOptions *options, const uint8_t *data, size_t len,
				   const PpLimits *limits, PpArena *arena, PpProfile **profile, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(arena);
	Reader r = {.options = options,
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
