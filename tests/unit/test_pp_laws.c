/*
 * test_pp_laws.c
 *		Laws of the algebra of profiles, on random profiles with a fixed seed.
 *
 * Values may be negative and cancel, producers may spell and measure their types
 * differently.  Content is compared where entries that canceled may have lent
 * their load address, bytes where they cannot.
 */
#include "pp_build.h"

#include "core/pp_aggregate.h"
#include "core/pp_algebra.h"
#include "core/pp_content.h"
#include "core/pp_merge.h"
#include "core/pp_predicates.h"
#include "pp_search_pcre2.h"

#define ROUNDS 3000

static PpArena *arena; /* of one round */
static uint64_t seed;
static PpError err;

#define OK(call) assert_int_equal((call), PP_OK)

/* Run a law for each round. */
static void
rounds(uint64_t start, void (*law)(void))
{
	seed = start;
	for (int i = 0; i < ROUNDS; i++)
	{
		arena = pp_arena_new(&pp_alloc_malloc);
		assert_non_null(arena);
		law();
		pp_arena_free(arena);
	}
}

static uint32_t
roll(uint32_t below)
{
	return next_random(&seed, below);
}

/* Values as they are, or some of them negative. */
static PpProfile *
any_profile(bool negative)
{
	PpProfile *p = build_random(arena, &seed);

	for (uint32_t i = 0; negative && i < p->nsamples * p->ntypes; i++)
		if (roll(3) == 0)
			p->values[i] = -p->values[i];
	return p;
}

static PpProfile *
sum_of(size_t n, PpProfile *const *profiles)
{
	PpMerge *merge = pp_merge_new(&pp_alloc_malloc, PP_MERGE_CANONICAL);
	PpProfile *out;

	assert_non_null(merge);
	for (size_t i = 0; i < n; i++)
		OK(pp_merge_add(merge, profiles[i], &err));
	OK(pp_merge_finish(merge, arena, &out, &err));
	pp_merge_free(merge);
	return out;
}

#define SUM(...)                                                                                   \
	sum_of(sizeof((PpProfile *[]){__VA_ARGS__}) / sizeof(PpProfile *), (PpProfile *[]){__VA_ARGS__})

static void
assert_same_bytes(const PpProfile *a, const PpProfile *b)
{
	uint8_t *x, *y;
	size_t xlen, ylen;

	OK(pp_stored_encode(a, &pp_alloc_malloc, &x, &xlen, &err));
	OK(pp_stored_encode(b, &pp_alloc_malloc, &y, &ylen, &err));
	assert_int_equal(xlen, ylen);
	assert_memory_equal(x, y, xlen);
	free(x);
	free(y);
}

static uint64_t
hash_of(const PpProfile *p)
{
	uint64_t hash;

	OK(pp_profile_hash(p, arena, &hash, &err));
	return hash;
}

static bool
equal(const PpProfile *a, const PpProfile *b)
{
	bool result;

	OK(pp_profile_equal(a, b, arena, &result, &err));
	return result;
}

static int64_t
total_of(const PpProfile *p, uint32_t column)
{
	int64_t total;

	OK(pp_report_total(p, column, false, &total, &err));
	return total;
}

static PpProfile *
scaled(const PpProfile *p, double ratio)
{
	double ratios[2] = {ratio, ratio};
	PpProfile *out;

	OK(pp_profile_scale(p, ratios, arena, &out, &err));
	return out;
}

static void
sums_commute_and_associate(void)
{
	PpProfile *a = any_profile(false), *b = any_profile(false), *c = any_profile(false);

	assert_same_bytes(SUM(a, b), SUM(b, a));
	assert_same_bytes(SUM(SUM(a, b), c), SUM(a, SUM(b, c)));
	assert_same_bytes(SUM(a, b, c), SUM(SUM(c, a), b));
	for (uint32_t t = 0; t < 2; t++)
		assert_int_equal(total_of(SUM(a, b), t), total_of(a, t) + total_of(b, t));
}

static void
sums_that_cancel(void)
{
	PpProfile *a = any_profile(true), *b = any_profile(true), *c = any_profile(true);

	assert_same_bytes(SUM(a, b), SUM(b, a));
	assert_true(hash_of(SUM(SUM(a, b), c)) == hash_of(SUM(a, SUM(b, c))));
	assert_true(hash_of(SUM(a, b, c)) == hash_of(SUM(SUM(c, a), b)));
}

