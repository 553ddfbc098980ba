/*
 * pp_gperftools.c
 *		From samples of bare addresses to a profile.
 */
#include <inttypes.h>

#include "core/pp_gperftools_impl.h"
#include "core/pp_table.h"

#define POLL_EVERY 4096
#define FIRST_ROOM 256

PpCode
pp_native_init(PpNative *native, const PpLimits *limits, PpArena *arena, PpError *err)
{
	*native = (PpNative){.limits = limits, .arena = arena, .err = err};
	native->drop_frames = native->keep_frames = "";
	native->scratch = pp_arena_new(pp_arena_allocator(arena));
	return native->scratch != NULL ? PP_OK : pp_fail_nomem(err);
}

void
pp_native_free(PpNative *native)
{
	pp_arena_free(native->scratch);
}

/* --- samples --- */

/* An array of twice the room; the old one stays in the arena until its end. */
static bool
widen(PpArena *arena, void *array, uint32_t n, uint32_t cap, size_t size)
{
	void **place = array;
	void *wider = pp_arena_array(arena, cap, size);

	if (wider != NULL && n > 0)
		memcpy(wider, *place, n * size);
	*place = wider;
	return wider != NULL;
}

static PpCode
more_samples(PpNative *native)
{
	uint32_t n = native->nsamples, cap = n == 0 ? FIRST_ROOM : n * 2;

	if (!widen(native->scratch, &native->stacks, n, cap, sizeof(PpNativeStack)) ||
		!widen(native->scratch, &native->values, n, cap, native->ntypes * sizeof(int64_t)) ||
		!widen(native->scratch, &native->sizes, n, cap, sizeof(int64_t)))
		return pp_fail_nomem(native->err);
	native->samples_cap = cap;
	return PP_OK;
}

PpCode
pp_native_sample(PpNative *native, const int64_t *values, int64_t size, size_t at)
{
	uint32_t i = native->nsamples;

	if (i >= (uint64_t) native->limits->max_samples)
		return pp_fail_limit(native->err,
							 at,
							 "max_samples",
							 native->limits->max_samples,
							 "profile has more than %" PRId64 " samples",
							 native->limits->max_samples);
	if (i % POLL_EVERY == 0 && pp_poll(pp_arena_allocator(native->arena)))
		return pp_fail_canceled(native->err);
	if (i == native->samples_cap && more_samples(native) != PP_OK)
		return PP_ENOMEM;
	native->stacks[i] = (PpNativeStack){native->naddresses, 0};
	memcpy(native->values + (size_t) i * native->ntypes, values, native->ntypes * sizeof(int64_t));
	native->sizes[i] = size;
	native->nsamples++;
	return PP_OK;
}

static PpCode
check_depth(const PpNative *native, uint32_t depth, size_t at)
{
	const PpLimits *limits = native->limits;

	if (depth > (uint64_t) limits->max_depth)
		return pp_fail_limit(native->err,
							 at,
							 "max_depth",
							 limits->max_depth,
							 "sample has more than %" PRId64 " locations",
							 limits->max_depth);
	if (native->naddresses >= (uint64_t) limits->max_total_frames ||
		native->naddresses == UINT32_MAX / 2)
		return pp_fail_limit(native->err,
							 at,
							 "max_total_frames",
							 limits->max_total_frames,
							 "samples have more than %" PRId64 " frames together",
							 limits->max_total_frames);
	return PP_OK;
}

PpCode
pp_native_address(PpNative *native, uint64_t address, size_t at)
{
	uint32_t n = native->naddresses;
	PpNativeStack *stack = &native->stacks[native->nsamples - 1];
	PpCode code = check_depth(native, stack->n + 1, at);

	if (code != PP_OK)
		return code;
	if (n == native->addresses_cap)
	{
		uint32_t cap = n == 0 ? FIRST_ROOM : n * 2;

		if (!widen(native->scratch, &native->addresses, n, cap, sizeof(uint64_t)))
			return pp_fail_nomem(native->err);
		native->addresses_cap = cap;
	}
	native->addresses[n] = address;
	native->naddresses++;
	stack->n++;
	return PP_OK;
}

