/*
 * test_pp_merge.c
 *		Laws of merging, on random profiles with a fixed seed, and its rules one by
 *		one.
 *
 * Profiles are compared as bytes of profile.proto, so that order and numbering
 * count too.
 */
#include "pp_build.h"

#include "core/pp_algebra.h"
#include "core/pp_codec.h"
#include "core/pp_merge.h"
#include "meter.h"

#define ROUNDS 300

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
merge_of(PpMergeMode mode, size_t n, PpProfile *const *profiles)
{
	PpMerge *merge = pp_merge_new(&pp_alloc_malloc, mode);
	PpProfile *out = NULL;
	PpError err = {0};

	for (size_t i = 0; i < n; i++)
		assert_int_equal(pp_merge_add(merge, profiles[i], &err), PP_OK);
	assert_int_equal(pp_merge_count(merge), n);
	assert_true(pp_merge_memory(merge) > 0);
	assert_int_equal(pp_merge_finish(merge, arena, &out, &err), PP_OK);
	pp_merge_free(merge);
	return out;
}

#define MERGE(mode, ...)                                                                           \
	merge_of(mode,                                                                                 \
			 sizeof((PpProfile *[]){__VA_ARGS__}) / sizeof(PpProfile *),                           \
			 (PpProfile *[]){__VA_ARGS__})
#define CANONICAL(...) MERGE(PP_MERGE_CANONICAL, __VA_ARGS__)
#define ORDERED(...)   MERGE(PP_MERGE_ORDERED, __VA_ARGS__)

static void
assert_same_bytes(const PpProfile *a, const PpProfile *b)
{
	uint8_t *x, *y;
	size_t xlen, ylen;
	PpError err;

	assert_int_equal(pp_profile_encode(a, &pp_alloc_malloc, &x, &xlen, &err), PP_OK);
	assert_int_equal(pp_profile_encode(b, &pp_alloc_malloc, &y, &ylen, &err), PP_OK);
	assert_int_equal(xlen, ylen);
	assert_memory_equal(x, y, xlen);
	free(x);
	free(y);
	assert_int_equal(pp_stored_encode(a, &pp_alloc_malloc, &x, &xlen, &err), PP_OK);
	assert_int_equal(pp_stored_encode(b, &pp_alloc_malloc, &y, &ylen, &err), PP_OK);
	assert_int_equal(xlen, ylen);
	assert_memory_equal(x, y, xlen);
	free(x);
	free(y);
}

static void
test_commutes(void **state)
{
	uint64_t seed = 1;

	for (int i = 0; i < ROUNDS; i++)
	{
		PpProfile *a = build_random(arena, &seed), *b = build_random(arena, &seed);

		assert_same_bytes(CANONICAL(a, b), CANONICAL(b, a));
	}
}

static void
test_associates(void **state)
{
	uint64_t seed = 2;

	for (int i = 0; i < ROUNDS; i++)
	{
		PpProfile *a = build_random(arena, &seed), *b = build_random(arena, &seed);
		PpProfile *c = build_random(arena, &seed);
		PpProfile *all = CANONICAL(a, b, c);

		assert_same_bytes(CANONICAL(CANONICAL(a, b), c), all);
		assert_same_bytes(CANONICAL(a, CANONICAL(b, c)), all);
		assert_same_bytes(CANONICAL(CANONICAL(c, a), b), all);
		assert_same_bytes(CANONICAL(all), all);
	}
}

/* By mapping, none first, then by address in it. */
static void
assert_locations_sorted(const PpProfile *p)
{
	for (uint32_t i = 1; i < p->nlocations; i++)
	{
		const PpLocation *a = &p->locations[i - 1], *b = &p->locations[i];
		uint64_t start = a->mapping == PP_NONE ? 0 : p->mappings[a->mapping].start;

		if (a->mapping == b->mapping)
			assert_true(a->address - start <= b->address - start);
		else
			assert_true(a->mapping + 1 < b->mapping + 1);
	}
}

