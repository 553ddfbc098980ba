/*
 * test_bridge_json.c
 *		The codec of rpc envelopes: JSON and protobuf, both ways, and what it refuses.
 */
#include "bridge/json_codec.h"
#include "push.pb-c.h"
#include "querier.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STACKTRACES querier__v1__select_merge_stacktraces_request__descriptor
#define SERIES		querier__v1__select_series_request__descriptor

typedef Querier__V1__SelectMergeStacktracesRequest StacktracesRequest;

static PpArena *arena;
static PpError error;

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

static void *
from_json(const ProtobufCMessageDescriptor *type, const char *json)
{
	ProtobufCMessage *message = NULL;
	PpCode code = json_decode(type,
							  (const uint8_t *) json,
							  strlen(json),
							  &codec_limits_default,
							  arena,
							  &message,
							  &error);

	return code == PP_OK ? message : NULL;
}

static void
expect_json(const void *message, const char *expected)
{
	Buf out = {0};

	json_encode(message, &out);
	buf_char(&out, '\0');
	assert_string_equal(out.data, expected);
	buf_free(&out);
}

static void
names_and_spellings(void **state)
{
	StacktracesRequest *ask =
		from_json(&STACKTRACES,
				  "{\"profileTypeID\":\"t\",\"label_selector\":\"{}\",\"start\":\"1000\",\"end\":4000,"
				  "\"stackTraceSelector\":{\"call_site\":[{\"name\":\"main\"},{}],"
				  "\"goPgo\":{\"keepLocations\":5,\"aggregateCallees\":true}},"
				  "\"spanSelector\":[\"a\",\"b\"]}");

	assert_non_null(ask);
	assert_string_equal(ask->profile_typeid, "t");
	assert_string_equal(ask->label_selector, "{}");
	assert_int_equal(ask->start, 1000);
	assert_int_equal(ask->end, 4000);
	assert_int_equal(ask->stack_trace_selector->n_call_site, 2);
	assert_string_equal(ask->stack_trace_selector->call_site[0]->name, "main");
	assert_string_equal(ask->stack_trace_selector->call_site[1]->name, "");
	assert_int_equal(ask->stack_trace_selector->go_pgo->keep_locations, 5);
	assert_true(ask->stack_trace_selector->go_pgo->aggregate_callees);
	assert_int_equal(ask->n_span_selector, 2);
	assert_string_equal(ask->span_selector[1], "b");
	ask = from_json(&STACKTRACES, "{\"profile_typeID\":\"t\",\"labelSelector\":\"s\"}");
	assert_non_null(ask);
	assert_string_equal(ask->profile_typeid, "t");
}

