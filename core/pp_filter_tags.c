/*
 * pp_filter_tags.c
 *		Filters on labels, and frames made of labels.
 */
#include "core/pp_edit.h"
#include "core/pp_filter.h"
#include "core/pp_measure.h"

#include <string.h>

#define POLL_EVERY 4096 /* samples between two looks at poll() */

static bool
is_number(const PpLabel *label)
{
	return label->str == 0;
}

PpCode
pp_label_units_init(PpLabelUnits *units, const PpProfile *p, PpArena *arena, PpError *err)
{
	uint32_t cap = 0;

	memset(units, 0, sizeof(*units));
	pp_names_init(&units->keys, pp_arena_allocator(arena));
	if ((units->key_ids = pp_arena_array(arena, p->nstrings, sizeof(uint32_t))) == NULL)
		return pp_fail_nomem(err);
	memset(units->key_ids, 0xFF, p->nstrings * sizeof(uint32_t)); /* PP_NONE */
	for (uint32_t i = 0; i < p->nsamples; i++)
		for (uint32_t k = 0; k < p->samples[i].nlabels; k++)
		{
			const PpLabel *label = &p->labels[p->samples[i].label_off + k];
			uint32_t *id = &units->key_ids[label->key];

			if (!is_number(label))
				continue;
			if (*id == PP_NONE)
			{
				PpCode code = pp_names_intern(&units->keys, pp_str(p, label->key), id, err);

				if (code != PP_OK)
					return code;
			}
			if (*id >= cap)
			{
				uint32_t bigger = cap == 0 ? 64 : cap * 2;
				PpBytes *grown = pp_arena_array(arena, bigger, sizeof(*grown));

				if (grown == NULL)
					return pp_fail_nomem(err);
				memset(grown, 0, bigger * sizeof(*grown));
				if (cap > 0)
					memcpy(grown, units->units, cap * sizeof(*grown));
				units->units = grown;
				cap = bigger;
			}
			if (units->units[*id].len == 0)
				units->units[*id] = pp_str(p, label->num_unit);
		}
	return PP_OK;
}

void
pp_label_units_clear(PpLabelUnits *units)
{
	pp_names_clear(&units->keys);
}

PpBytes
pp_label_unit(const PpLabelUnits *units, const PpLabel *label)
{
	uint32_t id = units->key_ids[label->key];
	PpBytes key = units->keys.names[id];

	if (units->units[id].len > 0)
		return units->units[id];
	if (pp_bytes_eq(key, pp_bytes_cstr("alignment")) || pp_bytes_eq(key, pp_bytes_cstr("request")))
		return pp_bytes_cstr("bytes");
	return key;
}

/* A part of a text up to a separator; what follows stays in *text. */
static PpBytes
next_part(PpBytes *text, char separator, bool *more)
{
	const char *end = memchr(text->data, separator, text->len);
	PpBytes part = *text;

	*more = end != NULL;
	if (end != NULL)
	{
		part.len = (uint32_t) (end - text->data);
		text->data = end + 1;
		text->len -= part.len + 1;
	}
	return part;
}

/* One tagfocus or tagignore. */
typedef struct TagFilter
{
	bool given, has_key, is_range;
	PpBytes key;
	const PpSearch *search;
	uint32_t nregexes;
	void **regexes;
	bool has_low, has_high;
	double low, high;
	PpBytes unit; /* as printed */
} TagFilter;

/* [+-]digits[letters] at the start of *text. */
static bool
parse_bound(PpBytes *text, int64_t *number, PpBytes *unit, bool *in_range)
{
	uint32_t i = 0, digits;
	bool negative = text->len > 0 && text->data[0] == '-';

	if (text->len > 0 && (text->data[0] == '+' || text->data[0] == '-'))
		i++;
	digits = i;
	*number = 0;
	for (; i < text->len && text->data[i] >= '0' && text->data[i] <= '9'; i++)
	{
		int digit = text->data[i] - '0';

		if (__builtin_mul_overflow(*number, 10, number) ||
			__builtin_sub_overflow(*number, digit, number))
			*in_range = false;
	}
	if (i == digits)
		return false;
	/* counted downwards, where there is one more */
	if (!negative && __builtin_sub_overflow(0, *number, number))
		*in_range = false;
	*unit = (PpBytes){text->data + i, 0};
	while (i < text->len && ((text->data[i] | 32) >= 'a' && (text->data[i] | 32) <= 'z'))
	{
		i++;
		unit->len++;
	}
	text->data += i;
	text->len -= i;
	return true;
}