/* --- the profile --- */

typedef struct Finish
{
	PpNative *native;
	PpProfile *p;
	uint32_t locations_cap;
	PpTable table; /* addresses to locations */
	uint64_t seed;
	uint32_t bytes; /* the string "bytes" */
} Finish;

/* The location of an address; new ones get the next number. */
static PpCode
intern(Finish *f, uint64_t address, uint32_t *index)
{
	PpNative *native = f->native;
	PpProfile *p = f->p;
	uint32_t hash = pp_table_fold(pp_table_mix(f->seed, address));

	for (size_t at = pp_table_first(&f->table, hash);
		 (*index = pp_table_next(&f->table, hash, &at)) != PP_NONE;)
		if (p->locations[*index].address == address)
			return PP_OK;
	if (p->nlocations >= (uint64_t) native->limits->max_locations)
		return pp_fail_limit(native->err,
							 PP_NO_OFFSET,
							 "max_locations",
							 native->limits->max_locations,
							 "profile has more than %" PRId64 " locations",
							 native->limits->max_locations);
	if (p->nlocations == f->locations_cap)
	{
		f->locations_cap = f->locations_cap == 0 ? FIRST_ROOM : f->locations_cap * 2;
		if (!widen(native->arena, &p->locations, p->nlocations, f->locations_cap, sizeof(PpLocation)))
			return pp_fail_nomem(native->err);
	}
	if (!pp_table_reserve(&f->table, pp_arena_allocator(native->arena)))
		return pp_fail_nomem(native->err);
	*index = p->nlocations++;
	p->locations[*index] =
		(PpLocation){.id = (uint64_t) *index + 1, .address = address, .mapping = PP_NONE};
	pp_table_insert(&f->table, hash, *index);
	return PP_OK;
}

static PpCode
intern_all(Finish *f)
{
	PpNative *native = f->native;
	PpProfile *p = f->p;
	PpCode code = PP_OK;

	p->samples = pp_arena_array(native->arena, native->nsamples, sizeof(PpSample));
	p->locrefs = pp_arena_array(native->arena, native->naddresses, sizeof(uint32_t));
	if (p->samples == NULL || p->locrefs == NULL)
		return pp_fail_nomem(native->err);
	for (uint32_t i = 0; i < native->nsamples && code == PP_OK; i++)
	{
		PpNativeStack stack = native->stacks[i];

		if (i % POLL_EVERY == 0 && pp_poll(pp_arena_allocator(native->arena)))
			return pp_fail_canceled(native->err);
		p->samples[i] = (PpSample){.loc_off = p->nlocrefs, .nlocs = stack.n};
		for (uint32_t j = 0; j < stack.n && code == PP_OK; j++)
			code = intern(f, native->addresses[stack.off + j], &p->locrefs[p->nlocrefs++]);
	}
	p->nsamples = native->nsamples;
	return code;
}

/*
 * Unwinders may deliver the leaf twice: as it was, and as if it were a return
 * address, one lower.
 */
static void
drop_doubled_leaves(PpProfile *p)
{
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		PpSample *sample = &p->samples[i];
		uint32_t *stack = p->locrefs + sample->loc_off;

		if (sample->nlocs > 1 && p->locations[stack[0]].address == p->locations[stack[1]].address + 1)
		{
			stack[1] = stack[0];
			sample->loc_off++;
			sample->nlocs--;
		}
	}
}

static uint32_t
add_string(PpProfile *p, PpBytes text)
{
	if (text.len == 0)
		return 0;
	p->strings[p->nstrings] = text;
	return p->nstrings++;
}

static uint32_t
add_text(PpProfile *p, const char *text)
{
	PpBytes bytes = pp_bytes_cstr(text);

	for (uint32_t i = 0; i < p->nstrings; i++)
		if (pp_bytes_eq(p->strings[i], bytes))
			return i;
	return add_string(p, bytes);
}

