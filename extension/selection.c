/*
 * selection.c
 *		What a selector means in the tables.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core_glue.h"
#include "incoming.h"
#include "selection.h"
#include "selector.h"
#include "storage.h"

static bool
named(PpBytes name, const char *other)
{
	return name.len == strlen(other) && memcmp(name.data, other, name.len) == 0;
}

bool
selection_type_label(const PpTypeId *type, PpBytes profile_type, PpBytes name, PpBytes *value)
{
	if (named(name, "__profile_type__"))
		*value = profile_type;
	else if (named(name, "__name__"))
		*value = type->name;
	else if (named(name, "__type__"))
		*value = type->sample_type;
	else if (named(name, "__unit__"))
		*value = type->sample_unit;
	else if (named(name, "__period_type__"))
		*value = type->period_type;
	else if (named(name, "__period_unit__"))
		*value = type->period_unit;
	else
		return false;
	return true;
}

/* --- taking a selector apart --- */

/* An equality matcher on an id; false if the matcher is an ordinary one. */
static bool
take_id(Selection *selection, const PpMatcher *matcher)
{
	PpBytes text = matcher->value;
	PpSpan span = selection->span;

	if (matcher->op != PP_MATCH_EQ || text.len == 0)
		return false;
	if (named(matcher->name, "trace_id"))
	{
		bool other = !pp_hex_bytes(text, span.trace, sizeof(span.trace)) ||
					 (selection->by_trace && memcmp(&span, &selection->span, sizeof(span)) != 0);

		selection->nothing = selection->nothing || other;
		selection->by_trace = true;
	}
	else if (named(matcher->name, "span_id") ||
			 (named(matcher->name, "profile_id") && text.len == 2 * sizeof(span.span)))
	{
		/* profile_id is what OpenTelemetry's profilers call a span id */
		bool other = !pp_hex_bytes(text, span.span, sizeof(span.span)) ||
					 (selection->by_span && memcmp(&span, &selection->span, sizeof(span)) != 0);

		selection->nothing = selection->nothing || other;
		selection->by_span = true;
	}
	else if (named(matcher->name, "profile_id"))
	{
		pg_uuid_t before = selection->profile_id;
		char *copy = pnstrdup(text.data, text.len);

		if (!incoming_uuid(copy, &selection->profile_id))
		{
			selection->nothing = true;
			return true;
		}
		if (selection->by_profile && memcmp(&before, &selection->profile_id, UUID_LEN) != 0)
			selection->nothing = true;
		selection->by_profile = true;
	}
	else
		return false;
	selection->span = span;
	return true;
}

static void
add_matcher(PpSelector *selector, const PpMatcher *matcher)
{
	if (selector->matchers == NULL)
		selector->matchers = palloc(sizeof(PpMatcher));
	else
		selector->matchers = repalloc(selector->matchers, sizeof(PpMatcher) * (selector->n + 1));
	selector->matchers[selector->n++] = *matcher;
}

static void
take_apart(Selection *selection, const text *selector)
{
	PpBytes bytes = core_bytes(selector);
	PpTypeId type = {0};
	PpSelector parsed;
	PpBytes ignored;
	PpError err;

	bytes.data = pp_arena_copy(selection->arena, bytes.data, bytes.len);
	CORE_CHECK(pp_selector_parse(bytes, core_regex(), selection->arena, &parsed, &err), &err);
	for (uint32 i = 0; i < parsed.n; i++)
	{
		PpMatcher *matcher = &parsed.matchers[i];

		if (selection_type_label(&type, bytes, matcher->name, &ignored))
			add_matcher(&selection->types, matcher);
		else if (named(matcher->name, "service_name") || named(matcher->name, "__service_name__"))
			add_matcher(&selection->services, matcher);
		else if (!take_id(selection, matcher))
			add_matcher(&selection->labels, matcher);
	}
}

static void
begin(Selection *selection)
{
	memset(selection, 0, sizeof(*selection));
	selection->arena = core_arena_create();
}

static void
finish(Selection *selection)
{
	PpBytes text;
	PpError err;

	if (selection->labels.n == 0)
		return;
	CORE_CHECK(pp_selector_text(&selection->labels, selection->arena, &text, &err), &err);
	selection->labels_text = text_to_cstring(core_text(text));
}

