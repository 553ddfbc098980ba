/*
 * pp_builder.h
 *		A profile made from nothing, for readers of formats other than profile.proto.
 *
 * Everything is interned: equal strings, functions, mappings and locations exist
 * once, and the values of samples with equal stacks and labels add up.  Limits
 * are checked while building.
 *
 * The first error sticks: from then on every call gives PP_NONE (or nothing) and
 * has no effect, and pp_builder_finish() returns it.  A reader need not check
 * each call, but should ask pp_builder_ok() once per record.
 */
#ifndef PP_BUILDER_H
#define PP_BUILDER_H

#include "core/pp_profile.h"

typedef struct PpBuilder PpBuilder;

/*
 * The profile will live in the arena; what building needs besides comes from the
 * arena's allocator.  limits must outlive the builder.  NULL without memory.
 */
extern PpBuilder *pp_builder_new(PpArena *arena, const PpLimits *limits);
extern void pp_builder_free(PpBuilder *b); /* NULL is fine; the profile stays */

/* Byte of the input that is being read, which errors will name. */
extern void pp_builder_at(PpBuilder *b, size_t offset);
extern bool pp_builder_ok(const PpBuilder *b);
/* Record an error of the reader, if there is none yet; returns the one that sticks. */
extern PpCode pp_builder_fail(PpBuilder *b, const PpError *err);

/* Index of these bytes, which are copied if they are new; 0 is the empty string. */
extern uint32_t pp_builder_string(PpBuilder *b, PpBytes bytes);
extern uint32_t pp_builder_cstring(PpBuilder *b, const char *cstr);

/* --- header; before the first sample --- */

/* Append a column; at least one is needed before samples come. */
extern void pp_builder_type(PpBuilder *b, const char *type, const char *unit);
extern void pp_builder_type_bytes(PpBuilder *b, PpBytes type, PpBytes unit);

/* --- header; at any time --- */

extern void pp_builder_time(PpBuilder *b, int64_t time_nanos, int64_t duration_nanos);
extern void pp_builder_period(PpBuilder *b, PpBytes type, PpBytes unit, int64_t period);
extern void pp_builder_default_type(PpBuilder *b, PpBytes type);
extern void pp_builder_doc_url(PpBuilder *b, PpBytes url);
extern void pp_builder_comment(PpBuilder *b, PpBytes comment);
/* regular expressions of frames to leave out, and to keep nevertheless */
extern void pp_builder_drop_frames(PpBuilder *b, PpBytes drop, PpBytes keep);

/* --- tables; all give the index of the entry --- */

/* name, system_name and filename are strings of the builder. */
extern uint32_t pp_builder_function(PpBuilder *b, uint32_t name, uint32_t system_name,
									uint32_t filename, int64_t start_line);
/* The id is ignored; filename and build_id are strings of the builder. */
extern uint32_t pp_builder_mapping(PpBuilder *b, const PpMapping *mapping);
/* mapping may be PP_NONE; lines innermost first, with functions of the builder. */
extern uint32_t pp_builder_location(PpBuilder *b, uint32_t mapping, uint64_t address,
									const PpLine *lines, uint32_t nlines);
/* A location with one line, of a function of which nothing but the name is known. */
extern uint32_t pp_builder_frame(PpBuilder *b, PpBytes name);

/*
 * Add a sample: locations leaf first, one value per column, labels in any order
 * (strings of the builder; those that say nothing are left out).
 */
extern void pp_builder_sample(PpBuilder *b, const uint32_t *locations, uint32_t nlocations,
							  const int64_t *values, const PpLabel *labels, uint32_t nlabels);

/*
 * The profile, or the first error.  Ids count from 1.  May be called once; only
 * pp_builder_free() may follow.
 */
extern PpCode pp_builder_finish(PpBuilder *b, PpProfile **profile, PpError *err);

#endif
