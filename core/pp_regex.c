/*
 * pp_regex.c
 *		Regular expressions in RE2's spelling, rewritten for PostgreSQL's engine.
 *
 * One pass, atom by atom.  Every escape of letters and digits is rewritten or
 * refused, because the two dialects give many of them different meanings; every
 * group becomes one that captures nothing.
 */
#include "core/pp_regex.h"

#include "core/pp_text.h"

#include <stdio.h>
#include <string.h>

/* No construct grows by more: "\S" becomes 12 bytes, "\0" becomes 10. */
#define GROWTH 6

static const char blanks[] = "\\t\\n\\f\\r ";

typedef struct Rewriter
{
	PpBytes in;
	uint32_t at;
	char *out;
	size_t len;
	uint32_t depth; /* open groups: balance is checked here, as callers put more around */

	/*
	 * The engine makes copies of what is counted, and counts multiply when they
	 * are nested: copies[depth] is the most that something in the innermost open
	 * group is copied, last_copies that of the atom that ended last.
	 */
	uint16_t *copies;
	uint32_t last_copies;
	PpError *err;
} Rewriter;

static PpCode
fail(Rewriter *r, size_t offset, const char *what)
{
	return pp_fail(r->err, PP_EINVALID, offset, "invalid regular expression: %s", what);
}

static char
peek(const Rewriter *r, uint32_t ahead)
{
	return r->at + ahead < r->in.len ? r->in.data[r->at + ahead] : '\0';
}

static bool
starts_with(const Rewriter *r, const char *text)
{
	size_t len = strlen(text);

	return r->in.len - r->at >= len && memcmp(r->in.data + r->at, text, len) == 0;
}

static void
emit(Rewriter *r, const char *text)
{
	size_t len = strlen(text);

	memcpy(r->out + r->len, text, len);
	r->len += len;
}

static bool
is_alnum(char c)
{
	return (pp_is_alpha(c) && c != '_') || pp_is_digit(c);
}

/* A character that stands for itself, whatever it means elsewhere. */
static void
emit_literal(Rewriter *r, const char *data, size_t len)
{
	if (len == 1 && (uint8_t) data[0] < 0x80 && !is_alnum(data[0]) && data[0] != '_' && data[0] > ' ')
		r->out[r->len++] = '\\';
	memcpy(r->out + r->len, data, len);
	r->len += len;
}

static PpCode
emit_code(Rewriter *r, size_t start, uint32_t code)
{
	if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return fail(r, start, "character code is out of range");
	r->len += sprintf(r->out + r->len, "\\U%08x", code);
	return PP_OK;
}

