/*
 * pp_gperftools_heap.c
 *		The text of heap profiles: "heap profile: 1: 2 [3: 4] @ heap_v2/524288".
 *
 * A line per stack gives objects and bytes in use, then those ever allocated,
 * then return addresses.  The word behind the @ says whether the numbers are
 * those of all allocations or of a sample of them, to be scaled up here.
 */
#define _GNU_SOURCE /* memmem */
#include <math.h>

#include "core/pp_gperftools_impl.h"
#include "core/pp_measure.h"

#define MAX_QUOTED 60 /* bytes of a line in a message */

/* Frames that allocate, which the tool leaves out of what it shows. */
static const char allocators[] =
	"calloc|cfree|malloc|free|memalign|do_memalign|(__)?posix_memalign|pvalloc|valloc|realloc|"
	"tcmalloc::.*|tc_calloc|tc_cfree|tc_malloc|tc_free|tc_memalign|tc_posix_memalign|tc_pvalloc|"
	"tc_valloc|tc_realloc|tc_new|tc_delete|tc_newarray|tc_deletearray|tc_new_nothrow|"
	"tc_newarray_nothrow|malloc_zone_malloc|malloc_zone_calloc|malloc_zone_valloc|"
	"malloc_zone_realloc|malloc_zone_memalign|malloc_zone_free|runtime\\..*|BaseArena::.*|"
	"(::)?do_malloc_no_errno|(::)?do_malloc_pages|(::)?do_malloc|DoSampledAllocation|"
	"MallocedMemBlock::MallocedMemBlock|_M_allocate|__builtin_(vec_)?delete|"
	"__builtin_(vec_)?new|__gnu_cxx::new_allocator::allocate|__libc_malloc|"
	"__malloc_alloc_template::allocate|allocate|cpp_alloc|operator new(\\[\\])?|"
	"simple_alloc::allocate";
/* ... except for frames of Go's runtime that stand between those of the program. */
static const char not_allocators[] = "runtime\\.panic|runtime\\.reflectcall|runtime\\.call[0-9]*";

/* "1: 2 [3: 4]": objects and bytes in use, then ever allocated. */
typedef struct Numbers
{
	PpBytes inuse_objects, inuse_bytes, alloc_objects, alloc_bytes;
} Numbers;

typedef struct HeapReader
{
	PpNative native;
	PpLines lines;
	bool has_alloc; /* four columns */
	bool sampled;	/* numbers are to be scaled up */
} HeapReader;

/* --- lines --- */

static void
skip_spaces(PpBytes *text)
{
	while (pp_skip_char(text, ' '))
		;
}

static bool
take_number(PpBytes *text, bool may_be_negative, PpBytes *number)
{
	PpBytes before = *text;

	if (may_be_negative)
		pp_skip_char(text, '-');
	if (pp_take_digits(text).len == 0)
		return false;
	*number = (PpBytes){before.data, before.len - text->len};
	return true;
}

/* Two numbers with a colon. */
static bool
take_pair(PpBytes *text, bool may_be_negative, PpBytes *objects, PpBytes *bytes)
{
	if (!take_number(text, may_be_negative, objects) || !pp_skip_char(text, ':'))
		return false;
	skip_spaces(text);
	if (!take_number(text, may_be_negative, bytes))
		return false;
	skip_spaces(text);
	return true;
}

static bool
take_numbers(PpBytes *text, bool may_be_negative, Numbers *numbers)
{
	if (!take_pair(text, may_be_negative, &numbers->inuse_objects, &numbers->inuse_bytes) ||
		!pp_skip_char(text, '['))
		return false;
	skip_spaces(text);
	return take_pair(text, false, &numbers->alloc_objects, &numbers->alloc_bytes) &&
		   pp_skip_char(text, ']');
}

/*
 * The first place in the line where the four numbers and an @ stand.  Behind a
 * run of digits where they do not, none of its other digits needs a look.
 */
static bool
find_sample(PpBytes line, Numbers *numbers, PpBytes *addresses)
{
	while (line.len > 0)
	{
		PpBytes rest = line;

		if (!pp_is_digit(line.data[0]) && line.data[0] != '-')
		{
			pp_skip(&line, 1);
			continue;
		}
		if (take_numbers(&rest, true, numbers) && pp_skip_text(&rest, " @"))
		{
			*addresses = rest;
			return true;
		}
		pp_skip_char(&line, '-');
		pp_take_digits(&line);
	}
	return false;
}

static bool
is_map_title(PpBytes line)
{
	static const char *const titles[] = {"--- Memory map: ---", "MAPPED_LIBRARIES:"};

	for (int i = 0; i < 2; i++)
		if (line.len > 0 && memmem(line.data, line.len, titles[i], strlen(titles[i])) != NULL)
			return true;
	return false;
}

static int
quoted(PpBytes line)
{
	return line.len < MAX_QUOTED ? (int) line.len : MAX_QUOTED;
}

