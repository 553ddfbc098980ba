/*
 * pp_stack_text.c
 *		Keys of stacks: growing, shrinking, and samples of them.
 */
#include "core/pp_stack_text.h"

#include <inttypes.h>
#include <string.h>

void
pp_stack_text_init(PpStackText *s, PpBuilder *builder, PpArena *arena, const PpLimits *limits)
{
	memset(s, 0, sizeof(*s));
	s->builder = builder;
	s->alloc = pp_arena_allocator(arena);
	s->limits = limits;
}

void
pp_stack_text_free(PpStackText *s)
{
	s->alloc->release(s->alloc->ctx, s->key);
	s->alloc->release(s->alloc->ctx, s->frames);
	s->alloc->release(s->alloc->ctx, s->stack);
}

static bool
fail_nomem(PpStackText *s)
{
	PpError err;

	pp_fail_nomem(&err);
	pp_builder_fail(s->builder, &err);
	return false;
}

static bool
fail_limit(PpStackText *s, size_t offset, const char *setting, int64_t limit, const char *what)
{
	PpError err;

	pp_fail_limit(&err, offset, setting, limit, "more than %" PRId64 " %s", limit, what);
	pp_builder_fail(s->builder, &err);
	return false;
}

/* Room for one more frame, also in the stack that is made of them. */
static bool
reserve_frame(PpStackText *s)
{
	uint32_t cap = s->cap_frames == 0 ? 64 : s->cap_frames * 2;
	void *grown;

	if (s->nframes + 1 < s->cap_frames)
		return true;
	grown = s->alloc->resize(s->alloc->ctx, s->frames, cap * sizeof(*s->frames));
	if (grown == NULL)
		return fail_nomem(s);
	s->frames = grown;
	s->cap_frames = cap;
	grown = s->alloc->resize(s->alloc->ctx, s->stack, cap * sizeof(*s->stack));
	if (grown == NULL)
		return fail_nomem(s);
	s->stack = grown;
	return true;
}

bool
pp_stack_text_end_frame(PpStackText *s, size_t offset)
{
	if (s->nframes >= s->limits->max_depth)
		return fail_limit(s, offset, "max_depth", s->limits->max_depth, "frames in a stack");
	if (!reserve_frame(s))
		return false;
	s->frames[s->nframes++] = (struct PpStackFrame){s->open, s->len, PP_NONE};
	s->open = s->len;
	return true;
}

static bool
append_bytes(PpStackText *s, const char *bytes, size_t len)
{
	size_t cap = s->cap_key == 0 ? 4096 : s->cap_key * 2;
	char *grown;

	if (len == 0)
		return true;
	if (s->cap_key - s->len < len)
	{
		if (cap < s->len + len)
			cap = s->len + len;
		grown = s->alloc->resize(s->alloc->ctx, s->key, cap);
		if (grown == NULL)
			return fail_nomem(s);
		s->key = grown;
		s->cap_key = cap;
	}
	memcpy(s->key + s->len, bytes, len);
	s->len += len;
	return true;
}

bool
pp_stack_text_append(PpStackText *s, const char *bytes, size_t len, size_t offset)
{
	while (len > 0)
	{
		const char *end = memchr(bytes, ';', len);
		size_t part = end != NULL ? (size_t) (end - bytes) : len;

		if (!append_bytes(s, bytes, part))
			return false;
		if (end == NULL)
			break;
		if (!pp_stack_text_end_frame(s, offset))
			return false;
		bytes += part + 1;
		len -= part + 1;
		offset += part + 1;
	}
	return true;
}

static uint32_t
intern(PpStackText *s, size_t start, size_t end)
{
	size_t len = end - start;

	/* the builder counts in 32 bits; what does not fit there is too long anyway */
	if (len > (size_t) s->limits->max_string)
		len = (size_t) s->limits->max_string + 1;
	s->total_bytes += (int64_t) len;
	if (len == 0)
		return pp_builder_frame(s->builder, (PpBytes){"", 0});
	return pp_builder_frame(s->builder, (PpBytes){s->key + start, (uint32_t) len});
}

bool
pp_stack_text_sample(PpStackText *s, int64_t value, size_t offset)
{
	uint32_t n = 0;

	pp_builder_at(s->builder, offset);
	if (!reserve_frame(s))
		return false;
	if (s->len > s->open)
	{
		if (s->nframes >= s->limits->max_depth)
			return fail_limit(s, offset, "max_depth", s->limits->max_depth, "frames in a stack");
		s->stack[n++] = intern(s, s->open, s->len);
	}
	for (uint32_t i = s->nframes; i > 0; i--)
	{
		struct PpStackFrame *frame = &s->frames[i - 1];

		if (frame->location == PP_NONE)
			frame->location = intern(s, frame->start, frame->end);
		s->stack[n++] = frame->location;
	}
	s->total_frames += n;
	if (s->total_frames > s->limits->max_total_frames)
		return fail_limit(s,
						  offset,
						  "max_total_frames",
						  s->limits->max_total_frames,
						  "frames in all stacks together");
	if (s->total_bytes > s->limits->max_profile_size)
		return fail_limit(s,
						  offset,
						  "max_profile_size",
						  s->limits->max_profile_size,
						  "bytes in the names of frames");
	pp_builder_sample(s->builder, s->stack, n, &value, NULL, 0);
	return pp_builder_ok(s->builder);
}
