/*
 * pp_search_pcre2.h
 *		PCRE2 as the PpSearch of tests.  Compiled expressions live until
 *		search_release().
 */
#ifndef PP_SEARCH_PCRE2_H
#define PP_SEARCH_PCRE2_H

#define PCRE2_CODE_UNIT_WIDTH 8

#include <pcre2.h>

#include "core/pp_report.h"

typedef struct SearchList
{
	pcre2_code *regexes[64];
	int n;
} SearchList;

static inline void *
search_compile(void *ctx, PpBytes pattern, PpError *err)
{
	SearchList *list = ctx;
	int code;
	PCRE2_SIZE offset;
	pcre2_code *regex = pcre2_compile((PCRE2_SPTR) pattern.data,
									  pattern.len,
									  PCRE2_UTF | PCRE2_MATCH_INVALID_UTF,
									  &code,
									  &offset,
									  NULL);

	if (regex == NULL || list->n == 64)
	{
		pp_fail(err, PP_EINVALID, offset, "PCRE2 error %d", code);
		return NULL;
	}
	return list->regexes[list->n++] = regex;
}

static inline bool
search_match(void *ctx, void *regex, PpBytes text)
{
	pcre2_match_data *match = pcre2_match_data_create(1, NULL);
	int code = pcre2_match(regex, (PCRE2_SPTR) text.data, text.len, 0, 0, match, NULL);

	pcre2_match_data_free(match);
	return code >= 0;
}

static inline void
search_release(SearchList *list)
{
	while (list->n > 0)
		pcre2_code_free(list->regexes[--list->n]);
}

#endif
