/*
 * pp_labels.c
 *		Label sets: normal form, look-up, hash, validation.
 */
#include "core/pp_labels.h"

#include "core/pp_names.h"
#include "core/pp_text.h"

#include <stdio.h>
#include <string.h>

#define INSERTION_RUN 16

static void
reverse_pairs(PpLabelPair *a, PpLabelPair *b)
{
	while (a < b && a < --b)
	{
		PpLabelPair t = *a;

		*a++ = *b;
		*b = t;
	}
}

/* Exchange the neighbours [a, b) and [b, c). */
static void
rotate_pairs(PpLabelPair *a, PpLabelPair *b, PpLabelPair *c)
{
	reverse_pairs(a, b);
	reverse_pairs(b, c);
	reverse_pairs(a, c);
}

/* The first of [a, b) whose name is not less than (or, past: greater than) name. */
static PpLabelPair *
bound(PpLabelPair *a, PpLabelPair *b, PpBytes name, bool past)
{
	while (a < b)
	{
		PpLabelPair *mid = a + (b - a) / 2;

		if (pp_bytes_cmp(mid->name, name) < (past ? 1 : 0))
			a = mid + 1;
		else
			b = mid;
	}
	return a;
}

/*
 * Merge two sorted neighbours in place and stably: cut the longer one in half,
 * the other where that half belongs, exchange the middle parts, go on with both
 * sides.  The depth is logarithmic.
 */
static void
merge_pairs(PpLabelPair *a, PpLabelPair *b, PpLabelPair *c)
{
	PpLabelPair *left, *right, *middle;

	if (a == b || b == c)
		return;
	if (c - a == 2)
	{
		if (pp_bytes_cmp(b->name, a->name) < 0)
			rotate_pairs(a, b, c);
		return;
	}
	if (b - a > c - b)
	{
		left = a + (b - a) / 2;
		right = bound(b, c, left->name, false);
	}
	else
	{
		right = b + (c - b) / 2;
		left = bound(a, b, right->name, true);
	}
	rotate_pairs(left, b, right);
	middle = left + (right - b);
	merge_pairs(a, left, middle);
	merge_pairs(middle, right, c);
}

static void
insertion_sort(PpLabelPair *pairs, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
	{
		PpLabelPair pair = pairs[i];
		uint32_t at = i;

		for (; at > 0 && pp_bytes_cmp(pair.name, pairs[at - 1].name) < 0; at--)
			pairs[at] = pairs[at - 1];
		pairs[at] = pair;
	}
}

/* Stable, in place: sets come from strangers and may be long. */
static void
sort_pairs(PpLabelPair *pairs, size_t n)
{
	for (size_t i = 0; i < n; i += INSERTION_RUN)
		insertion_sort(pairs + i, n - i < INSERTION_RUN ? n - i : INSERTION_RUN);
	for (size_t run = INSERTION_RUN; run < n; run *= 2)
	{
		for (size_t i = 0; i + run < n; i += 2 * run)
			merge_pairs(pairs + i, pairs + i + run, pairs + (n - i < 2 * run ? n : i + 2 * run));
	}
}

void
pp_labels_normalize(PpLabelSet *set)
{
	uint32_t kept = 0;

	sort_pairs(set->pairs, set->n);
	for (uint32_t i = 0; i < set->n; i++)
	{
		bool last = i + 1 == set->n || !pp_bytes_eq(set->pairs[i].name, set->pairs[i + 1].name);

		if (last && set->pairs[i].value.len > 0)
			set->pairs[kept++] = set->pairs[i];
	}
	set->n = kept;
}

