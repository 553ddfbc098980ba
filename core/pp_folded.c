/*
 * pp_folded.c
 *		Folded stacks, and lines without counts, to a profile.
 *
 * Neighbouring lines mostly begin alike, since the tools sort them.  The frames
 * that a line shares with the one before are looked up once for both.
 */
#define _GNU_SOURCE /* memrchr */
#include "core/pp_folded.h"

#include <string.h>

#include "core/pp_stack_text.h"
#include "core/pp_text.h"

typedef struct Lines
{
	const char *data, *p, *end;
	size_t number; /* of the line that was read last, from 1 */
} Lines;

/* The next line without its end; false if there is none. */
static bool
next_line(Lines *lines, PpBytes *line)
{
	const char *eol;
	size_t len;

	if (lines->p == lines->end)
		return false;
	eol = memchr(lines->p, '\n', (size_t) (lines->end - lines->p));
	len = (size_t) ((eol != NULL ? eol : lines->end) - lines->p);
	line->data = lines->p;
	lines->p += len + (eol != NULL);
	if (len > 0 && line->data[len - 1] == '\r')
		len--;
	line->len = (uint32_t) len;
	lines->number++;
	return true;
}

static void
fail_line(PpBuilder *b, const Lines *lines, PpCode code, const char *at, PpBytes what,
		  const char *problem)
{
	char quoted[64];
	PpError err;

	pp_fail(&err,
			code,
			(size_t) (at - lines->data),
			"line %zu: the count \"%s\" %s",
			lines->number,
			pp_quote_short(what, quoted, sizeof(quoted)),
			problem);
	pp_builder_fail(b, &err);
}

/* A signed decimal number; PP_EMALFORMED if it is none, PP_EOVERFLOW if it does not fit. */
static PpCode
parse_count(PpBytes text, int64_t *value)
{
	bool negative = text.len > 0 && text.data[0] == '-';
	uint32_t at = negative || (text.len > 0 && text.data[0] == '+');
	bool overflow = false;

	*value = 0;
	if (at == text.len)
		return PP_EMALFORMED;
	for (; at < text.len; at++)
	{
		int digit = text.data[at] - '0';

		if (digit < 0 || digit > 9)
			return PP_EMALFORMED;
		overflow |= __builtin_mul_overflow(*value, 10, value) ||
					__builtin_add_overflow(*value, negative ? -digit : digit, value);
	}
	return overflow ? PP_EOVERFLOW : PP_OK;
}

/* Split at the last blank; false if there is none, or the count is bad (an error then). */
static bool
split_line(PpBuilder *b, const Lines *lines, PpBytes line, PpBytes *stack, int64_t *count)
{
	const char *blank = line.len > 0 ? memrchr(line.data, ' ', line.len) : NULL;
	PpBytes number;

	if (blank == NULL)
		return false;
	stack->data = line.data;
	stack->len = (uint32_t) (blank - line.data);
	number = (PpBytes){blank + 1, line.len - stack->len - 1};
	switch (parse_count(number, count))
	{
		case PP_OK:
			return true;
		case PP_EOVERFLOW:
			fail_line(b, lines, PP_EOVERFLOW, number.data, number, "is out of range for bigint");
			return false;
		default:
			fail_line(b,
					  lines,
					  PP_EMALFORMED,
					  number.data,
					  number,
					  number.len == 0
						  ? "behind the last blank is missing"
						  : "is not a whole number (count in a smaller unit to avoid fractions)");
			return false;
	}
}

/* Go back to where this line leaves the one before, and append the rest. */
static bool
set_stack(PpStackText *s, PpBytes before, PpBytes stack, size_t offset)
{
	PpStackMark mark = {0};
	uint32_t same = 0;
	uint32_t most = before.len < stack.len ? before.len : stack.len;
	uint32_t skip = 0; /* bytes of the line that are already there */

	while (same < most && before.data[same] == stack.data[same])
		same++;
	/* only whole frames, with their ";" */
	for (uint32_t i = 0; i < s->nframes; i++)
	{
		uint32_t end = (uint32_t) s->frames[i].end + i + 1;

		if (end > same)
			break;
		mark = (PpStackMark){s->frames[i].end, s->frames[i].end, i + 1};
		skip = end;
	}
	pp_stack_text_rewind(s, mark);
	return pp_stack_text_append(s, stack.data + skip, stack.len - skip, offset + skip);
}

static void
fail_without_counts(PpBuilder *b, const Lines *lines)
{
	PpError err;

	pp_fail(&err,
			PP_EMALFORMED,
			0,
			"none of the %zu lines ends in a blank and a count (stacks without counts are the format \"lines\")",
			lines->number);
	pp_builder_fail(b, &err);
}

static void
read_lines(PpBuilder *b, PpStackText *s, const uint8_t *data, size_t len, bool counted)
{
	Lines lines = {(const char *) data, (const char *) data, (const char *) data + len, 0};
	PpBytes line, stack, before = {"", 0};
	bool any = false, skipped = false;
	int64_t count = 1;

	/* a byte order mark, as some editors write it */
	if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
		lines.p += 3;
	while (pp_builder_ok(b) && next_line(&lines, &line))
	{
		stack = line;
		if (line.len == 0)
			continue;
		if (counted && !split_line(b, &lines, line, &stack, &count))
		{
			skipped = true;
			continue;
		}
		any = true;
		if (set_stack(s, before, stack, (size_t) (stack.data - lines.data)))
			pp_stack_text_sample(s, count, (size_t) (stack.data - lines.data));
		before = stack;
	}
	if (skipped && !any)
		fail_without_counts(b, &lines);
}

static PpCode
read_text(const PpFormatOptions *options, const uint8_t *data, size_t len, const PpLimits *limits,
		  PpArena *arena, PpProfile **profile, PpError *err, bool counted)
{
	PpBuilder *b = pp_builder_new(arena, limits);
	PpStackText s;
	PpCode code;

	*profile = NULL;
	if (b == NULL)
		return pp_fail_nomem(err);
	pp_stack_text_init(&s, b, arena, limits);
	pp_format_header(b, options);
	read_lines(b, &s, data, len, counted);
	pp_stack_text_free(&s);
	code = pp_builder_finish(b, profile, err);
	pp_builder_free(b);
	return code;
}

PpCode
pp_folded_read(const PpFormatOptions *options, const uint8_t *data, size_t len,
			   const PpLimits *limits, PpArena *arena, PpProfile **profile, PpError *err)
{
	return read_text(options, data, len, limits, arena, profile, err, true);
}

PpCode
pp_lines_read(const PpFormatOptions *options, const uint8_t *data, size_t len,
			  const PpLimits *limits, PpArena *arena, PpProfile **profile, PpError *err)
{
	return read_text(options, data, len, limits, arena, profile, err, false);
}

/* A number behind the last blank, or what somebody took for one. */
static bool
ends_in_count(PpBytes line)
{
	const char *blank = line.len > 0 ? memrchr(line.data, ' ', line.len) : NULL;
	const char *end = line.data + line.len, *p;

	if (blank == NULL)
		return false;
	p = blank + 1;
	if (p < end && (*p == '-' || *p == '+'))
		p++;
	if (p == end)
		return false;
	for (; p < end; p++)
		if (!pp_is_digit(*p) && *p != '.')
			return false;
	return true;
}

bool
pp_is_folded(const uint8_t *data, size_t len)
{
	Lines lines = {(const char *) data, (const char *) data, (const char *) data + len, 0};
	PpBytes line;

	while (next_line(&lines, &line))
		if (ends_in_count(line))
			return true;
	return false;
}