static int
hex_value(char c)
{
	if (pp_is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \x7F or \x{10FFFF}; r->at is behind the x. */
static PpCode
hex_escape(Rewriter *r, size_t start)
{
	bool braces = peek(r, 0) == '{';
	uint32_t code = 0;
	int digits = 0;

	r->at += braces;
	for (; hex_value(peek(r, 0)) >= 0 && (braces || digits < 2) && code <= 0x10ffff; digits++)
		code = code * 16 + hex_value(r->in.data[r->at++]);
	if (digits == 0 || (!braces && digits < 2) || (braces && peek(r, 0) != '}'))
		return fail(r, start, "bad \\x escape");
	r->at += braces;
	return emit_code(r, start, code);
}

/* \0, \12, \123; a lone digit but 0 would be a back-reference. */
static PpCode
octal_escape(Rewriter *r, size_t start)
{
	uint32_t code = 0;
	int digits = 0;

	while (digits < 3 && peek(r, 0) >= '0' && peek(r, 0) <= '7')
	{
		code = code * 8 + (r->in.data[r->at++] - '0');
		digits++;
	}
	if (digits == 0 || (digits == 1 && code != 0))
		return fail(r, start, "back-references are not supported");
	return emit_code(r, start, code);
}

/* \Q...\E: everything in between is literal. */
static PpCode
quoted_run(Rewriter *r)
{
	while (r->at < r->in.len && !starts_with(r, "\\E"))
	{
		uint32_t rune;
		size_t n = pp_utf8_next(r->in.data + r->at, r->in.len - r->at, &rune);

		if (n == 0 || rune == 0)
			return fail(r, r->at, "not valid text");
		emit_literal(r, r->in.data + r->at, n);
		r->at += n;
	}
	if (r->at < r->in.len)
		r->at += 2;
	return PP_OK;
}

/* What follows a backslash, inside a bracket expression or outside. */
static PpCode
escape(Rewriter *r, bool bracket)
{
	size_t start = r->at;
	char c = peek(r, 1);
	char text[] = {'\\', c, '\0'};

	if (start + 1 == r->in.len)
		return fail(r, start, "\\ at the end");
	if ((uint8_t) c >= 0x80)
		return fail(r, start, "\\ before a character that needs none");
	if (pp_is_digit(c))
	{
		r->at++;
		return octal_escape(r, start);
	}
	r->at += 2;
	if (!is_alnum(c))
		emit_literal(r, &c, 1);
	else if (c == 'x')
		return hex_escape(r, start);
	else if (strchr("aftnrvdDwW", c) != NULL)
		emit(r, text);
	else if (c == 's')
	{
		emit(r, bracket ? "" : "[");
		emit(r, blanks);
		emit(r, bracket ? "" : "]");
	}
	else if (c == 'S' && !bracket)
	{
		emit(r, "[^");
		emit(r, blanks);
		emit(r, "]");
	}
	else if (c == 'S')
		emit(r, "\\S");
	else if (c == 'p' || c == 'P')
		return fail(r, start, "Unicode classes (\\p) are not supported");
	else if (bracket)
		return fail(r, start, "unknown escape in a character class");
	else if (c == 'b' || c == 'B')
		emit(r, c == 'b' ? "\\y" : "\\Y");
	else if (c == 'A' || c == 'z')
		emit(r, c == 'A' ? "\\A" : "\\Z");
	else if (c == 'Q')
		return quoted_run(r);
	else
		return fail(r, start, "unknown escape");
	return PP_OK;
}

/* [:alpha:] and the like, at r->at. */
static PpCode
named_class(Rewriter *r)
{
	static const char *const names[] = {"alnum",
										"alpha",
										"ascii",
										"blank",
										"cntrl",
										"digit",
										"graph",
										"lower",
										"print",
										"punct",
										"space",
										"upper",
										"word",
										"xdigit"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		char text[16];

		snprintf(text, sizeof(text), "[:%s:]", names[i]);
		if (starts_with(r, text))
		{
			emit(r, text);
			r->at += strlen(text);
			return PP_OK;
		}
	}
	return fail(r, r->at, "unknown character class");
}

/* A bracket expression, from "[" to "]". */
static PpCode
bracket(Rewriter *r)
{
	size_t start = r->at;
	bool first = true;

	emit(r, "[");
	r->at++;
	if (peek(r, 0) == '^')
	{
		emit(r, "^");
		r->at++;
	}
	for (; first || peek(r, 0) != ']'; first = false)
	{
		uint32_t rune;
		size_t n = pp_utf8_next(r->in.data + r->at, r->in.len - r->at, &rune);
		PpCode code = PP_OK;

		if (n == 0)
			return fail(r, start, "] is missing");
		if (starts_with(r, "[:"))
			code = named_class(r);
		else if (rune == '\\')
		{
			bool class = strchr("sSdDwW", peek(r, 1)) != NULL && peek(r, 1) != '\0';

			code = escape(r, true);
			/* behind a class a minus is itself */
			if (code == PP_OK && class && peek(r, 0) == '-')
			{
				emit(r, "\\-");
				r->at++;
			}
		}
		else if (rune == '-')
		{
			emit(r, "-");
			r->at++;
		}
		else
		{
			/* [ would begin [. or [= */
			emit_literal(r, r->in.data + r->at, n);
			r->at += n;
		}
		if (code != PP_OK)
			return code;
	}
	emit(r, "]");
	r->at++;
	return PP_OK;
}

/* The opening of a group; what it captures is of no interest. */
static PpCode
group(Rewriter *r)
{
	size_t start = r->at;
	bool named = starts_with(r, "(?P<") || (starts_with(r, "(?<") && pp_is_alpha(peek(r, 3)));

	emit(r, "(?:");
	r->copies[++r->depth] = 1;
	if (named)
	{
		r->at += peek(r, 2) == 'P' ? 4 : 3;
		while (pp_is_alpha(peek(r, 0)) || pp_is_digit(peek(r, 0)))
			r->at++;
		if (peek(r, 0) != '>' || r->in.data[r->at - 1] == '<')
			return fail(r, start, "bad name of a group");
		r->at++;
		return PP_OK;
	}
	if (peek(r, 1) != '?')
	{
		r->at++;
		return PP_OK;
	}
	if (peek(r, 2) == ':')
	{
		r->at += 3;
		return PP_OK;
	}
	if (peek(r, 2) == '=' || peek(r, 2) == '!' || peek(r, 2) == '<')
		return fail(r, start, "look-around is not supported");
	return fail(r, start, "flags are supported at the beginning only");
}

/* Is this "{" the start of {n}, {n,} or {n,m}?  If not, it is itself. */
static bool
at_repetition(const Rewriter *r)
{
	uint32_t i = 1;

	if (!pp_is_digit(peek(r, i)))
		return false;
	while (pp_is_digit(peek(r, i)))
		i++;
	if (peek(r, i) == ',')
		i++;
	while (pp_is_digit(peek(r, i)))
		i++;
	return peek(r, i) == '}';
}

/* {n}, {n,} or {n,m} at r->at. */
static PpCode
repetition(Rewriter *r)
{
	uint32_t count = 0, most = 1;
	size_t start = r->at;
	char c;

	do
	{
		c = r->in.data[r->at++];
		r->out[r->len++] = c;
		count = pp_is_digit(c) ? count * 10 + (c - '0') : 0;
		if (count > PP_REGEX_MAX_COPIES)
			return fail(r, start, "repeated too often");
		if (count > most)
			most = count;
	} while (c != '}');
	r->last_copies *= most;
	if (r->last_copies > PP_REGEX_MAX_COPIES)
		return fail(r, start, "repeated too often");
	if (r->last_copies > r->copies[r->depth])
		r->copies[r->depth] = r->last_copies;
	return PP_OK;
}

static PpCode
close_group(Rewriter *r)
{
	if (r->depth == 0)
		return fail(r, r->at, "unmatched )");
	r->last_copies = r->copies[r->depth--];
	if (r->last_copies > r->copies[r->depth])
		r->copies[r->depth] = r->last_copies;
	r->out[r->len++] = ')';
	r->at++;
	return PP_OK;
}

static PpCode
atom(Rewriter *r)
{
	uint32_t rune;
	size_t n = pp_utf8_next(r->in.data + r->at, r->in.len - r->at, &rune);

	if (n == 0 || rune == 0)
		return fail(r, r->at, "not valid text");
	if (rune == '{' && at_repetition(r))
		return repetition(r);
	if (rune == ')')
		return close_group(r);
	r->last_copies = 1;
	if (rune == '\\')
		return escape(r, false);
	if (rune == '[')
		return bracket(r);
	if (rune == '(')
		return group(r);
	if (rune < 0x80 && strchr(".*+?|^$", (int) rune) != NULL)
		r->out[r->len++] = (char) rune;
	else
		emit_literal(r, r->in.data + r->at, n);
	r->at += n;
	return PP_OK;
}

/* Flags in front: (?i), (?s) and (?U), of which the last two change no answer. */
static void
leading_flags(Rewriter *r, bool *ignore_case)
{
	while (starts_with(r, "(?"))
	{
		uint32_t i = 2;
		bool fold = false;

		for (; peek(r, i) == 'i' || peek(r, i) == 's' || peek(r, i) == 'U'; i++)
			fold = fold || peek(r, i) == 'i';
		if (i == 2 || peek(r, i) != ')')
			break;
		*ignore_case = *ignore_case || fold;
		r->at += i + 1;
	}
}

/* The inside of a group that is all of the text, if it is one. */
static PpBytes
without_group(PpBytes text)
{
	uint32_t skip = text.len > 2 && memcmp(text.data, "(?:", 3) == 0 ? 3 : 1;

	if (text.len < skip + 1 || text.data[0] != '(' || text.data[text.len - 1] != ')')
		return text;
	return (PpBytes){text.data + skip, text.len - skip - 1};
}

/* Split at |, undo escapes; false if something is more than literal. */
static bool
split_literals(PpBytes text, PpBytes *literals, uint32_t *nliterals, char *out)
{
	PpBytes *literal = literals;

	*literal = (PpBytes){out, 0};
	for (uint32_t i = 0; i < text.len; i++)
	{
		char c = text.data[i];

		if (c == '|')
		{
			*++literal = (PpBytes){out, 0};
			continue;
		}
		if (c == '\\')
		{
			if (++i == text.len || is_alnum(text.data[i]) || (uint8_t) text.data[i] >= 0x80)
				return false;
			c = text.data[i];
		}
		else if (c == '\0' || strchr(".*+?()[{^$", c) != NULL)
			return false;
		*out++ = c;
		literal->len++;
	}
	*nliterals = literal - literals + 1;
	return true;
}

static PpCode
find_literals(PpBytes text, PpArena *arena, PpRegexText *result, PpError *err)
{
	uint32_t most = 1;
	PpBytes *literals;
	char *out;

	text = without_group(text);
	for (uint32_t i = 0; i < text.len; i++)
		most += text.data[i] == '|';
	literals = pp_arena_array(arena, most, sizeof(PpBytes));
	out = pp_arena_alloc(arena, (size_t) text.len + 1);
	if (literals == NULL || out == NULL)
		return pp_fail_nomem(err);
	if (split_literals(text, literals, &result->nliterals, out))
		result->literals = literals;
	else
		result->nliterals = 0;
	return PP_OK;
}

PpCode
pp_regex_translate(PpBytes pattern, PpArena *arena, PpRegexText *result, PpError *err)
{
	Rewriter r = {.in = pattern, .err = err};
	uint32_t body;
	PpCode code;

	memset(result, 0, sizeof(*result));
	if (pattern.len > PP_REGEX_MAX_LENGTH)
		return pp_fail(err,
					   PP_EINVALID,
					   PP_REGEX_MAX_LENGTH,
					   "regular expression is longer than %d bytes",
					   PP_REGEX_MAX_LENGTH);
	r.out = pp_arena_alloc(arena, (size_t) pattern.len * GROWTH + 16);
	r.copies = pp_arena_array(arena, (size_t) pattern.len + 1, sizeof(uint16_t));
	if (r.out == NULL || r.copies == NULL)
		return pp_fail_nomem(err);
	r.copies[0] = 1;
	leading_flags(&r, &result->ignore_case);
	body = r.at;
	while (r.at < r.in.len)
	{
		if ((code = atom(&r)) != PP_OK)
			return code;
	}
	if (r.depth > 0)
		return fail(&r, r.in.len, ") is missing");
	result->pattern = (PpBytes){r.out, (uint32_t) r.len};
	if (result->ignore_case)
		return PP_OK;
	return find_literals((PpBytes){pattern.data + body, pattern.len - body}, arena, result, err);
}
