/*
 * test_pp_extremes.c
 *		Profiles at the hard limits, through everything that is done with one.
 *
 * Memory is metered: it may grow with the input, but not faster.  Operations run
 * on a small stack, so that recursion on the depth of anything would crash.
 * All but the first are smaller than they could be, to save time: EXTREMES_DIVIDE=1
 * makes all as large as the limits allow, 100 is for slow tools.
 */
#include "pp_operations.h"
#include "pp_search_pcre2.h"
#include "pp_test.h"

#include <pthread.h>
#include <time.h>

#define STACK_SIZE (512 << 10)

/* A message of any size. */
typedef struct Message
{
	uint8_t *data;
	size_t len, cap;
} Message;

static void
put(Message *m, const void *data, size_t len)
{
	if (m->len + len > m->cap)
	{
		m->cap = (m->len + len) * 2;
		m->data = realloc(m->data, m->cap);
		assert_non_null(m->data);
	}
	memcpy(m->data + m->len, data, len);
	m->len += len;
}

static void
put_varint(Message *m, uint64_t value)
{
	uint8_t bytes[10];
	size_t n = 0;

	for (; value >= 0x80; value >>= 7)
		bytes[n++] = (uint8_t) value | 0x80;
	bytes[n++] = (uint8_t) value;
	put(m, bytes, n);
}

static void
put_number(Message *m, int field, uint64_t value)
{
	put_varint(m, (uint64_t) field << 3);
	put_varint(m, value);
}

static void
put_bytes(Message *m, int field, const void *data, size_t len)
{
	put_varint(m, (uint64_t) field << 3 | 2);
	put_varint(m, len);
	put(m, data, len);
}

/* A nested message of numbers: pairs of field and value. */
static void
put_message(Message *m, int field, size_t n, const uint64_t *pairs)
{
	Message inner = {0};

	for (size_t i = 0; i < n; i += 2)
		put_number(&inner, (int) pairs[i], pairs[i + 1]);
	put_bytes(m, field, inner.data, inner.len);
	free(inner.data);
}

#define PUT_MESSAGE(m, field, ...)                                                                 \
	put_message(m,                                                                                 \
				field,                                                                             \
				sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t),                              \
				(uint64_t[]){__VA_ARGS__})

/* samples/count, strings up to "who"; further ones count from 6. */
static void
start(Message *m)
{
	static const char *const strings[] = {"", "samples", "count", "size", "bytes", "who"};

	for (size_t i = 0; i < 6; i++)
		put_bytes(m, 6, strings[i], strlen(strings[i]));
	PUT_MESSAGE(m, 1, 1, 1, 2, 2);
}

/* Functions and locations 1 to n, each with `lines` lines. */
static void
put_functions(Message *m, uint32_t n, uint32_t lines, size_t name_len)
{
	char *name = malloc(name_len + 16);

	for (uint32_t i = 1; i <= n; i++)
	{
		Message location = {0};
		int len = snprintf(name, 16, "f%07u", i);

		if (name_len > (size_t) len)
			memset(name + len, 'x', name_len - (size_t) len);
		put_bytes(m, 6, name, name_len > (size_t) len ? name_len : (size_t) len);
		PUT_MESSAGE(m, 5, 1, i, 2, 5 + i, 4, 5 + i, 5, 1);
		put_number(&location, 1, i);
		for (uint32_t k = 0; k < lines; k++)
			put_bytes(&location, 4, "\x08\x01\x10\x07", 4);
		if (lines == 0)
			PUT_MESSAGE(&location, 4, 1, i, 2, i);
		put_bytes(m, 4, location.data, location.len);
		free(location.data);
	}
	free(name);
}

/* A sample of `depth` locations, counting from 1 up to `distinct` again and again. */
static void
put_stack(Message *m, uint32_t depth, uint32_t distinct, int64_t value, uint64_t label)
{
	Message sample = {0}, stack = {0};

	for (uint32_t i = 0; i < depth; i++)
		put_varint(&stack, i % distinct + 1);
	put_bytes(&sample, 1, stack.data, stack.len);
	put_number(&sample, 2, (uint64_t) value);
	PUT_MESSAGE(&sample, 3, 1, 3, 3, label, 4, 4);
	put_bytes(m, 2, sample.data, sample.len);
	free(stack.data);
	free(sample.data);
}

