/*
 * delta.c
 *		Differences of cumulative profiles, scrape by scrape.
 *
 * A stack is known by a keyed 128-bit hash of its addresses (of its names where
 * an address is 0, because such locations would all be equal) and its labels.
 * Equal stacks of one profile are summed first.
 *
 * A value that went down means that the target was started again: then all its
 * values happened since, and count in full.  So no difference is ever negative.
 * Stacks that do not come back are forgotten after DELTA_KEEP scrapes.
 */
#include "scraper/delta.h"

#include <stdlib.h>
#include <string.h>

typedef struct DeltaKey
{
	uint64_t a, b; /* both 0: an empty slot */
} DeltaKey;

/* What is remembered of a stack between scrapes. */
typedef struct DeltaSlot
{
	DeltaKey key;
	int64_t old[DELTA_COLUMNS];
	uint32_t seen; /* number of the scrape that had it last */
} DeltaSlot;

typedef struct DeltaPair
{
	const char *type, *unit;
} DeltaPair;

struct ScrapeDelta
{
	const PpAlloc *alloc;
	const DeltaPair *pairs; /* DELTA_COLUMNS of them */
	DeltaSlot *slots;		/* open addressing; size is a power of two, or 0 */
	uint32_t size, used, max_keys;
	uint64_t seed;
	uint32_t scrapes;
	int64_t totals[DELTA_COLUMNS]; /* over all samples of the profile before */
	int64_t time_nanos;			   /* of the profile before */
};

/* One distinct stack of the profile at hand. */
typedef struct DeltaStack
{
	DeltaKey key;
	uint32_t sample;  /* the first with this key */
	uint32_t values;  /* index into the sums */
	DeltaSlot *known; /* slot of the state, or NULL */
} DeltaStack;

/* The profile at hand, summed by stack. */
typedef struct DeltaInput
{
	const PpProfile *profile;
	uint32_t columns[DELTA_COLUMNS]; /* PP_NONE where there is none */
	DeltaStack *stacks;
	uint32_t nstacks;
	int64_t *sums; /* nstacks * ntypes */
	int64_t totals[DELTA_COLUMNS];
} DeltaInput;

static const DeltaPair memory_pairs[DELTA_COLUMNS] = {{"alloc_objects", "count"},
													  {"alloc_space", "bytes"}};
static const DeltaPair contention_pairs[DELTA_COLUMNS] = {{"contentions", "count"},
														  {"delay", "nanoseconds"}};

static const DeltaPair *
pairs_of(const char *type_name)
{
	if (strcmp(type_name, "memory") == 0)
		return memory_pairs;
	if (strcmp(type_name, "mutex") == 0 || strcmp(type_name, "block") == 0)
		return contention_pairs;
	return NULL;
}

bool
delta_applies(const char *type_name)
{
	return pairs_of(type_name) != NULL;
}

ScrapeDelta *
delta_new(const PpAlloc *alloc, const char *type_name, uint32_t max_keys, uint64_t seed)
{
	ScrapeDelta *delta = alloc->alloc(alloc->ctx, sizeof(*delta));

	if (delta == NULL)
		return NULL;
	memset(delta, 0, sizeof(*delta));
	delta->alloc = alloc;
	delta->pairs = pairs_of(type_name);
	delta->max_keys = max_keys;
	delta->seed = seed;
	return delta;
}

void
delta_free(ScrapeDelta *delta)
{
	if (delta == NULL)
		return;
	delta->alloc->release(delta->alloc->ctx, delta->slots);
	delta->alloc->release(delta->alloc->ctx, delta);
}

uint32_t
delta_keys(const ScrapeDelta *delta)
{
	return delta->used;
}

/* Both halves of a 64 x 64 bit product, folded. */
static uint64_t
fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128) a * b;

	return (uint64_t) product ^ (uint64_t) (product >> 64);
}

static void
key_add(DeltaKey *key, uint64_t word)
{
	key->a = fold(key->a ^ word, UINT64_C(0x9e3779b97f4a7c15)) + word;
	key->b = fold(key->b + word, UINT64_C(0xd1b54a32d192ed03)) ^ key->a;
}

