/*
 * test_pp_dict.c
 *		Dictionaries over recorded Go profiles: what goes in comes out, whatever
 *		the bytes of a chunk are nothing breaks, and what was forgotten is gone.
 */
#include "dict_check.h"

#include "core/pp_truncate.h"

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
		cmocka_unit_test_setup_teardown(test_truncate, start_test, end_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
