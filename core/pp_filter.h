/*
 * pp_filter.h
 *		The single steps of filtering, on profiles made by pp_edit_copy().
 */
#ifndef PP_FILTER_H
#define PP_FILTER_H

#include "core/pp_names.h"
#include "core/pp_report.h"

/* A compiled expression that remembers its verdict on each string of a profile. */
typedef struct PpPattern
{
	const PpSearch *search;
	void *regex;	/* NULL: not given */
	uint8_t *known; /* by string: 0 not tried, 1 no match, 2 match */
	uint32_t nknown;
} PpPattern;

/* `what` names the option in errors. */
extern PpCode pp_pattern_compile(const PpSearch *search, PpBytes text, const char *what,
								 void **regex, PpError *err);
/* The same for a profile's strings; nothing is compiled for an empty text. */
extern PpCode pp_pattern_init(PpPattern *pattern, const PpSearch *search, PpBytes text,
							  const char *what, const PpProfile *p, PpArena *arena, PpError *err);
extern bool pp_pattern_match(PpPattern *pattern, const PpProfile *p, uint32_t string);

/* focus, ignore, hide and show in one pass; any of them may be empty. */
extern PpCode pp_filter_names(PpProfile *p, const PpReportOptions *options, const PpSearch *search,
							  PpArena *arena, PpError *err);
extern PpCode pp_filter_show_from(PpProfile *p, PpBytes regexp, const PpSearch *search,
								  PpArena *arena, PpError *err);
extern PpCode pp_filter_prune_from(PpProfile *p, PpBytes regexp, const PpSearch *search,
								   PpArena *arena, PpError *err);
/*
 * Frames that match drop_frames but not keep_frames (both for whole names, empty:
 * none), and what they called, as far as there are others above them.
 */
extern PpCode pp_filter_prune(PpProfile *p, PpBytes drop_frames, PpBytes keep_frames,
							  const PpSearch *search, PpArena *arena, PpError *err);
/* The profile's own drop_frames and keep_frames; a bad expression disables them. */
extern PpCode pp_filter_check_drop_frames(const PpProfile *p, const PpSearch *search,
										  PpArena *arena, PpError *err);
extern PpCode pp_filter_drop_frames(PpProfile *p, const PpSearch *search, PpArena *arena,
									PpError *err);

/*
 * The unit of each key of number labels: the first one met in the profile, else
 * "bytes" for alignment and request, else the key.
 */
typedef struct PpLabelUnits
{
	PpNames keys;
	PpBytes *units;	   /* by id in keys */
	uint32_t *key_ids; /* by string; PP_NONE if it is no key of a number label */
} PpLabelUnits;

extern PpCode pp_label_units_init(PpLabelUnits *units, const PpProfile *p, PpArena *arena,
								  PpError *err);
extern void pp_label_units_clear(PpLabelUnits *units);
extern PpBytes pp_label_unit(const PpLabelUnits *units, const PpLabel *label);

extern PpCode pp_filter_tags(PpProfile *p, const PpReportOptions *options, const PpLabelUnits *units,
							 const PpSearch *search, PpArena *arena, PpError *err);
extern PpCode pp_filter_tag_keys(PpProfile *p, const PpReportOptions *options,
								 const PpSearch *search, PpArena *arena, PpError *err);

/* Frames made of labels, for tagroot and tagleaf. */
extern PpCode pp_filter_tag_frames(PpProfile *p, const PpReportOptions *options, PpArena *arena,
								   PpError *err);

extern void pp_filter_granularity(PpProfile *p, const PpReportOptions *options);

#endif
