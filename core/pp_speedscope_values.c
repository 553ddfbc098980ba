/*
 * pp_speedscope_values.c
 *		Samples and events of a speedscope profile, to samples of ours.
 *
 * Events grow a call tree, whose nodes become samples when all of them are read:
 * work and memory follow the events, however deep the stacks are.
 */
#include "core/pp_speedscope_impl.h"

#include <inttypes.h>

#include "core/pp_text.h"

/* What lies between two points, both scope_rounded, so that neighbours add up to the whole. */
static bool
distance(PpJson *j, size_t at, const ScopeProfile *scope, __int128 from, __int128 to, int64_t *value)
{
	__int128 difference = scope_rounded(to) - scope_rounded(from);

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
read_frame_index(ScopeReader *r, PpJson *j, const ScopeProfile *scope, uint32_t *location)
{
	size_t at = scope_value_offset(j);
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
add_sample(ScopeReader *r, const ScopeProfile *scope, size_t at, const uint32_t *locations,
		   uint32_t n, int64_t value)
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
read_stack(ScopeReader *r, PpJson *j, const ScopeProfile *scope)
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
		if (!SCOPE_RESERVE(r, j, r->stack, r->cap_stack, r->nstack) ||
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
different_lengths(PpJson *j, const ScopeProfile *scope)
{
	return pp_json_fail(j,
						pp_json_offset(j),
						PP_EMALFORMED,
						"profile %u: \"samples\" and \"weights\" differ in length",
						scope->number);
}

/* One sample and its weight, if both lists go on. */
static bool
read_sample(ScopeReader *r, PpJson *j, PpJson *weights, const ScopeProfile *scope, __int128 *sum)
{
	__int128 before = *sum, weight;
	size_t at = pp_json_offset(j);
	int64_t value;
	bool more = pp_json_element(weights);

	if (more != pp_json_element(j))
		return j->code == PP_OK && weights->code == PP_OK && different_lengths(j, scope);
	if (!more || !read_stack(r, j, scope) || !scope_read_value(weights, scope, &weight))
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

bool
scope_read_samples(ScopeReader *r, const ScopeProfile *scope)
{
	PpJson samples, weights;
	__int128 sum = 0;

	pp_json_at(&samples, &r->doc, scope->samples);
	pp_json_at(&weights, &r->doc, scope->weights);
	if (pp_json_array(&samples) && pp_json_array(&weights))
		while (read_sample(r, &samples, &weights, scope, &sum))
			;
	scope_finish_json(r, &weights);
	return scope_finish_json(r, &samples);
}

/* --- events --- */

/* The node of a frame below another; made if there is none. */
static bool
find_node(ScopeReader *r, PpJson *j, uint32_t parent, uint32_t location, uint32_t *node)
{
	uint32_t hash = pp_table_fold(pp_table_mix(r->seed, (uint64_t) parent << 32 | location));
	size_t at = pp_table_first(&r->node_table, hash);

	while ((*node = pp_table_next(&r->node_table, hash, &at)) != PP_NONE)
		if (r->nodes[*node].parent == parent && r->nodes[*node].location == location)
			return true;
	if (!SCOPE_RESERVE(r, j, r->nodes, r->cap_nodes, r->nnodes))
		return false;
	if (!pp_table_reserve(&r->node_table, r->alloc))
		return scope_nomem(j);
	*node = r->nnodes++;
	r->nodes[*node] = (ScopeNode){parent, location, 0};
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
read_event(ScopeReader *r, PpJson *j, const ScopeProfile *scope, Event *event)
{
	bool has_type = false, has_frame = false, has_at = false;
	PpBytes key, type;

	event->offset = pp_json_offset(j);
	if (!pp_json_object(j))
		return false;
	while (pp_json_member(j, &key))
		if (scope_is(key, "type"))
		{
			has_type = pp_json_string(j, &type) && (scope_is(type, "O") || scope_is(type, "C"));
			event->open = has_type && scope_is(type, "O");
		}
		else if (scope_is(key, "frame"))
			has_frame = read_frame_index(r, j, scope, &event->location);
		else if (scope_is(key, "at"))
			has_at = scope_read_value(j, scope, &event->at);
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
pass_time(ScopeReader *r, PpJson *j, const ScopeProfile *scope, size_t offset, Place *place,
		  __int128 at)
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
apply_event(ScopeReader *r, PpJson *j, const ScopeProfile *scope, const Event *event, Place *place)
{
	const ScopeNode *node;

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
nodes_to_samples(ScopeReader *r, const ScopeProfile *scope)
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

bool
scope_read_events(ScopeReader *r, const ScopeProfile *scope)
{
	Place place = {0, 0, scope->start};
	uint32_t deepest = 0;
	Event event;
	PpJson j;

	pp_json_at(&j, &r->doc, scope->events);
	pp_table_free(&r->node_table, r->alloc);
	r->nnodes = 0;
	if (SCOPE_RESERVE(r, &j, r->nodes, r->cap_nodes, 0))
		r->nodes[r->nnodes++] = (ScopeNode){PP_NONE, PP_NONE, 0};
	if (j.code == PP_OK && pp_json_array(&j))
		while (pp_json_element(&j) && read_event(r, &j, scope, &event) &&
			   apply_event(r, &j, scope, &event, &place))
			if (place.depth > deepest)
				deepest = place.depth;
	/* what nobody closed is open to the end */
	if (j.code == PP_OK && scope->has_end && scope->end > place.at)
		pass_time(r, &j, scope, scope->events, &place, scope->end);
	while (r->cap_stack < deepest && SCOPE_RESERVE(r, &j, r->stack, r->cap_stack, r->cap_stack))
		;
	return scope_finish_json(r, &j) && nodes_to_samples(r, scope);
}
