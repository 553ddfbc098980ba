/*
 * files.h
 *		What benchmarks of the core share: the profiles of a folder, CPU time, and
 *		medians.
 */
#ifndef BENCH_FILES_H
#define BENCH_FILES_H

#include "core/pp_error.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct Body
{
	uint8_t *data;
	size_t len;
} Body;

static inline void
die(const char *what, const PpError *err)
{
	fprintf(stderr, "%s%s%s\n", what, err ? ": " : "", err ? err->message : "");
	exit(1);
}

/* Of this process, in microseconds. */
static inline double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

static inline int
file_by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static inline Body
file_read(const char *dir, const char *name)
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

/* All files of the folder that end in .pb.gz, by name. */
static inline Body *
files_load(const char *dir, int *n)
{
	struct dirent **names;
	int found = scandir(dir, &names, NULL, file_by_name);
	Body *bodies = calloc((size_t) (found > 0 ? found : 1), sizeof(Body));

	*n = 0;
	for (int i = 0; i < found; i++)
	{
		size_t len = strlen(names[i]->d_name);

		if (len > 6 && strcmp(names[i]->d_name + len - 6, ".pb.gz") == 0)
			bodies[(*n)++] = file_read(dir, names[i]->d_name);
	}
	if (*n == 0)
		die("no profiles in that folder", NULL);
	return bodies;
}

static inline int
by_double(const void *a, const void *b)
{
	return (*(const double *) a > *(const double *) b) - (*(const double *) a < *(const double *) b);
}

/* The rest of a JSON line; sorts. */
static inline void
print_spread(double *values, int n)
{
	qsort(values, (size_t) n, sizeof(double), by_double);
	printf("\"runs\":%d,\"median\":%.5g,\"min\":%.5g,\"max\":%.5g}\n",
		   n,
		   values[n / 2],
		   values[0],
		   values[n - 1]);
}

#endif
