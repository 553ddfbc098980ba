/*
 * pp_gperftools_impl.h
 *		Samples of bare addresses on their way to a profile (only for pp_gperftools*.c).
 */
#ifndef PP_GPERFTOOLS_IMPL_H
#define PP_GPERFTOOLS_IMPL_H

#include "core/pp_gperftools.h"
#include "core/pp_memory_map.h"

#define PP_NATIVE_MAX_TYPES 4

typedef struct PpNativeStack
{
	uint32_t off, n; /* into addresses: leaf first */
} PpNativeStack;

typedef struct PpNative
{
	const PpLimits *limits;
	PpArena *arena;	  /* of the result */
	PpArena *scratch; /* of everything below */
	PpError *err;

	/* the header; the caller fills it in */
	uint32_t ntypes;
	const char *types[PP_NATIVE_MAX_TYPES], *units[PP_NATIVE_MAX_TYPES];
	const char *period_type, *period_unit;
	int64_t period;
	const char *drop_frames, *keep_frames; /* "" for none */
	bool sizes_are_labels;				   /* a number label "bytes" on each sample */

	uint32_t nsamples, samples_cap;
	PpNativeStack *stacks;
	int64_t *values; /* ntypes per sample */
	int64_t *sizes;	 /* one per sample */
	uint32_t naddresses, addresses_cap;
	uint64_t *addresses;
} PpNative;

extern PpCode pp_native_init(PpNative *native, const PpLimits *limits, PpArena *arena, PpError *err);
extern void pp_native_free(PpNative *native);

/* A new sample without addresses yet; at: byte of the input, for errors. */
extern PpCode pp_native_sample(PpNative *native, const int64_t *values, int64_t size, size_t at);
/* One more address, towards the root, of the newest sample. */
extern PpCode pp_native_address(PpNative *native, uint64_t address, size_t at);

/*
 * The profile: locations numbered in order of first use, mappings from what is
 * left of the lines.  If drop_doubled_leaf, a second frame one below the leaf
 * goes once locations have numbers.
 */
extern PpCode pp_native_finish(PpNative *native, PpLines *map, bool drop_doubled_leaf,
							   PpProfile **profile);

#endif
