/*
 * test_pp_dict.c
 *		Dictionaries over recorded Go profiles: what goes in comes out, whatever
 *		the bytes of a chunk are nothing breaks, and what was forgotten is gone.
 */
#include "pp_test.h"

#include "core/pp_codec.h"
#include "core/pp_dict.h"
#include "core/pp_merge.h"
#include "core/pp_spans.h"
#include "core/pp_split.h"
#include "core/pp_truncate.h"

#include <limits.h>

static const char *const files[] = {"go119-a-cpu",
									"go119-b-cpu",
									"go119-a-heap",
									"go119-a-allocs",
									"go123-a-allocs",
									"go123-a-block",
									"go123-a-cpu",
									"go123-a-goroutine",
									"go123-a-heap",
									"go123-a-mutex",
									"go123-a-threadcreate",
									"go123-b-cpu",
									"go123-b-heap"};
#define NFILES (sizeof(files) / sizeof(files[0]))

static PpArena *arena; /* of one test */

static int
start_test(void **state)
{
	arena = pp_arena_new(&pp_alloc_malloc);
	return arena == NULL;
}

static int
end_test(void **state)
{
	pp_arena_free(arena);
	return 0;
}

static PpProfile *
read_profile(const char *name)
{
	char path[256];
	uint8_t *data = pp_arena_alloc(arena, 1 << 20);
	PpProfile *profile;
	PpError err;
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "tests/data/pprof/go/%s.pb.gz", name);
	file = fopen(path, "rb");
	assert_non_null(file);
	len = fread(data, 1, 1 << 20, file);
	fclose(file);
	assert_int_equal(pp_profile_read(data, len, &pp_limits_default, arena, &profile, &err), PP_OK);
	return profile;
}

/* Intern, chunk and load: *stacks are the ids, the reader and the chunk are the results. */
static PpDict *
round_trip(PpDict *writer, PpDict *reader, const PpProfile *p, uint32_t **stacks)
{
	uint8_t *chunk;
	size_t len;
	PpError err;

	*stacks = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	assert_int_equal(pp_dict_intern(writer, p, *stacks, &err), PP_OK);
	assert_int_equal(pp_dict_chunk(writer, &pp_alloc_malloc, &chunk, &len, &err), PP_OK);
	if (len > 0)
	{
		PpChunkHeader header;

		assert_int_equal(pp_chunk_header(chunk, len, &header, &err), PP_OK);
		assert_int_equal(header.first[PP_DICT_NODES], pp_dict_count(reader, PP_DICT_NODES));
		assert_int_equal(pp_dict_load(reader, chunk, len, &err), PP_OK);
	}
	free(chunk);
	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
		assert_int_equal(pp_dict_count(reader, kind), pp_dict_count(writer, kind));
	return reader;
}

/* One column as entries by stack. */
static PpSamplesPart
part_of(const PpProfile *p, const uint32_t *stacks, uint32_t column)
{
	PpSamplesPart part = {.dict_id = 1};
	uint32_t *samples = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	uint32_t *scratch = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	PpError err;

	for (uint32_t i = 0; i < p->nsamples; i++)
		samples[i] = i;
	pp_split_sort(samples, p->nsamples, stacks, scratch);
	for (uint32_t i = 1; i < p->nsamples; i++)
		assert_true(stacks[samples[i - 1]] <= stacks[samples[i]]);
	part.entries = pp_arena_array(arena, p->nsamples, sizeof(PpSampleEntry));
	assert_int_equal(pp_split_entries(p, samples, p->nsamples, stacks, column, part.entries, &part.n, &err),
					 PP_OK);
	return part;
}

/* Merging keeps a first mapping that no sample uses; a dictionary has never seen it. */
static void
drop_unused_mappings(PpProfile *q)
{
	uint32_t *to = pp_arena_zalloc(arena, (q->nmappings + 1) * sizeof(uint32_t));
	uint32_t kept = 0;

	for (uint32_t i = 0; i < q->nsamples; i++)
		for (uint32_t j = 0; j < q->samples[i].nlocs && q->values[i] != 0; j++)
		{
			uint32_t m = q->locations[q->locrefs[q->samples[i].loc_off + j]].mapping;

			if (m != PP_NONE)
				to[m] = 1;
		}
	for (uint32_t i = 0; i < q->nmappings; i++)
		if (to[i] != 0)
		{
			q->mappings[kept] = q->mappings[i];
			to[i] = ++kept;
		}
	q->nmappings = kept;
	for (uint32_t i = 0; i < q->nlocations; i++)
		if (q->locations[i].mapping != PP_NONE)
			/* PP_NONE for a location that only samples without a value use */
			q->locations[i].mapping = to[q->locations[i].mapping] - 1;
}

