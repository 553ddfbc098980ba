/*
 * fetch.c
 *		Many HTTP transfers at a time, over libcurl's multi socket interface.
 *
 * libcurl's sockets are kept in an epoll set of our own; its descriptor is
 * itself pollable, so that the server's WaitEventSet, which cannot drop
 * members, has one fixed member for all of them.  The timer is a number that
 * bounds the caller's wait.
 *
 * Calls that may start a resolver thread run with all signals blocked: threads
 * inherit the mask, and the server's signal handlers must not run in them.
 */
#include "scraper/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_TIMEOUT 10000L /* ms */
#define MAX_REDIRECTS	10L
#define MAX_IDLE		300L /* seconds an unused connection is kept */
#define MAX_LIFETIME	600L /* peers move behind stable names */
#define FIRST_BODY		((size_t) 32 << 10)
#define EVENTS			64

struct Fetch
{
	CURLM *multi;
	int epoll_fd;
	int64_t timer; /* ms, monotonic, of the next timeout; -1: none */
	int running;
	size_t memory;
	char user_agent[64];
	PpNetworks denied;
	FetchRequest *active;	/* doubly linked */
	FetchRequest *finished; /* singly linked, in order */
	FetchRequest **finished_tail;
};

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
block_signals(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
}

static void
restore_signals(const sigset_t *before)
{
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* libcurl wants other events of a socket, or none any more. */
static int
watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	Fetch *fetch = arg;
	struct epoll_event event = {.data.fd = fd};

	if (what == CURL_POLL_REMOVE)
	{
		/* it may be closed already */
		(void) epoll_ctl(fetch->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	/* a number can be reused before its end was noticed: try the other way, too */
	if (epoll_ctl(fetch->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0)
		return 0;
	if (errno == ENOENT && epoll_ctl(fetch->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
		return 0;
	return -1; /* the transfer ends with an error */
}

static int
set_timer(CURLM *multi, long timeout, void *arg)
{
	Fetch *fetch = arg;

	fetch->timer = timeout < 0 ? -1 : now_ms() + timeout;
	return 0;
}

static bool
is_denied(const Fetch *fetch, const struct sockaddr *peer)
{
	uint8_t address[PP_ADDRESS_LEN];

	if (peer->sa_family == AF_INET)
		pp_address_of_v4((const uint8_t *) &((const struct sockaddr_in *) peer)->sin_addr, address);
	else if (peer->sa_family == AF_INET6)
		memcpy(address, &((const struct sockaddr_in6 *) peer)->sin6_addr, sizeof(address));
	else
		return true;
	return pp_networks_contain(&fetch->denied, address);
}

/* Here the address is known, after names were looked up and redirects followed. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *peer)
{
	FetchRequest *request = arg;

	if (is_denied(request->fetch, &peer->addr))
	{
		request->denied = true;
		return CURL_SOCKET_BAD;
	}
	return socket(peer->family, peer->socktype | SOCK_CLOEXEC, peer->protocol);
}

/* Keep the body, up to its limit. */
static size_t
take_body(char *data, size_t one, size_t n, void *arg)
{
	FetchRequest *request = arg;

	if (n > request->max_body - request->len)
	{
		request->too_large = true;
		return 0;
	}
	if (request->size - request->len < n)
	{
		size_t size = request->size == 0 ? FIRST_BODY : request->size * 2;
		uint8_t *body;

		while (size - request->len < n)
			size *= 2;
		if (size > request->max_body)
			size = request->max_body;
		if ((body = realloc(request->body, size)) == NULL)
			return 0;
		request->fetch->memory += size - request->size;
		request->body = body;
		request->size = size;
	}
	memcpy(request->body + request->len, data, n);
	request->len += n;
	return n;
}

/* Copy a header's text without outer blanks, cut to the room there is. */
static void
copy_trimmed(char *out, size_t size, const char *data, size_t n)
{
	while (n > 0 && (data[0] == ' ' || data[0] == '\t'))
		data++, n--;
	while (n > 0 && (unsigned char) data[n - 1] <= ' ')
		n--;
	if (n > size - 1)
		n = size - 1;
	for (size_t i = 0; i < n; i++)
		out[i] = data[i] >= ' ' && data[i] < 0x7f ? data[i] : '?';
	out[n] = '\0';
}

/* Of the headers two are wanted: the reason of the status line and the type. */
static size_t
take_header(char *data, size_t one, size_t n, void *arg)
{
	static const char name[] = "content-type:";
	FetchRequest *request = arg;

	if (n > 5 && memcmp(data, "HTTP/", 5) == 0)
	{
		const char *code = memchr(data, ' ', n);
		const char *reason = code != NULL ? memchr(code + 1, ' ', data + n - code - 1) : NULL;

		/* a new answer: after a redirect, or after 100 Continue */
		request->content_type[0] = '\0';
		request->reason[0] = '\0';
		if (reason != NULL)
			copy_trimmed(request->reason, sizeof(request->reason), reason, data + n - reason);
	}
	else if (n >= sizeof(name) - 1 && strncasecmp(data, name, sizeof(name) - 1) == 0)
		copy_trimmed(request->content_type,
					 sizeof(request->content_type),
					 data + sizeof(name) - 1,
					 n - (sizeof(name) - 1));
	return n;
}

const char *
fetch_weakness(void)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

	if (!(info->features & CURL_VERSION_ASYNCHDNS))
		return "it resolves names in the foreground, so that a slow name server delays every target";
#if LIBCURL_VERSION_NUM >= 0x075700
	if (info->version_num >= 0x075700)
		return NULL;
#endif
	return "it is older than 7.87, so that a slow name server can delay every target";
}

Fetch *
fetch_new(int concurrency, const char *user_agent, const char **problem)
{
	Fetch *fetch = calloc(1, sizeof(Fetch));

	*problem = "out of memory";
	if (fetch == NULL)
		return NULL;
	fetch->timer = -1;
	fetch->finished_tail = &fetch->finished;
	snprintf(fetch->user_agent, sizeof(fetch->user_agent), "%s", user_agent);
	fetch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (fetch->epoll_fd < 0)
		*problem = strerror(errno);
	else if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		*problem = "could not initialize libcurl";
	else
		fetch->multi = curl_multi_init();
	if (fetch->multi == NULL)
	{
		if (fetch->epoll_fd >= 0)
			close(fetch->epoll_fd);
		free(fetch);
		return NULL;
	}
	curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETDATA, fetch);
	curl_multi_setopt(fetch->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(fetch->multi, CURLMOPT_TIMERDATA, fetch);
	curl_multi_setopt(fetch->multi, CURLMOPT_MAXCONNECTS, (long) concurrency);
	/* a CPU profile must not share its connection's fate with others */
	curl_multi_setopt(fetch->multi, CURLMOPT_PIPELINING, (long) CURLPIPE_NOTHING);
	return fetch;
}

void
fetch_deny(Fetch *fetch, const PpNetworks *networks)
{
	fetch->denied = *networks;
}

int
fetch_fd(const Fetch *fetch)
{
	return fetch->epoll_fd;
}

int
fetch_running(const Fetch *fetch)
{
	return fetch->running;
}

size_t
fetch_memory(const Fetch *fetch)
{
	return fetch->memory;
}

long
fetch_timeout(const Fetch *fetch)
{
	int64_t left;

	if (fetch->finished != NULL)
		return 0;
	if (fetch->timer < 0)
		return -1;
	left = fetch->timer - now_ms();
	return left > 0 ? (long) left : 0;
}

/* Take a request out of libcurl's hands; its body stays. */
static void
detach(FetchRequest *request)
{
	Fetch *fetch = request->fetch;
	sigset_t before;

	block_signals(&before);
	curl_multi_remove_handle(fetch->multi, request->easy);
	curl_easy_cleanup(request->easy);
	restore_signals(&before);
	request->easy = NULL;
	if (request->previous != NULL)
		request->previous->next = request->next;
	else
		fetch->active = request->next;
	if (request->next != NULL)
		request->next->previous = request->previous;
	request->next = request->previous = NULL;
	fetch->running--;
	fetch->memory -= request->size;
}

static void
describe_failure(FetchRequest *request, CURLcode code)
{
	if (request->too_large || code == CURLE_FILESIZE_EXCEEDED)
		snprintf(request->error, sizeof(request->error), "body size limit exceeded");
	else if (request->denied && code == CURLE_COULDNT_CONNECT)
		snprintf(request->error,
				 sizeof(request->error),
				 "its address is in a network of pprof.scrape_deny");
	else
		copy_trimmed(request->error,
					 sizeof(request->error),
					 request->detail[0] != '\0' ? request->detail : curl_easy_strerror(code),
					 strlen(request->detail[0] != '\0' ? request->detail : curl_easy_strerror(code)));
	free(request->body);
	request->body = NULL;
	request->len = 0;
}

static void
collect_finished(Fetch *fetch)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(fetch->multi, &left)) != NULL)
	{
		FetchRequest *request = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &request);
		curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &request->status);
		detach(request);
		request->ok = code == CURLE_OK;
		if (!request->ok)
			describe_failure(request, code);
		*fetch->finished_tail = request;
		fetch->finished_tail = &request->next;
	}
}

