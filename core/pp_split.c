/*
 * pp_split.c
 *		Samples of one profile by label set.
 */
#include "core/pp_split.h"

#include "core/pp_names.h"

#include <string.h>

typedef enum LabelClass
{
	CLASS_UNKNOWN, /* not looked at yet */
	CLASS_SERIES,
	CLASS_SPAN,
	CLASS_TRACE,
	CLASS_DROP
} LabelClass;

/* Samples with the same list of (key, value) string indexes; groups of equal labels join later. */
typedef struct Group
{
	uint64_t hash;
	const PpSample *like; /* a sample of it: where its labels are */
	uint32_t n;			  /* samples */
	uint32_t series;
} Group;

typedef struct Splitter
{
	const PpProfile *p;
	const PpLabelSet *request;
	const PpBytes *deny;
	uint32_t ndeny;
	PpArena *arena;
	PpSplit *split;
	PpError *err;
	uint8_t *class;		/* by string: LabelClass of a key */
	uint32_t *group_of; /* by sample: group + 1, 0 for one left out */
	Group *groups;
	uint32_t ngroups, groups_cap;
	uint32_t *slots, nslots; /* group + 1 */
	uint32_t *span_slots, nspan_slots, spans_cap;
} Splitter;

bool
pp_hex_bytes(PpBytes text, uint8_t *out, uint32_t nbytes)
{
	if (text.len != nbytes * 2)
		return false;
	for (uint32_t i = 0; i < text.len; i++)
	{
		char c = text.data[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
					: c >= 'a' && c <= 'f' ? c - 'a' + 10
					: c >= 'A' && c <= 'F' ? c - 'A' + 10
										   : -1;

		if (digit < 0)
			return false;
		out[i / 2] = (uint8_t) (i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
	}
	return true;
}

void
pp_content_hash(const uint8_t *data, size_t len, uint8_t *out16)
{
	uint64_t lane[4] = {UINT64_C(0x9fb21c651e98df25),
						UINT64_C(0xa0b428db8c3f7e6d),
						UINT64_C(0x2545f4914f6cdd1d),
						UINT64_C(0x8ebc6af09c88c6e3)};
	uint8_t tail[32] = {0};
	uint64_t a, b;
	size_t left = len;

	/* four lanes, so that multiplications overlap */
	for (; left >= 32; data += 32, left -= 32)
		for (int i = 0; i < 4; i++)
			lane[i] = pp_stable_mix(lane[i] ^ pp_load_le64(data + 8 * i), lane[i] + i);
	memcpy(tail, data, left);
	for (int i = 0; i < 4; i++)
		lane[i] = pp_stable_mix(lane[i] ^ pp_load_le64(tail + 8 * i), lane[i] + len);
	a = pp_stable_mix(lane[0] ^ len, lane[1]) ^ pp_stable_mix(lane[2], lane[3] ^ len);
	b = pp_stable_mix(lane[0] + lane[2], lane[1] ^ UINT64_C(0x5851f42d4c957f2d)) +
		pp_stable_mix(lane[3], lane[1] + len);
	for (int i = 0; i < 8; i++)
	{
		out16[i] = (uint8_t) (a >> (8 * i));
		out16[8 + i] = (uint8_t) (b >> (8 * i));
	}
}

static bool
is(PpBytes text, const char *other)
{
	return text.len == strlen(other) && memcmp(text.data, other, text.len) == 0;
}

static LabelClass
class_of(Splitter *s, uint32_t key)
{
	PpBytes name = pp_str(s->p, key);
	LabelClass class = CLASS_SERIES;

	if (s->class[key] != CLASS_UNKNOWN)
		return s->class[key];
	if (is(name, "span_id") || is(name, "profile_id"))
		class = CLASS_SPAN;
	else if (is(name, "trace_id"))
		class = CLASS_TRACE;
	else if (name.len >= 2 && memcmp(name.data, "__", 2) == 0)
		class = CLASS_DROP;
	for (uint32_t i = 0; i < s->ndeny && class == CLASS_SERIES; i++)
		if (pp_bytes_eq(name, s->deny[i]))
			class = CLASS_DROP;
	s->class[key] = (uint8_t) class;
	return class;
}

/* Text labels come first, numbers after them. */
static inline bool
is_series_label(Splitter *s, const PpLabel *label)
{
	return label->str != 0 && class_of(s, label->key) == CLASS_SERIES;
}

static uint64_t
hash_labels(Splitter *s, const PpSample *sample)
{
	const PpLabel *labels = s->p->labels + sample->label_off;
	uint64_t hash = 0;

	for (uint32_t i = 0; i < sample->nlabels; i++)
		if (is_series_label(s, &labels[i]))
			hash = pp_stable_mix(hash ^ labels[i].key, labels[i].str);
	return hash;
}

static bool
same_labels(Splitter *s, const PpSample *a, const PpSample *b)
{
	const PpLabel *x = s->p->labels + a->label_off, *y = s->p->labels + b->label_off;
	uint32_t i = 0, j = 0;

	for (;;)
	{
		while (i < a->nlabels && !is_series_label(s, &x[i]))
			i++;
		while (j < b->nlabels && !is_series_label(s, &y[j]))
			j++;
		if (i == a->nlabels || j == b->nlabels)
			return i == a->nlabels && j == b->nlabels;
		if (x[i].key != y[j].key || x[i].str != y[j].str)
			return false;
		i++;
		j++;
	}
}

/* An array in the arena twice as long, with what it held. */
static void *
grown(PpArena *arena, const void *old, uint32_t n, uint32_t cap, size_t size)
{
	void *array = pp_arena_array(arena, cap, size);

	if (array != NULL && n > 0)
		memcpy(array, old, n * size);
	return array;
}

static bool
grow_groups(Splitter *s)
{
	s->groups_cap = s->groups_cap == 0 ? 16 : s->groups_cap * 2;
	s->nslots = s->groups_cap * 2;
	s->groups = grown(s->arena, s->groups, s->ngroups, s->groups_cap, sizeof(Group));
	s->slots = pp_arena_zalloc(s->arena, s->nslots * sizeof(uint32_t));
	if (s->groups == NULL || s->slots == NULL)
		return false;
	for (uint32_t i = 0; i < s->ngroups; i++)
	{
		uint32_t at = s->groups[i].hash & (s->nslots - 1);

		while (s->slots[at] != 0)
			at = (at + 1) & (s->nslots - 1);
		s->slots[at] = i + 1;
	}
	return true;
}

static PpCode
find_group(Splitter *s, const PpSample *sample, uint32_t *group)
{
	uint64_t hash = hash_labels(s, sample);
	uint32_t at;

	if (s->ngroups == s->groups_cap && !grow_groups(s))
		return pp_fail_nomem(s->err);
	for (at = hash & (s->nslots - 1); s->slots[at] != 0; at = (at + 1) & (s->nslots - 1))
	{
		*group = s->slots[at] - 1;
		if (s->groups[*group].hash == hash && same_labels(s, s->groups[*group].like, sample))
			return PP_OK;
	}
	*group = s->ngroups++;
	s->groups[*group] = (Group){.hash = hash, .like = sample};
	s->slots[at] = s->ngroups;
	return PP_OK;
}

static uint64_t
hash_span(const PpSpan *span)
{
	return pp_stable_hash(span, sizeof(*span), 0);
}

static bool
grow_spans(Splitter *s)
{
	PpSplit *split = s->split;

	s->spans_cap = s->spans_cap == 0 ? 16 : s->spans_cap * 2;
	s->nspan_slots = s->spans_cap * 2;
	split->spans = grown(s->arena, split->spans, split->nspans, s->spans_cap, sizeof(PpSpan));
	s->span_slots = pp_arena_zalloc(s->arena, s->nspan_slots * sizeof(uint32_t));
	if (split->spans == NULL || s->span_slots == NULL)
		return false;
	for (uint32_t i = 0; i < split->nspans; i++)
	{
		uint32_t at = hash_span(&split->spans[i]) & (s->nspan_slots - 1);

		while (s->span_slots[at] != 0)
			at = (at + 1) & (s->nspan_slots - 1);
		s->span_slots[at] = i + 1;
	}
	return true;
}

/* Span and trace of a sample; ids of another length than theirs are ignored. */
static PpCode
note_span(Splitter *s, uint32_t index)
{
	const PpSample *sample = &s->p->samples[index];
	PpSplit *split = s->split;
	PpSpan span = {0};
	bool any = false;
	uint32_t at;

	for (uint32_t i = 0; i < sample->nlabels; i++)
	{
		const PpLabel *label = &s->p->labels[sample->label_off + i];
		LabelClass class = label->str == 0 ? CLASS_DROP : class_of(s, label->key);

		if (class == CLASS_SPAN)
			any |= pp_hex_bytes(pp_str(s->p, label->str), span.span, sizeof(span.span));
		else if (class == CLASS_TRACE)
			any |= pp_hex_bytes(pp_str(s->p, label->str), span.trace, sizeof(span.trace));
	}
	if (!any)
		return PP_OK;
	if (split->span_of == NULL &&
		(split->span_of = pp_arena_zalloc(s->arena, s->p->nsamples * sizeof(uint32_t))) == NULL)
		return pp_fail_nomem(s->err);
	if (split->nspans == s->spans_cap && !grow_spans(s))
		return pp_fail_nomem(s->err);
	for (at = hash_span(&span) & (s->nspan_slots - 1); s->span_slots[at] != 0;
		 at = (at + 1) & (s->nspan_slots - 1))
		if (memcmp(&split->spans[s->span_slots[at] - 1], &span, sizeof(span)) == 0)
			break;
	if (s->span_slots[at] == 0)
	{
		split->spans[split->nspans++] = span;
		s->span_slots[at] = split->nspans;
	}
	split->span_of[index] = s->span_slots[at];
	return PP_OK;
}

/* Is the sample kept?  Those that are not are counted. */
static bool
is_kept(Splitter *s, uint32_t index)
{
	const int64_t *values = s->p->values + (size_t) index * s->p->ntypes;
	bool any = false;

	for (uint32_t t = 0; t < s->p->ntypes; t++)
	{
		if (values[t] < 0)
		{
			s->split->nnegative++;
			return false;
		}
		any |= values[t] != 0;
	}
	s->split->nzero += !any;
	return any;
}

static PpCode
group_samples(Splitter *s)
{
	const PpProfile *p = s->p;
	PpCode code;

	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		uint32_t group = 0;

		if ((i & 4095) == 4095 && pp_poll(pp_arena_allocator(s->arena)))
			return pp_fail_canceled(s->err);
		if (!is_kept(s, i))
			continue;
		if ((code = find_group(s, &p->samples[i], &group)) != PP_OK ||
			(p->samples[i].nlabels > 0 && (code = note_span(s, i)) != PP_OK))
			return code;
		s->groups[group].n++;
		s->group_of[i] = group + 1;
	}
	return PP_OK;
}

/* Labels of a group: the samples', then the request's, which therefore win. */
static PpCode
group_labels(Splitter *s, const Group *group, PpLabelSet *labels)
{
	const PpSample *like = group->like;

	labels->n = 0;
	labels->pairs =
		pp_arena_array(s->arena, (size_t) like->nlabels + s->request->n, sizeof(PpLabelPair));
	if (labels->pairs == NULL)
		return pp_fail_nomem(s->err);
	for (uint32_t i = 0; i < like->nlabels; i++)
	{
		const PpLabel *label = &s->p->labels[like->label_off + i];

		if (is_series_label(s, label))
			labels->pairs[labels->n++] =
				(PpLabelPair){pp_str(s->p, label->key), pp_str(s->p, label->str)};
	}
	if (s->request->n > 0)
		memcpy(labels->pairs + labels->n, s->request->pairs, s->request->n * sizeof(PpLabelPair));
	labels->n += s->request->n;
	pp_labels_normalize(labels);
	return PP_OK;
}

static bool
equal_sets(const PpLabelSet *a, const PpLabelSet *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!pp_bytes_eq(a->pairs[i].name, b->pairs[i].name) ||
			!pp_bytes_eq(a->pairs[i].value, b->pairs[i].value))
			return false;
	return true;
}