/* One program, told by three producers. */
static PpProfile *
in_units(PpProfile *p, bool plural)
{
	static const char *const units[] = {"nanoseconds", "ns", "us", "microseconds", "ms", "s"};

	p->types[0].type = build_string(p, plural ? "samples" : "sample");
	p->types[1].unit = build_string(p, units[roll(6)]);
	p->period_type.unit = build_string(p, units[roll(6)]);
	p->default_sample_type = roll(2) == 0 ? 0 : p->types[roll(2)].type;
	return p;
}

static void
units_do_not_show_the_order(void)
{
	PpProfile *a = in_units(any_profile(false), roll(2)),
			  *b = in_units(any_profile(false), roll(2)), *c = in_units(any_profile(false), roll(2));

	assert_same_bytes(SUM(a, b, c), SUM(c, b, a));
	assert_same_bytes(SUM(SUM(a, b), c), SUM(a, SUM(b, c)));
	assert_same_bytes(SUM(a, b, c), SUM(SUM(c, a), b));
}

static void
nothing_is_neutral(void)
{
	PpProfile *a = any_profile(true), *none = pp_profile_new(arena);

	assert_same_bytes(SUM(a, none), SUM(a));
	assert_same_bytes(SUM(none, a), SUM(a));
	assert_same_bytes(SUM(none, a, none), SUM(a));
}

static void
differences_of_a_profile_and_itself(void)
{
	PpProfile *a = any_profile(true), *out;
	PpReportOptions options = pp_report_defaults();
	SearchList list = {.n = 0};
	PpSearch search = {search_compile, search_match, &list};
	PpEdgeRow *edges;
	size_t nedges;
	PpTop top;

	OK(pp_profile_subtract(a, a, PP_MERGE_ORDERED, arena, &out, &err));
	assert_int_equal(out->nsamples, 0);
	assert_int_equal(SUM(a, scaled(a, -1))->nsamples, 0);

	OK(pp_profile_diff(a, a, PP_MERGE_ORDERED, arena, &out, &err));
	assert_int_equal(total_of(out, 1), total_of(SUM(a), 1));
	options.trim = false;
	options.sample_index = text("cpu");
	OK(pp_top_rows(out, &options, &search, arena, &top, &err));
	for (uint32_t i = 0; i < top.nrows; i++)
		assert_true(top.rows[i].flat == 0 && top.rows[i].cum == 0);
	OK(pp_edge_rows(out, &options, PP_EDGES_ALL, text(""), &search, arena, &edges, &nedges, &err));
	for (size_t i = 0; i < nedges; i++)
		assert_true(edges[i].weight == 0);
	search_release(&list);
}

/* Beyond 2^53 there are integers that no double is. */
static void
great_values_cancel(void)
{
	PpProfile *a = any_profile(true);

	for (uint32_t i = 0; i < a->nsamples; i++)
	{
		a->values[i * 2] = 0;
		a->values[i * 2 + 1] *= INT64_C(225179981368525);
	}
	assert_int_equal(SUM(a, scaled(a, -1))->nsamples, 0);
	assert_same_bytes(SUM(a), SUM(scaled(scaled(a, -1), -1)));
}

static void
codecs_round_trip(void)
{
	PpProfile *a = any_profile(true), *back;
	uint8_t *bytes;
	size_t len;

	OK(pp_profile_encode(a, &pp_alloc_malloc, &bytes, &len, &err));
	OK(pp_profile_decode(bytes, len, &pp_limits_hard, arena, &back, &err));
	assert_same_profile(a, back);
	free(bytes);
	OK(pp_stored_encode(a, &pp_alloc_malloc, &bytes, &len, &err));
	OK(pp_stored_decode(bytes, len, arena, &back, &err));
	assert_same_profile(a, back);
	free(bytes);
}

static void
twice_is_double(void)
{
	PpProfile *a = any_profile(true), *twice;

	a->duration_nanos = 0; /* durations add up, products leave them */
	assert_same_bytes(SUM(a, a), SUM(scaled(a, 2)));
	OK(pp_profile_compact(scaled(a, 2), arena, &twice, &err));
	assert_true(hash_of(SUM(a, a)) == hash_of(twice));
}

