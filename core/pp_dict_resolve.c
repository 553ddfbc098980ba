/*
 * pp_dict_resolve.c
 *		Samples with their names: a part of pprof.samples as a profile.
 *
 * Only what the samples use is copied.  References become profile indexes as
 * they are met: each id array holds index + 1, 0 for "not yet".
 */
#include "core/pp_dict_internal.h"

typedef struct Resolve
{
	const PpDict *dict;
	PpProfile *profile;
	PpArena *arena;
	uint32_t *string, *function, *mapping, *location; /* by id: index + 1 */
	uint32_t *locations;							  /* ids in order of use */
} Resolve;

static inline uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint32_t
use_string(Resolve *r, uint32_t id)
{
	PpProfile *p = r->profile;

	if (id == 0)
		return 0;
	if (r->string[id] == 0)
	{
		p->strings[p->nstrings++] = r->dict->strings[id];
		r->string[id] = p->nstrings;
	}
	return r->string[id] - 1;
}

static uint32_t
use_function(Resolve *r, uint32_t id)
{
	PpProfile *p = r->profile;

	if (r->function[id] == 0)
	{
		const DictFunction *from = &r->dict->functions[id];
		PpFunction *f = &p->functions[p->nfunctions++];

		f->id = p->nfunctions;
		f->name = use_string(r, from->name);
		f->system_name = use_string(r, from->system_name);
		f->filename = use_string(r, from->filename);
		f->start_line = from->start_line;
		r->function[id] = p->nfunctions;
	}
	return r->function[id] - 1;
}

static uint32_t
use_mapping(Resolve *r, uint32_t id)
{
	PpProfile *p = r->profile;

	if (id == PP_NONE)
		return PP_NONE;
	if (r->mapping[id] == 0)
	{
		const DictMapping *from = &r->dict->mappings[id];
		PpMapping *m = &p->mappings[p->nmappings++];

		m->id = p->nmappings;
		m->start = from->start;
		m->limit = from->limit;
		m->offset = from->offset;
		m->filename = use_string(r, from->filename);
		m->build_id = use_string(r, from->build_id);
		m->flags = from->flags;
		r->mapping[id] = p->nmappings;
	}
	return r->mapping[id] - 1;
}

/* Count what the stacks use: locations get their index, references their number. */
static PpCode
count_stacks(Resolve *r, const PpSamplesPart *part, uint64_t *nlocrefs, PpError *err)
{
	const PpDict *dict = r->dict;
	PpProfile *p = r->profile;

	*nlocrefs = 0;
	for (uint32_t i = 0; i < part->n; i++)
	{
		if ((i & 4095) == 4095 && pp_poll(dict->alloc))
			return pp_fail_canceled(err);
		if (part->entries[i].stack >= dict->count[PP_DICT_STACKS] ||
			dict->stack_leaf[part->entries[i].stack] == PP_NONE)
			return pp_fail(err,
						   PP_EMALFORMED,
						   PP_NO_OFFSET,
						   "dictionary has no stack %u",
						   part->entries[i].stack);
		for (uint32_t node = dict->stack_leaf[part->entries[i].stack]; node != 0;
			 node = dict->node_parent[node])
		{
			uint32_t location = dict->node_location[node];

			(*nlocrefs)++;
			if (r->location[location] == 0)
			{
				r->locations[p->nlocations++] = location;
				r->location[location] = p->nlocations;
			}
		}
	}
	if (*nlocrefs > UINT32_MAX)
		return pp_fail(err, PP_ELIMIT, PP_NO_OFFSET, "profile has too many frames");
	return PP_OK;
}

static void
fill_samples(Resolve *r, const PpSamplesPart *part)
{
	const PpDict *dict = r->dict;
	PpProfile *p = r->profile;

	for (uint32_t i = 0; i < part->n; i++)
	{
		PpSample *sample = &p->samples[i];

		*sample = (PpSample){.loc_off = p->nlocrefs};
		for (uint32_t node = dict->stack_leaf[part->entries[i].stack]; node != 0;
			 node = dict->node_parent[node])
			p->locrefs[p->nlocrefs++] = r->location[dict->node_location[node]] - 1;
		sample->nlocs = p->nlocrefs - sample->loc_off;
		p->values[i] = part->entries[i].value;
	}
	p->nsamples = part->n;
}