static void
key_add_bytes(DeltaKey *key, PpBytes bytes)
{
	uint32_t i = 0;

	for (; i < bytes.len; i += 8)
	{
		uint64_t word = 0;

		memcpy(&word, bytes.data + i, bytes.len - i < 8 ? bytes.len - i : 8);
		key_add(key, word);
	}
	key_add(key, bytes.len);
}

static void
key_add_location(DeltaKey *key, const PpProfile *p, const PpLocation *location)
{
	key_add(key, location->address);
	if (location->address != 0)
		return;
	for (uint32_t i = 0; i < location->nlines; i++)
	{
		const PpLine *line = &p->lines[location->line_off + i];

		key_add(key, line->line);
		if (line->function == PP_NONE)
			continue;
		key_add_bytes(key, pp_str(p, p->functions[line->function].name));
		key_add_bytes(key, pp_str(p, p->functions[line->function].system_name));
		key_add_bytes(key, pp_str(p, p->functions[line->function].filename));
	}
	key_add(key, location->nlines);
}

static DeltaKey
sample_key(const ScrapeDelta *delta, const PpProfile *p, const PpSample *sample)
{
	DeltaKey key = {delta->seed, ~delta->seed};

	for (uint32_t i = 0; i < sample->nlocs; i++)
		key_add_location(&key, p, &p->locations[p->locrefs[sample->loc_off + i]]);
	key_add(&key, sample->nlocs);
	/* labels are sorted, so their order does not matter */
	for (uint32_t i = 0; i < sample->nlabels; i++)
	{
		const PpLabel *label = &p->labels[sample->label_off + i];

		key_add_bytes(&key, pp_str(p, label->key));
		key_add_bytes(&key, pp_str(p, label->str));
		key_add_bytes(&key, pp_str(p, label->num_unit));
		key_add(&key, label->num);
	}
	if (key.a == 0 && key.b == 0)
		key.b = 1;
	return key;
}

static bool
key_equal(const DeltaKey *x, const DeltaKey *y)
{
	return x->a == y->a && x->b == y->b;
}

static bool
bytes_are(PpBytes bytes, const char *cstr)
{
	return bytes.len == strlen(cstr) && memcmp(bytes.data, cstr, bytes.len) == 0;
}

/* The first column of each pair; false when there is none at all. */
static bool
find_columns(const ScrapeDelta *delta, const PpProfile *p, uint32_t *columns)
{
	bool any = false;

	for (int i = 0; i < DELTA_COLUMNS; i++)
	{
		uint32_t type = 0;

		while (type < p->ntypes && !(bytes_are(pp_str(p, p->types[type].type), delta->pairs[i].type) &&
									 bytes_are(pp_str(p, p->types[type].unit), delta->pairs[i].unit)))
			type++;
		columns[i] = type < p->ntypes ? type : PP_NONE;
		any |= type < p->ntypes;
	}
	return any;
}

/* Slot of a key, or the empty one where it belongs. */
static DeltaSlot *
slot_find(DeltaSlot *slots, uint32_t size, const DeltaKey *key)
{
	uint32_t i = key->a & (size - 1);

	while ((slots[i].key.a != 0 || slots[i].key.b != 0) && !key_equal(&slots[i].key, key))
		i = (i + 1) & (size - 1);
	return &slots[i];
}

static bool
slot_empty(const DeltaSlot *slot)
{
	return slot->key.a == 0 && slot->key.b == 0;
}

static PpCode
add_sample(DeltaInput *input, DeltaStack *stack, uint32_t sample, PpError *err)
{
	const PpProfile *p = input->profile;
	int64_t *sums = &input->sums[(size_t) stack->values * p->ntypes];

	for (uint32_t t = 0; t < p->ntypes; t++)
	{
		int64_t value = p->values[(size_t) sample * p->ntypes + t];

		if (__builtin_add_overflow(sums[t], value, &sums[t]))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of equal stacks overflows");
	}
	for (int i = 0; i < DELTA_COLUMNS; i++)
	{
		if (input->columns[i] != PP_NONE &&
			__builtin_add_overflow(input->totals[i],
								   p->values[(size_t) sample * p->ntypes + input->columns[i]],
								   &input->totals[i]))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of a sample type overflows");
	}
	return PP_OK;
}

