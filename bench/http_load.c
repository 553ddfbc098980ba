/*
 * http_load.c
 *		Pushes a corpus over HTTP with many keep-alive clients and says how fast.
 *
 *     corpus ... | http_load HOST:PORT CLIENTS [RATE]
 *
 * The corpus is what bench/corpus.c writes; each of its profiles becomes one Push
 * request with one profile.  Without RATE every client sends its next request when
 * the last one is answered; with RATE all of them together keep to so many
 * requests per second, and latencies count from when a request was due.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define COPY_HEADER 19 /* signature, flags, length of the extension */
#define COLUMNS		5

typedef struct Profile
{
	uint32_t service, pod, len;
	const char *body;
} Profile;

static Profile *profiles;
static size_t nprofiles;
static _Atomic size_t next_profile, nfailed;
static int64_t *latency_us, rate, started_us;
static struct addrinfo *server;

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
die(const char *what)
{
	fprintf(stderr, "http_load: %s\n", what);
	exit(1);
}

static char *
read_all(size_t *len)
{
	size_t cap = 1 << 20;
	char *data = malloc(cap);

	*len = 0;
	for (;;)
	{
		size_t got = fread(data + *len, 1, cap - *len, stdin);

		if (got == 0)
			return data;
		*len += got;
		if (*len == cap && (data = realloc(data, cap *= 2)) == NULL)
			die("out of memory");
	}
}

static uint32_t
be32(const char *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return be32toh(value);
}

/* Rows of (service int4, pod int4, seq int4, at timestamptz, body bytea). */
static void
read_corpus(void)
{
	size_t len, at = COPY_HEADER, cap = 0;
	const char *data = read_all(&len);

	while (at + 2 <= len && data[at] == 0 && data[at + 1] == COLUMNS)
	{
		const char *fields[COLUMNS];
		uint32_t lengths[COLUMNS];

		at += 2;
		for (int i = 0; i < COLUMNS; i++)
		{
			if (at + 4 > len || be32(data + at) > len - at - 4)
				die("the corpus is cut off");
			lengths[i] = be32(data + at);
			fields[i] = data + at + 4;
			at += 4 + lengths[i];
		}
		if (nprofiles == cap)
			profiles = realloc(profiles, (cap = cap == 0 ? 1024 : cap * 2) * sizeof(Profile));
		profiles[nprofiles++] = (Profile){.service = be32(fields[0]),
										  .pod = be32(fields[1]),
										  .len = lengths[4],
										  .body = fields[4]};
	}
}

static size_t
put_varint(char *out, uint64_t value)
{
	size_t n = 0;

	for (; value >= 0x80; value >>= 7)
		out[n++] = (char) (value | 0x80);
	out[n++] = (char) value;
	return n;
}

/* A length-delimited field; data may be NULL when only its head is wanted. */
static size_t
put_field(char *out, int field, const char *data, size_t len)
{
	size_t n = put_varint(out, (uint64_t) field << 3 | 2);

	n += put_varint(out + n, len);
	if (data != NULL)
		memcpy(out + n, data, len);
	return data == NULL ? n : n + len;
}

static size_t
put_label(char *out, const char *name, const char *value)
{
	char pair[256];
	size_t n = put_field(pair, 1, name, strlen(name));

	n += put_field(pair + n, 2, value, strlen(value));
	return put_field(out, 1, pair, n);
}

/* The request up to the bytes of the profile. */
static size_t
request_head(const Profile *profile, char *out, size_t size)
{
	char labels[1024], series[64], sample[64], raw[16], service[32], pod[32];
	size_t nlabels = 0, nseries, nsample, nraw;
	int n;

	snprintf(service, sizeof(service), "service-%u", profile->service);
	snprintf(pod, sizeof(pod), "pod-%u", profile->pod);
	nlabels += put_label(labels + nlabels, "__name__", "process_cpu");
	nlabels += put_label(labels + nlabels, "service_name", service);
	nlabels += put_label(labels + nlabels, "pod", pod);
	nraw = put_field(raw, 1, NULL, profile->len);
	nsample = put_field(sample, 2, NULL, nraw + profile->len);
	nseries = put_field(series, 1, NULL, nlabels + nsample + nraw + profile->len);
	n = snprintf(out,
				 size,
				 "POST /push.v1.PusherService/Push HTTP/1.1\r\nHost: bench\r\n"
				 "Content-Type: application/proto\r\nContent-Length: %zu\r\n\r\n",
				 nseries + nlabels + nsample + nraw + profile->len);
	memcpy(out + n, series, nseries);
	memcpy(out + (size_t) n + nseries, labels, nlabels);
	memcpy(out + (size_t) n + nseries + nlabels, sample, nsample);
	memcpy(out + (size_t) n + nseries + nlabels + nsample, raw, nraw);
	return (size_t) n + nseries + nlabels + nsample + nraw;
}

