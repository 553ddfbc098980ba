/*
 * merge_core.c
 *		CPU time of the phases of pprof.merge, without a server: a folder of
 *		profiles is brought into the stored form, then merged from it.
 *
 *			merge_core DIR [RUNS]
 */
#include "core/pp_codec.h"
#include "core/pp_merge.h"
#include "files.h"

enum
{
	ADD,	/* read the stored forms and add them up */
	ENCODE, /* their sum */
	DECODE, /* that */
	PHASES
};

static const char *const phase_name[PHASES] = {"add", "encode", "decode"};

/* The stored form of a file. */
static Body
store(Body file)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	Body stored;
	PpProfile *p;
	PpError err;

	if (pp_profile_read(file.data, file.len, &pp_limits_default, arena, &p, &err) != PP_OK ||
		pp_stored_encode(p, &pp_alloc_malloc, &stored.data, &stored.len, &err) != PP_OK)
		die("read", &err);
	pp_arena_free(arena);
	free(file.data);
	return stored;
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
	t[ADD] = cpu_us() / 1e3;
	for (int i = 0; i < n; i++)
	{
		scratch.used = 0;
		if (pp_merge_add_stored(m, bodies[i].data, bodies[i].len, pp_arena_new(&alloc), &err) != PP_OK)
			die("add", &err);
	}
	t[ENCODE] = cpu_us() / 1e3;
	if (pp_merge_encode(m, &pp_alloc_malloc, &out, &len, &err) != PP_OK)
		die("encode", &err);
	t[DECODE] = cpu_us() / 1e3;
	if (pp_stored_decode(out, len, arena, &sum, &err) != PP_OK)
		die("decode", &err);
	t[PHASES] = cpu_us() / 1e3;
	for (int i = 0; i < PHASES; i++)
		ms[i] = t[i + 1] - t[i];
	free(out);
	pp_arena_free(arena);
	pp_merge_free(m);
}

int
main(int argc, char **argv)
{
	int runs = argc > 2 ? atoi(argv[2]) : 9, n;

	if (argc < 2 || runs < 1)
	{
		fprintf(stderr, "usage: merge_core DIR [RUNS]\n");
		return 2;
	}

	Body *bodies = files_load(argv[1], &n);
	double *ms = calloc((size_t) runs * PHASES, sizeof(double));
	size_t bytes = 0;

	for (int i = 0; i < n; i++)
	{
		bodies[i] = store(bodies[i]);
		bytes += bodies[i].len;
	}
	for (int run = 0; run < runs; run++)
	{
		double one[PHASES];

		merge_all(bodies, n, one);
		for (int i = 0; i < PHASES; i++)
			ms[i * runs + run] = one[i];
	}
	for (int i = 0; i < PHASES; i++)
	{
		printf("{\"bench\":\"merge_core\",\"phase\":\"%s\",\"unit\":\"ms\",\"profiles\":%d,\"bytes\":%zu,",
			   phase_name[i],
			   n,
			   bytes);
		print_spread(ms + i * runs, runs);
	}
	return 0;
}
