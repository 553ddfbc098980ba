/*
 * selector_gin.c
 *		GIN operator class pprof.labels_ops: label selectors on jsonb label sets.
 *
 * Every label is one key, `name \0 value`.  Neither contains NUL, so all values
 * of a name are neighbours.  A matcher that an absent label does not satisfy can
 * be answered by the index: an equality by its key, alternatives by theirs, the
 * rest by a walk over the values of the name, each tested once and not once per
 * row.  Other matchers are left to the operator (recheck).
 *
 * Long values are cut: `name \0 \0 beginning hash`.  An empty value is no label,
 * so the second NUL tells them apart.  A hit on such a key is rechecked.
 */
#include "postgres.h"

#include "access/gin.h"
#include "access/stratnum.h"
#include "utils/builtins.h"

#include "core/pp_names.h"
#include "core_glue.h"
#include "pprof.h"
#include "selector.h"

/* Names and values up to this many bytes are in the key as they are. */
#define WHOLE_BYTES 480

/* What a selector asks of the index. */
typedef struct IndexPlan
{
	int ngroups;  /* matchers that the index answers */
	bool recheck; /* there are others */
} IndexPlan;

/* One key of the query; the keys of one matcher are a group, of which one must hit. */
typedef struct PlanKey
{
	IndexPlan *plan;
	int group;
	bool cut;	  /* a hit may be another value */
	bool partial; /* a walk over the values of a name */
	const PpMatcher *matcher;
} PlanKey;

/* Growing arrays in the form GIN wants. */
typedef struct PlanKeys
{
	int n, cap;
	Datum *keys;
	bool *partial;
	Pointer *extra;
} PlanKeys;

/* ---- keys ---- */

/* At most WHOLE_BYTES of text, then 16 hex digits of its hash; returns the length. */
static int
cut_text(PpBytes text, char *out)
{
	uint64 hash = pp_stable_hash(text.data, text.len, 0);

	memcpy(out, text.data, WHOLE_BYTES);
	return WHOLE_BYTES + sprintf(out + WHOLE_BYTES, "%016llx", (unsigned long long) hash);
}

/* `name \0`, for a name of any length; returns the length. */
static int
name_prefix(PpBytes name, char *out)
{
	int len = name.len;

	if (name.len > WHOLE_BYTES)
		len = cut_text(name, out);
	else
		memcpy(out, name.data, name.len);
	out[len++] = '\0';
	return len;
}

static Datum
make_key(const char *data, int len)
{
	return PointerGetDatum(cstring_to_text_with_len(data, len));
}

/* The key of a label; *cut: other labels may have the same. */
static Datum
label_key(PpBytes name, PpBytes value, bool *cut)
{
	char key[2 * (WHOLE_BYTES + 20)];
	int len = name_prefix(name, key);

	*cut = name.len > WHOLE_BYTES || value.len > WHOLE_BYTES;
	if (value.len > WHOLE_BYTES)
	{
		key[len++] = '\0';
		len += cut_text(value, key + len);
	}
	else
	{
		memcpy(key + len, value.data, value.len);
		len += value.len;
	}
	return make_key(key, len);
}

PPROF_FUNCTION(pprof_labels_extract_value);
Datum
pprof_labels_extract_value(PG_FUNCTION_ARGS)
{
	Jsonb *labels = PG_GETARG_JSONB_P(0);
	int32 *nkeys = (int32 *) PG_GETARG_POINTER(1);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue item;
	PpBytes name = {"", 0};
	Datum *keys;

	*nkeys = 0;
	if (!JB_ROOT_IS_OBJECT(labels) || JB_ROOT_COUNT(labels) == 0)
		PG_RETURN_POINTER(NULL);
	keys = palloc(JB_ROOT_COUNT(labels) * sizeof(Datum));
	iterator = JsonbIteratorInit(&labels->root);
	while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
	{
		PpBytes text = {"", 0};
		bool cut;

		if (token != WJB_KEY && token != WJB_VALUE)
			continue;
		if (item.type == jbvString)
			text = selector_utf8(item.val.string.val, item.val.string.len);
		if (token == WJB_KEY)
			name = text;
		else if (text.len > 0)
			keys[(*nkeys)++] = label_key(name, text, &cut);
	}
	PG_RETURN_POINTER(keys);
}