/* Addresses of all lengths, so that every byte of them counts. */
static void
test_location_order(void **state)
{
	uint64_t seed = 11;
	PpProfile *profiles[20];

	for (int i = 0; i < 20; i++)
	{
		profiles[i] = build_random(arena, &seed);
		for (uint32_t k = 0; k < profiles[i]->nlocations; k++)
		{
			PpLocation *l = &profiles[i]->locations[k];

			l->address +=
				((uint64_t) next_random(&seed, UINT32_MAX) << 32 | next_random(&seed, UINT32_MAX)) >>
				next_random(&seed, 64);
		}
	}
	assert_locations_sorted(merge_of(PP_MERGE_CANONICAL, 20, profiles));
}

/* The order of entries and their numbers do not show. */
static void
test_canonical_order(void **state)
{
	uint64_t seed = 3;

	for (int i = 0; i < ROUNDS; i++)
	{
		PpProfile *a = build_random(arena, &seed);
		PpProfile shuffled = *a;
		uint32_t n = a->nsamples;

		shuffled.samples = pp_arena_array(arena, n, sizeof(PpSample));
		shuffled.values = pp_arena_array(arena, (size_t) n * 2, sizeof(int64_t));
		for (uint32_t k = 0; k < n; k++)
		{
			shuffled.samples[k] = a->samples[n - 1 - k];
			memcpy(shuffled.values + k * 2, a->values + (n - 1 - k) * 2, 2 * sizeof(int64_t));
		}
		assert_same_bytes(CANONICAL(a), CANONICAL(&shuffled));
	}
}

static void
test_doubling(void **state)
{
	uint64_t seed = 4;
	const double two[] = {2, 2};
	PpError err;

	for (int i = 0; i < ROUNDS; i++)
	{
		PpProfile *a = build_random(arena, &seed), *twice, *compact;
		PpProfile *sum = ORDERED(a, a);

		assert_int_equal(pp_profile_scale(a, two, arena, &twice, &err), PP_OK);
		assert_int_equal(pp_profile_compact(twice, arena, &compact, &err), PP_OK);
		assert_same_samples(sum, compact);
		assert_same_tables(sum, compact);
	}
}

static void
test_compact_is_idempotent(void **state)
{
	uint64_t seed = 5;
	PpError err;

	for (int i = 0; i < ROUNDS; i++)
	{
		PpProfile *a = build_random(arena, &seed), *once, *again;

		assert_int_equal(pp_profile_compact(a, arena, &once, &err), PP_OK);
		assert_int_equal(pp_profile_compact(once, arena, &again, &err), PP_OK);
		assert_same_bytes(once, again);
	}
}

/* Nothing is left of what cancels but the main binary. */
static void
test_cancels(void **state)
{
	uint64_t seed = 6;
	PpError err;

	for (int i = 0; i < ROUNDS; i++)
	{
		PpProfile *a = build_random(arena, &seed), *minus, *sums[2];

		assert_int_equal(pp_profile_negate(a, arena, &minus, &err), PP_OK);
		sums[0] = ORDERED(a, minus);
		sums[1] = CANONICAL(minus, a);
		for (int k = 0; k < 2; k++)
		{
			assert_int_equal(sums[k]->nsamples, 0);
			assert_int_equal(sums[k]->nlocations, 0);
			assert_int_equal(sums[k]->nfunctions, 0);
			assert_int_equal(sums[k]->nmappings, 1);
		}
	}
}

/* A state that was finished goes on. */
/* From stored forms to a stored form. */
static PpCode
sum_stored(const PpAlloc *alloc, PpProfile *const *profiles, size_t n, uint8_t **out, size_t *len)
{
	PpMerge *merge = pp_merge_new(alloc, PP_MERGE_CANONICAL);
	PpCode code = merge == NULL ? PP_ENOMEM : PP_OK;

	*out = NULL;
	for (size_t i = 0; i < n && code == PP_OK; i++)
	{
		PpArena *scratch = pp_arena_new(alloc);
		uint8_t *bytes = NULL;
		size_t size;

		code =
			scratch == NULL ? PP_ENOMEM : pp_stored_encode(profiles[i], alloc, &bytes, &size, NULL);
		if (code == PP_OK)
			code = pp_merge_add_stored(merge, bytes, size, scratch, NULL);
		alloc->release(alloc->ctx, bytes);
		pp_arena_free(scratch);
	}
	if (code == PP_OK)
		code = pp_merge_encode(merge, alloc, out, len, NULL);
	pp_merge_free(merge);
	return code;
}

