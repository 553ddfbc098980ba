/*
 * connect.c
 *		The Connect protocol for unary rpcs: content types, compression, deadline,
 *		decoding, encoding.
 */
#include "bridge/json_codec.h"
#include "bridge/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef enum RpcCodec
{
	CODEC_NONE,
	CODEC_PROTO,
	CODEC_JSON
} RpcCodec;

/* Case and blanks do not matter, and of parameters only charset=utf-8 is known. */
static RpcCodec
codec_of(const char *content_type)
{
	char clean[64];
	size_t len = 0;

	for (const char *c = content_type; c != NULL && *c != '\0'; c++)
	{
		if (*c == ' ' || *c == '\t' || *c == '"')
			continue;
		if (len == sizeof(clean) - 1)
			return CODEC_NONE;
		clean[len++] = (char) (*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
	}
	clean[len] = '\0';
	if (strcmp(clean, "application/proto") == 0 ||
		strcmp(clean, "application/proto;charset=utf-8") == 0)
		return CODEC_PROTO;
	if (strcmp(clean, "application/json") == 0 || strcmp(clean, "application/json;charset=utf-8") == 0)
		return CODEC_JSON;
	return CODEC_NONE;
}

bool
connect_check(Request *request)
{
	if (codec_of(request->headers[HDR_CONTENT_TYPE]) != CODEC_NONE)
		return true;
	answer_text(request, 415, "");
	request->content_type = NULL;
	answer_header(request,
				  "Accept-Post",
				  "application/json, application/json; charset=utf-8, application/proto");
	return false;
}

static bool
check_protocol(Request *request)
{
	const char *version = request->headers[HDR_CONNECT_PROTOCOL_VERSION];

	if (version == NULL || strcmp(version, "1") == 0)
		return true;
	return answer_error(request,
						RPC_INVALID_ARGUMENT,
						"Connect-Protocol-Version must be \"1\": got \"%.64s\"",
						version);
}

static bool
check_timeout(Request *request)
{
	const char *text = request->headers[HDR_CONNECT_TIMEOUT_MS];

	if (text == NULL || *text == '\0')
		return true;
	if (strlen(text) > 10)
		return answer_error(request,
							RPC_INVALID_ARGUMENT,
							"parse timeout: \"%.64s\" has >10 digits",
							text);
	if (strspn(text, "0123456789") != strlen(text))
		return answer_error(request,
							RPC_INVALID_ARGUMENT,
							"parse timeout: \"%s\" is not a number",
							text);
	request->deadline_us = request->arrived_us + strtoll(text, NULL, 10) * 1000;
	if (now_monotonic_us() >= request->deadline_us)
		return answer_error(request, RPC_DEADLINE_EXCEEDED, "context deadline exceeded");
	return true;
}

static bool
decompress(Request *request)
{
	const char *encoding = request->headers[HDR_CONTENT_ENCODING];

	if (encoding == NULL || *encoding == '\0' || strcmp(encoding, "identity") == 0)
		return true;
	if (strcmp(encoding, "gzip") != 0)
		return answer_error(request,
							RPC_UNIMPLEMENTED,
							"unknown compression \"%.64s\": supported encodings are gzip",
							encoding);
	/* an empty message may stay uncompressed */
	return request->body_len == 0 || request_gunzip(request);
}

static bool
decode(Request *request, RpcCodec codec, ProtobufCMessage **message)
{
	PpError err = {0};
	PpCode code;

	/* decoding copies what it keeps */
	if (!request_charge(request, request->body_len))
		return answer_error(request, RPC_UNAVAILABLE, "no memory left for request bodies");
	request->message = pp_arena_new(&pp_alloc_malloc);
	if (request->message == NULL)
		return answer_no_memory(request);
	code = (codec == CODEC_JSON ? json_decode : proto_decode)(request->route->input,
															  request->body,
															  request->body_len,
															  &codec_limits_default,
															  request->message,
															  message,
															  &err);
	free(request->body);
	request_release(request, request->body_cap);
	request->body = NULL;
	request->body_len = request->body_cap = 0;
	if (code == PP_OK)
		return true;
	if (code == PP_ENOMEM)
		return answer_no_memory(request);
	return answer_error(request,
						code == PP_ELIMIT ? RPC_RESOURCE_EXHAUSTED : RPC_INVALID_ARGUMENT,
						"unmarshal message: %s",
						err.message);
}

void
connect_answer(Request *request, Db *db)
{
	RpcCodec codec = codec_of(request->headers[HDR_CONTENT_TYPE]);
	ProtobufCMessage *in = NULL, *out = NULL;

	if (!check_protocol(request) || !check_timeout(request))
		return;
	if (request->route->rpc_handler == NULL)
	{
		answer_error(request, RPC_UNIMPLEMENTED, "%s is not implemented", request->route->rpc);
		return;
	}
	if (!decompress(request) || !decode(request, codec, &in))
		return;
	if (!request->route->rpc_handler(request, db, in, &out))
		return;
	request->status = 200;
	request->content_type = codec == CODEC_JSON ? "application/json" : "application/proto";
	request->compressible = true;
	answer_header(request, "Accept-Encoding", "gzip");
	if (codec == CODEC_JSON)
		json_encode(out, &request->answer);
	else
		proto_encode(out, &request->answer);
}