/* What a dictionary keeps of one column: no labels, no addresses where names are final. */
static PpProfile *
normalised(const PpProfile *p, uint32_t column)
{
	PpProfile *q = pp_profile_new(arena);

	q->nstrings = p->nstrings;
	q->strings = p->strings;
	q->ntypes = 1;
	q->types = &p->types[column];
	q->nsamples = p->nsamples;
	q->samples = (PpSample *) pp_arena_copy(arena, p->samples, p->nsamples * sizeof(PpSample));
	q->values = pp_arena_array(arena, p->nsamples, sizeof(int64_t));
	q->nlocrefs = p->nlocrefs;
	q->locrefs = p->locrefs;
	q->nmappings = p->nmappings;
	q->mappings = (PpMapping *) pp_arena_copy(arena, p->mappings, p->nmappings * sizeof(PpMapping));
	q->nlocations = p->nlocations;
	q->locations =
		(PpLocation *) pp_arena_copy(arena, p->locations, p->nlocations * sizeof(PpLocation));
	q->nlines = p->nlines;
	q->lines = p->lines;
	q->nfunctions = p->nfunctions;
	q->functions = p->functions;
	for (uint32_t i = 0; i < q->nsamples; i++)
	{
		q->samples[i].nlabels = 0;
		q->values[i] = p->values[(size_t) i * p->ntypes + column];
	}
	drop_unused_mappings(q);
	for (uint32_t i = 0; i < q->nlocations; i++)
		if (q->locations[i].mapping != PP_NONE &&
			(q->mappings[q->locations[i].mapping].flags & PP_HAS_FUNCTIONS))
			q->locations[i].address = 0;
	for (uint32_t i = 0; i < q->nmappings; i++)
		if (q->mappings[i].flags & PP_HAS_FUNCTIONS)
			q->mappings[i].start = q->mappings[i].limit = q->mappings[i].offset = 0;
	return q;
}

static void
canonical_bytes(const PpProfile *p, uint8_t **bytes, size_t *len)
{
	PpMerge *merge = pp_merge_new(&pp_alloc_malloc, PP_MERGE_CANONICAL);
	PpProfile *merged;
	PpError err;

	assert_int_equal(pp_merge_add(merge, p, &err), PP_OK);
	assert_int_equal(pp_merge_finish(merge, arena, &merged, &err), PP_OK);
	assert_int_equal(pp_profile_encode(merged, &pp_alloc_malloc, bytes, len, &err), PP_OK);
	pp_merge_free(merge);
}

static void
assert_same_content(const PpProfile *a, const PpProfile *b)
{
	uint8_t *x, *y;
	size_t xlen, ylen;

	canonical_bytes(a, &x, &xlen);
	canonical_bytes(b, &y, &ylen);
	assert_int_equal(xlen, ylen);
	assert_memory_equal(x, y, xlen);
	free(x);
	free(y);
}

static void
assert_same_flame(PpTree *a, PpTree *b)
{
	PpFlameRow *x, *y;
	size_t nx, ny;
	int64_t hidden;
	PpError err;

	assert_int_equal(pp_tree_flame(a, 0, arena, &x, &nx, &hidden, &err), PP_OK);
	assert_int_equal(pp_tree_flame(b, 0, arena, &y, &ny, &hidden, &err), PP_OK);
	assert_int_equal(nx, ny);
	for (size_t i = 0; i < nx; i++)
	{
		assert_int_equal(x[i].level, y[i].level);
		assert_int_equal(x[i].value, y[i].value);
		assert_int_equal(x[i].self, y[i].self);
		assert_int_equal(x[i].label.len, y[i].label.len);
		assert_memory_equal(x[i].label.data, y[i].label.data, x[i].label.len);
	}
}

static void
check_column(const PpDict *reader, const PpProfile *p, const uint32_t *stacks, uint32_t column)
{
	PpSamplesPart part = part_of(p, stacks, column);
	PpProfile *back;
	PpError err;

	assert_int_equal(pp_dict_resolve(reader,
									 &part,
									 pp_str(p, p->types[column].type),
									 pp_str(p, p->types[column].unit),
									 arena,
									 &back,
									 &err),
					 PP_OK);
	assert_same_content(back, normalised(p, column));
	for (PpFlameRules rules = PP_RULES_PPROF; rules <= PP_RULES_PYROSCOPE; rules++)
	{
		PpTree *scattered = pp_tree_new(&pp_alloc_malloc, rules);
		PpTree *added = pp_tree_new(&pp_alloc_malloc, rules);

		assert_int_equal(pp_dict_scatter(reader, &part, scattered, &err), PP_OK);
		assert_int_equal(pp_tree_add_profile(added, p, column, &err), PP_OK);
		assert_same_flame(scattered, added);
		pp_tree_free(scattered);
		pp_tree_free(added);
	}
}