/* Sum the samples of a profile by stack. */
static PpCode
sum_stacks(const ScrapeDelta *delta, DeltaInput *input, PpArena *arena, PpError *err)
{
	const PpProfile *p = input->profile;
	uint32_t size = 16;
	uint32_t *table;

	while (size / 2 < p->nsamples)
		size *= 2;
	table = pp_arena_array(arena, size, sizeof(*table)); /* index of a stack + 1 */
	input->stacks = pp_arena_array(arena, p->nsamples, sizeof(*input->stacks));
	input->sums = pp_arena_array(arena, (size_t) p->nsamples * p->ntypes, sizeof(int64_t));
	if (table == NULL || input->stacks == NULL || input->sums == NULL)
		return pp_fail_nomem(err);
	memset(table, 0, size * sizeof(*table));
	memset(input->sums, 0, (size_t) p->nsamples * p->ntypes * sizeof(int64_t));
	for (uint32_t s = 0; s < p->nsamples; s++)
	{
		DeltaKey key = sample_key(delta, p, &p->samples[s]);
		uint32_t i = key.b & (size - 1);
		PpCode code;

		while (table[i] != 0 && !key_equal(&input->stacks[table[i] - 1].key, &key))
			i = (i + 1) & (size - 1);
		if (table[i] == 0)
		{
			input->stacks[input->nstacks] = (DeltaStack){key, s, input->nstacks, NULL};
			table[i] = ++input->nstacks;
		}
		if ((code = add_sample(input, &input->stacks[table[i] - 1], s, err)) != PP_OK)
			return code;
		if (pp_poll(delta->alloc))
			return pp_fail_canceled(err);
	}
	return PP_OK;
}

/* A sum since the start cannot be negative; whoever sends one gets no difference for it. */
static void
drop_negatives(DeltaInput *input)
{
	for (uint32_t s = 0; s < input->nstacks; s++)
	{
		int64_t *sums = &input->sums[(size_t) input->stacks[s].values * input->profile->ntypes];

		for (int i = 0; i < DELTA_COLUMNS; i++)
		{
			if (input->columns[i] != PP_NONE && sums[input->columns[i]] < 0)
				sums[input->columns[i]] = 0;
		}
	}
}

/* Meet the state; true when any value went down, which means a new process. */
static bool
match_stacks(const ScrapeDelta *delta, DeltaInput *input)
{
	bool reset = false;

	for (int i = 0; i < DELTA_COLUMNS; i++)
		reset |= input->totals[i] < delta->totals[i];
	for (uint32_t s = 0; s < input->nstacks && delta->size > 0; s++)
	{
		DeltaStack *stack = &input->stacks[s];
		DeltaSlot *slot = slot_find(delta->slots, delta->size, &stack->key);

		if (slot_empty(slot))
			continue;
		stack->known = slot;
		for (int i = 0; i < DELTA_COLUMNS; i++)
		{
			if (input->columns[i] != PP_NONE &&
				input->sums[(size_t) stack->values * input->profile->ntypes + input->columns[i]] <
					slot->old[i])
				reset = true;
		}
	}
	return reset;
}

/*
 * A new table with what is still remembered and room for every new stack that
 * max_keys allows.  Moving slots makes the matches of `input` stale, so they are
 * looked up again by the caller.
 */
static PpCode
rebuild(ScrapeDelta *delta, const DeltaInput *input, bool forget, PpError *err)
{
	uint32_t kept = 0;
	uint32_t wanted;
	uint32_t size = 64;
	DeltaSlot *slots;

	for (uint32_t i = 0; i < delta->size && !forget; i++)
		kept += !slot_empty(&delta->slots[i]) && delta->scrapes - delta->slots[i].seen < DELTA_KEEP;
	wanted = kept + input->nstacks;
	if (wanted > delta->max_keys)
		wanted = delta->max_keys;
	while (size / 2 < wanted)
		size *= 2;
	slots = delta->alloc->alloc(delta->alloc->ctx, size * sizeof(DeltaSlot));
	if (slots == NULL)
		return pp_fail_nomem(err);
	memset(slots, 0, size * sizeof(DeltaSlot));
	for (uint32_t i = 0; i < delta->size && !forget; i++)
	{
		if (!slot_empty(&delta->slots[i]) && delta->scrapes - delta->slots[i].seen < DELTA_KEEP)
			*slot_find(slots, size, &delta->slots[i].key) = delta->slots[i];
	}
	delta->alloc->release(delta->alloc->ctx, delta->slots);
	delta->slots = slots;
	delta->size = size;
	delta->used = kept;
	return PP_OK;
}