static void
compacting_again_changes_nothing(void)
{
	PpProfile *once, *again;

	OK(pp_profile_compact(any_profile(true), arena, &once, &err));
	OK(pp_profile_compact(once, arena, &again, &err));
	assert_same_bytes(once, again);
	assert_same_bytes(SUM(once), SUM(SUM(once)));
}

/* The same said differently: samples in another order and in parts, with zeros among them. */
static PpProfile *
shuffled(const PpProfile *p)
{
	PpProfile *q = pp_profile_share(p, arena);
	uint32_t n = p->nsamples;

	q->nsamples = 0;
	q->samples = pp_arena_array(arena, (size_t) n * 3, sizeof(*q->samples));
	q->values = pp_arena_array(arena, (size_t) n * 6, sizeof(*q->values));
	for (uint32_t i = 0; i < n; i++)
	{
		const int64_t *from = p->values + (size_t) (n - 1 - i) * 2;
		int64_t *to = q->values + (size_t) q->nsamples * 2, part = roll(100);

		for (uint32_t k = 0; k < 3; k++)
			q->samples[q->nsamples++] = p->samples[n - 1 - i];
		memset(to, 0, 6 * sizeof(*to));
		to[0] = from[0];
		to[1] = from[1] - part;
		to[roll(2) * 2 + 3] = part;
	}
	q->locations = pp_arena_array(arena, p->nlocations, sizeof(*q->locations));
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		q->locations[i] = p->locations[i];
		q->locations[i].id += 1000;
	}
	return q;
}

static void
content_is_what_counts(void)
{
	PpProfile *a = any_profile(true), *b = any_profile(true), *c = shuffled(a);
	uint32_t victim;

	assert_true(hash_of(a) == hash_of(c));
	assert_true(equal(a, c));
	assert_true(hash_of(a) == hash_of(SUM(a)));
	assert_true(equal(a, b) == (hash_of(a) == hash_of(b)));
	if (a->nsamples == 0)
		return;
	victim = roll(a->nsamples);
	c = pp_profile_share(a, arena);
	c->values = pp_arena_array(arena, a->nsamples * 2, sizeof(int64_t));
	memcpy(c->values, a->values, a->nsamples * 2 * sizeof(int64_t));
	c->values[victim * 2 + 1]++;
	assert_false(equal(a, c));
	assert_true(hash_of(a) != hash_of(c));
	c = pp_profile_share(a, arena);
	c->time_nanos++;
	assert_false(equal(a, c));
}

static void
coarser_sums_are_sums_of_coarser(void)
{
	PpProfile *a = any_profile(false), *b = any_profile(false), *x, *y, *both;
	PpGranularity by = (PpGranularity) roll(5);
	bool noinlines = roll(2), columns = roll(2);

	OK(pp_profile_aggregate(a, by, noinlines, columns, arena, &x, &err));
	OK(pp_profile_aggregate(b, by, noinlines, columns, arena, &y, &err));
	OK(pp_profile_aggregate(SUM(a, b), by, noinlines, columns, arena, &both, &err));
	for (uint32_t t = 0; t < 2; t++)
		assert_int_equal(total_of(both, t), total_of(a, t) + total_of(b, t));
	/* of columns inside a location a sum keeps the least, so lines may meet that would not have */
	if (!columns || noinlines)
		assert_true(hash_of(SUM(both)) == hash_of(SUM(x, y)));
	OK(pp_profile_aggregate(both, by, noinlines, columns, arena, &x, &err));
	assert_true(hash_of(both) == hash_of(x));
}

/* --- filters --- */

static PpProfile *
filtered(const PpProfile *p, const PpReportOptions *options, const PpSearch *search)
{
	PpProfile *out;

	OK(pp_report_filter(p, options, search, arena, &out, &err));
	return out;
}

/*
 * In the tool's order.  No ranges on numbers here: which unit a key has is asked
 * of the whole profile, and so of different profiles if filters come one by one.
 */
