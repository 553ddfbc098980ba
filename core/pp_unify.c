/*
 * pp_unify.c
 *		Making profiles of different producers fit to be added up: common sample
 *		types, common units.
 */
#include "core/pp_algebra.h"
#include "core/pp_measure.h"
#include "core/pp_merge.h"

#include <stdio.h>
#include <string.h>

static PpBytes
type_name(const PpProfile *p, uint32_t t)
{
	return pp_str(p, p->types[t].type);
}

static bool
same_names(const PpProfile *a, const PpProfile *b)
{
	if (a->ntypes != b->ntypes)
		return false;
	for (uint32_t t = 0; t < a->ntypes; t++)
		if (!pp_bytes_eq(type_name(a, t), type_name(b, t)))
			return false;
	return true;
}

/* How many columns before t have the name of column t. */
static uint32_t
occurrence(const PpProfile *p, uint32_t t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t; i++)
		n += pp_bytes_eq(type_name(p, i), type_name(p, t)) != 0;
	return n;
}

/* The column that has this name for the nth time (from 0), or PP_NONE. */
static uint32_t
find_column(const PpProfile *p, PpBytes name, uint32_t nth)
{
	for (uint32_t t = 0; t < p->ntypes; t++)
		if (pp_bytes_eq(type_name(p, t), name) && nth-- == 0)
			return t;
	return PP_NONE;
}

/* Keep n columns of *profile, in this order. */
static PpCode
keep_columns(PpProfile **profile, const uint32_t *columns, uint32_t n, PpArena *arena, PpError *err)
{
	const PpProfile *p = *profile;
	PpProfile *copy = pp_profile_share(p, arena);
	PpBytes dflt = pp_str(p, p->default_sample_type);
	bool dflt_kept = false;

	if (copy == NULL || (copy->types = pp_arena_array(arena, n, sizeof(*copy->types))) == NULL ||
		(copy->values = pp_arena_array(arena, (size_t) n * p->nsamples, sizeof(int64_t))) == NULL)
		return pp_fail_nomem(err);
	copy->ntypes = n;
	for (uint32_t t = 0; t < n; t++)
	{
		copy->types[t] = p->types[columns[t]];
		dflt_kept = dflt_kept || pp_bytes_eq(type_name(copy, t), dflt);
	}
	if (!dflt_kept)
		copy->default_sample_type = copy->types[0].type;
	for (uint32_t i = 0; i < p->nsamples; i++)
		for (uint32_t t = 0; t < n; t++)
			copy->values[(size_t) i * n + t] = p->values[(size_t) i * p->ntypes + columns[t]];
	*profile = copy;
	return PP_OK;
}

void
pp_types_text(const PpProfile *p, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t t = 0; t < p->ntypes && used < size; t++)
	{
		PpBytes type = type_name(p, t), unit = pp_str(p, p->types[t].unit);

		used += (size_t) snprintf(text + used,
								  size - used,
								  "%s%.*s/%.*s",
								  t > 0 ? " " : "",
								  (int) (type.len < 40 ? type.len : 40),
								  type.data,
								  (int) (unit.len < 24 ? unit.len : 24),
								  unit.data);
	}
}

/* Name the first profile and the first that has nothing in common with it, if there is one. */
static PpCode
nothing_in_common(PpProfile **profiles, size_t n, PpError *err)
{
	char first[90], other[90] = "others";

	pp_types_text(profiles[0], first, sizeof(first));
	for (size_t k = n; k-- > 1;)
	{
		bool common = false;

		for (uint32_t t = 0; t < profiles[0]->ntypes; t++)
			common = common || find_column(profiles[k], type_name(profiles[0], t), 0) != PP_NONE;
		if (!common)
			pp_types_text(profiles[k], other, sizeof(other));
	}
	return pp_fail(err,
				   PP_EINCOMPATIBLE,
				   PP_NO_OFFSET,
				   "profiles have no sample type in common: \"%s\" and \"%s\"",
				   first,
				   other);
}

/*
 * Names that occur twice in a profile count as different columns by their
 * position among their like.
 */
