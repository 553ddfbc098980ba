/*
 * fuzz_selector.c
 *		Text as a selector, an expression, an application key and a profile type id.
 *
 * What is accepted must come back equal from its canonical text; every refusal
 * has a terminated message and a place inside the input.
 */
#include <stdlib.h>
#include <string.h>

#include "core/pp_labels.h"
#include "core/pp_regex.h"
#include "core/pp_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool truth)
{
	if (!truth)
		abort();
}

static void
check_error(const PpError *err, PpBytes text)
{
	require(err->code == PP_EINVALID || err->code == PP_ELIMIT);
	require(memchr(err->message, '\0', sizeof(err->message)) != NULL);
	require(err->offset == PP_NO_OFFSET || err->offset <= text.len);
}

/* Expressions are translated; the object is their text. */
static void *
compile(void *ctx, PpBytes pattern, PpError *err)
{
	PpRegexText *text = pp_arena_alloc(ctx, sizeof(*text));

	return pp_regex_translate(pattern, ctx, text, err) == PP_OK ? text : NULL;
}

static bool
match(void *ctx, void *regex, PpBytes text)
{
	const PpRegexText *expression = regex;

	for (uint32_t i = 0; i < expression->nliterals; i++)
	{
		if (pp_bytes_eq(expression->literals[i], text))
			return true;
	}
	return false;
}

static void
check_selector(PpBytes text, PpArena *arena)
{
	PpRegex regex = {compile, match, arena};
	PpLabelPair pairs[] = {{{"__name__", 8}, {"x", 1}}, {{"a", 1}, {"b", 1}}};
	PpLabelSet labels = {2, pairs};
	PpSelector selector, again;
	PpBytes canonical, canonical_again;
	PpError err;

	if (pp_selector_parse(text, &regex, arena, &selector, &err) != PP_OK)
	{
		check_error(&err, text);
		return;
	}
	require(pp_selector_text(&selector, arena, &canonical, &err) == PP_OK);
	require(pp_utf8_valid(canonical));
	require(pp_selector_parse(canonical, &regex, arena, &again, &err) == PP_OK);
	require(again.n == selector.n);
	for (uint32_t i = 0; i < selector.n; i++)
	{
		require(selector.matchers[i].op == again.matchers[i].op);
		require(pp_bytes_eq(selector.matchers[i].name, again.matchers[i].name));
		require(pp_bytes_eq(selector.matchers[i].value, again.matchers[i].value));
	}
	require(pp_selector_text(&again, arena, &canonical_again, &err) == PP_OK);
	require(pp_bytes_eq(canonical, canonical_again));
	require(pp_selector_match(&selector, &regex, &labels) ==
			pp_selector_match(&again, &regex, &labels));
}

/* Groups are balanced, so that more can be put around; the text is UTF-8. */
static void
check_regex(PpBytes text, PpArena *arena)
{
	PpRegexText out;
	PpError err;
	int64_t depth = 0;
	bool bracket = false;

	if (pp_regex_translate(text, arena, &out, &err) != PP_OK)
	{
		check_error(&err, text);
		return;
	}
	require(pp_utf8_valid(out.pattern));
	for (uint32_t i = 0; i < out.pattern.len; i++)
	{
		char c = out.pattern.data[i];

		if (c == '\\')
			i++;
		else if (bracket && c == '[')
			i += strcspn(out.pattern.data + i, "]"); /* [:alpha:] */
		else if (c == '[' || c == ']')
			bracket = c == '[';
		else if (!bracket && c == '(')
			depth++;
		else if (!bracket && c == ')')
			require(--depth >= 0);
	}
	require(depth == 0 && !bracket);
}

static void
check_names(PpBytes text, PpArena *arena)
{
	static const PpLabelLimits limits = {10, 20, 30};
	PpLabelSet tags;
	PpTypeId id;
	PpBytes name, out;
	PpError err;

	if (pp_app_name_parse(text, arena, &name, &tags, &err) != PP_OK)
		check_error(&err, text);
	else
	{
		for (uint32_t i = 1; i < tags.n; i++)
			require(pp_bytes_cmp(tags.pairs[i - 1].name, tags.pairs[i].name) < 0);
		if (pp_labels_validate(&tags, &limits, &err) != PP_OK)
			check_error(&err, text);
	}
	if (pp_type_id_parse(text, &id, &err) != PP_OK)
		check_error(&err, text);
	else
	{
		require(pp_type_id_text(&id, arena, &out, &err) == PP_OK);
		require(out.len <= text.len && memcmp(out.data, text.data, out.len) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PpBytes text = {(const char *) data, (uint32_t) size};
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);

	check_selector(text, arena);
	check_regex(text, arena);
	check_names(text, arena);
	pp_arena_free(arena);
	return 0;
}
