/*
 * pp_samples.h
 *		Dictionary-coded samples: the bytes of pprof.samples.
 *
 * A value of the type is a list of parts, one per dictionary, sorted by
 * dict_id; a part maps dense 32-bit stack ids to values.  docs/storage.md draws
 * the bytes:
 *
 *   u8      version (1)
 *   u8      flags: PP_SAMPLES_COUNTED
 *   uvarint number of parts
 *   per part
 *     8 bytes little-endian dict_id
 *     uvarint scale (> 0): every value is a multiple of it
 *     uvarint n1, then n1 ids whose value is exactly scale
 *     uvarint n2, then n2 pairs (id, zigzag varint of value / scale, never 0)
 *   ids of each list ascend strictly: the first as it is, then gap - 1
 */
#ifndef PP_SAMPLES_H
#define PP_SAMPLES_H

#include "core/pp_profile.h"

#define PP_SAMPLES_VERSION 1

/*
 * One row stands for two sample types: this one, and the event count, which is
 * value / scale (a CPU profile's samples/count beside cpu/nanoseconds).
 */
#define PP_SAMPLES_COUNTED 1

typedef struct PpSampleEntry
{
	uint32_t stack;
	int64_t value;
} PpSampleEntry;

typedef struct PpSamplesPart
{
	uint64_t dict_id;
	uint64_t scale; /* 0: let the encoder take the greatest common divisor */
	uint32_t n;
	PpSampleEntry *entries; /* ascending by stack, values not 0 */
} PpSamplesPart;

/* Encode parts (sorted by dict_id); *out comes from alloc. */
extern PpCode pp_samples_encode(const PpSamplesPart *parts, uint32_t nparts, uint32_t flags,
								const PpAlloc *alloc, uint8_t **out, size_t *out_len, PpError *err);

/* Called for each entry; parts in order, ids of a part in two ascending runs. */
typedef PpCode (*PpSamplesVisit)(void *ctx, uint64_t dict_id, uint32_t stack, int64_t value,
								 PpError *err);

typedef struct PpSamplesHeader
{
	uint32_t version, flags, nparts;
	uint64_t scale; /* of the first part; 0 without parts */
} PpSamplesHeader;

extern PpCode pp_samples_header(const uint8_t *data, size_t len, PpSamplesHeader *header,
								PpError *err);
extern PpCode pp_samples_visit(const uint8_t *data, size_t len, PpSamplesVisit visit, void *ctx,
							   PpError *err);
/*
 * Everything visit checks, and that no stack occurs twice and each value is in
 * its proper list: for bytes that come from outside.
 */
extern PpCode pp_samples_check(const uint8_t *data, size_t len, PpError *err);

/*
 * Accumulator: pages of touched ids per dictionary.  Adding a row is a loop of
 * checked integer additions; names are nowhere.
 */
typedef struct PpSamplesSum PpSamplesSum;

extern PpSamplesSum *pp_samples_sum_new(const PpAlloc *alloc);
extern void pp_samples_sum_free(PpSamplesSum *sum);
extern size_t pp_samples_sum_memory(const PpSamplesSum *sum);
/*
 * Add encoded samples, each value divided by `divisor` (1, or the scale of a
 * COUNTED row).  After an error the sum holds part of the row and is unusable.
 */
extern PpCode pp_samples_sum_add(PpSamplesSum *sum, const uint8_t *data, size_t len,
								 uint64_t divisor, PpError *err);
/* Add entries as they are; dictionaries come in any order. */
extern PpCode pp_samples_sum_add_part(PpSamplesSum *sum, const PpSamplesPart *part, PpError *err);
/* Not COUNTED, scale the greatest common divisor: equal sums give equal bytes. */
extern PpCode pp_samples_sum_encode(const PpSamplesSum *sum, const PpAlloc *alloc, uint8_t **out,
									size_t *out_len, PpError *err);
/* Entries by dictionary (ascending dict_id, ascending stack), in the arena; zeros dropped. */
extern PpCode pp_samples_sum_parts(const PpSamplesSum *sum, PpArena *arena, PpSamplesPart **parts,
								   uint32_t *nparts, PpError *err);

#endif
