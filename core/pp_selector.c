/*
 * pp_selector.c
 *		Label selectors: the vector selector of PromQL.
 *
 *   selector  = [ metric ] "{" [ item { "," item } [ "," ] ] "}"  |  metric
 *   item      = ( identifier | string ) op string  |  string
 *   op        = "="  "!="  "=~"  "!~"
 *
 * Blanks and #-comments may stand between tokens.  A metric name, in front or
 * as a lone string, is a matcher on __name__.
 */
#include "core/pp_labels.h"
#include "core/pp_text.h"

#include <string.h>

typedef struct Parser
{
	PpBytes text;
	uint32_t at;
	const PpRegex *regex;
	PpArena *arena;
	PpSelector *selector;
	uint32_t cap; /* of selector->matchers */
	bool named;	  /* a metric name was seen */
	PpError *err;
} Parser;

static PpCode
fail(Parser *p, size_t offset, const char *what)
{
	return pp_fail(p->err, PP_EINVALID, offset, "invalid selector: %s", what);
}

static bool
at_end(const Parser *p)
{
	return p->at == p->text.len;
}

static char
peek(const Parser *p)
{
	return at_end(p) ? '\0' : p->text.data[p->at];
}

static void
skip_space(Parser *p)
{
	for (; !at_end(p); p->at++)
	{
		char c = peek(p);

		if (c == '#')
		{
			while (p->at + 1 < p->text.len && p->text.data[p->at + 1] != '\n')
				p->at++;
		}
		else if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return;
	}
}

static bool
accept(Parser *p, char c)
{
	if (at_end(p) || peek(p) != c)
		return false;
	p->at++;
	return true;
}

/* Letters, digits and _; in a metric name also colons. */
static PpBytes
word(Parser *p, bool colons)
{
	uint32_t start = p->at;

	for (; !at_end(p); p->at++)
	{
		char c = peek(p);

		if (!pp_is_alpha(c) && !(colons && c == ':') && !(pp_is_digit(c) && p->at > start))
			break;
	}
	return (PpBytes){p->text.data + start, p->at - start};
}

