/*
 * request.c
 *		Answers, error bodies and the memory budget, shared by all endpoints.
 */
#include "bridge/request.h"

#include "core/pp_inflate.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COMPRESS_LEAST 1400 /* bytes: a smaller answer fits a packet as it is */

static const struct
{
	const char *name;
	int status;
} codes[] = {
	[RPC_OK] = {"ok", 200},
	[RPC_CANCELED] = {"canceled", 499},
	[RPC_UNKNOWN] = {"unknown", 500},
	[RPC_INVALID_ARGUMENT] = {"invalid_argument", 400},
	[RPC_DEADLINE_EXCEEDED] = {"deadline_exceeded", 504},
	[RPC_NOT_FOUND] = {"not_found", 404},
	[RPC_ALREADY_EXISTS] = {"already_exists", 409},
	[RPC_PERMISSION_DENIED] = {"permission_denied", 403},
	[RPC_RESOURCE_EXHAUSTED] = {"resource_exhausted", 429},
	[RPC_FAILED_PRECONDITION] = {"failed_precondition", 400},
	[RPC_ABORTED] = {"aborted", 409},
	[RPC_OUT_OF_RANGE] = {"out_of_range", 400},
	[RPC_UNIMPLEMENTED] = {"unimplemented", 501},
	[RPC_INTERNAL] = {"internal", 500},
	[RPC_UNAVAILABLE] = {"unavailable", 503},
	[RPC_DATA_LOSS] = {"data_loss", 500},
	[RPC_UNAUTHENTICATED] = {"unauthenticated", 401},
};

static _Atomic int64_t budget;

const char *
rpc_code_name(RpcCode code)
{
	return codes[code].name;
}

int
rpc_code_status(RpcCode code)
{
	return codes[code].status;
}

RpcCode
rpc_code_of_status(int status)
{
	switch (status)
	{
		case 400:
		case 413:
		case 422:
			return RPC_INVALID_ARGUMENT;
		case 401:
			return RPC_UNAUTHENTICATED;
		case 403:
			return RPC_PERMISSION_DENIED;
		case 404:
			return RPC_UNIMPLEMENTED;
		case 429:
			return RPC_RESOURCE_EXHAUSTED;
		case 499:
			return RPC_CANCELED;
		case 501:
			return RPC_UNIMPLEMENTED;
		case 502:
		case 503:
			return RPC_UNAVAILABLE;
		case 504:
			return RPC_DEADLINE_EXCEEDED;
		default:
			return RPC_UNKNOWN;
	}
}

RpcCode
rpc_code_of_core(PpCode code)
{
	switch (code)
	{
		case PP_OK:
			return RPC_OK;
		case PP_ENOMEM:
			return RPC_UNAVAILABLE;
		case PP_EUNSUPPORTED:
			return RPC_UNIMPLEMENTED;
		case PP_ECANCELED:
			return RPC_CANCELED;
		default:
			return RPC_INVALID_ARGUMENT;
	}
}

void
answer_header(Request *request, const char *name, const char *value)
{
	if (request->nheaders < MAX_ANSWER_HEADERS)
	{
		request->header_names[request->nheaders] = name;
		request->header_values[request->nheaders++] = value;
	}
}

/* Forget what a handler may have written before it failed. */
static void
answer_reset(Request *request, int status, const char *content_type)
{
	request->status = status;
	request->content_type = content_type;
	request->nheaders = 0;
	request->compressible = false;
	request->answer.len = 0;
}

void
answer_text(Request *request, int status, const char *text)
{
	answer_reset(request, status, "text/plain; charset=utf-8");
	buf_str(&request->answer, text);
}

static void
error_body(Request *request, int status, RpcCode code, const char *message)
{
	Buf *out = &request->answer;
	size_t len = strlen(message);

	answer_reset(request, status, "application/json");
	/* texts come from senders and may have been cut within a character */
	while (len > 0 && !utf8_valid(message, len))
		len--;
	buf_str(out, "{\"code\":\"");
	buf_str(out, codes[code].name);
	buf_str(out, "\"");
	if (len > 0)
	{
		buf_str(out, ",\"message\":");
		buf_json_string(out, message, len, true);
	}
	buf_char(out, '}');
	if (code == RPC_UNAVAILABLE)
		answer_header(request, "Retry-After", "1");
}

bool
answer_error(Request *request, RpcCode code, const char *fmt, ...)
{
	char message[2048];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	error_body(request, codes[code].status, code, message);
	return false;
}

