/*
 * pp_decode_samples.c
 *		Samples of profile.proto: stacks, values, labels.
 */
#include "core/pp_decode.h"

#include <inttypes.h>
#include <string.h>

static void
sample_limit(Decoder *d, Reader sample, const char *setting, int64_t limit, const char *what)
{
	if (d->code == PP_OK)
		d->code = pp_fail_limit(d->err,
								(size_t) (sample.p - d->data),
								setting,
								limit,
								"sample has more than %" PRId64 " %s",
								limit,
								what);
}

static void
total_limit(Decoder *d, Reader sample)
{
	if (d->code == PP_OK)
		d->code = pp_fail_limit(d->err,
								(size_t) (sample.p - d->data),
								"max_total_frames",
								d->limits->max_total_frames,
								"samples have more than %" PRId64 " frames together",
								d->limits->max_total_frames);
}

/* --- counting --- */

/* Numbers in a packed field: the bytes that end one. */
static uint32_t
count_packed(Reader packed)
{
	const uint64_t tops = UINT64_C(0x8080808080808080);
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint32_t n = 0;

	for (; packed.end - packed.p >= 8; packed.p += 8)
	{
		uint64_t word;

		memcpy(&word, packed.p, 8);
		n += (uint32_t) (((~word & tops) >> 7) * ones >> 56);
	}
	for (; packed.p < packed.end; packed.p++)
		n += *packed.p < 0x80;
	return n;
}

/* What a sample brings, at most: labels may still vanish. */
static void
count_sample(Decoder *d, Reader r, uint64_t *nlocs, uint64_t *nlabels)
{
	while (r.p < r.end)
	{
		uint64_t tag = get_varint(d, &r);

		switch (tag)
		{
			case PP_TAG_BYTES(1):
				*nlocs += count_packed(get_bytes(d, &r));
				break;
			case PP_TAG_BYTES(2):
				get_bytes(d, &r);
				break;
			case PP_TAG_BYTES(3):
				get_bytes(d, &r);
				++*nlabels;
				break;
			case PP_TAG_VARINT(1):
				++*nlocs;
				get_varint(d, &r);
				break;
			case PP_TAG_VARINT(2):
				get_varint(d, &r);
				break;
			default:
				r.p = pp_decode_skip(d, r.p, r.end, tag, 0xe);
		}
	}
}

/* Count stacks and labels of all samples, within the limits, and make room for them. */
static void
count_samples(Decoder *d)
{
	PpProfile *p = d->profile;
	const PpLimits *limits = d->limits;
	uint64_t nlocs = 0, nlabels = 0;

	for (uint32_t i = 0; i < p->nsamples && d->code == PP_OK; i++)
	{
		Reader r = span_reader(d, TABLE_SAMPLES, i);
		uint64_t locs_before = nlocs, labels_before = nlabels;

		if (i % PP_DECODE_POLL_EVERY == 0)
			pp_decode_poll(d);
		count_sample(d, r, &nlocs, &nlabels);
		if (nlocs - locs_before > (uint64_t) limits->max_depth)
			sample_limit(d, r, "max_depth", limits->max_depth, "locations");
		if (nlabels - labels_before > (uint64_t) limits->max_labels)
			sample_limit(d, r, "max_labels", limits->max_labels, "labels");
		if (nlocs > (uint64_t) limits->max_total_frames)
			total_limit(d, r);
	}
	if (d->code != PP_OK)
		return;
	p->locrefs = pp_arena_array(d->arena, nlocs, sizeof(uint32_t));
	p->labels = pp_arena_array(d->arena, nlabels, sizeof(PpLabel));
	if (p->locrefs == NULL || p->labels == NULL)
		pp_decode_nomem(d);
}

/* --- reading --- */

/*
 * Location ids of a packed field, as many as were counted.  Unknown ones make a
 * mark.  The ids of most profiles count from 1, which needs no table.
 */
