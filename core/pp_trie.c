/*
 * pp_trie.c
 *		Tries and trees of stacks, walked with a stack of our own.
 */
#include "core/pp_trie.h"

#include <inttypes.h>
#include <string.h>

#include "core/pp_stack_text.h"

/* A node some of whose children are still to come. */
typedef struct OpenNode
{
	PpStackMark mark; /* the key with the node's name */
	uint64_t left;
} OpenNode;

typedef struct Walk
{
	const uint8_t *data, *p, *end;
	const PpLimits *limits;
	const PpAlloc *alloc;
	PpBuilder *builder;
	PpStackText key;
	OpenNode *open; /* the root first; it stays to the end */
	uint32_t nopen, cap_open;
	bool whole_frames; /* a tree */
} Walk;

static bool
fail(Walk *w, const uint8_t *at, PpCode code, const char *problem)
{
	PpError err;

	pp_fail(&err, code, (size_t) (at - w->data), "%s", problem);
	pp_builder_fail(w->builder, &err);
	return false;
}

static bool
read_number(Walk *w, uint64_t *value)
{
	const uint8_t *at = w->p;

	*value = 0;
	for (int shift = 0; w->p < w->end; shift += 7)
	{
		uint8_t byte = *w->p++;

		/* the tenth byte has room for one bit */
		if (shift > 63 || (shift == 63 && byte > 1))
			return fail(w, at, PP_EMALFORMED, "a number of the node has more than 64 bits");
		*value |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
			return true;
	}
	return fail(w, at, PP_EMALFORMED, "input ends inside a node");
}

/* Append the name of the node at hand to the key. */
static bool
read_name(Walk *w)
{
	const uint8_t *at = w->p;
	uint64_t len;

	if (!read_number(w, &len))
		return false;
	if (len > (uint64_t) (w->end - w->p))
		return fail(w, at, PP_EMALFORMED, "input ends inside the name of a node");
	if (w->whole_frames && w->nopen == 0)
		return len == 0 || fail(w, at, PP_EMALFORMED, "the root of a tree must have no name");
	if (!pp_stack_text_append(&w->key, (const char *) w->p, len, (size_t) (w->p - w->data)))
		return false;
	w->p += len;
	return !w->whole_frames || pp_stack_text_end_frame(&w->key, (size_t) (at - w->data));
}

/* A sample of the node at hand, if it has a value. */
static bool
read_value(Walk *w)
{
	const uint8_t *at = w->p;
	uint64_t value;

	if (!read_number(w, &value))
		return false;
	if (value > INT64_MAX)
		return fail(w, at, PP_EOVERFLOW, "value of a node is out of range for bigint");
	return value == 0 || pp_stack_text_sample(&w->key, (int64_t) value, (size_t) (at - w->data));
}

static bool
push(Walk *w, uint64_t children)
{
	if (w->nopen == w->cap_open)
	{
		uint32_t cap = w->cap_open == 0 ? 64 : w->cap_open * 2;
		OpenNode *grown = w->alloc->resize(w->alloc->ctx, w->open, cap * sizeof(OpenNode));

		if (grown == NULL)
			return fail(w, w->p, PP_ENOMEM, "out of memory");
		w->open = grown;
		w->cap_open = cap;
	}
	w->open[w->nopen++] = (OpenNode){pp_stack_text_mark(&w->key), children};
	return true;
}

static bool
read_children(Walk *w)
{
	uint64_t children;
	PpError err;

	if (!read_number(w, &children))
		return false;
	if (children == 0 && w->nopen > 0)
		return true;
	if (w->nopen > w->limits->max_frames)
	{
		pp_fail_limit(&err,
					  (size_t) (w->p - w->data),
					  "max_frames",
					  w->limits->max_frames,
					  "nodes are nested more than %" PRId64 " deep",
					  w->limits->max_frames);
		pp_builder_fail(w->builder, &err);
		return false;
	}
	return push(w, children);
}

/*
 * Make the key that of the next node's parent; false if no node is announced.
 * Of a trie, the root takes whatever comes.
 */
static bool
enter_parent(Walk *w)
{
	while (w->nopen > 1 && w->open[w->nopen - 1].left == 0)
		w->nopen--;
	if (w->nopen == 0)
		return true;

	OpenNode *parent = &w->open[w->nopen - 1];

	pp_stack_text_rewind(&w->key, parent->mark);
	if (parent->left > 0)
		parent->left--;
	else if (w->whole_frames)
		return false;
	return true;
}

static void
walk(Walk *w)
{
	uint32_t ticks = 0;

	while (w->whole_frames || w->p < w->end)
	{
		if (!enter_parent(w) || !read_name(w) || !read_value(w) || !read_children(w))
			return;
		if (++ticks % 4096 == 0 && pp_poll(w->alloc))
		{
			fail(w, w->p, PP_ECANCELED, "canceled");
			return;
		}
	}
}

static PpCode
read_nodes(const PpFormatOptions *options, const uint8_t *data, size_t len, const PpLimits *limits,
		   PpArena *arena, PpProfile **profile, PpError *err, bool whole_frames)
{
	Walk w = {.data = data,
			  .p = data,
			  .end = data + len,
			  .limits = limits,
			  .alloc = pp_arena_allocator(arena),
			  .builder = pp_builder_new(arena, limits),
			  .whole_frames = whole_frames};
	PpCode code;

	*profile = NULL;
	if (w.builder == NULL)
		return pp_fail_nomem(err);
	pp_stack_text_init(&w.key, w.builder, arena, limits);
	pp_format_header(w.builder, options);
	if (pp_builder_ok(w.builder))
		walk(&w);
	pp_stack_text_free(&w.key);
	w.alloc->release(w.alloc->ctx, w.open);
	code = pp_builder_finish(w.builder, profile, err);
	pp_builder_free(w.builder);
	return code;
}

PpCode
pp_trie_read(const PpFormatOptions *options, const uint8_t *data, size_t len,
			 const PpLimits *limits, PpArena *arena, PpProfile **profile, PpError *err)
{
	return read_nodes(options, data, len, limits, arena, profile, err, false);
}

PpCode
pp_tree_read(const PpFormatOptions *options, const uint8_t *data, size_t len,
			 const PpLimits *limits, PpArena *arena, PpProfile **profile, PpError *err)
{
	return read_nodes(options, data, len, limits, arena, profile, err, true);
}
