/*
 * pp_merge.h
 *		Sums and differences of profiles.
 *
 * Units: the ordered merge takes equal types only, see pp_profiles_unify; the
 * canonical one takes units of one family, see pp_merge_units.c.
 */
#ifndef PP_MERGE_H
#define PP_MERGE_H

#include "core/pp_profile.h"

typedef enum PpMergeMode
{
	/*
	 * As the pprof tool merges files in order: the first profile wins in header
	 * fields, samples in order of first appearance.
	 */
	PP_MERGE_ORDERED,
	/*
	 * Commutative and associative in content, for aggregates: time is the least
	 * non-zero one, duration the (saturating) sum, period the greatest, comments
	 * the sorted union, other header strings the first non-empty by bytes,
	 * mapping flags and-ed; samples and tables come out in canonical order, so
	 * that equal content gives equal bytes.
	 */
	PP_MERGE_CANONICAL
} PpMergeMode;

typedef struct PpMerge PpMerge;

/* Everything a PpMerge holds comes from alloc; NULL without memory. */
extern PpMerge *pp_merge_new(const PpAlloc *alloc, PpMergeMode mode);
extern void pp_merge_free(PpMerge *merge);
extern size_t pp_merge_memory(const PpMerge *merge); /* bytes held */
extern int64_t pp_merge_count(const PpMerge *merge); /* profiles added */

/*
 * Add a profile; it may be freed afterwards.  PP_EINCOMPATIBLE when sample
 * types or period types differ (nothing is added then), PP_EOVERFLOW when a sum
 * leaves int64 (the state is unusable after this and any other error).
 */
extern PpCode pp_merge_add(PpMerge *merge, const PpProfile *profile, PpError *err);

/*
 * The same for a profile in its stored form, without unfolding it; also what
 * reading it says.  What is made of it goes to scratch and may be freed afterwards.
 */
extern PpCode pp_merge_add_stored(PpMerge *merge, const uint8_t *data, size_t len, PpArena *scratch,
								  PpError *err);

/* The merged profile, in an arena of the caller; the state can go on. */
extern PpCode pp_merge_finish(PpMerge *merge, PpArena *arena, PpProfile **profile, PpError *err);

/*
 * The stored form of the merged profile, from alloc: what pp_stored_encode makes of
 * it, in less time.
 */
extern PpCode pp_merge_encode(PpMerge *merge, const PpAlloc *alloc, uint8_t **out, size_t *out_len,
							  PpError *err);

/*
 * Copy with every value multiplied by -1 (PP_EOVERFLOW for the least int64).
 * Copies share with p what did not change, here and below.
 */
extern PpCode pp_profile_negate(const PpProfile *p, PpArena *arena, PpProfile **out, PpError *err);

/* Copy in which every sample has the text label key=value, replacing any texts of that key. */
extern PpCode pp_profile_set_label(const PpProfile *p, PpBytes key, PpBytes value, PpArena *arena,
								   PpProfile **out, PpError *err);

/*
 * Copy in which every sample has the number label key=num, replacing any of that
 * key; a number 0 without a unit cannot be carried.
 */
extern PpCode pp_profile_set_num_label(const PpProfile *p, PpBytes key, int64_t num, PpBytes unit,
									   PpArena *arena, PpProfile **out, PpError *err);

/* Copy without any label of that key, text or number. */
extern PpCode pp_profile_remove_label(const PpProfile *p, PpBytes key, PpArena *arena,
									  PpProfile **out, PpError *err);

/*
 * What the pprof tool does before merging several files: keep the sample types
 * that all have (by name), bring units together.  profiles[] is replaced by
 * copies in the arena where something had to change.
 */
extern PpCode pp_profiles_unify(PpProfile **profiles, size_t n, PpArena *arena, PpError *err);

/* The canonical sum of two. */
extern PpCode pp_profile_add(const PpProfile *a, const PpProfile *b, PpArena *arena,
							 PpProfile **out, PpError *err);

/* unify, then merge in order; n = 1 gives the profile itself, unmerged, as the tool does */
extern PpCode pp_profiles_merge(PpProfile **profiles, size_t n, PpArena *arena, PpProfile **out,
								PpError *err);

/*
 * Copy with the named columns only, in this order; a name given twice means the
 * next column of that name.  PP_EINVALID lists what there is.
 */
extern PpCode pp_profile_keep_types(const PpProfile *p, const PpBytes *names, uint32_t n,
									PpArena *arena, PpProfile **out, PpError *err);

/* Difference in which equal stacks meet and cancel (pprof -base). */
extern PpCode pp_profile_subtract(const PpProfile *p, const PpProfile *base, PpMergeMode mode,
								  PpArena *arena, PpProfile **out, PpError *err);

/*
 * Difference that keeps both sides (pprof -diff_base): base samples get the
 * label pprof::base=true and negated values, then both are merged.
 */
extern PpCode pp_profile_diff(const PpProfile *p, const PpProfile *base, PpMergeMode mode,
							  PpArena *arena, PpProfile **out, PpError *err);

/* Merge of one: drops zero samples and unused entries, joins equal samples, renumbers. */
extern PpCode pp_profile_compact(const PpProfile *p, PpArena *arena, PpProfile **out, PpError *err);

#endif