/* All files in one dictionary, chunk by chunk, and back. */
static void
test_round_trip(void **state)
{
	PpDict *writer = pp_dict_new(&pp_alloc_malloc, true, 42);
	PpDict *reader = pp_dict_new(&pp_alloc_malloc, false, 0);
	PpError err;

	for (size_t i = 0; i < NFILES; i++)
	{
		PpProfile *p = read_profile(files[i]);
		uint32_t *stacks;

		round_trip(writer, reader, p, &stacks);
		for (uint32_t column = 0; column < p->ntypes; column++)
			check_column(reader, p, stacks, column);
		assert_int_equal(pp_dict_verify(reader, &err), PP_OK);
		assert_int_equal(pp_dict_verify(writer, &err), PP_OK);
	}
	assert_true(pp_dict_memory(writer) > 10000);
	pp_dict_free(writer);
	pp_dict_free(reader);
}

/* What is known brings nothing new, also to a writer that loaded it. */
static void
test_known(void **state)
{
	PpDict *writer = pp_dict_new(&pp_alloc_malloc, true, 1), *other;
	PpProfile *p = read_profile("go123-a-heap");
	uint32_t *stacks = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	uint32_t *again = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	uint8_t *chunk, *none;
	size_t len, no_len;
	PpError err;

	assert_int_equal(pp_dict_intern(writer, p, stacks, &err), PP_OK);
	assert_int_equal(pp_dict_chunk(writer, &pp_alloc_malloc, &chunk, &len, &err), PP_OK);
	other = pp_dict_new(&pp_alloc_malloc, true, 2); /* another seed */
	assert_int_equal(pp_dict_load(other, chunk, len, &err), PP_OK);
	for (int i = 0; i < 2; i++)
	{
		PpDict *dict = i == 0 ? writer : other;

		assert_int_equal(pp_dict_intern(dict, p, again, &err), PP_OK);
		assert_memory_equal(again, stacks, p->nsamples * sizeof(uint32_t));
		assert_int_equal(pp_dict_chunk(dict, &pp_alloc_malloc, &none, &no_len, &err), PP_OK);
		assert_int_equal(no_len, 0);
	}
	/* a chunk does not fit twice */
	assert_int_equal(pp_dict_load(other, chunk, len, &err), PP_EMALFORMED);
	free(chunk);
	pp_dict_free(writer);
	pp_dict_free(other);
}

/* Forgetting leaves what a fresh writer would have. */
static void
test_forget(void **state)
{
	PpDict *writer = pp_dict_new(&pp_alloc_malloc, true, 7);
	PpDict *reader = pp_dict_new(&pp_alloc_malloc, false, 0);
	PpProfile *first = read_profile("go123-a-cpu"), *second = read_profile("go123-b-cpu");
	uint32_t *stacks, counts[PP_DICT_KINDS], nnew;
	uint32_t *lost = pp_arena_array(arena, second->nsamples, sizeof(uint32_t));
	PpError err;

	assert_int_equal(pp_dict_new_stacks(writer, first, &nnew, &err), PP_OK);
	round_trip(writer, reader, first, &stacks);
	assert_int_equal(pp_dict_count(writer, PP_DICT_STACKS), nnew);
	assert_int_equal(pp_dict_new_stacks(writer, first, &nnew, &err), PP_OK);
	assert_int_equal(nnew, 0);
	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
		counts[kind] = pp_dict_count(writer, kind);
	assert_int_equal(pp_dict_new_stacks(writer, second, &nnew, &err), PP_OK);
	assert_int_equal(pp_dict_intern(writer, second, lost, &err), PP_OK);
	assert_int_equal(pp_dict_count(writer, PP_DICT_STACKS), counts[PP_DICT_STACKS] + nnew);
	assert_true(nnew > 0);
	pp_dict_forget(writer);
	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
		assert_int_equal(pp_dict_count(writer, kind), counts[kind]);
	assert_int_equal(pp_dict_verify(writer, &err), PP_OK);
	/* the first is still known, the second comes anew */
	assert_int_equal(pp_dict_intern(writer, first, stacks, &err), PP_OK);
	assert_int_equal(pp_dict_count(writer, PP_DICT_STACKS), counts[PP_DICT_STACKS]);
	round_trip(writer, reader, second, &stacks);
	check_column(reader, second, stacks, second->ntypes - 1);
	pp_dict_free(writer);
	pp_dict_free(reader);
}