static PpCode
intersect_types(PpProfile **profiles, size_t n, PpArena *arena, PpError *err)
{
	const PpProfile *first = profiles[0];
	uint32_t *columns; /* kept columns of each profile, a row per profile */
	uint32_t kept = 0;
	bool differ = false;
	PpCode code = PP_OK;

	for (size_t k = 1; k < n; k++)
		differ = differ || !same_names(first, profiles[k]);
	if (!differ)
		return PP_OK;
	columns = pp_arena_array(arena, n, sizeof(*columns) * ((size_t) first->ntypes + 1));
	if (columns == NULL)
		return pp_fail_nomem(err);
	for (uint32_t t = 0; t < first->ntypes; t++)
	{
		uint32_t nth = occurrence(first, t);
		bool everywhere = true;

		for (size_t k = 0; everywhere && k < n; k++)
		{
			uint32_t column = find_column(profiles[k], type_name(first, t), nth);

			columns[k * first->ntypes + kept] = column;
			everywhere = column != PP_NONE;
		}
		kept += everywhere;
	}
	if (kept == 0)
		return nothing_in_common(profiles, n, err);
	for (size_t k = 0; code == PP_OK && k < n; k++)
	{
		bool same = profiles[k]->ntypes == kept;

		for (uint32_t t = 0; same && t < kept; t++)
			same = columns[k * first->ntypes + t] == t;
		/* the row stride is that of the first profile as it was */
		if (!same && k > 0)
			code = keep_columns(&profiles[k], columns + k * first->ntypes, kept, arena, err);
	}
	if (code == PP_OK && kept != first->ntypes)
		code = keep_columns(&profiles[0], columns, kept, arena, err);
	return code;
}

static PpCode
no_such_type(const PpProfile *p, PpBytes name, uint32_t nth, PpError *err)
{
	char list[120] = "";
	size_t used = 0;

	if (nth > 0 && find_column(p, name, 0) != PP_NONE)
		return pp_fail(err,
					   PP_EINVALID,
					   PP_NO_OFFSET,
					   "sample type \"%.*s\" is named %u times, but there %s %u of it",
					   (int) (name.len < 60 ? name.len : 60),
					   name.data,
					   nth + 1,
					   nth == 1 ? "is" : "are",
					   nth);
	for (uint32_t t = 0; t < p->ntypes && used < sizeof(list); t++)
	{
		PpBytes type = type_name(p, t);

		used += (size_t) snprintf(list + used,
								  sizeof(list) - used,
								  "%s%.*s",
								  t > 0 ? " " : "",
								  (int) (type.len < 60 ? type.len : 60),
								  type.data);
	}
	return pp_fail(err,
				   PP_EINVALID,
				   PP_NO_OFFSET,
				   "sample type \"%.*s\" is not one of [%s]",
				   (int) (name.len < 60 ? name.len : 60),
				   name.data,
				   list);
}

PpCode
pp_profile_keep_types(const PpProfile *p, const PpBytes *names, uint32_t n, PpArena *arena,
					  PpProfile **out, PpError *err)
{
	uint32_t *columns = pp_arena_array(arena, n, sizeof(*columns));
	bool same = n == p->ntypes;

	if (columns == NULL)
		return pp_fail_nomem(err);
	if (n == 0)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "no sample types to keep");
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t nth = 0;

		for (uint32_t k = 0; k < i; k++)
			nth += pp_bytes_eq(names[k], names[i]) != 0;
		if ((columns[i] = find_column(p, names[i], nth)) == PP_NONE)
			return no_such_type(p, names[i], nth, err);
		same = same && columns[i] == i;
	}
	*out = (PpProfile *) p; /* only read by keep_columns, which replaces it */
	if (same)
		return PP_OK;
	return keep_columns(out, columns, n, arena, err);
}

/* Is one `unit` less than one `than`? */
static bool
is_finer(PpBytes unit, PpBytes than)
{
	PpBytes ignored;

	return pp_measure_scale(1, unit, than, &ignored) < 1;
}

/* Column t, or the period type for PP_NONE. */
static PpValueType
value_type(const PpProfile *p, uint32_t t)
{
	return t == PP_NONE ? p->period_type : p->types[t];
}

