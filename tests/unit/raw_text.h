/*
 * raw_text.h
 *		What a reader makes of a text, as the text of -raw.
 */
#ifndef RAW_TEXT_H
#define RAW_TEXT_H

#include "pp_search_pcre2.h"
#include "pp_test.h"

#include "core/pp_formats.h"
#include "core/pp_text.h"

/* -raw of the profile, or "error CODE at OFFSET: MESSAGE"; free() it. */
static inline char *
raw_of(PpFormatReader *reader, const void *data, size_t len, const PpLimits *limits)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	uint8_t *copy = malloc(len + (len == 0));
	SearchList list = {.n = 0};
	PpSearch search = {search_compile, search_match, &list};
	PpReportOptions options = pp_report_defaults();
	PpProfile *p;
	PpError err = {0};
	PpBuf out;
	char *text;
	PpCode code;

	/* exactly its size, so that sanitizers see the end */
	memcpy(copy, data, len);
	pp_buf_init(&out, &pp_alloc_malloc);
	code = reader(NULL, copy, len, limits, arena, &p, &err);
	if (code == PP_OK)
		code = pp_raw_text(p, &options, &search, arena, &out, &err);
	else
		assert_null(p);
	if (code == PP_OK)
	{
		text = malloc(out.len + 1);
		memcpy(text, out.data, out.len);
		text[out.len] = '\0';
	}
	else
	{
		text = malloc(400);
		snprintf(text, 400, "error %d at %zu: %s", code, err.offset, err.message);
	}
	pp_buf_free(&out);
	search_release(&list);
	pp_arena_free(arena);
	free(copy);
	return text;
}

static inline void
assert_raw_within(PpFormatReader *reader, const void *data, size_t len, const PpLimits *limits,
				  const char *expected)
{
	char *text = raw_of(reader, data, len, limits);

	if (strcmp(text, expected) != 0)
		fail_msg("expected:\n%s\nfound:\n%s", expected, text);
	free(text);
}

static inline void
assert_raw(PpFormatReader *reader, const char *input, const char *expected)
{
	assert_raw_within(reader, input, strlen(input), &pp_limits_default, expected);
}

#endif
