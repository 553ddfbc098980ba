/*
 * phases.c
 *		CPU time per profile of what ingest does inside the core, phase by phase,
 *		over a folder of recorded profiles; one JSON line per phase.
 *
 * "walk" visits every field and varint of the inflated bytes and keeps nothing:
 * the floor under any decoder.  "hash" hashes every stack as a list of location
 * ids: the floor under any deduplication.
 */
#include "core/pp_codec.h"
#include "core/pp_dict.h"
#include "core/pp_inflate.h"
#include "files.h"

enum
{
	INFLATE,
	WALK,
	DECODE,
	HASH,
	INTERN,
	ENCODE,
	PHASES
};

static const char *const phase_name[PHASES] = {"inflate", "walk", "decode", "hash", "intern", "encode"};

static volatile uint64_t sink; /* keeps the compiler from dropping work */

static const uint8_t *
skip_varint(const uint8_t *p, const uint8_t *end, uint64_t *value)
{
	uint64_t v = 0;

	for (int shift = 0; p < end && shift < 70; shift += 7)
	{
		v |= (uint64_t) (*p & 0x7f) << (shift & 63);
		if ((*p++ & 0x80) == 0)
			break;
	}
	*value = v;
	return p;
}

/* Every field; inside messages 1 to 5 and 11 too; packed lists varint by varint. */
static void
walk(const uint8_t *p, const uint8_t *end, int depth)
{
	while (p < end)
	{
		uint64_t tag, v;

		p = skip_varint(p, end, &tag);
		if ((tag & 7) == 2)
		{
			p = skip_varint(p, end, &v);

			const uint8_t *stop = p + v;

			if (depth == 0 && (tag >> 3 <= 5 || tag >> 3 == 11))
				walk(p, stop, 1);
			else if (depth == 1 && tag >> 3 >= 3)
				walk(p, stop, 2);
			else if (depth == 1)
				while (p < stop)
				{
					p = skip_varint(p, stop, &v);
					sink += v;
				}
			p = stop;
		}
		else
		{
			p = skip_varint(p, end, &v);
			sink += v;
		}
	}
}

static void
hash_stacks(const PpProfile *p)
{
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		uint64_t h = UINT64_C(0x9e3779b97f4a7c15);

		for (uint32_t j = 0; j < p->samples[i].nlocs; j++)
			h = (h ^ p->locrefs[p->samples[i].loc_off + j]) * UINT64_C(0xff51afd7ed558ccd);
		sink += h ^ (h >> 32);
	}
}

static int
by_stack(const void *a, const void *b)
{
	const PpSampleEntry *x = a, *y = b;

	return (x->stack > y->stack) - (x->stack < y->stack);
}

static void
encode_samples(const PpProfile *p, const uint32_t *stacks, PpArena *arena)
{
	PpSampleEntry *entries = pp_arena_array(arena, p->nsamples + 1, sizeof(*entries));
	PpSamplesPart part = {.dict_id = 1, .entries = entries};
	uint8_t *out;
	size_t len;
	PpError err;

	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		entries[i].stack = stacks[i];
		entries[i].value = p->values[(size_t) i * p->ntypes + p->ntypes - 1];
	}
	qsort(entries, p->nsamples, sizeof(*entries), by_stack);
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		if (entries[i].value == 0)
			continue;
		if (part.n > 0 && entries[part.n - 1].stack == entries[i].stack)
			entries[part.n - 1].value += entries[i].value;
		else
			entries[part.n++] = entries[i];
	}
	if (pp_samples_encode(&part, 1, 0, &pp_alloc_malloc, &out, &len, &err) != PP_OK)
		die("encode", &err);
	sink += len;
	free(out);
}

static void
one_profile(const Body *body, PpDict *dict, double *us)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	uint8_t *raw, *chunk;
	size_t raw_len, chunk_len;
	PpProfile *p;
	PpError err;
	double t[PHASES + 1];

	t[INFLATE] = cpu_us();
	if (pp_inflate(pp_container_guess(body->data, body->len),
				   body->data,
				   body->len,
				   &pp_limits_default,
				   &pp_alloc_malloc,
				   &raw,
				   &raw_len,
				   &err) != PP_OK)
		die("inflate", &err);
	t[WALK] = cpu_us();
	walk(raw, raw + raw_len, 0);
	t[DECODE] = cpu_us();
	if (pp_profile_decode(raw, raw_len, &pp_limits_default, arena, &p, &err) != PP_OK)
		die("decode", &err);
	t[HASH] = cpu_us();
	hash_stacks(p);
	t[INTERN] = cpu_us();

	uint32_t *stacks = pp_arena_array(arena, (size_t) p->nsamples + 1, sizeof(uint32_t));

	if (pp_dict_intern(dict, p, stacks, &err) != PP_OK ||
		pp_dict_chunk(dict, &pp_alloc_malloc, &chunk, &chunk_len, &err) != PP_OK)
		die("intern", &err);
	t[ENCODE] = cpu_us();
	encode_samples(p, stacks, arena);
	t[PHASES] = cpu_us();
	for (int i = 0; i < PHASES; i++)
		us[i] += t[i + 1] - t[i];
	if (raw != body->data)
		free(raw);
	free(chunk);
	pp_arena_free(arena);
}

int
main(int argc, char **argv)
{
	int runs = argc > 2 ? atoi(argv[2]) : 5, n;

	if (argc < 2 || runs < 1)
	{
		fprintf(stderr, "usage: phases DIR [RUNS]\n");
		return 2;
	}

	Body *bodies = files_load(argv[1], &n);
	double *us = calloc((size_t) runs * PHASES, sizeof(double));

	for (int run = 0; run < runs; run++)
	{
		/* a new dictionary each time, so that every run meets the same new stacks */
		PpDict *dict = pp_dict_new(&pp_alloc_malloc, true, 42);
		double total[PHASES] = {0};

		for (int i = 0; i < n; i++)
			one_profile(&bodies[i], dict, total);
		for (int i = 0; i < PHASES; i++)
			us[i * runs + run] = total[i] / n;
		pp_dict_free(dict);
	}
	for (int i = 0; i < PHASES; i++)
	{
		qsort(us + i * runs, (size_t) runs, sizeof(double), by_double);
		printf("{\"bench\":\"phases\",\"phase\":\"%s\",\"profiles\":%d,\"runs\":%d,"
			   "\"median_us\":%.1f,\"min_us\":%.1f,\"max_us\":%.1f}\n",
			   phase_name[i],
			   n,
			   runs,
			   us[i * runs + runs / 2],
			   us[i * runs],
			   us[i * runs + runs - 1]);
	}
	(void) sink;
	return 0;
}
