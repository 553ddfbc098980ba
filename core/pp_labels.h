/*
 * pp_labels.h
 *		Label sets, selectors and profile type ids.
 */
#ifndef PP_LABELS_H
#define PP_LABELS_H

#include "core/pp_profile.h"

typedef struct PpLabelPair
{
	PpBytes name, value;
} PpLabelPair;

/* Sorted by name (bytes), names distinct, no empty value: a missing label equals "". */
typedef struct PpLabelSet
{
	uint32_t n;
	PpLabelPair *pairs;
} PpLabelSet;

/* Sort, let the last of equal names win, drop empty values; in place. */
extern void pp_labels_normalize(PpLabelSet *set);
extern PpBytes pp_labels_get(const PpLabelSet *set, PpBytes name); /* "" when missing */
extern uint64_t pp_labels_hash(const PpLabelSet *set, uint64_t seed);

/* Bounds of one series' labels. */
typedef struct PpLabelLimits
{
	int64_t max_label_names, max_label_name_length, max_label_value_length;
} PpLabelLimits;

/*
 * Count, lengths, UTF-8 of names and values, service_name and __name__ present.
 * For a normalised set.  Too many or too long is PP_ELIMIT, the rest PP_EINVALID.
 */
extern PpCode pp_labels_validate(const PpLabelSet *set, const PpLabelLimits *limits, PpError *err);

/*
 * Selectors: a PromQL vector selector, `type{a="b", c=~"d.*"}` with = != =~ !~.
 * A metric name in front becomes a __name__ matcher.  "{}" matches everything;
 * the empty text is an error.
 */
typedef enum PpMatchOp
{
	PP_MATCH_EQ,
	PP_MATCH_NE,
	PP_MATCH_RE,
	PP_MATCH_NRE
} PpMatchOp;

typedef struct PpMatcher
{
	PpMatchOp op;
	PpBytes name, value; /* value: text, or the regular expression as written */
	void *regex;		 /* from PpRegex.compile, for RE and NRE */
} PpMatcher;

/*
 * Regular expressions come from outside: the core has no engine.  match() tells
 * whether the whole text matches (the selector's expressions are anchored).
 */
typedef struct PpRegex
{
	/* NULL on a bad pattern, with err filled */
	void *(*compile)(void *ctx, PpBytes pattern, PpError *err);
	bool (*match)(void *ctx, void *regex, PpBytes text);
	void *ctx;
} PpRegex;

typedef struct PpSelector
{
	uint32_t n;
	PpMatcher *matchers; /* in the order written */
} PpSelector;

/* Parse; with regex == NULL patterns are kept but not compiled.  Errors carry the offset. */
extern PpCode pp_selector_parse(PpBytes text, const PpRegex *regex, PpArena *arena,
								PpSelector *selector, PpError *err);

/* Does one value (or "" for an absent label) satisfy the matcher? */
extern bool pp_matcher_test(const PpMatcher *matcher, const PpRegex *regex, PpBytes value);
extern bool pp_selector_match(const PpSelector *selector, const PpRegex *regex,
							  const PpLabelSet *labels);

/* Canonical text `{a="b", c=~"d"}` that parses back to the same selector. */
extern PpCode pp_selector_text(const PpSelector *selector, PpArena *arena, PpBytes *text,
							   PpError *err);

/* `name:type:unit:period_type:period_unit`; a sixth part (":delta") is dropped. */
typedef struct PpTypeId
{
	PpBytes name, sample_type, sample_unit, period_type, period_unit;
} PpTypeId;

extern PpCode pp_type_id_parse(PpBytes text, PpTypeId *id, PpError *err);
extern PpCode pp_type_id_text(const PpTypeId *id, PpArena *arena, PpBytes *text, PpError *err);

/*
 * The application key of /ingest, `app.cpu{env=prod,region=x}`: name and tags.
 * Tags whose name starts with "__" are kept here; ingest drops them.
 */
extern PpCode pp_app_name_parse(PpBytes text, PpArena *arena, PpBytes *name, PpLabelSet *tags,
								PpError *err);

/*
 * The __name__ of a pprof that came without one (/ingest): from its sample type
 * names, each mapped through its display name first (display[i] empty: its own
 * name).  has_display false: no sample_type_config was sent, and the built-in
 * display names of the Go SDK's types are used.
 */
extern PpBytes pp_infer_name(const PpProfile *profile, const PpBytes *display, bool has_display);

#endif
