/*
 * label_query.c
 *		Profile types, label names, label values and label sets of what is stored.
 *
 * Presence is known by UTC day.  Private labels are those of the profile type
 * and __service_name__; no row has them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/pp_names.h"
#include "core_glue.h"
#include "label_summary.h"
#include "pprof.h"
#include "rows.h"
#include "selection.h"
#include "selector.h"
#include "storage.h"

/* A profile type of a service that the selectors allow. */
typedef struct Candidate
{
	int64 service_id, type_id;
	PpBytes service, profile_type;
	PpTypeId type;
} Candidate;

typedef struct LabelQuery
{
	Selection selection;
	int n;
	Candidate *candidates;
	Datum values[6]; /* service ids, type ids, selector, first day, last day, label */
	char nulls[7];
} LabelQuery;

static const char *const private_names[] = {"__name__",
											"__period_type__",
											"__period_unit__",
											"__profile_type__",
											"__service_name__",
											"__type__",
											"__unit__"};

/*
 * Series that the selector allows, found first: each is then looked up in
 * series_days by its key, however the planner sees it.
 */
#define SELECTED_SERIES                                                                            \
	"FROM (SELECT l.service_id, l.series_id, l.labels FROM pprof.series l "                        \
	"WHERE l.service_id = ANY ($1) "                                                               \
	"AND ($3 IS NULL OR l.labels OPERATOR(pprof.@~) ($3::text)::pprof.selector) OFFSET 0) s "

/* With the number of each candidate that they have profiles of. */
#define PRESENT                                                                                    \
	SELECTED_SERIES                                                                                \
	"JOIN unnest($1, $2) WITH ORDINALITY AS t (service_id, type_id, n) USING (service_id), "       \
	"LATERAL (SELECT FROM pprof.series_days d WHERE d.service_id = s.service_id "                  \
	"AND d.type_id = t.type_id AND d.series_id = s.series_id "                                     \
	"AND d.day >= $4 AND d.day <= $5 LIMIT 1) p"

/* Those with a profile of a candidate: each once, whatever it has of them. */
#define PRESENT_SERIES                                                                             \
	SELECTED_SERIES                                                                                \
	"JOIN (SELECT service_id, pg_catalog.array_agg(type_id) AS types "                             \
	"FROM unnest($1, $2) AS t (service_id, type_id) GROUP BY 1) c USING (service_id), "            \
	"LATERAL (SELECT FROM pprof.series_days d WHERE d.service_id = s.service_id "                  \
	"AND d.type_id = ANY (c.types) AND d.series_id = s.series_id "                                 \
	"AND d.day >= $4 AND d.day <= $5 LIMIT 1) p"

/*
 * Values of the label $6 ('': names of labels) of candidates, from the summary:
 * one look into an index per candidate and day, however the planner sees it.
 */
#define SUMMARY                                                                                    \
	"SELECT DISTINCT l.value FROM unnest($1, $2) AS t (service_id, type_id), "                     \
	"LATERAL (SELECT d.value FROM pprof.label_days d WHERE d.service_id = t.service_id "           \
	"AND d.type_id = t.type_id AND d.name = $6 AND d.day >= $4 AND d.day <= $5 OFFSET 0) l"

#define ARGUMENTS                                                                                  \
	.args = {INT8ARRAYOID, INT8ARRAYOID, TEXTOID, DATEOID, DATEOID, TEXTOID},                      \
	.cursor_options = CURSOR_OPT_CUSTOM_PLAN

/* --- finding --- */