/* Groups whose labels come out equal are one series. */
static PpCode
join_groups(Splitter *s)
{
	PpSplit *split = s->split;
	uint32_t nslots = 16;
	uint32_t *slots;

	while (nslots < s->ngroups * 2)
		nslots *= 2;
	slots = pp_arena_zalloc(s->arena, nslots * sizeof(uint32_t));
	split->series = pp_arena_array(s->arena, s->ngroups, sizeof(PpSplitSeries));
	if (slots == NULL || split->series == NULL)
		return pp_fail_nomem(s->err);
	for (uint32_t i = 0; i < s->ngroups; i++)
	{
		Group *group = &s->groups[i];
		PpLabelSet labels;
		PpCode code = group_labels(s, group, &labels);
		uint32_t at;

		if (code != PP_OK)
			return code;
		for (at = pp_labels_hash(&labels, 0) & (nslots - 1); slots[at] != 0;
			 at = (at + 1) & (nslots - 1))
			if (equal_sets(&split->series[slots[at] - 1].labels, &labels))
				break;
		if (slots[at] == 0)
		{
			split->series[split->nseries++] = (PpSplitSeries){.labels = labels};
			slots[at] = split->nseries;
		}
		group->series = slots[at] - 1;
		split->series[group->series].n += group->n;
	}
	return PP_OK;
}

