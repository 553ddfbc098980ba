/*
 * regex_glue.c
 *		The server's regular expressions as a PpRegex.
 *
 * Expressions that are plain alternatives are compared, not run.  The others are
 * compiled into a small cache of the backend, bounded by number and bytes, the
 * least recently used giving way; what compile() returns remembers the expression, so that it
 *survives the loss of its cache entry.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "regex/regex.h"
#include "regex/regexport.h"
#include "utils/memutils.h"

#include "core/pp_regex.h"
#include "core_glue.h"

#define CACHE_ENTRIES 64
/* More than this, estimated, is kept of the expression in use only. */
#define CACHE_BYTES ((size_t) 16 << 20)
/* Texts up to this many bytes are widened on the stack. */
#define STACK_TEXT 256

/* What PpRegex.compile returns. */
typedef struct CompiledRegex
{
	bool anchored;
	PpRegexText text; /* in the caller's memory, as this is */
	int slot;		  /* where it was in the cache when last looked up */
	uint64 generation;
} CompiledRegex;

typedef struct CacheEntry
{
	MemoryContext cxt; /* owns regex and pattern; NULL: free */
	regex_t *regex;
	char *pattern;
	uint32 pattern_len;
	size_t size;
	bool anchored, ignore_case;
	uint64 generation; /* of the compilation: a slot that was reused has another */
	uint64 used;
} CacheEntry;

static CacheEntry cache[CACHE_ENTRIES];
static uint64 clock_tick = 0;

static bool anchored_mode = true;
static bool search_mode = false;

/* ---- compiling ---- */

/*
 * Codes of UTF-8 text, whatever the server's encoding; -1 if it is not valid.
 * out has room for text.len codes.
 */
static int
widen(PpBytes text, pg_wchar *out)
{
	if (pg_encoding_verifymbstr(PG_UTF8, text.data, text.len) != (int) text.len)
		return -1;
	return pg_encoding_mb2wchar_with_len(PG_UTF8, text.data, out, text.len);
}

/* The pattern with our anchors, as codes, in the current context. */
static pg_wchar *
wide_pattern(const PpRegexText *text, bool anchored, int *len)
{
	static const char before[] = "^(?:", after[] = ")$";
	uint32 room = text->pattern.len + sizeof(before) + sizeof(after);
	char *pattern = palloc(room);
	pg_wchar *wide = palloc(room * sizeof(pg_wchar));
	PpBytes bytes = {pattern, 0};

	if (anchored)
		memcpy(pattern, before, bytes.len = strlen(before));
	memcpy(pattern + bytes.len, text->pattern.data, text->pattern.len);
	bytes.len += text->pattern.len;
	if (anchored)
	{
		memcpy(pattern + bytes.len, after, strlen(after));
		bytes.len += strlen(after);
	}
	*len = widen(bytes, wide);
	pfree(pattern);
	return wide;
}

static void
forget(CacheEntry *entry)
{
	if (entry->cxt == NULL)
		return;
	pg_regfree(entry->regex);
	MemoryContextDelete(entry->cxt);
	memset(entry, 0, sizeof(*entry));
}

/*
 * What a compiled expression takes.  Nobody says; its automaton is kept twice,
 * for searching and for matching, and an arc takes eight bytes.
 */
static size_t
regex_size(const regex_t *regex)
{
	int nstates = pg_reg_getnumstates(regex);
	size_t size = (size_t) nstates * 16;

	for (int i = 0; i < nstates; i++)
		size += (size_t) pg_reg_getnumoutarcs(regex, i) * 8;
	return size * 2;
}

/*
 * Compile into an entry.  Up to 15 the engine takes its memory from malloc, from
 * 16 on from the current context: so every entry has one of its own, which hangs
 * below the caller's until all is well.
 */
static bool
compile_entry(CacheEntry *entry, const PpRegexText *text, bool anchored, PpError *err)
{
	MemoryContext cxt =
		AllocSetContextCreate(CurrentMemoryContext, "pprof regular expression", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	int flags = REG_ADVANCED | REG_NOSUB | (text->ignore_case ? REG_ICASE : 0);
	regex_t *regex = palloc(sizeof(regex_t));
	int len, status;
	pg_wchar *wide = wide_pattern(text, anchored, &len);
	char message[100];

	status = len < 0 ? REG_BADPAT : pg_regcomp(regex, wide, len, flags, C_COLLATION_OID);
	pfree(wide);
	MemoryContextSwitchTo(old);
	if (status != REG_OKAY)
	{
		pg_regerror(status, regex, message, sizeof(message));
		MemoryContextDelete(cxt);
		CHECK_FOR_INTERRUPTS();
		pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "invalid regular expression: %s", message);
		return false;
	}
	*entry = (CacheEntry){.cxt = cxt,
						  .regex = regex,
						  .pattern = MemoryContextAlloc(cxt, text->pattern.len + 1),
						  .pattern_len = text->pattern.len,
						  .size = regex_size(regex),
						  .anchored = anchored,
						  .ignore_case = text->ignore_case,
						  .generation = ++clock_tick};
	memcpy(entry->pattern, text->pattern.data, text->pattern.len);
	MemoryContextSetParent(cxt, TopMemoryContext);
	return true;
}