/* Cut and altered chunks are refused or read; the dictionary stays usable. */
static void
test_hostile(void **state)
{
	PpDict *writer = pp_dict_new(&pp_alloc_malloc, true, 9);
	PpDict *reader = pp_dict_new(&pp_alloc_malloc, false, 0);
	PpDict *second = pp_dict_new(&pp_alloc_malloc, true, 10);
	PpProfile *p = read_profile("go123-a-mutex");
	uint32_t *stacks = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	uint8_t *chunk;
	size_t len;
	PpError err;

	assert_int_equal(pp_dict_intern(writer, p, stacks, &err), PP_OK);
	assert_int_equal(pp_dict_chunk(writer, &pp_alloc_malloc, &chunk, &len, &err), PP_OK);
	for (size_t cut = 0; cut < len; cut++)
	{
		assert_int_not_equal(pp_dict_load(reader, chunk, cut, &err), PP_OK);
		assert_int_not_equal(pp_dict_load(second, chunk, cut, &err), PP_OK);
		assert_int_equal(pp_dict_count(reader, PP_DICT_STACKS), 0);
		assert_int_equal(pp_dict_count(second, PP_DICT_STRINGS), 1);
	}
	for (size_t at = 0; at < len; at++)
	{
		uint8_t was = chunk[at];
		PpDict *other = pp_dict_new(&pp_alloc_malloc, at % 2 == 0, 3);

		chunk[at] = (uint8_t) (was ^ (1 << (at % 8)));
		if (pp_dict_load(other, chunk, len, &err) == PP_OK)
			pp_dict_verify(other, &err);
		pp_dict_free(other);
		chunk[at] = was;
	}
	assert_int_equal(pp_dict_load(reader, chunk, len, &err), PP_OK);
	assert_int_equal(pp_dict_load(second, chunk, len, &err), PP_OK);
	check_column(reader, p, stacks, 0);
	free(chunk);
	pp_dict_free(writer);
	pp_dict_free(reader);
	pp_dict_free(second);
}

/* --- several writers, whose ids come from one counter of each kind --- */

typedef struct Shared
{
	uint32_t next[PP_DICT_KINDS];
	uint32_t nchunks;
	PpChunkRow chunks[64];
} Shared;

/* Intern, take ids, make the chunk; the stacks are those that a reader will know. */
static void
write_shared(Shared *shared, PpDict *writer, const PpProfile *p, uint32_t **stacks)
{
	uint32_t n[PP_DICT_KINDS], first[PP_DICT_KINDS], moved, by;
	uint8_t *chunk;
	size_t len;
	PpError err;

	*stacks = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	assert_int_equal(pp_dict_intern(writer, p, *stacks, &err), PP_OK);
	if (!pp_dict_pending(writer, n))
		return;
	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
	{
		first[kind] = shared->next[kind];
		shared->next[kind] += n[kind];
	}
	assert_int_equal(pp_dict_rebase(writer, first, &moved, &by, &err), PP_OK);
	for (uint32_t i = 0; i < p->nsamples; i++)
		if ((*stacks)[i] >= moved)
			(*stacks)[i] += by;
	assert_int_equal(pp_dict_chunk(writer, &pp_alloc_malloc, &chunk, &len, &err), PP_OK);
	shared->chunks[shared->nchunks] =
		(PpChunkRow){.number = shared->nchunks,
					 .data = (uint8_t *) pp_arena_copy(arena, chunk, len),
					 .len = len};
	shared->nchunks++;
	free(chunk);
}

static PpCode
load_shared(PpDict *dict, const Shared *shared, uint32_t i)
{
	PpError err;

	return pp_dict_load(dict, shared->chunks[i].data, shared->chunks[i].len, &err);
}

/* A dictionary of those chunks that load, in the given order until none does. */
static PpDict *
load_all(const Shared *shared, bool writer, bool backwards, uint64_t skip)
{
	PpDict *dict = pp_dict_new(&pp_alloc_malloc, writer, 77);
	uint64_t loaded = skip;
	bool more = true;
	PpError err;

	while (more)
	{
		more = false;
		for (uint32_t j = 0; j < shared->nchunks; j++)
		{
			uint32_t i = backwards ? shared->nchunks - 1 - j : j;

			if ((loaded & (UINT64_C(1) << i)) == 0 && load_shared(dict, shared, i) == PP_OK)
			{
				loaded |= UINT64_C(1) << i;
				more = true;
			}
		}
		assert_int_equal(pp_dict_verify(dict, &err), PP_OK);
	}
	for (uint32_t i = 0; i < shared->nchunks; i++)
		if ((skip & (UINT64_C(1) << i)) == 0)
			assert_int_equal(load_shared(dict, shared, i), PP_EMALFORMED);
	return dict;
}

