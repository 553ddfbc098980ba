/*
 * selector.c
 *		Type pprof.selector, its operator @~ on jsonb labels, and its estimator.
 *
 * The input function refuses what cannot be parsed or compiled; the operator is
 * total, so that it can be leakproof and row security leaves the index on.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/selfuncs.h"

#include "core_glue.h"
#include "pprof.h"
#include "selector.h"

/* ---- encodings ---- */

static bool
is_utf8_server(void)
{
	int encoding = GetDatabaseEncoding();

	return encoding == PG_UTF8 || encoding == PG_SQL_ASCII;
}

/* Text in another encoding; empty if it cannot be said there.  Does not raise. */
static PpBytes
convert(const char *data, int len, int from, int to)
{
	PpBytes empty = {"", 0};
	Oid proc;
	char *out;
	Size room = (Size) len * MAX_CONVERSION_GROWTH + 1;
	int i;

	for (i = 0; i < len && !IS_HIGHBIT_SET(data[i]); i++)
		;
	if (i == len || is_utf8_server())
		return (PpBytes){data, len};
	proc = FindDefaultConversionProc(from, to);
	if (!OidIsValid(proc) || room > MaxAllocSize)
		return empty;
	out = palloc(room);
	if (pg_do_encoding_conversion_buf(proc,
									  from,
									  to,
									  (unsigned char *) unconstify(char *, data),
									  len,
									  (unsigned char *) out,
									  room,
									  true) != len)
		return empty;
	return (PpBytes){out, strlen(out)};
}

PpBytes
selector_utf8(const char *data, int len)
{
	return convert(data, len, GetDatabaseEncoding(), PG_UTF8);
}

/* ---- input and output ---- */

/* Canonical form of text in the server's encoding; ERROR if it is no selector. */
static Selector *
selector_from_text(const char *text, int len)
{
	char *utf8 = pg_server_to_any(text, len, PG_UTF8);
	PpBytes bytes = {utf8, utf8 == text ? len : strlen(utf8)};
	PpArena *arena = core_arena_create();
	PpSelector selector;
	PpError err;

	CORE_CHECK(pp_selector_parse(bytes, core_regex(), arena, &selector, &err), &err);
	CORE_CHECK(pp_selector_text(&selector, arena, &bytes, &err), &err);
	return (Selector *) cstring_to_text_with_len(bytes.data, bytes.len);
}

static char *
selector_to_text(const Selector *selector)
{
	int len = VARSIZE_ANY_EXHDR(selector);
	char *utf8 = pnstrdup(VARDATA_ANY(selector), len);

	return pg_any_to_server(utf8, len, PG_UTF8);
}

PPROF_FUNCTION(pprof_selector_in);
Datum
pprof_selector_in(PG_FUNCTION_ARGS)
{
	char *text = PG_GETARG_CSTRING(0);

	PG_RETURN_POINTER(selector_from_text(text, strlen(text)));
}

PPROF_FUNCTION(pprof_selector_out);
Datum
pprof_selector_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(selector_to_text(PG_GETARG_SELECTOR_PP(0)));
}

PPROF_FUNCTION(pprof_selector_recv);
Datum
pprof_selector_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	int len;
	char *text = pq_getmsgtext(buf, buf->len - buf->cursor, &len);

	PG_RETURN_POINTER(selector_from_text(text, len));
}

PPROF_FUNCTION(pprof_selector_send);
Datum
pprof_selector_send(PG_FUNCTION_ARGS)
{
	char *text = selector_to_text(PG_GETARG_SELECTOR_PP(0));
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendtext(&buf, text, strlen(text));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* ---- the operator ---- */

bool
selector_parse(const Selector *selector, PpSelector *parsed)
{
	uint32 len = VARSIZE_ANY_EXHDR(selector);
	PpArena *arena = core_arena_create();
	char *copy = pp_arena_copy(arena, VARDATA_ANY(selector), len);
	PpBytes text = {copy, len};

	return copy != NULL && pp_selector_parse(text, core_regex(), arena, parsed, NULL) == PP_OK;
}

PpBytes
selector_label(const Jsonb *labels, PpBytes name)
{
	JsonbContainer *root = unconstify(JsonbContainer *, &labels->root);
	PpBytes absent = {"", 0}, key;
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(labels))
		return absent;
	key = convert(name.data, name.len, PG_UTF8, GetDatabaseEncoding());
	if (getKeyJsonValueFromContainer(root, key.data, key.len, &value) == NULL ||
		value.type != jbvString)
		return absent;
	return selector_utf8(value.val.string.val, value.val.string.len);
}

