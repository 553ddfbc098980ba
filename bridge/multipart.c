/*
 * multipart.c
 *		multipart/form-data: the parts of a body that is wholly in memory.
 *
 * A delimiter is CR LF "--" boundary; the one that opens the body may lack the
 * CR LF.  After it come blanks and CR LF, or "--" for the end of the form.  What
 * precedes the first and follows the last delimiter is ignored.  Bare LF is taken
 * for CR LF, because hand-written clients send it.
 */
#include "bridge/multipart.h"

#include <string.h>
#include <strings.h>

typedef struct Parser
{
	const uint8_t *body;
	size_t len, at;
	const char *boundary;
	size_t boundary_len;
	PpError *err;
} Parser;

/*
 * Header parameters, `; name=value` or `; name="value"` with \ escapes.
 */

static const char *
skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at;
}

/* Copy one parameter value; returns the place after it. */
static const char *
param_value(const char *at, const char *end, char *value, size_t size)
{
	size_t len = 0;
	bool quoted = at < end && *at == '"';

	if (quoted)
		at++;
	for (; at < end; at++)
	{
		if (quoted ? *at == '"' : (*at == ';' || *at == ' ' || *at == '\t'))
			break;
		/* only these two may be escaped: some senders leave \ of Windows paths as it is */
		if (quoted && *at == '\\' && end - at > 1 && (at[1] == '"' || at[1] == '\\'))
			at++;
		if (len + 1 < size)
			value[len++] = *at;
	}
	value[len] = '\0';
	if (quoted && at < end)
		at++;
	return at;
}

/* Find a parameter after the first ';' of a header value. */
static bool
header_param(const char *at, const char *end, const char *name, char *value, size_t size)
{
	size_t name_len = strlen(name);

	while ((at = memchr(at, ';', (size_t) (end - at))) != NULL)
	{
		const char *start = at = skip_blanks(at + 1, end);

		while (at < end && *at != '=' && *at != ';')
			at++;
		if (at >= end || *at == ';')
			continue;
		if ((size_t) (at - start) == name_len && strncasecmp(start, name, name_len) == 0)
		{
			param_value(at + 1, end, value, size);
			return true;
		}
		/* a value may hold ';' inside quotes: step over it properly */
		at = param_value(at + 1, end, (char[2]){0}, 2);
	}
	return false;
}

bool
multipart_boundary(const char *content_type, char boundary[MULTIPART_MAX_BOUNDARY + 1])
{
	char value[MULTIPART_MAX_BOUNDARY + 2];
	size_t len;

	if (!header_param(content_type, content_type + strlen(content_type), "boundary", value, sizeof(value)))
		return false;
	len = strlen(value);
	if (len == 0 || len > MULTIPART_MAX_BOUNDARY)
		return false;
	memcpy(boundary, value, len + 1);
	return true;
}

/*
 * The body.
 */

static PpCode
malformed(Parser *parser, const char *what)
{
	return pp_fail(parser->err, PP_EMALFORMED, parser->at, "multipart: %s at byte %zu", what, parser->at);
}

/* Is a delimiter line at `at` (which is at its "--")?  *after is what follows the boundary. */
static bool
delimiter_at(const Parser *parser, size_t at, size_t *after)
{
	const uint8_t *p = parser->body + at;
	size_t left = parser->len - at, need = 2 + parser->boundary_len;

	if (left < need || p[0] != '-' || p[1] != '-' ||
		memcmp(p + 2, parser->boundary, parser->boundary_len) != 0)
		return false;
	*after = at + need;
	for (p += need, left -= need; left > 0 && (*p == ' ' || *p == '\t'); p++, left--)
		;
	/* longer text at the start of a line is content, not this boundary */
	return left == 0 || *p == '\r' || *p == '\n' || (left >= 2 && p[0] == '-' && p[1] == '-');
}

/* Find the next delimiter from parser->at on; *content_end excludes its line break. */
static bool
next_delimiter(Parser *parser, bool first, size_t *content_end, size_t *after)
{
	if (first && delimiter_at(parser, parser->at, after))
	{
		*content_end = parser->at;
		return true;
	}
	for (size_t at = parser->at; at < parser->len; at++)
	{
		const uint8_t *lf = memchr(parser->body + at, '\n', parser->len - at);

		if (lf == NULL)
			return false;
		at = (size_t) (lf - parser->body);
		if (at + 1 < parser->len && delimiter_at(parser, at + 1, after))
		{
			*content_end = at > parser->at && parser->body[at - 1] == '\r' ? at - 1 : at;
			return true;
		}
	}
	return false;
}

/* From behind a boundary to the start of the next line; false at "--", the end. */
static bool
open_part(Parser *parser, size_t after)
{
	const uint8_t *body = parser->body;

	if (after + 1 < parser->len && body[after] == '-' && body[after + 1] == '-')
		return false;
	while (after < parser->len && body[after] != '\n')
		after++;
	parser->at = after < parser->len ? after + 1 : after;
	return true;
}

static void
read_header(const char *line, size_t len, MultipartPart *part)
{
	static const char name[] = "content-disposition:";
	char filename[2];

	if (len < sizeof(name) - 1 || strncasecmp(line, name, sizeof(name) - 1) != 0)
		return;
	header_param(line, line + len, "name", part->name, sizeof(part->name));
	part->has_filename = header_param(line, line + len, "filename", filename, sizeof(filename));
}

static PpCode
read_headers(Parser *parser, MultipartPart *part)
{
	size_t start = parser->at;

	for (;;)
	{
		const char *line = (const char *) parser->body + parser->at;
		size_t left = parser->len - parser->at;
		const char *lf = left > 0 ? memchr(line, '\n', left) : NULL;
		size_t len;

		if (lf == NULL)
			return malformed(parser, "part without an end of its headers");
		len = (size_t) (lf - line);
		parser->at += len + 1;
		if (parser->at - start > MULTIPART_MAX_HEADERS)
			return malformed(parser, "part headers are too long");
		if (len > 0 && line[len - 1] == '\r')
			len--;
		if (len == 0)
			return PP_OK;
		read_header(line, len, part);
	}
}

PpCode
multipart_parse(const char *boundary, const uint8_t *body, size_t len, Multipart *out, PpError *err)
{
	Parser parser = {.body = body,
					 .len = len,
					 .boundary = boundary,
					 .boundary_len = strlen(boundary),
					 .err = err};
	size_t content_end, after;
	bool more;

	out->n = 0;
	more = next_delimiter(&parser, true, &content_end, &after);
	if (!more)
		return malformed(&parser, "no boundary in the body");
	while (open_part(&parser, after))
	{
		MultipartPart part = {0};
		PpCode code;

		if (out->n == MULTIPART_MAX_PARTS)
			return malformed(&parser, "too many parts");
		if ((code = read_headers(&parser, &part)) != PP_OK)
			return code;
		part.data = body + parser.at;
		/* a delimiter may follow the headers at once: the content is empty then */
		if (!next_delimiter(&parser, true, &content_end, &after))
			return malformed(&parser, "unexpected end of the body");
		part.len = content_end - (size_t) (part.data - body);
		out->parts[out->n++] = part;
	}
	return PP_OK;
}

const MultipartPart *
multipart_file(const Multipart *form, const char *name)
{
	for (uint32_t i = 0; i < form->n; i++)
	{
		if (form->parts[i].has_filename && strcmp(form->parts[i].name, name) == 0)
			return &form->parts[i];
	}
	return NULL;
}
