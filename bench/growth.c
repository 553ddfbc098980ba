/*
 * growth.c
 *		How the dictionary of a service grows with its profiles.
 *
 *     growth DIR                  recorded *.pb.gz files, in the order of their names
 *     corpus ... | growth -       service 0 of a corpus
 *
 * One JSON line at certain numbers of profiles: distinct stacks and call-tree
 * nodes by line and by function, bytes of one chunk per profile, and the median
 * of stacks and compressed bytes of a profile so far.  The last line has the
 * exponents of n^x between the first tenth and all of it.
 */
#include "core/pp_codec.h"
#include "core/pp_dict.h"
#include "core/pp_hash.h"
#include "core/pp_limits.h"

#include <dirent.h>
#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY_HEADER 19 /* signature, flags, length of the extension */
#define MAX_POINTS	64

/* A set of 64-bit hashes; 0 is free. */
typedef struct Set
{
	uint64_t *slots;
	size_t mask, used;
} Set;

typedef struct Point
{
	size_t profiles;
	double nodes, stacks, function_nodes, function_stacks;
} Point;

typedef struct Growth
{
	PpDict *dict;
	Set function_nodes, function_stacks;
	size_t profiles, chunk_bytes;
	uint32_t *samples, *bytes; /* of each profile */
	size_t cap;
	Point points[MAX_POINTS];
	int npoints;
} Growth;

static void
die(const char *what, const PpError *err)
{
	fprintf(stderr, "growth: %s%s%s\n", what, err ? ": " : "", err ? err->message : "");
	exit(1);
}

static uint64_t
mix(uint64_t a, uint64_t b)
{
	uint64_t z = a * UINT64_C(0x9e3779b97f4a7c15) ^ b;

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) | 1;
}

static void
set_add(Set *set, uint64_t hash)
{
	size_t slot;

	if (set->slots == NULL || set->used * 2 > set->mask)
	{
		Set larger = {.mask = set->slots == NULL ? 65535 : set->mask * 2 + 1};

		larger.slots = calloc(larger.mask + 1, sizeof(uint64_t));
		if (larger.slots == NULL)
			die("out of memory", NULL);
		for (size_t i = 0; set->slots != NULL && i <= set->mask; i++)
			if (set->slots[i] != 0)
				set_add(&larger, set->slots[i]);
		free(set->slots);
		*set = larger;
	}
	for (slot = hash & set->mask; set->slots[slot] != 0; slot = (slot + 1) & set->mask)
		if (set->slots[slot] == hash)
			return;
	set->slots[slot] = hash;
	set->used++;
}

/* Function names from the root to the leaf of each sample. */
static void
add_functions(Growth *g, const PpProfile *p)
{
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		const PpSample *s = &p->samples[i];
		uint64_t path = 1;

		for (uint32_t k = s->nlocs; k-- > 0;)
		{
			const PpLocation *l = &p->locations[p->locrefs[s->loc_off + k]];

			for (uint32_t n = l->nlines; n-- > 0;)
			{
				PpBytes name = pp_str(p, p->functions[p->lines[l->line_off + n].function].name);

				path = mix(path, pp_hash_bytes(name.data, name.len, 7));
				set_add(&g->function_nodes, path);
			}
		}
		set_add(&g->function_stacks, path);
	}
}

static int
compare_counts(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

static uint32_t
median(const uint32_t *values, size_t n)
{
	uint32_t *sorted = malloc(n * sizeof(*sorted)), result;

	if (sorted == NULL)
		die("out of memory", NULL);
	memcpy(sorted, values, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_counts);
	result = sorted[n / 2];
	free(sorted);
	return result;
}

static void
print_point(Growth *g)
{
	Point *point = &g->points[g->npoints++];

	*point = (Point){g->profiles,
					 pp_dict_count(g->dict, PP_DICT_NODES),
					 pp_dict_count(g->dict, PP_DICT_STACKS),
					 (double) g->function_nodes.used,
					 (double) g->function_stacks.used};
	printf("{\"bench\":\"growth\",\"profiles\":%zu,\"stacks\":%.0f,\"nodes\":%.0f,"
		   "\"function_stacks\":%.0f,\"function_nodes\":%.0f,\"chunk_bytes\":%zu,"
		   "\"stacks_per_profile\":%u,\"gzip_bytes\":%u}\n",
		   g->profiles,
		   point->stacks,
		   point->nodes,
		   point->function_stacks,
		   point->function_nodes,
		   g->chunk_bytes,
		   median(g->samples, g->profiles),
		   median(g->bytes, g->profiles));
}

/* 1, 2, 5 and 240, 12,000 of each power of ten. */
static bool
is_point(size_t n)
{
	size_t head = n;

	if (n == 240 || n == 12000)
		return true;
	while (head >= 10 && head % 10 == 0)
		head /= 10;
	return n >= 100 && (head == 1 || head == 2 || head == 5);
}

static void
add_profile(Growth *g, const uint8_t *data, size_t len)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *profile;
	uint32_t *stacks;
	uint8_t *chunk;
	size_t chunk_len;
	PpError err;

	if (pp_profile_read(data, len, &pp_limits_default, arena, &profile, &err) != PP_OK)
		die("profile", &err);
	stacks = malloc(((size_t) profile->nsamples + 1) * sizeof(*stacks));
	if (stacks == NULL || pp_dict_intern(g->dict, profile, stacks, &err) != PP_OK ||
		pp_dict_chunk(g->dict, &pp_alloc_malloc, &chunk, &chunk_len, &err) != PP_OK)
		die("dictionary", &err);
	add_functions(g, profile);
	if (g->profiles == g->cap)
	{
		g->cap = g->cap == 0 ? 1024 : g->cap * 2;
		g->samples = realloc(g->samples, g->cap * sizeof(uint32_t));
		g->bytes = realloc(g->bytes, g->cap * sizeof(uint32_t));
		if (g->samples == NULL || g->bytes == NULL)
			die("out of memory", NULL);
	}
	g->samples[g->profiles] = profile->nsamples;
	g->bytes[g->profiles++] = (uint32_t) len;
	g->chunk_bytes += chunk_len;
	free(chunk);
	free(stacks);
	pp_arena_free(arena);
	if (is_point(g->profiles))
		print_point(g);
}