static void
find_candidates(LabelQuery *query)
{
	static StoragePlan find = {.sql = "SELECT t.service_id, t.type_id, t.profile_type, s.name "
									  "FROM pprof.service_types t JOIN pprof.services s USING (service_id) "
									  "WHERE t.service_id = ANY ($1)",
							   .nargs = 1,
							   .args = {INT8ARRAYOID}};
	int nservices;
	SelectedService *services = selection_services(&query->selection, &nservices);
	Datum *ids = palloc(sizeof(Datum) * Max(nservices, 1));
	Datum values[1];
	uint64 rows;

	for (int i = 0; i < nservices; i++)
		ids[i] = Int64GetDatum(services[i].service_id);
	values[0] = PointerGetDatum(
		construct_array(ids, nservices, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	rows = nservices == 0 ? 0 : storage_read(&find, values, NULL, 0);
	query->candidates = palloc0(sizeof(Candidate) * Max(rows, 1));
	for (uint64 i = 0; i < rows; i++)
	{
		Candidate *candidate = &query->candidates[query->n];

		candidate->service_id = DatumGetInt64(storage_value(i, 1));
		candidate->type_id = DatumGetInt64(storage_value(i, 2));
		candidate->profile_type = core_bytes(DatumGetTextPP(storage_value(i, 3)));
		candidate->service = core_bytes(DatumGetTextPP(storage_value(i, 4)));
		if (pp_type_id_parse(candidate->profile_type, &candidate->type, NULL) == PP_OK &&
			selection_has_type(&query->selection, candidate->profile_type))
			query->n++;
	}
}

static void
set_values(LabelQuery *query, bool has_since, TimestampTz since, bool has_until, TimestampTz until)
{
	Datum *services = palloc(sizeof(Datum) * Max(query->n, 1));
	Datum *types = palloc(sizeof(Datum) * Max(query->n, 1));

	for (int i = 0; i < query->n; i++)
	{
		services[i] = Int64GetDatum(query->candidates[i].service_id);
		types[i] = Int64GetDatum(query->candidates[i].type_id);
	}
	query->values[0] = PointerGetDatum(
		construct_array(services, query->n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	query->values[1] = PointerGetDatum(
		construct_array(types, query->n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	strcpy(query->nulls, "      ");
	if (query->selection.labels_text == NULL)
		query->nulls[2] = 'n';
	else
		query->values[2] = CStringGetTextDatum(query->selection.labels_text);
	query->values[3] = DateADTGetDatum(has_since && !TIMESTAMP_NOT_FINITE(since) ? storage_day(since)
																				 : DATEVAL_NOBEGIN);
	query->values[4] = DateADTGetDatum(
		has_until && !TIMESTAMP_NOT_FINITE(until) ? storage_day(until - 1) : DATEVAL_NOEND);
	query->nulls[5] = 'n';
	if ((has_since && TIMESTAMP_IS_NOEND(since)) || (has_until && TIMESTAMP_IS_NOBEGIN(until)) ||
		(has_since && has_until && since >= until))
		query->n = 0;
}

/* Read the arguments selectors (or none: -1), since and until. */
static void
query_begin(LabelQuery *query, FunctionCallInfo fcinfo, int selectors, int since)
{
	bool has_since = !PG_ARGISNULL(since), has_until = !PG_ARGISNULL(since + 1);

	memset(query, 0, sizeof(*query));
	selection_parse_array(&query->selection,
						  selectors < 0 || PG_ARGISNULL(selectors)
							  ? construct_empty_array(TEXTOID)
							  : PG_GETARG_ARRAYTYPE_P(selectors));
	storage_begin();
	find_candidates(query);
	set_values(query,
			   has_since,
			   has_since ? PG_GETARG_TIMESTAMPTZ(since) : 0,
			   has_until,
			   has_until ? PG_GETARG_TIMESTAMPTZ(since + 1) : 0);
}

static uint64
query_run(LabelQuery *query, StoragePlan *plan)
{
	return query->n == 0 ? 0 : storage_read(plan, query->values, query->nulls, 0);
}

/* Rows with the number of a candidate that has profiles, as the first column. */
static uint64
present_types(LabelQuery *query)
{
	static StoragePlan by_type =
		{.sql = "SELECT t.n FROM unnest($1, $2) WITH ORDINALITY AS t (service_id, type_id, n), "
				"LATERAL (SELECT FROM pprof.series_days d WHERE d.service_id = t.service_id "
				"AND d.type_id = t.type_id AND d.day >= $4 AND d.day <= $5 LIMIT 1) d",
		 .nargs = 6,
		 ARGUMENTS};
	static StoragePlan by_series = {.sql = "SELECT DISTINCT t.n " PRESENT, .nargs = 6, ARGUMENTS};

	return query_run(query, query->selection.labels_text == NULL ? &by_type : &by_series);
}

static const Candidate *
candidate_of(const LabelQuery *query, uint64 row)
{
	return &query->candidates[DatumGetInt64(storage_value(row, 1)) - 1];
}

/* --- sorted texts --- */

typedef struct TextList
{
	MemoryContext context; /* of the texts: the caller's, since SPI's goes */
	int n, cap;
	PpBytes *texts;
} TextList;

static void
text_list_add(TextList *list, PpBytes text)
{
	MemoryContext caller = MemoryContextSwitchTo(list->context);

	if (list->n == list->cap)
	{
		list->cap = list->cap * 2 + 64;
		list->texts = list->texts == NULL ? palloc(sizeof(PpBytes) * list->cap)
										  : repalloc(list->texts, sizeof(PpBytes) * list->cap);
	}
	list->texts[list->n++] =
		(PpBytes){memcpy(palloc(Max(text.len, 1)), text.data, text.len), text.len};
	MemoryContextSwitchTo(caller);
}

static int
compare_texts(const void *a, const void *b)
{
	return pp_bytes_cmp(*(const PpBytes *) a, *(const PpBytes *) b);
}

/* Sorted, without doubles and empty ones. */
static Datum
text_list_put(TextList *list, FunctionCallInfo fcinfo)
{
	Rows rows;

	if (list->n > 0)
		qsort(list->texts, list->n, sizeof(PpBytes), compare_texts);
	rows_begin_column(&rows, fcinfo, TEXTOID);
	for (int i = 0; i < list->n; i++)
	{
		Datum value;
		bool isnull = false;

		if (list->texts[i].len == 0 || (i > 0 && pp_bytes_eq(list->texts[i], list->texts[i - 1])))
			continue;
		value = PointerGetDatum(core_text(list->texts[i]));
		rows_put(&rows, &value, &isnull);
	}
	return rows_end(&rows);
}

/* The first column of the rows, texts. */
static void
text_list_add_rows(TextList *list, uint64 rows)
{
	for (uint64 i = 0; i < rows; i++)
		text_list_add(list, core_bytes(DatumGetTextPP(storage_value(i, 1))));
}

/* --- functions --- */

PPROF_FUNCTION(pprof_profile_types);
Datum
pprof_profile_types(PG_FUNCTION_ARGS)
{
	TextList list = {.context = CurrentMemoryContext};
	LabelQuery query;
	uint64 rows;

	query_begin(&query, fcinfo, -1, 0);
	rows = present_types(&query);
	for (uint64 i = 0; i < rows; i++)
		text_list_add(&list, candidate_of(&query, i)->profile_type);
	storage_end();
	return text_list_put(&list, fcinfo);
}

/* A private label of a candidate, or empty. */
static PpBytes
private_label(const Candidate *candidate, PpBytes name)
{
	PpBytes value = {"", 0};

	if (pp_bytes_eq(name, pp_bytes_cstr("__service_name__")))
		return candidate->service;
	selection_type_label(&candidate->type, candidate->profile_type, name, &value);
	return value;
}

static bool
is_private(PpBytes name)
{
	for (size_t i = 0; i < lengthof(private_names); i++)
		if (pp_bytes_eq(name, pp_bytes_cstr(private_names[i])))
			return true;
	return false;
}

/*
 * Values of a label, or names of labels if its name is empty, from the summary;
 * false: it cannot tell, as the selectors look at labels of series, or because
 * of a text that is too long for it.
 */
static bool
add_from_summary(TextList *list, LabelQuery *query, const text *name)
{
	static StoragePlan summary = {.sql = SUMMARY, .nargs = 6, ARGUMENTS};
	int before = list->n;

	if (query->selection.labels_text != NULL || VARSIZE_ANY_EXHDR(name) > LABEL_SUMMARY_NAME)
		return false;
	query->values[5] = PointerGetDatum(name);
	query->nulls[5] = ' ';
	text_list_add_rows(list, query_run(query, &summary));
	for (int i = before; i < list->n; i++)
		if (list->texts[i].len == 0)
		{
			list->n = before;
			return false;
		}
	return true;
}

PPROF_FUNCTION(pprof_label_names);
Datum
pprof_label_names(PG_FUNCTION_ARGS)
{
	static StoragePlan names = {.sql =
									"SELECT DISTINCT k.name FROM (SELECT s.labels " PRESENT_SERIES
									" OFFSET 0) AS x, pg_catalog.jsonb_object_keys(x.labels) AS k (name)",
								.nargs = 6,
								ARGUMENTS};
	TextList list = {.context = CurrentMemoryContext};
	LabelQuery query;
	uint64 rows;

	query_begin(&query, fcinfo, 0, 1);
	rows = present_types(&query);
	for (uint64 i = 0; i < rows; i++)
		for (size_t j = 0; j < lengthof(private_names); j++)
			if (private_label(candidate_of(&query, i), pp_bytes_cstr(private_names[j])).len > 0)
				text_list_add(&list, pp_bytes_cstr(private_names[j]));
	if (rows > 0 && !add_from_summary(&list, &query, cstring_to_text("")))
		text_list_add_rows(&list, query_run(&query, &names));
	storage_end();
	return text_list_put(&list, fcinfo);
}

PPROF_FUNCTION(pprof_label_values);
Datum
pprof_label_values(PG_FUNCTION_ARGS)
{
	static StoragePlan label = {.sql = "SELECT DISTINCT s.labels ->> $6 " PRESENT_SERIES
									   " WHERE s.labels ? $6",
								.nargs = 6,
								ARGUMENTS};
	TextList list = {.context = CurrentMemoryContext};
	LabelQuery query;
	PpBytes name;

	if (PG_ARGISNULL(0) || (name = core_bytes(PG_GETARG_TEXT_PP(0))).len == 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("name is required"));
	query_begin(&query, fcinfo, 1, 2);
	if (pp_bytes_eq(name, pp_bytes_cstr("service_name")))
		name = pp_bytes_cstr("__service_name__");
	if (is_private(name))
	{
		uint64 rows = present_types(&query);

		for (uint64 i = 0; i < rows; i++)
			text_list_add(&list, private_label(candidate_of(&query, i), name));
	}
	else if (!add_from_summary(&list, &query, PG_GETARG_TEXT_PP(0)))
	{
		query.values[5] = PG_GETARG_DATUM(0);
		query.nulls[5] = ' ';
		text_list_add_rows(&list, query_run(&query, &label));
	}
	storage_end();
	return text_list_put(&list, fcinfo);
}

/* --- label sets --- */

typedef struct SetList
{
	MemoryContext context;
	bool all; /* all labels are wanted */
	uint32 nnames;
	PpBytes *names;
	bool need_series; /* labels of series are wanted, or looked at */
	HTAB *seen;		  /* by 128 bits of hash */
	int n, cap;
	PpLabelSet *sets;
} SetList;

typedef struct SetKey
{
	uint64 a, b;
} SetKey;

static void
read_names(SetList *list, FunctionCallInfo fcinfo, int argno)
{
	HASHCTL ctl = {.keysize = sizeof(SetKey),
				   .entrysize = sizeof(SetKey),
				   .hcxt = CurrentMemoryContext};
	Datum *values;
	bool *nulls;
	int n = 0;

	memset(list, 0, sizeof(*list));
	list->context = CurrentMemoryContext;
	list->seen = hash_create("pprof label sets", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	if (!PG_ARGISNULL(argno))
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(argno),
						  TEXTOID,
						  -1,
						  false,
						  TYPALIGN_INT,
						  &values,
						  &nulls,
						  &n);
	list->names = palloc(sizeof(PpBytes) * Max(n, 1));
	for (int i = 0; i < n; i++)
		if (!nulls[i])
		{
			PpBytes name = core_bytes(DatumGetTextPP(values[i]));

			list->names[list->nnames++] = name;
			if (!is_private(name) && !pp_bytes_eq(name, pp_bytes_cstr("service_name")))
				list->need_series = true;
		}
	list->all = list->nnames == 0;
	list->need_series = list->need_series || list->all;
}

static void
push_pair(PpLabelSet *set, uint32 *cap, PpBytes name, PpBytes value)
{
	if (set->n == *cap)
	{
		*cap = *cap * 2 + 16;
		set->pairs = set->pairs == NULL ? palloc(sizeof(PpLabelPair) * *cap)
										: repalloc(set->pairs, sizeof(PpLabelPair) * *cap);
	}
	set->pairs[set->n++] = (PpLabelPair){name, value};
}

static void
push_all_labels(PpLabelSet *set, uint32 *cap, Jsonb *labels)
{
	JsonbIterator *iterator = JsonbIteratorInit(&labels->root);
	JsonbIteratorToken token;
	JsonbValue value;
	PpBytes name = {"", 0};

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_KEY)
			name = selector_utf8(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE && value.type == jbvString)
			push_pair(set, cap, name, selector_utf8(value.val.string.val, value.val.string.len));
}

/* The set of a candidate and, unless no label of series is wanted, a series. */
static PpLabelSet
make_set(const SetList *list, const Candidate *candidate, Jsonb *labels)
{
	PpLabelSet set = {0, NULL};
	uint32 cap = 0;

	if (list->all)
	{
		push_all_labels(&set, &cap, labels);
		for (size_t i = 0; i < lengthof(private_names); i++)
		{
			PpBytes name = pp_bytes_cstr(private_names[i]);

			push_pair(&set, &cap, name, private_label(candidate, name));
		}
	}
	for (uint32 i = 0; i < list->nnames; i++)
	{
		PpBytes name = list->names[i], value;

		if (is_private(name))
			value = private_label(candidate, name);
		else if (pp_bytes_eq(name, pp_bytes_cstr("service_name")))
			value = candidate->service;
		else
			value = selector_label(labels, name);
		push_pair(&set, &cap, name, value);
	}
	if (set.n > 0)
		pp_labels_normalize(&set);
	return set;
}

static PpBytes
keep(PpBytes bytes)
{
	return (PpBytes){memcpy(palloc(Max(bytes.len, 1)), bytes.data, bytes.len), bytes.len};
}

/* Keep a copy of a set, unless it is there. */
static void
set_list_add(SetList *list, const PpLabelSet *set)
{
	SetKey key = {pp_labels_hash(set, 1), pp_labels_hash(set, 2)};
	MemoryContext caller;
	PpLabelSet copy = {set->n, NULL};
	bool found;

	if (set->n == 0)
		return;
	hash_search(list->seen, &key, HASH_ENTER, &found);
	if (found)
		return;
	caller = MemoryContextSwitchTo(list->context);
	copy.pairs = palloc(sizeof(PpLabelPair) * set->n);
	for (uint32 i = 0; i < set->n; i++)
		copy.pairs[i] = (PpLabelPair){keep(set->pairs[i].name), keep(set->pairs[i].value)};
	if (list->n == list->cap)
	{
		list->cap = list->cap * 2 + 64;
		list->sets = list->sets == NULL ? palloc(sizeof(PpLabelSet) * list->cap)
										: repalloc(list->sets, sizeof(PpLabelSet) * list->cap);
	}
	list->sets[list->n++] = copy;
	MemoryContextSwitchTo(caller);
}

static int
compare_sets(const void *a, const void *b)
{
	const PpLabelSet *x = a, *y = b;

	for (uint32 i = 0; i < x->n && i < y->n; i++)
	{
		int order = pp_bytes_cmp(x->pairs[i].name, y->pairs[i].name);

		if (order == 0)
			order = pp_bytes_cmp(x->pairs[i].value, y->pairs[i].value);
		if (order != 0)
			return order;
	}
	return (x->n > y->n) - (x->n < y->n);
}

static void
collect_sets(SetList *list, LabelQuery *query)
{
	static StoragePlan sets = {.sql = "SELECT t.n, s.labels " PRESENT, .nargs = 6, ARGUMENTS};
	MemoryContext row =
		AllocSetContextCreate(CurrentMemoryContext, "pprof label set", ALLOCSET_DEFAULT_SIZES);
	uint64 rows = list->need_series ? query_run(query, &sets) : present_types(query);

	for (uint64 i = 0; i < rows; i++)
	{
		MemoryContext caller = MemoryContextSwitchTo(row);
		Jsonb *labels = list->need_series ? DatumGetJsonbP(storage_value(i, 2)) : NULL;
		PpLabelSet set = make_set(list, candidate_of(query, i), labels);

		set_list_add(list, &set);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(row);
	}
}

PPROF_FUNCTION(pprof_label_sets);
Datum
pprof_label_sets(PG_FUNCTION_ARGS)
{
	LabelQuery query;
	SetList list;
	Rows rows;

	read_names(&list, fcinfo, 1);
	query_begin(&query, fcinfo, 0, 2);
	collect_sets(&list, &query);
	storage_end();
	if (list.n > 0)
		qsort(list.sets, list.n, sizeof(PpLabelSet), compare_sets);
	rows_begin_column(&rows, fcinfo, JSONBOID);
	for (int i = 0; i < list.n; i++)
	{
		Datum value = JsonbPGetDatum(core_labels_to_jsonb(&list.sets[i]));
		bool isnull = false;

		rows_put(&rows, &value, &isnull);
	}
	return rows_end(&rows);
}
