/*
 * pp_samples_bytes.h
 *		Reading the bytes of pprof.samples, shared by the files that do.
 */
#ifndef PP_SAMPLES_BYTES_H
#define PP_SAMPLES_BYTES_H

#include "core/pp_samples.h"

#define PP_SAMPLES_KNOWN_FLAGS PP_SAMPLES_COUNTED

typedef struct PpSamplesReader
{
	const uint8_t *start, *p, *end;
	uint32_t flags, nparts;
	uint32_t npart;			 /* parts begun */
	uint64_t dict_id, scale; /* of the part begun last; scale is 1 to INT64_MAX */
} PpSamplesReader;

/* PP_EMALFORMED at the byte the reader has come to. */
extern PpCode pp_samples_fail(const PpSamplesReader *reader, const char *what, PpError *err);

/* False when the bytes end first or the number does not fit 64 bits. */
extern bool pp_samples_uvarint(const uint8_t **p, const uint8_t *end, uint64_t *value);

/* Varints of one and two bytes are nearly all there are. */
static inline bool
pp_samples_fast_uvarint(const uint8_t **p, const uint8_t *end, uint64_t *value)
{
	const uint8_t *at = *p;

	if (end - at >= 2)
	{
		if (at[0] < 0x80)
		{
			*value = at[0];
			*p = at + 1;
			return true;
		}
		if (at[1] < 0x80)
		{
			*value = (at[0] & 0x7f) | (uint64_t) at[1] << 7;
			*p = at + 2;
			return true;
		}
	}
	return pp_samples_uvarint(p, end, value);
}

/* Header; then per part its head and two lists, each with its count; then the end. */
extern PpCode pp_samples_open(PpSamplesReader *reader, const uint8_t *data, size_t len, PpError *err);
extern PpCode pp_samples_part(PpSamplesReader *reader, PpError *err);
/* A count that the bytes left can hold, when an entry takes entry_bytes at least. */
extern PpCode pp_samples_count(PpSamplesReader *reader, uint32_t entry_bytes, uint64_t *n,
							   PpError *err);
extern PpCode pp_samples_close(const PpSamplesReader *reader, PpError *err);

/* Memory for whoever adds to the sum, valid until the next call; NULL if there is none. */
extern void *pp_samples_sum_scratch(PpSamplesSum *sum, size_t size);
/*
 * Add n values to the stacks whose ids are a list at *p; *p comes
 * behind it.
 */
extern PpCode pp_samples_sum_scatter(PpSamplesSum *sum, uint64_t dict_id, const uint8_t **p,
									 const uint8_t *end, const int64_t *values, uint32_t n,
									 PpError *err);

#endif
