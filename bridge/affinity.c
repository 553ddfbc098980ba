/*
 * affinity.c
 *		A guess at the service of a push, before anything is decoded.
 *
 * A backend keeps the dictionaries of services that it has written to.  Pushes of
 * one service that go to one connection need one copy of them, not one per
 * connection.  The guess need not be right: every connection can store everything.
 * So compressed bodies are not looked into, and nothing is unescaped.
 */
#include "bridge/affinity.h"

#include <string.h>

#define LOOK_BYTES 2048 /* of a body: labels stand before profiles */

static uint32_t
hash(const char *data, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t) data[i]) * 16777619u;
	return h == 0 ? 1 : h;
}

/* The parameter "name" of /ingest: service, or service{labels}. */
static uint32_t
of_query(const char *query)
{
	const char *name = query;

	while (name != NULL && strncmp(name, "name=", 5) != 0)
	{
		name = strchr(name, '&');
		name = name == NULL ? NULL : name + 1;
	}
	if (name == NULL)
		return 0;
	name += 5;
	return hash(name, strcspn(name, "&{%"));
}

/* The value behind the label's name in a message: tag and length, or JSON. */
static uint32_t
of_value(const char *p, const char *end)
{
	static const char json[] = "\",\"value\":\"";
	const char *quote;

	if (end - p > 2 && p[0] == 0x12 && p[1] > 0 && p[1] <= end - p - 2)
		return hash(p + 2, (size_t) p[1]);
	if ((size_t) (end - p) <= strlen(json) || memcmp(p, json, strlen(json)) != 0)
		return 0;
	p += strlen(json);
	quote = memchr(p, '"', (size_t) (end - p));
	return quote == NULL ? 0 : hash(p, (size_t) (quote - p));
}

static uint32_t
of_body(const char *body, size_t len)
{
	static const char label[] = "service_name";
	const char *end = body + (len < LOOK_BYTES ? len : LOOK_BYTES), *p = body;

	while ((p = memchr(p, 's', (size_t) (end - p))) != NULL)
	{
		if ((size_t) (end - p) < strlen(label))
			return 0;
		if (memcmp(p, label, strlen(label)) == 0)
			return of_value(p + strlen(label), end);
		p++;
	}
	return 0;
}

uint32_t
affinity_of(const Request *request)
{
	if (strcmp(request->path, "/ingest") == 0)
		return request->query == NULL ? 0 : of_query(request->query);
	if (strncmp(request->path, "/push.v1.", 9) != 0 || request->body == NULL)
		return 0;
	return of_body((const char *) request->body, request->body_len);
}