static bool
skip_colon(PpBytes *text)
{
	if (text->len == 0 || text->data[0] != ':')
		return false;
	text->data++;
	text->len--;
	return true;
}

/* N, N:, :N or N:M; filter->is_range says whether it was one. */
static PpCode
parse_range(PpBytes text, TagFilter *filter, const char *what, PpError *err)
{
	bool open_low = skip_colon(&text), colon, in_range = true;
	int64_t first, second;
	PpBytes first_unit, second_unit, unit;

	if (!parse_bound(&text, &first, &first_unit, &in_range))
		return PP_OK;
	filter->low = filter->high = pp_measure_scale(first, first_unit, first_unit, &filter->unit);
	colon = skip_colon(&text);
	filter->has_low = !open_low;
	filter->has_high = open_low || !colon;
	if (text.len > 0)
	{
		if (open_low || !colon || !parse_bound(&text, &second, &second_unit, &in_range) ||
			text.len > 0)
			return PP_OK;
		filter->high = pp_measure_scale(second, second_unit, filter->unit, &unit);
		filter->has_high = true;
		if (!pp_bytes_eq(unit, filter->unit))
			return PP_OK;
	}
	else if (open_low && colon)
		return PP_OK;
	if (!in_range)
		return pp_fail(err,
					   PP_EINVALID,
					   PP_NO_OFFSET,
					   "%s has a bound that is out of range for bigint",
					   what);
	filter->is_range = true;
	return PP_OK;
}

static PpCode
compile_tag_regexes(TagFilter *filter, PpBytes text, const char *what, PpArena *arena, PpError *err)
{
	size_t n = 1;
	bool more = true;

	for (uint32_t i = 0; i < text.len; i++)
		n += text.data[i] == ',';
	if ((filter->regexes = pp_arena_array(arena, n, sizeof(void *))) == NULL)
		return pp_fail_nomem(err);
	while (more)
	{
		PpBytes part = next_part(&text, ',', &more);
		PpError cause = {.message = "regular expressions are not available"};
		void *regex = NULL;

		if (filter->search != NULL)
			regex = filter->search->compile(filter->search->ctx, part, &cause);
		if (regex == NULL)
			return pp_fail(err,
						   cause.code == PP_ENOMEM ? PP_ENOMEM : PP_EREGEX,
						   PP_NO_OFFSET,
						   "%s is not a valid regular expression: %s",
						   what,
						   cause.message);
		filter->regexes[filter->nregexes++] = regex;
	}
	return PP_OK;
}

static PpCode
compile_tag_filter(TagFilter *filter, PpBytes text, const char *what, const PpSearch *search,
				   PpArena *arena, PpError *err)
{
	PpBytes value = text, key;
	PpCode code;

	memset(filter, 0, sizeof(*filter));
	if (text.len == 0)
		return PP_OK;
	filter->given = true;
	filter->search = search;
	key = next_part(&value, '=', &filter->has_key);
	/* an empty key is any key, as without the "=" */
	filter->has_key = filter->has_key && key.len > 0;
	if (filter->has_key)
		filter->key = key;
	code = parse_range(value, filter, what, err);
	if (code != PP_OK || filter->is_range)
		return code;
	return compile_tag_regexes(filter, value, what, arena, err);
}

static bool
in_range(const TagFilter *filter, const PpLabelUnits *units, const PpLabel *label)
{
	PpBytes unit;
	double x = pp_measure_scale(label->num, pp_label_unit(units, label), filter->unit, &unit);

	return pp_bytes_eq(unit, filter->unit) && (!filter->has_low || x >= filter->low) &&
		   (!filter->has_high || x <= filter->high);
}

static bool
search_text(const TagFilter *filter, void *regex, PpBytes text)
{
	return filter->search->search(filter->search->ctx, regex, text);
}

