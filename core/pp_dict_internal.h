/*
 * pp_dict_internal.h
 *		What the files of the dictionary share: its arrays, hash tables and hashes.
 */
#ifndef PP_DICT_INTERNAL_H
#define PP_DICT_INTERNAL_H

#include "core/pp_dict.h"

#include <string.h>

#define DICT_MAX_ENTRIES ((uint32_t) 1 << 31) /* of each kind; ids stay positive as int4 */

typedef struct DictFunction
{
	uint32_t name, system_name, filename; /* strings */
	int64_t start_line;
} DictFunction;

typedef struct DictMapping
{
	uint64_t start, limit, offset;
	uint32_t filename, build_id; /* strings */
	uint32_t flags;
} DictMapping;

typedef struct DictLocation
{
	uint64_t address;
	uint32_t mapping; /* or PP_NONE */
	uint32_t line_off, nlines;
	uint32_t is_folded;
} DictLocation;

/* Open addressing over ids: a slot holds id + 1, 0 is free.  Sized to a power of two. */
typedef struct DictTable
{
	uint32_t *slots;
	uint32_t mask; /* slots - 1; 0 without slots */
	uint32_t used;
} DictTable;

typedef struct StackSlot
{
	uint64_t hash;
	uint32_t check;
	uint32_t stack; /* id + 1, 0 is free */
} StackSlot;

/* Both spellings of a function-level frame; see PpFlameRules. */
typedef struct FrameName
{
	PpBytes pprof, pyroscope;
	bool no_frame; /* a location without lines: pyroscope rules have no frame here */
} FrameName;

/* Function-level nodes of a reader: (parent, name), node 0 is the root. */
typedef struct FunctionTree
{
	uint32_t n, cap;
	uint32_t *parent, *name;
	DictTable table;
	uint32_t nnames, names_cap;
	FrameName *names;
	uint32_t *by_string;  /* id + 1 of the name of functions called strings[i]; 0: none yet */
	uint32_t *by_mapping; /* two per mapping, the same: no lines, empty name */
	uint32_t none[2];	  /* by_mapping of locations without mapping */
	uint32_t strings_cap, mappings_cap, nodes_cap;
	uint32_t strings_done, mappings_done; /* initialised entries of the two */
	uint32_t no_frames;					  /* names with no_frame */
	uint32_t *node;						  /* by node of the dictionary; of a hole: anything */

	/*
	 * As long as every location is one frame, of a name that no other has, nodes
	 * that are distinct have distinct frames: they are appended, and the table is
	 * empty.
	 */
	bool appends;
	bool was_cut;						/* entries were given up: nodes may come twice */
	uint32_t *location_of;				/* by name: its location + 1 */
	uint32_t locations_cap, names_done; /* initialised entries of location_of */
} FunctionTree;

struct PpDict
{
	const PpAlloc *alloc;
	bool writer;
	uint64_t seed[3];
	PpArena *bytes; /* of strings and frame names */

	uint32_t count[PP_DICT_KINDS];
	uint32_t cap[PP_DICT_KINDS];
	uint32_t emitted[PP_DICT_KINDS]; /* those from here on are in no chunk yet */
	uint32_t holes[PP_DICT_KINDS];	 /* ids below count that are not known */
	PpBytes *strings;
	DictFunction *functions;
	DictMapping *mappings;
	DictLocation *locations;
	uint32_t *node_parent, *node_location;
	uint32_t *stack_leaf;
	uint32_t nlines, lines_cap;
	uint32_t emitted_lines;
	PpLine *lines;

	/* writer: content hashes, and tables over ids */
	uint64_t *string_hash, *function_hash, *mapping_hash, *location_hash;
	DictTable table[PP_DICT_STACKS]; /* strings to nodes */
	StackSlot *stack_slots;
	uint32_t stack_mask, stacks_used;

	FunctionTree functree; /* reader */
	size_t held;		   /* bytes of arrays and tables */
};

/* --- hashing: a folded 64 x 64 -> 128 bit multiplication, keyed by the seed --- */

#define DICT_K0 UINT64_C(0x9fb21c651e98df25)
#define DICT_K1 UINT64_C(0xd6e8feb86659fd93)
#define DICT_K2 UINT64_C(0xa0b428db8c3f7e6d)

static inline uint64_t
dict_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128) a * b;

	return (uint64_t) product ^ (uint64_t) (product >> 64);
}

/* The accumulated hash a, and one more word. */
static inline uint64_t
dict_hash_add(uint64_t a, uint64_t word)
{
	return dict_mix(a ^ word, DICT_K0) + word;
}

/* The hash of a pair of ids, for the tables. */
static inline uint64_t
dict_hash_pair(const PpDict *dict, uint32_t a, uint32_t b)
{
	return dict_mix((((uint64_t) a << 32) | b) ^ dict->seed[0], DICT_K1);
}

extern uint64_t dict_hash_bytes(uint64_t seed, PpBytes bytes);