/* Below, at or above zero, as stacks compare from the root. */
static int
compare_stacks(const PpProfile *p, const PpSample *a, const PpSample *b)
{
	uint32_t n = a->nlocs < b->nlocs ? a->nlocs : b->nlocs;

	for (uint32_t i = 1; i <= n; i++)
	{
		uint32_t x = p->locrefs[a->loc_off + a->nlocs - i];
		uint32_t y = p->locrefs[b->loc_off + b->nlocs - i];

		if (x != y)
			return x < y ? -1 : 1;
	}
	return a->nlocs < b->nlocs ? -1 : a->nlocs > b->nlocs;
}

/* The tree leads to what lists lead to, also where samples are all zero. */
static void
test_stored(void **state)
{
	uint64_t seed = 21;

	for (int i = 0; i < ROUNDS; i++)
	{
		PpProfile *profiles[] = {build_random(arena, &seed), build_random(arena, &seed)};
		PpProfile *sum;
		uint8_t *lists, *tree;
		size_t lists_len, tree_len;

		for (uint32_t k = 0; k < profiles[0]->nsamples; k += 1 + (uint32_t) i % 3)
			memset(profiles[0]->values + (size_t) k * profiles[0]->ntypes,
				   0,
				   profiles[0]->ntypes * sizeof(int64_t));
		sum = CANONICAL(profiles[0], profiles[1]);
		assert_int_equal(pp_stored_encode(sum, &pp_alloc_malloc, &lists, &lists_len, NULL), PP_OK);
		assert_int_equal(sum_stored(&pp_alloc_malloc, profiles, 2, &tree, &tree_len), PP_OK);
		assert_int_equal(tree_len, lists_len);
		assert_memory_equal(tree, lists, lists_len);
		for (uint32_t k = 1; k < sum->nsamples; k++)
		{
			int cmp = compare_stacks(sum, &sum->samples[k - 1], &sum->samples[k]);

			assert_true(cmp < 0 ||
						(cmp == 0 && (sum->samples[k - 1].label_off != sum->samples[k].label_off ||
									  sum->samples[k - 1].nlabels == 0)));
		}
		free(lists);
		free(tree);
	}
}

static void
test_finish_goes_on(void **state)
{
	uint64_t seed = 7;
	PpProfile *a = build_random(arena, &seed), *b = build_random(arena, &seed);
	PpMerge *merge = pp_merge_new(&pp_alloc_malloc, PP_MERGE_CANONICAL);
	PpProfile *first, *second;
	PpError err;

	assert_int_equal(pp_merge_add(merge, a, &err), PP_OK);
	assert_int_equal(pp_merge_finish(merge, arena, &first, &err), PP_OK);
	assert_int_equal(pp_merge_add(merge, b, &err), PP_OK);
	assert_int_equal(pp_merge_finish(merge, arena, &second, &err), PP_OK);
	pp_merge_free(merge);
	assert_same_bytes(first, CANONICAL(a));
	assert_same_bytes(second, CANONICAL(a, b));
}

static const uint32_t no_frames[3] = {PP_NONE, PP_NONE, PP_NONE};

static PpProfile *
one_type(const char *type, const char *unit, int64_t value)
{
	PpProfile *p = build_empty(arena);

	build_type(p, type, unit);
	build_sample(p, no_frames, &value);
	return p;
}

