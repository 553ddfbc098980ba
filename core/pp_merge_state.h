/*
 * pp_merge_state.h
 *		What pp_merge_add builds and pp_merge_finish reads.
 *
 * Everything is interned: a string, function, mapping, location or label set
 * exists once and is named by its index.  Locations remember their address
 * relative to the mapping, so that a program loaded at another address meets
 * itself.  Stacks are paths of a tree, from the root; a sample is a node of it and
 * a label set.
 */
#ifndef PP_MERGE_STATE_H
#define PP_MERGE_STATE_H

#include "core/pp_merge.h"
#include "core/pp_sort.h"
#include "core/pp_table.h"

typedef struct MergeMapping
{
	uint64_t start, size, offset; /* size: limit - start, as it was */
	uint32_t filename, build_id;
	uint32_t flags;
	uint32_t key; /* string: the build id if there is one, else the file */
} MergeMapping;

typedef struct MergeFunction
{
	uint32_t name, system_name, filename; /* strings */
	int64_t start_line;
} MergeFunction;

/* The first line is here as well, so that most comparisons need to look no further. */
typedef struct MergeLocation
{
	uint64_t address; /* minus the start of the mapping */
	uint32_t mapping; /* or PP_NONE */
	uint32_t nlines : 31;
	uint32_t is_folded : 1;
	uint32_t line_off;
	uint32_t function; /* without lines: 0, as line and column */
	int64_t line;
	int64_t column; /* of the last line, all that counts of columns */
} MergeLocation;

/* A location called from a path; node 0 is the root, parents come before their children. */
typedef struct MergeNode
{
	uint32_t parent, location;
} MergeNode;

/* The first sample that ends at a node, or PP_NONE; others are in sample_table. */
typedef struct MergeEnd
{
	uint32_t sample, labels;
} MergeEnd;

typedef struct MergeLabels
{
	uint32_t off, n;
} MergeLabels;

typedef struct MergeSample
{
	uint32_t node, labels;
} MergeSample;

/* What an input's indexes are here, PP_NONE where not met yet. */
typedef struct MergeMemo
{
	uint32_t *ids;
	uint32_t cap;
} MergeMemo;

struct PpMerge
{
	const PpAlloc *alloc;
	PpMergeMode mode;
	uint64_t seed;
	int64_t count;
	PpArena *arena; /* bytes of strings */

	uint32_t nstrings, cap_strings;
	PpBytes *strings;
	PpTable string_table;

	uint32_t nmappings, cap_mappings;
	MergeMapping *mappings;
	PpTable mapping_table;
	/*
	 * Comes first in the result; PP_NONE for none.  A canonical merge has an
	 * entry of its own for it, outside the table: a mapping that no sample
	 * refers to must not show in one that samples refer to.
	 */
	uint32_t main_mapping;

	uint32_t nfunctions, cap_functions;
	MergeFunction *functions;
	PpTable function_table;

	uint32_t nlocations, cap_locations;
	MergeLocation *locations;
	PpTable location_table;
	uint32_t nlines, cap_lines;
	PpLine *lines;

	uint32_t nnodes, cap_nodes;
	MergeNode *nodes;
	MergeEnd *ends;		   /* of each node, as the next */
	uint64_t *node_hashes; /* of the path */
	uint32_t cap_ends, cap_node_hashes;
	uint32_t nnode_slots; /* a power of two, at least twice nnodes */
	uint32_t *node_slots; /* by hash of the path: the node; 0 is free */

	uint32_t nlabel_sets, cap_label_sets;
	MergeLabels *label_sets; /* set 0 is empty */
	PpTable label_table;
	uint32_t nlabels, cap_labels;
	PpLabel *labels;

	uint32_t nsamples, cap_samples;
	MergeSample *samples;
	PpTable sample_table;
	size_t cap_values;
	int64_t *values; /* nsamples * ntypes, sample by sample */

	/* header; strings are indexes here */
	uint32_t ntypes;
	PpValueType *types; /* in the arena */
	PpValueType period_type;
	int64_t period, time_nanos, duration_nanos;
	uint32_t drop_frames, keep_frames, default_sample_type, doc_url;
	uint32_t ncomments, cap_comments;
	uint32_t *comments;
	PpTable comment_table;

