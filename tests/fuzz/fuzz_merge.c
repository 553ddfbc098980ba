/*
 * fuzz_merge.c
 *		Two profiles and a text: their canonical sum must not depend on the order
 *		or the steps, what is equal must have one hash, and reports filtered by the
 *		text must come to an end.
 *
 * Input: two lengths of 16 bits, the first profile, the second, the text.
 */
#define _GNU_SOURCE /* memmem */
#include <stdlib.h>
#include <string.h>

#include "core/pp_aggregate.h"
#include "core/pp_codec.h"
#include "core/pp_content.h"
#include "core/pp_edit.h"
#include "core/pp_filter.h"
#include "core/pp_merge.h"
#include "core/pp_predicates.h"
#include "core/pp_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const PpLimits limits = {
	.max_compressed = 1 << 16,
	.max_profile_size = 1 << 16,
	.max_ratio = 200,
	.max_samples = 1 << 10,
	.max_sample_types = 8,
	.max_locations = 1 << 10,
	.max_functions = 1 << 10,
	.max_mappings = 64,
	.max_lines = 16,
	.max_depth = 256,
	.max_frames = 512,
	.max_total_frames = 1 << 14,
	.max_labels = 16,
	.max_label_keys = 64,
	.max_string = 1024,
	.max_strings = 1 << 10,
	.max_comments = 16,
	.max_comment_bytes = 4096,
};

static void
require(bool truth)
{
	if (!truth)
		abort();
}

/* An expression is a text to be found as it is; one with a parenthesis is bad. */
static void *
compile(void *ctx, PpBytes pattern, PpError *err)
{
	PpBytes *copy;

	if (memchr(pattern.data, '(', pattern.len) != NULL)
	{
		pp_fail(err, PP_EINVALID, 0, "unbalanced parenthesis");
		return NULL;
	}
	copy = pp_arena_alloc(ctx, sizeof(*copy));
	*copy = pattern;
	return copy;
}

static bool
find(void *ctx, void *regex, PpBytes text)
{
	const PpBytes *pattern = regex;

	return memmem(text.data, text.len, pattern->data, pattern->len) != NULL;
}

static PpCode
sum(PpArena *arena, const PpProfile *a, const PpProfile *b, PpProfile **out)
{
	PpMerge *merge = pp_merge_new(&pp_alloc_malloc, PP_MERGE_CANONICAL);
	PpCode code;

	require(merge != NULL);
	code = pp_merge_add(merge, a, NULL);
	if (code == PP_OK && b != NULL)
		code = pp_merge_add(merge, b, NULL);
	if (code == PP_OK)
		code = pp_merge_finish(merge, arena, out, NULL);
	pp_merge_free(merge);
	require(code == PP_OK || code == PP_EOVERFLOW || code == PP_EINCOMPATIBLE);
	return code;
}

static void
require_same(const PpProfile *a, const PpProfile *b)
{
	uint8_t *x, *y;
	size_t xlen, ylen;

	require(pp_profile_encode(a, &pp_alloc_malloc, &x, &xlen, NULL) == PP_OK);
	require(pp_profile_encode(b, &pp_alloc_malloc, &y, &ylen, NULL) == PP_OK);
	require(xlen == ylen && memcmp(x, y, xlen) == 0);
	free(x);
	free(y);
}

static void
check_sums(PpArena *arena, PpProfile *a, PpProfile *b)
{
	PpProfile *ab, *ba, *again, *tool;
	PpCode code = sum(arena, a, b, &ab), other = sum(arena, b, a, &ba);

	/* values of both signs near the ends of int64 overflow on the way in one order only */
	require(code == other || code == PP_EOVERFLOW || other == PP_EOVERFLOW);
	if (code == PP_OK && other == PP_OK)
	{
		require_same(ab, ba);
		require(sum(arena, ab, NULL, &again) == PP_OK);
		require_same(ab, again);
	}
	pp_profiles_merge((PpProfile *[]){a, b}, 2, arena, &tool, NULL);
	pp_profile_diff(a, b, PP_MERGE_CANONICAL, arena, &tool, NULL);
}

static uint64_t
hash_of(PpArena *arena, const PpProfile *p)
{
	uint64_t hash;

	require(pp_profile_hash(p, arena, &hash, NULL) == PP_OK);
	return hash;
}

