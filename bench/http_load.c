/*
 * http_load.c
 *		Pushes a corpus over HTTP with many keep-alive clients and says how fast.
 *
 *     http_load [--clients N] [--rate N] [--rounds N] [--corpus FILE]... URL...
 *
 * A URL is that of any server that speaks Pyroscope's push.v1, http only.  The
 * corpus is what bench/corpus.c writes (several files are put together by time;
 * without a file: standard input); each of its profiles becomes one Push request
 * with one profile.  Without --rate every client sends its next request when the
 * last one is answered; with it all of them together keep to so many requests per
 * second, and latencies count from when a request was due.
 *
 * With several URLs, or --rounds, the corpus is cut into rounds and every round
 * goes to each URL, the first one changing from round to round.  One JSON line per
 * URL has the rate of all rounds together and the median, least and greatest one.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COPY_HEADER 19 /* signature, flags, length of the extension */
#define COLUMNS		5
#define MAX_TARGETS 8
#define MAX_ROUNDS	1000

typedef struct Profile
{
	int64_t at;
	uint32_t service, pod, len;
	const char *body;
} Profile;

typedef struct Target
{
	const char *url;
	char *host, *path; /* path: without a slash at its end */
	struct addrinfo *address;
	_Atomic size_t failed;
	double seconds;
	double per_second[MAX_ROUNDS];
	int64_t *latency_us; /* by profile */
} Target;

static Profile *profiles;
static size_t nprofiles;
static int64_t rate;

/* The round that is running. */
static Target *target;
static _Atomic size_t next_profile;
static size_t first_profile, end_profile;
static int64_t started_us;

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

/* All of standard input. */
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

/* A corpus may be larger than memory. */
static char *
map_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	char *data;

	if (fd < 0 || fstat(fd, &st) != 0)
		die(path);
	*len = (size_t) st.st_size;
	data = mmap(NULL, *len, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		die(path);
	return data;
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
read_corpus(const char *data, size_t len)
{
	static size_t cap = 0;
	size_t at = COPY_HEADER;

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
		profiles[nprofiles++] =
			(Profile){.at = (int64_t) ((uint64_t) be32(fields[3]) << 32 | be32(fields[3] + 4)),
					  .service = be32(fields[0]),
					  .pod = be32(fields[1]),
					  .len = lengths[4],
					  .body = fields[4]};
	}
}

static int
compare_times(const void *a, const void *b)
{
	const Profile *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (x->service > y->service) - (x->service < y->service);
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
				 "POST %s/push.v1.PusherService/Push HTTP/1.1\r\nHost: %s\r\n"
				 "Content-Type: application/proto\r\nContent-Length: %zu\r\n\r\n",
				 target->path,
				 target->host,
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
	const struct addrinfo *address = target->address;
	int fd = socket(address->ai_family, SOCK_STREAM, 0), on = 1;

	if (fd < 0 || connect(fd, address->ai_addr, address->ai_addrlen) != 0)
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

	while ((i = atomic_fetch_add(&next_profile, 1)) < end_profile)
	{
		int64_t begin = now_us();
		size_t len = request_head(&profiles[i], head, sizeof(head));
		int status = 0;

		if (rate > 0)
		{
			int64_t due = started_us + (int64_t) (i - first_profile) * 1000000 / rate;

			if (due > begin)
				usleep((useconds_t) (due - begin));
			begin = due;
		}
		if (send_all(fd, head, len, MSG_MORE) && send_all(fd, profiles[i].body, profiles[i].len, 0))
			status = read_answer(fd);
		target->latency_us[i] = now_us() - begin;
		if (status == 200)
			continue;
		atomic_fetch_add(&target->failed, 1);
		close(fd);
		fd = connect_server();
	}
	close(fd);
	return NULL;
}