static bool
is_for(const CacheEntry *entry, const CompiledRegex *regex)
{
	return entry->cxt != NULL && entry->anchored == regex->anchored &&
		   entry->ignore_case == regex->text.ignore_case &&
		   entry->pattern_len == regex->text.pattern.len &&
		   memcmp(entry->pattern, regex->text.pattern.data, entry->pattern_len) == 0;
}

/* Forget the least recently used ones until what is left is small enough beside a new one. */
static void
make_room(size_t size)
{
	for (;;)
	{
		CacheEntry *oldest = NULL;
		size_t total = size;

		for (int i = 0; i < CACHE_ENTRIES; i++)
		{
			if (cache[i].cxt == NULL)
				continue;
			total += cache[i].size;
			if (oldest == NULL || cache[i].used < oldest->used)
				oldest = &cache[i];
		}
		if (oldest == NULL || total <= CACHE_BYTES)
			return;
		forget(oldest);
	}
}

/* The entry of an expression, compiled if need be; NULL with err filled if that fails. */
static CacheEntry *
lookup(CompiledRegex *regex, PpError *err)
{
	CacheEntry *entry = &cache[regex->slot];
	CacheEntry fresh;
	int oldest = 0;

	if (entry->cxt == NULL || entry->generation != regex->generation)
	{
		entry = NULL;
		for (int i = 0; i < CACHE_ENTRIES && entry == NULL; i++)
		{
			if (is_for(&cache[i], regex))
				entry = &cache[i];
			if (cache[i].used < cache[oldest].used)
				oldest = i;
		}
	}
	if (entry == NULL)
	{
		if (!compile_entry(&fresh, &regex->text, regex->anchored, err))
			return NULL;
		entry = &cache[oldest];
		forget(entry);
		make_room(fresh.size);
		*entry = fresh;
	}
	regex->slot = entry - cache;
	regex->generation = entry->generation;
	entry->used = ++clock_tick;
	return entry;
}

static void *
glue_compile(void *ctx, PpBytes pattern, PpError *err)
{
	CompiledRegex *regex = palloc0(sizeof(CompiledRegex));
	PpError ignored;

	if (err == NULL)
		err = &ignored;
	regex->anchored = *(bool *) ctx;
	if (pp_regex_translate(pattern, core_arena_create(), &regex->text, err) != PP_OK)
		return NULL;
	if (regex->anchored && regex->text.literals != NULL)
		return regex;
	return lookup(regex, err) != NULL ? regex : NULL;
}

/* ---- matching ---- */

static bool
equals_literal(const CompiledRegex *regex, PpBytes text)
{
	for (uint32 i = 0; i < regex->text.nliterals; i++)
	{
		if (pp_bytes_eq(regex->text.literals[i], text))
			return true;
	}
	return false;
}

static bool
run(CacheEntry *entry, PpBytes text)
{
	pg_wchar stack_text[STACK_TEXT + 1];
	pg_wchar *wide = stack_text;
	int len, status = REG_NOMATCH;

	if (text.len > STACK_TEXT)
	{
		wide = MemoryContextAllocExtended(CurrentMemoryContext,
										  ((Size) text.len + 1) * sizeof(pg_wchar),
										  MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
		if (wide == NULL)
			return false;
	}
	len = widen(text, wide);
	if (len >= 0)
		status = pg_regexec(entry->regex, wide, len, 0, NULL, 0, NULL, 0);
	if (wide != stack_text)
		pfree(wide);
	if (status != REG_OKAY && status != REG_NOMATCH)
		CHECK_FOR_INTERRUPTS(); /* the engine gives up when it is canceled */
	return status == REG_OKAY;
}

static bool
glue_match(void *ctx, void *compiled, PpBytes text)
{
	CompiledRegex *regex = compiled;
	CacheEntry *entry;

	if (regex->anchored && regex->text.literals != NULL)
		return equals_literal(regex, text);
	entry = lookup(regex, NULL);
	return entry != NULL && run(entry, text);
}

const PpRegex *
core_regex(void)
{
	static const PpRegex regex = {glue_compile, glue_match, &anchored_mode};

	return &regex;
}

const PpRegex *
core_regex_search(void)
{
	static const PpRegex regex = {glue_compile, glue_match, &search_mode};

	return &regex;
}

uint32
core_regex_literals(const void *compiled, const PpBytes **literals)
{
	const CompiledRegex *regex = compiled;

	*literals = regex->text.literals;
	return regex->text.nliterals;
}
