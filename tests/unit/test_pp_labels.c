/*
 * test_pp_labels.c
 *		Label sets, application keys, profile type ids, names of pprofs without one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/pp_labels.h"

static PpBytes
bytes(const char *text)
{
	return pp_bytes_cstr(text);
}

/* "a=b,c=d" as a set with room; the text must stay. */
static PpLabelSet
set_of(const char *text)
{
	static PpLabelPair pairs[64];
	PpLabelSet set = {0, pairs};

	while (*text != '\0')
	{
		const char *equal = strchr(text, '='), *end = equal + strcspn(equal, ",");

		pairs[set.n++] = (PpLabelPair){{text, equal - text}, {equal + 1, end - equal - 1}};
		text = *end == ',' ? end + 1 : end;
	}
	return set;
}

static const char *
text_of(const PpLabelSet *set)
{
	static char out[4096];
	char *at = out;

	*at = '\0';
	for (uint32_t i = 0; i < set->n; i++)
		at += sprintf(at,
					  "%s%.*s=%.*s",
					  i > 0 ? "," : "",
					  (int) set->pairs[i].name.len,
					  set->pairs[i].name.data,
					  (int) set->pairs[i].value.len,
					  set->pairs[i].value.data);
	return out;
}

static void
check_normalize(void **state)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"a=1", "a=1"},
		{"b=2,a=1", "a=1,b=2"},
		{"a=1,a=2,b=,a=3", "a=3"},
		{"a=1,a=", ""},
		{"a=,a=1", "a=1"},
		{"ab=1,a=2,b=3,A=4", "A=4,a=2,ab=1,b=3"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PpLabelSet set = set_of(cases[i][0]);

		pp_labels_normalize(&set);
		assert_string_equal(text_of(&set), cases[i][1]);
	}
}

/* Thousands of pairs with few names: the last one of a name stays. */
static void
check_normalize_many(void **state)
{
	enum
	{
		N = 5000,
		NAMES = 700
	};
	static char names[NAMES][8], values[N][8];
	static PpLabelPair pairs[N];
	int last[NAMES], expected = 0;
	PpLabelSet set = {N, pairs};
	uint32_t random = 7;

	memset(last, -1, sizeof(last));
	for (int i = 0; i < NAMES; i++)
		sprintf(names[i], "n%d", i * 37);
	for (int i = 0; i < N; i++)
	{
		int name = (random = random * 1664525 + 1013904223) >> 8;

		name %= NAMES;
		sprintf(values[i], "%d", i);
		pairs[i] = (PpLabelPair){bytes(names[name]), bytes(values[i])};
		last[name] = i;
	}
	pp_labels_normalize(&set);
	for (int i = 0; i < NAMES; i++)
	{
		if (last[i] < 0)
			continue;
		expected++;
		assert_true(pp_bytes_eq(pp_labels_get(&set, bytes(names[i])), bytes(values[last[i]])));
	}
	assert_int_equal(set.n, expected);
	for (uint32_t i = 1; i < set.n; i++)
		assert_true(pp_bytes_cmp(set.pairs[i - 1].name, set.pairs[i].name) < 0);
	assert_int_equal(pp_labels_get(&set, bytes("nope")).len, 0);
}

static uint64_t
hash_of(const char *text, uint64_t seed)
{
	PpLabelSet set = set_of(text);

	pp_labels_normalize(&set);
	return pp_labels_hash(&set, seed);
}

static void
check_hash(void **state)
{
	assert_true(hash_of("a=1,b=2", 1) == hash_of("b=2,a=1", 1));
	assert_true(hash_of("a=1,b=2", 1) != hash_of("a=1,b=2", 2));
	assert_true(hash_of("a=1,b=2", 1) != hash_of("a=1b,=2", 1));
	assert_true(hash_of("ab=1", 1) != hash_of("a=b1", 1));
	assert_true(hash_of("", 1) != hash_of("a=1", 1));
	/* these are stored: they may never change */
	assert_true(hash_of("a=1,b=2", 1) == UINT64_C(0xc36511e1acd81ee3));
	assert_true(hash_of("service_name=checkout-service,pod=p-1", 0) == UINT64_C(0x1bc7ab6424c188cd));
}