/* Does one text label of the sample match, as a value or as key:value? */
static PpCode
regex_matches(const TagFilter *filter, void *regex, const PpProfile *p, const PpSample *sample,
			  PpBuf *scratch, bool *matched, PpError *err)
{
	*matched = false;
	for (uint32_t i = 0; i < sample->nlabels && !*matched; i++)
	{
		const PpLabel *label = &p->labels[sample->label_off + i];

		if (is_number(label))
			continue;
		if (filter->has_key)
		{
			*matched = pp_bytes_eq(pp_str(p, label->key), filter->key) &&
					   search_text(filter, regex, pp_str(p, label->str));
			continue;
		}
		scratch->len = 0;
		pp_buf_bytes(scratch, pp_str(p, label->key));
		pp_buf_char(scratch, ':');
		pp_buf_bytes(scratch, pp_str(p, label->str));
		if (scratch->failed)
			return pp_buf_check(scratch, err);
		*matched = search_text(filter, regex, (PpBytes){scratch->data, (uint32_t) scratch->len});
	}
	return PP_OK;
}

static PpCode
tag_filter_matches(const TagFilter *filter, const PpProfile *p, const PpSample *sample,
				   const PpLabelUnits *units, PpBuf *scratch, bool *matched, PpError *err)
{
	*matched = false;
	if (filter->is_range)
	{
		for (uint32_t i = 0; i < sample->nlabels && !*matched; i++)
		{
			const PpLabel *label = &p->labels[sample->label_off + i];

			*matched = is_number(label) &&
					   (!filter->has_key || pp_bytes_eq(pp_str(p, label->key), filter->key)) &&
					   in_range(filter, units, label);
		}
		return PP_OK;
	}
	/* without a key every expression must match, with one any of them is enough */
	for (uint32_t i = 0; i < filter->nregexes; i++)
	{
		PpCode code = regex_matches(filter, filter->regexes[i], p, sample, scratch, matched, err);

		if (code != PP_OK || *matched == filter->has_key)
			return code;
	}
	return PP_OK;
}

PpCode
pp_filter_tags(PpProfile *p, const PpReportOptions *o, const PpLabelUnits *units,
			   const PpSearch *search, PpArena *arena, PpError *err)
{
	TagFilter focus, ignore;
	bool *keep;
	PpBuf scratch;
	PpCode code;

	if ((code = compile_tag_filter(&focus, o->tagfocus, "tagfocus", search, arena, err)) != PP_OK ||
		(code = compile_tag_filter(&ignore, o->tagignore, "tagignore", search, arena, err)) != PP_OK)
		return code;
	if (!focus.given && !ignore.given)
		return PP_OK;
	if ((keep = pp_arena_array(arena, p->nsamples, sizeof(*keep))) == NULL)
		return pp_fail_nomem(err);
	pp_buf_init(&scratch, pp_arena_allocator(arena));
	for (uint32_t i = 0; code == PP_OK && i < p->nsamples; i++)
	{
		const PpSample *sample = &p->samples[i];
		bool ignored = false;

		/* expressions are tried on every sample */
		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(pp_arena_allocator(arena)))
			code = pp_fail_canceled(err);
		keep[i] = true;
		if (code == PP_OK && focus.given)
			code = tag_filter_matches(&focus, p, sample, units, &scratch, &keep[i], err);
		if (code == PP_OK && ignore.given)
			code = tag_filter_matches(&ignore, p, sample, units, &scratch, &ignored, err);
		keep[i] = keep[i] && !ignored;
	}
	pp_buf_free(&scratch);
	if (code == PP_OK)
		pp_edit_keep_samples(p, keep);
	return code;
}

PpCode
pp_filter_tag_keys(PpProfile *p, const PpReportOptions *o, const PpSearch *search, PpArena *arena,
				   PpError *err)
{
	PpPattern show, hide;
	PpCode code;

	if ((code = pp_pattern_init(&show, search, o->tagshow, "tagshow", p, arena, err)) != PP_OK ||
		(code = pp_pattern_init(&hide, search, o->taghide, "taghide", p, arena, err)) != PP_OK)
		return code;
	if (show.regex == NULL && hide.regex == NULL)
		return PP_OK;
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		PpSample *sample = &p->samples[i];
		PpLabel *labels = p->labels + sample->label_off;
		uint32_t kept = 0;

		for (uint32_t k = 0; k < sample->nlabels; k++)
			if ((show.regex == NULL || pp_pattern_match(&show, p, labels[k].key)) &&
				(hide.regex == NULL || !pp_pattern_match(&hide, p, labels[k].key)))
				labels[kept++] = labels[k];
		sample->nlabels = kept;
	}
	return PP_OK;
}
