/*
 * pp_report.c
 *		The order of work of every report.
 */
#include "core/pp_report_impl.h"

#include "core/pp_algebra.h"
#include "core/pp_edit.h"

#include <string.h>

PpReportOptions
pp_report_defaults(void)
{
	PpReportOptions options = {
		.trim = true,
		.nodecount = -1,
		.nodefraction = 0.005,
		.edgefraction = 0.001,
		.unit = pp_bytes_cstr("minimum"),
		.divide_by = 1,
	};

	return options;
}

PpCode
pp_report_add_mapping(const PpProfile *p, PpArena *arena, PpProfile **out, PpError *err)
{
	PpProfile *copy = pp_profile_share(p, arena);

	if (copy == NULL)
		return pp_fail_nomem(err);
	*out = copy;
	if (p->nmappings > 0)
		return PP_OK;
	copy->mappings = pp_arena_zalloc(arena, sizeof(PpMapping));
	copy->locations = pp_arena_array(arena, p->nlocations, sizeof(PpLocation));
	if (copy->mappings == NULL || copy->locations == NULL)
		return pp_fail_nomem(err);
	copy->nmappings = 1;
	copy->mappings[0].id = 1;
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		copy->locations[i] = p->locations[i];
		copy->locations[i].mapping = 0;
	}
	return PP_OK;
}

/* scheme:rest without control characters, as far as a file name goes */
static bool
is_absolute_url(PpBytes name)
{
	uint32_t scheme = 0;

	for (uint32_t i = 0; i < name.len; i++)
		if ((unsigned char) name.data[i] < 0x20 || name.data[i] == 0x7F)
			return false;
	while (scheme < name.len && name.data[scheme] != ':')
	{
		char c = name.data[scheme];
		bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
		bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';

		if (!letter && (scheme == 0 || !other))
			return false;
		scheme++;
	}
	return scheme > 0 && scheme < name.len;
}

static PpCode
empty_url_files(PpProfile *p, PpArena *arena, PpError *err)
{
	PpMapping *mappings = pp_arena_array(arena, p->nmappings, sizeof(*mappings));

	if (mappings == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < p->nmappings; i++)
	{
		mappings[i] = p->mappings[i];
		if (pp_str(p, mappings[i].build_id).len == 0 &&
			is_absolute_url(pp_str(p, mappings[i].filename)))
			mappings[i].filename = 0;
	}
	p->mappings = mappings;
	return PP_OK;
}

PpCode
pp_report_load(const PpProfile *p, bool all_frames, const PpSearch *search, PpArena *arena,
			   PpProfile **out, PpError *err)
{
	PpCode code = pp_report_add_mapping(p, arena, out, err);

	if (code == PP_OK)
		code = empty_url_files(*out, arena, err);
	if (code != PP_OK || all_frames || pp_str(p, p->drop_frames).len == 0)
		return code;
	code = pp_edit_copy(*out, arena, out, err);
	if (code == PP_OK)
		code = pp_filter_drop_frames(*out, search, arena, err);
	return code;
}

/* Everything between tag frames and granularity. */
static PpCode
apply_filters(PpReport *r, const PpSearch *search, PpError *err)
{
	const PpReportOptions *o = r->options;
	PpProfile *p = r->p;
	PpCode code;

	if ((code = pp_filter_names(p, o, search, r->arena, err)) != PP_OK ||
		(code = pp_filter_show_from(p, o->show_from, search, r->arena, err)) != PP_OK ||
		(code = pp_filter_tags(p, o, &r->units, search, r->arena, err)) != PP_OK ||
		(code = pp_filter_tag_keys(p, o, search, r->arena, err)) != PP_OK ||
		(code = pp_filter_prune_from(p, o->prune_from, search, r->arena, err)) != PP_OK)
		return code;
	return PP_OK;
}