/* Two writers that know nothing of each other, then all, then more on top. */
static void
test_two_writers(void **state)
{
	Shared shared = {.next = {1, 0, 0, 0, 1, 0}};
	PpDict *one = pp_dict_new(&pp_alloc_malloc, true, 1);
	PpDict *two = pp_dict_new(&pp_alloc_malloc, true, 2), *reader, *backwards;
	uint32_t *stacks[NFILES + 1], *again;
	PpProfile *p[NFILES + 1];
	PpError err;

	for (size_t i = 0; i < NFILES; i++)
	{
		p[i] = read_profile(files[i]);
		write_shared(&shared, i % 2 == 0 ? one : two, p[i], &stacks[i]);
		/* half way each takes in what the other did */
		for (uint32_t c = 0; i == NFILES / 2 && c < shared.nchunks; c++)
			(void) load_shared(c % 2 == 0 ? two : one, &shared, c);
		assert_int_equal(pp_dict_verify(i % 2 == 0 ? one : two, &err), PP_OK);
	}
	p[NFILES] = p[0];
	write_shared(&shared, two, p[0], &stacks[NFILES]);
	assert_true(pp_dict_holes(one, PP_DICT_NODES) > 0);
	reader = load_all(&shared, false, false, 0);
	backwards = load_all(&shared, false, true, 0);
	assert_int_equal(pp_dict_holes(reader, PP_DICT_NODES), 0);
	for (size_t i = 0; i <= NFILES; i++)
		for (uint32_t column = 0; column < p[i]->ntypes; column++)
		{
			check_column(reader, p[i], stacks[i], column);
			check_column(backwards, p[i], stacks[i], column);
		}
	/* the tables are right: what is known is found where it is */
	again = pp_arena_array(arena, p[NFILES - 1]->nsamples, sizeof(uint32_t));
	assert_int_equal(pp_dict_intern(one, p[NFILES - 1], again, &err), PP_OK);
	assert_memory_equal(again, stacks[NFILES - 1], p[NFILES - 1]->nsamples * sizeof(uint32_t));
	pp_dict_free(one);
	pp_dict_free(two);
	pp_dict_free(reader);
	pp_dict_free(backwards);
}

/* A chunk that was rolled back: nobody knows its stacks, all others are there. */
static void
test_holes(void **state)
{
	Shared shared = {.next = {1, 0, 0, 0, 1, 0}};
	PpDict *one = pp_dict_new(&pp_alloc_malloc, true, 1), *two, *reader, *writer;
	PpProfile *lost = read_profile("go123-a-heap"), *kept = read_profile("go123-b-cpu");
	uint32_t *lost_stacks, *kept_stacks, *stacks;
	PpSamplesPart part;
	PpTree *tree = pp_tree_new(&pp_alloc_malloc, PP_RULES_PPROF);
	PpError err;

	write_shared(&shared, one, lost, &lost_stacks);
	two = pp_dict_new(&pp_alloc_malloc, true, 2);
	write_shared(&shared, two, kept, &kept_stacks);
	reader = load_all(&shared, false, false, 1);
	writer = load_all(&shared, true, false, 1);
	assert_int_equal(pp_dict_holes(reader, PP_DICT_STACKS), kept_stacks[0]);
	check_column(reader, kept, kept_stacks, 0);
	part = part_of(kept, kept_stacks, 0);
	assert_true(pp_dict_knows(reader, &part));
	part = part_of(lost, lost_stacks, 0);
	assert_false(pp_dict_knows(reader, &part));
	assert_int_equal(pp_dict_scatter(reader, &part, tree, &err), PP_EMALFORMED);
	/* what is lost comes anew, behind all others */
	write_shared(&shared, writer, lost, &stacks);
	assert_true(stacks[0] > kept_stacks[0]);
	assert_int_equal(load_shared(reader, &shared, 2), PP_OK);
	check_column(reader, lost, stacks, 0);
	/* and should it come after all, it fits */
	assert_int_equal(load_shared(reader, &shared, 0), PP_OK);
	check_column(reader, lost, lost_stacks, 0);
	pp_tree_free(tree);
	pp_dict_free(one);
	pp_dict_free(two);
	pp_dict_free(reader);
	pp_dict_free(writer);
}

