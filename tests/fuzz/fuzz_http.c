/*
 * fuzz_http.c
 *		What the bridge reads from strangers: JSON and protobuf envelopes, multipart
 *		bodies, query strings, times.  The first byte picks the entry.
 */
#include "bridge/attime.h"
#include "bridge/json_codec.h"
#include "bridge/multipart.h"
#include "bridge/url.h"
#include "push.pb-c.h"
#include "querier.pb-c.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read is written and read again: it must be accepted, and be the same. */
static void
round_trip(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t size, bool json)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	ProtobufCMessage *message, *again;
	Buf first = {0}, second = {0};
	PpError err;

	if ((json ? json_decode
			  : proto_decode)(type, data, size, &codec_limits_default, arena, &message, &err) == PP_OK)
	{
		json_encode(message, &first);
		if (json_decode(type,
						(const uint8_t *) first.data,
						first.len,
						&codec_limits_default,
						arena,
						&again,
						&err) != PP_OK)
			abort();
		json_encode(again, &second);
		if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
			abort();
		second.len = 0;
		proto_encode(message, &second);
	}
	buf_free(&first);
	buf_free(&second);
	pp_arena_free(arena);
}

static void
form(const uint8_t *data, size_t size)
{
	char type[128], boundary[MULTIPART_MAX_BOUNDARY + 1];
	size_t len = size < sizeof(type) - 1 ? size : sizeof(type) - 1;
	const uint8_t *line = memchr(data, '\n', len);
	Multipart parts;

	if (line != NULL)
		len = (size_t) (line - data);
	memcpy(type, data, len);
	type[len] = '\0';
	if (!multipart_boundary(type, boundary))
		memcpy(boundary, "XX", 3);
	if (multipart_parse(boundary, data, size, &parts, NULL) != PP_OK)
		return;
	for (uint32_t i = 0; i < parts.n; i++)
	{
		if (parts.parts[i].data < data || parts.parts[i].data + parts.parts[i].len > data + size)
			abort();
	}
}

static void
texts(const uint8_t *data, size_t size)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	char *text = pp_arena_zalloc(arena, size + 1);
	Query query;

	memcpy(text, data, size);
	url_query(text, arena, &query);
	for (uint32_t i = 0; i < query.n; i++)
		attime_parse(query.params[i].value, 0, i % 2 == 0);
	url_path(text, strlen(text), arena);
	pp_arena_free(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0] % 6)
	{
		case 0:
			round_trip(&push__v1__push_request__descriptor, data + 1, size - 1, true);
			break;
		case 1:
			round_trip(&push__v1__push_request__descriptor, data + 1, size - 1, false);
			break;
		case 2:
			round_trip(&querier__v1__select_merge_stacktraces_request__descriptor,
					   data + 1,
					   size - 1,
					   true);
			break;
		case 3:
			round_trip(&querier__v1__select_series_request__descriptor, data + 1, size - 1, false);
			break;
		case 4:
			form(data + 1, size - 1);
			break;
		default:
			texts(data + 1, size - 1);
	}
	return 0;
}
