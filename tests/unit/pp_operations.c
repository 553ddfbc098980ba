/*
 * pp_operations.c
 *		Everything that is done with a profile, one function each.
 */
#include "pp_operations.h"

#include "core/pp_aggregate.h"
#include "core/pp_algebra.h"
#include "core/pp_codec.h"
#include "core/pp_content.h"
#include "core/pp_edit.h"
#include "core/pp_merge.h"
#include "core/pp_predicates.h"
#include "core/pp_reduce.h"
#include "core/pp_render.h"
#include "core/pp_truncate.h"

#include <stdlib.h>
#include <string.h>

#define HEADER 16 /* keeps what follows aligned */

static void *
meter_resize(void *ctx, void *ptr, size_t size)
{
	Meter *meter = ctx;
	char *block = ptr != NULL ? (char *) ptr - HEADER : NULL;
	size_t before = 0;

	if (block != NULL)
		memcpy(&before, block, sizeof(before));
	if (size > SIZE_MAX - HEADER || (meter->most > 0 && meter->used - before + size > meter->most))
		return NULL;
	if ((block = realloc(block, size + HEADER)) == NULL)
		return NULL;
	memcpy(block, &size, sizeof(size));
	meter->used += size - before;
	if (meter->used > meter->peak)
		meter->peak = meter->used;
	return block + HEADER;
}

static void *
meter_get(void *ctx, size_t size)
{
	return meter_resize(ctx, NULL, size);
}

static void
meter_release(void *ctx, void *ptr)
{
	Meter *meter = ctx;
	size_t size;

	if (ptr == NULL)
		return;
	memcpy(&size, (char *) ptr - HEADER, sizeof(size));
	meter->used -= size;
	free((char *) ptr - HEADER);
}

PpAlloc
meter_alloc(Meter *meter)
{
	return (PpAlloc){meter_get, meter_resize, meter_release, NULL, meter};
}

/* --- forms --- */

/* What SQL does with a result: it is stored and read back. */
static PpCode
keep(Operands *x, PpCode code, const PpProfile *result, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(x->arena);
	PpProfile *again;
	uint8_t *data;
	size_t len;

	if (code != PP_OK || (code = pp_stored_encode(result, alloc, &data, &len, err)) != PP_OK)
		return code;
	code = pp_stored_decode(data, len, x->arena, &again, err);
	if (code == PP_OK && again->nsamples != result->nsamples)
		code = pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "not read back as it was stored");
	alloc->release(alloc->ctx, data);
	return code;
}

static PpCode
encode(Operands *x, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(x->arena);
	PpProfile *again;
	uint8_t *data;
	size_t len;
	PpCode code = pp_profile_encode(x->p, alloc, &data, &len, err);

	if (code != PP_OK)
		return code;
	code = pp_profile_decode(data, len, &pp_limits_hard, x->arena, &again, err);
	alloc->release(alloc->ctx, data);
	return code;
}

static PpCode
store(Operands *x, PpError *err)
{
	return keep(x, PP_OK, x->p, err);
}

/* --- algebra --- */

static PpCode
merge_twice(Operands *x, PpMergeMode mode, PpError *err)
{
	PpMerge *merge = pp_merge_new(pp_arena_allocator(x->arena), mode);
	PpProfile *sum = NULL;
	PpCode code;

	if (merge == NULL)
		return pp_fail_nomem(err);
	if ((code = pp_merge_add(merge, x->p, err)) == PP_OK &&
		(code = pp_merge_add(merge, x->p, err)) == PP_OK)
		code = pp_merge_finish(merge, x->arena, &sum, err);
	pp_merge_free(merge);
	return keep(x, code, sum, err);
}

static PpCode
merge_ordered(Operands *x, PpError *err)
{
	return merge_twice(x, PP_MERGE_ORDERED, err);
}

static PpCode
merge_canonical(Operands *x, PpError *err)
{
	return merge_twice(x, PP_MERGE_CANONICAL, err);
}

static PpCode
unify(Operands *x, PpError *err)
{
	PpProfile *both[2] = {(PpProfile *) x->p, (PpProfile *) x->p};
	PpProfile *sum = NULL;
	PpCode code = pp_profiles_merge(both, 2, x->arena, &sum, err);

	return keep(x, code, sum, err);
}

static PpCode
compact(Operands *x, PpError *err)
{
	PpProfile *result = NULL;
	PpCode code = pp_profile_compact(x->p, x->arena, &result, err);

	return keep(x, code, result, err);
}

static PpCode
diff(Operands *x, PpError *err)
{
	PpProfile *result = NULL;
	PpCode code = pp_profile_diff(x->p, x->p, PP_MERGE_CANONICAL, x->arena, &result, err);

	return keep(x, code, result, err);
}

