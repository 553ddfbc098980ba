/*
 * selection.h
 *		What a selector means in the tables: services, types, series and, for
 *		some matchers, profiles and spans.
 */
#ifndef SELECTION_H
#define SELECTION_H

#include "postgres.h"

#include "core/pp_labels.h"
#include "core/pp_split.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

/*
 * A selector taken apart.  Labels that a type has are tested against it, an
 * equality matcher on profile_id, span_id or trace_id picks profiles and
 * samples, and the rest is left to the index on labels.
 */
typedef struct Selection
{
	PpArena *arena;
	PpSelector types;	 /* on private labels of a profile type */
	PpSelector services; /* on service_name */
	PpSelector labels;	 /* on anything else */
	char *labels_text;	 /* labels, as text of the server; NULL: no matcher */
	bool nothing;		 /* contradicts itself */
	bool by_profile, by_span, by_trace;
	pg_uuid_t profile_id;
	PpSpan span;
} Selection;

/* Where rows of one service are. */
typedef struct SelectedService
{
	int64 service_id;
	PpBytes name;
	bool has_direct, has_counting; /* which of the next two there are */
	int64 direct;				   /* type_id of the wanted type */
	int64 counting;				   /* of the type whose rows may count it */
	bool all_series;
	int nseries;
	int64 *series;	/* ascending */
	Jsonb **labels; /* of the series; all_series: of all, where they were asked for */
} SelectedService;

/* ERROR 22023 for a bad selector. */
extern void selection_parse(Selection *selection, const text *selector);
/* All matchers of all selectors of a text[]. */
extern void selection_parse_array(Selection *selection, ArrayType *selectors);

/* Does the selector mean services of that name? */
extern bool selection_has_service(const Selection *selection, PpBytes name);
extern bool selection_has_type(const Selection *selection, PpBytes profile_type);

/* A label of a profile type, by its private name; false if it has none of that name. */
extern bool selection_type_label(const PpTypeId *type, PpBytes profile_type, PpBytes name,
								 PpBytes *value);

/*
 * The services of the tenant that the selector may mean, in storage_begin.
 * Series are looked up by selection_series.
 */
extern SelectedService *selection_services(const Selection *selection, int *n);
/* Types and series of services for a profile type; with_labels: keep the labels of the series. */
extern SelectedService *selection_find(const Selection *selection, PpBytes profile_type,
									   bool with_labels, int *n);

#endif
