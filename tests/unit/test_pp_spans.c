/*
 * test_pp_spans.c
 *		Spans and traces of samples, to bytes and back.
 */
#include "dict_check.h"

#include "core/pp_spans.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_spans, start_test, end_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