static uint8_t *
read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	long size;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0)
		die(path, NULL);
	rewind(f);
	data = malloc((size_t) size + 1);
	if (data == NULL || fread(data, 1, (size_t) size, f) != (size_t) size)
		die(path, NULL);
	fclose(f);
	*len = (size_t) size;
	return data;
}

static void
add_folder(Growth *g, const char *dir)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, alphasort);

	for (int i = 0; i < n; i++)
	{
		char path[4096];
		size_t len = strlen(names[i]->d_name);
		uint8_t *data;

		if (len < 6 || strcmp(names[i]->d_name + len - 6, ".pb.gz") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		data = read_file(path, &len);
		add_profile(g, data, len);
		free(data);
	}
}

static uint32_t
read_int4(void)
{
	uint32_t value;

	return fread(&value, sizeof(value), 1, stdin) == 1 ? be32toh(value) : 0;
}

/* Rows of (service int4, pod int4, seq int4, at timestamptz, body bytea). */
static void
add_corpus(Growth *g)
{
	char skipped[COPY_HEADER];
	uint16_t columns;

	if (fread(skipped, sizeof(skipped), 1, stdin) != 1)
		die("no corpus on standard input", NULL);
	while (fread(&columns, sizeof(columns), 1, stdin) == 1 && be16toh(columns) == 5)
	{
		uint32_t service, len;
		uint8_t *data;

		(void) read_int4();
		service = read_int4();
		if (fread(skipped, 8, 1, stdin) != 1 || fread(skipped, 8, 1, stdin) != 1 ||
			fread(skipped, 12, 1, stdin) != 1)
			die("the corpus is cut off", NULL);
		len = read_int4();
		data = malloc(len);
		if (data == NULL || fread(data, 1, len, stdin) != len)
			die("the corpus is cut off", NULL);
		if (service == 0)
			add_profile(g, data, len);
		free(data);
	}
}

static double
exponent(double few, double many, double n_few, double n_many)
{
	return log(many / few) / log(n_many / n_few);
}

int
main(int argc, char **argv)
{
	Growth g = {.dict = pp_dict_new(&pp_alloc_malloc, true, 42)};
	const Point *few, *all;

	if (argc != 2 || g.dict == NULL)
		die("usage: growth DIR | growth - <CORPUS", NULL);
	if (strcmp(argv[1], "-") == 0)
		add_corpus(&g);
	else
		add_folder(&g, argv[1]);
	if (g.profiles == 0)
		die("no profiles", NULL);
	if (!is_point(g.profiles))
		print_point(&g);
	all = few = &g.points[g.npoints - 1];
	for (int i = 0; i < g.npoints; i++)
		if (g.points[i].profiles * 10 >= all->profiles)
		{
			few = &g.points[i];
			break;
		}
	if (few != all)
		printf("{\"bench\":\"growth\",\"what\":\"exponents\",\"from\":%zu,\"to\":%zu,"
			   "\"stacks\":%.2f,\"nodes\":%.2f,\"function_stacks\":%.2f,\"function_nodes\":%.2f}\n",
			   few->profiles,
			   all->profiles,
			   exponent(few->stacks, all->stacks, few->profiles, all->profiles),
			   exponent(few->nodes, all->nodes, few->profiles, all->profiles),
			   exponent(few->function_stacks, all->function_stacks, few->profiles, all->profiles),
			   exponent(few->function_nodes, all->function_nodes, few->profiles, all->profiles));
	return 0;
}