static PpCode
bad_line(HeapReader *r, PpBytes line, const char *why)
{
	return pp_fail(r->native.err,
				   PP_EMALFORMED,
				   r->lines.start,
				   "%s in line %u: \"%.*s\"",
				   why,
				   r->lines.line,
				   quoted(line),
				   line.data);
}

/* --- numbers --- */

/*
 * exp() with the rounding errors of the pprof tool, as built for amd64 with fused
 * multiplication.  Where objects are much smaller than the sampling interval,
 * 1 - exp() cancels, and the last bit decides what is printed.  Shibata's method:
 * reduce by powers of two, a Taylor series of a sixteenth of the rest for
 * exp() - 1, and four doublings of the argument.
 */
static double
exp_of_tool(double x)
{
	static const double log2_e = 1.4426950408889634;
	/* ln 2 in two parts, the first with zeros enough to make n times it exact */
	static const double ln2_high = 0.69314718055966295651160180568695;
	static const double ln2_low = 0.28235290563031577122588448175013e-12;
	double n = rint(x * log2_e), r, y;

	if (!(fabs(n) < 1000))
		return exp(x);
	r = fma(-n, ln2_low, fma(-n, ln2_high, x)) / 16;
	y = 1.0 / 40320;
	for (double factorial = 5040, k = 7; k > 0; factorial /= k, k--)
		y = fma(y, r, 1 / factorial);
	y *= r;
	for (int i = 0; i < 3; i++)
		y *= y + 2;
	return ldexp(fma(y, y + 2, 1), (int) n);
}

/*
 * Of allocations of this mean size, one in `rate` bytes was seen: how many there
 * were.  A sample without objects or bytes says nothing.
 */
static bool
scale_up(int64_t rate, int64_t *count, int64_t *size)
{
	double mean, factor;

	if (*count == 0 || *size == 0)
	{
		*count = *size = 0;
		return true;
	}
	if (rate <= 1)
		return true;
	mean = (double) *size / (double) *count;
	factor = 1 / (1 - exp_of_tool(-mean / (double) rate));
	return pp_double_to_int64((double) *count * factor, count) &&
		   pp_double_to_int64((double) *size * factor, size);
}

/* Two columns; *mean is the size of one object, if there are any. */
static PpCode
take_values(HeapReader *r, PpBytes line, PpBytes objects, PpBytes bytes, int64_t *values,
			int64_t *mean)
{
	int64_t count, size;

	if (!pp_parse_int64(objects, &count) || !pp_parse_int64(bytes, &size))
		return bad_line(r, line, "number that is out of range for bigint");
	if (count == 0 && size != 0)
		return bad_line(r, line, "bytes of no objects");
	if (count == -1 && size == INT64_MIN)
		return bad_line(r, line, "size of an object that is out of range for bigint");
	if (count != 0)
	{
		*mean = size / count;
		if (r->sampled && !scale_up(r->native.period, &count, &size))
			return pp_fail(r->native.err,
						   PP_EOVERFLOW,
						   r->lines.start,
						   "estimate for line %u is out of range for bigint",
						   r->lines.line);
	}
	values[0] = count;
	values[1] = size;
	return PP_OK;
}

static bool
is_lower_hex(char c)
{
	return pp_is_digit(c) || (c >= 'a' && c <= 'f');
}

/* Every 0x... up to the first byte that belongs to no address. */
static PpCode
read_addresses(HeapReader *r, PpBytes line, PpBytes text)
{
	PpCode code = PP_OK;

	while (text.len > 0 && code == PP_OK)
	{
		PpBytes digits;
		uint64_t address;

		if (!pp_skip_text(&text, "0x"))
		{
			if (text.data[0] != ' ' && text.data[0] != 'x' && !is_lower_hex(text.data[0]))
				break;
			pp_skip(&text, 1);
			continue;
		}
		digits = (PpBytes){text.data, 0};
		for (; text.len > 0 && is_lower_hex(text.data[0]); digits.len++)
			pp_skip(&text, 1);
		if (digits.len == 0)
			continue;
		if (!pp_parse_hex64(digits, &address))
			return bad_line(r, line, "address of more than 64 bits");
		/* return addresses: the call is before them */
		code = pp_native_address(&r->native, address - 1, r->lines.start);
	}
	return code;
}

static PpCode
read_sample(HeapReader *r, PpBytes line)
{
	Numbers numbers;
	PpBytes addresses;
	int64_t values[4], mean = 0;
	PpCode code = PP_OK;

	if (!find_sample(line, &numbers, &addresses))
		return bad_line(r, line, "no sample");
	if (r->has_alloc)
		code = take_values(r, line, numbers.alloc_objects, numbers.alloc_bytes, values, &mean);
	if (code == PP_OK)
		code = take_values(r,
						   line,
						   numbers.inuse_objects,
						   numbers.inuse_bytes,
						   values + (r->has_alloc ? 2 : 0),
						   &mean);
	if (code == PP_OK)
		code = pp_native_sample(&r->native, values, mean, r->lines.start);
	return code == PP_OK ? read_addresses(r, line, addresses) : code;
}