/* Remember every stack of the profile, as far as max_keys allows. */
static PpCode
prepare_state(ScrapeDelta *delta, DeltaInput *input, bool reset, PpError *err)
{
	uint32_t fresh = 0;
	bool evict = delta->scrapes % DELTA_KEEP == DELTA_KEEP - 1;

	for (uint32_t s = 0; s < input->nstacks; s++)
		fresh += input->stacks[s].known == NULL;
	if (fresh > delta->max_keys - delta->used)
		fresh = delta->max_keys - delta->used;
	if (delta->size == 0 || reset || evict || delta->size / 2 < delta->used + fresh)
	{
		PpCode code = rebuild(delta, input, reset, err);

		if (code != PP_OK)
			return code;
	}
	for (uint32_t s = 0; s < input->nstacks; s++)
	{
		DeltaStack *stack = &input->stacks[s];

		stack->known = slot_find(delta->slots, delta->size, &stack->key);
		if (!slot_empty(stack->known))
			continue;
		if (delta->used >= delta->max_keys)
		{
			stack->known = NULL;
			continue;
		}
		stack->known->key = stack->key;
		delta->used++;
	}
	return PP_OK;
}

/* Replace the sums of a stack by differences; the slot takes the sums. */
static void
difference(const ScrapeDelta *delta, const DeltaInput *input, DeltaStack *stack)
{
	int64_t *sums = &input->sums[(size_t) stack->values * input->profile->ntypes];

	for (int i = 0; i < DELTA_COLUMNS; i++)
	{
		uint32_t column = input->columns[i];
		int64_t sum;

		if (column == PP_NONE)
			continue;
		sum = sums[column];
		/* without memory of it a stack cannot be told from an old one */
		sums[column] = stack->known != NULL ? sum - stack->known->old[i] : 0;
		if (stack->known != NULL)
			stack->known->old[i] = sum;
	}
	if (stack->known != NULL)
		stack->known->seen = delta->scrapes;
}

/* Mark with 1 what the kept samples refer to, then number the marked from 0. */
static uint32_t
number_marked(uint32_t *marks, uint32_t n)
{
	uint32_t next = 0;

	for (uint32_t i = 0; i < n; i++)
		marks[i] = marks[i] ? next++ : PP_NONE;
	return next;
}

/* Leave out locations and functions that no sample refers to. */
static PpCode
compact(PpProfile *p, PpArena *arena, PpError *err)
{
	uint32_t *locations = pp_arena_zalloc(arena, ((size_t) p->nlocations + 1) * sizeof(uint32_t));
	uint32_t *functions = pp_arena_zalloc(arena, ((size_t) p->nfunctions + 1) * sizeof(uint32_t));
	PpLocation *old_locations = p->locations;
	PpFunction *old_functions = p->functions;
	PpLine *old_lines = p->lines;
	uint32_t *old_locrefs = p->locrefs;
	uint32_t nlocations, nfunctions;
	uint32_t nlines = 0;

	if (locations == NULL || functions == NULL)
		return pp_fail_nomem(err);
	for (uint32_t s = 0; s < p->nsamples; s++)
	{
		for (uint32_t i = 0; i < p->samples[s].nlocs; i++)
			locations[old_locrefs[p->samples[s].loc_off + i]] = 1;
	}
	for (uint32_t l = 0; l < p->nlocations; l++)
	{
		for (uint32_t i = 0; locations[l] && i < old_locations[l].nlines; i++)
		{
			if (old_lines[old_locations[l].line_off + i].function != PP_NONE)
				functions[old_lines[old_locations[l].line_off + i].function] = 1;
		}
	}
	nlocations = number_marked(locations, p->nlocations);
	nfunctions = number_marked(functions, p->nfunctions);

	p->locations = pp_arena_array(arena, nlocations, sizeof(PpLocation));
	p->functions = pp_arena_array(arena, nfunctions, sizeof(PpFunction));
	p->lines = pp_arena_array(arena, p->nlines, sizeof(PpLine));
	p->locrefs = pp_arena_array(arena, p->nlocrefs, sizeof(uint32_t));
	if (!p->locations || !p->functions || !p->lines || !p->locrefs)
		return pp_fail_nomem(err);
	for (uint32_t f = 0; f < p->nfunctions; f++)
	{
		if (functions[f] != PP_NONE)
			p->functions[functions[f]] = old_functions[f];
	}
	for (uint32_t l = 0; l < p->nlocations; l++)
	{
		if (locations[l] == PP_NONE)
			continue;
		p->locations[locations[l]] = old_locations[l];
		p->locations[locations[l]].line_off = nlines;
		for (uint32_t i = 0; i < old_locations[l].nlines; i++)
		{
			PpLine line = old_lines[old_locations[l].line_off + i];

			if (line.function != PP_NONE)
				line.function = functions[line.function];
			p->lines[nlines++] = line;
		}
	}
	for (uint32_t s = 0; s < p->nsamples; s++)
	{
		for (uint32_t i = p->samples[s].loc_off; i < p->samples[s].loc_off + p->samples[s].nlocs; i++)
			p->locrefs[i] = locations[old_locrefs[i]];
	}
	p->nlocations = nlocations;
	p->nfunctions = nfunctions;
	p->nlines = nlines;
	return PP_OK;
}

