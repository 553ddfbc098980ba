/*
 * test_target.c
 *		Addresses, URLs, labels and deadlines of scrape targets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scraper/target.h"

#define SECOND INT64_C(1000000)

static PpArena *arena;

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

static void
test_addresses(void **state)
{
	static const struct
	{
		const char *address, *scheme, *expected; /* NULL: refused */
	} vectors[] = {
		{"h", "http", "h:80"},
		{"h", "", "h:80"},
		{"h", "https", "h:443"},
		{"h:8080", "ftp", "h:8080"},
		{"[::1]", "http", "[::1]:80"},
		{"[::1]:80", "http", "[::1]:80"},
		{"::1", "http", "::1"},
		{"a:b:c", "http", "a:b:c"},
		{"h:", "http", "h:"},
		{":80", "http", ":80"},
		{"h/x", "http", NULL},
		{"", "http", NULL},
		{"h", "ftp", NULL},
		{"user@h", "http", NULL},
		{"h\r\nX: y", "http", NULL},
		{"h?x", "http", NULL},
	};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
	{
		const char *out = NULL;
		PpError err;
		PpCode code = target_address(arena, vectors[i].address, vectors[i].scheme, &out, &err);

		if (vectors[i].expected == NULL)
			assert_int_equal(code, PP_EINVALID);
		else
		{
			assert_int_equal(code, PP_OK);
			assert_string_equal(out, vectors[i].expected);
		}
	}
}

static void
test_address_messages(void **state)
{
	const char *out;
	PpError err;

	target_address(arena, "", "http", &out, &err);
	assert_string_equal(err.message, "no address");
	target_address(arena, "h/x", "http", &out, &err);
	assert_string_equal(err.message, "\"h/x\" is not a valid hostname");
	target_address(arena, "h", "ftp", &out, &err);
	assert_string_equal(err.message, "invalid scheme: \"ftp\"");
}

static void
test_paths(void **state)
{
	static const struct
	{
		const char *prefix, *path, *expected;
	} vectors[] = {
		{"", "/debug/pprof/profile", "http://h:1/debug/pprof/profile?seconds=14"},
		{"/foo", "/debug/pprof/profile", "http://h:1/foo/debug/pprof/profile?seconds=14"},
		{"v1/", "/debug/pprof/profile", "http://h:1/v1/debug/pprof/profile?seconds=14"},
		{"/foo/", "debug/pprof/profile", "http://h:1/foo/debug/pprof/profile?seconds=14"},
		{"/a/../b", "/c", "http://h:1/b/c?seconds=14"},
		{"", "/x/", "http://h:1/x/?seconds=14"},
		{"", "/p?x=1", "http://h:1/p%3Fx=1?seconds=14"},
		{"", "/p q", "http://h:1/p%20q?seconds=14"},
		{"", "/p%2Fq", "http://h:1/p%2Fq?seconds=14"},
		{"", "/%zz", "http://h:1?seconds=14"},
		{"", "//debug//x", "http://h:1/debug/x?seconds=14"},
		{"../..", "/x", "http://h:1/x?seconds=14"},
		{"", "", "http://h:1?seconds=14"},
		{"", "/p\r\nq", "http://h:1/p%0D%0Aq?seconds=14"},
		{"", "/%", "http://h:1?seconds=14"},
	};
	const char *values[] = {"14"};
	const ScrapeParam seconds = {"seconds", 1, values};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_string_equal(target_url(arena, "http", "h:1", vectors[i].prefix, vectors[i].path, &seconds, 1),
							vectors[i].expected);
}

static void
test_query_encoding(void **state)
{
	const char *a[] = {"x y", "\xc3\xa9&"};
	const char *b[] = {"2", "1"};
	const ScrapeParam params[] = {{"a", 2, a}, {"b", 2, b}};

	assert_string_equal(target_url(arena, "http", "h:1", "", "/", params, 2),
						"http://h:1/?a=x+y&a=%C3%A9%26&b=2&b=1");
}

static const ScrapeType cpu = {"process_cpu", "/debug/pprof/profile", true};
static const ScrapeType memory = {"memory", "/debug/pprof/allocs", false};
static const ScrapeType delta_heap = {"godeltaprof_memory", "/debug/pprof/delta_heap", false};

static ScrapeConfig
config_of(void)
{
	return (ScrapeConfig){.name = "c",
						  .job = "c",
						  .scheme = "http",
						  .path_prefix = "",
						  .interval = 15 * SECOND,
						  .timeout = 10 * SECOND,
						  .delta_duration = -1};
}

static ScrapeSpec
spec_of(const ScrapeConfig *config, const ScrapeType *type, const char *address, ScrapePair *pairs,
		int n)
{
	ScrapeLabels labels = {n, pairs};
	ScrapeSpec spec;

	assert_true(target_spec(arena, config, type, address, &labels, &spec));
	return spec;
}