/* A parsed selector, kept from call to call. */
typedef struct MatchState
{
	MemoryContext cxt; /* of everything below; NULL: nothing yet */
	Selector *selector;
	bool usable;
	PpSelector parsed;
} MatchState;

static bool
same_selector(const Selector *a, const Selector *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		   memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static MatchState *
match_state(FunctionCallInfo fcinfo, const Selector *selector)
{
	MatchState *state = fcinfo->flinfo->fn_extra;
	MemoryContext old;

	if (state == NULL)
		state = fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(MatchState));
	if (state->cxt != NULL && same_selector(state->selector, selector))
		return state;
	if (state->cxt == NULL)
		state->cxt =
			AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "pprof selector", ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(state->cxt);
	old = MemoryContextSwitchTo(state->cxt);
	state->selector = NULL;
	state->usable = selector_parse(selector, &state->parsed);
	state->selector =
		(Selector *) cstring_to_text_with_len(VARDATA_ANY(selector), VARSIZE_ANY_EXHDR(selector));
	MemoryContextSwitchTo(old);
	return state;
}

PPROF_FUNCTION(pprof_labels_match);
Datum
pprof_labels_match(PG_FUNCTION_ARGS)
{
	Jsonb *labels = PG_GETARG_JSONB_P(0);
	Selector *selector = PG_GETARG_SELECTOR_PP(1);
	MatchState *state = match_state(fcinfo, selector);
	bool matches = state->usable;

	for (uint32 i = 0; matches && i < state->parsed.n; i++)
	{
		const PpMatcher *matcher = &state->parsed.matchers[i];

		matches = pp_matcher_test(matcher, core_regex(), selector_label(labels, matcher->name));
	}
	PG_FREE_IF_COPY(labels, 0);
	PG_FREE_IF_COPY(selector, 1);
	PG_RETURN_BOOL(matches);
}

/* ---- the estimator ---- */

/* Share of the label sets that a matcher lets pass, when nothing is known about them. */
static double
matcher_guess(const PpMatcher *matcher)
{
	const PpBytes *literals;
	bool negated = matcher->op == PP_MATCH_NE || matcher->op == PP_MATCH_NRE;
	bool passes_absent = pp_matcher_test(matcher, core_regex(), (PpBytes){"", 0});
	double share = 0.1;

	if (matcher->op == PP_MATCH_EQ || matcher->op == PP_MATCH_NE)
		share = matcher->value.len > 0 ? 0.005 : 0.1;
	else if (matcher->regex != NULL && core_regex_literals(matcher->regex, &literals) > 0)
		share = Min(0.5, 0.005 * core_regex_literals(matcher->regex, &literals));
	if (!negated && passes_absent)
		return 0.5;
	return negated ? 1.0 - share : share;
}

static double
selector_guess(const Selector *selector)
{
	PpSelector parsed;
	double share = 1.0;

	if (!selector_parse(selector, &parsed))
		return 0.0001;
	for (uint32 i = 0; i < parsed.n; i++)
		share *= matcher_guess(&parsed.matchers[i]);
	return Max(share, 0.0001);
}

/*
 * The column's statistics decide, by running the operator on most common values
 * and histogram; the guess serves where there are none.
 */
PPROF_FUNCTION(pprof_selector_sel);
Datum
pprof_selector_sel(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	Oid op = PG_GETARG_OID(1);
	List *args = (List *) PG_GETARG_POINTER(2);
	int var_relid = PG_GETARG_INT32(3);
	double guess = 0.01;
	Node *right = list_length(args) == 2 ? estimate_expression_value(root, lsecond(args)) : NULL;

	if (right != NULL && IsA(right, Const) && !((Const *) right)->constisnull)
		guess = selector_guess(DatumGetSelectorPP(((Const *) right)->constvalue));
	PG_RETURN_FLOAT8(
		generic_restriction_selectivity(root, op, PG_GET_COLLATION(), args, var_relid, guess));
}