	/* of the input being added */
	int64_t *factors;	  /* by type, what its values are multiplied by; NULL: all by 1 */
	int64_t input_period; /* in the unit of the state */
	struct MergeAgreement *agreements; /* room for one per type and the period, as the next */
	int64_t *factor_room;
	MergeMemo string_memo, mapping_memo, function_memo, location_memo;
	MergeMemo node_memo, set_memo; /* of one in the stored form */
	MergeMemo wanted;			   /* which of its locations are to be looked up */
	uint64_t *path_hashes;		   /* of its nodes */
	uint32_t cap_path_hashes;
	MergeMemo path;				 /* nodes of its last stack, from the root */
	const PpSample *last_sample; /* which that was; NULL for none */
	uint32_t last_labels;		 /* its label set */

	bool full; /* an array met its 32-bit bound */
};

/*
 * Room for `need` elements in an array of the state.  False: see merge_no_room.
 */
#define MERGE_RESERVE(m, array, cap, need)                                                         \
	((need) <= (cap) || ({                                                                         \
		 void *grown_ = merge_grow((m), (array), &(cap), (need), sizeof(*(array)));                \
		 if (grown_ != NULL)                                                                       \
			 (array) = grown_;                                                                     \
		 grown_ != NULL;                                                                           \
	 }))

extern void *merge_grow(PpMerge *m, void *array, uint32_t *cap, size_t need, size_t size);
extern PpCode merge_no_room(const PpMerge *m, PpError *err);

/* Nothing of n things is known yet; false: see merge_no_room. */
extern bool merge_start_memo(PpMerge *m, MergeMemo *memo, uint32_t n);
/* All of an input but its samples. */
extern PpCode merge_start(PpMerge *m, const PpProfile *p, PpError *err);

/* Find or add one thing of an input; the index, or PP_NONE without room. */
extern uint32_t merge_bytes(PpMerge *m, PpBytes bytes);
extern uint32_t merge_string(PpMerge *m, const PpProfile *p, uint32_t string);
extern uint32_t merge_mapping(PpMerge *m, const PpProfile *p, uint32_t mapping);
extern bool merge_main_mapping(PpMerge *m, const PpProfile *p);
extern uint32_t merge_function(PpMerge *m, const PpProfile *p, uint32_t function);
extern uint32_t merge_location(PpMerge *m, const PpProfile *p, uint32_t location);
extern uint32_t merge_label_set(PpMerge *m, const PpProfile *p, const PpLabel *labels, uint32_t n);

/*
 * All strings and functions of an input, and n of its locations: faster than one by
 * one.  Strings and functions that nothing refers to do not show in the result.
 */
extern bool merge_names(PpMerge *m, const PpProfile *p);
extern bool merge_locations(PpMerge *m, const PpProfile *p, const uint32_t *locations, uint32_t n);

/* How things are hashed: what the tables go by. */
static inline uint64_t
merge_load_word(const char *data)
{
	uint64_t word;

	memcpy(&word, data, sizeof(word));
	return word;
}

/* Two words at a time; the last ones overlap those before. */
static inline uint32_t
merge_hash_bytes(const PpMerge *m, PpBytes bytes)
{
	const char *data = bytes.data;
	uint64_t h = m->seed ^ bytes.len * UINT64_C(0x9e3779b97f4a7c15), a = 0, b = 0;
	uint32_t len = bytes.len;

	if (len >= 16)
	{
		for (; len > 16; data += 16, len -= 16)
			h = pp_table_mum(h ^ merge_load_word(data),
							 m->seed ^ merge_load_word(data + 8) ^ UINT64_C(0xa0761d6478bd642f));
		data -= 16 - len;
		a = merge_load_word(data);
		b = merge_load_word(data + 8);
	}
	else if (len >= 8)
	{
		a = merge_load_word(data);
		b = merge_load_word(data + len - 8);
	}
	else if (len > 0)
		memcpy(&a, data, len);
	h = pp_table_mum(h ^ a, m->seed ^ b ^ UINT64_C(0xe7037ed1a0b428db));
	return pp_table_fold(pp_table_mum(h, UINT64_C(0x8ebc6af09c88c6e3)));
}

