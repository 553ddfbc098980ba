/*
 * decode.c
 *		Reading profiles (inflate, decode, check) against inflating them and visiting
 *		every field and varint of the same bytes, which is the floor under any
 *		decoder; file by file in turn, so that both see the same machine.
 *
 *			decode DIR [RUNS]
 */
#include "core/pp_codec.h"
#include "core/pp_inflate.h"
#include "files.h"

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

/*
 * Every field; inside messages 1 to 5 and 11 too; packed lists varint by varint.
 * The sum of them is what is kept.
 */
static uint64_t
walk(const uint8_t *p, const uint8_t *end, int depth)
{
	uint64_t sum = 0;

	while (p < end)
	{
		uint64_t tag, v;

		p = skip_varint(p, end, &tag);
		p = skip_varint(p, end, &v);
		sum += v;
		if ((tag & 7) == 2)
		{
			const uint8_t *stop = p + v;

			if (depth == 0 && (tag >> 3 <= 5 || tag >> 3 == 11))
				sum += walk(p, stop, 1);
			else if (depth == 1 && tag >> 3 >= 3)
				sum += walk(p, stop, 2);
			else if (depth == 1)
				while (p < stop)
				{
					p = skip_varint(p, stop, &v);
					sum += v;
				}
			p = stop;
		}
	}
	return sum;
}

static void
inflate_and_walk(const Body *body)
{
	uint8_t *raw;
	size_t len;
	PpError err;

	if (pp_inflate(pp_container_guess(body->data, body->len),
				   body->data,
				   body->len,
				   &pp_limits_default,
				   &pp_alloc_malloc,
				   &raw,
				   &len,
				   &err) != PP_OK)
		die("inflate", &err);
	sink += walk(raw, raw + len, 0);
	if (raw != body->data)
		free(raw);
}

static void
read_profile(const Body *body)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p;
	PpError err;

	if (pp_profile_read(body->data, body->len, &pp_limits_default, arena, &p, &err) != PP_OK)
		die("read", &err);
	sink += p->nsamples;
	pp_arena_free(arena);
}

static void
print(const char *what, const char *unit, int n, double *values, int runs)
{
	printf("{\"bench\":\"decode\",\"what\":\"%s\",\"unit\":\"%s\",\"profiles\":%d,", what, unit, n);
	print_spread(values, runs);
}

int
main(int argc, char **argv)
{
	int runs = argc > 2 ? atoi(argv[2]) : 9, n;

	if (argc < 2 || runs < 1)
	{
		fprintf(stderr, "usage: decode DIR [RUNS]\n");
		return 2;
	}

	Body *bodies = files_load(argv[1], &n);
	double *floor = calloc((size_t) runs, sizeof(double));
	double *ours = calloc((size_t) runs, sizeof(double));
	double *ratios = calloc((size_t) runs, sizeof(double));

	/* the first run warms up */
	for (int run = -1; run < runs; run++)
	{
		double sums[2] = {0, 0};

		for (int i = 0; i < n; i++)
		{
			double started = cpu_us(), between;

			inflate_and_walk(&bodies[i]);
			between = cpu_us();
			read_profile(&bodies[i]);
			sums[0] += between - started;
			sums[1] += cpu_us() - between;
		}
		if (run < 0)
			continue;
		floor[run] = sums[0] / n;
		ours[run] = sums[1] / n;
		ratios[run] = ours[run] / floor[run];
	}
	print("inflate and walk", "us", n, floor, runs);
	print("pp_profile_read", "us", n, ours, runs);
	print("ratio", "", n, ratios, runs);
	return 0;
}
