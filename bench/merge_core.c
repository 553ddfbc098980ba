/*
 * merge_core.c
 *		CPU time of the phases of pprof.merge, without a server: a folder of
 *		profiles is brought into the stored form, then merged from it.
 *
 *			merge_core DIR [RUNS]
 */
#include "core/pp_codec.h"
#include "core/pp_merge.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum
{
	ADD, /* read the stored forms and add them up */
	FINISH,
	ENCODE,
	PHASES
};

static const char *const phase_name[PHASES] = {"add", "finish", "encode"};

typedef struct Body
{
	uint8_t *data;
	size_t len;
} Body;

static void
die(const char *what, const PpError *err)
{
	fprintf(stderr, "merge_core: %s%s%s\n", what, err ? ": " : "", err ? err->message : "");
	exit(1);
}

static double
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static Body
read_file(const char *dir, const char *name)
{
	Body body;
	char path[4096];
	FILE *f;
	long size;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((f = fopen(path, "rb")) == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0)
		die(path, NULL);
	rewind(f);
	body.len = (size_t) size;
	body.data = malloc(body.len + 1);
	if (fread(body.data, 1, body.len, f) != body.len)
		die(path, NULL);
	fclose(f);
	return body;
}

/* The stored form of a file. */
static Body
load(const char *dir, const char *name)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	Body file = read_file(dir, name), stored;
	PpProfile *p;
	PpError err;

	if (pp_profile_read(file.data, file.len, &pp_limits_default, arena, &p, &err) != PP_OK ||
		pp_stored_encode(p, &pp_alloc_malloc, &stored.data, &stored.len, &err) != PP_OK)
		die(name, &err);
	pp_arena_free(arena);
	free(file.data);
	return stored;
}

static Body *
load_all(const char *dir, int *n, size_t *bytes)
{
	struct dirent **names;
	int found = scandir(dir, &names, NULL, by_name);
	Body *bodies = calloc((size_t) (found > 0 ? found : 1), sizeof(Body));

	*n = 0;
	*bytes = 0;
	for (int i = 0; i < found; i++)
	{
		size_t len = strlen(names[i]->d_name);

		if (len > 6 && strcmp(names[i]->d_name + len - 6, ".pb.gz") == 0)
		{
			bodies[*n] = load(dir, names[i]->d_name);
			*bytes += bodies[(*n)++].len;
		}
	}
	if (*n == 0)
		die("no profiles", NULL);
	return bodies;
}

/* Memory for one profile after another, as the aggregate has it. */
typedef struct Scratch
{
	char *block;
	size_t size, used;
} Scratch;

static void *
scratch_alloc(void *ctx, size_t size)
{
	Scratch *s = ctx;
	char *piece = s->block + s->used;

	size = (size + 15) & ~(size_t) 15;
	if (size > s->size - s->used)
		return NULL;
	s->used += size;
	return piece;
}

static void
scratch_release(void *ctx, void *ptr)
{
}

static void
merge_all(const Body *bodies, int n, double *ms)
{
	PpMerge *m = pp_merge_new(&pp_alloc_malloc, PP_MERGE_CANONICAL);
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	double t[PHASES + 1];
	PpProfile *sum;
	PpError err;
	uint8_t *out;
	size_t len;
	static Scratch scratch;
	const PpAlloc alloc = {.alloc = scratch_alloc, .release = scratch_release, .ctx = &scratch};

	if (scratch.block == NULL)
		scratch.block = malloc(scratch.size = (size_t) 64 << 20);
	t[ADD] = cpu_ms();
	for (int i = 0; i < n; i++)
	{
		scratch.used = 0;
		if (pp_merge_add_stored(m, bodies[i].data, bodies[i].len, pp_arena_new(&alloc), &err) != PP_OK)
			die("add", &err);
	}
	t[FINISH] = cpu_ms();
	if (pp_merge_finish(m, arena, &sum, &err) != PP_OK)
		die("finish", &err);
	t[ENCODE] = cpu_ms();
	if (pp_stored_encode(sum, &pp_alloc_malloc, &out, &len, &err) != PP_OK)
		die("encode", &err);
	t[PHASES] = cpu_ms();
	for (int i = 0; i < PHASES; i++)
		ms[i] = t[i + 1] - t[i];
	free(out);
	pp_arena_free(arena);
	pp_merge_free(m);
}

static int
by_double(const void *a, const void *b)
{
	return (*(const double *) a > *(const double *) b) - (*(const double *) a < *(const double *) b);
}

int
main(int argc, char **argv)
{
	int runs = argc > 2 ? atoi(argv[2]) : 9, n;
	size_t bytes;

	if (argc < 2 || runs < 1)
	{
		fprintf(stderr, "usage: merge_core DIR [RUNS]\n");
		return 2;
	}

	Body *bodies = load_all(argv[1], &n, &bytes);
	double *ms = calloc((size_t) runs * PHASES, sizeof(double));

	for (int run = 0; run < runs; run++)
	{
		double one[PHASES];

		merge_all(bodies, n, one);
		for (int i = 0; i < PHASES; i++)
			ms[i * runs + run] = one[i];
	}
	for (int i = 0; i < PHASES; i++)
	{
		qsort(ms + i * runs, (size_t) runs, sizeof(double), by_double);
		printf("{\"bench\":\"merge_core\",\"phase\":\"%s\",\"profiles\":%d,\"bytes\":%zu,\"runs\":%d,"
			   "\"median_ms\":%.2f,\"min_ms\":%.2f,\"max_ms\":%.2f}\n",
			   phase_name[i],
			   n,
			   bytes,
			   runs,
			   ms[i * runs + runs / 2],
			   ms[i * runs],
			   ms[i * runs + runs - 1]);
	}
	return 0;
}
