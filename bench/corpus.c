/*
 * corpus.c
 *		Makes many distinct profiles out of recorded ones, as a COPY BINARY stream
 *		of (service int4, pod int4, seq int4, at timestamptz, body bytea).
 *
 * A service takes its profiles from the recorded ones in a seeded order.  Each
 * profile mixes some recordings: a tenth of the samples of each is dropped, a
 * tenth of another's is added, counts are drawn anew.  Then some stacks are made
 * that nobody has seen: a frame near the leaf gets another line, or another
 * function, so that it and all below it are new nodes.  Their number follows what
 * was measured on one busy Go service: new stacks per profile falling as n^-0.14,
 * 16 of them at the 12,000th profile, about 2.65 new nodes for each; new to the
 * eyes of functions are 30 % of them there, falling as n^-0.25.  bench/growth.c
 * shows the result.  Labels of samples are dropped unless --labels keeps them:
 * each set of them becomes a series of its own.
 *
 * Rows come out interleaved: all services and pods of one scrape, then the next.
 * A part of a corpus (--first-service, --first-scrape) is what the whole would
 * have there.
 */
#include "core/pp_codec.h"
#include "core/pp_inflate.h"
#include "core/pp_merge.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PG_EPOCH_SECONDS INT64_C(946684800) /* 2000-01-01 */

typedef struct Recording
{
	PpArena *arena;
	PpProfile *profile;
} Recording;

typedef struct Options
{
	const char *dir;
	int services, pods, scrapes;
	int first_service, first_scrape;
	int64_t start, interval; /* seconds */
	uint64_t seed;
	double growth; /* new stacks at the 12,000th profile of a service */
	int mix;	   /* recordings in one profile */
	bool labels;   /* keep the labels of samples */
} Options;

static uint64_t rng_state;

