/*
 * pp_short_name.c
 *		Names of functions without package paths.
 *
 * The tool describes the shapes by regular expressions.  None of them needs
 * backtracking: every part ends at a character that cannot be inside it, so one
 * walk over the name decides.  Classes are ASCII; "any character" is no newline.
 */
#include "core/pp_short_name.h"

#include "core/pp_text.h"

#include <string.h>

/* A letter, a digit or an underscore. */
static bool
is_word(char c)
{
	return pp_is_alpha(c) || pp_is_digit(c);
}

static bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
starts_with(PpBytes text, uint32_t at, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len - at >= len && memcmp(text.data + at, prefix, len) == 0;
}

static PpBytes
part(PpBytes text, uint32_t start, uint32_t end)
{
	return (PpBytes){text.data + start, end - start};
}

/* First position from `at` on of a character, or the end. */
static uint32_t
find(PpBytes text, uint32_t at, char c)
{
	const char *found = at < text.len ? memchr(text.data + at, c, text.len - at) : NULL;

	return found == NULL ? text.len : (uint32_t) (found - text.data);
}

/* End of a run of word characters, and of dollars where they may be. */
static uint32_t
skip_word(PpBytes text, uint32_t at, bool dollars)
{
	while (at < text.len && (is_word(text.data[at]) || (dollars && text.data[at] == '$')))
		at++;
	return at;
}

/*
 * The first "/vN" with N >= 2 (no leading zero) before a dot or a slash: where
 * it starts, *end where it ends.
 */
static bool
find_version(PpBytes name, uint32_t *start, uint32_t *end)
{
	for (uint32_t i = find(name, 0, '/'); i < name.len; i = find(name, i + 1, '/'))
	{
		uint32_t digits = i + 2, n = digits;

		if (!starts_with(name, i, "/v"))
			continue;
		while (n < name.len && pp_is_digit(name.data[n]))
			n++;
		if (n == name.len || n == digits || (name.data[n] != '.' && name.data[n] != '/'))
			continue;
		if (name.data[digits] == '0' || (n - digits == 1 && name.data[digits] == '1'))
			continue;
		*start = i;
		*end = n;
		return true;
	}
	return false;
}

static PpCode
cut_version(PpBytes *name, PpArena *arena, PpError *err)
{
	uint32_t start, end;
	char *copy;

	if (find(*name, 0, '\n') < name->len || !find_version(*name, &start, &end))
		return PP_OK;
	if ((copy = pp_arena_alloc(arena, name->len)) == NULL)
		return pp_fail_nomem(err);
	memcpy(copy, name->data, start);
	memcpy(copy + start, name->data + end, name->len - end);
	*name = (PpBytes){copy, name->len - (end - start)};
	return PP_OK;
}

/*
 * dir/dir/package.rest: what follows the last directory behind which a name, a
 * dot and more are left.
 */
static bool
short_go(PpBytes name, PpBytes *result)
{
	uint32_t dot = 0, newline = 0; /* the next ones; looked for once, not for each directory */
	bool found = false;

	for (uint32_t at = 0; at < name.len;)
	{
		uint32_t end = at;

		while (end < name.len &&
			   (is_word(name.data[end]) || name.data[end] == '-' || name.data[end] == '.'))
			end++;
		if (end == at || end == name.len || name.data[end] != '/')
			break;
		at = end + 1;
		if (dot < at)
			dot = find(name, at, '.');
		if (dot > at && dot + 1 < name.len && name.data[dot + 1] != '\n')
		{
			if (newline <= dot)
				newline = find(name, dot + 1, '\n');
			*result = part(name, at, newline);
			found = true;
		}
	}
	return found;
}

/* package.package.Class.method, up to an opening parenthesis or the end */
static bool
short_java(PpBytes name, PpBytes *result)
{
	uint32_t start = 0, end;

	while (start < name.len && is_lower(name.data[start]))
	{
		start = skip_word(name, start, false);
		if (start == name.len || name.data[start] != '.')
			return false;
		start++;
	}
	if (start == name.len || !is_upper(name.data[start]))
		return false;
	end = skip_word(name, start, true);
	if (end == name.len || name.data[end] != '.')
		return false;
	end++;
	if (starts_with(name, end, "<init>"))
		end += (uint32_t) strlen("<init>");
	else if (end < name.len && is_lower(name.data[end]))
		end = skip_word(name, end, true);
	else
		return false;
	if (end < name.len && name.data[end] != '(')
		return false;
	*result = part(name, start, end);
	return true;
}

/* _*[A-Z]... */
static bool
is_class(PpBytes name, uint32_t at)
{
	while (at < name.len && name.data[at] == '_')
		at++;
	return at < name.len && is_upper(name.data[at]);
}

/* End of a method with its template arguments, or `at` if there is none. */
static uint32_t
method_end(PpBytes name, uint32_t at)
{
	uint32_t start = at < name.len && name.data[at] == '~' ? at + 1 : at, end, newline;

	if (start == name.len || !pp_is_alpha(name.data[start]))
		return at;
	end = skip_word(name, start, false);
	if (end == name.len || name.data[end] != '<')
		return end;
	newline = find(name, end, '\n');
	for (uint32_t i = newline; i-- > end;)
		if (name.data[i] == '>')
			return i + 1;
	return end;
}

/*
 * space::Class::method: the last two parts whose first is a class and not the
 * start of the name.
 */
static bool
short_cpp(PpBytes name, PpBytes *result)
{
	uint32_t at = 0, parts = 0;
	uint32_t start = 0; /* the last part met, if it is a class behind another part */
	bool found = false;

	for (;; parts++)
	{
		uint32_t end;

		if (at == name.len || !pp_is_alpha(name.data[at]))
			break;
		end = skip_word(name, at, false);
		if (!starts_with(name, end, "::"))
			break;
		if (start > 0)
		{
			*result = part(name, start, end);
			found = true;
		}
		start = parts > 0 && is_class(name, at) ? at : 0;
		at = end + 2;
	}
	if (start > 0 && method_end(name, at) > at)
	{
		*result = part(name, start, method_end(name, at));
		found = true;
	}
	return found;
}

PpCode
pp_short_name(PpBytes name, PpArena *arena, PpBytes *result, PpError *err)
{
	static const char anonymous[] = "(anonymous namespace)::";
	PpCode code;

	if (starts_with(name, 0, anonymous))
		name = part(name, (uint32_t) strlen(anonymous), name.len);
	if ((code = cut_version(&name, arena, err)) != PP_OK)
		return code;
	if (!short_go(name, result) && !short_java(name, result) && !short_cpp(name, result))
		*result = name;
	return PP_OK;
}