static PpCode
negate(Operands *x, PpError *err)
{
	PpProfile *result = NULL;
	PpCode code = pp_profile_negate(x->p, x->arena, &result, err);

	return keep(x, code, result, err);
}

static PpCode
scale(Operands *x, PpError *err)
{
	double *ratios = pp_arena_array(x->arena, x->p->ntypes, sizeof(*ratios));
	PpProfile *result = NULL;
	PpCode code;

	if (ratios == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < x->p->ntypes; i++)
		ratios[i] = 2;
	code = pp_profile_scale(x->p, ratios, x->arena, &result, err);
	return keep(x, code, result, err);
}

static PpCode
normalize(Operands *x, PpError *err)
{
	PpProfile *result = NULL;
	PpCode code = pp_profile_normalize(x->p, x->p, x->arena, &result, err);

	return keep(x, code, result, err);
}

static PpCode
divide(Operands *x, PpError *err)
{
	PpProfile *result = NULL;
	PpCode code = pp_profile_divide(x->p, 0.75, x->arena, &result, err);

	return keep(x, code, result, err);
}

static PpCode
set_label(Operands *x, PpError *err)
{
	PpProfile *result = NULL;
	PpCode code =
		pp_profile_set_label(x->p, pp_bytes_cstr("key"), pp_bytes_cstr("value"), x->arena, &result, err);

	return keep(x, code, result, err);
}

static PpCode
reduce(Operands *x, PpError *err)
{
	PpProfile *copy = NULL;
	PpCode code = pp_edit_copy(x->p, x->arena, &copy, err);

	if (code == PP_OK)
		pp_reduce_to_functions(copy);
	return keep(x, code, copy, err);
}

static PpCode
truncate_tree(Operands *x, PpError *err)
{
	PpProfile *copy, *result = NULL;
	PpCode code = pp_edit_copy(x->p, x->arena, &copy, err);

	if (code == PP_OK)
		code = pp_profile_truncate(copy, 10, x->arena, &result, err);
	return keep(x, code, result, err);
}

/* --- flame graphs --- */

static PpCode
flame(Operands *x, PpFlameRules rules, int64_t max_nodes, PpError *err)
{
	PpTree *tree = pp_tree_new(pp_arena_allocator(x->arena), rules);
	PpFlamebearer levels;
	PpFlameRow *rows;
	size_t n;
	int64_t hidden;
	uint32_t column;
	PpCode code;

	if (tree == NULL)
		return pp_fail_nomem(err);
	if ((code = pp_profile_column(x->p, x->options.sample_index, &column, err)) == PP_OK &&
		(code = pp_tree_add_profile(tree, x->p, column, err)) == PP_OK &&
		(code = pp_tree_flame(tree, max_nodes, x->arena, &rows, &n, &hidden, err)) == PP_OK)
		code = pp_flamebearer(rows, n, x->arena, &levels, err);
	pp_tree_free(tree);
	return code;
}

static PpCode
flame_pprof(Operands *x, PpError *err)
{
	return flame(x, PP_RULES_PPROF, 0, err);
}

static PpCode
flame_pyroscope(Operands *x, PpError *err)
{
	return flame(x, PP_RULES_PYROSCOPE, 100, err);
}

/* --- reports --- */

static PpCode
top(Operands *x, PpError *err)
{
	return pp_top_text(x->p, &x->options, x->search, x->arena, x->out, err);
}

static PpCode
top_rows(Operands *x, PpError *err)
{
	PpTop result;

	return pp_top_rows(x->p, &x->options, x->search, x->arena, &result, err);
}

static PpCode
top_of(Operands *x, PpGranularity granularity, PpError *err)
{
	x->options.granularity = granularity;
	return top(x, err);
}

static PpCode
top_filefunctions(Operands *x, PpError *err)
{
	return top_of(x, PP_BY_FILEFUNCTIONS, err);
}

static PpCode
top_files(Operands *x, PpError *err)
{
	return top_of(x, PP_BY_FILES, err);
}

static PpCode
top_lines(Operands *x, PpError *err)
{
	return top_of(x, PP_BY_LINES, err);
}

static PpCode
top_addresses(Operands *x, PpError *err)
{
	return top_of(x, PP_BY_ADDRESSES, err);
}

static PpCode
top_noinlines(Operands *x, PpError *err)
{
	x->options.noinlines = true;
	return top(x, err);
}

static PpCode
top_mean(Operands *x, PpError *err)
{
	x->options.mean = true;
	return top(x, err);
}

static PpCode
top_divided(Operands *x, PpError *err)
{
	x->options.divide_by = 0.75;
	return top(x, err);
}