/* Equal content has equal hashes, and comparing is symmetric. */
static void
check_content(PpArena *arena, const PpProfile *a, const PpProfile *b)
{
	PpProfile *one;
	bool ab, ba;

	if (sum(arena, a, NULL, &one) == PP_OK)
	{
		require(hash_of(arena, a) == hash_of(arena, one));
		require(pp_profile_equal(a, one, arena, &ab, NULL) == PP_OK && ab);
	}
	if (pp_profile_equal(a, b, arena, &ab, NULL) != PP_OK ||
		pp_profile_equal(b, a, arena, &ba, NULL) != PP_OK)
		return;
	require(ab == ba);
	require(!ab || hash_of(arena, a) == hash_of(arena, b));
}

/* What makes a profile of one. */
static void
check_forms(PpArena *arena, const PpProfile *p, PpBytes text)
{
	PpSearch search = {compile, find, arena};
	PpProfile *once, *again;
	bool found;

	for (int by = PP_BY_FUNCTIONS; by <= PP_BY_ADDRESSES; by++)
	{
		PpGranularity g = (PpGranularity) by;

		if (pp_profile_aggregate(p, g, text.len % 2, text.len % 3, arena, &once, NULL) == PP_OK &&
			pp_profile_aggregate(once, g, text.len % 2, text.len % 3, arena, &again, NULL) == PP_OK)
			require(hash_of(arena, once) == hash_of(arena, again));
	}
	if (pp_profile_subtract(p, p, PP_MERGE_ORDERED, arena, &once, NULL) == PP_OK)
		require(once->nsamples == 0);
	if (pp_profile_set_label(p, text, text, arena, &once, NULL) == PP_OK)
		require(pp_profile_remove_label(once, text, arena, &again, NULL) == PP_OK);
	pp_profile_set_num_label(p, text, text.len, text, arena, &once, NULL);
	pp_profile_keep_types(p, &text, 1, arena, &once, NULL);
	pp_profile_has_function(p, text, &search, arena, &found, NULL);
	pp_profile_has_label(p, text, &text);
	if (pp_edit_copy(p, arena, &once, NULL) == PP_OK)
		pp_filter_prune(once, text, text, &search, arena, NULL);
}

/* The text is tried as every option it can be. */
static void
check_reports(PpArena *arena, const PpProfile *p, PpBytes text)
{
	PpSearch search = {compile, find, arena};
	PpBytes *options[12];
	PpReportOptions o = pp_report_defaults();
	PpProfile *loaded;
	PpBuf out;

	options[0] = &o.focus;
	options[1] = &o.ignore;
	options[2] = &o.hide;
	options[3] = &o.show;
	options[4] = &o.show_from;
	options[5] = &o.prune_from;
	options[6] = &o.tagfocus;
	options[7] = &o.tagignore;
	options[8] = &o.tagshow;
	options[9] = &o.taghide;
	options[10] = &o.tagroot;
	options[11] = &o.unit;
	if (pp_report_load(p, false, &search, arena, &loaded, NULL) != PP_OK)
		return;
	pp_buf_init(&out, &pp_alloc_malloc);
	for (int i = 0; i < 12; i++)
	{
		PpBytes before = *options[i];

		*options[i] = text;
		o.granularity = (PpGranularity) (i % 5);
		o.noinlines = i % 2 == 0;
		o.mean = i % 3 == 0;
		o.nodecount = i % 4 == 0 ? 3 : 0;
		pp_top_text(loaded, &o, &search, arena, &out, NULL);
		pp_raw_text(loaded, &o, &search, arena, &out, NULL);
		pp_traces_text(loaded, &o, &search, arena, &out, NULL);
		*options[i] = before;
	}
	pp_buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	size_t first, second;
	PpProfile *a, *b;
	PpBytes text;

	require(arena != NULL);
	if (size >= 4)
	{
		first = data[0] | (size_t) data[1] << 8;
		second = data[2] | (size_t) data[3] << 8;
		data += 4;
		size -= 4;
		first = first < size ? first : size;
		second = second < size - first ? second : size - first;
		text = (PpBytes){(const char *) data + first + second, (uint32_t) (size - first - second)};
		if (text.len > 64)
			text.len = 64;
		if (pp_profile_decode(data, first, &limits, arena, &a, NULL) == PP_OK &&
			pp_profile_decode(data + first, second, &limits, arena, &b, NULL) == PP_OK)
		{
			check_sums(arena, a, b);
			check_content(arena, a, b);
			check_forms(arena, a, text);
			check_reports(arena, a, text);
		}
	}
	pp_arena_free(arena);
	return 0;
}