/* ---- queries ---- */

static void
add_key(PlanKeys *keys, Datum key, const PlanKey *what)
{
	PlanKey *extra = palloc(sizeof(PlanKey));

	if (keys->n == keys->cap)
	{
		keys->cap *= 2;
		keys->keys = repalloc(keys->keys, keys->cap * sizeof(Datum));
		keys->partial = repalloc(keys->partial, keys->cap * sizeof(bool));
		keys->extra = repalloc(keys->extra, keys->cap * sizeof(Pointer));
	}
	*extra = *what;
	keys->keys[keys->n] = key;
	keys->partial[keys->n] = what->partial;
	keys->extra[keys->n++] = (Pointer) extra;
}

/* Keys of a matcher that is one of few values. */
static void
add_values(PlanKeys *keys, PlanKey what, const PpBytes *values, uint32 nvalues)
{
	for (uint32 i = 0; i < nvalues; i++)
	{
		Datum key = label_key(what.matcher->name, values[i], &what.cut);

		add_key(keys, key, &what);
	}
}

/* A walk over all whole values of a name, and one over the cut ones. */
static void
add_walks(PlanKeys *keys, PlanKey what)
{
	char prefix[WHOLE_BYTES + 20];
	int len = name_prefix(what.matcher->name, prefix);

	what.partial = true;
	what.cut = what.matcher->name.len > WHOLE_BYTES;
	add_key(keys, make_key(prefix, len), &what);
	prefix[len++] = '\0';
	what.cut = true;
	add_key(keys, make_key(prefix, len), &what);
}

static void
plan_matcher(PlanKeys *keys, IndexPlan *plan, const PpMatcher *matcher)
{
	PlanKey what = {.plan = plan, .group = plan->ngroups, .matcher = matcher};
	const PpBytes *literals = NULL;
	uint32 nliterals = 0;

	if (pp_matcher_test(matcher, core_regex(), (PpBytes){"", 0}))
	{
		plan->recheck = true;
		return;
	}
	if (matcher->op == PP_MATCH_RE)
		nliterals = core_regex_literals(matcher->regex, &literals);
	if (matcher->op == PP_MATCH_EQ)
		add_values(keys, what, &matcher->value, 1);
	else if (nliterals > 0)
		add_values(keys, what, literals, nliterals);
	else
		add_walks(keys, what);
	plan->ngroups++;
}

PPROF_FUNCTION(pprof_labels_extract_query);
Datum
pprof_labels_extract_query(PG_FUNCTION_ARGS)
{
	Selector *selector = PG_GETARG_SELECTOR_PP(0);
	int32 *nkeys = (int32 *) PG_GETARG_POINTER(1);
	bool **partial = (bool **) PG_GETARG_POINTER(3);
	Pointer **extra = (Pointer **) PG_GETARG_POINTER(4);
	int32 *search_mode = (int32 *) PG_GETARG_POINTER(6);
	IndexPlan *plan = palloc0(sizeof(IndexPlan));
	PpSelector *parsed = palloc0(sizeof(PpSelector));
	PlanKeys keys = {0, 8, NULL, NULL, NULL};

	keys.keys = palloc(keys.cap * sizeof(Datum));
	keys.partial = palloc(keys.cap * sizeof(bool));
	keys.extra = palloc(keys.cap * sizeof(Pointer));
	if (selector_parse(selector, parsed))
	{
		for (uint32 i = 0; i < parsed->n; i++)
			plan_matcher(&keys, plan, &parsed->matchers[i]);
	}
	if (keys.n == 0)
		*search_mode = GIN_SEARCH_MODE_ALL;
	*nkeys = keys.n;
	*partial = keys.partial;
	*extra = keys.extra;
	PG_RETURN_POINTER(keys.keys);
}

