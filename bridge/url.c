/*
 * url.c
 *		Paths and query strings of requests.
 */
#include "bridge/url.h"

#include "bridge/buf.h"

#include <string.h>

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* *ok is cleared for escapes that are broken or make NUL or bad UTF-8. */
static char *
decode(const char *raw, size_t len, bool plus_is_blank, PpArena *arena, bool *ok)
{
	char *out = pp_arena_alloc(arena, len + 1);
	size_t n = 0;

	*ok = false;
	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < len; i++)
	{
		char c = raw[i];

		if (c == '+' && plus_is_blank)
			c = ' ';
		else if (c == '%')
		{
			int high = len - i > 2 ? hex_digit(raw[i + 1]) : -1;

			if (high < 0 || hex_digit(raw[i + 2]) < 0)
				return out;
			c = (char) (high << 4 | hex_digit(raw[i + 2]));
			i += 2;
		}
		if (c == '\0')
			return out;
		out[n++] = c;
	}
	out[n] = '\0';
	*ok = utf8_valid(out, n);
	return out;
}

char *
url_path(const char *raw, size_t len, PpArena *arena)
{
	bool ok;
	char *path = decode(raw, len, false, arena, &ok);
	size_t n = 0;

	if (path == NULL || !ok)
		return NULL;
	for (size_t i = 0; path[i] != '\0'; i++)
	{
		if (path[i] != '/' || n == 0 || path[n - 1] != '/')
			path[n++] = path[i];
	}
	path[n] = '\0';
	return path;
}

bool
url_query(const char *raw, PpArena *arena, Query *query)
{
	size_t most = 1;

	for (const char *c = raw; *c != '\0'; c++)
		most += *c == '&';
	query->n = 0;
	query->params = pp_arena_array(arena, most, sizeof(QueryParam));
	if (query->params == NULL)
		return false;
	while (*raw != '\0')
	{
		size_t len = strcspn(raw, "&"), name_len = strcspn(raw, "=&");
		QueryParam param = {0};
		bool name_ok, value_ok = true;

		if (len > 0 && memchr(raw, ';', len) == NULL)
		{
			param.name = decode(raw, name_len, true, arena, &name_ok);
			param.value = name_len < len
							  ? decode(raw + name_len + 1, len - name_len - 1, true, arena, &value_ok)
							  : "";
			if (param.name == NULL || param.value == NULL)
				return false;
			if (name_ok && value_ok)
				query->params[query->n++] = param;
		}
		raw += len + (raw[len] == '&');
	}
	return true;
}

const char *
query_get(const Query *query, const char *name)
{
	for (uint32_t i = 0; i < query->n; i++)
	{
		if (strcmp(query->params[i].name, name) == 0)
			return query->params[i].value;
	}
	return NULL;
}
