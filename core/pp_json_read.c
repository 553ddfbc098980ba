/*
 * pp_json_read.c
 *		A pull reader of JSON.
 *
 * A library that builds a tree takes twenty times the document in memory that
 * nobody counts; and the usual C libraries export names that the server exports
 * too (json_object).  Reading one format needs neither.
 */
#include "core/pp_json_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/pp_text.h"

#define POLL_EVERY		 4096
#define LONGEST_EXPONENT 9999
#define REPLACEMENT		 0xfffd
#define DECIMAL_DIGITS	 18

void
pp_json_init(PpJson *j, const uint8_t *data, size_t len, const PpAlloc *alloc)
{
	memset(j, 0, sizeof(*j));
	j->data = j->p = data;
	j->end = data + len;
	j->alloc = alloc;
}

void
pp_json_at(PpJson *j, const PpJson *other, size_t offset)
{
	pp_json_init(j, other->data, (size_t) (other->end - other->data), other->alloc);
	j->p += offset;
}

void
pp_json_free(PpJson *j)
{
	j->alloc->release(j->alloc->ctx, j->text);
	j->text = NULL;
	j->cap_text = 0;
}

bool
pp_json_fail(PpJson *j, size_t offset, PpCode code, const char *fmt, ...)
{
	char message[sizeof(j->err.message)];
	va_list args;

	if (j->code != PP_OK)
		return false;
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	j->code = pp_fail(&j->err, code, offset, "%s", message);
	return false;
}

static bool
syntax(PpJson *j, const char *expected)
{
	if (j->p == j->end)
		return pp_json_fail(j, pp_json_offset(j), PP_EMALFORMED, "JSON ends too early");
	return pp_json_fail(j, pp_json_offset(j), PP_EMALFORMED, "JSON is malformed: %s expected", expected);
}

/* The character that comes behind blanks; '\0' at the end (as for a NUL, which nothing expects). */
static char
next_char(PpJson *j)
{
	if (j->code != PP_OK)
		return '\0';
	while (j->p < j->end && (*j->p == ' ' || *j->p == '\n' || *j->p == '\t' || *j->p == '\r'))
		j->p++;
	return j->p < j->end ? (char) *j->p : '\0';
}

char
pp_json_peek(PpJson *j)
{
	char c = next_char(j);

	if (c == '-' || pp_is_digit(c))
		return '0';
	if (c != '\0' && strchr("{[\"tfn", c) != NULL)
		return c;
	syntax(j, "a value");
	return '\0';
}

static bool
take(PpJson *j, char wanted, const char *name)
{
	if (next_char(j) != wanted)
		return syntax(j, name);
	j->p++;
	return j->code == PP_OK;
}

static bool
begin(PpJson *j, char bracket, const char *name)
{
	if (!take(j, bracket, name))
		return false;
	j->first = true;
	return true;
}

bool
pp_json_object(PpJson *j)
{
	return begin(j, '{', "an object");
}

bool
pp_json_array(PpJson *j)
{
	return begin(j, '[', "an array");
}

/* Step to the next entry, over the comma; false at the closing bracket, which is taken. */
static bool
next_entry(PpJson *j, char closing, const char *expected)
{
	bool first = j->first;
	char c = next_char(j);

	j->first = false;
	if (j->code != PP_OK)
		return false;
	if (++j->ticks % POLL_EVERY == 0 && pp_poll(j->alloc))
		return pp_json_fail(j, pp_json_offset(j), PP_ECANCELED, "canceled");
	if (c == closing)
	{
		j->p++;
		return false;
	}
	if (first)
		return true;
	if (c != ',')
		return syntax(j, expected);
	j->p++;
	return true;
}

bool
pp_json_member(PpJson *j, PpBytes *key)
{
	return next_entry(j, '}', "a comma or }") && pp_json_string(j, key) && take(j, ':', "a colon");
}

bool
pp_json_element(PpJson *j)
{
	return next_entry(j, ']', "a comma or ]") && pp_json_peek(j) != '\0';
}

/* --- strings --- */

