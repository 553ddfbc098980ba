/*
 * pp_encode.c
 *		PpProfile to profile.proto, with the bytes of the reference encoder.
 *
 * Fields come in number order; strings are numbered in the order of first use
 * (types, samples, mappings, functions, header), equal strings once.  Repeated
 * integers are packed from three on.  Zero scalars are left out, except field 14.
 */
#include <string.h>

#include "core/pp_codec.h"
#include "core/pp_hash.h"
#include "core/pp_wire.h"

#define POLL_EVERY	4096
#define MESSAGE_MAX 256 /* bytes of a message without repeated fields, and its frame */

typedef struct Encoder
{
	const PpProfile *profile;
	const PpAlloc *alloc;
	PpCode code;
	PpError *err;

	/* strings of the profile to strings of the output: 0 is not used yet, else index + 1 */
	uint32_t *numbers;
	uint32_t *order; /* strings of the profile in the order of the output */
	uint32_t norder;
	uint32_t *slots; /* hash of output strings: index + 1, 0 is free */
	size_t nslots;	 /* a power of two */
	uint64_t seed;

	uint8_t *out;
	size_t len, cap;
} Encoder;

static void
nomem(Encoder *e)
{
	if (e->code == PP_OK)
		e->code = pp_fail_nomem(e->err);
}

static void
poll(Encoder *e, uint32_t i)
{
	if (i % POLL_EVERY == 0 && e->code == PP_OK && pp_poll(e->alloc))
		e->code = pp_fail_canceled(e->err);
}

/* --- strings --- */

static void
grow_slots(Encoder *e)
{
	size_t nslots = e->nslots == 0 ? 256 : e->nslots * 2;
	uint32_t *slots = e->alloc->alloc(e->alloc->ctx, nslots * sizeof(uint32_t));

	if (slots == NULL)
	{
		nomem(e);
		return;
	}
	memset(slots, 0, nslots * sizeof(uint32_t));
	for (uint32_t i = 0; i < e->norder; i++)
	{
		PpBytes text = pp_str(e->profile, e->order[i]);
		size_t at = pp_hash_bytes(text.data, text.len, e->seed) & (nslots - 1);

		while (slots[at] != 0)
			at = (at + 1) & (nslots - 1);
		slots[at] = i + 1;
	}
	e->alloc->release(e->alloc->ctx, e->slots);
	e->slots = slots;
	e->nslots = nslots;
}

/* Number of a string that was not used under this index before. */
static uint32_t
intern_new(Encoder *e, uint32_t string)
{
	PpBytes text = pp_str(e->profile, string);
	size_t at;

	if ((size_t) e->norder * 2 >= e->nslots)
		grow_slots(e);
	if (e->code != PP_OK)
		return 0;
	at = pp_hash_bytes(text.data, text.len, e->seed) & (e->nslots - 1);
	while (e->slots[at] != 0 && !pp_bytes_eq(pp_str(e->profile, e->order[e->slots[at] - 1]), text))
		at = (at + 1) & (e->nslots - 1);
	if (e->slots[at] == 0)
	{
		e->order[e->norder++] = string;
		e->slots[at] = e->norder;
	}
	e->numbers[string] = e->slots[at];
	return e->slots[at] - 1;
}

static inline uint32_t
intern(Encoder *e, uint32_t string)
{
	uint32_t number = e->numbers[string];

	return PP_LIKELY(number != 0) ? number - 1 : intern_new(e, string);
}

static void
intern_samples(Encoder *e)
{
	const PpProfile *p = e->profile;

	for (uint32_t i = 0; i < p->nsamples && e->code == PP_OK; i++)
	{
		poll(e, i);
		for (uint32_t j = 0; j < p->samples[i].nlabels; j++)
		{
			const PpLabel *label = &p->labels[p->samples[i].label_off + j];

			intern(e, label->key);
			intern(e, label->str != 0 ? label->str : label->num_unit);
		}
	}
}

