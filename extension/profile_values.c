/*
 * profile_values.c
 *		Parts of a profile as SQL values.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "core_glue.h"
#include "profile_values.h"

void
put_text(Datum *value, bool *isnull, PpBytes bytes)
{
	*isnull = bytes.len == 0;
	if (!*isnull)
		*value = PointerGetDatum(core_text(bytes));
}

void
put_number(Datum *value, bool *isnull, int64_t number)
{
	*isnull = number == 0;
	*value = Int64GetDatum(number);
}

Datum
id_value(uint64_t id)
{
	char digits[24];

	if (id <= PG_INT64_MAX)
		return NumericGetDatum(int64_to_numeric((int64) id));
	snprintf(digits, sizeof(digits), UINT64_FORMAT, id);
	return DirectFunctionCall3(numeric_in,
							   CStringGetDatum(digits),
							   ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}

Datum
address_value(uint64_t address)
{
	return CStringGetTextDatum(psprintf("0x%" INT64_MODIFIER "x", address));
}

/* --- labels --- */

static bool
is_part(const PpLabel *label, LabelPart part)
{
	if (label->str != 0)
		return part & LABEL_TEXTS;
	return part & (LABEL_NUMBERS | LABEL_UNITS);
}

static void
push_string(JsonbParseState **state, JsonbIteratorToken token, PpBytes bytes)
{
	text *str = core_text(bytes);
	JsonbValue value;

	value.type = jbvString;
	value.val.string.val = VARDATA_ANY(str);
	value.val.string.len = VARSIZE_ANY_EXHDR(str);
	pushJsonbValue(state, token, &value);
}

static void
push_label(JsonbParseState **state, JsonbIteratorToken token, const PpProfile *p,
		   const PpLabel *label, LabelPart part)
{
	JsonbValue value;

	if (label->str != 0 || part == LABEL_UNITS)
	{
		push_string(state, token, pp_str(p, label->str != 0 ? label->str : label->num_unit));
		return;
	}
	value.type = jbvNumeric;
	value.val.numeric = int64_to_numeric(label->num);
	pushJsonbValue(state, token, &value);
}

static int
compare_labels(const void *a, const void *b, void *profile)
{
	const PpLabel *left = *(const PpLabel *const *) a, *right = *(const PpLabel *const *) b;
	int order = pp_bytes_cmp(pp_str(profile, left->key), pp_str(profile, right->key));

	/* equal keys stay in the profile's order */
	return order != 0 ? order : left < right ? -1 : left > right;
}

/* Labels of one key, which are next to each other. */
static void
push_key(JsonbParseState **state, const PpProfile *p, const PpLabel **labels, uint32_t n,
		 LabelPart part)
{
	push_string(state, WJB_KEY, pp_str(p, labels[0]->key));
	if (n == 1)
	{
		push_label(state, WJB_VALUE, p, labels[0], part);
		return;
	}
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (uint32_t i = 0; i < n; i++)
		push_label(state, WJB_ELEM, p, labels[i], part);
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static bool
any_unit(const PpLabel **labels, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (labels[i]->num_unit != 0)
			return true;
	return false;
}

Datum
labels_value(const PpProfile *p, const PpSample *sample, LabelPart part)
{
	const PpLabel **labels = palloc(sizeof(*labels) * Max(sample->nlabels, 1));
	JsonbParseState *state = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < sample->nlabels; i++)
		if (is_part(&p->labels[sample->label_off + i], part))
			labels[n++] = &p->labels[sample->label_off + i];
	qsort_arg(labels, n, sizeof(*labels), compare_labels, unconstify(PpProfile *, p));
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (uint32_t i = 0, next; i < n; i = next)
	{
		PpBytes key = pp_str(p, labels[i]->key);

		for (next = i + 1; next < n; next++)
			if (!pp_bytes_eq(pp_str(p, labels[next]->key), key))
				break;
		if (part != LABEL_UNITS || any_unit(&labels[i], next - i))
			push_key(&state, p, &labels[i], next - i, part);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}