static PpCode
tree(Operands *x, PpError *err)
{
	return pp_tree_text(x->p, &x->options, x->search, x->arena, x->out, err);
}

static PpCode
tree_mean(Operands *x, PpError *err)
{
	x->options.mean = true;
	x->options.trim = false;
	return tree(x, err);
}

static PpCode
peek(Operands *x, PpError *err)
{
	PpCode code =
		pp_peek_text(x->p, &x->options, pp_bytes_cstr("."), x->search, x->arena, x->out, err);

	return code == PP_EINVALID ? PP_OK : code; /* no node at all */
}

static PpCode
edges(Operands *x, PpError *err)
{
	PpEdgeRow *rows;
	size_t n;

	x->options.mean = true;
	return pp_edge_rows(x->p,
						&x->options,
						PP_EDGES_CALLERS,
						pp_bytes_cstr("."),
						x->search,
						x->arena,
						&rows,
						&n,
						err);
}

static PpCode
raw(Operands *x, PpError *err)
{
	return pp_raw_text(x->p, &x->options, x->search, x->arena, x->out, err);
}

static PpCode
traces(Operands *x, PpError *err)
{
	return pp_traces_text(x->p, &x->options, x->search, x->arena, x->out, err);
}

static PpCode
tags(Operands *x, PpError *err)
{
	return pp_tags_text(x->p, &x->options, x->search, x->arena, x->out, err);
}

static PpCode
label_values(Operands *x, PpError *err)
{
	PpLabelValue *rows;
	size_t n;

	return pp_label_values(x->p, &x->options, NULL, x->search, x->arena, &rows, &n, err);
}

static PpCode
comments(Operands *x, PpError *err)
{
	return pp_comments_text(x->p, &x->options, x->search, x->arena, x->out, err);
}

static PpCode
dot(Operands *x, PpError *err)
{
	return pp_dot_text(x->p, &x->options, x->search, x->arena, x->out, err);
}

static PpCode
dot_untrimmed(Operands *x, PpError *err)
{
	x->options.trim = false;
	return dot(x, err);
}

static PpCode
dot_call_tree(Operands *x, PpError *err)
{
	x->options.call_tree = true;
	return dot(x, err);
}

static PpCode
callgrind(Operands *x, PpError *err)
{
	return pp_callgrind_text(x->p, &x->options, x->search, x->arena, x->out, err);
}

static PpCode
callgrind_call_tree(Operands *x, PpError *err)
{
	x->options.call_tree = true;
	return callgrind(x, err);
}

static PpCode
topproto(Operands *x, PpError *err)
{
	PpProfile *result = NULL;
	PpCode code = pp_topproto(x->p, &x->options, x->search, x->arena, &result, err);

	return keep(x, code, result, err);
}

/* --- renderings --- */

static PpCode
prepare(Operands *x, PpRender *render, PpError *err)
{
	PpBytes none = {"", 0};

	return pp_render_prepare(x->p, none, &x->options, x->search, x->arena, render, err);
}

static PpCode
folded(Operands *x, PpError *err)
{
	PpRender render;
	PpCode code = prepare(x, &render, err);

	return code == PP_OK ? pp_folded_text(&render, x->arena, x->out, err) : code;
}

static PpCode
folded_lines(Operands *x, PpError *err)
{
	x->options.granularity = PP_BY_LINES;
	return folded(x, err);
}

static PpCode
speedscope(Operands *x, PpError *err)
{
	PpRender render;
	PpCode code = prepare(x, &render, err);

	if (code == PP_OK)
		code = pp_speedscope_text(&render, x->arena, x->out, err);
	return code == PP_EINVALID ? PP_OK : code; /* negative values are not drawn */
}

static PpCode
svg(Operands *x, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(x->arena);
	PpSvgOptions options = {.width = 1200, .max_nodes = 1000};
	PpRender render;
	PpTree *left = NULL, *right = NULL;
	PpCode code = prepare(x, &render, err);

	if (code == PP_OK && (code = pp_render_tree(&render, alloc, PP_RULES_PPROF, &left, err)) == PP_OK)
	{
		if ((code = pp_render_tree(&render, alloc, PP_RULES_PPROF, &right, err)) == PP_OK)
		{
			code = pp_svg_text(left, right, &options, x->arena, x->out, err);
			pp_tree_free(right);
		}
		pp_tree_free(left);
	}
	return code;
}

static PpCode
json(Operands *x, PpError *err)
{
	return pp_json_text(x->p, x->out, err);
}

static PpCode
pgo(Operands *x, PpError *err)
{
	PpProfile *result = NULL;
	PpCode code = pp_profile_pgo(x->p, 0, x->arena, &result, err);

	/* a compiler wants CPU profiles of Go, without negative values */
	return code == PP_EINVALID ? PP_OK : keep(x, code, result, err);
}