static void
intern_all(Encoder *e)
{
	const PpProfile *p = e->profile;

	intern(e, 0);
	for (uint32_t i = 0; i < p->ntypes; i++)
	{
		intern(e, p->types[i].type);
		intern(e, p->types[i].unit);
	}
	intern_samples(e);
	for (uint32_t i = 0; i < p->nmappings; i++)
	{
		intern(e, p->mappings[i].filename);
		intern(e, p->mappings[i].build_id);
	}
	for (uint32_t i = 0; i < p->nfunctions && e->code == PP_OK; i++)
	{
		poll(e, i);
		intern(e, p->functions[i].name);
		intern(e, p->functions[i].system_name);
		intern(e, p->functions[i].filename);
	}
	intern(e, p->drop_frames);
	intern(e, p->keep_frames);
	intern(e, p->period_type.type);
	intern(e, p->period_type.unit);
	for (uint32_t i = 0; i < p->ncomments; i++)
		intern(e, p->comments[i]);
	intern(e, p->default_sample_type);
	intern(e, p->doc_url);
}

/* --- output --- */

static bool
reserve_slow(Encoder *e, size_t room)
{
	size_t cap = e->cap * 2 > e->len + room ? e->cap * 2 : e->len + room;
	uint8_t *out = e->code == PP_OK ? e->alloc->resize(e->alloc->ctx, e->out, cap) : NULL;

	if (out == NULL)
	{
		nomem(e);
		return false;
	}
	e->out = out;
	e->cap = cap;
	return true;
}

/* Room for so many bytes; without it nothing more is written. */
static inline bool
reserve(Encoder *e, size_t room)
{
	return PP_LIKELY(e->cap - e->len >= room) || reserve_slow(e, room);
}

static inline void
put_field(Encoder *e, uint32_t field, uint64_t value)
{
	e->out[e->len++] = (uint8_t) PP_TAG_VARINT(field);
	e->len = (size_t) (pp_put_varint(e->out + e->len, value) - e->out);
}

static inline void
put_field_opt(Encoder *e, uint32_t field, uint64_t value)
{
	if (value != 0)
		put_field(e, field, value);
}

/* Begin a message: its length gets one byte for now.  Returns where its inside starts. */
static inline size_t
message_begin(Encoder *e, uint32_t field)
{
	e->out[e->len] = (uint8_t) PP_TAG_BYTES(field);
	e->len += 2;
	return e->len;
}

/* Few messages are longer than 127 bytes; their inside moves. */
static inline void
message_end(Encoder *e, size_t start)
{
	size_t len = e->len - start;
	uint8_t prefix[PP_VARINT_MAX];
	size_t extra;

	if (PP_LIKELY(len < 0x80))
	{
		e->out[start - 1] = (uint8_t) len;
		return;
	}
	extra = (size_t) (pp_put_varint(prefix, len) - prefix) - 1;
	if (!reserve(e, extra))
		return;
	memmove(e->out + start + extra, e->out + start, len);
	memcpy(e->out + start - 1, prefix, extra + 1);
	e->len += extra;
}

static void
put_value_type(Encoder *e, uint32_t field, PpValueType vt)
{
	if (!reserve(e, MESSAGE_MAX))
		return;

	size_t start = message_begin(e, field);

	put_field_opt(e, 1, intern(e, vt.type));
	put_field_opt(e, 2, intern(e, vt.unit));
	message_end(e, start);
}

static void
put_stack(Encoder *e, const PpSample *s)
{
	const PpProfile *p = e->profile;
	const uint32_t *refs;

	if (s->nlocs == 0 || !reserve(e, MESSAGE_MAX + (size_t) s->nlocs * PP_VARINT_MAX))
		return;
	refs = p->locrefs + s->loc_off;
	if (s->nlocs <= 2)
	{
		for (uint32_t i = 0; i < s->nlocs; i++)
			put_field(e, 1, p->locations[refs[i]].id);
		return;
	}

	size_t start = message_begin(e, 1);
	uint8_t *out = e->out + start;

	for (uint32_t i = 0; i < s->nlocs; i++)
		out = pp_put_varint(out, p->locations[refs[i]].id);
	e->len = (size_t) (out - e->out);
	message_end(e, start);
}

