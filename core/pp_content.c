/*
 * pp_content.c
 *		When two profiles say the same, and a hash that is equal then.
 *
 * The hash of the samples is a sum of values, each multiplied by a number made
 * of the column, the stack and the labels, modulo the prime 2^61 - 1.  So the
 * order of samples does not show, zeros add nothing, and a sample in two parts
 * counts as their sum.  Everything a stack is made of is hashed by content, once
 * per table entry: a sample costs a multiplication per frame.
 *
 * What a canonical merge joins where keys are equal is left out: load addresses,
 * flags, second names of mappings, columns of inlined lines; and the main mapping.
 */
#include "core/pp_content.h"

#include <string.h>

#include "core/pp_codec.h"
#include "core/pp_merge.h"
#include "core/pp_names.h"
#include "core/pp_sort.h"

#define PRIME		  ((UINT64_C(1) << 61) - 1)
#define SIZE_ROUNDING 4096	/* as mappings are compared */
#define POLL_EVERY	  16384 /* samples between two looks at poll() */

/* Hashes by index of each table. */
typedef struct Hashes
{
	const PpProfile *p;
	uint64_t *strings, *mappings, *functions, *locations;
} Hashes;

static uint64_t
hash_bytes(PpBytes bytes)
{
	return pp_stable_hash(bytes.data, bytes.len, 0);
}

static void
hash_mappings(const Hashes *h)
{
	for (uint32_t i = 0; i < h->p->nmappings; i++)
	{
		const PpMapping *m = &h->p->mappings[i];
		uint64_t size = (m->limit - m->start + (SIZE_ROUNDING - 1)) & ~(uint64_t) (SIZE_ROUNDING - 1);
		uint32_t key = pp_str(h->p, m->build_id).len > 0 ? m->build_id : m->filename;

		h->mappings[i] = pp_stable_mix(pp_stable_mix(h->strings[key], m->offset), size);
	}
}

static void
hash_functions(const Hashes *h)
{
	for (uint32_t i = 0; i < h->p->nfunctions; i++)
	{
		const PpFunction *f = &h->p->functions[i];
		uint64_t hash = pp_stable_mix(h->strings[f->name], h->strings[f->system_name]);

		hash = pp_stable_mix(hash, h->strings[f->filename]);
		h->functions[i] = pp_stable_mix(hash, (uint64_t) f->start_line);
	}
}

static void
hash_locations(const Hashes *h)
{
	const PpProfile *p = h->p;

	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		const PpLocation *loc = &p->locations[i];
		const PpLine *lines = p->lines + loc->line_off;
		bool mapped = loc->mapping != PP_NONE;
		uint64_t address = loc->address - (mapped ? p->mappings[loc->mapping].start : 0);
		uint64_t hash = pp_stable_mix(mapped ? h->mappings[loc->mapping] : 0, address);

		hash = pp_stable_mix(hash, (uint64_t) loc->nlines << 1 | (loc->is_folded != 0));
		for (uint32_t k = 0; k < loc->nlines; k++)
			hash = pp_stable_mix(hash, h->functions[lines[k].function] + (uint64_t) lines[k].line);
		if (loc->nlines > 0)
			hash = pp_stable_mix(hash, (uint64_t) lines[loc->nlines - 1].column);
		h->locations[i] = hash;
	}
}

static bool
hash_tables(Hashes *h, const PpProfile *p, PpArena *arena)
{
	h->p = p;
	h->strings = pp_arena_array(arena, p->nstrings, sizeof(uint64_t));
	h->mappings = pp_arena_array(arena, p->nmappings, sizeof(uint64_t));
	h->functions = pp_arena_array(arena, p->nfunctions, sizeof(uint64_t));
	h->locations = pp_arena_array(arena, p->nlocations, sizeof(uint64_t));
	if (h->strings == NULL || h->mappings == NULL || h->functions == NULL || h->locations == NULL)
		return false;
	for (uint32_t i = 0; i < p->nstrings; i++)
		h->strings[i] = hash_bytes(pp_str(p, i));
	hash_mappings(h);
	hash_functions(h);
	hash_locations(h);
	return true;
}

/* A label of nothing, be it a text or a number, cannot be carried and does not count. */
static bool
says_nothing(const PpProfile *p, const PpLabel *label)
{
	if (label->str != 0)
		return pp_str(p, label->str).len == 0;
	return label->num == 0 && pp_str(p, label->num_unit).len == 0;
}

/* Stack and labels. */
static uint64_t
hash_key(const Hashes *h, const PpSample *sample)
{
	const PpProfile *p = h->p;
	const uint32_t *locs = p->locrefs + sample->loc_off;
	const PpLabel *labels = p->labels + sample->label_off;
	uint64_t hash = sample->nlocs;

	for (uint32_t i = 0; i < sample->nlocs; i++)
		hash = pp_stable_mix(hash, h->locations[locs[i]]);
	for (uint32_t i = 0; i < sample->nlabels; i++)
	{
		bool text = labels[i].str != 0;

		if (says_nothing(p, &labels[i]))
			continue;
		hash = pp_stable_mix(hash, h->strings[labels[i].key] + text);
		hash = pp_stable_mix(hash, text ? h->strings[labels[i].str] : (uint64_t) labels[i].num);
		if (!text)
			hash = pp_stable_mix(hash, h->strings[labels[i].num_unit]);
	}
	return hash;
}

/* Modulo PRIME, by adding up groups of 61 bits: x < 2^122 leaves two. */
static uint64_t
reduce(unsigned __int128 x)
{
	uint64_t sum = (uint64_t) (x & PRIME) + (uint64_t) (x >> 61);

	return sum >= PRIME ? sum - PRIME : sum;
}