static void
test_overflow(void **state)
{
	PpProfile *most = one_type("a", "b", INT64_MAX), *one = one_type("a", "b", 1);
	PpProfile *least = one_type("a", "b", INT64_MIN), *out;
	const double two = 2, half = 0.5, huge = 1e300;
	PpError err;

	for (int mode = PP_MERGE_ORDERED; mode <= PP_MERGE_CANONICAL; mode++)
	{
		PpMerge *merge = pp_merge_new(&pp_alloc_malloc, (PpMergeMode) mode);

		assert_int_equal(pp_merge_add(merge, most, &err), PP_OK);
		assert_int_equal(pp_merge_add(merge, one, &err), PP_EOVERFLOW);
		pp_merge_free(merge);
	}
	assert_int_equal(pp_profile_negate(least, arena, &out, &err), PP_EOVERFLOW);
	assert_int_equal(pp_profile_scale(most, &two, arena, &out, &err), PP_EOVERFLOW);
	assert_int_equal(pp_profile_scale(one, &huge, arena, &out, &err), PP_EOVERFLOW);
	assert_int_equal(pp_profile_scale(one, &half, arena, &out, &err), PP_OK);
	/* halves go away from zero */
	assert_int_equal(out->values[0], 1);
	assert_int_equal(pp_profile_divide(most, 0, arena, &out, &err), PP_EINVALID);
}

static void
test_header(void **state)
{
	PpProfile *a = one_type("a", "b", 1), *b = one_type("a", "b", 1);
	PpProfile *sums[2];

	a->time_nanos = 0;
	b->time_nanos = 5;
	a->duration_nanos = INT64_MAX;
	b->duration_nanos = 1;
	a->period = 3;
	b->period = 7;
	a->comments[a->ncomments++] = build_string(a, "z");
	a->comments[a->ncomments++] = build_string(a, "y");
	b->comments[b->ncomments++] = build_string(b, "y");
	b->comments[b->ncomments++] = build_string(b, "x");
	a->doc_url = build_string(a, "http://b");
	b->doc_url = build_string(b, "http://a");
	b->drop_frames = build_string(b, "drop");
	sums[0] = ORDERED(a, b);
	sums[1] = CANONICAL(a, b);
	for (int k = 0; k < 2; k++)
	{
		static const char *const comments[2][3] = {{"z", "y", "x"}, {"x", "y", "z"}};

		assert_int_equal(sums[k]->time_nanos, 5);
		assert_int_equal(sums[k]->duration_nanos, INT64_MAX);
		assert_int_equal(sums[k]->period, 7);
		assert_int_equal(sums[k]->ncomments, 3);
		for (int i = 0; i < 3; i++)
			assert_true(pp_bytes_eq(pp_str(sums[k], sums[k]->comments[i]), text(comments[k][i])));
	}
	assert_true(pp_bytes_eq(pp_str(sums[0], sums[0]->doc_url), text("http://b")));
	assert_true(pp_bytes_eq(pp_str(sums[1], sums[1]->doc_url), text("http://a")));
	/* the frame expressions are the first profile's, even if it has none */
	assert_true(pp_bytes_eq(pp_str(sums[0], sums[0]->drop_frames), text("")));
	assert_true(pp_bytes_eq(pp_str(sums[1], sums[1]->drop_frames), text("drop")));
}

static PpProfile *
loaded_at(uint64_t start, uint64_t size, const char *file, uint32_t flags)
{
	PpProfile *p = build_empty(arena);
	int64_t value = 1;
	uint32_t mapping;

	build_type(p, "a", "b");
	mapping = build_mapping(p, start, size, file, "");
	p->mappings[mapping].flags = flags;
	build_sample(p,
				 (uint32_t[]){build_location(p, mapping, start + 16, "f", 1), PP_NONE, PP_NONE},
				 &value);
	return p;
}

/* A label that says nothing does not keep samples apart. */
static void
test_empty_labels(void **state)
{
	PpProfile *p = one_type("a", "b", 1), *sum;
	int64_t value = 2;

	build_label(p, "key", "x", 0, "");
	p->strings[p->labels[0].str].len = 0;
	build_sample(p, no_frames, &value);
	sum = CANONICAL(p);
	assert_int_equal(sum->nsamples, 1);
	assert_int_equal(sum->samples[0].nlabels, 0);
	assert_int_equal(sum->values[0], 3);
}