static int
digit_value(char c)
{
	if (pp_is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* n digits of a base; the result is at most UINT32_MAX as n <= 8. */
static bool
number(Parser *p, int n, int base, uint32_t *value)
{
	*value = 0;
	for (int i = 0; i < n; i++, p->at++)
	{
		int digit = digit_value(peek(p));

		if (digit >= base)
			return false;
		*value = *value * base + digit;
	}
	return true;
}

/* What follows a backslash, appended at *out.  Escapes are Go's. */
static PpCode
unescape(Parser *p, char quote, char **out)
{
	static const char letters[] = "abfnrtv\\", bytes[] = "\a\b\f\n\r\t\v\\";
	size_t start = p->at - 1;
	char c = peek(p);
	const char *letter = c != '\0' ? strchr(letters, c) : NULL;
	uint32_t value;

	if (letter != NULL || c == quote)
	{
		*(*out)++ = letter != NULL ? bytes[letter - letters] : quote;
		p->at++;
		return PP_OK;
	}
	if (c == 'x' || (c >= '0' && c <= '7'))
	{
		p->at += c == 'x';
		if (!number(p, c == 'x' ? 2 : 3, c == 'x' ? 16 : 8, &value) || value > 255)
			return fail(p, start, "bad escape in a quoted string");
		*(*out)++ = (char) value;
		return PP_OK;
	}
	if (c == 'u' || c == 'U')
	{
		p->at++;
		if (!number(p, c == 'u' ? 4 : 8, 16, &value) || value > 0x10ffff ||
			(value >= 0xd800 && value <= 0xdfff))
			return fail(p, start, "bad escape in a quoted string");
		*out += pp_utf8_put(value, *out);
		return PP_OK;
	}
	return fail(p,
				start,
				at_end(p) ? "unterminated quoted string" : "unknown escape in a quoted string");
}

/* Bytes up to the closing quote, or to the end. */
static uint32_t
quoted_length(const Parser *p, char quote)
{
	uint32_t at = p->at + 1;

	while (at < p->text.len && p->text.data[at] != quote)
		at += p->text.data[at] == '\\' && quote != '`' ? 2 : 1;
	return at - p->at;
}

/* A string in any of the three quotes; its value lives in the arena. */
static PpCode
string(Parser *p, PpBytes *value)
{
	uint32_t start = p->at;
	char quote = peek(p);
	/* no escape is shorter than what it stands for */
	char *out = pp_arena_alloc(p->arena, quoted_length(p, quote)), *end = out;

	if (out == NULL)
		return pp_fail_nomem(p->err);
	for (p->at++; !accept(p, quote);)
	{
		uint32_t rune;
		size_t n = pp_utf8_next(p->text.data + p->at, p->text.len - p->at, &rune);
		PpCode code;

		if (at_end(p) || (rune == '\n' && quote != '`'))
			return fail(p, start, "unterminated quoted string");
		if (n == 0)
			return fail(p, p->at, "not valid UTF-8");
		if (rune == '\\' && quote != '`')
		{
			p->at++;
			if ((code = unescape(p, quote, &end)) != PP_OK)
				return code;
			continue;
		}
		memcpy(end, p->text.data + p->at, n);
		end += n;
		p->at += n;
	}
	*value = (PpBytes){out, (uint32_t) (end - out)};
	return PP_OK;
}

static bool
at_string(const Parser *p)
{
	return peek(p) == '"' || peek(p) == '\'' || peek(p) == '`';
}

static PpCode
add_matcher(Parser *p, PpMatchOp op, PpBytes name, PpBytes value, size_t value_offset)
{
	PpSelector *selector = p->selector;
	void *regex = NULL;

	if (p->regex != NULL && (op == PP_MATCH_RE || op == PP_MATCH_NRE))
	{
		regex = p->regex->compile(p->regex->ctx, value, p->err);
		if (regex == NULL)
		{
			if (p->err == NULL)
				return PP_EINVALID;
			/* the byte of the selector, not of the pattern */
			if (p->err->code == PP_EINVALID)
				p->err->offset = value_offset;
			return p->err->code;
		}
	}
	if (selector->n == p->cap)
	{
		uint32_t cap = p->cap == 0 ? 4 : p->cap * 2;
		PpMatcher *matchers = pp_arena_array(p->arena, cap, sizeof(PpMatcher));

		if (matchers == NULL)
			return pp_fail_nomem(p->err);
		if (selector->n > 0)
			memcpy(matchers, selector->matchers, selector->n * sizeof(PpMatcher));
		selector->matchers = matchers;
		p->cap = cap;
	}
	selector->matchers[selector->n++] = (PpMatcher){op, name, value, regex};
	return PP_OK;
}

static PpCode
metric_name(Parser *p, PpBytes name, size_t offset)
{
	if (p->named)
		return fail(p, offset, "metric name is given twice");
	if (name.len == 0)
		return fail(p, offset, "metric name is empty");
	p->named = true;
	return add_matcher(p, PP_MATCH_EQ, pp_bytes_cstr("__name__"), name, offset);
}

static bool
match_op(Parser *p, PpMatchOp *op)
{
	bool negated = accept(p, '!');

	if (negated && accept(p, '~'))
		*op = PP_MATCH_NRE;
	else if (!accept(p, '='))
		return false;
	else if (negated)
		*op = PP_MATCH_NE;
	else
		*op = accept(p, '~') ? PP_MATCH_RE : PP_MATCH_EQ;
	return true;
}

static PpCode
item(Parser *p)
{
	bool quoted = at_string(p);
	uint32_t start = p->at, value_offset;
	PpBytes name, value;
	PpMatchOp op;
	PpCode code;

	if (!quoted)
		name = word(p, false);
	else if ((code = string(p, &name)) != PP_OK)
		return code;
	if (!quoted && name.len == 0)
		return fail(p, p->at, at_end(p) ? "\"}\" is missing" : "label name expected");
	skip_space(p);
	if (quoted && (peek(p) == ',' || peek(p) == '}'))
		return metric_name(p, name, start);
	if (name.len == 0 || !pp_utf8_valid(name))
		return fail(p, start, "label name is empty or not valid UTF-8");
	if (!match_op(p, &op))
		return fail(p, p->at, "one of = != =~ !~ expected");
	skip_space(p);
	value_offset = p->at;
	if (!at_string(p))
		return fail(p, p->at, "quoted string expected");
	if ((code = string(p, &value)) != PP_OK)
		return code;
	return add_matcher(p, op, name, value, value_offset);
}

static PpCode
items(Parser *p)
{
	skip_space(p);
	while (!accept(p, '}'))
	{
		PpCode code = item(p);

		if (code != PP_OK)
			return code;
		skip_space(p);
		if (accept(p, ','))
			skip_space(p);
		else if (peek(p) != '}')
			return fail(p, p->at, at_end(p) ? "\"}\" is missing" : "\",\" or \"}\" expected");
	}
	return PP_OK;
}

PpCode
pp_selector_parse(PpBytes text, const PpRegex *regex, PpArena *arena, PpSelector *selector,
				  PpError *err)
{
	Parser parser = {.text = text, .regex = regex, .arena = arena, .selector = selector, .err = err};
	Parser *p = &parser;
	PpBytes metric;
	uint32_t start;
	PpCode code;

	*selector = (PpSelector){0, NULL};
	skip_space(p);
	if (at_end(p))
		return fail(p, 0, "empty text; \"{}\" selects everything");
	start = p->at;
	metric = word(p, true);
	if (metric.len > 0 && (code = metric_name(p, metric, start)) != PP_OK)
		return code;
	skip_space(p);
	if (accept(p, '{'))
	{
		if ((code = items(p)) != PP_OK)
			return code;
	}
	else if (metric.len == 0)
		return fail(p, p->at, "\"{\" or a metric name expected");
	skip_space(p);
	if (!at_end(p))
		return fail(p, p->at, "nothing may follow the selector");
	return PP_OK;
}

bool
pp_matcher_test(const PpMatcher *matcher, const PpRegex *regex, PpBytes value)
{
	bool negated = matcher->op == PP_MATCH_NE || matcher->op == PP_MATCH_NRE;

	if (matcher->op == PP_MATCH_EQ || matcher->op == PP_MATCH_NE)
		return (pp_bytes_eq(matcher->value, value) != 0) != negated;
	if (matcher->regex == NULL)
		return negated;
	return regex->match(regex->ctx, matcher->regex, value) != negated;
}

bool
pp_selector_match(const PpSelector *selector, const PpRegex *regex, const PpLabelSet *labels)
{
	for (uint32_t i = 0; i < selector->n; i++)
	{
		const PpMatcher *matcher = &selector->matchers[i];

		if (!pp_matcher_test(matcher, regex, pp_labels_get(labels, matcher->name)))
			return false;
	}
	return true;
}

/* Appends to out, if there is one; returns the length. */
static size_t
put(char *out, size_t at, const char *data, size_t len)
{
	if (out != NULL && len > 0)
		memcpy(out + at, data, len);
	return at + len;
}

static size_t
write_text(const PpSelector *selector, char *out, size_t size)
{
	static const char *const ops[] = {"=", "!=", "=~", "!~"};
	size_t at = put(out, 0, "{", 1);

	for (uint32_t i = 0; i < selector->n; i++)
	{
		const PpMatcher *m = &selector->matchers[i];

		if (i > 0)
			at = put(out, at, ", ", 2);
		if (pp_is_identifier(m->name))
			at = put(out, at, m->name.data, m->name.len);
		else
			at += pp_quote(m->name, out != NULL ? out + at : NULL, out != NULL ? size - at : 0);
		at = put(out, at, ops[m->op], strlen(ops[m->op]));
		at += pp_quote(m->value, out != NULL ? out + at : NULL, out != NULL ? size - at : 0);
	}
	return put(out, at, "}", 1);
}

PpCode
pp_selector_text(const PpSelector *selector, PpArena *arena, PpBytes *text, PpError *err)
{
	size_t len = write_text(selector, NULL, 0);
	char *out = len > UINT32_MAX ? NULL : pp_arena_alloc(arena, len);

	if (out == NULL)
		return pp_fail_nomem(err);
	write_text(selector, out, len);
	*text = (PpBytes){out, (uint32_t) len};
	return PP_OK;
}
