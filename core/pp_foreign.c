/*
 * pp_foreign.c
 *		Recognising formats that people send by mistake.
 *
 * The texts of Go's ?debug=1 and of gperftools carry bare addresses, which are of
 * little use without the binary, so they are refused; but by name.
 */
#define _GNU_SOURCE /* memmem */
#include "core/pp_foreign.h"

#include <stdbool.h>
#include <string.h>

#define LONGEST_HEADER ((size_t) 1024)

typedef struct Text
{
	const char *data;
	size_t len;
} Text;

static bool
starts_with(Text text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

static bool
contains(Text text, const char *what)
{
	return memmem(text.data, text.len, what, strlen(what)) != NULL;
}

/* First line that is neither empty nor a # comment, without leading blanks. */
static Text
first_line(const uint8_t *data, size_t len)
{
	Text text = {(const char *) data, len};

	for (;;)
	{
		const char *eol;

		while (text.len > 0 && strchr(" \t\r\n", text.data[0]) != NULL && text.data[0] != '\0')
			text = (Text){text.data + 1, text.len - 1};
		eol = memchr(text.data, '\n', text.len);
		if (text.len == 0 || text.data[0] != '#' || eol == NULL)
		{
			size_t end = eol != NULL ? (size_t) (eol - text.data) : text.len;

			return (Text){text.data, end < LONGEST_HEADER ? end : LONGEST_HEADER};
		}
		text.len -= (size_t) (eol - text.data);
		text.data = eol;
	}
}

static uint64_t
word(const uint8_t *p, int size, bool big_endian)
{
	uint64_t value = 0;

	for (int i = 0; i < size; i++)
		value = value << 8 | p[big_endian ? i : size - 1 - i];
	return value;
}

/* Five words 0, 3, 0 (1 from Java), period in microseconds, 0. */
static bool
is_gperftools_cpu(const uint8_t *data, size_t len)
{
	for (int variant = 0; variant < 4; variant++)
	{
		int size = variant < 2 ? 4 : 8;
		bool big = variant % 2 == 1;

		if (len >= 5 * (size_t) size && word(data, size, big) == 0 &&
			word(data + size, size, big) == 3 && word(data + 2 * size, size, big) <= 1 &&
			word(data + 3 * size, size, big) > 0 && word(data + 4 * size, size, big) == 0)
			return true;
	}
	return false;
}

static const char *
binary_format(const uint8_t *data, size_t len)
{
	Text text = {(const char *) data, len};

	if (len >= 2 && data[0] == 0x1f && data[1] == 0x8b)
		return "gzip data inside gzip data";
	if (len >= 4 && memcmp(data, "\x28\xb5\x2f\xfd", 4) == 0)
		return "zstd compression";
	/* the levels that zlib writes; any other would be a guess */
	if (len >= 2 && data[0] == 0x78 && strchr("\x01\x5e\x9c\xda", data[1]) != NULL && data[1] != 0)
		return "zlib compression";
	if (starts_with(text, "PERFILE2") || starts_with(text, "2ELIFREP"))
		return "the perf.data format of Linux perf";
	if (is_gperftools_cpu(data, len))
		return "the binary CPU profile of gperftools";
	return NULL;
}

const char *
pp_foreign_format(const uint8_t *data, size_t len)
{
	const char *name = binary_format(data, len);

	if (name != NULL)
		return name;

	Text line = first_line(data, len);

	if (starts_with(line, "heap profile:"))
		return contains(line, "@ growth") ? "the growth profile text of gperftools"
			   : contains(line, "@ fragmentation")
				   ? "the fragmentation profile text of gperftools"
				   : "the heap profile text of Go (debug=1) and gperftools";
	if (starts_with(line, "heap_v2/"))
		return "the heap profile text of jemalloc";
	if (contains(line, " profile: total "))
		return "the count profile text of Go (debug=1)";
	if (starts_with(line, "--- contention") || starts_with(line, "--- mutex:"))
		return "the contention profile text of Go (debug=1) and gperftools";
	if (starts_with(line, "--- threadz") || starts_with(line, "--- Thread "))
		return "the thread profile text of gperftools";
	if (starts_with(line, "--- heapz "))
		return "the heap profile text of Java";
	return NULL;
}
