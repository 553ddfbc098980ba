/*
 * test_response.c
 *		Answers that are no profiles are named as what they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scraper/response.h"

#define OCTETS "application/octet-stream"

static char message[512];

static bool
check(long status, const char *type, const char *body, size_t len, bool strict)
{
	ScrapeResponse response = {status, "Not Found", type, (const uint8_t *) body, len};

	return response_check(&response, "memory", strict, message, sizeof(message));
}

static void
test_status(void **state)
{
	assert_false(check(404, "", "", 0, false));
	assert_string_equal(message, "server returned HTTP status (404) 404 Not Found");
	assert_false(check(500, "", " \nno such\tpage\n", 15, false));
	assert_string_equal(message, "server returned HTTP status (500) no such.page");
	assert_false(check(302, OCTETS, "\x1f\x8b", 2, false));
	assert_false(check(204, OCTETS, "", 0, false));
	assert_string_equal(message, "empty memory profile");
}

static void
test_wire_vectors(void **state)
{
	assert_false(check(200, OCTETS, "\x1e\x01\x00\x12\x04test", 9, true));
	assert_string_equal(message,
						"invalid profile data: invalid protobuf data: illegal wireType 6 (expected 0-5), first bytes: 1e0100120474657374");
	assert_true(check(200, OCTETS, "\x0a\x04test\x10\x2a", 8, true));
	assert_true(check(200, OCTETS "; charset=x", "\x1f\x8b\x08", 3, true));
	assert_false(check(200, OCTETS, "\x0a\x00", 2, true));
	assert_string_equal(message, "invalid profile data: data too short for pprof format");
}

static void
test_content_type_matters_only_when_strict(void **state)
{
	assert_false(check(200, "", "\x0a\x04test\x10\x2a", 8, true));
	assert_string_equal(message, "invalid profile data: missing Content-Type header");
	assert_false(check(200, "application/json", "\x0a\x04test\x10\x2a", 8, true));
	assert_string_equal(message,
						"invalid profile data: unexpected Content-Type application/json, expected application/octet-stream for pprof data");
	assert_true(check(200, "", "\x0a\x04test\x10\x2a", 8, false));
	assert_true(check(200, "application/gzip", "\x1f\x8b\x08", 3, false));
}

static void
expect_text(const char *body, bool text)
{
	bool ok = check(200, OCTETS, body, strlen(body), true);

	assert_int_equal(!ok && strstr(message, "text response instead of pprof: \"") != NULL, text);
}

static void
test_pages_and_json(void **state)
{
	expect_text("<!DOCTYPE html><html>", true);
	expect_text("  \n<html><body>nothing here</body>", true);
	expect_text("<Body>text text", true);
	expect_text("<xml>text text", false);
	expect_text("{\"error\": \"no such endpoint\"}", true);
	expect_text("   [1, 2, 3, 4, 5, 6, 7, 8]", true);
	expect_text("{\"a\":1}", false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_wire_vectors),
		cmocka_unit_test(test_content_type_matters_only_when_strict),
		cmocka_unit_test(test_pages_and_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