static PpCode
fill_header(Finish *f, const PpMemoryMap *map)
{
	const PpNative *native = f->native;
	PpProfile *p = f->p;
	/* the empty one, types, period, drop and keep, "bytes", and two per mapping */
	uint64_t most = 1 + 2 * native->ntypes + 2 + 2 + 1 + 2 * (uint64_t) map->n;

	if (most > (uint64_t) native->limits->max_strings)
		return pp_fail_limit(native->err,
							 PP_NO_OFFSET,
							 "max_strings",
							 native->limits->max_strings,
							 "profile has more than %" PRId64 " strings",
							 native->limits->max_strings);
	p->strings = pp_arena_array(native->arena, most, sizeof(PpBytes));
	p->types = pp_arena_array(native->arena, native->ntypes, sizeof(PpValueType));
	p->mappings = pp_arena_array(native->arena, map->n, sizeof(PpMapping));
	if (p->strings == NULL || p->types == NULL || p->mappings == NULL)
		return pp_fail_nomem(native->err);
	p->strings[0] = (PpBytes){"", 0};
	p->nstrings = 1;
	for (p->ntypes = 0; p->ntypes < native->ntypes; p->ntypes++)
		p->types[p->ntypes] = (PpValueType){add_text(p, native->types[p->ntypes]),
											add_text(p, native->units[p->ntypes])};
	p->period_type =
		(PpValueType){add_text(p, native->period_type), add_text(p, native->period_unit)};
	p->period = native->period;
	p->drop_frames = add_text(p, native->drop_frames);
	p->keep_frames = add_text(p, native->keep_frames);
	if (native->sizes_are_labels)
		f->bytes = add_text(p, "bytes");
	for (p->nmappings = 0; p->nmappings < map->n; p->nmappings++)
	{
		PpMapping *mapping = &p->mappings[p->nmappings];

		*mapping = map->mappings[p->nmappings];
		mapping->filename = add_string(p, map->texts[2 * p->nmappings]);
		mapping->build_id = add_string(p, map->texts[2 * p->nmappings + 1]);
	}
	return PP_OK;
}

static PpCode
fill_values(Finish *f)
{
	const PpNative *native = f->native;
	PpProfile *p = f->p;
	size_t n = (size_t) p->nsamples * p->ntypes;

	p->values = pp_arena_array(native->arena, n, sizeof(int64_t));
	if (p->values == NULL)
		return pp_fail_nomem(native->err);
	if (n > 0)
		memcpy(p->values, native->values, n * sizeof(int64_t));
	if (!native->sizes_are_labels)
		return PP_OK;
	p->labels = pp_arena_array(native->arena, p->nsamples, sizeof(PpLabel));
	if (p->labels == NULL)
		return pp_fail_nomem(native->err);
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		p->labels[i] = (PpLabel){.key = f->bytes, .num = native->sizes[i]};
		p->samples[i].label_off = i;
		p->samples[i].nlabels = 1;
	}
	p->nlabels = p->nsamples;
	return PP_OK;
}

static PpCode
finish(Finish *f, PpLines *lines, bool drop_doubled_leaf)
{
	PpNative *native = f->native;
	PpMemoryMap map = {.n = 0};
	PpCode code;

	if ((code =
			 pp_memory_map_read(lines, native->limits, native->arena, native->scratch, &map, native->err)) !=
			PP_OK ||
		(code = intern_all(f)) != PP_OK)
		return code;
	pp_memory_map_tidy(&map);
	if ((code = pp_memory_map_assign(&map,
									 f->p->locations,
									 f->p->nlocations,
									 native->scratch,
									 native->err)) != PP_OK)
		return code;
	if (drop_doubled_leaf)
		drop_doubled_leaves(f->p);
	if ((code = fill_header(f, &map)) != PP_OK)
		return code;
	return fill_values(f);
}

PpCode
pp_native_finish(PpNative *native, PpLines *map, bool drop_doubled_leaf, PpProfile **profile)
{
	Finish f = {.native = native, .p = pp_profile_new(native->arena), .seed = pp_table_seed()};
	PpCode code;

	if (f.p == NULL)
		return pp_fail_nomem(native->err);
	code = finish(&f, map, drop_doubled_leaf);
	pp_table_free(&f.table, pp_arena_allocator(native->arena));
	if (code == PP_OK)
		*profile = f.p;
	return code;
}
