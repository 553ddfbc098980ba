/*
 * vary_paths.c
 *		Other days of a service, made of one: of the stacks of a day's rollup by
 *		function a tenth gets another leaf.
 *
 *     vary_paths DAYS SEED
 *
 * Standard input has lines of hexadecimal digits: the rows of pprof.paths of one
 * dictionary in order, then, after a line "samples", pprof.day_rollups.functions.
 * For each of DAYS days come out a line "paths", tab, the day (from 1), tab, the
 * new row of pprof.paths, and a line "samples", tab, the day, tab, the rollup.
 */
#include "core/pp_dict.h"
#include "core/pp_samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARE 10 /* one stack in so many changes */

static uint64_t rng_state;

/* splitmix64 */
static uint64_t
rng(void)
{
	uint64_t z = (rng_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void
die(const char *what, const PpError *err)
{
	fprintf(stderr, "vary_paths: %s%s%s\n", what, err ? ": " : "", err ? err->message : "");
	exit(1);
}

static int
digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* A line of digits, "\x" before them or not, as bytes. */
static uint8_t *
read_line(char *line, size_t *len)
{
	if (line[0] == '\\')
		line += strspn(line, "\\x");
	*len = strlen(line) / 2;
	for (size_t i = 0; i < *len; i++)
		line[i] = (char) (digit(line[2 * i]) << 4 | digit(line[2 * i + 1]));
	return (uint8_t *) line;
}

static void
print_bytes(const char *what, int day, const uint8_t *data, size_t len)
{
	printf("%s\t%d\t\\\\x", what, day);
	for (size_t i = 0; i < len; i++)
		printf("%02x", data[i]);
	putchar('\n');
}

/* A row of pprof.paths into both dictionaries. */
static void
load_row(PpDict *reader, PpDict *writer, const uint8_t *row, size_t row_len)
{
	PpChunkWalk walk;
	const uint8_t *chunk;
	size_t len;
	uint32_t number;
	PpError err;

	if (pp_chunks_open(&walk, row, row_len, 0, &err) != PP_OK)
		die("input", &err);
	while (walk.left > 0)
		if (pp_chunks_next(&walk, &number, &chunk, &len, &err) != PP_OK ||
			pp_dict_load(reader, chunk, len, &err) != PP_OK ||
			pp_dict_load(writer, chunk, len, &err) != PP_OK)
			die("input", &err);
}

/* Every sample gets a leaf of its own: the same function with a mark at its name. */
static void
rename_leaves(PpProfile *p, int day, PpArena *arena)
{
	uint32_t nstrings = p->nstrings, nfunctions = p->nfunctions, nlocations = p->nlocations;
	size_t nlines = p->nlines;
	PpBytes *strings = pp_arena_array(arena, nstrings + nfunctions, sizeof(PpBytes));
	PpFunction *functions = pp_arena_array(arena, 2 * (size_t) nfunctions, sizeof(PpFunction));
	PpLocation *locations = pp_arena_array(arena, 2 * (size_t) nlocations, sizeof(PpLocation));
	PpLine *lines = pp_arena_array(arena, nlines * 2, sizeof(PpLine));

	if (strings == NULL || functions == NULL || locations == NULL || lines == NULL)
		die("out of memory", NULL);
	memcpy(strings, p->strings, nstrings * sizeof(PpBytes));
	memcpy(functions, p->functions, nfunctions * sizeof(PpFunction));
	memcpy(locations, p->locations, nlocations * sizeof(PpLocation));
	memcpy(lines, p->lines, nlines * sizeof(PpLine));
	memcpy(lines + nlines, p->lines, nlines * sizeof(PpLine));
	for (uint32_t i = 0; i < nfunctions; i++)
	{
		PpBytes name = strings[functions[i].name];
		char *marked = pp_arena_alloc(arena, name.len + 16);

		if (marked == NULL)
			die("out of memory", NULL);
		memcpy(marked, name.data, name.len);
		strings[nstrings + i] =
			(PpBytes){marked, name.len + (uint32_t) sprintf(marked + name.len, " day%d", day)};
		functions[nfunctions + i] = functions[i];
		functions[nfunctions + i].name = nstrings + i;
		functions[nfunctions + i].id += UINT64_C(1) << 32;
	}
	for (uint32_t i = 0; i < nlocations; i++)
	{
		PpLocation *l = &locations[nlocations + i];

		*l = locations[i];
		l->id += UINT64_C(1) << 32;
		l->line_off += (uint32_t) nlines;
		if (l->nlines > 0)
			lines[l->line_off].function += nfunctions;
	}
	for (uint32_t i = 0; i < p->nsamples; i++)
		if (p->samples[i].nlocs > 0)
			p->locrefs[p->samples[i].loc_off] += nlocations;
	p->strings = strings;
	p->functions = functions;
	p->locations = locations;
	p->lines = lines;
	p->nstrings += nfunctions;
	p->nfunctions *= 2;
	p->nlocations *= 2;
	p->nlines *= 2;
}

static int
by_stack(const void *a, const void *b)
{
	uint32_t x = ((const PpSampleEntry *) a)->stack, y = ((const PpSampleEntry *) b)->stack;

	return (x > y) - (x < y);
}

static void
make_day(const PpDict *reader, PpDict *writer, const PpSamplesPart *part, int day)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpSampleEntry *kept = pp_arena_array(arena, part->n, sizeof(PpSampleEntry));
	PpSampleEntry *changed = pp_arena_array(arena, part->n, sizeof(PpSampleEntry));
	PpSamplesPart varied = {.dict_id = part->dict_id, .entries = changed}, all = varied;
	PpBytes none = {"", 0};
	PpProfile *profile;
	uint32_t *stacks;
	uint8_t *data;
	size_t len;
	PpError err;

	if (kept == NULL || changed == NULL)
		die("out of memory", NULL);
	for (uint32_t i = 0; i < part->n; i++)
		if (rng() % SHARE == 0)
			changed[varied.n++] = part->entries[i];
		else
			kept[all.n++] = part->entries[i];
	if (pp_dict_resolve(reader, &varied, none, none, arena, &profile, &err) != PP_OK)
		die("resolve", &err);
	rename_leaves(profile, day, arena);
	stacks = pp_arena_array(arena, profile->nsamples, sizeof(uint32_t));
	if (stacks == NULL || pp_dict_intern(writer, profile, stacks, &err) != PP_OK ||
		pp_dict_chunk(writer, &pp_alloc_malloc, &data, &len, &err) != PP_OK)
		die("dictionary", &err);
	print_bytes("paths", day, data, len);
	free(data);
	for (uint32_t i = 0; i < profile->nsamples; i++)
		kept[all.n++] = (PpSampleEntry){stacks[i], profile->values[i]};
	qsort(kept, all.n, sizeof(PpSampleEntry), by_stack);
	all.entries = kept;
	if (pp_samples_encode(&all, 1, 0, &pp_alloc_malloc, &data, &len, &err) != PP_OK)
		die("encode", &err);
	print_bytes("samples", day, data, len);
	free(data);
	pp_arena_free(arena);
}

int
main(int argc, char **argv)
{
	PpDict *reader = pp_dict_new(&pp_alloc_malloc, false, 0);
	PpDict *writer = pp_dict_new(&pp_alloc_malloc, true, 42);
	PpSamplesSum *sum = pp_samples_sum_new(&pp_alloc_malloc);
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpSamplesPart *parts;
	uint32_t nparts;
	bool samples = false;
	char *line = NULL;
	size_t cap = 0, len;
	PpError err;

	if (argc != 3)
		die("usage: vary_paths DAYS SEED", NULL);
	rng_state = strtoull(argv[2], NULL, 10);
	while (getline(&line, &cap, stdin) > 0)
	{
		uint8_t *data;

		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "samples") == 0)
		{
			samples = true;
			continue;
		}
		data = read_line(line, &len);
		if (!samples)
			load_row(reader, writer, data, len);
		else if (pp_samples_sum_add(sum, data, len, 1, &err) != PP_OK)
			die("input", &err);
	}
	free(line);
	if (pp_samples_sum_parts(sum, arena, &parts, &nparts, &err) != PP_OK || nparts != 1)
		die("one dictionary is expected", NULL);
	for (int day = 1; day <= atoi(argv[1]); day++)
		make_day(reader, writer, &parts[0], day);
	return 0;
}