static void
fill_locations(Resolve *r)
{
	PpProfile *p = r->profile;

	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		const DictLocation *from = &r->dict->locations[r->locations[i]];
		PpLocation *l = &p->locations[i];

		l->id = (uint64_t) i + 1;
		l->address = from->address;
		l->mapping = use_mapping(r, from->mapping);
		l->line_off = p->nlines;
		l->nlines = from->nlines;
		l->is_folded = from->is_folded;
		for (uint32_t j = 0; j < from->nlines; j++)
		{
			PpLine line = r->dict->lines[from->line_off + j];

			line.function = use_function(r, line.function);
			p->lines[p->nlines++] = line;
		}
	}
}

/* The profile's tables, as large as they can become. */
static bool
make_tables(Resolve *r, const PpSamplesPart *part, uint32_t nlocrefs)
{
	const PpDict *dict = r->dict;
	PpProfile *p = r->profile;
	PpBytes empty = {"", 0};
	uint64_t nlines = 0;

	for (uint32_t i = 0; i < p->nlocations; i++)
		nlines += dict->locations[r->locations[i]].nlines;

	uint64_t nfunctions = least(nlines, dict->count[PP_DICT_FUNCTIONS]);
	uint64_t nmappings = least(p->nlocations, dict->count[PP_DICT_MAPPINGS]);
	uint64_t nstrings = least(nfunctions * 3 + nmappings * 2, dict->count[PP_DICT_STRINGS]) +
						3; /* "", type, unit */

	p->strings = pp_arena_array(r->arena, nstrings, sizeof(PpBytes));
	p->types = pp_arena_array(r->arena, 1, sizeof(PpValueType));
	p->samples = pp_arena_array(r->arena, part->n, sizeof(PpSample));
	p->values = pp_arena_array(r->arena, part->n, sizeof(int64_t));
	p->locrefs = pp_arena_array(r->arena, nlocrefs, sizeof(uint32_t));
	p->locations = pp_arena_array(r->arena, p->nlocations, sizeof(PpLocation));
	p->lines = pp_arena_array(r->arena, nlines, sizeof(PpLine));
	p->functions = pp_arena_array(r->arena, nfunctions, sizeof(PpFunction));
	p->mappings = pp_arena_array(r->arena, nmappings, sizeof(PpMapping));
	if (!p->strings || !p->types || !p->samples || !p->values || !p->locrefs || !p->locations ||
		!p->lines || !p->functions || !p->mappings)
		return false;
	p->strings[0] = empty;
	p->nstrings = 1;
	return true;
}

static PpCode
resolve(Resolve *r, const PpSamplesPart *part, PpBytes type, PpBytes unit, PpError *err)
{
	PpProfile *p = r->profile;
	uint64_t nlocrefs;
	PpCode code = count_stacks(r, part, &nlocrefs, err);

	if (code != PP_OK)
		return code;
	if (!make_tables(r, part, (uint32_t) nlocrefs))
		return pp_fail_nomem(err);
	p->types[0] = (PpValueType){p->nstrings, p->nstrings + 1};
	p->ntypes = 1;
	p->strings[p->nstrings++] = type;
	p->strings[p->nstrings++] = unit;
	fill_samples(r, part);
	fill_locations(r);
	return PP_OK;
}

PpCode
pp_dict_resolve(const PpDict *dict, const PpSamplesPart *part, PpBytes type, PpBytes unit,
				PpArena *arena, PpProfile **profile, PpError *err)
{
	PpArena *scratch = pp_arena_new(dict->alloc);
	Resolve r = {.dict = dict, .arena = arena};
	PpCode code;

	if (scratch == NULL)
		return pp_fail_nomem(err);
	r.profile = pp_profile_new(arena);
	r.string = pp_arena_zalloc(scratch, dict->count[PP_DICT_STRINGS] * sizeof(uint32_t));
	r.function = pp_arena_zalloc(scratch, dict->count[PP_DICT_FUNCTIONS] * sizeof(uint32_t));
	r.mapping = pp_arena_zalloc(scratch, dict->count[PP_DICT_MAPPINGS] * sizeof(uint32_t));
	r.location = pp_arena_zalloc(scratch, dict->count[PP_DICT_LOCATIONS] * sizeof(uint32_t));
	r.locations = pp_arena_array(scratch, dict->count[PP_DICT_LOCATIONS], sizeof(uint32_t));
	if (r.profile == NULL || !r.string || !r.function || !r.mapping || !r.location || !r.locations)
		code = pp_fail_nomem(err);
	else
		code = resolve(&r, part, type, unit, err);
	if (code == PP_OK)
		*profile = r.profile;
	pp_arena_free(scratch);
	return code;
}