static bool
send_all(int fd, const char *data, size_t len, int flags)
{
	while (len > 0)
	{
		ssize_t sent = send(fd, data, len, flags | MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		data += sent;
		len -= (size_t) sent;
	}
	return true;
}

/* One answer; bodies are short, so one buffer holds it. */
static int
read_answer(int fd)
{
	char buffer[8192];
	size_t have = 0;

	for (;;)
	{
		ssize_t got = recv(fd, buffer + have, sizeof(buffer) - 1 - have, 0);
		char *end, *length;

		if (got <= 0)
			return 0;
		have += (size_t) got;
		buffer[have] = '\0';
		end = strstr(buffer, "\r\n\r\n");
		if (end == NULL)
			continue;
		length = strcasestr(buffer, "Content-Length:");
		if (length == NULL || have >= (size_t) (end + 4 - buffer) + strtoul(length + 15, NULL, 10))
			return atoi(buffer + strlen("HTTP/1.1 "));
	}
}

static int
connect_server(void)
{
	int fd = socket(server->ai_family, SOCK_STREAM, 0), on = 1;

	if (fd < 0 || connect(fd, server->ai_addr, server->ai_addrlen) != 0)
		die("could not connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void *
client(void *arg)
{
	int fd = connect_server();
	char head[2048];
	size_t i;

	while ((i = atomic_fetch_add(&next_profile, 1)) < nprofiles)
	{
		int64_t begin = now_us();
		size_t len = request_head(&profiles[i], head, sizeof(head));
		int status = 0;

		if (rate > 0)
		{
			int64_t due = started_us + (int64_t) i * 1000000 / rate;

			if (due > begin)
				usleep((useconds_t) (due - begin));
			begin = due;
		}
		if (send_all(fd, head, len, MSG_MORE) && send_all(fd, profiles[i].body, profiles[i].len, 0))
			status = read_answer(fd);
		latency_us[i] = now_us() - begin;
		if (status == 200)
			continue;
		atomic_fetch_add(&nfailed, 1);
		close(fd);
		fd = connect_server();
	}
	close(fd);
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *) a, right = *(const int64_t *) b;

	return (left > right) - (left < right);
}

int
main(int argc, char **argv)
{
	int clients = argc > 2 ? atoi(argv[2]) : 0;
	char *colon = argc > 2 ? strrchr(argv[1], ':') : NULL;
	pthread_t *threads;
	double seconds;

	if (clients < 1 || colon == NULL)
		die("usage: corpus ... | http_load HOST:PORT CLIENTS [RATE]");
	rate = argc > 3 ? atoll(argv[3]) : 0;
	*colon = '\0';
	if (getaddrinfo(argv[1], colon + 1, NULL, &server) != 0)
		die("unknown host");
	read_corpus();
	if (nprofiles == 0)
		die("the corpus is empty");
	latency_us = calloc(nprofiles, sizeof(int64_t));
	threads = calloc((size_t) clients, sizeof(pthread_t));
	started_us = now_us();
	for (int i = 0; i < clients; i++)
		pthread_create(&threads[i], NULL, client, NULL);
	for (int i = 0; i < clients; i++)
		pthread_join(threads[i], NULL);
	seconds = (double) (now_us() - started_us) / 1e6;
	qsort(latency_us, nprofiles, sizeof(int64_t), compare);
	printf("\"profiles\":%zu,\"failed\":%zu,\"clients\":%d,\"per_second\":%.0f,"
		   "\"p50_ms\":%.2f,\"p99_ms\":%.2f\n",
		   nprofiles,
		   (size_t) nfailed,
		   clients,
		   (double) nprofiles / seconds,
		   (double) latency_us[nprofiles / 2] / 1000,
		   (double) latency_us[nprofiles * 99 / 100] / 1000);
	return 0;
}