bool
answer_error_status(Request *request, int status, RpcCode code, const char *fmt, ...)
{
	char message[2048];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	error_body(request, status, code, message);
	buf_char(&request->answer, '\n');
	answer_header(request, "X-Content-Type-Options", "nosniff");
	return false;
}

bool
answer_no_memory(Request *request)
{
	return answer_error(request, RPC_UNAVAILABLE, "out of memory");
}

char *
request_text(Request *request, PpBytes bytes)
{
	char *text = pp_arena_zalloc(request->arena, (size_t) bytes.len + 1);

	if (text != NULL && bytes.len > 0)
		memcpy(text, bytes.data, bytes.len);
	return text;
}

/* Exactly the token "gzip" in the list, as the reference server reads it. */
static bool
accepts_gzip(const char *list)
{
	while (list != NULL && *list != '\0')
	{
		size_t len;

		list += strspn(list, " \t,");
		len = strcspn(list, ",");
		while (len > 0 && (list[len - 1] == ' ' || list[len - 1] == '\t'))
			len--;
		if (len == 4 && strncmp(list, "gzip", 4) == 0)
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

void
answer_compress(Request *request)
{
	Buf *answer = &request->answer;
	uint8_t *packed;
	size_t packed_len;

	if (!request->compressible || answer->failed || answer->len < COMPRESS_LEAST ||
		!accepts_gzip(request->headers[HDR_ACCEPT_ENCODING]))
		return;
	if (pp_gzip((uint8_t *) answer->data, answer->len, 4, &pp_alloc_malloc, &packed, &packed_len, NULL) !=
		PP_OK)
		return;
	buf_free(answer);
	answer->data = (char *) packed;
	answer->len = answer->cap = packed_len;
	answer_header(request, "Content-Encoding", "gzip");
	answer_header(request, "Vary", "Accept-Encoding");
}

bool
request_charge(Request *request, size_t bytes)
{
	int64_t used = atomic_fetch_add(&budget, (int64_t) bytes) + (int64_t) bytes;

	if (used > request->config->max_inflight)
	{
		atomic_fetch_sub(&budget, (int64_t) bytes);
		return false;
	}
	request->charged += bytes;
	return true;
}

void
request_release(Request *request, size_t bytes)
{
	if (bytes > request->charged)
		bytes = request->charged;
	request->charged -= bytes;
	atomic_fetch_sub(&budget, (int64_t) bytes);
}

int64_t
budget_used(void)
{
	return atomic_load(&budget);
}

void
request_message_free(Request *request)
{
	pp_arena_free(request->message);
	request->message = NULL;
}

static bool
gunzip_failed(Request *request, PpCode code, const PpError *err, bool short_of_budget)
{
	if (code == PP_ENOMEM || (code == PP_ELIMIT && short_of_budget))
		return answer_error(request, RPC_UNAVAILABLE, "no memory left for request bodies");
	if (code == PP_ELIMIT)
		return answer_error(request,
							RPC_RESOURCE_EXHAUSTED,
							"message size is larger than configured max %lld after decompression",
							(long long) request->config->max_body);
	return answer_error(request, RPC_INVALID_ARGUMENT, "decompress: %s", err->message);
}

bool
request_gunzip(Request *request)
{
	PpLimits limits = pp_limits_default;
	int64_t room = request->config->max_inflight - budget_used();
	bool short_of_budget = room < request->config->max_body;
	uint8_t *out;
	size_t out_len;
	PpError err;
	PpCode code;

	limits.max_compressed = request->config->max_body;
	limits.max_profile_size = short_of_budget ? room : request->config->max_body;
	if (limits.max_profile_size < 1)
		return gunzip_failed(request, PP_ENOMEM, &err, true);
	code = pp_inflate(PP_GZIP,
					  request->body,
					  request->body_len,
					  &limits,
					  &pp_alloc_malloc,
					  &out,
					  &out_len,
					  &err);
	if (code != PP_OK)
		return gunzip_failed(request,
							 code,
							 &err,
							 short_of_budget &&
								 strcmp(err.setting ? err.setting : "", "max_profile_size") == 0);
	free(request->body);
	request_release(request, request->body_cap);
	request->body = out;
	request->body_len = request->body_cap = out_len;
	if (!request_charge(request, out_len))
		return gunzip_failed(request, PP_ENOMEM, &err, true);
	return true;
}

int64_t
now_monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
now_wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}
