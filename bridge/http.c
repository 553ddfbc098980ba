/*
 * http.c
 *		The HTTP server, and the only file that knows libmicrohttpd.
 *
 * A few network threads (epoll) collect bodies into memory, within --max-body
 * and the budget of --max-inflight.  A complete request is suspended and queued
 * for a worker; when the worker is done the connection is resumed and the answer
 * sent.  Nothing here waits for the database.
 *
 *     NEW --headers--> BODY --last byte--> WAIT (suspended) --worker--> READY
 *
 * A request that is refused by its headers is answered at once if much is still
 * to come, else after its body was read and dropped: closing a connection that
 * is being written to would lose the answer, and keep-alive goes on.
 */
#include "bridge/http.h"

#include "bridge/log.h"
#include "bridge/metrics.h"
#include "bridge/route.h"
#include "bridge/url.h"
#include "bridge/worker.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NETWORK_THREADS	   2
#define CONNECTION_MEMORY  (64 << 10) /* headers and the read buffer of a connection */
#define CONNECTION_TIMEOUT 60u		  /* seconds without a byte; not counted while suspended */
#define DROP_MOST		   (16 << 20) /* bytes read and dropped of a refused request */

struct Http
{
	struct MHD_Daemon *daemon;
	const Config *config;
	_Atomic int inflight;  /* requests between their first line and their end */
	_Atomic int suspended; /* of these, the ones that workers have */
	_Atomic bool stopping; /* connections are closed after their next answer */
	_Atomic bool refusing; /* nothing is handed to workers any more */
};

typedef enum Phase
{
	PHASE_NEW,
	PHASE_BODY,
	PHASE_WAIT,
	PHASE_READY
} Phase;

typedef struct Exchange
{
	Http *http;
	struct MHD_Connection *connection;
	Phase phase;
	bool refused;	  /* the answer is there already, the body is dropped */
	uint64_t dropped; /* bytes */
} Exchange;

static const char *const header_names[HDR_COUNT] = {
	[HDR_ACCEPT] = "Accept",
	[HDR_ACCEPT_ENCODING] = "Accept-Encoding",
	[HDR_CONNECT_PROTOCOL_VERSION] = "Connect-Protocol-Version",
	[HDR_CONNECT_TIMEOUT_MS] = "Connect-Timeout-Ms",
	[HDR_CONTENT_ENCODING] = "Content-Encoding",
	[HDR_CONTENT_TYPE] = "Content-Type",
	[HDR_IDEMPOTENCY_KEY] = "Idempotency-Key",
	[HDR_SCOPE_ORGID] = "X-Scope-OrgID",
};

/* Called with the request line; what it returns is the request's from then on. */
static void *
on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
	Http *http = cls;
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	Request *request = arena == NULL ? NULL : pp_arena_zalloc(arena, sizeof(Request));
	Exchange *exchange = arena == NULL ? NULL : pp_arena_zalloc(arena, sizeof(Exchange));
	size_t path_len = strcspn(uri, "?");

	if (request == NULL || exchange == NULL)
	{
		pp_arena_free(arena);
		return NULL;
	}
	exchange->http = http;
	exchange->connection = connection;
	request->http = exchange;
	request->arena = arena;
	request->config = http->config;
	request->arrived_us = now_monotonic_us();
	request->path = url_path(uri, path_len, arena);
	request->query = uri[path_len] == '?'
						 ? pp_arena_copy(arena, uri + path_len + 1, strlen(uri + path_len + 1) + 1)
						 : "";
	if (request->query == NULL)
		request->path = NULL;
	atomic_fetch_add(&http->inflight, 1);
	return request;
}

static void
on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
			 enum MHD_RequestTerminationCode why)
{
	Http *http = cls;
	Request *request = *con_cls;

	if (request == NULL)
		return;
	*con_cls = NULL;
	metrics_request(request, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	request_release(request, request->charged);
	free(request->body);
	buf_free(&request->answer);
	request_message_free(request);
	pp_arena_free(request->arena);
	atomic_fetch_sub(&http->inflight, 1);
}

static bool
copy_headers(Request *request, struct MHD_Connection *connection)
{
	for (int i = 0; i < HDR_COUNT; i++)
	{
		const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, header_names[i]);

		if (value == NULL)
			continue;
		request->headers[i] = pp_arena_copy(request->arena, value, strlen(value) + 1);
		if (request->headers[i] == NULL)
			return false;
	}
	return true;
}