/* The finest unit that the profiles have for column t. */
static PpCode
common_unit(PpProfile **profiles, size_t n, uint32_t t, PpBytes *unit, PpError *err)
{
	PpBytes type = pp_str(profiles[0], value_type(profiles[0], t).type);

	*unit = pp_str(profiles[0], value_type(profiles[0], t).unit);
	for (size_t k = 1; k < n; k++)
	{
		PpBytes other_type = pp_str(profiles[k], value_type(profiles[k], t).type);
		PpBytes other_unit = pp_str(profiles[k], value_type(profiles[k], t).unit);

		if (!pp_bytes_eq(pp_type_singular(type), pp_type_singular(other_type)) ||
			(!pp_bytes_eq(*unit, other_unit) && !pp_measure_same_family(*unit, other_unit)))
			return pp_fail(err,
						   PP_EINCOMPATIBLE,
						   PP_NO_OFFSET,
						   "incompatible %s types \"%.*s/%.*s\" and \"%.*s/%.*s\"",
						   t == PP_NONE ? "period" : "sample",
						   (int) type.len,
						   type.data,
						   (int) unit->len,
						   unit->data,
						   (int) other_type.len,
						   other_type.data,
						   (int) other_unit.len,
						   other_unit.data);
		if (is_finer(other_unit, *unit))
		{
			*unit = other_unit;
			type = other_type;
		}
	}
	return PP_OK;
}

/* Bring one profile to the units (one per column, the period's last). */
static PpCode
convert_units(PpProfile **profile, const PpBytes *units, PpArena *arena, PpError *err)
{
	PpProfile *p = *profile, *copy;
	double *ratios = pp_arena_array(arena, p->ntypes, sizeof(*ratios));
	PpBytes period_unit = pp_str(p, p->period_type.unit), ignored;
	bool same = pp_bytes_eq(period_unit, units[p->ntypes]) != 0;
	PpValueType *types;
	PpCode code;

	if (ratios == NULL)
		return pp_fail_nomem(err);
	for (uint32_t t = 0; t < p->ntypes; t++)
	{
		PpBytes unit = pp_str(p, p->types[t].unit);

		same = same && pp_bytes_eq(unit, units[t]);
		ratios[t] = pp_measure_scale(1, unit, units[t], &ignored);
	}
	if (same)
		return PP_OK;
	if ((code = pp_profile_scale(p, ratios, arena, &copy, err)) != PP_OK)
		return code;
	types = pp_arena_array(arena, p->ntypes, sizeof(*types));
	if (types == NULL)
		return pp_fail_nomem(err);
	for (uint32_t t = 0; t <= p->ntypes; t++)
	{
		uint32_t unit = pp_profile_add_string(copy, arena, units[t]);

		if (unit == PP_NONE)
			return pp_fail_nomem(err);
		if (t < p->ntypes)
			types[t] = (PpValueType){p->types[t].type, unit};
		else
			copy->period_type.unit = unit;
	}
	copy->types = types;
	if (!pp_bytes_eq(period_unit, units[p->ntypes]) &&
		!pp_double_to_int64(pp_measure_scale(p->period, period_unit, units[p->ntypes], &ignored),
							&copy->period))
		return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "converted period is out of range for bigint");
	*profile = copy;
	return PP_OK;
}

PpCode
pp_profiles_unify(PpProfile **profiles, size_t n, PpArena *arena, PpError *err)
{
	PpBytes *units;
	PpCode code;
	uint32_t ntypes;

	if (n <= 1)
		return PP_OK;
	if ((code = intersect_types(profiles, n, arena, err)) != PP_OK)
		return code;
	ntypes = profiles[0]->ntypes;
	units = pp_arena_array(arena, (size_t) ntypes + 1, sizeof(*units));
	if (units == NULL)
		return pp_fail_nomem(err);
	for (uint32_t t = 0; t <= ntypes; t++)
		if ((code = common_unit(profiles, n, t < ntypes ? t : PP_NONE, &units[t], err)) != PP_OK)
			return code;
	for (size_t k = 0; code == PP_OK && k < n; k++)
		code = convert_units(&profiles[k], units, arena, err);
	return code;
}