static void
put_values(Encoder *e, const int64_t *values, uint32_t n)
{
	if (!reserve(e, MESSAGE_MAX + (size_t) n * PP_VARINT_MAX))
		return;
	if (n <= 2)
	{
		for (uint32_t i = 0; i < n; i++)
			put_field(e, 2, (uint64_t) values[i]);
		return;
	}

	size_t start = message_begin(e, 2);

	for (uint32_t i = 0; i < n; i++)
		e->len = (size_t) (pp_put_varint(e->out + e->len, (uint64_t) values[i]) - e->out);
	message_end(e, start);
}

static void
put_label(Encoder *e, const PpLabel *label)
{
	if (!reserve(e, MESSAGE_MAX))
		return;

	size_t start = message_begin(e, 3);

	put_field_opt(e, 1, intern(e, label->key));
	if (label->str != 0)
		put_field_opt(e, 2, intern(e, label->str));
	else
	{
		put_field_opt(e, 3, (uint64_t) label->num);
		put_field_opt(e, 4, intern(e, label->num_unit));
	}
	message_end(e, start);
}

static void
put_samples(Encoder *e)
{
	const PpProfile *p = e->profile;

	for (uint32_t i = 0; i < p->nsamples && e->code == PP_OK; i++)
	{
		const PpSample *s = &p->samples[i];

		poll(e, i);
		if (!reserve(e, MESSAGE_MAX))
			return;

		size_t start = message_begin(e, 2);

		put_stack(e, s);
		put_values(e, p->values + (size_t) i * p->ntypes, p->ntypes);
		for (uint32_t j = 0; j < s->nlabels && e->code == PP_OK; j++)
			put_label(e, &p->labels[s->label_off + j]);
		if (e->code == PP_OK)
			message_end(e, start);
	}
}

static void
put_mappings(Encoder *e)
{
	for (uint32_t i = 0; i < e->profile->nmappings; i++)
	{
		const PpMapping *m = &e->profile->mappings[i];

		if (!reserve(e, MESSAGE_MAX))
			return;

		size_t start = message_begin(e, 3);

		put_field_opt(e, 1, m->id);
		put_field_opt(e, 2, m->start);
		put_field_opt(e, 3, m->limit);
		put_field_opt(e, 4, m->offset);
		put_field_opt(e, 5, intern(e, m->filename));
		put_field_opt(e, 6, intern(e, m->build_id));
		for (uint32_t flag = 0; flag < 4; flag++)
			put_field_opt(e, 7 + flag, m->flags >> flag & 1);
		message_end(e, start);
	}
}

static void
put_line(Encoder *e, const PpLine *line)
{
	if (!reserve(e, MESSAGE_MAX))
		return;

	size_t start = message_begin(e, 4);

	put_field_opt(e, 1, e->profile->functions[line->function].id);
	put_field_opt(e, 2, (uint64_t) line->line);
	put_field_opt(e, 3, (uint64_t) line->column);
	message_end(e, start);
}

static void
put_locations(Encoder *e)
{
	const PpProfile *p = e->profile;

	for (uint32_t i = 0; i < p->nlocations && e->code == PP_OK; i++)
	{
		const PpLocation *l = &p->locations[i];

		poll(e, i);
		if (!reserve(e, MESSAGE_MAX))
			return;

		size_t start = message_begin(e, 4);

		put_field_opt(e, 1, l->id);
		if (l->mapping != PP_NONE)
			put_field_opt(e, 2, p->mappings[l->mapping].id);
		put_field_opt(e, 3, l->address);
		for (uint32_t j = 0; j < l->nlines && e->code == PP_OK; j++)
			put_line(e, &p->lines[l->line_off + j]);
		if (!reserve(e, MESSAGE_MAX))
			return;
		put_field_opt(e, 5, l->is_folded != 0);
		message_end(e, start);
	}
}

