/*
 * pp_algebra.c
 *		Scaling and negating; merge and differences of whole profiles.
 */
#include "core/pp_algebra.h"

#include "core/pp_measure.h"
#include "core/pp_merge.h"

#include <math.h>
#include <string.h>

#define POLL_EVERY 65536 /* samples or values between two looks at poll() */

PpProfile *
pp_profile_share(const PpProfile *p, PpArena *arena)
{
	PpProfile *copy = pp_arena_alloc(arena, sizeof(*copy));

	if (copy != NULL)
	{
		*copy = *p;
		copy->arena = arena;
	}
	return copy;
}

uint32_t
pp_profile_add_string(PpProfile *p, PpArena *arena, PpBytes bytes)
{
	PpBytes *strings = pp_arena_array(arena, (size_t) p->nstrings + 1, sizeof(*strings));

	if (strings == NULL)
		return PP_NONE;
	memcpy(strings, p->strings, p->nstrings * sizeof(*strings));
	strings[p->nstrings] = bytes;
	p->strings = strings;
	return p->nstrings++;
}

static PpCode
fail_overflow(PpError *err, const char *what)
{
	return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "%s is out of range for bigint", what);
}

/* A copy with values of its own, not filled in. */
static PpCode
share_with_values(const PpProfile *p, PpArena *arena, PpProfile **out, PpError *err)
{
	size_t n;

	*out = pp_profile_share(p, arena);
	if (*out == NULL || __builtin_mul_overflow((size_t) p->nsamples, (size_t) p->ntypes, &n) ||
		((*out)->values = pp_arena_array(arena, n, sizeof(int64_t))) == NULL)
		return pp_fail_nomem(err);
	return PP_OK;
}

PpCode
pp_profile_negate(const PpProfile *p, PpArena *arena, PpProfile **out, PpError *err)
{
	size_t n = (size_t) p->nsamples * p->ntypes;
	PpCode code = share_with_values(p, arena, out, err);

	if (code != PP_OK)
		return code;
	for (size_t i = 0; i < n; i++)
	{
		if (p->values[i] == INT64_MIN)
			return fail_overflow(err, "negated sample value");
		(*out)->values[i] = -p->values[i];
		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(pp_arena_allocator(arena)))
			return pp_fail_canceled(err);
	}
	return PP_OK;
}

/* Drop the samples of a copy (with own values) that have only zeros. */
static PpCode
drop_zero_samples(PpProfile *p, PpArena *arena, PpError *err)
{
	PpSample *samples = pp_arena_array(arena, p->nsamples, sizeof(*samples));
	uint32_t kept = 0;

	if (samples == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		const int64_t *values = p->values + (size_t) i * p->ntypes;
		int64_t any = 0;

		for (uint32_t t = 0; t < p->ntypes; t++)
			any |= values[t];
		if (any == 0)
			continue;
		memmove(p->values + (size_t) kept * p->ntypes, values, p->ntypes * sizeof(*values));
		samples[kept++] = p->samples[i];
	}
	p->samples = samples;
	p->nsamples = kept;
	return PP_OK;
}

/* Whole ratios stay out of floating point, which has only 53 bits. */
static bool
multiply(int64_t value, double ratio, int64_t *result)
{
	if (ratio == 1)
		*result = value;
	else if (ratio == trunc(ratio) && fabs(ratio) < 9007199254740992.0)
		return !__builtin_mul_overflow(value, (int64_t) ratio, result);
	else
		return pp_double_to_int64(round((double) value * ratio), result);
	return true;
}

PpCode
pp_profile_scale(const PpProfile *p, const double *ratios, PpArena *arena, PpProfile **out,
				 PpError *err)
{
	bool all_one = true;
	PpCode code;

	for (uint32_t t = 0; t < p->ntypes; t++)
		all_one = all_one && ratios[t] == 1;
	if (all_one)
		return (*out = pp_profile_share(p, arena)) != NULL ? PP_OK : pp_fail_nomem(err);
	if ((code = share_with_values(p, arena, out, err)) != PP_OK)
		return code;
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		size_t first = (size_t) i * p->ntypes;

		for (uint32_t t = 0; t < p->ntypes; t++)
			if (!multiply(p->values[first + t], ratios[t], &(*out)->values[first + t]))
				return fail_overflow(err, "scaled sample value");
		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(pp_arena_allocator(arena)))
			return pp_fail_canceled(err);
	}
	return drop_zero_samples(*out, arena, err);
}

PpCode
pp_profile_divide(const PpProfile *p, double d, PpArena *arena, PpProfile **out, PpError *err)
{
	size_t n = (size_t) p->nsamples * p->ntypes;
	PpCode code;

	if (!(d > 0))
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "divisor must be greater than zero");
	if ((code = share_with_values(p, arena, out, err)) != PP_OK)
		return code;
	for (size_t i = 0; i < n; i++)
	{
		if (!pp_double_to_int64((double) p->values[i] * (1 / d), &(*out)->values[i]))
			return fail_overflow(err, "divided sample value");
		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(pp_arena_allocator(arena)))
			return pp_fail_canceled(err);
	}
	return PP_OK;
}

