/*
 * pp_gperftools_cpu.c
 *		The binary CPU profile: words of the machine that wrote it.
 *
 * Five words 0, 3, 0, period in microseconds, 0; then records of count, depth
 * and as many addresses; the record 0, 1, 0 ends them, and the memory map of the
 * process follows as text.  Words are of 4 or 8 bytes in either order, whichever
 * makes sense of the header.
 */
#define _GNU_SOURCE /* memmem */
#include <inttypes.h>

#include "core/pp_gperftools_impl.h"

#define HEADER_WORDS 5
#define NS_PER_US	 1000
#define MAX_SIMILAR	 2	/* frames of the profiler itself that may lie below the leaf */
#define SIMILAR		 32 /* one sample of so many may do without */

/* Frames of the profiler, which the tool leaves out of what it shows. */
static const char profiler_frames[] = "ProfileData::Add|ProfileData::prof_handler|"
									  "CpuProfiler::prof_handler|__pthread_sighandler|__restore";

typedef struct Words
{
	const uint8_t *data;
	size_t len, at;
	int size;
	bool big_endian;
} Words;

static size_t
words_left(const Words *words)
{
	return (words->len - words->at) / (size_t) words->size;
}

/* The caller has seen to it that there is one. */
static uint64_t
next_word(Words *words)
{
	const uint8_t *p = words->data + words->at;
	uint64_t value = 0;

	for (int i = 0; i < words->size; i++)
		value = value << 8 | p[words->big_endian ? i : words->size - 1 - i];
	words->at += (size_t) words->size;
	return value;
}

/* Word size and order that make a header of the first words; false if none does. */
static bool
read_header(const uint8_t *data, size_t len, Words *words, uint64_t *kind, uint64_t *period)
{
	static const Words variants[] = {{.size = 4},
									 {.size = 4, .big_endian = true},
									 {.size = 8},
									 {.size = 8, .big_endian = true}};

	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
	{
		*words = variants[i];
		words->data = data;
		words->len = len;
		if (words_left(words) < HEADER_WORDS || next_word(words) != 0 || next_word(words) != 3)
			continue;
		*kind = next_word(words);
		*period = next_word(words);
		if (*kind <= 1 && *period > 0 && next_word(words) == 0)
			return true;
	}
	return false;
}

/* Does the first line hold the title of a heap profile? */
static bool
has_heap_title(const uint8_t *data, size_t len)
{
	static const char title[] = "heap profile:";
	const uint8_t *eol = len > 0 ? memchr(data, '\n', len) : NULL;
	size_t line = eol != NULL ? (size_t) (eol - data) : len;

	return line > 0 && memmem(data, line, title, sizeof(title) - 1) != NULL;
}

PpGperftools
pp_gperftools_guess(const uint8_t *data, size_t len)
{
	Words words;
	uint64_t kind, period;

	if (read_header(data, len, &words, &kind, &period))
		return kind == 0 ? PP_GPERFTOOLS_CPU : PP_GPERFTOOLS_JAVA_CPU;
	return has_heap_title(data, len) ? PP_GPERFTOOLS_HEAP : PP_GPERFTOOLS_NONE;
}

bool
pp_is_gperftools_cpu(const uint8_t *data, size_t len)
{
	PpGperftools format = pp_gperftools_guess(data, len);

	return format == PP_GPERFTOOLS_CPU || format == PP_GPERFTOOLS_JAVA_CPU;
}

bool
pp_is_gperftools_heap(const uint8_t *data, size_t len)
{
	return pp_gperftools_guess(data, len) == PP_GPERFTOOLS_HEAP;
}

static PpCode
add_sample(PpNative *native, uint64_t count, size_t at)
{
	int64_t values[2] = {(int64_t) count, 0};

	if (__builtin_mul_overflow(values[0], native->period, &values[1]))
		return pp_fail(native->err,
					   PP_EOVERFLOW,
					   at,
					   "%" PRId64 " samples of %" PRId64 " ns are out of range for bigint",
					   values[0],
					   native->period);
	return pp_native_sample(native, values, 0, at);
}

static PpCode
cut_short(PpNative *native, const Words *words)
{
	return pp_fail(native->err, PP_EMALFORMED, words->len, "unexpected end of the samples");
}

