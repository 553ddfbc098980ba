/*
 * test_pp_render.c
 *		What is drawn of a profile: options, columns, granularity; and all renderings
 *		without memory and interrupted.
 */
#include "render_test.h"

#include "meter.h"

static void
test_column(void **state)
{
	PpReportOptions options = pp_report_defaults();
	PpProfile *p = input_profile("heap");
	PpRender render;
	PpError err;

	assert_int_equal(try_prepare(p, "", &options, &render, &err), PP_OK);
	assert_int_equal(render.column, 1); /* default_sample_type */
	options.sample_index = pp_bytes_cstr("inuse_objects");
	assert_int_equal(try_prepare(p, "", &options, &render, &err), PP_OK);
	assert_int_equal(render.column, 2);
	/* the argument goes before the option */
	assert_int_equal(try_prepare(p, "3", &options, &render, &err), PP_OK);
	assert_int_equal(render.column, 3);
	assert_int_equal(try_prepare(p, "wall", &options, &render, &err), PP_EINVALID);
}

static void
test_refused_options(void **state)
{
	PpReportOptions options = pp_report_defaults();
	PpProfile *p = input_profile("heap");
	PpRender render;
	PpError err;

	options.mean = true;
	assert_int_equal(try_prepare(p, "", &options, &render, &err), PP_EINVALID);
	options = pp_report_defaults();
	options.divide_by = 2;
	assert_int_equal(try_prepare(p, "", &options, &render, &err), PP_EINVALID);
	options = pp_report_defaults();
	options.focus = pp_bytes_cstr("(");
	assert_true(try_prepare(p, "", &options, &render, &err) != PP_OK);
}

/* Every granularity has a name for every frame, and the values stay. */
static void
test_granularities(void **state)
{
	static const char *const inputs[] = {"basic", "addr", "names", "filter", "trim"};

	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
		for (int by = PP_BY_FUNCTIONS; by <= PP_BY_ADDRESSES; by++)
			for (int noinlines = 0; noinlines < 2; noinlines++)
			{
				PpReportOptions options = pp_report_defaults();
				PpProfile *p = input_profile(inputs[i]);
				PpRender render;
				int64_t total = 0;
				PpTree *tree;

				options.granularity = (PpGranularity) by;
				options.noinlines = noinlines;
				render = prepare(p, &options);
				tree = tree_of(&render);
				for (uint32_t k = 0; k < tree->n; k++)
					total += tree->self[k];
				for (uint32_t k = 0; k < p->nsamples; k++)
					total -= p->values[(size_t) k * p->ntypes + render.column];
				assert_int_equal(total, 0);
				for (uint32_t k = 0; k < tree->names.n; k++)
					assert_true(tree->names.names[k].len > 0);
				pp_tree_free(tree);
			}
}

static void
test_drop_negative(void **state)
{
	PpReportOptions options = pp_report_defaults();
	PpRender render;
	PpTree *tree;

	options.drop_negative = true;
	render = prepare(profile_of_stacks("a", "b", "x 5\nx;y -2\nz -1\n"), &options);
	tree = tree_of(&render);
	for (uint32_t i = 0; i < tree->n; i++)
		assert_true(tree->self[i] == 0 || tree->self[i] == 5);
	pp_tree_free(tree);
}

/* Draw the sides of a difference. */
static PpCode
draw_pair(const PpRender *render, const PpAlloc *alloc, PpArena *results, PpBuf *out, PpError *err)
{
	PpSvgOptions options = {.width = 400, .max_nodes = 3};
	PpRender base, rest;
	PpTree *left = NULL, *right = NULL;
	PpCode code = pp_render_split(render, results, &base, &rest, err);

	if (code == PP_OK)
		code = pp_render_tree(&base, alloc, PP_RULES_PPROF, &left, err);
	if (code == PP_OK)
		code = pp_render_tree(&rest, alloc, PP_RULES_PPROF, &right, err);
	if (code == PP_OK)
		code = pp_svg_text(left, right, &options, results, out, err);
	pp_tree_free(left);
	pp_tree_free(right);
	return code;
}

/* Everything there is, with results from the allocator. */
static PpCode
render_all(const PpAlloc *alloc, const PpProfile *p, const PpReportOptions *options)
{
	PpArena *results = pp_arena_new(alloc);
	PpRender render;
	PpProfile *pgo;
	PpError err = {0};
	PpBuf out;
	PpCode code;

	if (results == NULL)
		return PP_ENOMEM;
	pp_buf_init(&out, alloc);
	code = pp_render_prepare(p, pp_bytes_cstr(""), options, &search, results, &render, &err);
	if (code == PP_OK)
		code = pp_folded_text(&render, results, &out, &err);
	if (code == PP_OK)
		code = pp_speedscope_text(&render, results, &out, &err);
	if (code == PP_OK)
		code = pp_json_text(p, &out, &err);
	if (code == PP_OK)
		code = draw_pair(&render, alloc, results, &out, &err);
	if (code == PP_OK && pp_profile_pgo(p, 2, results, &pgo, &err) != PP_OK && err.code != PP_EINVALID)
		code = err.code;
	pp_buf_free(&out);
	pp_arena_free(results);
	search_release(&list);
	return code;
}

static void
test_no_memory(void **state)
{
	PpReportOptions options = pp_report_defaults();
	PpProfile *p = profile_of_stacks("cpu",
									 "nanoseconds",
									 "main;work;par;se 30\nmain;work;eval\r 50\nmain;gc 10\n() 2\n");
	Meter meter = {0, INT64_MAX};
	PpAlloc alloc = {meter_alloc, meter_resize, meter_release, meter_poll, &meter};

	for (int by_lines = 0; by_lines < 2; by_lines++)
	{
		int64_t allocations = 0;
		PpCode code;

		options.granularity = by_lines ? PP_BY_LINES : PP_BY_FUNCTIONS;
		do
		{
			meter.left = allocations++;
			code = render_all(&alloc, p, &options);
			assert_true(code == PP_OK || code == PP_ENOMEM);
		} while (code == PP_ENOMEM);
		assert_true(allocations > 20);
	}
}

static void
test_canceled(void **state)
{
	PpReportOptions options = pp_report_defaults();
	PpProfile *p = deep_profile(20000);
	Meter meter = {INT64_MAX, 0};
	PpAlloc alloc = {meter_alloc, meter_resize, meter_release, meter_poll, &meter};
	PpCode code;

	/* wherever the request comes, it ends what is going on */
	for (int64_t polls = 0;; polls++)
	{
		meter = (Meter){INT64_MAX, polls};
		code = render_all(&alloc, p, &options);
		if (code == PP_OK)
			break;
		assert_int_equal(code, PP_ECANCELED);
	}
	assert_true(meter.polls_left >= 0);
}

/* No text is larger than what the server can hold. */
static void
test_text_limit(void **state)
{
	PpBuf out;
	PpError err;

	pp_buf_init(&out, &pp_alloc_malloc);
	pp_buf_char(&out, 'x');
	out.len = PP_BUF_MAX - 1; /* as if it were that long; nothing is written there */
	pp_buf_text(&out, "yz");
	assert_int_equal(pp_buf_check(&out, &err), PP_ELIMIT);
	assert_int_equal(err.limit, PP_BUF_MAX);
	pp_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		render_test(test_column),
		render_test(test_refused_options),
		render_test(test_granularities),
		render_test(test_drop_negative),
		render_test(test_no_memory),
		render_test(test_canceled),
		render_test(test_text_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