static void
numbers(void **state)
{
	static const struct
	{
		const char *json;
		bool ok;
		int64_t value;
	} cases[] = {
		{"{\"start\":1e3}", true, 1000},
		{"{\"start\":4.0}", true, 4},
		{"{\"start\":\"4000\"}", true, 4000},
		{"{\"start\":\"1e3\"}", true, 1000},
		{"{\"start\":-5}", true, -5},
		{"{\"start\":\"9223372036854775807\"}", true, INT64_MAX},
		{"{\"start\":null}", true, 0},
		{"{\"start\":1.5}", false, 0},
		{"{\"start\":\"1.5\"}", false, 0},
		{"{\"start\":\"now\"}", false, 0},
		{"{\"start\":\"\"}", false, 0},
		{"{\"start\":\" 1\"}", false, 0},
		{"{\"start\":\"9223372036854775808\"}", false, 0},
		{"{\"start\":1e19}", false, 0},
		{"{\"start\":9223372036854775808}", false, 0},
		{"{\"start\":true}", false, 0},
		{"{\"start\":[1]}", false, 0},
		{"{\"start\":{}}", false, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		StacktracesRequest *ask = from_json(&STACKTRACES, cases[i].json);

		assert_int_equal(ask != NULL, cases[i].ok);
		if (ask != NULL)
			assert_int_equal(ask->start, cases[i].value);
	}
}

static void
enums(void **state)
{
	StacktracesRequest *ask =
		from_json(&STACKTRACES,
				  "{\"format\":\"PROFILE_FORMAT_FUNCTIONS\",\"zzz\":{},\"maxNodes\":null}");

	assert_non_null(ask);
	assert_int_equal(ask->format, 0);
	ask = from_json(&STACKTRACES, "{\"format\":5}");
	assert_int_equal(ask->format, 5);
	ask = from_json(&STACKTRACES, "{\"format\":\"PROFILE_FORMAT_TREE\"}");
	assert_int_equal(ask->format, 2);
	assert_null(from_json(&STACKTRACES, "{\"format\":1.5}"));
	assert_null(from_json(&STACKTRACES, "{\"format\":99999999999}"));
	assert_null(from_json(&STACKTRACES, "{\"format\":true}"));
}

static void
doubles(void **state)
{
	Querier__V1__SelectSeriesRequest *ask = from_json(&SERIES, "{\"step\":0.5}");

	assert_true(ask->step == 0.5);
	ask = from_json(&SERIES, "{\"step\":\"15\"}");
	assert_true(ask->step == 15);
	ask = from_json(&SERIES, "{\"step\":\"Infinity\"}");
	assert_true(ask->step > 1e300);
	assert_null(from_json(&SERIES, "{\"step\":\"a\"}"));
	assert_null(from_json(&SERIES, "{\"step\":[]}"));
}

static void
refused(void **state)
{
	static const char *const texts[] = {
		"",
		"null",
		"[]",
		"1",
		"\"x\"",
		"{",
		"{} x",
		"{\"start\":1,\"start\":2}",
		"{\"profileTypeID\":\"a\",\"profile_typeID\":\"b\"}",
		"{\"zzz\":1,\"zzz\":2}",
		"{\"labelSelector\":1}",
		"{\"labelSelector\":\"\xff\"}",
		"{\"labelSelector\":\"a\\u0000b\"}",
		"{\"spanSelector\":\"a\"}",
		"{\"spanSelector\":[null]}",
		"{\"stackTraceSelector\":[]}",
		"{\"async\":{\"type\":{}}}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		if (from_json(&STACKTRACES, texts[i]) != NULL)
			fail_msg("accepted: %s", texts[i]);
		assert_int_equal(error.code, PP_EMALFORMED);
	}
	from_json(&STACKTRACES, "");
	assert_string_equal(error.message, "zero-length payload is not a valid JSON object");
}

static void
bounded(void **state)
{
	CodecLimits limits = {.max_values = 10, .max_depth = 4};
	ProtobufCMessage *message;
	const char *deep = "{\"z\":[[[[]]]]}", *long_list = "{\"z\":[1,2,3,4,5,6,7,8,9,10]}";
	const char *fine = "{\"z\":[[\"[[[[,,,,,,,,,,,,,,\\\"[[[\"]]}";
	uint8_t series[44];

	assert_int_equal(json_decode(&SERIES,
								 (const uint8_t *) deep,
								 strlen(deep),
								 &limits,
								 arena,
								 &message,
								 &error),
					 PP_EMALFORMED);
	assert_int_equal(json_decode(&SERIES,
								 (const uint8_t *) long_list,
								 strlen(long_list),
								 &limits,
								 arena,
								 &message,
								 &error),
					 PP_ELIMIT);
	assert_int_equal(json_decode(&SERIES,
								 (const uint8_t *) fine,
								 strlen(fine),
								 &limits,
								 arena,
								 &message,
								 &error),
					 PP_OK);
	/* 22 empty series in 44 bytes */
	for (size_t i = 0; i < sizeof(series); i += 2)
	{
		series[i] = 0x0a;
		series[i + 1] = 0;
	}
	assert_int_equal(proto_decode(&push__v1__push_request__descriptor,
								  series,
								  sizeof(series),
								  &limits,
								  arena,
								  &message,
								  &error),
					 PP_ELIMIT);
	assert_int_equal(proto_decode(&push__v1__push_request__descriptor,
								  series,
								  sizeof(series),
								  &codec_limits_default,
								  arena,
								  &message,
								  &error),
					 PP_OK);
	assert_int_equal(((Push__V1__PushRequest *) message)->n_series, 22);
}

static void
base64(void **state)
{
	static const struct
	{
		const char *text, *bytes;
		size_t len;
	} cases[] = {{"", "", 0},
				 {"YQ==", "a", 1},
				 {"YQ", "a", 1},
				 {"YWI=", "ab", 2},
				 {"YWJj", "abc", 3},
				 {"+/8=", "\xfb\xff", 2},
				 {"-_8", "\xfb\xff", 2}};
	uint8_t *out;
	size_t len;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		assert_true(base64_decode(cases[i].text, strlen(cases[i].text), arena, &out, &len));
		assert_int_equal(len, cases[i].len);
		assert_memory_equal(out, cases[i].bytes, len);
	}
	assert_false(base64_decode("Y", 1, arena, &out, &len));
	assert_false(base64_decode("Y Q=", 4, arena, &out, &len));
	assert_false(base64_decode("YQ=a", 4, arena, &out, &len));
}