/* A program at another address is the same program. */
static void
test_mappings(void **state)
{
	PpProfile *high = loaded_at(0x500000, 0x1001, "/bin/app", 3);
	PpProfile *low = loaded_at(0x400000, 0x1fff, "/bin/app", 5);
	PpProfile *other = loaded_at(0x400000, 0x2001, "/bin/app", 5);
	PpProfile *sum = ORDERED(high, low);

	assert_int_equal(sum->nmappings, 1);
	assert_int_equal(sum->nlocations, 1);
	assert_int_equal(sum->values[0], 2);
	assert_int_equal(sum->locations[0].address, 0x500010);
	assert_int_equal(sum->mappings[0].limit, 0x501001);
	assert_int_equal(sum->mappings[0].flags, 3);
	sum = CANONICAL(high, low);
	assert_int_equal(sum->nmappings, 1);
	assert_int_equal(sum->locations[0].address, 0x400010);
	assert_int_equal(sum->mappings[0].limit, 0x401001);
	assert_int_equal(sum->mappings[0].flags, 1);
	assert_int_equal(ORDERED(high, other)->nmappings, 2);
}

static PpCode
add_two(PpProfile *a, PpProfile *b)
{
	PpMerge *merge = pp_merge_new(&pp_alloc_malloc, PP_MERGE_ORDERED);
	PpError err;
	PpCode code;

	assert_int_equal(pp_merge_add(merge, a, &err), PP_OK);
	code = pp_merge_add(merge, b, &err);
	if (code == PP_EINCOMPATIBLE)
	{
		/* the state can still be used */
		assert_int_equal(pp_merge_count(merge), 1);
		assert_int_equal(pp_merge_add(merge, a, &err), PP_OK);
	}
	pp_merge_free(merge);
	return code;
}

static void
test_incompatible(void **state)
{
	PpProfile *a = one_type("cpu", "nanoseconds", 1), *b = one_type("cpu", "nanoseconds", 1);

	assert_int_equal(add_two(a, b), PP_OK);
	assert_int_equal(add_two(a, one_type("cpu", "milliseconds", 1)), PP_EINCOMPATIBLE);
	assert_int_equal(add_two(a, one_type("wall", "nanoseconds", 1)), PP_EINCOMPATIBLE);
	b->period_type.type = build_string(b, "cpu");
	assert_int_equal(add_two(a, b), PP_EINCOMPATIBLE);
	b = one_type("cpu", "nanoseconds", 1);
	build_type(b, "wall", "nanoseconds");
	b->nsamples = 0;
	assert_int_equal(add_two(a, b), PP_EINCOMPATIBLE);
}

static void
test_unify_units(void **state)
{
	PpProfile *ns = one_type("cpu", "nanoseconds", 5), *ms = one_type("cpu", "milliseconds", 2);
	PpProfile *bytes = one_type("cpu", "bytes", 2), *sum;
	PpError err;

	ms->period_type.type = build_string(ms, "cpu");
	ms->period_type.unit = build_string(ms, "seconds");
	ms->period = 3;
	ns->period_type.type = build_string(ns, "cpu");
	ns->period_type.unit = build_string(ns, "ms");
	assert_int_equal(pp_profiles_merge((PpProfile *[]){ms, ns}, 2, arena, &sum, &err), PP_OK);
	assert_int_equal(sum->nsamples, 1);
	assert_int_equal(sum->values[0], 2000005);
	assert_int_equal(sum->period, 3000);
	assert_true(pp_bytes_eq(pp_str(sum, sum->types[0].unit), text("nanoseconds")));
	assert_true(pp_bytes_eq(pp_str(sum, sum->period_type.unit), text("ms")));
	/* the profiles passed in are as they were */
	assert_int_equal(ms->values[0], 2);
	assert_int_equal(pp_profiles_merge((PpProfile *[]){ns, bytes}, 2, arena, &sum, &err),
					 PP_EINCOMPATIBLE);
	assert_int_equal(pp_profiles_merge(&ns, 1, arena, &sum, &err), PP_OK);
	assert_ptr_equal(sum, ns);
	assert_int_equal(pp_profiles_merge(&ns, 0, arena, &sum, &err), PP_EINVALID);
}