static void
add_locations(Decoder *d, Reader packed, bool *unknown)
{
	const PpIdMap ids = d->location_ids;
	uint32_t *out = d->profile->locrefs + d->profile->nlocrefs;
	uint32_t *const start = out;
	bool bad = false;

	while (packed.p < packed.end)
	{
		PpVarint id = pp_varint(packed.p, packed.end);
		uint32_t index;

		if (PP_UNLIKELY(id.next == NULL))
		{
			pp_decode_bad_varint(d, packed.p, packed.end);
			break;
		}
		packed.p = id.next;
		if (PP_LIKELY(ids.slots == NULL))
		{
			index = (uint32_t) (id.value - 1);
			bad |= id.value - 1 >= ids.n;
		}
		else
		{
			index = pp_idmap_find(&ids, id.value);
			bad |= index == PP_NONE;
		}
		*out++ = index;
	}
	d->profile->nlocrefs += (uint32_t) (out - start);
	*unknown |= bad;
}

/* Values of a packed field; those that are too many are only counted. */
static void
add_values(Decoder *d, Reader packed, int64_t *out, uint32_t per_sample, uint32_t *n)
{
	while (packed.p < packed.end)
	{
		int64_t value = (int64_t) get_varint(d, &packed);

		if (*n < per_sample)
			out[*n] = value;
		++*n;
	}
}

/* A label that carries nothing vanishes; one with a text is a text label, whatever else it has. */
static void
add_label(Decoder *d, Reader r)
{
	const uint8_t *start = r.p;
	uint64_t key = 0, str = 0, num_unit = 0;
	int64_t num = 0;

	while (r.p < r.end)
	{
		uint64_t tag = get_varint(d, &r);

		switch (tag)
		{
			case PP_TAG_VARINT(1):
				key = get_varint(d, &r);
				break;
			case PP_TAG_VARINT(2):
				str = get_varint(d, &r);
				break;
			case PP_TAG_VARINT(3):
				num = (int64_t) get_varint(d, &r);
				break;
			case PP_TAG_VARINT(4):
				num_unit = get_varint(d, &r);
				break;
			default:
				r.p = pp_decode_skip(d, r.p, r.end, tag, 0x1e);
		}
	}

	PpLabel label = {.key = check_string(d, start, key), .str = check_string(d, start, str)};

	if (label.str == 0)
	{
		label.num = num;
		label.num_unit = check_string(d, start, num_unit);
	}
	if (label.str == 0 && label.num == 0 && label.num_unit == 0)
		return;
	d->profile->labels[d->profile->nlabels++] = label;
}

/* The rules a sample must keep, in the order in which they are told. */
static void
check_sample(Decoder *d, uint32_t nvalues, bool unknown, const uint8_t *start)
{
	uint32_t ntypes = d->profile->ntypes;

	if (PP_LIKELY(nvalues == ntypes && ntypes > 0 && !unknown) || d->code != PP_OK)
		return;
	if (ntypes == 0)
		pp_decode_fail(d, start, "missing sample type information");
	else if (nvalues != ntypes)
		d->code = pp_fail(d->err,
						  PP_EMALFORMED,
						  (size_t) (start - d->data),
						  "mismatch: sample has %u values vs. %u types",
						  nvalues,
						  ntypes);
	else
		pp_decode_fail(d, start, "sample has nil location");
}

/* One number that is not packed, as if it were packed alone. */
static inline Reader
take_one(Decoder *d, Reader *r)
{
	Reader one = *r;

	get_varint(d, r);
	one.end = r->p;
	return one;
}