/* Ids below what is taken are refused; memory that ends while ids move leaves nothing to save. */
static void
test_rebase_refusals(void **state)
{
	PpProfile *p = read_profile("go123-a-cpu");
	uint32_t *stacks = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	uint32_t first[PP_DICT_KINDS] = {1000, 1000, 1000, 1000, 1000, 1000}, moved, by;
	PpDict *dict = pp_dict_new(&pp_alloc_malloc, true, 3);
	PpError err;

	assert_int_equal(pp_dict_intern(dict, p, stacks, &err), PP_OK);
	assert_int_equal(pp_dict_rebase(dict, first, &moved, &by, &err), PP_OK);
	assert_int_equal(by, 1000);
	first[PP_DICT_STACKS] = 999;
	assert_int_equal(pp_dict_rebase(dict, first, &moved, &by, &err), PP_EINVALID);
	pp_dict_free(dict);
}

static void
test_rows(void **state)
{
	Shared shared = {.next = {1, 0, 0, 0, 1, 0}};
	PpDict *writer = pp_dict_new(&pp_alloc_malloc, true, 1);
	PpChunkWalk walk;
	const uint8_t *data;
	uint8_t *row;
	uint32_t *stacks, number;
	size_t row_len, len;
	PpError err;

	for (size_t i = 0; i < NFILES; i++)
		write_shared(&shared, writer, read_profile(files[i]), &stacks);
	for (uint32_t i = 0; i < shared.nchunks; i++)
		shared.chunks[i].number = i * i; /* some are missing */
	assert_int_equal(pp_chunks_pack(shared.chunks, shared.nchunks, &pp_alloc_malloc, &row, &row_len, &err),
					 PP_OK);
	assert_int_equal(pp_chunks_open(&walk, row, row_len, 0, &err), PP_OK);
	for (uint32_t i = 0; i < shared.nchunks; i++)
	{
		assert_int_equal(pp_chunks_next(&walk, &number, &data, &len, &err), PP_OK);
		assert_int_equal(number, i * i);
		assert_int_equal(len, shared.chunks[i].len);
		assert_memory_equal(data, shared.chunks[i].data, len);
	}
	assert_int_equal(pp_chunks_next(&walk, &number, &data, &len, &err), PP_OK);
	assert_null(data);
	/* one alone */
	assert_int_equal(pp_chunks_open(&walk, shared.chunks[0].data, shared.chunks[0].len, 9, &err),
					 PP_OK);
	assert_int_equal(pp_chunks_next(&walk, &number, &data, &len, &err), PP_OK);
	assert_int_equal(number, 9);
	assert_int_equal(len, shared.chunks[0].len);
	assert_int_equal(pp_chunks_next(&walk, &number, &data, &len, &err), PP_OK);
	assert_null(data);
	/* cut off anywhere */
	for (size_t cut = 0; cut < row_len; cut += cut < 100 ? 1 : 997)
	{
		PpCode code = pp_chunks_open(&walk, row, cut, 0, &err);

		while (code == PP_OK && (code = pp_chunks_next(&walk, &number, &data, &len, &err)) == PP_OK)
			assert_non_null(data);
		assert_int_equal(code, PP_EMALFORMED);
	}
	free(row);
	pp_dict_free(writer);
}

static void
test_refusals(void **state)
{
	PpDict *writer = pp_dict_new(&pp_alloc_malloc, true, 9);
	PpDict *reader = pp_dict_new(&pp_alloc_malloc, false, 0);
	PpTree *tree = pp_tree_new(&pp_alloc_malloc, PP_RULES_PPROF);
	PpSampleEntry entry = {5, 1};
	PpSamplesPart part = {.dict_id = 1, .n = 1, .entries = &entry};
	PpProfile *p = read_profile("go123-a-mutex");
	uint32_t *stacks = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	PpProfile *back;
	PpError err;

	assert_int_equal(pp_dict_intern(reader, p, stacks, &err), PP_EINVALID);
	assert_int_equal(pp_dict_scatter(writer, &part, tree, &err), PP_EINVALID);
	assert_int_equal(pp_dict_scatter(reader, &part, tree, &err), PP_EMALFORMED);
	assert_int_equal(pp_dict_resolve(reader, &part, (PpBytes){"", 0}, (PpBytes){"", 0}, arena, &back, &err),
					 PP_EMALFORMED);
	pp_tree_free(tree);
	pp_dict_free(writer);
	pp_dict_free(reader);
}

