/*
 * response.c
 *		Is what a target answered a profile?
 *
 * A cheap look before the parser: it names the usual mistakes (a page, a JSON
 * error, an empty body) in words that help to find them.
 */
#include "scraper/response.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define EXCERPT			50 /* bytes of a text answer that are shown */
#define LONGEST_EXCERPT 200

static const char octet_stream[] = "application/octet-stream";

/* Printable ASCII of the body without outer blanks; the rest becomes dots. */
static void
excerpt(const uint8_t *body, size_t len, size_t longest, char *out)
{
	size_t n;

	while (len > 0 && isspace(body[0]))
		body++, len--;
	while (len > 0 && isspace(body[len - 1]))
		len--;
	n = len < longest ? len : longest;
	for (size_t i = 0; i < n; i++)
		out[i] = body[i] >= ' ' && body[i] < 0x7f ? (char) body[i] : '.';
	out[n] = '\0';
}

static size_t
skip_blanks(const uint8_t *body, size_t len)
{
	size_t i = 0;

	while (i < len && isspace(body[i]))
		i++;
	return i;
}

static bool
looks_like_html(const uint8_t *body, size_t len)
{
	size_t i = skip_blanks(body, len);
	size_t left = len - i;

	if (len < 10 || left < 5 || body[i] != '<')
		return false;
	if (left >= 9 && body[i + 1] == '!' && (body[i + 2] == 'D' || body[i + 2] == 'd'))
		return true;
	return memchr("hHbBtT", body[i + 1], 6) != NULL;
}

static bool
looks_like_json(const uint8_t *body, size_t len)
{
	size_t i = skip_blanks(body, len < 64 ? len : 64);

	return len > 20 && i < 64 && (body[i] == '{' || body[i] == '[');
}

static bool refuse(char *message, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static bool
refuse(char *message, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, size, fmt, args);
	va_end(args);
	return false;
}

static bool
check_status(const ScrapeResponse *response, char *message, size_t size)
{
	char text[LONGEST_EXCERPT + 1];

	if (response->status >= 200 && response->status <= 299)
		return true;
	excerpt(response->body, response->len, LONGEST_EXCERPT, text);
	if (text[0] != '\0')
		return refuse(message, size, "server returned HTTP status (%ld) %s", response->status, text);
	return refuse(message,
				  size,
				  "server returned HTTP status (%ld) %ld%s%s",
				  response->status,
				  response->status,
				  response->reason[0] != '\0' ? " " : "",
				  response->reason);
}

static bool
check_content_type(const char *type, char *message, size_t size)
{
	if (type[0] == '\0')
		return refuse(message, size, "invalid profile data: missing Content-Type header");
	if (strncmp(type, octet_stream, sizeof(octet_stream) - 1) != 0)
		return refuse(message,
					  size,
					  "invalid profile data: unexpected Content-Type %s, expected %s for pprof data",
					  type,
					  octet_stream);
	return true;
}

bool
response_check(const ScrapeResponse *response, const char *name, bool strict, char *message,
			   size_t size)
{
	const uint8_t *body = response->body;
	size_t len = response->len;
	char text[LONGEST_EXCERPT + 1];

	if (!check_status(response, message, size))
		return false;
	if (len == 0)
		return refuse(message, size, "empty %s profile", name);
	if (strict && !check_content_type(response->content_type, message, size))
		return false;
	if (looks_like_html(body, len) || looks_like_json(body, len))
	{
		excerpt(body, len, EXCERPT, text);
		return refuse(message,
					  size,
					  "invalid profile data: text response instead of pprof: \"%s\" (server should return HTTP error, not 200)",
					  text);
	}
	if (len <= 2)
		return refuse(message, size, "invalid profile data: data too short for pprof format");
	if (body[0] == 0x1f && body[1] == 0x8b)
		return true;
	if ((body[0] & 7) > 5)
	{
		size_t n = len < 16 ? len : 16;

		for (size_t i = 0; i < n; i++)
			snprintf(text + 2 * i, 3, "%02x", body[i]);
		return refuse(message,
					  size,
					  "invalid profile data: invalid protobuf data: illegal wireType %d (expected 0-5), first bytes: %s",
					  body[0] & 7,
					  text);
	}
	return true;
}