void
fetch_process(Fetch *fetch)
{
	struct epoll_event events[EVENTS];
	sigset_t before;
	int running;
	int n;

	block_signals(&before);
	while ((n = epoll_wait(fetch->epoll_fd, events, EVENTS, 0)) > 0)
	{
		for (int i = 0; i < n; i++)
		{
			int flags = 0;

			if (events[i].events & EPOLLIN)
				flags |= CURL_CSELECT_IN;
			if (events[i].events & EPOLLOUT)
				flags |= CURL_CSELECT_OUT;
			if (events[i].events & (EPOLLERR | EPOLLHUP))
				flags |= CURL_CSELECT_ERR;
			curl_multi_socket_action(fetch->multi, events[i].data.fd, flags, &running);
		}
		if (n < EVENTS)
			break;
	}
	if (fetch->timer >= 0 && fetch->timer <= now_ms())
	{
		fetch->timer = -1; /* libcurl sets another if it wants one */
		curl_multi_socket_action(fetch->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	restore_signals(&before);
	collect_finished(fetch);
}

static void
set_options(CURL *easy, FetchRequest *request)
{
	long timeout = (long) (request->timeout / 1000);

	curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout > 0 ? timeout : 1L);
	curl_easy_setopt(easy,
					 CURLOPT_CONNECTTIMEOUT_MS,
					 timeout > CONNECT_TIMEOUT ? CONNECT_TIMEOUT
					 : timeout > 0			   ? timeout
											   : 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS));
	curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS, (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, request->follow_redirects ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, MAX_REDIRECTS);
	/* otherwise libcurl takes one from the environment */
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, request);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, request->fetch->user_agent);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, MAX_IDLE);
#if LIBCURL_VERSION_NUM >= 0x075000
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, MAX_LIFETIME);
#endif
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 64L * 1024);
	curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) request->max_body);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->detail);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
}