PpBytes
pp_labels_get(const PpLabelSet *set, PpBytes name)
{
	uint32_t low = 0, high = set->n;

	while (low < high)
	{
		uint32_t mid = low + (high - low) / 2;
		int order = pp_bytes_cmp(set->pairs[mid].name, name);

		if (order == 0)
			return set->pairs[mid].value;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return (PpBytes){"", 0};
}

uint64_t
pp_labels_hash(const PpLabelSet *set, uint64_t seed)
{
	uint64_t hash = pp_stable_mix(seed, set->n);

	/* every hash of bytes contains their length, so names and values cannot run together */
	for (uint32_t i = 0; i < set->n; i++)
	{
		hash = pp_stable_hash(set->pairs[i].name.data, set->pairs[i].name.len, hash);
		hash = pp_stable_hash(set->pairs[i].value.data, set->pairs[i].value.len, hash);
	}
	return hash;
}

/*
 * The set as `{a="b", c="d"}` for messages: cut between labels, so that there is
 * room for what the message says about it.
 */
typedef struct LabelText
{
	char text[160];
} LabelText;

static const char *
label_text(const PpLabelSet *set, LabelText *buf)
{
	size_t room = sizeof(buf->text) - sizeof(", ...}");
	size_t len = 0;

	buf->text[len++] = '{';
	for (uint32_t i = 0; i < set->n; i++)
	{
		PpBytes name = set->pairs[i].name;
		size_t comma = i > 0 ? 2 : 0, start = len + comma + name.len + 1, end = start;

		if (start < room && pp_utf8_valid(name))
			end += pp_quote(set->pairs[i].value, buf->text + start, room - start);
		if (end == start || end > room)
		{
			len += sprintf(buf->text + len, "%s...", i > 0 ? ", " : "");
			break;
		}
		memcpy(buf->text + len, ", ", comma);
		memcpy(buf->text + len + comma, name.data, name.len);
		buf->text[start - 1] = '=';
		len = end;
	}
	buf->text[len++] = '}';
	buf->text[len] = '\0';
	return buf->text;
}

/* A name or value for a message. */
static const char *
short_text(PpBytes text, LabelText *buf)
{
	return pp_quote_short(text, buf->text, 44);
}

static PpCode
validate_pair(const PpLabelSet *set, const PpLabelPair *pair, const PpLabelLimits *limits,
			  PpError *err)
{
	LabelText all, one;

	if (pair->name.len > limits->max_label_name_length)
		return pp_fail_limit(err,
							 PP_NO_OFFSET,
							 "max_label_name_length",
							 limits->max_label_name_length,
							 "profile with labels '%s' has label name too long: '%s'",
							 label_text(set, &all),
							 short_text(pair->name, &one));
	if (pair->value.len > limits->max_label_value_length)
		return pp_fail_limit(err,
							 PP_NO_OFFSET,
							 "max_label_value_length",
							 limits->max_label_value_length,
							 "profile with labels '%s' has label value too long: '%s'",
							 label_text(set, &all),
							 short_text(pair->value, &one));
	if (pair->name.len == 0 || !pp_utf8_valid(pair->name))
		return pp_fail(err,
					   PP_EINVALID,
					   PP_NO_OFFSET,
					   "invalid labels '%s' with error: invalid label name '%s'",
					   label_text(set, &all),
					   short_text(pair->name, &one));
	if (!pp_utf8_valid(pair->value))
		return pp_fail(err,
					   PP_EINVALID,
					   PP_NO_OFFSET,
					   "invalid labels '%s' with error: invalid label value '%s'",
					   label_text(set, &all),
					   short_text(pair->value, &one));
	if (pair > set->pairs && pp_bytes_eq(pair[-1].name, pair->name))
		return pp_fail(err,
					   PP_EINVALID,
					   PP_NO_OFFSET,
					   "profile with labels '%s' has duplicate label name: '%s'",
					   label_text(set, &all),
					   short_text(pair->name, &one));
	return PP_OK;
}

PpCode
pp_labels_validate(const PpLabelSet *set, const PpLabelLimits *limits, PpError *err)
{
	PpBytes name = pp_labels_get(set, pp_bytes_cstr("__name__"));
	LabelText all;

	if (set->n == 0)
		return pp_fail(err,
					   PP_EINVALID,
					   PP_NO_OFFSET,
					   "error at least one label pair is required per profile");
	if (set->n > limits->max_label_names)
		return pp_fail_limit(err,
							 PP_NO_OFFSET,
							 "max_label_names",
							 limits->max_label_names,
							 "profile series '%s' has %u label names; limit %lld",
							 label_text(set, &all),
							 set->n,
							 (long long) limits->max_label_names);
	if (name.len == 0 || !pp_utf8_valid(name))
		return pp_fail(err,
					   PP_EINVALID,
					   PP_NO_OFFSET,
					   "invalid labels '%s' with error: invalid metric name",
					   label_text(set, &all));
	if (pp_labels_get(set, pp_bytes_cstr("service_name")).len == 0)
		return pp_fail(err,
					   PP_EINVALID,
					   PP_NO_OFFSET,
					   "invalid labels '%s' with error: service name is not provided",
					   label_text(set, &all));
	for (uint32_t i = 0; i < set->n; i++)
	{
		PpCode code = validate_pair(set, &set->pairs[i], limits, err);

		if (code != PP_OK)
			return code;
	}
	return PP_OK;
}
