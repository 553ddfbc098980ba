/*
 * test_fetch.c
 *		Transfers against a small server: limits, redirects,
 *		deadlines, and that one target does not delay another.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "scraper/fetch.h"

static int port;
static volatile sig_atomic_t signals_in_threads;
static pthread_t main_thread;

/* What the server answers for each path; a path it does not know hangs. */
static const struct
{
	const char *path, *answer;
} answers[] = {
	{"/ok",
	 "HTTP/1.1 200 OK\r\nContent-Type:  application/octet-stream \r\nContent-Length: 5\r\n\r\na\0b\0c"},
	{"/missing", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"},
	{"/moved",
	 "HTTP/1.1 302 Found\r\nContent-Type: text/html\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"},
	{"/file", "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"},
	{"/elsewhere",
	 "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2:9/ok\r\nContent-Length: 0\r\n\r\n"},
	{"/loop", "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n"},
	{"/announced", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"},
	{"/chunked",
	 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n0123456789abcdef0123456789abcdef\r\n0\r\n\r\n"},
	{"/cut", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"},
};

static size_t
answer_length(const char *answer)
{
	const char *end = strstr(answer, "\r\n\r\n") + 4;

	/* the one body that has zero bytes in it */
	return end - answer + (strncmp(end, "a", 1) == 0 && end[1] == '\0' ? 5 : strlen(end));
}

static void *
serve_connection(void *arg)
{
	int fd = (int) (intptr_t) arg;
	char request[4096];
	ssize_t n;

	while ((n = read(fd, request, sizeof(request) - 1)) > 0)
	{
		bool known = false;

		request[n] = '\0';
		for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		{
			size_t len = strlen(answers[i].path);

			if (strncmp(request + 4, answers[i].path, len) != 0 || request[4 + len] != ' ')
				continue;
			known = write(fd, answers[i].answer, answer_length(answers[i].answer)) > 0;
			if (strcmp(answers[i].path, "/cut") == 0)
				known = false;
		}
		if (strncmp(request, "GET /hang", 9) == 0)
			continue;
		if (!known)
			break;
	}
	close(fd);
	return NULL;
}

static void
serve(int listener)
{
	for (;;)
	{
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;

		if (fd < 0)
			return;
		pthread_create(&thread, NULL, serve_connection, (void *) (intptr_t) fd);
		pthread_detach(thread);
	}
}

/* The server is a process, so that signals and threads are libcurl's alone here. */
static pid_t
start_server(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid;

	if (bind(listener, (struct sockaddr *) &address, len) != 0 || listen(listener, 64) != 0 ||
		getsockname(listener, (struct sockaddr *) &address, &len) != 0)
		return -1;
	port = ntohs(address.sin_port);
	pid = fork();
	if (pid == 0)
	{
		signal(SIGPIPE, SIG_IGN);
		alarm(600);
		serve(listener);
		_exit(0);
	}
	close(listener);
	return pid;
}

static Fetch *
fetch_open(void)
{
	const char *problem;
	Fetch *fetch = fetch_new(16, "test", &problem);

	assert_non_null(fetch);
	return fetch;
}

static FetchRequest
request_of(const char *path, char *url, size_t size)
{
	FetchRequest request = {.timeout = 20 * 1000000, .max_body = 1000, .follow_redirects = true};

	snprintf(url, size, "http://127.0.0.1:%d%s", port, path);
	request.url = url;
	return request;
}

/* Drive until something is over, as the worker's loop does. */
static FetchRequest *
wait_for(Fetch *fetch)
{
	FetchRequest *request;

	while ((request = fetch_finished(fetch)) == NULL)
	{
		struct pollfd fd = {.fd = fetch_fd(fetch), .events = POLLIN};

		poll(&fd, 1, (int) fetch_timeout(fetch));
		fetch_process(fetch);
	}
	return request;
}

/* Fetch one path and give it all back. */
static FetchRequest
fetch_one(const char *path, bool follow)
{
	Fetch *fetch = fetch_open();
	char url[128];
	FetchRequest request = request_of(path, url, sizeof(url));

	request.follow_redirects = follow;
	assert_true(fetch_start(fetch, &request));
	assert_int_equal(fetch_running(fetch), 1);
	assert_ptr_equal(wait_for(fetch), &request);
	assert_int_equal(fetch_running(fetch), 0);
	assert_int_equal(fetch_memory(fetch), 0);
	fetch_free(fetch);
	return request;
}

static void
test_answers(void **state)
{
	FetchRequest request = fetch_one("/ok", true);

	assert_true(request.ok);
	assert_int_equal(request.status, 200);
	assert_string_equal(request.reason, "OK");
	assert_string_equal(request.content_type, "application/octet-stream");
	assert_int_equal(request.len, 5);
	assert_memory_equal(request.body, "a\0b\0c", 5);
	free(request.body);
	request = fetch_one("/missing", true);
	assert_true(request.ok);
	assert_int_equal(request.status, 404);
	assert_string_equal(request.reason, "Not Found");
	assert_int_equal(request.len, 0);
}

static void
test_redirects(void **state)
{
	FetchRequest request = fetch_one("/moved", true);

	assert_true(request.ok);
	assert_string_equal(request.content_type, "application/octet-stream");
	free(request.body);
	request = fetch_one("/moved", false);
	assert_int_equal(request.status, 302);
	request = fetch_one("/loop", true);
	assert_false(request.ok);
	assert_non_null(strstr(request.error, "redirects"));
	request = fetch_one("/file", true);
	assert_false(request.ok);
	assert_null(request.body);
}

static void
test_limits(void **state)
{
	static const char *const paths[] = {"/announced", "/chunked"};

	for (int i = 0; i < 2; i++)
	{
		Fetch *fetch = fetch_open();
		char url[128];
		FetchRequest request = request_of(paths[i], url, sizeof(url));

		request.max_body = i == 0 ? 1000 : 16;
		assert_true(fetch_start(fetch, &request));
		wait_for(fetch);
		assert_false(request.ok);
		assert_string_equal(request.error, "body size limit exceeded");
		assert_null(request.body);
		fetch_free(fetch);
	}
	assert_false(fetch_one("/cut", true).ok);
}

static void
test_only_http(void **state)
{
	Fetch *fetch = fetch_open();
	FetchRequest request = {.url = "file:///etc/passwd", .timeout = 1000000, .max_body = 1000};

	if (fetch_start(fetch, &request))
		wait_for(fetch);
	assert_false(request.ok);
	assert_int_equal(request.len, 0);
	fetch_free(fetch);
}

static void
test_denied_networks(void **state)
{
	static const struct
	{
		const char *networks, *path;
		bool ok;
	} cases[] = {
		{"127.0.0.0/8", "/ok", false},
		{"128.0.0.0/8, ::1", "/ok", true},
		{"127.0.0.2", "/elsewhere", false}, /* redirected to it */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Fetch *fetch = fetch_open();
		char url[128];
		FetchRequest request = request_of(cases[i].path, url, sizeof(url));
		PpNetworks networks;
		PpError err;

		assert_int_equal(pp_networks_parse(cases[i].networks, &networks, &err), PP_OK);
		fetch_deny(fetch, &networks);
		assert_true(fetch_start(fetch, &request));
		wait_for(fetch);
		assert_int_equal(request.ok, cases[i].ok);
		if (!request.ok)
			assert_string_equal(request.error, "its address is in a network of pprof.scrape_deny");
		free(request.body);
		fetch_free(fetch);
	}
}

static void
test_silent_target_delays_nobody(void **state)
{
	Fetch *fetch = fetch_open();
	char urls[4][128];
	FetchRequest silent = request_of("/hang", urls[0], 128);
	FetchRequest dropped = request_of("/hang2", urls[1], 128);
	FetchRequest first = request_of("/ok", urls[2], 128);

	silent.timeout = 300 * 1000;
	assert_true(fetch_start(fetch, &silent));
	assert_true(fetch_start(fetch, &dropped));
	assert_true(fetch_start(fetch, &first));
	assert_ptr_equal(wait_for(fetch), &first);
	free(first.body);
	fetch_cancel(&dropped);
	assert_int_equal(fetch_running(fetch), 1);
	assert_ptr_equal(wait_for(fetch), &silent);
	assert_false(silent.ok);
	assert_non_null(strstr(silent.error, "timed out"));
	/* what is under way is abandoned */
	dropped = request_of("/hang", urls[1], 128);
	assert_true(fetch_start(fetch, &dropped));
	fetch_free(fetch);
}

static void
note_signal(int signo)
{
	if (!pthread_equal(pthread_self(), main_thread))
		signals_in_threads = 1;
}

/* Signals of the process are never handled in a thread that libcurl made. */
static void
test_threads_take_no_signals(void **state)
{
	Fetch *fetch = fetch_open();
	FetchRequest request = {.url = "http://localhost:1/", .timeout = 5 * 1000000, .max_body = 1000};
	struct sigaction action = {.sa_handler = note_signal};
	sigset_t only, before;

	main_thread = pthread_self();
	sigaction(SIGUSR1, &action, NULL);
	assert_true(fetch_start(fetch, &request));
	fetch_process(fetch);
	/* with the signal blocked here, any other thread that does not block it would get it */
	sigemptyset(&only);
	sigaddset(&only, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &only, &before);
	kill(getpid(), SIGUSR1);
	wait_for(fetch);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	assert_false(signals_in_threads);
	assert_false(request.ok);
	fetch_free(fetch);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_denied_networks),
		cmocka_unit_test(test_only_http),
		cmocka_unit_test(test_silent_target_delays_nobody),
		cmocka_unit_test(test_threads_take_no_signals),
	};
	pid_t server = start_server();
	int failed;

	if (server < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	kill(server, SIGKILL);
	return failed;
}