static void
put_functions(Encoder *e)
{
	const PpProfile *p = e->profile;

	for (uint32_t i = 0; i < p->nfunctions && e->code == PP_OK; i++)
	{
		const PpFunction *f = &p->functions[i];

		poll(e, i);
		if (!reserve(e, MESSAGE_MAX))
			return;

		size_t start = message_begin(e, 5);

		put_field_opt(e, 1, f->id);
		put_field_opt(e, 2, intern(e, f->name));
		put_field_opt(e, 3, intern(e, f->system_name));
		put_field_opt(e, 4, intern(e, f->filename));
		put_field_opt(e, 5, (uint64_t) f->start_line);
		message_end(e, start);
	}
}

static void
put_strings(Encoder *e)
{
	for (uint32_t i = 0; i < e->norder && e->code == PP_OK; i++)
	{
		PpBytes text = pp_str(e->profile, e->order[i]);

		poll(e, i);
		if (!reserve(e, MESSAGE_MAX + (size_t) text.len))
			return;
		e->out[e->len++] = PP_TAG_BYTES(6);
		e->len = (size_t) (pp_put_varint(e->out + e->len, text.len) - e->out);
		if (text.len > 0)
			memcpy(e->out + e->len, text.data, text.len);
		e->len += text.len;
	}
}

static void
put_comments(Encoder *e)
{
	const PpProfile *p = e->profile;

	if (!reserve(e, MESSAGE_MAX + (size_t) p->ncomments * PP_VARINT_MAX))
		return;
	if (p->ncomments <= 2)
	{
		for (uint32_t i = 0; i < p->ncomments; i++)
			put_field(e, 13, intern(e, p->comments[i]));
		return;
	}

	size_t start = message_begin(e, 13);

	for (uint32_t i = 0; i < p->ncomments; i++)
		e->len = (size_t) (pp_put_varint(e->out + e->len, intern(e, p->comments[i])) - e->out);
	message_end(e, start);
}

static void
put_header(Encoder *e)
{
	const PpProfile *p = e->profile;

	if (!reserve(e, MESSAGE_MAX))
		return;
	put_field_opt(e, 7, intern(e, p->drop_frames));
	put_field_opt(e, 8, intern(e, p->keep_frames));
	put_field_opt(e, 9, (uint64_t) p->time_nanos);
	put_field_opt(e, 10, (uint64_t) p->duration_nanos);
	if (intern(e, p->period_type.type) != 0 || intern(e, p->period_type.unit) != 0)
		put_value_type(e, 11, p->period_type);
	if (!reserve(e, MESSAGE_MAX))
		return;
	put_field_opt(e, 12, (uint64_t) p->period);
	put_comments(e);
	if (!reserve(e, MESSAGE_MAX))
		return;
	put_field(e, 14, intern(e, p->default_sample_type));
	put_field_opt(e, 15, intern(e, p->doc_url));
}

static void
encode(Encoder *e)
{
	const PpProfile *p = e->profile;

	e->numbers = e->alloc->alloc(e->alloc->ctx, p->nstrings * sizeof(uint32_t));
	e->order = e->alloc->alloc(e->alloc->ctx, p->nstrings * sizeof(uint32_t));
	if (e->numbers == NULL || e->order == NULL)
	{
		nomem(e);
		return;
	}
	memset(e->numbers, 0, p->nstrings * sizeof(uint32_t));
	intern_all(e);
	for (uint32_t i = 0; i < p->ntypes; i++)
		put_value_type(e, 1, p->types[i]);
	put_samples(e);
	put_mappings(e);
	put_locations(e);
	put_functions(e);
	put_strings(e);
	put_header(e);
}

PpCode
pp_profile_encode(const PpProfile *profile, const PpAlloc *alloc, uint8_t **out, size_t *out_len,
				  PpError *err)
{
	Encoder e = {.profile = profile, .alloc = alloc, .err = err, .seed = pp_hash_seed(profile)};

	encode(&e);
	alloc->release(alloc->ctx, e.numbers);
	alloc->release(alloc->ctx, e.order);
	alloc->release(alloc->ctx, e.slots);
	if (e.code != PP_OK)
	{
		alloc->release(alloc->ctx, e.out);
		e.out = NULL;
		e.len = 0;
	}
	*out = e.out;
	*out_len = e.len;
	return e.code;
}