bool
fetch_start(Fetch *fetch, FetchRequest *request)
{
	CURL *easy = curl_easy_init();
	sigset_t before;
	CURLMcode code;

	request->fetch = fetch;
	if (easy == NULL)
	{
		snprintf(request->error, sizeof(request->error), "out of memory");
		return false;
	}
	set_options(easy, request);
	block_signals(&before);
	code = curl_multi_add_handle(fetch->multi, easy);
	restore_signals(&before);
	if (code != CURLM_OK)
	{
		curl_easy_cleanup(easy);
		snprintf(request->error, sizeof(request->error), "%s", curl_multi_strerror(code));
		return false;
	}
	request->easy = easy;
	request->previous = NULL;
	request->next = fetch->active;
	if (fetch->active != NULL)
		fetch->active->previous = request;
	fetch->active = request;
	fetch->running++;
	return true;
}

void
fetch_cancel(FetchRequest *request)
{
	detach(request);
	free(request->body);
	request->body = NULL;
	request->len = 0;
}

FetchRequest *
fetch_finished(Fetch *fetch)
{
	FetchRequest *request = fetch->finished;

	if (request == NULL)
		return NULL;
	fetch->finished = request->next;
	if (fetch->finished == NULL)
		fetch->finished_tail = &fetch->finished;
	request->next = NULL;
	return request;
}

void
fetch_free(Fetch *fetch)
{
	while (fetch->active != NULL)
		fetch_cancel(fetch->active);
	curl_multi_cleanup(fetch->multi);
	close(fetch->epoll_fd);
	free(fetch);
	/* no curl_global_cleanup: resolver threads may still run */
}