static void
push_json(void **state)
{
	Push__V1__PushRequest *push =
		from_json(&push__v1__push_request__descriptor,
				  "{\"series\":[{\"labels\":[{\"name\":\"service_name\",\"value\":\"a\"}],"
				  "\"samples\":[{\"rawProfile\":\"AP8=\",\"ID\":\"x\"},{\"raw_profile\":\"AA\"}]}]}");

	assert_non_null(push);
	assert_int_equal(push->n_series, 1);
	assert_string_equal(push->series[0]->labels[0]->value, "a");
	assert_int_equal(push->series[0]->samples[0]->raw_profile.len, 2);
	assert_int_equal(push->series[0]->samples[0]->raw_profile.data[1], 0xff);
	assert_string_equal(push->series[0]->samples[0]->id, "x");
	assert_int_equal(push->series[0]->samples[1]->raw_profile.len, 1);
	assert_null(from_json(&push__v1__push_request__descriptor,
						  "{\"series\":[{\"samples\":[{\"rawProfile\":\"!\"}]}]}"));
}

static void
output(void **state)
{
	Types__V1__LabelPair pair = TYPES__V1__LABEL_PAIR__INIT;
	Types__V1__LabelPair *pairs[] = {&pair};
	Types__V1__Point points[3] = {TYPES__V1__POINT__INIT,
								  TYPES__V1__POINT__INIT,
								  TYPES__V1__POINT__INIT};
	Types__V1__Point *point_list[] = {&points[0], &points[1], &points[2]};
	Types__V1__Series series = TYPES__V1__SERIES__INIT;
	Types__V1__ProfileType type = TYPES__V1__PROFILE_TYPE__INIT;

	pair.name = "service_name";
	pair.value = "a<\"\\\n\x01";
	points[0].value = 100;
	points[0].timestamp = 1000000;
	points[1].value = 0.1;
	points[1].timestamp = -1;
	series.n_labels = 1;
	series.labels = pairs;
	series.n_points = 3;
	series.points = point_list;
	expect_json(&series,
				"{\"labels\":[{\"name\":\"service_name\",\"value\":\"a<\\\"\\\\\\n\\u0001\"}],"
				"\"points\":[{\"value\":100,\"timestamp\":\"1000000\"},"
				"{\"value\":0.1,\"timestamp\":\"-1\"},{}]}");
	type.id = "a:b:c:d:e";
	type.sample_type = "b";
	expect_json(&type, "{\"ID\":\"a:b:c:d:e\",\"sampleType\":\"b\"}");
}