static PpCode
list_samples(Splitter *s)
{
	PpSplit *split = s->split;

	for (uint32_t i = 0; i < split->nseries; i++)
	{
		PpSplitSeries *series = &split->series[i];

		if ((series->samples = pp_arena_array(s->arena, series->n, sizeof(uint32_t))) == NULL)
			return pp_fail_nomem(s->err);
		series->n = 0;
	}
	for (uint32_t i = 0; i < s->p->nsamples; i++)
		if (s->group_of[i] != 0)
		{
			PpSplitSeries *series = &split->series[s->groups[s->group_of[i] - 1].series];

			series->samples[series->n++] = i;
		}
	return PP_OK;
}

PpCode
pp_split_profile(const PpProfile *profile, const PpLabelSet *request, const PpBytes *deny,
				 uint32_t ndeny, PpArena *arena, PpSplit *split, PpError *err)
{
	Splitter s = {.p = profile,
				  .request = request,
				  .deny = deny,
				  .ndeny = ndeny,
				  .arena = arena,
				  .split = split,
				  .err = err};
	PpCode code;

	memset(split, 0, sizeof(*split));
	s.class = pp_arena_zalloc(arena, profile->nstrings);
	s.group_of = pp_arena_zalloc(arena, profile->nsamples * sizeof(uint32_t));
	if (s.class == NULL || s.group_of == NULL)
		return pp_fail_nomem(err);
	if ((code = group_samples(&s)) != PP_OK || (code = join_groups(&s)) != PP_OK)
		return code;
	return list_samples(&s);
}

static bool
find_column(const PpProfile *p, const char *type, const char *unit, uint32_t *column)
{
	for (*column = 0; *column < p->ntypes; (*column)++)
		if (is(pp_str(p, p->types[*column].type), type) && is(pp_str(p, p->types[*column].unit), unit))
			return true;
	return false;
}

bool
pp_split_counted(const PpProfile *profile, const PpSplitSeries *series, uint32_t *count,
				 uint32_t *main)
{
	if (profile->period <= 0 || !find_column(profile, "samples", "count", count) ||
		!find_column(profile, "cpu", "nanoseconds", main))
		return false;
	for (uint32_t i = 0; i < series->n; i++)
	{
		const int64_t *values = profile->values + (size_t) series->samples[i] * profile->ntypes;
		int64_t product;

		if (__builtin_mul_overflow(values[*count], profile->period, &product) ||
			product != values[*main])
			return false;
	}
	return true;
}
