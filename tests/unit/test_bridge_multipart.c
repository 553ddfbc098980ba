/*
 * test_bridge_multipart.c
 *		multipart/form-data: parts, boundaries at every edge, broken bodies.
 */
#include "bridge/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FILE_PART(name, body)                                                                      \
	"--XX\r\nContent-Disposition: form-data; name=\"" name "\"; filename=\"f\"\r\n"                \
	"Content-Type: application/octet-stream\r\n\r\n" body "\r\n"

/* The body in a block of its exact size, so that the tools see a byte read too far. */
static PpCode
parse(const char *boundary, const char *body, size_t len, Multipart *form)
{
	static uint8_t *copy;
	PpError err;

	free(copy);
	copy = malloc(len > 0 ? len : 1);
	memcpy(copy, body, len);
	return multipart_parse(boundary, copy, len, form, &err);
}

static void
expect_file(const Multipart *form, const char *name, const char *content)
{
	const MultipartPart *part = multipart_file(form, name);

	assert_non_null(part);
	assert_int_equal(part->len, strlen(content));
	assert_memory_equal(part->data, content, part->len);
}

static void
two_files(void **state)
{
	static const char body[] = FILE_PART("profile", "abc") FILE_PART("config", "{}") "--XX--\r\n";
	Multipart form;

	assert_int_equal(parse("XX", body, sizeof(body) - 1, &form), PP_OK);
	assert_int_equal(form.n, 2);
	expect_file(&form, "profile", "abc");
	expect_file(&form, "config", "{}");
	assert_null(multipart_file(&form, "other"));
}

static void
only_files_count(void **state)
{
	static const char body[] =
		"--XX\r\nContent-Disposition: form-data; name=\"profile\"\r\n\r\n"
		"value\r\n" FILE_PART("profile", "file") FILE_PART("profile", "second") "--XX--";
	Multipart form;

	assert_int_equal(parse("XX", body, sizeof(body) - 1, &form), PP_OK);
	assert_int_equal(form.n, 3);
	expect_file(&form, "profile", "file");
}

static void
contents_like_boundaries(void **state)
{
	static const char *const contents[] = {"",
										   "\r\n",
										   "\r\n\r\n",
										   "-",
										   "--",
										   "--X",
										   "--XY\r\n",
										   "\r\n--X",
										   "\r\n--XXY",
										   "\n--XX1",
										   "\r\n-- XX",
										   "a\r",
										   "a\n",
										   "\r",
										   "--XXX\r\n--XXX--",
										   "XX--"};
	char body[512];
	Multipart form;

	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
	{
		int len =
			snprintf(body,
					 sizeof(body),
					 "--XX\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n%s\r\n--XX--\r\n",
					 contents[i]);

		assert_int_equal(parse("XX", body, (size_t) len, &form), PP_OK);
		assert_int_equal(form.n, 1);
		expect_file(&form, "a", contents[i]);
	}
}

/* Cut anywhere, the body is refused or read as far as it went; nothing is read past the cut. */
static void
cut_everywhere(void **state)
{
	static const char body[] = "preamble\r\n" FILE_PART("profile", "abc") "--XX--";
	Multipart form;

	assert_int_equal(parse("XX", body, sizeof(body) - 1, &form), PP_OK);
	for (size_t len = 0; len < sizeof(body) - 1; len++)
		assert_int_equal(parse("XX", body, len, &form), PP_EMALFORMED);
}

static void
bare_line_feeds(void **state)
{
	static const char body[] =
		"--XX \t\nContent-disposition: form-data;filename=\"a;b=\\\"c\\\"\" ; NAME=\"pro\\\\file\"\n\n"
		"abc\n--XX--\nepilogue";
	Multipart form;

	assert_int_equal(parse("XX", body, sizeof(body) - 1, &form), PP_OK);
	expect_file(&form, "pro\\file", "abc");
}

static void
empty_form(void **state)
{
	Multipart form;

	assert_int_equal(parse("XX", "--XX--", 6, &form), PP_OK);
	assert_int_equal(form.n, 0);
	assert_int_equal(parse("XX", "", 0, &form), PP_EMALFORMED);
	assert_int_equal(parse("XX", "--XY--", 6, &form), PP_EMALFORMED);
}

static void
limits(void **state)
{
	static char body[100 * (MULTIPART_MAX_PARTS + 1) + 2 * MULTIPART_MAX_HEADERS];
	size_t len = 0;
	Multipart form;

	for (int i = 0; i <= MULTIPART_MAX_PARTS; i++)
		len += (size_t) sprintf(body + len, "--XX\r\n\r\nx\r\n");
	len += (size_t) sprintf(body + len, "--XX--");
	assert_int_equal(parse("XX", body, len, &form), PP_EMALFORMED);

	len = (size_t) sprintf(body, "--XX\r\nX-Long: ");
	memset(body + len, 'x', MULTIPART_MAX_HEADERS);
	len += MULTIPART_MAX_HEADERS;
	len += (size_t) sprintf(body + len, "\r\n\r\nx\r\n--XX--");
	assert_int_equal(parse("XX", body, len, &form), PP_EMALFORMED);
}

static void
boundaries(void **state)
{
	static const struct
	{
		const char *type, *boundary;
	} cases[] = {
		{"multipart/form-data; boundary=XX", "XX"},
		{"multipart/form-data;boundary=\"a b;c\"; charset=x", "a b;c"},
		{"multipart/form-data; charset=\"boundary=no\"; Boundary=yes", "yes"},
		{"multipart/form-data", NULL},
		{"multipart/form-data; boundary=", NULL},
		{"multipart/form-data; xboundary=XX", NULL},
		{"multipart/form-data; "
		 "boundary=12345678901234567890123456789012345678901234567890123456789012345678901",
		 NULL},
	};
	char boundary[MULTIPART_MAX_BOUNDARY + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		bool found = multipart_boundary(cases[i].type, boundary);

		assert_int_equal(found, cases[i].boundary != NULL);
		if (found)
			assert_string_equal(boundary, cases[i].boundary);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_files),
		cmocka_unit_test(only_files_count),
		cmocka_unit_test(contents_like_boundaries),
		cmocka_unit_test(cut_everywhere),
		cmocka_unit_test(bare_line_feeds),
		cmocka_unit_test(empty_form),
		cmocka_unit_test(limits),
		cmocka_unit_test(boundaries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
