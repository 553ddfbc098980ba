/*
 * test_pp_encode.c
 *		profile.proto out: the bytes of the reference encoder, and reading them back.
 */
#include "pp_test.h"

#include "core/pp_inflate.h"

static PpArena *arena;
static PpError err;

static int
setup(void **state)
{
	arena = pp_arena_new(&pp_alloc_malloc);
	return arena == NULL;
}

static int
teardown(void **state)
{
	pp_arena_free(arena);
	return 0;
}

static Bytes
encoded(const PpProfile *p)
{
	Bytes b;

	assert_int_equal(pp_profile_encode(p, &pp_alloc_malloc, &b.data, &b.len, &err), PP_OK);
	return b;
}

static PpProfile *
decoded(const uint8_t *data, size_t len)
{
	PpProfile *p;

	if (pp_profile_decode(data, len, &pp_limits_default, arena, &p, &err) != PP_OK)
		fail_msg("refused: %s", err.message);
	return p;
}

static void
assert_encodes(const PpProfile *p, const Wire *expected)
{
	Bytes b = encoded(p);

	assert_int_equal(b.len, expected->len);
	assert_memory_equal(b.data, expected->data, b.len);
	free(b.data);
}

/* decode(encode(x)) = x, and encoding again gives the same bytes. */
static void
round_trip(const char *name, Bytes bytes)
{
	PpProfile *p, *q;
	Bytes first, second;

	if (pp_profile_read(bytes.data, bytes.len, &pp_limits_default, arena, &p, &err) != PP_OK)
		return;
	first = encoded(p);
	q = decoded(first.data, first.len);
	assert_same_profile(p, q);
	second = encoded(q);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.data, second.data, first.len);
	free(first.data);
	free(second.data);
}

static void
test_round_trip(void **state)
{
	assert_true(each_file(TEST_DATA "go/", ".pb.gz", round_trip) > 10);
	assert_true(each_file(TEST_DATA "in/", ".pb", round_trip) > 50);
	assert_true(each_file(TEST_DATA "in/", ".pb.gz", round_trip) > 10);
}

static const uint8_t *
plain(Bytes bytes, size_t *len)
{
	const uint8_t *out;

	assert_int_equal(pp_inflate_arena(PP_GZIP,
									  bytes.data,
									  bytes.len,
									  &pp_limits_default,
									  arena,
									  &out,
									  len,
									  NULL),
					 PP_OK);
	return out;
}

