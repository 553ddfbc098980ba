/*
 * test_pp_pgo.c
 *		Profiles for a compiler: what is left, what becomes one, what is refused.
 */
#include "pp_build.h"

#include "render_test.h"

static PpProfile *
pgo_of(const PpProfile *p, int64_t keep_locations)
{
	PpProfile *out;
	PpError err;

	if (pp_profile_pgo(p, keep_locations, arena, &out, &err) != PP_OK)
		fail_msg("%s", err.message);
	return out;
}

/* main calls work at two addresses of one line, with labels that differ. */
static PpProfile *
small(void)
{
	PpProfile *p = build_empty(arena);
	uint32_t mapping, main_1, main_2, work;

	build_type(p, "samples", "count");
	build_type(p, "cpu", "nanoseconds");
	mapping = build_mapping(p, 0x400000, 0x1000, "/bin/app", "id");
	main_1 = build_location(p, mapping, 0x400010, "main", 7);
	main_2 = build_location(p, mapping, 0x400020, "main", 7);
	work = build_location(p, mapping, 0x400030, "work", 3);
	p->lines[0].column = 5;
	for (uint32_t i = 0; i < p->nfunctions; i++)
	{
		p->functions[i].start_line = 2;
		p->functions[i].filename = build_string(p, "app.go");
	}
	build_sample(p, (uint32_t[]){work, main_1, PP_NONE}, (int64_t[]){1, 10});
	build_label(p, "tenant", "acme", 0, "");
	build_sample(p, (uint32_t[]){work, main_1, PP_NONE}, (int64_t[]){2, 20});
	build_label(p, "bytes", "", 3, "");
	build_sample(p, (uint32_t[]){work, main_2, PP_NONE}, (int64_t[]){4, 40});
	build_sample(p, (uint32_t[]){main_2, PP_NONE, PP_NONE}, (int64_t[]){0, 0});
	p->comments[p->ncomments++] = build_string(p, "built by");
	p->drop_frames = build_string(p, "main");
	p->doc_url = build_string(p, "http://a");
	p->default_sample_type = p->types[1].type;
	return p;
}

static void
test_small(void **state)
{
	PpProfile *p = small(), *g = pgo_of(p, 0);

	assert_int_equal(g->ntypes, 1);
	assert_true(pp_bytes_eq(pp_str(g, g->types[0].type), text("samples")));
	/* labels went, so two became one; the other address stays apart */
	assert_int_equal(g->nsamples, 2);
	assert_int_equal(g->values[0] + g->values[1], 7);
	assert_int_equal(g->nlabels, 0);
	assert_int_equal(g->nmappings, 0);
	assert_int_equal(g->ncomments, 0);
	assert_int_equal(pp_str(g, g->drop_frames).len, 0);
	assert_int_equal(pp_str(g, g->doc_url).len, 0);
	assert_int_equal(pp_str(g, g->default_sample_type).len, 0);
	assert_int_equal(g->nlocations, 3);
	assert_int_equal(g->nfunctions, 2);
	for (uint32_t i = 0; i < g->nlocations; i++)
		assert_true(g->locations[i].address >= 1 && g->locations[i].address <= 3);
	for (uint32_t i = 0; i < g->nfunctions; i++)
		assert_int_equal(pp_str(g, g->functions[i].filename).len, 0);
	for (uint32_t i = 0; i < g->nlines; i++)
		assert_int_equal(g->lines[i].column, 0);
	/* the profile itself is as it was */
	assert_int_equal(p->locations[0].address, 0x400010);
	assert_int_equal(p->ntypes, 2);
}

static void
test_keep_locations(void **state)
{
	PpProfile *g = pgo_of(small(), 1);

	assert_int_equal(g->nsamples, 1);
	assert_int_equal(g->samples[0].nlocs, 1);
	assert_int_equal(g->values[0], 7);
	assert_int_equal(pgo_of(small(), 2)->nsamples, 2);
	assert_int_equal(pgo_of(small(), INT64_MAX)->nsamples, 2);
}

static void
test_cpu_alone(void **state)
{
	PpProfile *p = small(), *g;

	p->types[0].type = build_string(p, "wall");
	g = pgo_of(p, 0);
	assert_true(pp_bytes_eq(pp_str(g, g->types[0].type), text("cpu")));
	assert_int_equal(g->values[0] + g->values[1], 70);
}

static void
assert_refused(const PpProfile *p, const char *reason)
{
	PpProfile *out;
	PpError err;

	assert_int_equal(pp_profile_pgo(p, 0, arena, &out, &err), PP_EINVALID);
	if (strstr(err.message, reason) == NULL)
		fail_msg("%s", err.message);
}

static void
test_refusals(void **state)
{
	PpProfile *p = small();

	p->types[0].unit = p->types[1].unit = build_string(p, "bytes");
	assert_refused(p, "not a CPU profile");
	p = small();
	p->functions[0].start_line = p->functions[1].start_line = p->functions[2].start_line = 0;
	assert_refused(p, "start line");
	/* one is enough */
	p->functions[2].start_line = 1;
	pgo_of(p, 0);
	p->values[2] = -1;
	assert_refused(p, "difference");
	/* nothing at all is a profile that changes nothing */
	p->nsamples = 0;
	assert_int_equal(pgo_of(p, 0)->nsamples, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		render_test(test_small),
		render_test(test_keep_locations),
		render_test(test_cpu_alone),
		render_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