/* All records, up to the one that ends them or to the end of the bytes. */
static PpCode
read_records(PpNative *native, Words *words)
{
	PpCode code = PP_OK;

	while (words->at < words->len && code == PP_OK)
	{
		size_t at = words->at;
		uint64_t count, depth;

		if (words_left(words) < 2)
			return cut_short(native, words);
		count = next_word(words);
		depth = next_word(words);
		if (depth > words_left(words))
			return cut_short(native, words);
		if (count == 0 && depth == 1)
		{
			Words ahead = *words;

			if (next_word(&ahead) == 0)
			{
				*words = ahead;
				return PP_OK;
			}
		}
		code = add_sample(native, count, at);
		/* all but the leaf are return addresses: the call is before them */
		for (uint64_t i = 0; i < depth && code == PP_OK; i++)
			code = pp_native_address(native, next_word(words) - (i > 0), at);
	}
	return code;
}

/* The address that more than half of the samples have in second place, if there is one. */
static uint64_t
majority(const PpNative *native)
{
	uint64_t candidate = 0;
	uint32_t lead = 0;

	for (uint32_t i = 0; i < native->nsamples; i++)
	{
		PpNativeStack stack = native->stacks[i];

		if (stack.n < 2)
			continue;
		if (lead == 0)
			candidate = native->addresses[stack.off + 1];
		lead = native->addresses[stack.off + 1] == candidate ? lead + 1 : lead - 1;
	}
	return candidate;
}

/*
 * If nearly all samples have the same second frame, it is that of the signal
 * handler and not of the program.
 */
static bool
drop_similar(PpNative *native)
{
	uint64_t address = majority(native);
	uint32_t n = 0;

	for (uint32_t i = 0; i < native->nsamples; i++)
		n += native->stacks[i].n > 1 && native->addresses[native->stacks[i].off + 1] == address;
	if (n == 0 || n < native->nsamples - native->nsamples / SIMILAR)
		return false;
	for (uint32_t i = 0; i < native->nsamples; i++)
	{
		PpNativeStack *stack = &native->stacks[i];
		uint64_t *frames = native->addresses + stack->off;

		if (stack->n > 1 && frames[1] == address)
		{
			/* the leaf moves up by one */
			frames[1] = frames[0];
			stack->off++;
			stack->n--;
		}
	}
	return true;
}

static PpCode
read_cpu(PpNative *native, Words *words, PpProfile **profile)
{
	PpLines map;
	PpCode code = read_records(native, words);

	if (code != PP_OK)
		return code;
	for (int i = 0; i < MAX_SIMILAR && drop_similar(native); i++)
		;
	map = pp_lines_of(words->data, words->len);
	map.at = words->at;
	return pp_native_finish(native, &map, true, profile);
}

PpCode
pp_gperftools_cpu_read(const PpFormatOptions *options, const uint8_t *data, size_t len,
					   const PpLimits *limits, PpArena *arena, PpProfile **profile, PpError *err)
{
	PpNative native;
	Words words;
	uint64_t kind, period;
	PpCode code;

	*profile = NULL;
	if (!read_header(data, len, &words, &kind, &period))
		return pp_fail(err, PP_EMALFORMED, 0, "not a binary CPU profile of gperftools");
	if (kind != 0)
		return pp_fail(err,
					   PP_EUNSUPPORTED,
					   0,
					   "the binary CPU profile of Java is not supported; \"go tool pprof -proto\" converts it");
	if (period > INT64_MAX / NS_PER_US)
		return pp_fail(err,
					   PP_EOVERFLOW,
					   3 * (size_t) words.size,
					   "period of %" PRIu64 " microseconds is out of range for bigint",
					   period);
	if ((code = pp_native_init(&native, limits, arena, err)) != PP_OK)
		return code;
	native.ntypes = 2;
	native.types[0] = "samples";
	native.units[0] = "count";
	native.types[1] = "cpu";
	native.units[1] = "nanoseconds";
	native.period_type = "cpu";
	native.period_unit = "nanoseconds";
	native.period = (int64_t) period * NS_PER_US;
	native.drop_frames = profiler_frames;
	code = read_cpu(&native, &words, profile);
	pp_native_free(&native);
	return code;
}