static void
check_validate(void **state)
{
	static const PpLabelLimits limits = {5, 12, 12};
	static const struct
	{
		const char *labels;
		PpCode code;
		const char *message;
	} cases[] = {
		{"", PP_EINVALID, "error at least one label pair is required per profile"},
		{"__name__=x,service_name=y", PP_OK, NULL},
		{"__name__=x,service_name=y,a=1,b=2,c=3,d=4",
		 PP_ELIMIT,
		 "profile series '{__name__=\"x\", a=\"1\", b=\"2\", c=\"3\", d=\"4\", service_name=\"y\"}' has 6 label names; limit 5"},
		{"service_name=y",
		 PP_EINVALID,
		 "invalid labels '{service_name=\"y\"}' with error: invalid metric name"},
		{"__name__=\xff,service_name=y",
		 PP_EINVALID,
		 "invalid labels '{__name__=\"\\xff\", service_name=\"y\"}' with error: invalid metric name"},
		{"__name__=x",
		 PP_EINVALID,
		 "invalid labels '{__name__=\"x\"}' with error: service name is not provided"},
		{"__name__=x,service_name=y,1234567890123=z",
		 PP_ELIMIT,
		 "profile with labels '{1234567890123=\"z\", __name__=\"x\", service_name=\"y\"}' has label name too long: '1234567890123'"},
		{"__name__=x,service_name=y,a=1234567890123",
		 PP_ELIMIT,
		 "profile with labels '{__name__=\"x\", a=\"1234567890123\", service_name=\"y\"}' has label value too long: '1234567890123'"},
		{"__name__=1234567890123,service_name=y",
		 PP_ELIMIT,
		 "profile with labels '{__name__=\"1234567890123\", service_name=\"y\"}' has label value too long: '1234567890123'"},
		{"__name__=x,service_name=y,\xc3(=z",
		 PP_EINVALID,
		 "invalid labels '{__name__=\"x\", service_name=\"y\", ...}' with error: invalid label name '\\xc3('"},
		{"__name__=x,service_name=y,=z",
		 PP_EINVALID,
		 "invalid labels '{=\"z\", __name__=\"x\", service_name=\"y\"}' with error: invalid label name ''"},
		{"__name__=x,service_name=y,a=\xe2\x82",
		 PP_EINVALID,
		 "invalid labels '{__name__=\"x\", a=\"\\xe2\\x82\", service_name=\"y\"}' with error: invalid label value '\\xe2\\x82'"},
		{"__name__=x,service_name=y,k8s.pod=a\"b", PP_OK, NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PpLabelSet set = set_of(cases[i].labels);
		PpError err = {0};

		pp_labels_normalize(&set);
		assert_int_equal(pp_labels_validate(&set, &limits, &err), cases[i].code);
		if (cases[i].message != NULL)
			assert_string_equal(err.message, cases[i].message);
		if (cases[i].code == PP_ELIMIT)
			assert_non_null(err.setting);
	}
}

/* However long the labels, the message keeps its end. */
static void
check_long_messages(void **state)
{
	static char value[2000];
	PpLabelPair pairs[3] = {{bytes("__name__"), bytes("x")}, {bytes("a"), {value, sizeof(value)}}};
	PpLabelSet set = {3, pairs};
	PpLabelLimits limits = {10, 10, 100};
	PpError err;

	memset(value, 0xc3, sizeof(value));
	for (size_t i = 1; i < sizeof(value); i += 2)
		value[i] = (char) 0xa9;
	pairs[2] = (PpLabelPair){bytes("service_name"), bytes("y")};
	assert_int_equal(pp_labels_validate(&set, &limits, &err), PP_ELIMIT);
	assert_int_equal(strncmp(err.message, "profile with labels '{__name__=\"x\", ...}' has", 45), 0);
	assert_string_equal(err.message + strlen(err.message) - 4, "...'");
	pairs[1].value = bytes("b");
	pairs[1].name = pairs[0].name;
	assert_int_equal(pp_labels_validate(&set, &limits, &err), PP_EINVALID);
	assert_non_null(strstr(err.message, "has duplicate label name: '__name__'"));
}

static void
check_app_name(void **state)
{
	static const struct
	{
		const char *text, *name, *tags; /* name NULL: tags is the error */
	} cases[] = {
		{"", NULL, "service name is required"},
		{" ", NULL, "service name is required"},
		{"{a=b}", NULL, "service name is required"},
		{"foo", "foo", ""},
		{"foo bar", NULL, "invalid service name: foo bar: character is not allowed: ' '"},
		{"foo:bar", NULL, "invalid service name: foo:bar: character is not allowed: ':'"},
		{"f\xc3\xb6\xc3\xb6",
		 NULL,
		 "invalid service name: f\xc3\xb6\xc3\xb6: character is not allowed: '\xc3\xb6'"},
		{"f\xff", NULL, "invalid service name: f\\xff: character is not allowed: '\xef\xbf\xbd'"},
		{"ns/app-1.cpu", "ns/app-1.cpu", ""},
		{"foo.cpu{env=prod,region=x}", "foo.cpu", "env=prod,region=x"},
		{" foo { bar = 1 , baz = 2 } ", "foo", "bar=1,baz=2"},
		{"\xc2\xa0"
		 "foo\xe3\x80\x80{a=\xe2\x80\x89x\n}",
		 "foo",
		 "a=x"},
		{"foo{a=b", "foo", ""},
		{"foo{a=b,c", "foo", "a=b"},
		{"foo{a=b,c=d", "foo", "a=b"},
		{"foo{", "foo", ""},
		{"foo{}", "foo", ""},
		{"foo}", NULL, "invalid service name: foo}: character is not allowed: '}'"},
		{"foo{a=}", "foo", ""},
		{"foo{a=b=c}", "foo", "a=b=c"},
		{"foo{a=b,a=c}", "foo", "a=c"},
		{"foo{a=b,a=}", "foo", ""},
		{"foo{a=b,}", "foo", "a=b"},
		{"foo{a=b}}", "foo", "a=b"},
		{"foo{a}", "foo", ""},
		{"foo{a,b=c}", NULL, "invalid label name: a,b: character is not allowed: ','"},
		{"foo{a=b,,c=d}", NULL, "invalid label name: ,c: character is not allowed: ','"},
		{"foo{a=b}x{c=d}", NULL, "invalid label name: x{c: character is not allowed: '{'"},
		{"foo{a=b},c=d}", NULL, "invalid label name: ,c: character is not allowed: ','"},
		{"foo{k8s.pod=x}", "foo", "k8s.pod=x"},
		{"foo{k-8=x}", NULL, "invalid label name: k-8: character is not allowed: '-'"},
		{"foo{\xc3\xa9=x}", NULL, "invalid label name: \xc3\xa9: character is not allowed: '\xc3\xa9'"},
		{"foo{=x}", NULL, "label name is required"},
		{"foo{a=\"b\"}", "foo", "a=\"b\""},
		{"foo{a=\xc3\xa9}", "foo", "a=\xc3\xa9"},
		{"1foo{1a=2}", "1foo", "1a=2"},
		{"foo{__name__=bar}", "bar", ""},
		{"foo{__session_id__=abc}", "foo", "__session_id__=abc"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PpArena *arena = pp_arena_new(&pp_alloc_malloc);
		PpLabelSet tags;
		PpBytes name;
		PpError err;
		PpCode code = pp_app_name_parse(bytes(cases[i].text), arena, &name, &tags, &err);

		if (cases[i].name == NULL)
		{
			assert_int_equal(code, PP_EINVALID);
			assert_string_equal(err.message, cases[i].tags);
		}
		else
		{
			assert_int_equal(code, PP_OK);
			assert_true(pp_bytes_eq(name, bytes(cases[i].name)));
			assert_string_equal(text_of(&tags), cases[i].tags);
		}
		pp_arena_free(arena);
	}
}

static void
check_long_app_name(void **state)
{
	static char name[3000];
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpLabelSet tags;
	PpBytes out;
	PpError err;

	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '!';
	assert_int_equal(pp_app_name_parse((PpBytes){name, sizeof(name)}, arena, &out, &tags, &err),
					 PP_EINVALID);
	assert_non_null(strstr(err.message, "aaa...: character is not allowed: '!'"));
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = (char) (i % 2 == 0 ? 0xc3 : 0xa9);
	assert_int_equal(pp_app_name_parse((PpBytes){name, sizeof(name)}, arena, &out, &tags, &err),
					 PP_EINVALID);
	assert_non_null(strstr(err.message, "\xc3\xa9...: character is not allowed: '\xc3\xa9'"));
	pp_arena_free(arena);
}

static void
check_type_id(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpTypeId id;
	PpBytes text;
	PpError err;

	assert_int_equal(pp_type_id_parse(bytes("process_cpu:cpu:nanoseconds:cpu:nanoseconds:delta"),
									  &id,
									  &err),
					 PP_OK);
	assert_int_equal(pp_type_id_text(&id, arena, &text, &err), PP_OK);
	assert_true(pp_bytes_eq(text, bytes("process_cpu:cpu:nanoseconds:cpu:nanoseconds")));
	assert_int_equal(pp_type_id_parse(bytes("memory:malloc_bytes:bytes::"), &id, &err), PP_OK);
	assert_true(pp_bytes_eq(id.name, bytes("memory")));
	assert_true(pp_bytes_eq(id.sample_type, bytes("malloc_bytes")));
	assert_true(pp_bytes_eq(id.sample_unit, bytes("bytes")));
	assert_int_equal(id.period_type.len + id.period_unit.len, 0);
	assert_int_equal(pp_type_id_text(&id, arena, &text, &err), PP_OK);
	assert_true(pp_bytes_eq(text, bytes("memory:malloc_bytes:bytes::")));
	assert_int_equal(pp_type_id_parse(bytes("a:b:c"), &id, &err), PP_EINVALID);
	assert_string_equal(err.message,
						"profile-type selection must be of the form <name>:<sample-type>:<sample-unit>:<period-type>:<period-unit>(:delta), got(3): \"a:b:c\"");
	assert_int_equal(pp_type_id_parse(bytes("a:b:c:d:e:f:g"), &id, &err), PP_EINVALID);
	assert_int_equal(pp_type_id_parse(bytes(""), &id, &err), PP_EINVALID);
	pp_arena_free(arena);
}

/* types and display names: "cpu,samples"; display NULL: none were sent. */
static void
check_name(const char *types, const char *display, const char *expected)
{
	PpBytes strings[16] = {{"", 0}}, shown[16];
	PpValueType value_types[16];
	PpProfile p = {.nstrings = 1, .strings = strings, .types = value_types};
	PpBytes name;

	for (const char *at = types; *types != '\0' && at != NULL; p.ntypes++)
	{
		const char *end = at + strcspn(at, ",");

		strings[p.nstrings] = (PpBytes){at, end - at};
		value_types[p.ntypes] = (PpValueType){p.nstrings++, 0};
		at = *end == ',' ? end + 1 : NULL;
	}
	for (uint32_t i = 0; display != NULL && i < p.ntypes; i++)
	{
		const char *end = display + strcspn(display, ",");

		shown[i] = (PpBytes){display, end - display};
		display = *end == ',' ? end + 1 : end;
	}
	name = pp_infer_name(&p, shown, display != NULL);
	assert_int_equal(name.len, strlen(expected));
	assert_memory_equal(name.data, expected, name.len);
}

static void
check_infer_name(void **state)
{
	check_name("samples,cpu", NULL, "process_cpu");
	check_name("samples,cpu", "", "process_cpu");
	check_name("samples,count", "", "count");
	check_name("samples,wall,cpu", NULL, "wall");
	check_name("inuse_objects,inuse_space", NULL, "memory");
	check_name("alloc_objects", NULL, "memory");
	check_name("objects,space", NULL, "memory");
	check_name("objectsx", NULL, "objectsx");
	check_name("contentions,delay", NULL, "mutex");
	check_name("contentions,delay", "mutex_count,mutex_duration", "mutex");
	check_name("contentions,delay", "block_count,block_duration", "block");
	check_name("contentions,delay", "", "delay");
	check_name("goroutine", NULL, "goroutines");
	check_name("goroutine", "goroutines", "goroutines");
	check_name("goroutine", "", "goroutine");
	check_name("goroutineleak", "goroutine_leak", "goroutine_leak");
	check_name("exception,cpu_samples", NULL, "process_cpu");
	check_name("lock_count,lock_time", NULL, "lock_time");
	check_name("", NULL, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_normalize),
		cmocka_unit_test(check_normalize_many),
		cmocka_unit_test(check_hash),
		cmocka_unit_test(check_validate),
		cmocka_unit_test(check_long_messages),
		cmocka_unit_test(check_app_name),
		cmocka_unit_test(check_long_app_name),
		cmocka_unit_test(check_type_id),
		cmocka_unit_test(check_infer_name),
	};

	return cmocka_run_group_tests_name("pp_labels", tests, NULL, NULL);
}
