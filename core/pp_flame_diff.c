/*
 * pp_flame_diff.c
 *		Two profiles in one tree, and the two sides of a difference.
 */
#include "core/pp_algebra.h"
#include "core/pp_measure.h"
#include "core/pp_render.h"
#include "core/pp_tree_impl.h"

#include <stdio.h>

bool
pp_sample_is_base(const PpProfile *p, const PpSample *sample)
{
	for (uint32_t i = 0; i < sample->nlabels; i++)
	{
		const PpLabel *label = &p->labels[sample->label_off + i];

		if (label->str != 0 && pp_bytes_eq(pp_str(p, label->key), pp_bytes_cstr("pprof::base")) &&
			pp_bytes_eq(pp_str(p, label->str), pp_bytes_cstr("true")))
			return true;
	}
	return false;
}

bool
pp_profile_is_difference(const PpProfile *p)
{
	for (uint32_t i = 0; i < p->nsamples; i++)
		if (pp_sample_is_base(p, &p->samples[i]))
			return true;
	return false;
}

static PpCode
side_new(const PpRender *render, PpArena *arena, PpRender *side, PpError *err)
{
	const PpProfile *p = render->p;

	*side = *render;
	side->p = pp_profile_share(p, arena);
	if (side->p == NULL)
		return pp_fail_nomem(err);
	side->p->samples = pp_arena_array(arena, p->nsamples, sizeof(PpSample));
	side->p->values = pp_arena_array(arena, p->nsamples, sizeof(int64_t));
	if (side->p->samples == NULL || side->p->values == NULL)
		return pp_fail_nomem(err);
	/* nothing but the column that is drawn */
	side->p->types = p->types + render->column;
	side->p->ntypes = 1;
	side->column = 0;
	side->p->nsamples = 0;
	return PP_OK;
}

PpCode
pp_render_split(const PpRender *render, PpArena *arena, PpRender *base, PpRender *rest, PpError *err)
{
	const PpProfile *p = render->p;
	PpCode code;

	if ((code = side_new(render, arena, base, err)) != PP_OK ||
		(code = side_new(render, arena, rest, err)) != PP_OK)
		return code;
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		int64_t value = p->values[(size_t) i * p->ntypes + render->column];
		bool is_base = pp_sample_is_base(p, &p->samples[i]);
		PpProfile *side = is_base ? base->p : rest->p;

		if (is_base && __builtin_sub_overflow((int64_t) 0, value, &value))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "value of a sample is out of range");
		side->samples[side->nsamples] = p->samples[i];
		side->values[side->nsamples++] = value;
	}
	return PP_OK;
}

/* "cpu/nanoseconds", as far as there is room. */
static void
type_text(const PpRender *render, char *text, size_t room)
{
	const PpProfile *p = render->p;
	PpBytes type = pp_str(p, p->types[render->column].type);
	PpBytes unit = pp_str(p, p->types[render->column].unit);

	snprintf(text,
			 room,
			 "%.*s/%.*s",
			 (int) (type.len < 40 ? type.len : 40),
			 type.data,
			 (int) (unit.len < 40 ? unit.len : 40),
			 unit.data);
}

/* The column in another unit, one of which is 1/ratio of what it is in. */
static PpCode
bring_to_unit(PpRender *render, PpBytes unit, int64_t ratio, PpArena *arena, PpError *err)
{
	const PpProfile *p = render->p;
	PpRender scaled;
	uint32_t string;
	PpCode code = side_new(render, arena, &scaled, err);

	if (code != PP_OK)
		return code;
	scaled.p->types = pp_arena_alloc(arena, sizeof(PpValueType));
	string = pp_profile_add_string(scaled.p, arena, unit);
	if (scaled.p->types == NULL || string == PP_NONE)
		return pp_fail_nomem(err);
	scaled.p->types[0] = (PpValueType){p->types[render->column].type, string};
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		int64_t value = p->values[(size_t) i * p->ntypes + render->column];

		scaled.p->samples[i] = p->samples[i];
		if (__builtin_mul_overflow(value, ratio, &scaled.p->values[i]))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "value of a sample is out of range");
	}
	scaled.p->nsamples = p->nsamples;
	*render = scaled;
	return PP_OK;
}

PpCode
pp_render_meet(PpRender *base, PpRender *comparison, PpArena *arena, PpError *err)
{
	const PpValueType *a = &base->p->types[base->column];
	const PpValueType *b = &comparison->p->types[comparison->column];
	PpBytes base_unit = pp_str(base->p, a->unit), unit = pp_str(comparison->p, b->unit);
	char left[84], right[84];
	int64_t ratio;

	if (pp_bytes_eq(pp_type_singular(pp_str(base->p, a->type)),
					pp_type_singular(pp_str(comparison->p, b->type))))
	{
		if (pp_bytes_eq(base_unit, unit))
			return PP_OK;
		if (pp_measure_whole_ratio(base_unit, unit, &ratio))
			return bring_to_unit(base, unit, ratio, arena, err);
		if (pp_measure_whole_ratio(unit, base_unit, &ratio))
			return bring_to_unit(comparison, base_unit, ratio, arena, err);
	}
	type_text(base, left, sizeof(left));
	type_text(comparison, right, sizeof(right));
	return pp_fail(err,
				   PP_EINCOMPATIBLE,
				   PP_NO_OFFSET,
				   "baseline is %s, comparison is %s: they cannot be compared",
				   left,
				   right);
}

static PpCode
align(PpTree *left, const PpTree *right, uint32_t *names, uint32_t *nodes, PpError *err)
{
	PpCode code = PP_OK;

	for (uint32_t i = 0; i < right->names.n && code == PP_OK; i++)
		code = pp_names_intern(&left->names, right->names.names[i], &names[i], err);
	if (right->n > 0)
		nodes[0] = 0;
	for (uint32_t i = 1; i < right->n && code == PP_OK; i++)
	{
		if (i % PP_TREE_POLL_EVERY == 0 && pp_poll(left->alloc))
			return pp_fail_canceled(err);
		code = pp_tree_child(left, nodes[right->parent[i]], names[right->name[i]], &nodes[i], err);
	}
	return code;
}

PpCode
pp_tree_align(PpTree *left, const PpTree *right, PpArena *arena, int64_t **values, PpError *err)
{
	const PpAlloc *alloc = left->alloc;
	size_t bytes = ((size_t) right->names.n + right->n + 1) * sizeof(uint32_t);
	uint32_t *names = alloc->alloc(alloc->ctx, bytes), *nodes;
	PpCode code;

	if (names == NULL)
		return pp_fail_nomem(err);
	nodes = names + right->names.n;
	if ((code = pp_tree_reserve(left, 0, err)) == PP_OK &&
		(code = align(left, right, names, nodes, err)) == PP_OK)
	{
		*values = pp_arena_zalloc(arena, left->n * sizeof(int64_t));
		if (*values == NULL)
			code = pp_fail_nomem(err);
		/* no two nodes of right are the same one of left */
		for (uint32_t i = 0; i < right->n && code == PP_OK; i++)
			(*values)[nodes[i]] = right->self[i];
	}
	alloc->release(alloc->ctx, names);
	return code;
}