void
selection_parse(Selection *selection, const text *selector)
{
	begin(selection);
	take_apart(selection, selector);
	finish(selection);
}

void
selection_parse_array(Selection *selection, ArrayType *selectors)
{
	Datum *values;
	bool *nulls;
	int n;

	begin(selection);
	deconstruct_array(selectors, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			take_apart(selection, DatumGetTextPP(values[i]));
	finish(selection);
}

static bool
test_all(const PpSelector *selector, PpBytes value)
{
	for (uint32 i = 0; i < selector->n; i++)
		if (!pp_matcher_test(&selector->matchers[i], core_regex(), value))
			return false;
	return true;
}

bool
selection_has_service(const Selection *selection, PpBytes name)
{
	return !selection->nothing && test_all(&selection->services, name);
}

bool
selection_has_type(const Selection *selection, PpBytes profile_type)
{
	PpTypeId type;

	if (selection->types.n == 0)
		return true;
	if (pp_type_id_parse(profile_type, &type, NULL) != PP_OK)
		return false;
	for (uint32 i = 0; i < selection->types.n; i++)
	{
		const PpMatcher *matcher = &selection->types.matchers[i];
		PpBytes value = {"", 0};

		selection_type_label(&type, profile_type, matcher->name, &value);
		if (!pp_matcher_test(matcher, core_regex(), value))
			return false;
	}
	return true;
}

/* --- services, types, series --- */

/* A text of a row as UTF-8 that stays. */
static PpBytes
kept_text(Datum value)
{
	PpBytes bytes = core_bytes(DatumGetTextPP(value));

	return (PpBytes){memcpy(palloc(Max(bytes.len, 1)), bytes.data, bytes.len), bytes.len};
}

SelectedService *
selection_services(const Selection *selection, int *n)
{
	static StoragePlan all = {.sql = "SELECT service_id, name FROM pprof.services "
									 "WHERE tenant = $1 ORDER BY service_id",
							  .nargs = 1,
							  .args = {TEXTOID}};
	static StoragePlan one = {.sql = "SELECT service_id, name FROM pprof.services "
									 "WHERE tenant = $1 AND name = $2 ORDER BY service_id",
							  .nargs = 2,
							  .args = {TEXTOID, TEXTOID}};
	Datum values[2] = {PointerGetDatum(core_text(storage_tenant()))};
	StoragePlan *plan = &all;
	SelectedService *services;
	uint64 rows;

	for (uint32 i = 0; i < selection->services.n; i++)
		if (selection->services.matchers[i].op == PP_MATCH_EQ)
		{
			plan = &one;
			values[1] = PointerGetDatum(core_text(selection->services.matchers[i].value));
		}
	*n = 0;
	rows = selection->nothing ? 0 : storage_read(plan, values, NULL, 0);
	services = palloc0(sizeof(SelectedService) * Max(rows, 1));
	for (uint64 i = 0; i < rows; i++)
	{
		PpBytes name = kept_text(storage_value(i, 2));

		if (selection_has_service(selection, name))
			services[(*n)++] =
				(SelectedService){.service_id = DatumGetInt64(storage_value(i, 1)), .name = name};
	}
	return services;
}

static Datum
int8_array(const int64 *values, int n)
{
	Datum *datums = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		datums[i] = Int64GetDatum(values[i]);
	return PointerGetDatum(
		construct_array(datums, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Datum
service_array(const SelectedService *services, int n)
{
	int64 *ids = palloc(sizeof(int64) * Max(n, 1));

	for (int i = 0; i < n; i++)
		ids[i] = services[i].service_id;
	return int8_array(ids, n);
}

static int
compare_service(const void *a, const void *b)
{
	const SelectedService *x = a, *y = b;

	return (x->service_id > y->service_id) - (x->service_id < y->service_id);
}

static SelectedService *
service_of(SelectedService *services, int n, int64 service_id)
{
	SelectedService key = {.service_id = service_id};

	return bsearch(&key, services, n, sizeof(SelectedService), compare_service);
}

/* The type whose rows may stand for samples/count as well: cpu/nanoseconds. */
static bool
counting_type(PpBytes profile_type, PpArena *arena, PpBytes *counting)
{
	PpTypeId type;
	PpError err;

	if (pp_type_id_parse(profile_type, &type, NULL) != PP_OK ||
		!named(type.sample_type, "samples") || !named(type.sample_unit, "count"))
		return false;
	type.sample_type = pp_bytes_cstr("cpu");
	type.sample_unit = pp_bytes_cstr("nanoseconds");
	CORE_CHECK(pp_type_id_text(&type, arena, counting, &err), &err);
	return true;
}

static void
find_types(const Selection *selection, PpBytes profile_type, SelectedService *services, int n)
{
	static StoragePlan find = {.sql = "SELECT service_id, type_id, profile_type FROM pprof.service_types "
									  "WHERE service_id = ANY ($1) AND profile_type = ANY ($2)",
							   .nargs = 2,
							   .args = {INT8ARRAYOID, TEXTARRAYOID}};
	Datum names[2] = {PointerGetDatum(core_text(profile_type))};
	Datum values[2];
	PpBytes counting;
	uint64 rows;
	int nnames = 1;

	if (counting_type(profile_type, selection->arena, &counting))
		names[nnames++] = PointerGetDatum(core_text(counting));
	values[0] = service_array(services, n);
	values[1] = PointerGetDatum(construct_array(names, nnames, TEXTOID, -1, false, TYPALIGN_INT));
	rows = storage_read(&find, values, NULL, 0);
	for (uint64 i = 0; i < rows; i++)
	{
		SelectedService *service = service_of(services, n, DatumGetInt64(storage_value(i, 1)));
		int64 type_id = DatumGetInt64(storage_value(i, 2));

		if (pp_bytes_eq(kept_text(storage_value(i, 3)), profile_type))
		{
			service->has_direct = true;
			service->direct = type_id;
		}
		else
		{
			service->has_counting = true;
			service->counting = type_id;
		}
	}
}

static void
find_series(const Selection *selection, SelectedService *services, int n, bool with_labels)
{
	static StoragePlan find = {.sql =
								   "SELECT service_id, series_id, labels FROM pprof.series "
								   "WHERE service_id = ANY ($1) "
								   "AND labels OPERATOR(pprof.@~) ($2::text)::pprof.selector ORDER BY 1, 2",
							   .nargs = 2,
							   .args = {INT8ARRAYOID, TEXTOID},
							   .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	Datum values[2];
	uint64 rows;

	for (int i = 0; i < n; i++)
		services[i].all_series = selection->labels_text == NULL;
	if (selection->labels_text == NULL && !with_labels)
		return;
	values[0] = service_array(services, n);
	values[1] = CStringGetTextDatum(selection->labels_text == NULL ? "{}" : selection->labels_text);
	rows = storage_read(&find, values, NULL, 0);
	for (uint64 first = 0, end; first < rows; first = end)
	{
		int64 service_id = DatumGetInt64(storage_value(first, 1));
		SelectedService *service = service_of(services, n, service_id);

		for (end = first; end < rows && DatumGetInt64(storage_value(end, 1)) == service_id; end++)
			;
		service->series = palloc(sizeof(int64) * (end - first));
		service->labels = with_labels ? palloc(sizeof(Jsonb *) * (end - first)) : NULL;
		for (uint64 i = first; i < end; i++)
		{
			if (with_labels)
				service->labels[service->nseries] = DatumGetJsonbPCopy(storage_value(i, 3));
			service->series[service->nseries++] = DatumGetInt64(storage_value(i, 2));
		}
	}
	SPI_freetuptable(SPI_tuptable);
}

SelectedService *
selection_find(const Selection *selection, PpBytes profile_type, bool with_labels, int *n)
{
	SelectedService *services;
	int kept = 0;

	*n = 0;
	if (!selection_has_type(selection, profile_type))
		return NULL;
	services = selection_services(selection, n);
	if (*n == 0)
		return services;
	find_types(selection, profile_type, services, *n);
	for (int i = 0; i < *n; i++)
		if (services[i].has_direct || services[i].has_counting)
			services[kept++] = services[i];
	*n = kept;
	if (kept > 0)
		find_series(selection, services, kept, with_labels);
	return services;
}