static void
filters_at_once_are_filters_in_turn(void)
{
	static const char *const names[] = {"f0", "f1", "f[12]", "app0", "", "", "", ""};
	static const char *const tags[] = {"a=v0", "v1", "a=v0,v1", "", "", ""};
	static const char *const keys[] = {"a", "b", "", ""};
	PpReportOptions all = pp_report_defaults(), one;
	PpBytes *fields[] = {&all.tagroot,
						 &all.tagleaf,
						 &all.focus,
						 &all.ignore,
						 &all.hide,
						 &all.show,
						 &all.show_from,
						 &all.tagfocus,
						 &all.tagignore,
						 &all.tagshow,
						 &all.taghide,
						 &all.prune_from};
	PpProfile *p = any_profile(true), *at_once, *in_turn = p;
	SearchList list = {.n = 0};
	PpSearch search = {search_compile, search_match, &list};

	for (size_t i = 0; i < 12; i++)
		*fields[i] = text(i < 2 || i == 9 || i == 10 ? keys[roll(4)]
						  : i == 7 || i == 8		 ? tags[roll(6)]
													 : names[roll(8)]);
	at_once = filtered(p, &all, &search);
	for (size_t i = 0; i < 12; i++)
	{
		one = pp_report_defaults();
		*(PpBytes *) ((char *) &one + ((char *) fields[i] - (char *) &all)) = *fields[i];
		in_turn = filtered(in_turn, &one, &search);
	}
	/* frames of labels are numbered from the leaf: not the same in two steps */
	assert_int_equal(at_once->nsamples, in_turn->nsamples);
	assert_same_bytes(SUM(at_once), SUM(in_turn));
	search_release(&list);
}

static void
labels_come_and_go(void)
{
	PpProfile *a = any_profile(true), *b;

	OK(pp_profile_set_label(a, text("new"), text("x"), arena, &b, &err));
	assert_true(pp_profile_has_label(b, text("new"), NULL) ==
				(SUM(a)->nsamples > 0 || pp_profile_has_label(b, text("new"), NULL)));
	assert_false(a->nsamples > 0 && equal(a, b) && SUM(a)->nsamples > 0);
	OK(pp_profile_remove_label(b, text("new"), arena, &b, &err));
	assert_same_samples(a, b);
	OK(pp_profile_set_num_label(a, text("aa"), 7, text("bytes"), arena, &b, &err));
	OK(pp_profile_set_num_label(b, text("aa"), 8, text(""), arena, &b, &err));
	assert_false(pp_profile_has_label(b, text("aa"), &(PpBytes){"7", 1}));
	OK(pp_profile_remove_label(b, text("aa"), arena, &b, &err));
	assert_same_samples(a, b);
}

#define LAW(name, start)                                                                           \
	static void test_##name(void **state)                                                          \
	{                                                                                              \
		rounds(start, name);                                                                       \
	}

LAW(sums_commute_and_associate, 1)
LAW(sums_that_cancel, 2)
LAW(units_do_not_show_the_order, 3)
LAW(nothing_is_neutral, 4)
LAW(differences_of_a_profile_and_itself, 5)
LAW(great_values_cancel, 6)
LAW(codecs_round_trip, 7)
LAW(twice_is_double, 8)
LAW(compacting_again_changes_nothing, 9)
LAW(content_is_what_counts, 10)
LAW(coarser_sums_are_sums_of_coarser, 11)
LAW(filters_at_once_are_filters_in_turn, 12)
LAW(labels_come_and_go, 13)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums_commute_and_associate),
		cmocka_unit_test(test_sums_that_cancel),
		cmocka_unit_test(test_units_do_not_show_the_order),
		cmocka_unit_test(test_nothing_is_neutral),
		cmocka_unit_test(test_differences_of_a_profile_and_itself),
		cmocka_unit_test(test_great_values_cancel),
		cmocka_unit_test(test_codecs_round_trip),
		cmocka_unit_test(test_twice_is_double),
		cmocka_unit_test(test_compacting_again_changes_nothing),
		cmocka_unit_test(test_content_is_what_counts),
		cmocka_unit_test(test_coarser_sums_are_sums_of_coarser),
		cmocka_unit_test(test_filters_at_once_are_filters_in_turn),
		cmocka_unit_test(test_labels_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