/* A profile of the stacks of `input` that still have a value. */
static PpCode
output_profile(const DeltaInput *input, PpArena *arena, PpProfile **out, PpError *err)
{
	const PpProfile *in = input->profile;
	PpProfile *p = (PpProfile *) pp_arena_copy(arena, in, sizeof(*in));
	uint32_t n = 0;

	if (p == NULL)
		return pp_fail_nomem(err);
	p->arena = arena;
	p->samples = pp_arena_array(arena, input->nstacks, sizeof(PpSample));
	p->values = pp_arena_array(arena, (size_t) input->nstacks * in->ntypes, sizeof(int64_t));
	if (p->samples == NULL || p->values == NULL)
		return pp_fail_nomem(err);
	for (uint32_t s = 0; s < input->nstacks; s++)
	{
		const int64_t *sums = &input->sums[(size_t) input->stacks[s].values * in->ntypes];
		bool any = false;

		for (uint32_t t = 0; t < in->ntypes; t++)
			any |= sums[t] != 0;
		if (!any)
			continue;
		p->samples[n] = in->samples[input->stacks[s].sample];
		memcpy(&p->values[(size_t) n * in->ntypes], sums, in->ntypes * sizeof(int64_t));
		n++;
	}
	p->nsamples = n;
	*out = p;
	return compact(p, arena, err);
}

PpCode
delta_apply(ScrapeDelta *delta, const PpProfile *in, PpArena *arena, DeltaResult *result, PpError *err)
{
	DeltaInput input = {.profile = in};
	bool first = delta->scrapes == 0;
	PpCode code;

	memset(result, 0, sizeof(*result));
	if (!find_columns(delta, in, input.columns))
	{
		result->profile = (PpProfile *) in;
		result->passed = true;
		return PP_OK;
	}
	if ((code = sum_stacks(delta, &input, arena, err)) != PP_OK)
		return code;
	drop_negatives(&input);
	result->reset = match_stacks(delta, &input) && !first;
	if ((code = prepare_state(delta, &input, result->reset, err)) != PP_OK)
		return code;
	delta->scrapes++;
	for (uint32_t s = 0; s < input.nstacks; s++)
	{
		result->untracked += input.stacks[s].known == NULL;
		difference(delta, &input, &input.stacks[s]);
	}
	if (!first)
	{
		if ((code = output_profile(&input, arena, &result->profile, err)) != PP_OK)
			return code;
		result->profile->duration_nanos = 0;
		if (in->time_nanos != 0 && in->time_nanos > delta->time_nanos && delta->time_nanos != 0)
			result->profile->duration_nanos = in->time_nanos - delta->time_nanos;
	}
	delta->time_nanos = in->time_nanos;
	memcpy(delta->totals, input.totals, sizeof(input.totals));
	return PP_OK;
}
