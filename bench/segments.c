/*
 * segments.c
 *		Bytes and CPU time of segments, inside the core: the profiles of a folder
 *		are interned into one dictionary, put into segments of some sizes and
 *		added up again; one JSON line per size.
 *
 * Of each profile the last sample type is taken (cpu, inuse_space), and they are
 * put into segments in the order of their names.  sum_us: all of a segment;
 * sum_some_us: every fiftieth row, as one pod of fifty; rows_us: every row decoded;
 * sum_raw_us: rows as they are in pprof.raw.  All per profile of the segment.
 */
#include "core/pp_codec.h"
#include "core/pp_dict.h"
#include "core/pp_inflate.h"
#include "core/pp_segment.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct Store
{
	PpSegmentRow *rows;
	int n;
	size_t samples, stacks;
} Store;

static void
die(const char *what, const PpError *err)
{
	fprintf(stderr, "segments: %s%s%s\n", what, err ? ": " : "", err ? err->message : "");
	exit(1);
}

static double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

static int
by_stack(const void *a, const void *b)
{
	const PpSampleEntry *x = a, *y = b;

	return (x->stack > y->stack) - (x->stack < y->stack);
}

/* A profile's last column as the bytes of a row. */
static void
put_row(Store *store, const PpProfile *p, const uint32_t *stacks, PpArena *arena)
{
	PpSampleEntry *entries = pp_arena_array(arena, p->nsamples + 1, sizeof(*entries));
	PpSamplesPart part = {.dict_id = UINT64_C(0x123456789abcdef0), .entries = entries};
	PpSegmentRow *row = &store->rows[store->n];
	uint8_t *out;
	PpError err;

	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		entries[i].stack = stacks[i];
		entries[i].value = p->values[(size_t) i * p->ntypes + p->ntypes - 1];
		row->total += entries[i].value;
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
	if (pp_samples_encode(&part, 1, 0, &pp_alloc_malloc, &out, &row->samples_len, &err) != PP_OK)
		die("encode", &err);
	row->samples = out;
	row->at = (int64_t) store->n * 300017;
	row->series_id = store->n % 50 * INT64_C(0x1234567890abcd);
	row->duration = p->duration_nanos;
	for (int i = 0; i < 16; i++)
		row->id[i] = (uint8_t) rand();
	store->samples += row->samples_len;
	store->stacks += part.n;
	store->n++;
}

static void
take_file(Store *store, PpDict *dict, const char *path)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	FILE *f = fopen(path, "rb");
	uint8_t *body, *raw, *chunk;
	size_t raw_len, chunk_len;
	PpProfile *p;
	PpError err;
	long size;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0)
		die(path, NULL);
	rewind(f);
	body = malloc((size_t) size + 1);
	if (fread(body, 1, (size_t) size, f) != (size_t) size)
		die(path, NULL);
	fclose(f);
	if (pp_inflate(pp_container_guess(body, (size_t) size),
				   body,
				   (size_t) size,
				   &pp_limits_default,
				   &pp_alloc_malloc,
				   &raw,
				   &raw_len,
				   &err) != PP_OK ||
		pp_profile_decode(raw, raw_len, &pp_limits_default, arena, &p, &err) != PP_OK)
		die(path, &err);

	uint32_t *stacks = pp_arena_array(arena, (size_t) p->nsamples + 1, sizeof(uint32_t));

	if (pp_dict_intern(dict, p, stacks, &err) != PP_OK ||
		pp_dict_chunk(dict, &pp_alloc_malloc, &chunk, &chunk_len, &err) != PP_OK)
		die("intern", &err);
	put_row(store, p, stacks, arena);
	if (raw != body)
		free(raw);
	free(body);
	free(chunk);
	pp_arena_free(arena);
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
is_profile(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 3 && strcmp(entry->d_name + len - 3, ".gz") == 0;
}

static void
take_folder(Store *store, const char *dir)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_profile, by_name);
	PpDict *dict = pp_dict_new(&pp_alloc_malloc, true, 42);

	if (n <= 0)
		die("empty folder", NULL);
	store->rows = calloc((size_t) n, sizeof(PpSegmentRow));
	for (int i = 0; i < n; i++)
	{
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		take_file(store, dict, path);
	}
	pp_dict_free(dict);
}

/* Add the segments up; gives the time. */
static double
add_up(const PpSegmentBytes *segments, int n, const uint8_t *chosen, uint8_t **out, size_t *out_len)
{
	PpSamplesSum *sum = pp_samples_sum_new(&pp_alloc_malloc);
	double start = cpu_us(), us;
	PpError err;

	for (int i = 0; i < n; i++)
	{
		PpArena *arena = pp_arena_new(&pp_alloc_malloc);
		PpSegmentHead head;

		if (pp_segment_head(segments[i].head, segments[i].head_len, arena, &head, &err) != PP_OK ||
			pp_segment_sum(&head, segments[i].samples, segments[i].samples_len, chosen, false, sum, &err) !=
				PP_OK)
			die("sum", &err);
		pp_arena_free(arena);
	}
	us = cpu_us() - start;
	if (pp_samples_sum_encode(sum, &pp_alloc_malloc, out, out_len, &err) != PP_OK)
		die("sum", &err);
	pp_samples_sum_free(sum);
	return us;
}

