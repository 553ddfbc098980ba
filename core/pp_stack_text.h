/*
 * pp_stack_text.h
 *		The stack being read, of formats that name frames from the root down.
 *
 * A key is the text of a stack: frames with ";" between.  It grows and shrinks at
 * its end; its frames become locations of a builder only when a sample needs
 * them, and then once, however many samples share them.
 */
#ifndef PP_STACK_TEXT_H
#define PP_STACK_TEXT_H

#include "core/pp_builder.h"

typedef struct PpStackText
{
	PpBuilder *builder;
	const PpAlloc *alloc;
	const PpLimits *limits;

	char *key;
	size_t len, cap_key;

	/* frames that end in a ";", root first */
	struct PpStackFrame
	{
		size_t start, end; /* in the key, without the ";" */
		uint32_t location; /* PP_NONE: not asked for yet */
	} * frames;
	uint32_t nframes, cap_frames;
	size_t open; /* where the frame begins that does not end yet */

	uint32_t *stack; /* leaf first, for the builder */
	uint32_t cap_stack;

	/* over all samples, those of equal stacks too: what was worked through */
	int64_t total_frames, total_bytes;
} PpStackText;

/* Where a key was, to come back to. */
typedef struct PpStackMark
{
	size_t len, open;
	uint32_t nframes;
} PpStackMark;

extern void pp_stack_text_init(PpStackText *s, PpBuilder *builder, PpArena *arena,
							   const PpLimits *limits);
extern void pp_stack_text_free(PpStackText *s);

/* These record what goes wrong in the builder, and return whether to go on. */
extern bool pp_stack_text_append(PpStackText *s, const char *bytes, size_t len, size_t offset);
extern bool pp_stack_text_end_frame(PpStackText *s, size_t offset);
/* A sample of this stack with one value; an unfinished frame is its leaf unless empty. */
extern bool pp_stack_text_sample(PpStackText *s, int64_t value, size_t offset);

static inline PpStackMark
pp_stack_text_mark(const PpStackText *s)
{
	return (PpStackMark){s->len, s->open, s->nframes};
}

static inline void
pp_stack_text_rewind(PpStackText *s, PpStackMark mark)
{
	s->len = mark.len;
	s->open = mark.open;
	s->nframes = mark.nframes;
}

#endif
