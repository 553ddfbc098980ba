/*
 * pp_regex.h
 *		Regular expressions in RE2's spelling, rewritten for PostgreSQL's engine.
 *
 * Selectors and filters come from people who write for Go.  Both dialects agree
 * on most; the rest is rewritten, or refused with a reason.  Back-references and
 * look-around are refused as RE2 does, so that matching stays linear.
 *
 * What remains different: repetition counts end at 255 (RE2: 1000), and
 * (?i) folds ASCII letters only.
 */
#ifndef PP_REGEX_H
#define PP_REGEX_H

#include "core/pp_profile.h"

/* Longest expression accepted, in bytes. */
#define PP_REGEX_MAX_LENGTH 16384
/* Counts of nested {n,m} multiply; so far they may go (as in RE2). */
#define PP_REGEX_MAX_COPIES 1000

typedef struct PpRegexText
{
	PpBytes pattern;  /* an ARE, UTF-8, without anchors of ours and without captures */
	bool ignore_case; /* (?i) stood in front */

	/*
	 * The expression is nothing but these texts with | between them (at least
	 * one, maybe empty); NULL if it is more than that.
	 */
	PpBytes *literals;
	uint32_t nliterals;
} PpRegexText;

/* PP_EINVALID with the byte of the pattern. */
extern PpCode pp_regex_translate(PpBytes pattern, PpArena *arena, PpRegexText *out, PpError *err);

#endif
