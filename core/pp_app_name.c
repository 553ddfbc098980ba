/*
 * pp_app_name.c
 *		The application key of /ingest: `app.cpu{env=prod,region=x}`.
 *
 * Nothing is quoted and nothing escaped.  The grammar is that of the clients'
 * old servers, leniency included: a pair that the text ends in is dropped, so a
 * missing brace costs the last tag and is no error.
 */
#include "core/pp_labels.h"
#include "core/pp_text.h"

#include <string.h>

static bool
is_space(uint32_t rune)
{
	return (rune >= '\t' && rune <= '\r') || rune == ' ' || rune == 0x85 || rune == 0xa0 ||
		   rune == 0x1680 || (rune >= 0x2000 && rune <= 0x200a) || rune == 0x2028 ||
		   rune == 0x2029 || rune == 0x202f || rune == 0x205f || rune == 0x3000;
}

static PpBytes
trim(PpBytes text)
{
	uint32_t rune;
	size_t n;

	while ((n = pp_utf8_next(text.data, text.len, &rune)) > 0 && is_space(rune))
		text = (PpBytes){text.data + n, text.len - n};
	while (text.len > 0)
	{
		size_t start = text.len - 1;

		while (start > 0 && (text.data[start] & 0xc0) == 0x80)
			start--;
		n = pp_utf8_next(text.data + start, text.len - start, &rune);
		if (n != text.len - start || !is_space(rune))
			break;
		text.len = start;
	}
	return text;
}

/* what is "service name" or "label name"; extra lists what may stand beside letters and digits. */
static PpCode
check_name(PpBytes name, const char *what, const char *extra, PpError *err)
{
	if (name.len == 0)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "%s is required", what);
	for (size_t i = 0, n; i < name.len; i += n)
	{
		uint32_t rune;

		n = pp_utf8_next(name.data + i, name.len - i, &rune);
		if (n == 1 && (pp_is_alpha(rune) || pp_is_digit(rune) ||
					   (rune != 0 && strchr(extra, (int) rune) != NULL)))
			continue;

		char shown[64], character[16];
		PpBytes bad = n == 0 ? pp_bytes_cstr("\xef\xbf\xbd") : (PpBytes){name.data + i, n};

		return pp_fail(err,
					   PP_EINVALID,
					   PP_NO_OFFSET,
					   "invalid %s: %s: character is not allowed: '%s'",
					   what,
					   pp_quote_short(name, shown, sizeof(shown)),
					   pp_quote_short(bad, character, sizeof(character)));
	}
	return PP_OK;
}

/* The byte of stops that comes first, or the end. */
static size_t
find_any(PpBytes text, size_t from, const char *stops)
{
	while (from < text.len && (text.data[from] == '\0' || !strchr(stops, text.data[from])))
		from++;
	return from;
}

static PpBytes
between(PpBytes text, size_t start, size_t end)
{
	return trim((PpBytes){text.data + start, end - start});
}

/* Pairs behind the first brace; room for as many as there are equal signs. */
static PpCode
parse_tags(PpBytes text, size_t at, PpBytes *name, PpLabelSet *tags, PpError *err)
{
	while (at < text.len)
	{
		size_t equal = find_any(text, at, "=}"), end;
		PpBytes key, value;
		PpCode code;

		if (equal == text.len || text.data[equal] == '}')
			break;
		key = between(text, at, equal);
		if ((code = check_name(key, "label name", ".", err)) != PP_OK)
			return code;
		end = find_any(text, equal + 1, ",}");
		if (end == text.len)
			break;
		value = between(text, equal + 1, end);
		if (pp_bytes_eq(key, pp_bytes_cstr("__name__")))
			*name = value;
		else
			tags->pairs[tags->n++] = (PpLabelPair){key, value};
		at = end + 1;
	}
	return PP_OK;
}

PpCode
pp_app_name_parse(PpBytes text, PpArena *arena, PpBytes *name, PpLabelSet *tags, PpError *err)
{
	size_t brace = find_any(text, 0, "{"), nequal = 0;
	PpCode code;

	*name = between(text, 0, brace);
	*tags = (PpLabelSet){0, NULL};
	if ((code = check_name(*name, "service name", "-./", err)) != PP_OK)
		return code;
	for (size_t i = brace; i < text.len; i++)
		nequal += text.data[i] == '=';
	tags->pairs = pp_arena_array(arena, nequal, sizeof(PpLabelPair));
	if (tags->pairs == NULL)
		return pp_fail_nomem(err);
	if (brace < text.len && (code = parse_tags(text, brace + 1, name, tags, err)) != PP_OK)
		return code;
	pp_labels_normalize(tags);
	return PP_OK;
}