/* --- running --- */

typedef struct Job
{
	const Operation *operation;
	const PpProfile *p;
	Meter meter;
	PpCode code;
	PpError err;
	double seconds;
	size_t printed;
} Job;

/* No assertion in here: they jump, and this is another thread. */
static void *
run_job(void *arg)
{
	Job *job = arg;
	SearchList list = {.n = 0};
	PpSearch search = {search_compile, search_match, &list};
	PpAlloc alloc = meter_alloc(&job->meter);
	Operands x = {.p = job->p, .options = pp_report_defaults(), .search = &search};
	struct timespec before, after;
	PpBuf out;

	pp_buf_init(&out, &alloc);
	x.out = &out;
	x.arena = pp_arena_new(&alloc);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	job->code = job->operation->run(&x, &job->err);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	job->seconds =
		(double) (after.tv_sec - before.tv_sec) + (double) (after.tv_nsec - before.tv_nsec) / 1e9;
	job->printed = out.len;
	pp_arena_free(x.arena);
	pp_buf_free(&out);
	search_release(&list);
	return NULL;
}

static void
run_on_small_stack(Job *job)
{
	pthread_attr_t attr;
	pthread_t thread;

	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstacksize(&attr, STACK_SIZE), 0);
	assert_int_equal(pthread_create(&thread, &attr, run_job, job), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attr);
}

/* All operations, none using more than `bound` bytes; which used most. */
static void
run_all(const char *what, const PpProfile *p, size_t bound)
{
	bool verbose = getenv("EXTREMES_VERBOSE") != NULL;
	const char *only = getenv("EXTREMES_ONLY"); /* one operation, to look at it alone */
	size_t most = 0;
	const char *worst = "";

	for (size_t i = 0; i < noperations; i++)
	{
		Job job = {.operation = &operations[i], .p = p};

		if (only != NULL && strcmp(only, operations[i].name) != 0)
			continue;
		run_on_small_stack(&job);
		if (verbose)
			print_message("%s, %s: code %d %s, %.2f s, %zu MB, %zu bytes printed\n",
						  what,
						  operations[i].name,
						  (int) job.code,
						  job.err.message,
						  job.seconds,
						  job.meter.peak >> 20,
						  job.printed);
		/* a result may be beyond a limit where the profile was at it */
		if (job.code != PP_OK && !(job.code == PP_ELIMIT && job.err.setting != NULL))
			fail_msg("%s, %s: %s", what, operations[i].name, job.err.message);
		if (job.meter.used != 0)
			fail_msg("%s, %s: %zu bytes leaked", what, operations[i].name, job.meter.used);
		if (job.meter.peak > bound)
			fail_msg("%s, %s: %zu bytes of memory", what, operations[i].name, job.meter.peak);
		if (job.meter.peak > most)
		{
			most = job.meter.peak;
			worst = operations[i].name;
		}
	}
	print_message("%s: at most %zu MB (%s)\n", what, most >> 20, worst);
}

/* Smaller by EXTREMES_DIVIDE; if that is not given, by what keeps the test short. */
static uint32_t
sized_by(uint32_t n, uint32_t preset)
{
	const char *divide = getenv("EXTREMES_DIVIDE");
	uint32_t by = divide != NULL ? (uint32_t) atoi(divide) : preset;

	return by > 1 ? n / by : n;
}

static uint32_t
sized(uint32_t n)
{
	return sized_by(n, 32);
}

/*
 * Decode within hard limits, run everything, and free the message.  Memory is
 * bounded by what there is n of.
 */
static void
try_message(const char *what, Message *m, size_t n, size_t bytes_each)
{
	Meter meter = {0};
	PpAlloc alloc = meter_alloc(&meter);
	PpArena *arena = pp_arena_new(&alloc);
	PpError err = {0};
	PpProfile *p;

	if (pp_profile_decode(m->data, m->len, &pp_limits_hard, arena, &p, &err) != PP_OK)
		fail_msg("%s: %s", what, err.message);
	assert_true(meter.peak < (16 << 20) + n * bytes_each / 4);
	run_all(what, p, (16 << 20) + n * bytes_each);
	pp_arena_free(arena);
	free(m->data);
}

#define FRAMES (1 << 20) /* max_depth, and max_frames */