static PpProfile *
many_types(const char *const *types, int n)
{
	PpProfile *p = build_empty(arena);
	int64_t values[4] = {1, 20, 300, 4000};

	for (int i = 0; i < n; i++)
		build_type(p, types[i], "count");
	build_sample(p, no_frames, values);
	return p;
}

/* Types that occur twice are kept: by position, or by name and occurrence. */
static void
test_unify_types(void **state)
{
	const char *const twice[] = {"a", "b", "a"}, *const swapped[] = {"b", "a", "a"};
	const char *const less[] = {"c", "a"}, *const none[] = {"d"};
	PpProfile *p = many_types(twice, 3), *sum;
	PpError err;

	assert_int_equal(pp_profiles_merge((PpProfile *[]){p, p}, 2, arena, &sum, &err), PP_OK);
	assert_int_equal(sum->ntypes, 3);
	assert_int_equal(sum->values[2], 600);
	assert_int_equal(pp_profiles_merge((PpProfile *[]){p, many_types(swapped, 3)}, 2, arena, &sum, &err),
					 PP_OK);
	assert_int_equal(sum->ntypes, 3);
	assert_int_equal(sum->values[0], 1 + 20);
	assert_int_equal(sum->values[1], 20 + 1);
	assert_int_equal(sum->values[2], 300 + 300);
	assert_int_equal(pp_profiles_merge((PpProfile *[]){p, many_types(less, 2)}, 2, arena, &sum, &err),
					 PP_OK);
	assert_int_equal(sum->ntypes, 1);
	assert_int_equal(sum->values[0], 1 + 20);
	assert_true(pp_bytes_eq(pp_str(sum, sum->default_sample_type), text("a")));
	assert_int_equal(pp_profiles_merge((PpProfile *[]){p, many_types(none, 1)}, 2, arena, &sum, &err),
					 PP_EINCOMPATIBLE);
}

static void
test_set_label(void **state)
{
	PpProfile *p = one_type("a", "b", 1), *out;
	PpError err;

	build_label(p, "a", "1", 0, "");
	build_label(p, "m", "2", 0, "");
	build_label(p, "m", "3", 0, "");
	build_label(p, "z", "4", 0, "");
	build_label(p, "m", "", 5, "");
	assert_int_equal(pp_profile_set_label(p, text("m"), text("new"), arena, &out, &err), PP_OK);
	assert_int_equal(out->samples[0].nlabels, 4);
	assert_true(pp_bytes_eq(pp_str(out, out->labels[1].key), text("m")));
	assert_true(pp_bytes_eq(pp_str(out, out->labels[1].str), text("new")));
	assert_true(pp_bytes_eq(pp_str(out, out->labels[2].str), text("4")));
	/* a number of that key stays */
	assert_int_equal(out->labels[3].num, 5);
	assert_int_equal(p->samples[0].nlabels, 5);
	assert_int_equal(pp_profile_set_label(p, text("m"), text(""), arena, &out, &err), PP_EINVALID);
}

/* Both sides stay, whatever the order of the result. */
static void
test_diff(void **state)
{
	uint64_t seed = 8;
	PpError err;

	for (int i = 0; i < ROUNDS; i++)
	{
		PpProfile *a = build_random(arena, &seed), *ordered, *canonical;
		int64_t total;

		assert_int_equal(pp_profile_diff(a, a, PP_MERGE_ORDERED, arena, &ordered, &err), PP_OK);
		assert_int_equal(pp_profile_diff(a, a, PP_MERGE_CANONICAL, arena, &canonical, &err), PP_OK);
		assert_int_equal(ordered->nsamples, CANONICAL(a)->nsamples * 2);
		assert_int_equal(pp_profile_total(ordered, 1, &total, &err), PP_OK);
		assert_int_equal(total, 0);
		assert_int_equal(canonical->nsamples, ordered->nsamples);
	}
}

