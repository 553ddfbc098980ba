/*
 * pp_decode.h
 *		What the parts of the profile.proto decoder share; nobody else includes it.
 *
 * Decoding goes over the message once to find its parts (spans of the input, by
 * table), so that every table can be allocated for what is really there and
 * strings can be checked at once.  Then the tables are read in the order of
 * their references: mappings, functions, locations, samples.
 *
 * The first error sticks in the decoder; readers that fail jump to their end.
 */
#ifndef PP_DECODE_H
#define PP_DECODE_H

#include "core/pp_codec.h"
#include "core/pp_idmap.h"
#include "core/pp_wire.h"

#define PP_DECODE_POLL_EVERY 4096

typedef struct Reader
{
	const uint8_t *p, *end;
} Reader;

/* A growing array from the allocator; freed when decoding ends. */
typedef struct Vec
{
	void *data;
	size_t n, cap; /* entries */
} Vec;

/* The inside of one message, as offsets into the input. */
typedef struct Span
{
	uint32_t start, end;
} Span;

/* Tables of the profile whose messages are found first and read later. */
typedef enum Table
{
	TABLE_TYPES,
	TABLE_SAMPLES,
	TABLE_MAPPINGS,
	TABLE_LOCATIONS,
	TABLE_FUNCTIONS,
	TABLES
} Table;

typedef struct Decoder
{
	const uint8_t *data;
	const PpLimits *limits;
	const PpAlloc *alloc;
	PpArena *arena;
	PpProfile *profile;

	PpCode code; /* first error, which err describes */
	PpError *err;

	/*
	 * An entry that breaks a rule only decides after all samples have passed
	 * theirs; then the least key (table, entry, rule) is reported.
	 */
	PpError invalid;
	uint64_t invalid_key; /* UINT64_MAX: none */

	Vec spans[TABLES];												 /* Span */
	Vec strings;													 /* PpBytes */
	Vec comments;													 /* uint64_t, unchecked */
	size_t sample_bytes;											 /* inside all samples */
	uint64_t drop_frames, keep_frames, default_sample_type, doc_url; /* unchecked strings */
	Span period_type;
	bool has_period_type;

	PpIdMap mapping_ids, function_ids, location_ids;
	Vec lines;			/* PpLine */
	uint32_t max_lines; /* lines of the location that has most */
} Decoder;

/* Record an error at a byte of the input, unless there is one already. */
extern void pp_decode_fail(Decoder *d, const uint8_t *at, const char *what);
/* A varint that does not end: cut short, or more than ten bytes.  Returns end. */
extern const uint8_t *pp_decode_bad_varint(Decoder *d, const uint8_t *p, const uint8_t *end);
/* Step over a field that is not known; one of `known` (bits by number) has the wrong type. */
extern const uint8_t *pp_decode_skip(Decoder *d, const uint8_t *p, const uint8_t *end, uint64_t tag,
									 uint32_t known);
extern Reader pp_decode_bad_bytes(Decoder *d, const uint8_t *p, const uint8_t *end);
extern uint32_t pp_decode_bad_string(Decoder *d, const uint8_t *at, uint64_t index);
extern void pp_decode_nomem(Decoder *d);
extern void pp_decode_poll(Decoder *d);
extern bool pp_vec_grow(Decoder *d, Vec *vec, size_t size, size_t need);

extern void pp_decode_samples(Decoder *d);
extern void pp_decode_label_order(Decoder *d);

static inline uint64_t
get_varint(Decoder *d, Reader *r)
{
	PpVarint v = pp_varint(r->p, r->end);

	if (PP_UNLIKELY(v.next == NULL))
		r->p = pp_decode_bad_varint(d, r->p, r->end);
	else
		r->p = v.next;
	return v.value;
}

/* The inside of a length-delimited field. */
static inline Reader
get_bytes(Decoder *d, Reader *r)
{
	uint64_t len = get_varint(d, r);
	Reader inside;

	/* r->p + len may be no address at all */
	if (PP_UNLIKELY(len > (uint64_t) (r->end - r->p)))
		inside = pp_decode_bad_bytes(d, r->p, r->end);
	else
		inside = (Reader){r->p, r->p + len};
	r->p = inside.end;
	return inside;
}

/* A string index; `at` is where the message begins that holds it. */
static inline uint32_t
check_string(Decoder *d, const uint8_t *at, uint64_t index)
{
	if (PP_UNLIKELY(index >= d->profile->nstrings))
		return pp_decode_bad_string(d, at, index);
	return (uint32_t) index;
}

/* Room for `more` entries of `size` bytes. */
static inline bool
vec_room(Decoder *d, Vec *vec, size_t size, size_t more)
{
	if (PP_LIKELY(vec->cap - vec->n >= more))
		return true;
	return pp_vec_grow(d, vec, size, vec->n + more);
}

static inline Reader
span_reader(const Decoder *d, Table table, uint32_t i)
{
	const Span *span = (const Span *) d->spans[table].data + i;

	return (Reader){d->data + span->start, d->data + span->end};
}

#endif