/* --- content --- */

static PpCode
equal(Operands *x, PpError *err)
{
	uint64_t hash;
	bool same;
	PpCode code = pp_profile_hash(x->p, x->arena, &hash, err);

	if (code == PP_OK)
		code = pp_profile_equal(x->p, x->p, x->arena, &same, err);
	return code == PP_OK && !same ? pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "not equal to itself")
								  : code;
}

static PpCode
aggregate(Operands *x, PpError *err)
{
	PpProfile *result = NULL;
	PpCode code = pp_profile_aggregate(x->p, PP_BY_FILES, false, false, x->arena, &result, err);

	return keep(x, code, result, err);
}

static PpCode
has_function(Operands *x, PpError *err)
{
	bool found;

	return pp_profile_has_function(x->p, pp_bytes_cstr("zz"), x->search, x->arena, &found, err);
}

/* --- filters: the option that `field` points to in x->options --- */

static PpCode
filter(Operands *x, PpBytes *field, const char *value, PpError *err)
{
	PpProfile *result = NULL;
	PpCode code;

	*field = pp_bytes_cstr(value);
	code = pp_report_filter(x->p, &x->options, x->search, x->arena, &result, err);
	return keep(x, code, result, err);
}

#define FILTER(option, value)                                                                      \
	static PpCode filter_##option(Operands *x, PpError *err)                                       \
	{                                                                                              \
		return filter(x, &x->options.option, value, err);                                          \
	}

FILTER(focus, "[f<]")
FILTER(ignore, "000$")
FILTER(hide, "7")
FILTER(show, "[1-9]")
FILTER(show_from, "f")
FILTER(prune_from, "99")
FILTER(tagfocus, "size=1:")
FILTER(tagignore, "no")
FILTER(tagshow, "size")
FILTER(taghide, "size")
FILTER(tagroot, "size,who")
FILTER(tagleaf, "who,size")

static PpCode
drop_frames(Operands *x, PpError *err)
{
	PpProfile *result = pp_profile_share(x->p, x->arena);
	PpCode code;

	if (result == NULL)
		return pp_fail_nomem(err);
	result->drop_frames = pp_profile_add_string(result, x->arena, pp_bytes_cstr(".*3"));
	if (result->drop_frames == PP_NONE)
		return pp_fail_nomem(err);
	code = pp_report_load(result, false, x->search, x->arena, &result, err);
	return keep(x, code, result, err);
}

const Operation operations[] = {
	{"encode", encode},
	{"store", store},
	{"merge (ordered)", merge_ordered},
	{"merge (canonical)", merge_canonical},
	{"unify", unify},
	{"compact", compact},
	{"diff", diff},
	{"negate", negate},
	{"scale", scale},
	{"normalize", normalize},
	{"divide", divide},
	{"set_label", set_label},
	{"reduce to functions", reduce},
	{"truncate", truncate_tree},
	{"flame graph", flame_pprof},
	{"flame graph (Pyroscope)", flame_pyroscope},
	{"top", top},
	{"top rows", top_rows},
	{"top -filefunctions", top_filefunctions},
	{"top -files", top_files},
	{"top -lines", top_lines},
	{"top -addresses", top_addresses},
	{"top -noinlines", top_noinlines},
	{"top -mean", top_mean},
	{"top -divide_by", top_divided},
	{"tree", tree},
	{"tree -mean", tree_mean},
	{"peek", peek},
	{"edges", edges},
	{"raw", raw},
	{"traces", traces},
	{"tags", tags},
	{"label values", label_values},
	{"comments", comments},
	{"dot", dot},
	{"dot, untrimmed", dot_untrimmed},
	{"dot -call_tree", dot_call_tree},
	{"callgrind", callgrind},
	{"callgrind -call_tree", callgrind_call_tree},
	{"topproto", topproto},
	{"folded", folded},
	{"folded by lines", folded_lines},
	{"speedscope", speedscope},
	{"SVG", svg},
	{"JSON", json},
	{"PGO", pgo},
	{"equality", equal},
	{"aggregate", aggregate},
	{"has_function", has_function},
	{"focus", filter_focus},
	{"ignore", filter_ignore},
	{"hide", filter_hide},
	{"show", filter_show},
	{"show_from", filter_show_from},
	{"prune_from", filter_prune_from},
	{"tagfocus", filter_tagfocus},
	{"tagignore", filter_tagignore},
	{"tagshow", filter_tagshow},
	{"taghide", filter_taghide},
	{"tagroot", filter_tagroot},
	{"tagleaf", filter_tagleaf},
	{"drop_frames", drop_frames},
};
const size_t noperations = sizeof(operations) / sizeof(operations[0]);