/* A flame graph as JSON and as protobuf bytes. */
static void
flame_graph(void **state)
{
	static const char expected[] = "0a1e0a05746f74616c0a016112060a040005000012060a040005050118052005";
	int64_t root[] = {0, 5, 0, 0}, leaf[] = {0, 5, 5, 1};
	Querier__V1__Level levels[2] = {QUERIER__V1__LEVEL__INIT, QUERIER__V1__LEVEL__INIT};
	Querier__V1__Level *level_list[] = {&levels[0], &levels[1]};
	Querier__V1__FlameGraph graph = QUERIER__V1__FLAME_GRAPH__INIT;
	Querier__V1__SelectMergeStacktracesResponse answer =
		QUERIER__V1__SELECT_MERGE_STACKTRACES_RESPONSE__INIT;
	char *names[] = {"total", "a"}, hex[3];
	Buf out = {0};

	levels[0].values = root;
	levels[1].values = leaf;
	levels[0].n_values = levels[1].n_values = 4;
	graph.names = names;
	graph.n_names = 2;
	graph.levels = level_list;
	graph.n_levels = 2;
	graph.total = graph.max_self = 5;
	answer.flamegraph = &graph;
	expect_json(&answer,
				"{\"flamegraph\":{\"names\":[\"total\",\"a\"],"
				"\"levels\":[{\"values\":[\"0\",\"5\",\"0\",\"0\"]},"
				"{\"values\":[\"0\",\"5\",\"5\",\"1\"]}],\"total\":\"5\",\"maxSelf\":\"5\"}}");
	proto_encode(&answer.base, &out);
	assert_int_equal(out.len, strlen(expected) / 2);
	for (size_t i = 0; i < out.len; i++)
	{
		snprintf(hex, sizeof(hex), "%02x", (unsigned char) out.data[i]);
		assert_memory_equal(hex, expected + 2 * i, 2);
	}
	buf_free(&out);
}

static void
bad_protobuf(void **state)
{
	static const struct
	{
		const char *bytes;
		size_t len;
	} cases[] = {
		{"\x0a\xff", 2},										  /* length cut off */
		{"\x0a\x05\x0a", 3},									  /* message cut off */
		{"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12}, /* overlong number */
		{"\x07", 1},											  /* wire type 7 */
		{"\x0b\x0c", 2},										  /* groups */
		{"\x02\x00", 2},										  /* field 0 */
		{"\x09\x00", 2},										  /* fixed64 cut off */
		{"\x0a\x06\x0a\x04\x0a\x02\xff\xfe", 8},				  /* label name is no UTF-8 */
		{"\x0a\x06\x0a\x04\x0a\x02g\x00", 8},					  /* label name with a zero byte */
	};
	ProtobufCMessage *message;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(proto_decode(&push__v1__push_request__descriptor,
									  (const uint8_t *) cases[i].bytes,
									  cases[i].len,
									  &codec_limits_default,
									  arena,
									  &message,
									  &error),
						 PP_EMALFORMED);
	/* unknown fields of every wire type are stepped over; so is nothing at all */
	assert_int_equal(proto_decode(&push__v1__push_request__descriptor,
								  (const uint8_t *) "\x78\x01\x79\0\0\0\0\0\0\0\0\x7d\0\0\0\0\x7a\x02\xff\xff",
								  20,
								  &codec_limits_default,
								  arena,
								  &message,
								  &error),
					 PP_OK);
	assert_int_equal(proto_decode(&push__v1__push_request__descriptor,
								  (const uint8_t *) "",
								  0,
								  &codec_limits_default,
								  arena,
								  &message,
								  &error),
					 PP_OK);
}

static void
utf8(void **state)
{
	static const struct
	{
		const char *text;
		bool ok;
	} cases[] = {{"", true},
				 {"a\xc3\xa9z", true},
				 {"\xe2\x82\xac\xf0\x9f\x94\xa5", true},
				 {"\xf4\x8f\xbf\xbf", true},
				 {"\xc0\x80", false},
				 {"\xc3", false},
				 {"\xe0\x80\x80", false},
				 {"\xed\xa0\x80", false},
				 {"\xf4\x90\x80\x80", false},
				 {"\x80", false},
				 {"\xe2\x82", false},
				 {"\xff", false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(utf8_valid(cases[i].text, strlen(cases[i].text)), cases[i].ok);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_and_spellings, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(enums, setup, teardown),
		cmocka_unit_test_setup_teardown(doubles, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(base64, setup, teardown),
		cmocka_unit_test_setup_teardown(push_json, setup, teardown),
		cmocka_unit_test_setup_teardown(output, setup, teardown),
		cmocka_unit_test_setup_teardown(flame_graph, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_protobuf, setup, teardown),
		cmocka_unit_test(utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