static enum MHD_Result
send_answer(Request *request)
{
	Exchange *exchange = request->http;
	Buf *answer = &request->answer;
	size_t len = answer->len;
	struct MHD_Response *response;
	enum MHD_Result result;

	/* the library frees the bytes, which may outlive the request */
	response =
		MHD_create_response_from_buffer(len,
										len > 0 ? answer->data : "",
										len > 0 ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (response == NULL)
		return MHD_NO;
	request->sent = len;
	if (len > 0)
		memset(answer, 0, sizeof(*answer));
	if (request->content_type != NULL)
		MHD_add_response_header(response, "Content-Type", request->content_type);
	for (unsigned i = 0; i < request->nheaders; i++)
		MHD_add_response_header(response, request->header_names[i], request->header_values[i]);
	if (atomic_load(&exchange->http->stopping))
		MHD_add_response_header(response, "Connection", "close");
	result = MHD_queue_response(exchange->connection, (unsigned) request->status, response);
	MHD_destroy_response(response);
	return result;
}

/* The headers are there: refuse, or prepare for the body. */
static enum MHD_Result
begin(Request *request, struct MHD_Connection *connection, const char *method)
{
	Exchange *exchange = request->http;
	const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
	uint64_t length = text == NULL ? 0 : strtoull(text, NULL, 10);

	exchange->phase = PHASE_BODY;
	request->method = pp_arena_copy(request->arena, method, strlen(method) + 1);
	if (request->method == NULL || !copy_headers(request, connection))
		return MHD_NO;
	if (!route_check(request))
		exchange->refused = true;
	else if (length > (uint64_t) request->config->max_body)
	{
		route_too_large(request, length);
		exchange->refused = true;
	}
	else if ((int64_t) length > request->config->max_inflight - budget_used())
	{
		answer_error(request, RPC_UNAVAILABLE, "no memory left for request bodies");
		exchange->refused = true;
	}
	if (exchange->refused &&
		(length > DROP_MOST || MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Expect")))
		return send_answer(request);
	return MHD_YES;
}

static bool
grow_body(Request *request, size_t need)
{
	size_t cap = request->body_cap < 16384 ? 16384 : request->body_cap;
	uint8_t *body;

	if (need <= request->body_cap)
		return true;
	while (cap < need)
		cap *= 2;
	if (!request_charge(request, cap - request->body_cap))
		return false;
	body = realloc(request->body, cap);
	if (body == NULL)
	{
		request_release(request, cap - request->body_cap);
		return false;
	}
	request->body = body;
	request->body_cap = cap;
	return true;
}

static void
drop_body(Request *request)
{
	free(request->body);
	request_release(request, request->body_cap);
	request->body = NULL;
	request->body_len = request->body_cap = 0;
}

/* Some bytes of the body. */
static enum MHD_Result
collect(Request *request, const char *data, size_t len)
{
	Exchange *exchange = request->http;

	if (!exchange->refused)
	{
		size_t need = request->body_len + len;

		if (need > (size_t) request->config->max_body)
		{
			route_too_large(request, need);
			exchange->refused = true;
		}
		else if (!grow_body(request, need))
		{
			answer_error(request, RPC_UNAVAILABLE, "no memory left for request bodies");
			exchange->refused = true;
		}
		else
		{
			memcpy(request->body + request->body_len, data, len);
			request->body_len = need;
			return MHD_YES;
		}
		drop_body(request);
	}
	exchange->dropped += len;
	return exchange->dropped > DROP_MOST ? MHD_NO : MHD_YES;
}

/* The request is complete. */
static enum MHD_Result
dispatch(Request *request)
{
	Exchange *exchange = request->http;

	request->received = request->body_len;
	if (!exchange->refused && request->route->kind == ROUTE_IMMEDIATE)
	{
		route_answer(request, NULL);
		return send_answer(request);
	}
	/* counted before looking, so that http_stop() sees either the count or a refusal */
	atomic_fetch_add(&exchange->http->suspended, 1);
	if (!exchange->refused && (atomic_load(&exchange->http->refusing) || !worker_reserve()))
	{
		answer_error(request, RPC_UNAVAILABLE, "too many requests are waiting");
		exchange->refused = true;
	}
	if (exchange->refused)
	{
		atomic_fetch_sub(&exchange->http->suspended, 1);
		return send_answer(request);
	}
	/* from here on the request is the worker's, so suspend first */
	exchange->phase = PHASE_WAIT;
	MHD_suspend_connection(exchange->connection);
	worker_submit(request);
	return MHD_YES;
}

void
http_answered(Request *request)
{
	Exchange *exchange = request->http;

	exchange->phase = PHASE_READY;
	MHD_resume_connection(exchange->connection);
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
		   const char *version, const char *data, size_t *data_len, void **con_cls)
{
	Request *request = *con_cls;
	Exchange *exchange = request == NULL ? NULL : request->http;

	if (request == NULL)
		return MHD_NO;
	switch (exchange->phase)
	{
		case PHASE_NEW:
			return begin(request, connection, method);
		case PHASE_BODY:
			if (*data_len > 0)
			{
				size_t len = *data_len;

				*data_len = 0;
				return collect(request, data, len);
			}
			return dispatch(request);
		case PHASE_READY:
			atomic_fetch_sub(&exchange->http->suspended, 1);
			return send_answer(request);
		default:
			return MHD_YES; /* a wake-up without meaning while suspended */
	}
}

static void
on_log(void *cls, const char *fmt, va_list args)
{
	char line[512];

	vsnprintf(line, sizeof(line), fmt, args);
	log_info("http: %s", line);
}

static int
listen_socket(const Config *config)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
							 .ai_socktype = SOCK_STREAM,
							 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	char port[8];
	int rc, fd = -1, on = 1;

	snprintf(port, sizeof(port), "%u", config->port);
	rc = getaddrinfo(config->host, port, &hints, &list);
	if (rc != 0)
	{
		log_error("could not resolve \"%s\": %s", config->host, gai_strerror(rc));
		return -1;
	}
	for (struct addrinfo *address = list; address != NULL && fd < 0; address = address->ai_next)
	{
		fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0)
		{
			int saved = errno;

			close(fd);
			errno = saved;
			fd = -1;
		}
	}
	freeaddrinfo(list);
	if (fd < 0)
		log_error("could not listen on %s: %s", config->listen, strerror(errno));
	return fd;
}

Http *
http_start(const Config *config)
{
	Http *http = calloc(1, sizeof(Http));
	int fd = http == NULL ? -1 : listen_socket(config);

	if (fd < 0)
	{
		free(http);
		return NULL;
	}
	http->config = config;
	http->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
										MHD_USE_ITC | MHD_USE_ERROR_LOG,
									0,
									NULL,
									NULL,
									on_request,
									http,
									MHD_OPTION_EXTERNAL_LOGGER,
									on_log,
									NULL,
									MHD_OPTION_LISTEN_SOCKET,
									fd,
									MHD_OPTION_URI_LOG_CALLBACK,
									on_uri,
									http,
									MHD_OPTION_NOTIFY_COMPLETED,
									on_completed,
									http,
									MHD_OPTION_CONNECTION_LIMIT,
									(unsigned) config->connections,
									MHD_OPTION_CONNECTION_TIMEOUT,
									CONNECTION_TIMEOUT,
									MHD_OPTION_CONNECTION_MEMORY_LIMIT,
									(size_t) CONNECTION_MEMORY,
									MHD_OPTION_THREAD_POOL_SIZE,
									(unsigned) NETWORK_THREADS,
									MHD_OPTION_END);
	if (http->daemon == NULL)
	{
		log_error("could not start the HTTP server on %s", config->listen);
		close(fd);
		free(http);
		return NULL;
	}
	return http;
}

void
http_stop_listening(Http *http)
{
	int fd;

	atomic_store(&http->stopping, true);
	fd = MHD_quiesce_daemon(http->daemon);
	if (fd >= 0)
		close(fd);
}

int
http_inflight(const Http *http)
{
	return atomic_load(&http->inflight);
}

int
http_connections(const Http *http)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

	return info == NULL ? 0 : (int) info->num_connections;
}

bool
http_stop(Http *http)
{
	int64_t until = now_monotonic_us() + 1000000;

	atomic_store(&http->refusing, true);
	while (atomic_load(&http->suspended) > 0)
	{
		if (now_monotonic_us() >= until)
			return false;
		usleep(1000);
	}
	MHD_stop_daemon(http->daemon);
	free(http);
	return true;
}
