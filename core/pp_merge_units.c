/*
 * pp_merge_units.c
 *		Which types meet in a merge, and in which unit.
 *
 * The ordered merge takes equal types only: pp_profiles_unify has seen to that.
 * The canonical merge meets profiles one by one and may meet the finest unit
 * last, so it brings either the newcomer or the sums so far to the finer of both
 * units.  Only whole ratios are taken: then nothing is rounded, and neither the
 * order nor the grouping of the profiles shows.  Of two spellings of one name or
 * unit the lesser one stays.
 *
 * A profile without sample types has no samples either.  It brings its header
 * and is the neutral element if that is empty, too.
 */
#include "core/pp_algebra.h"
#include "core/pp_measure.h"
#include "core/pp_merge_state.h"

#include <stdio.h>

#define POLL_EVERY 65536 /* samples between two looks at poll() */

/* What becomes of a column (or of the period), ours or the newcomer's. */
typedef struct MergeAgreement
{
	int64_t ours, theirs; /* to be multiplied by; one of them is 1 */
	bool their_name, their_unit;
} Agreement;

static PpBytes
our_name(const PpMerge *m, PpValueType type)
{
	return m->strings[type.type];
}

static PpBytes
our_unit(const PpMerge *m, PpValueType type)
{
	return m->strings[type.unit];
}

static bool
agree(const PpMerge *m, PpValueType ours, const PpProfile *p, PpValueType theirs, Agreement *a)
{
	PpBytes name = our_name(m, ours), other_name = pp_str(p, theirs.type);
	PpBytes unit = our_unit(m, ours), other_unit = pp_str(p, theirs.unit);
	int cmp = pp_bytes_cmp(other_unit, unit);

	*a = (Agreement){1, 1, pp_bytes_cmp(other_name, name) < 0, false};
	if (m->mode == PP_MERGE_ORDERED)
		return cmp == 0 && pp_bytes_eq(name, other_name);
	if (!pp_bytes_eq(pp_type_singular(name), pp_type_singular(other_name)))
		return false;
	if (cmp == 0)
		return true;
	if (pp_measure_whole_ratio(other_unit, unit, &a->theirs))
	{
		a->their_unit = a->theirs == 1 && cmp < 0;
		return true;
	}
	a->theirs = 1;
	a->their_unit = pp_measure_whole_ratio(unit, other_unit, &a->ours);
	return a->their_unit;
}

/* "cpu/nanoseconds" at the end of a text of limited length. */
static void
append_type(char *text, size_t size, PpBytes name, PpBytes unit)
{
	size_t used = strlen(text);

	snprintf(text + used,
			 size - used,
			 "%s%.*s/%.*s",
			 used > 0 ? " " : "",
			 (int) (name.len < 40 ? name.len : 40),
			 name.data,
			 (int) (unit.len < 24 ? unit.len : 24),
			 unit.data);
}

static PpCode
fail_types(const PpMerge *m, const PpProfile *p, bool period, PpError *err)
{
	char ours[100] = "", theirs[100] = "";

	if (period)
	{
		append_type(ours, sizeof(ours), our_name(m, m->period_type), our_unit(m, m->period_type));
		append_type(theirs,
					sizeof(theirs),
					pp_str(p, p->period_type.type),
					pp_str(p, p->period_type.unit));
	}
	for (uint32_t t = 0; !period && t < m->ntypes; t++)
		append_type(ours, sizeof(ours), our_name(m, m->types[t]), our_unit(m, m->types[t]));
	for (uint32_t t = 0; !period && t < p->ntypes; t++)
		append_type(theirs, sizeof(theirs), pp_str(p, p->types[t].type), pp_str(p, p->types[t].unit));
	return pp_fail(err,
				   PP_EINCOMPATIBLE,
				   PP_NO_OFFSET,
				   "incompatible %s types \"%s\" and \"%s\"",
				   period ? "period" : "sample",
				   ours,
				   theirs);
}

static bool
no_period_type(const PpProfile *p)
{
	return pp_str(p, p->period_type.type).len == 0 && pp_str(p, p->period_type.unit).len == 0;
}

/* Agreements on each column and, last, on the period; nothing is changed. */
static PpCode
agree_all(const PpMerge *m, const PpProfile *p, Agreement *a, PpError *err)
{
	if (m->ntypes != p->ntypes)
		return fail_types(m, p, false, err);
	if (!agree(m, m->period_type, p, p->period_type, &a[m->ntypes]))
		return fail_types(m, p, true, err);
	for (uint32_t t = 0; t < m->ntypes; t++)
		if (!agree(m, m->types[t], p, p->types[t], &a[t]))
			return fail_types(m, p, false, err);
	return PP_OK;
}

static PpCode
fail_overflow(PpError *err)
{
	return pp_fail(err,
				   PP_EOVERFLOW,
				   PP_NO_OFFSET,
				   "sample value in the finer of two units is out of range for bigint");
}