static void
decode_sample(Decoder *d, PpSample *s, int64_t *values, Reader r)
{
	PpProfile *p = d->profile;
	const uint8_t *start = r.p;
	uint32_t nvalues = 0;
	bool unknown = false;

	s->loc_off = p->nlocrefs;
	s->label_off = p->nlabels;
	while (r.p < r.end)
	{
		uint64_t tag = get_varint(d, &r);

		switch (tag)
		{
			case PP_TAG_BYTES(1):
				add_locations(d, get_bytes(d, &r), &unknown);
				break;
			case PP_TAG_BYTES(2):
				add_values(d, get_bytes(d, &r), values, p->ntypes, &nvalues);
				break;
			case PP_TAG_BYTES(3):
				add_label(d, get_bytes(d, &r));
				break;
			case PP_TAG_VARINT(1):
				add_locations(d, take_one(d, &r), &unknown);
				break;
			case PP_TAG_VARINT(2):
				add_values(d, take_one(d, &r), values, p->ntypes, &nvalues);
				break;
			default:
				r.p = pp_decode_skip(d, r.p, r.end, tag, 0xe);
		}
	}
	s->nlocs = p->nlocrefs - s->loc_off;
	s->nlabels = p->nlabels - s->label_off;
	check_sample(d, nvalues, unknown, start);
}

/* Frames of a stack: its lines, and the locations that have none. */
static uint64_t
count_frames(const PpProfile *p, const PpSample *s)
{
	uint64_t frames = 0;

	for (uint32_t i = 0; i < s->nlocs; i++)
	{
		uint32_t nlines = p->locations[p->locrefs[s->loc_off + i]].nlines;

		frames += nlines > 0 ? nlines : 1;
	}
	return frames;
}

/*
 * A location with many lines may be named by many samples.  Frames are counted
 * only where the longest location times the number of locations is too much.
 */
static void
check_frames(Decoder *d)
{
	const PpProfile *p = d->profile;
	uint64_t longest = d->max_lines > 0 ? d->max_lines : 1;
	bool exact = longest * p->nlocrefs > (uint64_t) d->limits->max_total_frames;
	uint64_t total = 0;

	for (uint32_t i = 0; i < p->nsamples && d->code == PP_OK; i++)
	{
		const PpSample *s = &p->samples[i];
		uint64_t frames = longest * s->nlocs;

		if (exact || frames > (uint64_t) d->limits->max_frames)
		{
			pp_decode_poll(d);
			frames = count_frames(p, s);
			total += frames;
		}
		if (frames > (uint64_t) d->limits->max_frames)
			sample_limit(d,
						 span_reader(d, TABLE_SAMPLES, i),
						 "max_frames",
						 d->limits->max_frames,
						 "frames");
		if (exact && total > (uint64_t) d->limits->max_total_frames)
			total_limit(d, span_reader(d, TABLE_SAMPLES, i));
	}
}

/*
 * Room for the values.  Each takes a byte of input at least, and the first
 * sample that has too few ends decoding, so that more is never written.
 */
static void
alloc_values(Decoder *d)
{
	PpProfile *p = d->profile;
	uint64_t n = (uint64_t) p->nsamples * p->ntypes;

	if (n > d->sample_bytes)
		n = d->sample_bytes;
	p->values = pp_arena_array(d->arena, n, sizeof(int64_t));
	if (p->values == NULL)
		pp_decode_nomem(d);
}

void
pp_decode_samples(Decoder *d)
{
	PpProfile *p = d->profile;

	p->nsamples = (uint32_t) d->spans[TABLE_SAMPLES].n;
	p->samples = pp_arena_array(d->arena, p->nsamples, sizeof(PpSample));
	if (p->samples == NULL)
		pp_decode_nomem(d);
	count_samples(d);
	if (d->code == PP_OK)
		alloc_values(d);
	for (uint32_t i = 0; i < p->nsamples && d->code == PP_OK; i++)
	{
		if (i % PP_DECODE_POLL_EVERY == 0)
			pp_decode_poll(d);
		decode_sample(d,
					  &p->samples[i],
					  p->values + (size_t) i * p->ntypes,
					  span_reader(d, TABLE_SAMPLES, i));
	}
	if (d->code == PP_OK)
		check_frames(d);
	if (d->code == PP_OK && p->nlabels > 0)
		pp_decode_label_order(d);
}
