/*
 * pp_stored.h
 *		What both directions of the stored form share; pp_stored.c draws the bytes.
 */
#ifndef PP_STORED_H
#define PP_STORED_H

#include "core/pp_codec.h"
#include "core/pp_wire.h"

#define PP_STORED_VERSION 1

/* What entries do not have to say, because it holds for all of them. */
enum
{
	PP_STORED_MAPPING_IDS = 1, /* ids are written; else they count from 1 */
	PP_STORED_FUNCTION_IDS = 2,
	PP_STORED_LOCATION_IDS = 4,
	PP_STORED_START_LINES = 8, /* written; else all are 0 */
	PP_STORED_COLUMNS = 16,
	PP_STORED_FLAGS = 31
};

/*
 * Samples as they are stored: stacks are nodes of a tree, labels are sets.  Node 0
 * is the root, a parent comes before its children; set 0 is empty.
 */
typedef struct PpStoredNode
{
	uint32_t parent, location;
} PpStoredNode;

typedef struct PpStoredSample
{
	uint32_t node, labels;
} PpStoredSample;

typedef struct PpStoredSet
{
	uint32_t off, n; /* into the labels of the profile */
} PpStoredSet;

typedef struct PpStoredTree
{
	uint32_t nnodes, nsets; /* with the root, with the empty set */
	PpStoredNode *nodes;
	PpStoredSet *sets;
	PpStoredSample *samples; /* as many as the profile has */
} PpStoredTree;

typedef struct PpStoredCounts
{
	uint32_t strings, types, samples, nodes, sets, labels;
	uint32_t mappings, locations, lines, functions, comments;
	uint64_t string_bytes;
} PpStoredCounts;

/* Name of the count that exceeds pp_limits_hard, or NULL. */
extern const char *pp_stored_too_many(const PpStoredCounts *counts);

/*
 * How many of everything there are, from the first bytes alone: PP_STORED_FRONT of
 * them suffice.  whole: how long the form is.  What follows is not looked at.
 */
#define PP_STORED_FRONT 128
extern PpCode pp_stored_read_counts(const uint8_t *data, size_t len, size_t whole,
									PpStoredCounts *counts, PpError *err);

/*
 * Read all but the samples and locrefs of the profile, which are in *tree instead;
 * its values and labels are there.
 */
extern PpCode pp_stored_read(const uint8_t *data, size_t len, PpArena *arena, PpProfile **profile,
							 PpStoredTree *tree, PpError *err);

/*
 * Write a profile whose stacks and label sets are in *tree already, numbered in the
 * order in which the samples meet them.  Of its samples the lengths count; it needs
 * no locrefs while all its counts are far below the limits of a dump (see
 * pp_stored_check.c).
 */
extern PpCode pp_stored_encode_tree(const PpProfile *p, const PpStoredTree *tree,
									const PpAlloc *alloc, uint8_t **out, size_t *out_len,
									PpError *err);

/*
 * The tree of a profile in memory; its sets point into the labels of that.  To be
 * freed in any case.
 */
extern PpCode pp_stored_fold(const PpProfile *p, const PpAlloc *alloc, PpStoredTree *tree,
							 PpError *err);
extern void pp_stored_fold_free(PpStoredTree *tree, const PpAlloc *alloc);

#endif