static inline uint32_t
merge_hash_function(const PpMerge *m, const MergeFunction *f)
{
	uint64_t h = pp_table_mix(m->seed, (uint64_t) f->name << 32 | f->system_name);

	return pp_table_fold(pp_table_mix(h, (uint64_t) f->filename << 32 ^ (uint64_t) f->start_line));
}

static inline bool
merge_same_function(const MergeFunction *a, const MergeFunction *b)
{
	return a->name == b->name && a->system_name == b->system_name && a->filename == b->filename &&
		   a->start_line == b->start_line;
}

/* For a location: begin with its address, add each line, end with the rest. */
static inline uint64_t
merge_hash_line(uint64_t h, uint32_t function, int64_t line)
{
	return pp_table_mix(h, (uint64_t) function << 32 ^ (uint64_t) line);
}

static inline uint32_t
merge_hash_location(uint64_t h, const MergeLocation *loc)
{
	return pp_table_fold(pp_table_mix(h,
									  ((uint64_t) loc->mapping << 32 | loc->is_folded) ^
										  (uint64_t) loc->column << 1));
}

/* But for the lines behind the first one. */
static inline bool
merge_same_location(const MergeLocation *a, const MergeLocation *b)
{
	return a->address == b->address && a->mapping == b->mapping && a->nlines == b->nlines &&
		   a->is_folded == b->is_folded && a->function == b->function && a->line == b->line &&
		   a->column == b->column;
}

/* The tree: its root, and the child of a node, whose path has that hash. */
extern bool merge_tree_start(PpMerge *m);
extern uint32_t merge_node(PpMerge *m, uint32_t parent, uint32_t location, uint64_t hash);

/* The hash of a path that goes on; that of the root is the seed. */
static inline uint64_t
merge_hash_path(uint64_t parent, uint32_t location)
{
	return pp_table_mix(parent, location);
}
/* The stack of a sample of the input, all of whose locations are known. */
extern uint32_t merge_stack(PpMerge *m, const PpProfile *p, const PpSample *in);

/* Add values to the sample of a node and a label set; PP_OK, or why not. */
extern PpCode merge_values(PpMerge *m, uint32_t node, uint32_t labels, const int64_t *values,
						   PpError *err);
/* All of that for a sample of the input. */
extern PpCode merge_sample(PpMerge *m, const PpProfile *p, uint32_t sample, PpError *err);

/*
 * Let the types of an input and of the state agree (pp_merge_units.c): takes over
 * the types if there are none yet, brings the sums so far to a finer unit, or
 * sets the factors of the input.  PP_EINCOMPATIBLE changes nothing.
 */
extern PpCode merge_agree(PpMerge *m, const PpProfile *p, PpError *err);

/*
 * The default sample type of the result: named as its column is, which may have
 * come without the final s that the default has.
 */
extern uint32_t merge_default_type(const PpMerge *m);
/*
 * Order of texts of which a canonical merge keeps the least: without one final s
 * first, so that the choice is the same whichever spelling meets the others.
 */
extern int merge_name_cmp(PpBytes a, PpBytes b);

/* A value of the input in the unit of the state; false if it does not fit. */
static inline bool
merge_factored(const PpMerge *m, uint32_t type, int64_t value, int64_t *result)
{
	if (m->factors == NULL)
	{
		*result = value;
		return true;
	}
	return !__builtin_mul_overflow(value, m->factors[type], result);
}

/*
 * Sort samples (indexes) canonically.  Ranks: of locations, PP_NONE for those that
 * no sample refers to; of label sets.
 */
extern PpCode merge_order_samples(const PpMerge *m, const uint32_t *location_rank,
								  uint32_t nlocations, const uint32_t *label_rank, uint32_t *samples,
								  uint32_t nsamples, PpArena *scratch, PpError *err);

/* Sort locations (indexes) canonically; compare is for those of one address of a mapping. */
extern PpCode merge_order_locations(const PpMerge *m, const uint32_t *mapping_rank,
									uint32_t *locations, uint32_t n, PpIndexCompare compare,
									const void *ctx, PpArena *scratch, PpError *err);

/* Order of mappings that does not depend on what else was merged: by key. */
extern int merge_mapping_cmp(const PpMerge *m, uint32_t a, uint32_t b);

#endif