static void
test_whole_configurations(void **state)
{
	ScrapeConfig config = config_of();
	ScrapePair https[] = {{"__scheme__", "https"}};
	ScrapePair bar[] = {{"__profile_path_prefix__", "/bar"}};

	assert_string_equal(spec_of(&config, &memory, "localhost:9090", NULL, 0).url,
						"http://localhost:9090/debug/pprof/allocs");
	assert_string_equal(spec_of(&config, &cpu, "localhost:9090", NULL, 0).url,
						"http://localhost:9090/debug/pprof/profile?seconds=14");
	assert_string_equal(spec_of(&config, &memory, "localhost", https, 1).url,
						"https://localhost:443/debug/pprof/allocs");
	config.path_prefix = "/foo";
	assert_string_equal(spec_of(&config, &cpu, "h:1", bar, 1).url,
						"http://h:1/bar/debug/pprof/profile?seconds=14");
	assert_string_equal(spec_of(&config, &cpu, "h:1", NULL, 0).url,
						"http://h:1/foo/debug/pprof/profile?seconds=14");
	config.path_prefix = "";
	config.delta_duration = 20 * SECOND;
	assert_string_equal(spec_of(&config, &cpu, "h:1", NULL, 0).url,
						"http://h:1/debug/pprof/profile?seconds=20");
	config.delta_duration = 14 * SECOND + SECOND / 2;
	config.interval = 60 * SECOND;
	assert_string_equal(spec_of(&config, &cpu, "h:1", NULL, 0).url,
						"http://h:1/debug/pprof/profile?seconds=14");
}

static void
test_parameters_do_not_leak(void **state)
{
	const char *gc[] = {"1"};
	ScrapeParam params[] = {{"gc", 1, gc}};
	ScrapeConfig config = config_of();
	ScrapePair labels[] = {{"__param_gc", "0"}, {"__param_a", "b c"}};

	config.params = params;
	config.nparams = 1;
	/* the configuration's parameter wins over the target's */
	for (int i = 0; i < 2; i++)
		assert_string_equal(spec_of(&config, &cpu, "h:1", labels, 2).url,
							"http://h:1/debug/pprof/profile?a=b+c&gc=1&seconds=14");
	assert_string_equal(spec_of(&config, &memory, "h:1", labels, 2).url,
						"http://h:1/debug/pprof/allocs?a=b+c&gc=1");
}

static void
test_deadlines(void **state)
{
	const char *five[] = {"5"};
	ScrapeParam params[] = {{"seconds", 1, five}};
	ScrapePair label[] = {{"__param_seconds", "5"}};
	ScrapeConfig config = config_of();

	assert_int_equal(spec_of(&config, &memory, "h:1", NULL, 0).timeout, 10 * SECOND);
	assert_int_equal(spec_of(&config, &cpu, "h:1", NULL, 0).timeout, 24 * SECOND);
	assert_int_equal(spec_of(&config, &memory, "h:1", label, 1).timeout, 10 * SECOND);
	config.params = params;
	config.nparams = 1;
	assert_int_equal(spec_of(&config, &memory, "h:1", NULL, 0).timeout, 24 * SECOND);
}

static void
test_labels_and_identity(void **state)
{
	ScrapeConfig config = config_of();
	ScrapePair pairs[] = {{"zone", "b"},
						  {"__meta_docker_container_name", "/web"},
						  {"empty", ""},
						  {"instance", "me"}};
	ScrapeSpec spec = spec_of(&config, &delta_heap, "h", pairs, 4);

	assert_string_equal(spec.name, "memory");
	assert_int_equal(spec.labels.n, 4);
	assert_string_equal(spec.labels.pairs[0].name, "instance");
	assert_string_equal(spec.labels.pairs[0].value, "me");
	assert_string_equal(labels_get(&spec.labels, "job"), "c");
	assert_string_equal(labels_get(&spec.labels, "service_name"), "/web");
	assert_string_equal(labels_get(&spec.labels, "zone"), "b");

	/* two types of one target at one path are two jobs */
	ScrapePair path[] = {{"__profile_path__", "/p"}, {"__name__", "mine"}};
	ScrapeSpec one = spec_of(&config, &memory, "h", path, 2);
	ScrapeSpec two = spec_of(&config, &delta_heap, "h", path, 2);

	assert_string_equal(one.url, two.url);
	assert_string_equal(one.name, "mine");
	assert_true(one.id != two.id);
	assert_int_equal(one.id, spec_of(&config, &memory, "h", path, 2).id);

	config.job = "";
	spec = spec_of(&config, &memory, "h", NULL, 0);
	assert_string_equal(labels_get(&spec.labels, "job"), "");
	assert_string_equal(labels_get(&spec.labels, "instance"), "h:80");
	spec = spec_of(&config, &memory, "h/x", NULL, 0);
	assert_null(spec.url);
	assert_string_equal(spec.problem, "\"h/x\" is not a valid hostname");
}

static void
test_service_names(void **state)
{
	ScrapePair all[] = {
		{"__meta_kubernetes_pod_annotation_pyroscope_io_service_name", "annotated"},
		{"__meta_kubernetes_namespace", "ns"},
		{"__meta_kubernetes_pod_container_name", "app"},
		{"__meta_docker_container_name", "/web"},
		{"__meta_dockerswarm_container_label_service_name", "labelled"},
		{"__meta_dockerswarm_service_name", "swarm"},
	};
	static const char *const expected[] =
		{"annotated", "ns/app", "/web", "/web", "labelled", "swarm", "unspecified"};

	for (int i = 0; i <= 6; i++)
	{
		ScrapeLabels labels = {6 - i, all + i};

		assert_string_equal(target_service(arena, &labels), expected[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_address_messages),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_query_encoding),
		cmocka_unit_test(test_whole_configurations),
		cmocka_unit_test(test_parameters_do_not_leak),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_labels_and_identity),
		cmocka_unit_test(test_service_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
