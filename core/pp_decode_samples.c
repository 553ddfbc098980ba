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

/* Location ids of a packed field.  Unknown ones become PP_NONE. */
static void
add_locations(Decoder *d, Reader packed, uint32_t room, Reader sample)
{
	const PpIdMap *ids = &d->location_ids;
	uint32_t *out = (uint32_t *) d->locrefs.data + d->locrefs.n;
	uint32_t *const start = out, *const limit = out + room;

	while (packed.p < packed.end)
	{
		if (PP_UNLIKELY(out == limit))
		{
			sample_limit(d, sample, "max_depth", d->limits->max_depth, "locations");
			break;
		}
		*out++ = pp_idmap_find(ids, get_varint(d, &packed));
	}
	d->locrefs.n += (size_t) (out - start);
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
	if (vec_room(d, &d->labels, sizeof(PpLabel), 1))
		((PpLabel *) d->labels.data)[d->labels.n++] = label;
}

/* The rules a sample must keep, in the order in which they are told. */
static void
check_sample(Decoder *d, const PpSample *s, uint32_t nvalues, Reader sample)
{
	const uint32_t *refs = (const uint32_t *) d->locrefs.data + s->loc_off;
	uint32_t ntypes = d->profile->ntypes;
	bool unknown = false;

	if (d->code != PP_OK)
		return;
	if (ntypes == 0)
		pp_decode_fail(d, sample.p, "missing sample type information");
	else if (nvalues != ntypes)
		d->code = pp_fail(d->err,
						  PP_EMALFORMED,
						  (size_t) (sample.p - d->data),
						  "mismatch: sample has %u values vs. %u types",
						  nvalues,
						  ntypes);
	for (uint32_t i = 0; i < s->nlocs; i++)
		unknown |= refs[i] == PP_NONE;
	if (unknown)
		pp_decode_fail(d, sample.p, "sample has nil location");
}

static void
decode_sample(Decoder *d, PpSample *s, int64_t *values, Reader r)
{
	const Reader sample = r;
	const size_t depth_limit = (size_t) d->limits->max_depth;
	size_t most = (size_t) (r.end - r.p) < depth_limit ? (size_t) (r.end - r.p) : depth_limit;
	uint32_t nvalues = 0, nlabels = 0, ntypes = d->profile->ntypes;

	s->loc_off = (uint32_t) d->locrefs.n;
	s->label_off = (uint32_t) d->labels.n;
	if (!vec_room(d, &d->locrefs, sizeof(uint32_t), most))
		return;

	const size_t locs_end = d->locrefs.n + most;

	while (r.p < r.end && d->code == PP_OK)
	{
		uint64_t tag = get_varint(d, &r);

		switch (tag)
		{
			case PP_TAG_BYTES(1):
				add_locations(d, get_bytes(d, &r), (uint32_t) (locs_end - d->locrefs.n), sample);
				break;
			case PP_TAG_BYTES(2):
				add_values(d, get_bytes(d, &r), values, ntypes, &nvalues);
				break;
			case PP_TAG_BYTES(3):
				if (++nlabels > d->limits->max_labels)
					sample_limit(d, sample, "max_labels", d->limits->max_labels, "labels");
				add_label(d, get_bytes(d, &r));
				break;
			case PP_TAG_VARINT(1):
			{
				/* not packed: one id, as if packed alone */
				Reader one = r;

				get_varint(d, &r);
				one.end = r.p;
				add_locations(d, one, (uint32_t) (locs_end - d->locrefs.n), sample);
				break;
			}
			case PP_TAG_VARINT(2):
			{
				Reader one = r;

				get_varint(d, &r);
				one.end = r.p;
				add_values(d, one, values, ntypes, &nvalues);
				break;
			}
			default:
				r.p = pp_decode_skip(d, r.p, r.end, tag, 0xe);
		}
	}
	s->nlocs = (uint32_t) d->locrefs.n - s->loc_off;
	s->nlabels = (uint32_t) d->labels.n - s->label_off;
	check_sample(d, s, nvalues, sample);
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
		if (exact && total > (uint64_t) d->limits->max_total_frames && d->code == PP_OK)
			d->code = pp_fail_limit(d->err,
									(size_t) (span_reader(d, TABLE_SAMPLES, i).p - d->data),
									"max_total_frames",
									d->limits->max_total_frames,
									"samples have more than %" PRId64 " frames together",
									d->limits->max_total_frames);
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

/* Stacks and labels in the arena, sized exactly. */
static void
settle(Decoder *d)
{
	PpProfile *p = d->profile;

	p->nlocrefs = (uint32_t) d->locrefs.n;
	p->locrefs = (uint32_t *) (void *) pp_arena_copy(d->arena,
													 d->locrefs.data,
													 d->locrefs.n * sizeof(uint32_t));
	p->nlabels = (uint32_t) d->labels.n;
	p->labels =
		(PpLabel *) (void *) pp_arena_copy(d->arena, d->labels.data, d->labels.n * sizeof(PpLabel));
	if (p->locrefs == NULL || p->labels == NULL)
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
	else
		alloc_values(d);
	for (uint32_t i = 0; i < p->nsamples && d->code == PP_OK; i++)
	{
		Reader r = span_reader(d, TABLE_SAMPLES, i);

		if (i % PP_DECODE_POLL_EVERY == 0)
			pp_decode_poll(d);
		decode_sample(d, &p->samples[i], p->values + (size_t) i * p->ntypes, r);
		if (PP_UNLIKELY(d->locrefs.n > (uint64_t) d->limits->max_total_frames))
			sample_limit(d, r, "max_total_frames", d->limits->max_total_frames, "frames");
	}
	if (d->code == PP_OK)
		settle(d);
	if (d->code == PP_OK)
		check_frames(d);
	if (d->code == PP_OK && p->nlabels > 0)
		pp_decode_label_order(d);
}
