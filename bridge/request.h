/*
 * request.h
 *		One HTTP request and its answer, as handlers see them.
 *
 * http.c makes it, a worker thread answers it, http.c sends the answer.  Only
 * one thread has it at a time.
 */
#ifndef BRIDGE_REQUEST_H
#define BRIDGE_REQUEST_H

#include "bridge/buf.h"
#include "bridge/config.h"
#include "core/pp_alloc.h"
#include "core/pp_error.h"
#include "core/pp_profile.h"

/* The codes of the Connect protocol; each has a name and an HTTP status. */
typedef enum RpcCode
{
	RPC_OK = 0,
	RPC_CANCELED,
	RPC_UNKNOWN,
	RPC_INVALID_ARGUMENT,
	RPC_DEADLINE_EXCEEDED,
	RPC_NOT_FOUND,
	RPC_ALREADY_EXISTS,
	RPC_PERMISSION_DENIED,
	RPC_RESOURCE_EXHAUSTED,
	RPC_FAILED_PRECONDITION,
	RPC_ABORTED,
	RPC_OUT_OF_RANGE,
	RPC_UNIMPLEMENTED,
	RPC_INTERNAL,
	RPC_UNAVAILABLE,
	RPC_DATA_LOSS,
	RPC_UNAUTHENTICATED
} RpcCode;

/* Request headers that handlers may ask for. */
typedef enum HeaderId
{
	HDR_ACCEPT,
	HDR_ACCEPT_ENCODING,
	HDR_CONNECT_PROTOCOL_VERSION,
	HDR_CONNECT_TIMEOUT_MS,
	HDR_CONTENT_ENCODING,
	HDR_CONTENT_TYPE,
	HDR_IDEMPOTENCY_KEY,
	HDR_SCOPE_ORGID,
	HDR_COUNT
} HeaderId;

#define MAX_ANSWER_HEADERS 6

typedef struct Route Route;
typedef struct Db Db;

typedef struct Request
{
	struct Request *next; /* in the queue of the workers */
	uint32_t affinity;	  /* see affinity.h; set by the queue */
	const Config *config;
	PpArena *arena;	  /* freed after the answer was sent */
	PpArena *message; /* holds the decoded request message; a handler may free it early */
	const Route *route;

	/* what was asked */
	const char *method;
	const char *path;				/* decoded, '//' collapsed */
	const char *query;				/* as sent, without '?' */
	const char *headers[HDR_COUNT]; /* NULL when absent */
	uint8_t *body;					/* from malloc */
	size_t body_len, body_cap;
	size_t received, sent; /* bytes of the bodies on the wire */
	size_t charged;		   /* bytes this request holds of the memory budget */
	int64_t arrived_us;	   /* monotonic */
	int64_t deadline_us;   /* monotonic; 0 for none */
	char *tenant;		   /* NULL: the default of the server */

	/* what is answered */
	int status;
	const char *content_type; /* NULL for none */
	Buf answer;
	bool compressible; /* the answer may be sent as gzip */
	unsigned nheaders;
	const char *header_names[MAX_ANSWER_HEADERS];
	const char *header_values[MAX_ANSWER_HEADERS]; /* static, or in the arena */

	void *http; /* http.c's own */
} Request;

extern const char *rpc_code_name(RpcCode code);
extern int rpc_code_status(RpcCode code);
/* The code that stands for an HTTP status outside of rpcs. */
extern RpcCode rpc_code_of_status(int status);

extern void answer_header(Request *request, const char *name, const char *value);
extern void answer_text(Request *request, int status, const char *text);

/* {"code":...,"message":...} with the status of the code; returns false for "return answer_error(...)". */
extern bool answer_error(Request *request, RpcCode code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same with a status of its own, a newline and nosniff, as the legacy endpoints send it. */
extern bool answer_error_status(Request *request, int status, RpcCode code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
extern bool answer_no_memory(Request *request); /* as answer_error() */
/* A terminated copy in the arena; NULL without memory. */
extern char *request_text(Request *request, PpBytes bytes);
/* What a failure of the core means to a sender: input is its fault, memory is ours. */
extern RpcCode rpc_code_of_core(PpCode code);

/* Compress the answer if the client and the handler allow it and it pays off. */
extern void answer_compress(Request *request);

/*
 * The memory budget of all requests.  charge() fails when the budget is spent;
 * what a request holds is given back when it ends.
 */
extern bool request_charge(Request *request, size_t bytes);
extern void request_release(Request *request, size_t bytes);
extern int64_t budget_used(void);

/* The handler has taken what it needs out of the request message. */
extern void request_message_free(Request *request);

/*
 * Replace a gzip body by what it holds.  False with the answer filled in:
 * too large, damaged, or no budget.
 */
extern bool request_gunzip(Request *request);

extern int64_t now_monotonic_us(void);
extern int64_t now_wall_ns(void);

#endif