/* 0: this key is a hit; less: go on; more: the values of the name are over. */
PPROF_FUNCTION(pprof_labels_compare_partial);
Datum
pprof_labels_compare_partial(PG_FUNCTION_ARGS)
{
	bytea *prefix = PG_GETARG_BYTEA_PP(0);
	bytea *key = PG_GETARG_BYTEA_PP(1);
	const PlanKey *what = (const PlanKey *) PG_GETARG_POINTER(3);
	uint32 len = VARSIZE_ANY_EXHDR(prefix);
	PpBytes value = {VARDATA_ANY(key) + len, VARSIZE_ANY_EXHDR(key) - len};

	if (VARSIZE_ANY_EXHDR(key) < len || memcmp(VARDATA_ANY(key), VARDATA_ANY(prefix), len) != 0)
		PG_RETURN_INT32(1);
	/* behind `name \0 \0` any key is a cut value: the operator looks at the row */
	if (len >= 2 && VARDATA_ANY(prefix)[len - 2] == '\0')
		PG_RETURN_INT32(0);
	if (value.len > 0 && value.data[0] == '\0')
		PG_RETURN_INT32(-1);
	PG_RETURN_INT32(pp_matcher_test(what->matcher, core_regex(), value) ? 0 : -1);
}

/* All groups need a hit; the least certain one decides. */
static GinTernaryValue
plan_answer(const GinTernaryValue *check, int nkeys, const Pointer *extra)
{
	GinTernaryValue answer = GIN_TRUE;

	if (nkeys == 0)
		return GIN_MAYBE;
	for (int i = 0; i < nkeys;)
	{
		int group = ((const PlanKey *) extra[i])->group;
		GinTernaryValue found = GIN_FALSE;

		/* the keys of a group are neighbours */
		for (; i < nkeys && ((const PlanKey *) extra[i])->group == group; i++)
		{
			GinTernaryValue hit = check[i];

			if (hit == GIN_TRUE && ((const PlanKey *) extra[i])->cut)
				hit = GIN_MAYBE;
			if (hit == GIN_TRUE || found == GIN_FALSE)
				found = hit;
		}
		if (found == GIN_FALSE)
			return GIN_FALSE;
		if (found == GIN_MAYBE)
			answer = GIN_MAYBE;
	}
	return ((const PlanKey *) extra[0])->plan->recheck ? GIN_MAYBE : answer;
}

PPROF_FUNCTION(pprof_labels_consistent);
Datum
pprof_labels_consistent(PG_FUNCTION_ARGS)
{
	const bool *check = (const bool *) PG_GETARG_POINTER(0);
	int32 nkeys = PG_GETARG_INT32(3);
	const Pointer *extra = (const Pointer *) PG_GETARG_POINTER(4);
	bool *recheck = (bool *) PG_GETARG_POINTER(5);
	GinTernaryValue answer;

	/* a bool has the values of GIN_FALSE and GIN_TRUE */
	answer = plan_answer((const GinTernaryValue *) check, nkeys, extra);
	*recheck = answer == GIN_MAYBE;
	PG_RETURN_BOOL(answer != GIN_FALSE);
}

PPROF_FUNCTION(pprof_labels_tri_consistent);
Datum
pprof_labels_tri_consistent(PG_FUNCTION_ARGS)
{
	const GinTernaryValue *check = (const GinTernaryValue *) PG_GETARG_POINTER(0);
	int32 nkeys = PG_GETARG_INT32(3);
	const Pointer *extra = (const Pointer *) PG_GETARG_POINTER(4);

	PG_RETURN_GIN_TERNARY_VALUE(plan_answer(check, nkeys, extra));
}