/* encoded/ holds what the reference tool (go tool pprof -proto) makes of the inputs. */
static void
test_same_bytes(void **state)
{
	static const char *const names[][2] = {
		{"go/go119-a-heap.pb.gz", "go119-a-heap.pb"},
		{"go/go119-b-cpu.pb.gz", "go119-b-cpu.pb"},
		{"go/go123-a-allocs.pb.gz", "go123-a-allocs.pb"},
		{"go/go123-a-cpu.pb.gz", "go123-a-cpu.pb"},
		{"go/go123-a-goroutine.pb.gz", "go123-a-goroutine.pb"},
		{"in/addr.pb", "addr.pb"},
		{"in/basic.pb", "basic.pb"},
		{"in/heap.pb", "heap.pb"},
		{"in/merge1.pb", "merge1.pb"},
		{"in/t_ids_sparse.pb", "t_ids_sparse.pb"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		Bytes in = bytes_of_file(TEST_DATA, names[i][0]);
		Bytes expected = bytes_of_file(TEST_DATA "encoded/", names[i][1]), b;
		PpProfile *p;

		assert_int_equal(pp_profile_read(in.data, in.len, &pp_limits_default, arena, &p, &err),
						 PP_OK);
		b = encoded(p);
		assert_int_equal(b.len, expected.len);
		assert_memory_equal(b.data, expected.data, b.len);
		free(b.data);
		free(in.data);
		free(expected.data);
	}
}

/* An empty profile still says that the first string is empty, and field 14. */
static void
test_empty(void **state)
{
	Wire w = {.len = 0};

	wire_string(&w, "");
	wire_varint(&w, 14, 0);
	assert_encodes(pp_profile_new(arena), &w);
}

/* Strings in the order of first use, equal ones once; unused ones are gone. */
static void
test_string_order(void **state)
{
	Wire in = {.len = 0}, out = {.len = 0}, sample = {.len = 0};
	static const char *const strings[] = {"",		"unused", "doc",   "default", "comment",
										  "unit",	"type",	  "keep",  "drop",	  "file",
										  "system", "name",	  "build", "map",	  "numunit",
										  "numkey", "text",	  "key",   "type",	  "period",
										  NULL};

	for (const char *const *s = strings; *s; s++)
		wire_string(&in, *s);
	WIRE_NUMBERS(&in, 1, 6, 5);
	wire_varint(&sample, 2, 1);
	WIRE_NUMBERS(&sample, 3, 15, 0, 9, 14);
	WIRE_NUMBERS(&sample, 3, 17, 16);
	wire_message(&in, 2, &sample);
	WIRE_NUMBERS(&in, 3, 1, 0, 0, 0, 13, 12);
	WIRE_NUMBERS(&in, 5, 1, 11, 10, 9);
	wire_varint(&in, 7, 8);
	wire_varint(&in, 8, 7);
	WIRE_NUMBERS(&in, 11, 18, 19); /* "type" again, under another index */
	wire_varint(&in, 13, 4);
	wire_varint(&in, 14, 3);
	wire_varint(&in, 15, 2);

	sample.len = 0;
	WIRE_NUMBERS(&out, 1, 1, 2);
	wire_varint(&sample, 2, 1);
	WIRE_NUMBERS(&sample, 3, 3, 4);
	WIRE_NUMBERS(&sample, 3, 5, 0, 9, 6);
	wire_message(&out, 2, &sample);
	WIRE_NUMBERS(&out, 3, 1, 0, 0, 0, 7, 8);
	WIRE_NUMBERS(&out, 5, 1, 9, 10, 11);
	static const char *const order[] = {"",
										"type",
										"unit",
										"key",
										"text",
										"numkey",
										"numunit",
										"map",
										"build",
										"name",
										"system",
										"file",
										"drop",
										"keep",
										"period",
										"comment",
										"default",
										"doc",
										NULL};

	for (const char *const *s = order; *s; s++)
		wire_string(&out, *s);
	wire_varint(&out, 7, 12);
	wire_varint(&out, 8, 13);
	WIRE_NUMBERS(&out, 11, 1, 14);
	wire_varint(&out, 13, 15);
	wire_varint(&out, 14, 16);
	wire_varint(&out, 15, 17);
	assert_encodes(decoded(in.data, in.len), &out);
}

/* One or two numbers are written one by one, three or more packed. */
static void
test_packing(void **state)
{
	for (int n = 0; n <= 4; n++)
	{
		Wire w = {.len = 0}, sample = {.len = 0};
		static const uint8_t ones[] = {1, 1, 1, 1}, values[] = {0, 5, 0, 7};

		for (int i = 0; i < n; i++)
			WIRE_NUMBERS(&w, 1, 1);
		if (n < 3)
			for (int i = 0; i < n; i++)
				wire_varint(&sample, 1, 1);
		else
			wire_bytes(&sample, 1, ones, (size_t) n);
		if (n < 3)
			for (int i = 0; i < n; i++)
				wire_varint(&sample, 2, values[i]); /* zeros too */
		else
			wire_bytes(&sample, 2, values, (size_t) n);
		if (n > 0)
			wire_message(&w, 2, &sample);
		WIRE_NUMBERS(&w, 4, 1);
		wire_string(&w, "");
		if (n > 0)
			wire_string(&w, "x");
		if (n > 0 && n < 3)
			for (int i = 0; i < n; i++)
				wire_varint(&w, 13, 1);
		else if (n > 0)
			wire_bytes(&w, 13, ones, (size_t) n);
		wire_varint(&w, 14, 0);
		assert_encodes(decoded(w.data, w.len), &w);
	}
}

/* Samples, labels, strings and comments longer than a length of one byte. */
static void
test_long_messages(void **state)
{
	PpProfile *p = pp_profile_new(arena);
	uint32_t depth = 30000;
	char *text = malloc(300);
	Bytes b;

	memset(text, 'x', 300);
	p->nstrings = 2;
	p->strings = pp_arena_array(arena, 2, sizeof(PpBytes));
	p->strings[0] = (PpBytes){"", 0};
	p->strings[1] = (PpBytes){text, 300};
	p->ntypes = 1;
	p->types = &(PpValueType){1, 1};
	p->nlocations = 1;
	p->locations = &(PpLocation){.id = UINT64_MAX, .mapping = PP_NONE, .address = UINT64_MAX};
	p->nsamples = 1;
	p->samples = &(PpSample){0, depth, 0, 200};
	p->values = &(int64_t){INT64_MIN};
	p->nlocrefs = depth;
	p->locrefs = pp_arena_zalloc(arena, depth * sizeof(uint32_t));
	p->nlabels = 200;
	p->labels = pp_arena_zalloc(arena, 200 * sizeof(PpLabel));
	for (int i = 0; i < 200; i++)
		p->labels[i] = (PpLabel){.num = INT64_MIN + i, .num_unit = 1};
	p->ncomments = 200;
	p->comments = pp_arena_zalloc(arena, 200 * sizeof(uint32_t));

	PpLimits limits = pp_limits_default;
	PpProfile *q;

	limits.max_depth = depth;
	b = encoded(p);
	assert_int_equal(pp_profile_decode(b.data, b.len, &limits, arena, &q, &err), PP_OK);
	assert_same_profile(p, q);
	free(b.data);
	free(text);
}

static void *
no_alloc(void *ctx, size_t size)
{
	return --*(int *) ctx >= 0 ? malloc(size) : NULL;
}

static void *
no_resize(void *ctx, void *ptr, size_t size)
{
	return --*(int *) ctx >= 0 ? realloc(ptr, size) : NULL;
}

static void
release(void *ctx, void *ptr)
{
	free(ptr);
}

static bool
say_stop(void *ctx)
{
	return true;
}

static void
test_out_of_memory(void **state)
{
	Bytes bytes = bytes_of_file(TEST_DATA "go/", "go123-a-cpu.pb.gz"), b;
	size_t len;
	const uint8_t *data = plain(bytes, &len);
	PpProfile *p = decoded(data, len);
	PpAlloc stopping = pp_alloc_malloc;
	int n = 0;

	for (;; n++)
	{
		int left = n;
		PpAlloc alloc = {no_alloc, no_resize, release, NULL, &left};
		PpCode code = pp_profile_encode(p, &alloc, &b.data, &b.len, &err);

		if (code == PP_OK)
			break;
		assert_int_equal(code, PP_ENOMEM);
		assert_null(b.data);
	}
	assert_true(n >= 4);
	free(b.data);
	stopping.poll = say_stop;
	assert_int_equal(pp_profile_encode(p, &stopping, &b.data, &b.len, &err), PP_ECANCELED);
	free(bytes.data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_string_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_packing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_messages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