/* splitmix64: small, seeded, the same everywhere */
static uint64_t
rng(void)
{
	uint64_t z = (rng_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static double
rng_unit(void)
{
	return (double) (rng() >> 11) / 9007199254740992.0;
}

static void
die(const char *what, const PpError *err)
{
	fprintf(stderr, "corpus: %s%s%s\n", what, err ? ": " : "", err ? err->message : "");
	exit(1);
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

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Every *.pb.gz of the folder; the bytes stay, strings point into the arena. */
static Recording *
load(const char *dir, bool labels, int *n)
{
	struct dirent **names;
	int found = scandir(dir, &names, NULL, by_name);
	Recording *recordings = calloc((size_t) (found > 0 ? found : 1), sizeof(Recording));

	*n = 0;
	for (int i = 0; i < found; i++)
	{
		char path[4096];
		size_t len = strlen(names[i]->d_name);
		PpError err;

		if (len < 6 || strcmp(names[i]->d_name + len - 6, ".pb.gz") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);

		uint8_t *data = read_file(path, &len);
		Recording *r = &recordings[*n];

		r->arena = pp_arena_new(&pp_alloc_malloc);
		if (pp_profile_read(data, len, &pp_limits_default, r->arena, &r->profile, &err) != PP_OK)
			die(path, &err);
		for (uint32_t k = 0; !labels && k < r->profile->nsamples; k++)
			r->profile->samples[k].nlabels = 0;
		free(data);
		(*n)++;
	}
	if (*n == 0)
		die("no *.pb.gz files; record some first (bench/lib/record.sh)", NULL);
	return recordings;
}

/* Copy the samples of p that `keep` lets through, counts drawn anew, appended to out. */
static void
draw_samples(const PpProfile *p, double keep, PpProfile *out)
{
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		const PpSample *s = &p->samples[i];
		int64_t factor;

		if (rng_unit() >= keep)
			continue;
		factor = 1 + (int64_t) (-log(1.0 - rng_unit()) * 0.7);
		out->samples[out->nsamples] = *s;
		for (uint32_t t = 0; t < p->ntypes; t++)
			out->values[(size_t) out->nsamples * p->ntypes + t] =
				p->values[(size_t) i * p->ntypes + t] * factor;
		out->nsamples++;
	}
}

/* A profile of p's tables with some samples; room for `extra` more of everything. */
static PpProfile *
shell(const PpProfile *p, uint32_t extra, PpArena *arena)
{
	PpProfile *out = (PpProfile *) pp_arena_copy(arena, p, sizeof(*p));
	size_t lines = (size_t) p->nlines + extra * 8, locs = (size_t) p->nlocations + extra;
	uint64_t refs = p->nlocrefs;

	for (uint32_t i = 0; i < extra; i++)
		refs += p->samples[i % p->nsamples].nlocs;
	out->arena = arena;
	out->nsamples = 0;
	out->samples = pp_arena_array(arena, (size_t) p->nsamples + extra, sizeof(PpSample));
	out->values = pp_arena_array(arena, ((size_t) p->nsamples + extra) * p->ntypes, 8);
	out->locations = pp_arena_array(arena, locs, sizeof(PpLocation));
	out->lines = pp_arena_array(arena, lines, sizeof(PpLine));
	out->locrefs = pp_arena_array(arena, refs + (size_t) extra * 1024, sizeof(uint32_t));
	memcpy(out->locations, p->locations, p->nlocations * sizeof(PpLocation));
	memcpy(out->lines, p->lines, p->nlines * sizeof(PpLine));
	memcpy(out->locrefs, p->locrefs, p->nlocrefs * sizeof(uint32_t));
	return out;
}

/*
 * Append one stack nobody has: sample s with another line, or another function, in
 * a frame near the leaf.
 */
static void
add_new_stack(const PpProfile *p, bool other_function, PpProfile *out)
{
	const PpSample *s = &p->samples[rng() % p->nsamples];
	uint32_t depth = 0;

	if (s->nlocs == 0 || s->nlocs > 1024)
		return;
	while (depth + 1 < s->nlocs && rng_unit() < 0.62)
		depth++;

	const PpLocation *old = &p->locations[p->locrefs[s->loc_off + depth]];
	PpLocation *loc = &out->locations[out->nlocations];

	if (old->nlines == 0 || old->nlines > 8)
		return;
	*loc = *old;
	loc->id = UINT64_C(1) << 40 | out->nlocations;
	loc->address += 1 + rng() % 100000;
	loc->line_off = out->nlines;
	memcpy(&out->lines[out->nlines], &p->lines[old->line_off], old->nlines * sizeof(PpLine));
	out->lines[out->nlines].line += (int64_t) (1 + rng() % 100000);
	if (other_function)
		out->lines[out->nlines].function = (uint32_t) (rng() % p->nfunctions);
	out->nlines += old->nlines;

	PpSample *fresh = &out->samples[out->nsamples];

	*fresh = *s;
	fresh->loc_off = out->nlocrefs;
	memcpy(&out->locrefs[out->nlocrefs], &p->locrefs[s->loc_off], s->nlocs * sizeof(uint32_t));
	out->locrefs[out->nlocrefs + depth] = out->nlocations;
	out->nlocrefs += s->nlocs;
	out->nlocations++;
	for (uint32_t t = 0; t < p->ntypes; t++)
		out->values[(size_t) out->nsamples * p->ntypes + t] =
			p->values[(size_t) (s - p->samples) * p->ntypes + t];
	out->nsamples++;
}

static void
add(PpMerge *merge, const PpProfile *profile)
{
	PpError err;

	if (pp_merge_add(merge, profile, &err) != PP_OK)
		die("merge", &err);
}

/*
 * One new body: `mix` recordings and a tenth of one more, `fresh` new stacks, a
 * share of `functions` of them with another function; gzip'd profile.proto from malloc.
 */
static uint8_t *
make_body(const Recording *recordings, uint64_t n, uint64_t first, const Options *o, uint32_t fresh,
		  double functions, int64_t time_nanos, size_t *len)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpMerge *merge = pp_merge_new(&pp_alloc_malloc, PP_MERGE_ORDERED);
	PpProfile *mixed;
	uint8_t *proto, *body;
	size_t proto_len;
	PpError err;

	for (int i = 0; i <= o->mix; i++)
	{
		const PpProfile *from = recordings[(i == 0 ? first : rng()) % n].profile;
		PpProfile *part = shell(from, i == 0 ? fresh : 0, arena);

		draw_samples(from, i < o->mix ? 0.9 : 0.1, part);
		for (uint32_t k = 0; i == 0 && k < fresh; k++)
			add_new_stack(from, rng_unit() < functions, part);
		add(merge, part);
	}
	if (pp_merge_finish(merge, arena, &mixed, &err) != PP_OK)
		die("merge", &err);
	mixed->time_nanos = time_nanos;
	mixed->duration_nanos = o->interval * INT64_C(1000000000);
	if (pp_profile_encode(mixed, &pp_alloc_malloc, &proto, &proto_len, &err) != PP_OK ||
		pp_gzip(proto, proto_len, 1, &pp_alloc_malloc, &body, len, &err) != PP_OK)
		die("encode", &err);
	free(proto);
	pp_merge_free(merge);
	pp_arena_free(arena);
	return body;
}

static void
put(const void *data, size_t len)
{
	if (fwrite(data, 1, len, stdout) != len)
		die("write", NULL);
}

static void
put_int4(int32_t value)
{
	uint32_t be = htonl((uint32_t) value);

	put(&be, 4);
}

static void
put_field_int4(int32_t value)
{
	put_int4(4);
	put_int4(value);
}

static void
put_row(int service, int pod, int seq, int64_t at_micros, const uint8_t *body, size_t len)
{
	uint16_t fields = htons(5);
	uint64_t at = htobe64((uint64_t) (at_micros - PG_EPOCH_SECONDS * 1000000));

	put(&fields, 2);
	put_field_int4(service);
	put_field_int4(pod);
	put_field_int4(seq);
	put_int4(8);
	put(&at, 8);
	put_int4((int32_t) len);
	put(body, len);
}

static void
generate(const Recording *recordings, int n, const Options *o)
{
	static const char signature[11] = "PGCOPY\n\377\r\n";
	uint16_t trailer = 0xffff;

	put(signature, sizeof(signature));
	put_int4(0);
	put_int4(0);
	for (int scrape = o->first_scrape; scrape < o->first_scrape + o->scrapes; scrape++)
		for (int pod = 0; pod < o->pods; pod++)
			for (int service = o->first_service; service < o->first_service + o->services; service++)
			{
				int seq = scrape * o->pods + pod;
				double growth = o->growth * pow((seq + 1) / 12000.0, -0.14);
				double functions = fmin(1, 0.3 * pow((seq + 1) / 12000.0, -0.11));
				/* pods of one scrape are spread over the interval, services over 1 ms */
				int64_t at = (o->start + scrape * o->interval) * 1000000 +
							 pod * o->interval * 1000000 / o->pods + service * 19;
				uint8_t *body;
				size_t len;

				rng_state = o->seed ^ ((uint64_t) service << 40) ^ (uint64_t) seq;
				body = make_body(recordings,
								 (uint64_t) n,
								 (uint64_t) seq * 7 + (uint64_t) service * 13,
								 o,
								 (uint32_t) (growth + rng_unit()),
								 functions,
								 at * 1000,
								 &len);
				put_row(service, pod, seq, at, body, len);
				free(body);
			}
	put(&trailer, 2);
}

int
main(int argc, char **argv)
{
	static const struct option longopts[] = {{"profiles", required_argument, NULL, 'p'},
											 {"services", required_argument, NULL, 's'},
											 {"pods", required_argument, NULL, 'o'},
											 {"scrapes", required_argument, NULL, 'n'},
											 {"start", required_argument, NULL, 't'},
											 {"interval", required_argument, NULL, 'i'},
											 {"seed", required_argument, NULL, 'r'},
											 {"mix", required_argument, NULL, 'm'},
											 {"labels", no_argument, NULL, 'l'},
											 {"first-service", required_argument, NULL, 'S'},
											 {"first-scrape", required_argument, NULL, 'N'},
											 {"growth", required_argument, NULL, 'g'},
											 {NULL, 0, NULL, 0}};
	Options o = {.services = 1,
				 .pods = 50,
				 .scrapes = 240,
				 .interval = 15,
				 .seed = 42,
				 .growth = 16,
				 .mix = 4};
	int c, n;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1)
		switch (c)
		{
			case 'p':
				o.dir = optarg;
				break;
			case 's':
				o.services = atoi(optarg);
				break;
			case 'o':
				o.pods = atoi(optarg);
				break;
			case 'n':
				o.scrapes = atoi(optarg);
				break;
			case 't':
				o.start = atoll(optarg);
				break;
			case 'i':
				o.interval = atoll(optarg);
				break;
			case 'r':
				o.seed = strtoull(optarg, NULL, 10);
				break;
			case 'g':
				o.growth = atof(optarg);
				break;
			case 'm':
				o.mix = atoi(optarg);
				break;
			case 'S':
				o.first_service = atoi(optarg);
				break;
			case 'N':
				o.first_scrape = atoi(optarg);
				break;
			case 'l':
				o.labels = true;
				break;
			default:
				return 2;
		}
	if (o.dir == NULL || o.services < 1 || o.pods < 1 || o.scrapes < 1 || o.interval < 1 || o.mix < 1)
	{
		fprintf(stderr,
				"usage: corpus --profiles DIR [--services N] [--pods N] [--scrapes N] [--start UNIX]"
				" [--interval S] [--seed N] [--growth X] [--mix N] [--labels]"
				" [--first-service N] [--first-scrape N]\n");
		return 2;
	}

	Recording *recordings = load(o.dir, o.labels, &n);

	generate(recordings, n, &o);
	return fflush(stdout) == 0 ? 0 : 1;
}