static void
test_recursion(void **state)
{
	uint32_t n = sized_by(FRAMES, 1);
	Message m = {0};

	start(&m);
	put_functions(&m, 1, 0, 0);
	put_stack(&m, n, 1, 7, 64);
	try_message("one frame over and over", &m, n, 500);
}

static void
test_deep(void **state)
{
	uint32_t n = sized(FRAMES);
	Message m = {0};

	start(&m);
	put_functions(&m, n, 0, 0);
	put_stack(&m, n, n, 7, 64);
	put_stack(&m, n / 2, n, 3, 65);
	try_message("the deepest stacks", &m, n, 1500);
}

static void
test_inlined(void **state)
{
	uint32_t n = sized(FRAMES), lines = sized(1 << 16);
	Message m = {0};

	start(&m);
	put_functions(&m, 2, lines, 0);
	put_stack(&m, n / lines, 2, 7, 64);
	try_message("a location of many lines, named often", &m, n, 500);
}

static void
test_long_names(void **state)
{
	uint32_t n = sized(FRAMES);
	Message m = {0};

	start(&m);
	put_functions(&m, n, 0, 100);
	for (uint32_t i = 0; i < 100; i++)
		put_stack(&m, n / 100 > i ? n / 100 - i : 1, n, 1, i);
	try_message("100 MB of names", &m, n, 1600);
}

static void
test_samples(void **state)
{
	uint32_t n = sized(FRAMES);
	Message m = {0};

	start(&m);
	put_functions(&m, 10, 0, 0);
	for (uint32_t i = 0; i < n; i++)
		put_stack(&m, i % 10 + 1, 10, i, i);
	try_message("a million samples", &m, n, 800);
}

/* As many labels as a sample may have, and types, comments and mappings. */
static void
test_wide(void **state)
{
	uint32_t types = sized(1024), labels = sized(1 << 16), n = sized(1 << 20);
	Message m = {0}, sample = {0}, values = {0}, comments = {0};

	start(&m);
	for (uint32_t i = 1; i < types; i++)
		PUT_MESSAGE(&m, 1, 1, 5 + i, 2, 2);
	put_functions(&m, labels, 0, 0);
	for (uint32_t i = 0; i < types; i++)
		put_varint(&values, i);
	put_bytes(&sample, 1, "\x01\x02\x03", 3);
	put_bytes(&sample, 2, values.data, values.len);
	for (uint32_t i = 0; i < labels; i++)
		PUT_MESSAGE(&sample, 3, 1, 6 + (uint64_t) i / 2, 2, 6 + (uint64_t) i);
	for (uint32_t i = 0; i < 4; i++)
		put_bytes(&m, 2, sample.data, sample.len);
	for (uint32_t i = 1; i <= n; i++)
		PUT_MESSAGE(&m, 3, 1, i, 2, i, 3, i + 1);
	for (uint32_t i = 0; i < n; i++)
		put_varint(&comments, 5);
	put_bytes(&m, 13, comments.data, comments.len);
	free(sample.data);
	free(values.data);
	free(comments.data);
	try_message("wide tables", &m, n, 500);
}

/* Twenty frames print more than any text may hold. */
static void
test_too_much_text(void **state)
{
	size_t name_len = 64 << 20;
	PpArena *arena;
	PpProfile *p;
	PpError err = {0};
	Message m = {0};

	if (sized(64) < 2) /* too slow a tool */
		skip();
	arena = pp_arena_new(&pp_alloc_malloc);
	start(&m);
	put_functions(&m, 1, 0, name_len);
	put_stack(&m, 20, 1, 7, 64);
	assert_int_equal(pp_profile_decode(m.data, m.len, &pp_limits_hard, arena, &p, &err), PP_OK);
	for (size_t i = 0; i < noperations; i++)
	{
		Job job = {.operation = &operations[i], .p = p};

		if (strcmp(operations[i].name, "traces") != 0)
			continue;
		run_on_small_stack(&job);
		assert_int_equal(job.code, PP_ELIMIT);
		assert_non_null(strstr(job.err.message, "larger than"));
		assert_true(job.meter.peak < (size_t) 5 << 28);
	}
	pp_arena_free(arena);
	free(m.data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recursion),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_inlined),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_wide),
		cmocka_unit_test(test_too_much_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