static void
test_spans(void **state)
{
	PpSampleEntry entries[] = {{0, 10}, {7, 1}, {UINT32_MAX, INT64_MAX}};
	PpSpanGroup groups[] = {{.id = {.span = {1}}, .n = 1, .entries = entries},
							{.id = {.trace = {2}}, .n = 3, .entries = entries},
							{.id = {.span = {3}, .trace = {4}}, .n = 2, .entries = entries + 1}};
	PpSpanGroup *back;
	uint32_t n;
	uint8_t *bytes;
	size_t len;
	PpError err;

	assert_int_equal(pp_spans_encode(groups, 3, &pp_alloc_malloc, &bytes, &len, &err), PP_OK);
	assert_int_equal(pp_spans_decode(bytes, len, arena, &back, &n, &err), PP_OK);
	assert_int_equal(n, 3);
	for (uint32_t i = 0; i < n; i++)
	{
		assert_memory_equal(&back[i].id, &groups[i].id, sizeof(PpSpan));
		assert_int_equal(back[i].n, groups[i].n);
		for (uint32_t j = 0; j < back[i].n; j++)
		{
			assert_int_equal(back[i].entries[j].stack, groups[i].entries[j].stack);
			assert_int_equal(back[i].entries[j].value, groups[i].entries[j].value);
		}
	}
	for (size_t cut = 1; cut < len; cut++)
		assert_int_not_equal(pp_spans_decode(bytes, cut, arena, &back, &n, &err), PP_OK);
	for (size_t at = 0; at < len; at++)
		for (int bit = 0; bit < 8; bit++)
		{
			bytes[at] ^= (uint8_t) (1 << bit);
			(void) pp_spans_decode(bytes, len, arena, &back, &n, &err);
			bytes[at] ^= (uint8_t) (1 << bit);
		}
	free(bytes);
	assert_int_equal(pp_spans_encode(NULL, 0, &pp_alloc_malloc, &bytes, &len, &err), PP_OK);
	assert_int_equal(len, 0);
	assert_int_equal(pp_spans_decode(NULL, 0, arena, &back, &n, &err), PP_OK);
	assert_int_equal(n, 0);
}

/* Truncating keeps the total, and no more nodes than asked for but for ties and "other". */
static void
test_truncate(void **state)
{
	PpProfile *p = read_profile("go123-a-cpu"), *cut;
	int64_t before, after;
	PpError err;

	for (int64_t max = 1; max < 200; max = max * 3 + 1)
	{
		assert_int_equal(pp_profile_truncate(normalised(p, 1), max, arena, &cut, &err), PP_OK);
		assert_int_equal(pp_profile_total(p, 1, &before, &err), PP_OK);
		assert_int_equal(pp_profile_total(cut, 0, &after, &err), PP_OK);
		assert_int_equal(before, after);
		assert_true(cut->nsamples <= p->nsamples);
	}
	assert_int_equal(pp_profile_truncate(p, 0, arena, &cut, &err), PP_OK);
	assert_ptr_equal(cut, p);
}

/* --- memory that ends, and queries that are canceled --- */

typedef struct Failing
{
	PpAlloc alloc;
	long left;	/* allocations to come; afterwards there are none */
	long polls; /* polls to come before one asks to stop; below 0: never */
} Failing;

static void *
failing_alloc(void *ctx, size_t size)
{
	Failing *failing = ctx;

	return failing->left-- > 0 ? malloc(size) : NULL;
}

static void *
failing_resize(void *ctx, void *ptr, size_t size)
{
	Failing *failing = ctx;

	return failing->left-- > 0 ? realloc(ptr, size) : NULL;
}

static void
failing_release(void *ctx, void *ptr)
{
	free(ptr);
}

static bool
failing_poll(void *ctx)
{
	Failing *failing = ctx;

	return failing->polls >= 0 && failing->polls-- == 0;
}

static Failing
failing_make(void)
{
	return (Failing){.alloc = {failing_alloc, failing_resize, failing_release, failing_poll, NULL},
					 .left = LONG_MAX,
					 .polls = -1};
}

/* A chunk that could not be loaded leaves no trace: it loads later, to the same names. */
static void
test_failed_load(void **state)
{
	PpDict *writer = pp_dict_new(&pp_alloc_malloc, true, 5);
	PpProfile *p = read_profile("go123-a-heap"), *before = read_profile("go123-a-cpu");
	uint32_t *stacks = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	uint32_t *ignored = pp_arena_array(arena, before->nsamples, sizeof(uint32_t));
	uint8_t *chunk, *first;
	size_t len, first_len;
	PpCode code = PP_ENOMEM;
	PpError err;

	assert_int_equal(pp_dict_intern(writer, before, ignored, &err), PP_OK);
	assert_int_equal(pp_dict_chunk(writer, &pp_alloc_malloc, &first, &first_len, &err), PP_OK);
	assert_int_equal(pp_dict_intern(writer, p, stacks, &err), PP_OK);
	assert_int_equal(pp_dict_chunk(writer, &pp_alloc_malloc, &chunk, &len, &err), PP_OK);
	for (long left = 0; code != PP_OK; left++)
		for (int kind = 0; kind < 2; kind++)
		{
			Failing failing = failing_make();
			PpDict *dict;

			failing.alloc.ctx = &failing;
			dict = pp_dict_new(&failing.alloc, kind == 0, 6);
			assert_int_equal(pp_dict_load(dict, first, first_len, &err), PP_OK);
			failing.left = left;
			code = pp_dict_load(dict, chunk, len, &err);
			assert_true(code == PP_OK || code == PP_ENOMEM);
			failing.left = LONG_MAX;
			if (code != PP_OK)
			{
				assert_int_equal(pp_dict_verify(dict, &err), PP_OK);
				assert_int_equal(pp_dict_load(dict, chunk, len, &err), PP_OK);
			}
			assert_int_equal(pp_dict_count(dict, PP_DICT_STACKS),
							 pp_dict_count(writer, PP_DICT_STACKS));
			if (kind == 1)
				check_column(dict, p, stacks, 0);
			pp_dict_free(dict);
		}
	free(chunk);
	free(first);
	pp_dict_free(writer);
}