/* --- the header --- */

static bool
text_is(PpBytes text, const char *what)
{
	return pp_bytes_eq(text, pp_bytes_cstr(what));
}

static bool
differs(PpBytes alloc, PpBytes inuse)
{
	return !pp_bytes_eq(alloc, inuse) && !text_is(alloc, "0");
}

static PpCode
unsupported(HeapReader *r, PpBytes kind)
{
	if (pp_starts_with(kind, "growth") || pp_starts_with(kind, "fragmentation"))
		return pp_fail(r->native.err,
					   PP_EUNSUPPORTED,
					   0,
					   "the %s profile text of gperftools is not supported; \"go tool pprof -proto\" converts it",
					   kind.data[0] == 'g' ? "growth" : "fragmentation");
	return pp_fail(r->native.err,
				   PP_EUNSUPPORTED,
				   0,
				   "a heap profile text of the kind \"%.*s\" is not supported",
				   quoted(kind),
				   kind.data);
}

/* The word behind the @, and the number behind that. */
static PpCode
read_kind(HeapReader *r, PpBytes text)
{
	PpBytes word = {text.data, 0}, digits;
	int64_t rate = 0;

	for (; text.len > 0 && (is_lower_hex(text.data[0]) || text.data[0] == '_' ||
							(text.data[0] >= 'g' && text.data[0] <= 'z'));
		 word.len++)
		pp_skip(&text, 1);
	pp_skip_char(&text, '/');
	digits = pp_take_digits(&text);
	if (digits.len > 0 && !pp_parse_int64(digits, &rate))
		return bad_line(r, digits, "sampling rate that is out of range for bigint");
	r->sampled = true;
	r->native.period = rate;
	if (text_is(word, "heap"))
		r->native.period = rate / 2;
	else if (text_is(word, "heapprofile"))
	{
		r->sampled = false;
		r->native.period = 1;
	}
	else if (!text_is(word, "heap_v2") && !text_is(word, "heapz_v2"))
		return unsupported(r, word);
	return PP_OK;
}

static PpCode
read_header(HeapReader *r)
{
	static const char title[] = "heap profile:";
	PpBytes line = {NULL, 0};

	pp_lines_next(&r->lines, &line);
	for (PpBytes text = line; text.len > 0; pp_skip(&text, 1))
	{
		const char *place = memmem(text.data, text.len, title, sizeof(title) - 1);
		Numbers numbers;

		if (place == NULL)
			break;
		pp_skip(&text, (uint32_t) (place - text.data));

		PpBytes rest = text;

		pp_skip(&rest, sizeof(title) - 1);
		skip_spaces(&rest);
		if (!take_numbers(&rest, false, &numbers))
			continue;
		skip_spaces(&rest);
		if (!pp_skip_char(&rest, '@'))
			continue;
		skip_spaces(&rest);
		r->has_alloc = differs(numbers.alloc_objects, numbers.inuse_objects) ||
					   differs(numbers.alloc_bytes, numbers.inuse_bytes);
		return read_kind(r, rest);
	}
	return bad_line(r, line, "no title of a heap profile");
}

static void
describe(HeapReader *r)
{
	static const char *const types[] = {"alloc_objects", "alloc_space", "inuse_objects", "inuse_space"};
	static const char *const units[] = {"count", "bytes", "count", "bytes"};
	const size_t inuse_ = sizeof("inuse_") - 1;
	PpNative *native = &r->native;

	native->ntypes = r->has_alloc ? 4 : 2;
	for (uint32_t i = 0; i < native->ntypes; i++)
	{
		native->types[i] = r->has_alloc ? types[i] : types[i + 2] + inuse_;
		native->units[i] = units[i];
	}
	native->period_type = "space";
	native->period_unit = "bytes";
	native->drop_frames = allocators;
	native->keep_frames = not_allocators;
	native->sizes_are_labels = true;
}

static PpCode
read_heap(HeapReader *r, PpProfile **profile)
{
	PpBytes line;
	PpCode code = read_header(r);

	describe(r);
	while (code == PP_OK && pp_lines_next(&r->lines, &line))
	{
		line = pp_trim(line);
		if (line.len == 0 || line.data[0] == '#')
			continue;
		if (is_map_title(line))
			break;
		code = read_sample(r, line);
	}
	return code == PP_OK ? pp_native_finish(&r->native, &r->lines, false, profile) : code;
}

PpCode
pp_gperftools_heap_read(const PpFormatOptions *options, const uint8_t *data, size_t len,
						const PpLimits *limits, PpArena *arena, PpProfile **profile, PpError *err)
{
	HeapReader r = {.lines = pp_lines_of(data, len)};
	PpCode code = pp_native_init(&r.native, limits, arena, err);

	*profile = NULL;
	if (code != PP_OK)
		return code;
	code = read_heap(&r, profile);
	pp_native_free(&r.native);
	return code;
}