static bool
same_type(const PpProfile *a, PpValueType x, const PpProfile *b, PpValueType y)
{
	return pp_bytes_eq(pp_str(a, x.type), pp_str(b, y.type)) &&
		   pp_bytes_eq(pp_str(a, x.unit), pp_str(b, y.unit));
}

static PpCode
check_same_types(const PpProfile *p, const PpProfile *base, PpError *err)
{
	bool same = p->ntypes == base->ntypes;
	char ours[90], theirs[90];

	for (uint32_t t = 0; same && t < p->ntypes; t++)
		same = same_type(p, p->types[t], base, base->types[t]);
	if (same && same_type(p, p->period_type, base, base->period_type))
		return PP_OK;
	pp_types_text(p, ours, sizeof(ours));
	pp_types_text(base, theirs, sizeof(theirs));
	return pp_fail(err,
				   PP_EINCOMPATIBLE,
				   PP_NO_OFFSET,
				   "profile of \"%s\" cannot be normalized by one of \"%s\"%s",
				   ours,
				   theirs,
				   same ? " with another period type" : "");
}

PpCode
pp_profile_normalize(const PpProfile *p, const PpProfile *base, PpArena *arena, PpProfile **out,
					 PpError *err)
{
	double *ratios = pp_arena_array(arena, p->ntypes, sizeof(*ratios));
	PpCode checked = check_same_types(p, base, err);

	if (checked != PP_OK)
		return checked;
	if (ratios == NULL)
		return pp_fail_nomem(err);
	for (uint32_t t = 0; t < p->ntypes; t++)
	{
		int64_t ours, theirs;
		PpCode code;

		if ((code = pp_profile_total(p, t, &ours, err)) != PP_OK ||
			(code = pp_profile_total(base, t, &theirs, err)) != PP_OK)
			return code;
		ratios[t] = ours == 0 ? 0 : (double) theirs / (double) ours;
	}
	return pp_profile_scale(p, ratios, arena, out, err);
}

static PpCode
merge_all(PpProfile **profiles, size_t n, PpMergeMode mode, PpArena *arena, PpProfile **out,
		  PpError *err)
{
	PpMerge *merge = pp_merge_new(pp_arena_allocator(arena), mode);
	PpCode code = merge != NULL ? PP_OK : pp_fail_nomem(err);

	for (size_t i = 0; code == PP_OK && i < n; i++)
		code = pp_merge_add(merge, profiles[i], err);
	if (code == PP_OK)
		code = pp_merge_finish(merge, arena, out, err);
	pp_merge_free(merge);
	return code;
}

PpCode
pp_profiles_merge(PpProfile **profiles, size_t n, PpArena *arena, PpProfile **out, PpError *err)
{
	PpProfile **copies;
	PpCode code;

	if (n == 0)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "no profiles to merge");
	if (n == 1)
	{
		*out = profiles[0];
		return PP_OK;
	}
	copies = pp_arena_array(arena, n, sizeof(*copies));
	if (copies == NULL)
		return pp_fail_nomem(err);
	memcpy(copies, profiles, n * sizeof(*copies));
	if ((code = pp_profiles_unify(copies, n, arena, err)) != PP_OK)
		return code;
	return merge_all(copies, n, PP_MERGE_ORDERED, arena, out, err);
}

PpCode
pp_profile_add(const PpProfile *a, const PpProfile *b, PpArena *arena, PpProfile **out, PpError *err)
{
	PpProfile *both[2] = {(PpProfile *) a, (PpProfile *) b}; /* merging only reads */

	return merge_all(both, 2, PP_MERGE_CANONICAL, arena, out, err);
}

/* One side minus the other, which may carry a label, after bringing their types together. */
static PpCode
difference(const PpProfile *p, const PpProfile *base, PpMergeMode mode, PpArena *arena,
		   PpProfile **out, PpError *err)
{
	PpProfile *sides[2] = {pp_profile_share(p, arena), NULL};
	PpCode code;

	if (sides[0] == NULL)
		return pp_fail_nomem(err);
	if ((code = pp_profile_negate(base, arena, &sides[1], err)) != PP_OK ||
		(code = pp_profiles_unify(sides, 2, arena, err)) != PP_OK)
		return code;
	return merge_all(sides, 2, mode, arena, out, err);
}

PpCode
pp_profile_subtract(const PpProfile *p, const PpProfile *base, PpMergeMode mode, PpArena *arena,
					PpProfile **out, PpError *err)
{
	return difference(p, base, mode, arena, out, err);
}

PpCode
pp_profile_diff(const PpProfile *p, const PpProfile *base, PpMergeMode mode, PpArena *arena,
				PpProfile **out, PpError *err)
{
	PpBytes key = pp_bytes_cstr("pprof::base"), value = pp_bytes_cstr("true");
	PpProfile *labelled;
	PpCode code = pp_profile_set_label(base, key, value, arena, &labelled, err);

	return code == PP_OK ? difference(p, labelled, mode, arena, out, err) : code;
}

PpCode
pp_profile_compact(const PpProfile *p, PpArena *arena, PpProfile **out, PpError *err)
{
	PpProfile *one = (PpProfile *) p; /* merging only reads */

	return merge_all(&one, 1, PP_MERGE_ORDERED, arena, out, err);
}
