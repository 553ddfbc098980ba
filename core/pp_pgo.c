/*
 * pp_pgo.c
 *		The profile that `go build -pgo` takes, and nothing it does not read.
 *
 * The compiler counts calls: pairs of neighbouring frames, each a function name,
 * a line relative to the function's first line, and an address that tells two
 * calls on one line apart.  So mappings, files, system names, columns, labels,
 * comments and other sample types go; addresses become small numbers that are
 * different where the addresses were; then equal samples become one.
 */
#include "core/pp_algebra.h"
#include "core/pp_merge.h"
#include "core/pp_render.h"
#include "core/pp_sort.h"

#include <string.h>

/* The first column that the compiler would take. */
static PpCode
cpu_column(const PpProfile *p, uint32_t *column, PpError *err)
{
	for (uint32_t i = 0; i < p->ntypes; i++)
	{
		PpBytes type = pp_str(p, p->types[i].type), unit = pp_str(p, p->types[i].unit);

		*column = i;
		if ((pp_bytes_eq(type, pp_bytes_cstr("samples")) && pp_bytes_eq(unit, pp_bytes_cstr("count"))) ||
			(pp_bytes_eq(type, pp_bytes_cstr("cpu")) &&
			 pp_bytes_eq(unit, pp_bytes_cstr("nanoseconds"))))
			return PP_OK;
	}
	return pp_fail(err,
				   PP_EINVALID,
				   PP_NO_OFFSET,
				   "not a CPU profile: it has neither samples/count nor cpu/nanoseconds");
}

static int
compare_addresses(const void *ctx, uint32_t a, uint32_t b)
{
	const PpLocation *locations = ctx;

	return (locations[a].address > locations[b].address) -
		   (locations[a].address < locations[b].address);
}

/* Equal addresses get equal numbers from 1 on; 0 stays. */
static PpCode
number_addresses(PpLocation *locations, uint32_t n, PpArena *arena, PpError *err)
{
	uint32_t *order = pp_arena_array(arena, n, sizeof(uint32_t));
	uint64_t number = 0, last = 0;
	PpCode code;

	if (order == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	code = pp_sort_indexes(order, n, compare_addresses, locations, pp_arena_allocator(arena), err);
	if (code != PP_OK)
		return code;
	for (uint32_t i = 0; i < n; i++)
	{
		uint64_t address = locations[order[i]].address;

		number += address != last;
		last = address;
		locations[order[i]].address = number;
	}
	return PP_OK;
}

/* Tables without what the compiler does not read. */
static PpCode
strip_tables(PpProfile *p, PpArena *arena, PpError *err)
{
	PpFunction *functions = pp_arena_array(arena, p->nfunctions, sizeof(PpFunction));
	PpLocation *locations = pp_arena_array(arena, p->nlocations, sizeof(PpLocation));
	PpLine *lines = pp_arena_array(arena, p->nlines, sizeof(PpLine));

	if (functions == NULL || locations == NULL || lines == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < p->nfunctions; i++)
	{
		functions[i] = p->functions[i];
		functions[i].system_name = functions[i].filename = 0;
	}
	for (uint32_t i = 0; i < p->nlines; i++)
		lines[i] = (PpLine){p->lines[i].function, p->lines[i].line, 0};
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		locations[i] = p->locations[i];
		locations[i].mapping = PP_NONE;
		locations[i].is_folded = 0;
	}
	p->functions = functions;
	p->lines = lines;
	p->locations = locations;
	p->nmappings = 0;
	return number_addresses(locations, p->nlocations, arena, err);
}

/* One column, the innermost locations, no labels. */
static PpCode
strip_samples(PpProfile *p, uint32_t column, int64_t keep_locations, PpArena *arena, PpError *err)
{
	PpSample *samples = pp_arena_array(arena, p->nsamples, sizeof(PpSample));
	int64_t *values = pp_arena_array(arena, p->nsamples, sizeof(int64_t));
	PpValueType *type = pp_arena_alloc(arena, sizeof(PpValueType));

	if (samples == NULL || values == NULL || type == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		samples[i] = p->samples[i];
		samples[i].nlabels = 0;
		if (keep_locations > 0 && samples[i].nlocs > keep_locations)
			samples[i].nlocs = (uint32_t) keep_locations;
		values[i] = p->values[(size_t) i * p->ntypes + column];
		if (values[i] < 0)
			return pp_fail(err,
						   PP_EINVALID,
						   PP_NO_OFFSET,
						   "a compiler takes no difference: sample %u has the value %lld",
						   i,
						   (long long) values[i]);
	}
	*type = p->types[column];
	p->types = type;
	p->ntypes = 1;
	p->samples = samples;
	p->values = values;
	p->nlabels = 0;
	p->default_sample_type = p->drop_frames = p->keep_frames = p->doc_url = 0;
	p->ncomments = 0;
	return PP_OK;
}

/* As the compiler demands: one is enough. */
static PpCode
check_start_lines(const PpProfile *p, PpError *err)
{
	bool missing = p->nfunctions > 0;

	for (uint32_t i = 0; i < p->nfunctions && missing; i++)
		missing = p->functions[i].start_line == 0;
	if (missing)
		return pp_fail(err,
					   PP_EINVALID,
					   PP_NO_OFFSET,
					   "no function has a start line, which Go records since 1.20: "
					   "the compiler cannot use this profile");
	return PP_OK;
}

PpCode
pp_profile_pgo(const PpProfile *p, int64_t keep_locations, PpArena *arena, PpProfile **out,
			   PpError *err)
{
	PpProfile *stripped = pp_profile_share(p, arena);
	uint32_t column = 0;
	PpCode code;

	if (stripped == NULL)
		return pp_fail_nomem(err);
	if ((code = cpu_column(p, &column, err)) != PP_OK ||
		(code = strip_tables(stripped, arena, err)) != PP_OK ||
		(code = strip_samples(stripped, column, keep_locations, arena, err)) != PP_OK ||
		(code = pp_profile_compact(stripped, arena, out, err)) != PP_OK)
		return code;
	return check_start_lines(*out, err);
}
