/*
 * pp_json_read.h
 *		JSON, read from front to back without building anything.
 *
 * The reader steps through a document value by value; memory does not grow with
 * it.  A value can be skipped, and come back to later from its offset.  The
 * first error sticks: then every call gives false (or 0).
 *
 *		if (pp_json_object(j))
 *			while (pp_json_member(j, &key))
 *				if (key is wanted) pp_json_string(j, &text); else pp_json_skip(j);
 */
#ifndef PP_JSON_READ_H
#define PP_JSON_READ_H

#include "core/pp_profile.h"

/* Objects and arrays inside each other that skipping can follow. */
#define PP_JSON_DEPTH 512

typedef struct PpJson
{
	const uint8_t *data, *p, *end;
	bool first; /* nothing yet in the innermost object or array */
	const PpAlloc *alloc;
	uint32_t ticks;
	char *text; /* of the string that was read last, if it had escapes */
	size_t cap_text;
	PpCode code;
	PpError err;
} PpJson;

extern void pp_json_init(PpJson *j, const uint8_t *data, size_t len, const PpAlloc *alloc);
extern void pp_json_free(PpJson *j);

/* A second reader of the same document, at a value; it has its own errors. */
extern void pp_json_at(PpJson *j, const PpJson *other, size_t offset);
static inline size_t
pp_json_offset(const PpJson *j)
{
	return (size_t) (j->p - j->data);
}

/* First character of the value that comes: { [ " t f n, 0 for a number; '\0' on an error. */
extern char pp_json_peek(PpJson *j);

/* Begin an object or an array; an error if something else comes. */
extern bool pp_json_object(PpJson *j);
extern bool pp_json_array(PpJson *j);
/* The next member, whose value comes then; false at the end of the object.  The key as pp_json_string(). */
extern bool pp_json_member(PpJson *j, PpBytes *key);
/* Is there one more element, which comes then; false at the end of the array. */
extern bool pp_json_element(PpJson *j);

/* Without escapes; valid until the next string is read, at least as long as the input if it had none. */
extern bool pp_json_string(PpJson *j, PpBytes *text);
/* The number as it is written. */
extern bool pp_json_number(PpJson *j, PpBytes *text);
extern bool pp_json_null(PpJson *j); /* step over null if it comes */
extern bool pp_json_skip(PpJson *j);
/* Nothing but blanks may be left. */
extern bool pp_json_end(PpJson *j);

/* Record an error at a byte; returns false. */
extern bool pp_json_fail(PpJson *j, size_t offset, PpCode code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * A number times 10^scale, in units of 10^-18: exact as far as that goes, what is
 * finer is cut off.  False if it does not fit.
 */
extern bool pp_json_decimal(PpBytes number, int scale, __int128 *value);
#define PP_JSON_ONE ((__int128) 1000000000000000000) /* 1 in those units */

#endif