/* Where the string ends whose inside begins here; NULL, and the error recorded, if it does not. */
static const uint8_t *
find_quote(PpJson *j, bool *escapes)
{
	const uint8_t *p = j->p;

	*escapes = false;
	for (; p < j->end && *p != '"'; p++)
	{
		if (*p < 0x20)
		{
			j->p = p;
			syntax(j, "\" or an escape instead of the control character");
			return NULL;
		}
		if (*p == '\\')
		{
			*escapes = true;
			if (++p == j->end)
				break;
		}
	}
	if (p < j->end)
		return p;
	j->p = j->end;
	syntax(j, "\"");
	return NULL;
}

/* Four hexadecimal digits behind \u; -1 if there are none. */
static int32_t
hex4(const uint8_t *p, const uint8_t *end)
{
	int32_t value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		int c = p[i] | 0x20;

		if (pp_is_digit((char) p[i]))
			value = value << 4 | (p[i] - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (c - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/*
 * The rune of \uXXXX, whose digits come; half a pair stands for no character.
 * NULL if the digits are wrong.
 */
static const uint8_t *
unicode_escape(const uint8_t *p, const uint8_t *end, uint32_t *rune)
{
	int32_t high = hex4(p, end), low;

	if (high < 0)
		return NULL;
	p += 4;
	*rune = (uint32_t) high;
	if (high < 0xd800 || high > 0xdfff)
		return p;
	*rune = REPLACEMENT;
	if (high > 0xdbff || end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return p;
	low = hex4(p + 2, end);
	if (low < 0xdc00 || low > 0xdfff)
		return p;
	*rune = 0x10000 + ((uint32_t) (high - 0xd800) << 10 | (uint32_t) (low - 0xdc00));
	return p + 6;
}

/* One escape, behind its backslash; the bytes go to *out.  NULL if it is none. */
static const uint8_t *
escape(const uint8_t *p, const uint8_t *end, char **out)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *name;
	uint32_t rune;

	if (*p == 'u')
	{
		p = unicode_escape(p + 1, end, &rune);
		if (p != NULL)
			*out += pp_utf8_put(rune, *out);
		return p;
	}
	name = *p != '\0' ? strchr(names, *p) : NULL;
	if (name == NULL)
		return NULL;
	*(*out)++ = values[name - names];
	return p + 1;
}

/* The text between j->p and end, with escapes, into j->text: it only gets shorter. */
static bool
unescape(PpJson *j, const uint8_t *end, PpBytes *text)
{
	size_t room = (size_t) (end - j->p);
	const uint8_t *p = j->p;
	char *out;

	if (room > j->cap_text)
	{
		char *grown = j->alloc->resize(j->alloc->ctx, j->text, room);

		if (grown == NULL)
			return pp_json_fail(j, PP_NO_OFFSET, PP_ENOMEM, "out of memory");
		j->text = grown;
		j->cap_text = room;
	}
	out = j->text;
	while (p < end)
	{
		if (*p != '\\')
		{
			*out++ = (char) *p++;
			continue;
		}
		j->p = p;
		p = escape(p + 1, end, &out);
		if (p == NULL)
			return syntax(j, "an escape of JSON");
	}
	*text = (PpBytes){j->text, (uint32_t) (out - j->text)};
	return true;
}

bool
pp_json_string(PpJson *j, PpBytes *text)
{
	const uint8_t *end;
	bool escapes;

	if (!take(j, '"', "a string"))
		return false;
	end = find_quote(j, &escapes);
	if (end == NULL || (escapes && !unescape(j, end, text)))
		return false;
	if (!escapes)
		*text = (PpBytes){(const char *) j->p, (uint32_t) (end - j->p)};
	j->p = end + 1;
	return true;
}

/* --- numbers and words --- */

static const uint8_t *
digits(const uint8_t *p, const uint8_t *end)
{
	while (p < end && pp_is_digit((char) *p))
		p++;
	return p;
}

bool
pp_json_number(PpJson *j, PpBytes *text)
{
	char c = next_char(j);
	const uint8_t *start = j->p, *p = start;
	bool good;

	if (c != '-' && !pp_is_digit(c))
		return syntax(j, "a number");
	p += c == '-';
	good = digits(p, j->end) > p && !(*p == '0' && digits(p, j->end) > p + 1);
	p = digits(p, j->end);
	if (p < j->end && *p == '.')
	{
		good &= digits(p + 1, j->end) > p + 1;
		p = digits(p + 1, j->end);
	}
	if (p < j->end && (*p | 0x20) == 'e')
	{
		p++;
		if (p < j->end && (*p == '+' || *p == '-'))
			p++;
		good &= digits(p, j->end) > p;
		p = digits(p, j->end);
	}
	if (!good)
		return syntax(j, "a number");
	*text = (PpBytes){(const char *) start, (uint32_t) (p - start)};
	j->p = p;
	return true;
}

static bool
take_word(PpJson *j, const char *word)
{
	size_t len = strlen(word);

	if ((size_t) (j->end - j->p) < len || memcmp(j->p, word, len) != 0)
		return syntax(j, "a value");
	j->p += len;
	return true;
}

bool
pp_json_null(PpJson *j)
{
	return next_char(j) == 'n' && take_word(j, "null");
}

/* --- all the rest --- */

static bool
skip_scalar(PpJson *j, char c)
{
	PpBytes text;
	const uint8_t *end;
	bool escapes;

	switch (c)
	{
		case '"':
			/* what the escapes say does not matter */
			j->p++;
			end = find_quote(j, &escapes);
			if (end != NULL)
				j->p = end + 1;
			return end != NULL;
		case '0':
			return pp_json_number(j, &text);
		case 't':
			return take_word(j, "true");
		case 'f':
			return take_word(j, "false");
		case 'n':
			return take_word(j, "null");
		default:
			return false;
	}
}

/* Step behind the containers that end here, and to the value that comes then. */
static bool
skip_to_value(PpJson *j, const char *open, uint32_t *depth)
{
	PpBytes key;

	while (*depth > 0)
	{
		if (open[*depth - 1] == '{' ? pp_json_member(j, &key) : pp_json_element(j))
			return true;
		if (j->code != PP_OK)
			return false;
		--*depth;
	}
	return false;
}

bool
pp_json_skip(PpJson *j)
{
	char open[PP_JSON_DEPTH];
	uint32_t depth = 0;

	do
	{
		char c = pp_json_peek(j);

		if (c == '{' || c == '[')
		{
			if (depth == PP_JSON_DEPTH)
				return pp_json_fail(j,
									pp_json_offset(j),
									PP_EMALFORMED,
									"JSON is nested more than %d deep",
									PP_JSON_DEPTH);
			open[depth++] = c;
			begin(j, c, "a value");
		}
		else if (!skip_scalar(j, c))
			return false;
	} while (skip_to_value(j, open, &depth));
	return j->code == PP_OK;
}

bool
pp_json_end(PpJson *j)
{
	next_char(j);
	if (j->code == PP_OK && j->p < j->end)
		return syntax(j, "the end");
	return j->code == PP_OK;
}

/* --- decimals --- */

/* The exponent of a number, kept within what makes a difference. */
static int
read_exponent(PpBytes number, uint32_t at)
{
	int value = 0;
	bool negative = false;

	for (; at < number.len; at++)
	{
		char c = number.data[at];

		if (c == '-')
			negative = true;
		else if (pp_is_digit(c) && value <= LONGEST_EXPONENT)
			value = value * 10 + (c - '0');
	}
	return negative ? -value : value;
}

/* One digit more; false if that does not fit. */
static bool
push_digit(__int128 *value, int digit)
{
	return !__builtin_mul_overflow(*value, 10, value) &&
		   !__builtin_add_overflow(*value, digit, value);
}

bool
pp_json_decimal(PpBytes number, int scale, __int128 *value)
{
	bool negative = number.len > 0 && number.data[0] == '-', fraction = false;
	uint32_t at = negative, mark;
	int64_t power; /* of ten, of the digit that comes, in units of 10^-18 */

	*value = 0;
	for (mark = at; mark < number.len && (number.data[mark] | 0x20) != 'e'; mark++)
		;
	power = (int64_t) scale + DECIMAL_DIGITS + read_exponent(number, mark);
	/* digits until the point or the ones that are cut off; then zeros */
	for (; at < mark; at++)
	{
		fraction |= number.data[at] == '.';
		if (number.data[at] == '.')
			continue;
		if (fraction && power <= 0)
			break;
		power -= fraction;
		if (!push_digit(value, number.data[at] - '0'))
			return false;
	}
	for (; power > 0 && *value != 0; power--)
		if (!push_digit(value, 0))
			return false;
	for (; power < 0 && *value != 0; power++)
		*value /= 10;
	if (negative)
		*value = -*value;
	return true;
}