/* Decode all rows; gives the time. */
static double
decode(const PpSegmentBytes *segments, int n)
{
	double start = cpu_us();
	PpError err;

	for (int i = 0; i < n; i++)
	{
		PpArena *arena = pp_arena_new(&pp_alloc_malloc);
		PpSegmentRow *rows;
		uint32_t nrows;

		if (pp_segment_decode(&segments[i], arena, &rows, &nrows, &err) != PP_OK)
			die("decode", &err);
		pp_arena_free(arena);
	}
	return cpu_us() - start;
}

static double
add_up_raw(const Store *store, uint8_t **out, size_t *out_len)
{
	PpSamplesSum *sum = pp_samples_sum_new(&pp_alloc_malloc);
	double start = cpu_us(), us;
	PpError err;

	for (int i = 0; i < store->n; i++)
		if (pp_samples_sum_add(sum, store->rows[i].samples, store->rows[i].samples_len, 1, &err) !=
			PP_OK)
			die("sum", &err);
	us = cpu_us() - start;
	if (pp_samples_sum_encode(sum, &pp_alloc_malloc, out, out_len, &err) != PP_OK)
		die("sum", &err);
	pp_samples_sum_free(sum);
	return us;
}

static int
by_double(const void *a, const void *b)
{
	return (*(const double *) a > *(const double *) b) - (*(const double *) a < *(const double *) b);
}

static double
median(double *values, int n)
{
	qsort(values, (size_t) n, sizeof(double), by_double);
	return values[n / 2];
}

static void
measure(const Store *store, int size, int runs)
{
	int n = (store->n + size - 1) / size;
	PpSegmentBytes *segments = calloc((size_t) n, sizeof(PpSegmentBytes));
	double *us = calloc((size_t) runs * 4, sizeof(double));
	double *raw_us = us + runs, *some_us = us + 2 * runs, *rows_us = us + 3 * runs;
	uint8_t *chosen = calloc((size_t) size, 1);
	size_t head = 0, samples = 0, len, raw_len;
	uint8_t *bytes, *raw_bytes;
	double encode_us = cpu_us();
	PpError err;

	for (int i = 0; i < n; i++)
	{
		int left = store->n - i * size;

		if (pp_segment_encode(store->rows + (size_t) i * size,
							  (uint32_t) (left < size ? left : size),
							  &pp_alloc_malloc,
							  &segments[i],
							  &err) != PP_OK)
			die("encode", &err);
		head += segments[i].head_len;
		samples += segments[i].samples_len;
	}
	encode_us = cpu_us() - encode_us;
	for (int i = 0; i < size; i += 50)
		chosen[i] = 1;
	for (int i = 0; i < runs; i++)
	{
		some_us[i] = add_up(segments, n, chosen, &bytes, &len);
		free(bytes);
		rows_us[i] = decode(segments, n);
		us[i] = add_up(segments, n, NULL, &bytes, &len);
		raw_us[i] = add_up_raw(store, &raw_bytes, &raw_len);
		if (len != raw_len || memcmp(bytes, raw_bytes, len) != 0)
			die("sums differ", NULL);
		free(bytes);
		free(raw_bytes);
	}
	printf("{\"bench\":\"segments\",\"size\":%d,\"profiles\":%d,\"stacks_per_profile\":%.1f,"
		   "\"raw_samples_bytes\":%.1f,\"head_bytes\":%.1f,\"samples_bytes\":%.1f,\"ids_bytes\":16,"
		   "\"encode_us\":%.2f,\"sum_us\":%.3f,\"sum_some_us\":%.3f,"
		   "\"rows_us\":%.3f,\"sum_raw_us\":%.3f,\"runs\":%d}\n",
		   size,
		   store->n,
		   (double) store->stacks / store->n,
		   (double) store->samples / store->n,
		   (double) head / store->n,
		   (double) samples / store->n,
		   encode_us / store->n,
		   median(us, runs) / store->n,
		   median(some_us, runs) / store->n,
		   median(rows_us, runs) / store->n,
		   median(raw_us, runs) / store->n,
		   runs);
	for (int i = 0; i < n; i++)
		pp_segment_release(&pp_alloc_malloc, &segments[i]);
	free(segments);
	free(us);
	free(chosen);
}

int
main(int argc, char **argv)
{
	static const int sizes[] = {1, 16, 64, 128, 256, 1024};
	Store store = {0};
	int runs = argc > 2 ? atoi(argv[2]) : 5;

	if (argc < 2 || runs < 1)
	{
		fprintf(stderr, "usage: segments DIR [RUNS]\n");
		return 2;
	}
	take_folder(&store, argv[1]);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		measure(&store, sizes[i], runs);
	return 0;
}