/* One stack of many nodes: polls come every 4096. */
static PpProfile *
many_nodes(void)
{
	PpProfile *p = pp_profile_new(arena);
	uint32_t n = 10000;

	p->strings = pp_arena_zalloc(arena, sizeof(PpBytes));
	p->strings[0] = (PpBytes){"", 0};
	p->nstrings = 1;
	p->types = pp_arena_zalloc(arena, sizeof(PpValueType));
	p->ntypes = 1;
	p->locations = pp_arena_zalloc(arena, n * sizeof(PpLocation));
	p->samples = pp_arena_zalloc(arena, sizeof(PpSample));
	p->values = pp_arena_zalloc(arena, sizeof(int64_t));
	p->locrefs = pp_arena_zalloc(arena, n * sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++)
	{
		p->locations[i] = (PpLocation){.id = i + 1, .mapping = PP_NONE, .address = i};
		p->locrefs[i] = i;
	}
	p->nlocations = p->nlocrefs = n;
	p->samples[0].nlocs = n;
	p->values[0] = 1;
	p->nsamples = 1;
	return p;
}

static void
test_canceled_load(void **state)
{
	PpDict *writer = pp_dict_new(&pp_alloc_malloc, true, 5), *reader;
	PpSampleEntry entry = {0, 7};
	PpSamplesPart part = {.dict_id = 1, .n = 1, .entries = &entry};
	PpTree *tree = pp_tree_new(&pp_alloc_malloc, PP_RULES_PPROF);
	Failing failing = failing_make();
	uint32_t stack;
	uint8_t *chunk;
	size_t len;
	PpError err;

	assert_int_equal(pp_dict_intern(writer, many_nodes(), &stack, &err), PP_OK);
	assert_int_equal(pp_dict_chunk(writer, &pp_alloc_malloc, &chunk, &len, &err), PP_OK);
	failing.alloc.ctx = &failing;
	reader = pp_dict_new(&failing.alloc, false, 0);
	failing.polls = 1;
	assert_int_equal(pp_dict_load(reader, chunk, len, &err), PP_ECANCELED);
	assert_int_equal(pp_dict_count(reader, PP_DICT_STACKS), 0);
	assert_int_equal(pp_dict_load(reader, chunk, len, &err), PP_OK);
	assert_int_equal(pp_dict_scatter(reader, &part, tree, &err), PP_OK);
	free(chunk);
	pp_tree_free(tree);
	pp_dict_free(writer);
	pp_dict_free(reader);
}

/* What a profile left behind when memory ended is forgotten like anything else. */
static void
test_failed_intern(void **state)
{
	PpProfile *p = read_profile("go123-a-heap"), *before = read_profile("go123-a-cpu");
	uint32_t *stacks = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	PpCode code = PP_ENOMEM;
	PpError err;

	for (long left = 0; code != PP_OK; left++)
	{
		Failing failing = failing_make();
		PpDict *reader = pp_dict_new(&pp_alloc_malloc, false, 0), *dict;
		uint32_t *again;

		failing.alloc.ctx = &failing;
		dict = pp_dict_new(&failing.alloc, true, 6);
		round_trip(dict, reader, before, &again);
		failing.left = left;
		code = pp_dict_intern(dict, p, stacks, &err);
		failing.left = LONG_MAX;
		pp_dict_forget(dict);
		assert_int_equal(pp_dict_verify(dict, &err), PP_OK);
		round_trip(dict, reader, p, &stacks);
		check_column(reader, p, stacks, 0);
		pp_dict_free(dict);
		pp_dict_free(reader);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_known, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_forget, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_hostile, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_refusals, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_two_writers, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_holes, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_rebase_refusals, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_rows, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_spans, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_truncate, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_failed_load, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_canceled_load, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_failed_intern, start_test, end_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