void
pp_report_trim(PpReport *r, bool trim, int64_t nodecount)
{
	const PpReportOptions *o = r->options;

	r->nodecount = !trim ? 0 : o->nodecount < 0 ? nodecount : o->nodecount;
	r->nodefraction = trim ? o->nodefraction : 0;
	r->edgefraction = trim ? o->edgefraction : 0;
}

static PpCode
start(PpReport *r, const PpProfile *p, const PpReportOptions *options, PpArena *arena, PpError *err)
{
	PpCode code;

	memset(r, 0, sizeof(*r));
	r->options = options;
	r->arena = arena;
	r->unit = options->unit.len > 0 ? options->unit : pp_bytes_cstr("minimum");
	r->ratio = 1;
	pp_report_trim(r, options->trim, 0);
	if (options->divide_by == 0)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "zero divisor specified");
	if (options->divide_by > 0)
		r->ratio = 1 / options->divide_by;
	if ((code = pp_edit_copy(p, arena, &r->p, err)) != PP_OK)
		return code;
	r->prepared = true;
	if ((code = pp_label_units_init(&r->units, r->p, arena, err)) != PP_OK)
		return code;
	return pp_filter_tag_frames(r->p, options, arena, err);
}

static bool
is_base_sample(const PpProfile *p, const PpSample *sample)
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

PpCode
pp_report_total(const PpProfile *p, uint32_t column, bool mean, int64_t *result, PpError *err)
{
	__int128 total = 0, divisor = 0, base = 0, base_divisor = 0;

	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		const int64_t *values = p->values + (size_t) i * p->ntypes;
		__int128 value = values[column];

		value = value < 0 ? -value : value;
		total += value;
		divisor += mean ? values[0] : 0;
		if (is_base_sample(p, &p->samples[i]))
		{
			base += value;
			base_divisor += mean ? values[0] : 0;
		}
	}
	if (base > 0)
	{
		total = base;
		divisor = base_divisor;
	}
	if (divisor != 0)
		total /= divisor;
	if (total > INT64_MAX || total < INT64_MIN)
		return pp_fail(err,
					   PP_EOVERFLOW,
					   PP_NO_OFFSET,
					   "total of sample values is out of range for bigint");
	*result = (int64_t) total;
	return PP_OK;
}

PpCode
pp_report_prepare(PpReport *r, const PpProfile *p, const PpReportOptions *options,
				  const PpSearch *search, PpReportKind kind, PpArena *arena, PpError *err)
{
	PpReportOptions by = *options;
	PpCode code = start(r, p, options, arena, err);

	if (code == PP_OK && options->relative_percentages)
		code = apply_filters(r, search, err);
	/* raw reports show all columns, so one that does not exist is no error there */
	if (code == PP_OK && kind != PP_REPORT_RAW &&
		(code = pp_profile_column(r->p, options->sample_index, &r->column, err)) == PP_OK)
		code = pp_report_total(r->p, r->column, options->mean, &r->total, err);
	if (code == PP_OK && !options->relative_percentages)
		code = apply_filters(r, search, err);
	if (code != PP_OK)
		return code;
	if (kind != PP_REPORT_PLAIN)
		by.granularity = PP_BY_ADDRESSES;
	if (kind == PP_REPORT_CALLGRIND)
	{
		r->by_object = true;
		pp_report_trim(r, false, 0);
	}
	pp_filter_granularity(r->p, &by);
	return PP_OK;
}

void
pp_report_end(PpReport *r)
{
	if (r->prepared)
		pp_label_units_clear(&r->units);
	r->prepared = false;
}

PpCode
pp_report_filter(const PpProfile *p, const PpReportOptions *options, const PpSearch *search,
				 PpArena *arena, PpProfile **out, PpError *err)
{
	PpReport r;
	PpCode code = pp_report_prepare(&r, p, options, search, PP_REPORT_RAW, arena, err);

	pp_report_end(&r);
	if (code == PP_OK)
		*out = r.p;
	return code;
}