/* Send the profiles from first to end (exclusive) to a target; the seconds it took. */
static double
run(Target *to, size_t first, size_t end, int clients)
{
	pthread_t *threads = calloc((size_t) clients, sizeof(pthread_t));

	target = to;
	first_profile = first;
	end_profile = end;
	atomic_store(&next_profile, first);
	started_us = now_us();
	for (int i = 0; i < clients; i++)
		pthread_create(&threads[i], NULL, client, NULL);
	for (int i = 0; i < clients; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	return (double) (now_us() - started_us) / 1e6;
}

static int
compare_latencies(const void *a, const void *b)
{
	int64_t left = *(const int64_t *) a, right = *(const int64_t *) b;

	return (left > right) - (left < right);
}

static int
compare_rates(const void *a, const void *b)
{
	double left = *(const double *) a, right = *(const double *) b;

	return (left > right) - (left < right);
}

static void
parse_url(Target *to, const char *url)
{
	static const char scheme[] = "http://";
	char *copy, *port;

	to->url = url;
	if (strncmp(url, scheme, strlen(scheme)) != 0)
		die("a URL begins with http://");
	copy = strdup(url + strlen(scheme));
	to->path = strchr(copy, '/');
	if (to->path == NULL)
		to->path = strdup("");
	else
	{
		char *path = strdup(to->path);

		*to->path = '\0';
		if (path[strlen(path) - 1] == '/')
			path[strlen(path) - 1] = '\0';
		to->path = path;
	}
	to->host = strdup(copy);
	port = strrchr(copy, ':');
	if (port != NULL)
		*port++ = '\0';
	if (getaddrinfo(copy, port == NULL ? "80" : port, NULL, &to->address) != 0)
		die("unknown host");
	free(copy);
}

static void
print_target(Target *to, int rounds, int clients)
{
	qsort(to->latency_us, nprofiles, sizeof(int64_t), compare_latencies);
	qsort(to->per_second, (size_t) rounds, sizeof(double), compare_rates);
	printf("{\"bench\":\"http_load\",\"url\":\"%s\",\"profiles\":%zu,\"failed\":%zu,\"clients\":%d,"
		   "\"per_second\":%.0f,\"rounds\":%d,\"median\":%.0f,\"min\":%.0f,\"max\":%.0f,"
		   "\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n",
		   to->url,
		   nprofiles,
		   (size_t) to->failed,
		   clients,
		   (double) nprofiles / to->seconds,
		   rounds,
		   to->per_second[rounds / 2],
		   to->per_second[0],
		   to->per_second[rounds - 1],
		   (double) to->latency_us[nprofiles / 2] / 1000,
		   (double) to->latency_us[nprofiles * 99 / 100] / 1000);
}

int
main(int argc, char **argv)
{
	static const struct option longopts[] = {{"clients", required_argument, NULL, 'c'},
											 {"rate", required_argument, NULL, 'r'},
											 {"rounds", required_argument, NULL, 'n'},
											 {"corpus", required_argument, NULL, 'f'},
											 {NULL, 0, NULL, 0}};
	static Target targets[MAX_TARGETS];
	int clients = 32, rounds = 1, ntargets, c;
	bool mapped = false;
	size_t len;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1)
		switch (c)
		{
			case 'c':
				clients = atoi(optarg);
				break;
			case 'r':
				rate = atoll(optarg);
				break;
			case 'n':
				rounds = atoi(optarg);
				break;
			case 'f':
			{
				const char *data = map_file(optarg, &len);

				read_corpus(data, len);
				mapped = true;
				break;
			}
			default:
				return 2;
		}
	ntargets = argc - optind;
	if (clients < 1 || rounds < 1 || rounds > MAX_ROUNDS || ntargets < 1 || ntargets > MAX_TARGETS)
		die("usage: http_load [--clients N] [--rate N] [--rounds N] [--corpus FILE]... URL...");
	if (!mapped)
	{
		const char *data = read_all(&len);

		read_corpus(data, len);
	}
	if (nprofiles == 0)
		die("the corpus is empty");
	qsort(profiles, nprofiles, sizeof(Profile), compare_times);
	for (int t = 0; t < ntargets; t++)
	{
		parse_url(&targets[t], argv[optind + t]);
		targets[t].latency_us = calloc(nprofiles, sizeof(int64_t));
	}
	for (int round = 0; round < rounds; round++)
		for (int t = 0; t < ntargets; t++)
		{
			Target *to = &targets[(round + t) % ntargets];
			size_t first = nprofiles * (size_t) round / (size_t) rounds;
			size_t end = nprofiles * ((size_t) round + 1) / (size_t) rounds;
			double seconds = run(to, first, end, clients);

			to->seconds += seconds;
			to->per_second[round] = (double) (end - first) / seconds;
		}
	for (int t = 0; t < ntargets; t++)
		print_target(&targets[t], rounds, clients);
	return 0;
}