/* Content hashes: equal for equal content, whatever the ids are. */
extern uint64_t dict_hash_function(const PpDict *dict, uint64_t name, uint64_t system_name,
								   uint64_t filename, int64_t line);
extern uint64_t dict_hash_mapping(const PpDict *dict, const DictMapping *mapping, uint64_t filename,
								  uint64_t build_id);
extern uint64_t dict_hash_location(const PpDict *dict, uint64_t mapping, /* its hash; 0 for none */
								   uint64_t address, uint32_t is_folded, const PpLine *lines,
								   uint32_t nlines, const uint64_t *function_hash);

/* The hash of a stack, from the root to the leaf. */
typedef struct StackHash
{
	uint64_t hash, check;
} StackHash;

static inline StackHash
dict_stack_begin(const PpDict *dict)
{
	return (StackHash){dict->seed[1], dict->seed[2]};
}

static inline void
dict_stack_add(StackHash *h, uint64_t location_hash)
{
	h->hash = dict_mix(h->hash ^ location_hash, DICT_K2) + location_hash;
	h->check = (h->check + location_hash) * DICT_K1;
	h->check ^= h->check >> 31;
}

static inline StackHash
dict_stack_end(StackHash h)
{
	return (StackHash){dict_mix(h.hash, DICT_K0) ^ h.hash, (h.check * DICT_K2) >> 32};
}

/* --- holes: ids that others have, or that nobody will ever have --- */

/* Is there an entry?  id is below count. */
static inline bool
dict_has(const PpDict *dict, PpDictKind kind, uint32_t id)
{
	if (dict->holes[kind] == 0)
		return true;
	switch (kind)
	{
		case PP_DICT_STRINGS:
			return dict->strings[id].data != NULL;
		case PP_DICT_FUNCTIONS:
			return dict->functions[id].name != PP_NONE;
		case PP_DICT_MAPPINGS:
			return dict->mappings[id].filename != PP_NONE;
		case PP_DICT_LOCATIONS:
			return dict->locations[id].nlines != PP_NONE;
		case PP_DICT_NODES:
			return dict->node_parent[id] != PP_NONE;
		default:
			return dict->stack_leaf[id] != PP_NONE;
	}
}

/* Make n ids from first on holes; the counters are the caller's. */
extern void dict_make_holes(PpDict *dict, PpDictKind kind, uint32_t first, uint32_t n);

/* --- pp_dict.c --- */

/* Room for `more` further entries of a kind (arrays only). */
extern PpCode dict_reserve(PpDict *dict, PpDictKind kind, uint32_t more, PpError *err);
extern PpCode dict_reserve_lines(PpDict *dict, uint32_t more, PpError *err);
/* Grow an array of `size`-byte items to hold need; *cap follows. */
extern PpCode dict_grow(PpDict *dict, void **array, uint32_t *cap, uint64_t need, size_t size,
						PpError *err);

typedef uint64_t (*DictHash)(const PpDict *dict, uint32_t id);

/* Room for `more` further ids. */
extern PpCode dict_table_reserve(PpDict *dict, DictTable *table, uint32_t more, DictHash hash,
								 PpError *err);

/* Put an id that is known to be new; there is room. */
static inline void
dict_table_put(DictTable *table, uint64_t hash, uint32_t id)
{
	uint32_t slot = hash & table->mask;

	while (table->slots[slot] != 0)
		slot = (slot + 1) & table->mask;
	table->slots[slot] = id + 1;
	table->used++;
}

/* --- pp_dict_intern.c --- */

/* Writer: hash and index n[] entries from first[] on; room is made first, so that it fails early. */
extern PpCode dict_index(PpDict *dict, const uint32_t *first, const uint32_t *n, PpError *err);
/* Writer: all tables anew, after entries were cut off; allocates nothing. */
extern void dict_reindex(PpDict *dict);
/* Put n[] entries from first[] on into the tables (stacks have another); there is room. */
extern void dict_put_entries(PpDict *dict, const uint32_t *first, const uint32_t *n);
/* What an entry is found by in the table of its kind. */
extern uint64_t dict_entry_hash(const PpDict *dict, PpDictKind kind, uint32_t id);
/* Hash of a stack of the dictionary; *path is scratch of *cap entries that grows. */
extern PpCode dict_stack_hash(PpDict *dict, uint32_t stack, uint32_t **path, uint32_t *cap,
							  StackHash *h, PpError *err);

/* --- pp_dict_tree.c --- */

/* Reader: function-level nodes of n nodes from first on. */
extern PpCode dict_tree_extend(PpDict *dict, uint32_t first, uint32_t n, PpError *err);
/* Reader: forget what was extended for n[] entries from first[] on, which are cut off again. */
extern void dict_tree_cut(PpDict *dict, const uint32_t *first, const uint32_t *n);
extern void dict_tree_free(PpDict *dict);

#endif