static void
test_normalize(void **state)
{
	PpProfile *p = one_type("a", "b", 10), *base = one_type("a", "b", 25), *out;
	PpError err;

	assert_int_equal(pp_profile_normalize(p, base, arena, &out, &err), PP_OK);
	assert_int_equal(out->values[0], 25);
	assert_int_equal(pp_profile_normalize(p, one_type("a", "c", 1), arena, &out, &err),
					 PP_EINCOMPATIBLE);
}

/* --- memory and interruption --- */

static PpCode
metered_merge(const PpAlloc *alloc, PpProfile *const *profiles, int n)
{
	PpArena *results = pp_arena_new(alloc);
	PpMerge *merge = pp_merge_new(alloc, PP_MERGE_CANONICAL);
	PpProfile *out;
	PpError err = {0};
	PpCode code = merge == NULL || results == NULL ? PP_ENOMEM : PP_OK;

	for (int i = 0; code == PP_OK && i < n; i++)
		code = pp_merge_add(merge, profiles[i], &err);
	if (code == PP_OK)
		code = pp_merge_finish(merge, results, &out, &err);
	pp_merge_free(merge);
	pp_arena_free(results);
	return code;
}

static void
test_no_memory(void **state)
{
	uint64_t seed = 9;
	PpProfile *profiles[] = {build_random(arena, &seed), build_random(arena, &seed)};
	Meter meter = {0, INT64_MAX};
	PpAlloc alloc = {meter_alloc, meter_resize, meter_release, meter_poll, &meter};
	int64_t allocations = 0;
	PpCode code;

	do
	{
		meter.left = allocations++;
		code = metered_merge(&alloc, profiles, 2);
		assert_true(code == PP_OK || code == PP_ENOMEM);
	} while (code == PP_ENOMEM);
	assert_true(allocations > 10);
}

static void
test_no_memory_stored(void **state)
{
	uint64_t seed = 9;
	PpProfile *profiles[] = {build_random(arena, &seed), build_random(arena, &seed)};
	Meter meter = {0, INT64_MAX};
	PpAlloc alloc = {meter_alloc, meter_resize, meter_release, meter_poll, &meter};
	int64_t allocations = 0;
	uint8_t *out;
	size_t len;
	PpCode code;

	do
	{
		meter.left = allocations++;
		code = sum_stored(&alloc, profiles, 2, &out, &len);
		assert_true(code == PP_OK || code == PP_ENOMEM);
	} while (code == PP_ENOMEM);
	assert_true(allocations > 10);
	free(out);
}

static void
test_canceled(void **state)
{
	PpProfile *p = build_empty(arena);
	Meter meter = {INT64_MAX, 0};
	PpAlloc alloc = {meter_alloc, meter_resize, meter_release, meter_poll, &meter};
	uint32_t n = 20000;

	build_type(p, "a", "b");
	p->samples = pp_arena_zalloc(arena, n * sizeof(PpSample));
	p->values = pp_arena_zalloc(arena, n * sizeof(int64_t));
	p->nsamples = n;
	assert_int_equal(metered_merge(&alloc, &p, 1), PP_ECANCELED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_test, end_test)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_commutes),		TEST(test_associates),	 TEST(test_location_order),
		TEST(test_canonical_order), TEST(test_doubling),	 TEST(test_compact_is_idempotent),
		TEST(test_cancels),			TEST(test_stored),		 TEST(test_finish_goes_on),
		TEST(test_overflow),		TEST(test_header),		 TEST(test_empty_labels),
		TEST(test_mappings),		TEST(test_incompatible), TEST(test_unify_units),
		TEST(test_unify_types),		TEST(test_set_label),	 TEST(test_diff),
		TEST(test_normalize),		TEST(test_no_memory),	 TEST(test_no_memory_stored),
		TEST(test_canceled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