/* value * by, added to sum, modulo PRIME. */
static uint64_t
add_product(uint64_t sum, int64_t value, uint64_t by)
{
	uint64_t size = value < 0 ? -(uint64_t) value : (uint64_t) value;
	uint64_t product = reduce((unsigned __int128) reduce(size) * reduce(by));

	return reduce((unsigned __int128) sum + (value < 0 ? PRIME - product : product));
}

static PpCode
hash_samples(const Hashes *h, const PpAlloc *alloc, uint64_t *sum, PpError *err)
{
	const PpProfile *p = h->p;

	*sum = 0;
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		const int64_t *values = p->values + (size_t) i * p->ntypes;
		uint64_t key = 0;
		bool known = false;

		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(alloc))
			return pp_fail_canceled(err);
		for (uint32_t t = 0; t < p->ntypes; t++)
		{
			if (values[t] == 0)
				continue;
			if (!known)
				key = hash_key(h, &p->samples[i]);
			known = true;
			*sum = add_product(*sum, values[t], pp_stable_mix(key, t));
		}
	}
	return PP_OK;
}

static int
cmp_strings(const void *ctx, uint32_t a, uint32_t b)
{
	const PpProfile *p = ctx;

	return pp_bytes_cmp(pp_str(p, a), pp_str(p, b));
}

/* A set: neither order nor repetitions count. */
static PpCode
hash_comments(const Hashes *h, PpArena *arena, uint64_t *hash, PpError *err)
{
	const PpProfile *p = h->p;
	uint32_t *sorted = pp_arena_array(arena, p->ncomments, sizeof(*sorted));
	PpCode code;

	if (sorted == NULL)
		return pp_fail_nomem(err);
	if (p->ncomments == 0)
		return PP_OK;
	memcpy(sorted, p->comments, p->ncomments * sizeof(*sorted));
	code = pp_sort_indexes(sorted, p->ncomments, cmp_strings, p, pp_arena_allocator(arena), err);
	if (code != PP_OK)
		return code;
	for (uint32_t i = 0; i < p->ncomments; i++)
		if (i == 0 || cmp_strings(p, sorted[i - 1], sorted[i]) != 0)
			*hash = pp_stable_mix(*hash, h->strings[sorted[i]]);
	return PP_OK;
}

static uint64_t
hash_header(const Hashes *h)
{
	const PpProfile *p = h->p;
	uint64_t hash = p->ntypes;

	for (uint32_t t = 0; t < p->ntypes; t++)
	{
		hash = pp_stable_mix(hash, h->strings[p->types[t].type]);
		hash = pp_stable_mix(hash, h->strings[p->types[t].unit]);
	}
	hash = pp_stable_mix(hash, h->strings[p->period_type.type]);
	hash = pp_stable_mix(hash, h->strings[p->period_type.unit]);
	hash = pp_stable_mix(hash, (uint64_t) p->period);
	hash = pp_stable_mix(hash, (uint64_t) p->time_nanos);
	hash = pp_stable_mix(hash, (uint64_t) p->duration_nanos);
	hash = pp_stable_mix(hash, h->strings[p->drop_frames]);
	hash = pp_stable_mix(hash, h->strings[p->keep_frames]);
	hash = pp_stable_mix(hash, h->strings[p->default_sample_type]);
	return pp_stable_mix(hash, h->strings[p->doc_url]);
}

PpCode
pp_profile_hash(const PpProfile *p, PpArena *arena, uint64_t *hash, PpError *err)
{
	Hashes h;
	uint64_t sum;
	PpCode code;

	if (!hash_tables(&h, p, arena))
		return pp_fail_nomem(err);
	*hash = hash_header(&h);
	if ((code = hash_comments(&h, arena, hash, err)) != PP_OK ||
		(code = hash_samples(&h, pp_arena_allocator(arena), &sum, err)) != PP_OK)
		return code;
	*hash = pp_stable_mix(*hash, sum);
	return PP_OK;
}

/* The stored bytes of the canonical form. */
static PpCode
canonical(const PpProfile *p, PpArena *arena, uint8_t **bytes, size_t *len, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(arena);
	PpMerge *merge = pp_merge_new(alloc, PP_MERGE_CANONICAL);
	PpProfile *one;
	PpCode code = merge != NULL ? pp_merge_add(merge, p, err) : pp_fail_nomem(err);

	if (code == PP_OK)
		code = pp_merge_finish(merge, arena, &one, err);
	pp_merge_free(merge);
	return code == PP_OK ? pp_stored_encode(one, alloc, bytes, len, err) : code;
}

PpCode
pp_profile_equal(const PpProfile *a, const PpProfile *b, PpArena *arena, bool *equal, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(arena);
	uint64_t a_hash, b_hash;
	uint8_t *a_bytes = NULL, *b_bytes = NULL;
	size_t a_len, b_len;
	PpCode code;

	*equal = false;
	if ((code = pp_profile_hash(a, arena, &a_hash, err)) != PP_OK ||
		(code = pp_profile_hash(b, arena, &b_hash, err)) != PP_OK || a_hash != b_hash)
		return code;
	if ((code = canonical(a, arena, &a_bytes, &a_len, err)) == PP_OK &&
		(code = canonical(b, arena, &b_bytes, &b_len, err)) == PP_OK)
		*equal = a_len == b_len && memcmp(a_bytes, b_bytes, a_len) == 0;
	alloc->release(alloc->ctx, a_bytes);
	alloc->release(alloc->ctx, b_bytes);
	return code;
}
