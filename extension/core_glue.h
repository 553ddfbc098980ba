/*
 * core_glue.h
 *		Between the core and the backend: allocator, errors, interrupts, regular
 *		expressions, label sets.
 */
#ifndef CORE_GLUE_H
#define CORE_GLUE_H

#include "core/pp_labels.h"
#include "core/pp_profile.h"
#include "utils/jsonb.h"
#include "utils/palloc.h"

/*
 * A PpAlloc over a memory context: NULL instead of a throw, poll() true when an
 * interrupt waits.  Lives as long as the context.
 */
extern PpAlloc *core_alloc_create(MemoryContext context);

/*
 * Arena in the current memory context; freed with it (nothing to clean up).
 * Raises ERROR without memory.
 */
extern PpArena *core_arena_create(void);

/* Raise err as ERROR with its SQLSTATE, byte offset and setting.  Services interrupts first. */
extern void core_raise(const PpError *err) __attribute__((noreturn));
/* SQLSTATE of a code: 22P03, 0A000, 54000, 22003, 22023, 2201B, 53200, 57014. */
extern int core_sqlstate(PpCode code);

#define CORE_CHECK(call, err)                                                                      \
	do                                                                                             \
	{                                                                                              \
		if ((call) != PP_OK)                                                                       \
			core_raise(err);                                                                       \
	} while (0)

/*
 * The server's own engine (ARE, C collation), RE2 spellings translated, texts in
 * UTF-8.  A compiled expression lives in the memory context that was current at
 * compile().  match() never raises (but for a cancel): text that is not valid is
 * no match.  core_regex matches whole texts, as selectors do; core_regex_search
 * looks anywhere in the text, as filters of profiles do.
 */
extern const PpRegex *core_regex(void);
extern const PpRegex *core_regex_search(void);

/*
 * The texts that an expression from core_regex() consists of, if it is nothing
 * but alternatives without special characters; 0 otherwise.
 */
extern uint32 core_regex_literals(const void *regex, const PpBytes **literals);

/* Labels of a jsonb object of strings; normalised; ERROR 22023 on anything else. */
extern void core_labels_from_jsonb(Jsonb *jsonb, PpArena *arena, PpLabelSet *labels);
extern Jsonb *core_labels_to_jsonb(const PpLabelSet *labels);

/* Profile strings are bytes: invalid UTF-8 and NUL become U+FFFD, then server encoding. */
extern text *core_text(PpBytes bytes);
/* The other way: a text argument as UTF-8, in the current memory context. */
extern PpBytes core_bytes(const text *value);

#endif