/* Multiply the columns of n samples; ratios[t] is 1 where nothing changes. */
static PpCode
multiply(const PpAlloc *alloc, int64_t *values, uint32_t n, const int64_t *ratios, uint32_t ntypes,
		 PpError *err)
{
	for (uint32_t i = 0; i < n; i++, values += ntypes)
	{
		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(alloc))
			return pp_fail_canceled(err);
		for (uint32_t t = 0; t < ntypes; t++)
			if (__builtin_mul_overflow(values[t], ratios[t], &values[t]))
				return fail_overflow(err);
	}
	return PP_OK;
}

static bool
rename_type(PpMerge *m, PpValueType *ours, const PpProfile *p, PpValueType theirs, const Agreement *a)
{
	if (a->their_name)
		ours->type = merge_bytes(m, pp_str(p, theirs.type));
	if (a->their_unit)
		ours->unit = merge_bytes(m, pp_str(p, theirs.unit));
	return ours->type != PP_NONE && ours->unit != PP_NONE;
}

/* The state in the units agreed on. */
static PpCode
adjust_state(PpMerge *m, const PpProfile *p, const Agreement *a, PpError *err)
{
	int64_t *ratios = m->factor_room;
	bool any = false;

	for (uint32_t t = 0; t < m->ntypes; t++)
	{
		if (!rename_type(m, &m->types[t], p, p->types[t], &a[t]))
			return merge_no_room(m, err);
		ratios[t] = a[t].ours;
		any = any || ratios[t] != 1;
	}
	if (!rename_type(m, &m->period_type, p, p->period_type, &a[m->ntypes]))
		return merge_no_room(m, err);
	if (__builtin_mul_overflow(m->period, a[m->ntypes].ours, &m->period))
		return fail_overflow(err);
	return any ? multiply(m->alloc, m->values, m->nsamples, ratios, m->ntypes, err) : PP_OK;
}

/* The newcomer's factors; none if all are 1. */
static PpCode
adjust_input(PpMerge *m, const Agreement *a, PpError *err)
{
	bool any = false;

	for (uint32_t t = 0; t < m->ntypes; t++)
	{
		m->factor_room[t] = a[t].theirs;
		any = any || a[t].theirs != 1;
	}
	m->factors = any ? m->factor_room : NULL;
	if (__builtin_mul_overflow(m->input_period, a[m->ntypes].theirs, &m->input_period))
		return fail_overflow(err);
	return PP_OK;
}

static bool
take_type(PpMerge *m, PpValueType *ours, const PpProfile *p, PpValueType theirs)
{
	ours->type = merge_bytes(m, pp_str(p, theirs.type));
	ours->unit = merge_bytes(m, pp_str(p, theirs.unit));
	return ours->type != PP_NONE && ours->unit != PP_NONE;
}

/* The types of the first profile that has any. */
static PpCode
take_types(PpMerge *m, const PpProfile *p, PpError *err)
{
	PpValueType *types = pp_arena_array(m->arena, p->ntypes, sizeof(*types));

	m->agreements = pp_arena_array(m->arena, (size_t) p->ntypes + 1, sizeof(*m->agreements));
	m->factor_room = pp_arena_array(m->arena, (size_t) p->ntypes + 1, sizeof(*m->factor_room));
	if (types == NULL || m->agreements == NULL || m->factor_room == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < p->ntypes; i++)
		if (!take_type(m, &types[i], p, p->types[i]))
			return merge_no_room(m, err);
	m->types = types;
	m->ntypes = p->ntypes;
	if (!take_type(m, &m->period_type, p, p->period_type))
		return merge_no_room(m, err);
	return PP_OK;
}

PpCode
merge_agree(PpMerge *m, const PpProfile *p, PpError *err)
{
	bool no_period = our_name(m, m->period_type).len == 0 && our_unit(m, m->period_type).len == 0;
	PpCode code;

	m->factors = NULL;
	m->input_period = p->period;
	if (m->count == 0)
		return take_types(m, p, err);
	if (m->mode == PP_MERGE_CANONICAL)
	{
		if (p->ntypes == 0 && no_period_type(p))
			return PP_OK;
		if (m->ntypes == 0 && no_period)
			return take_types(m, p, err);
	}
	if ((code = agree_all(m, p, m->agreements, err)) != PP_OK || m->mode == PP_MERGE_ORDERED)
		return code;
	if ((code = adjust_state(m, p, m->agreements, err)) != PP_OK)
		return code;
	return adjust_input(m, m->agreements, err);
}

int
merge_name_cmp(PpBytes a, PpBytes b)
{
	int cmp = pp_bytes_cmp(pp_type_singular(a), pp_type_singular(b));

	return cmp != 0 ? cmp : pp_bytes_cmp(a, b);
}

uint32_t
merge_default_type(const PpMerge *m)
{
	PpBytes name = m->strings[m->default_sample_type];
	uint32_t other = m->default_sample_type;

	if (m->mode == PP_MERGE_ORDERED || name.len == 0)
		return m->default_sample_type;
	for (uint32_t t = 0; t < m->ntypes; t++)
	{
		if (pp_bytes_eq(our_name(m, m->types[t]), name))
			return m->default_sample_type;
		if (pp_bytes_eq(pp_type_singular(our_name(m, m->types[t])), pp_type_singular(name)))
			other = m->types[t].type;
	}
	return other;
}
