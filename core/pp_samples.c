/*
 * pp_samples.c
 *		Reading and writing the bytes of pprof.samples.
 *
 * pp_samples_sum.c adds such bytes up; pp_samples_bytes.h is what both share.
 */
#include "core/pp_samples.h"

#include <string.h>

#include "core/pp_samples_bytes.h"

/* ---- writing ---- */

static uint64_t
magnitude(int64_t value)
{
	return value < 0 ? -(uint64_t) value : (uint64_t) value;
}

static uint64_t
common_divisor(uint64_t a, uint64_t b)
{
	while (b != 0)
	{
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* The scale the part is written with: the caller's, or the greatest there is. */
static uint64_t
part_scale(const PpSamplesPart *part)
{
	uint64_t scale = 0;

	if (part->scale != 0)
		return part->scale;
	for (uint32_t i = 0; i < part->n && scale != 1; i++)
		scale = common_divisor(magnitude(part->entries[i].value), scale);
	/* -2^63 alone: its magnitude is no int64, half of it is */
	return scale > INT64_MAX ? scale / 2 : scale;
}

static PpCode
part_check(const PpSamplesPart *part, uint64_t scale, PpError *err)
{
	if (scale > INT64_MAX)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "scale of samples is out of range");
	for (uint32_t i = 0; i < part->n; i++)
	{
		const PpSampleEntry *entry = &part->entries[i];

		if (entry->value == 0)
			return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "sample value is zero");
		if (magnitude(entry->value) % scale != 0)
			return pp_fail(err,
						   PP_EINVALID,
						   PP_NO_OFFSET,
						   "sample value is not a multiple of the scale");
		if (i > 0 && entry->stack <= entry[-1].stack)
			return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "stack ids do not ascend");
	}
	return PP_OK;
}

static uint8_t *
put_uvarint(uint8_t *p, uint64_t value)
{
	while (value >= 0x80)
	{
		*p++ = (uint8_t) (value | 0x80);
		value >>= 7;
	}
	*p++ = (uint8_t) value;
	return p;
}

static uint8_t *
put_part(uint8_t *p, const PpSamplesPart *part, uint64_t scale)
{
	uint32_t nones = 0;
	uint64_t next = 0;

	for (int i = 0; i < 8; i++)
		*p++ = (uint8_t) (part->dict_id >> (8 * i));
	p = put_uvarint(p, scale);
	for (uint32_t i = 0; i < part->n; i++)
		nones += part->entries[i].value == (int64_t) scale;
	p = put_uvarint(p, nones);
	for (uint32_t i = 0; i < part->n; i++)
	{
		if (part->entries[i].value != (int64_t) scale)
			continue;
		p = put_uvarint(p, part->entries[i].stack - next);
		next = (uint64_t) part->entries[i].stack + 1;
	}
	p = put_uvarint(p, part->n - nones);
	next = 0;
	for (uint32_t i = 0; i < part->n; i++)
	{
		int64_t units = part->entries[i].value / (int64_t) scale;

		if (units == 1)
			continue;
		p = put_uvarint(p, part->entries[i].stack - next);
		p = put_uvarint(p, ((uint64_t) units << 1) ^ (uint64_t) (units >> 63));
		next = (uint64_t) part->entries[i].stack + 1;
	}
	return p;
}

#define HEADER_MAX (2 + 5)
#define PART_MAX   (8 + 10 + 5 + 5)
#define ENTRY_MAX  (5 + 10)

/*
 * The bytes are written once into a buffer for the worst case, which is then
 * cut: entries of real samples take two bytes of the fifteen, so the buffer is
 * in proportion to the entries the caller already holds.
 */
PpCode
pp_samples_encode(const PpSamplesPart *parts, uint32_t nparts, uint32_t flags, const PpAlloc *alloc,
				  uint8_t **out, size_t *out_len, PpError *err)
{
	size_t size = HEADER_MAX;
	uint32_t nwritten = 0;
	uint8_t *bytes, *p, *cut;
	PpCode code;

	if ((flags & ~PP_SAMPLES_KNOWN_FLAGS) != 0)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "unknown flags of samples");
	for (uint32_t i = 0; i < nparts; i++)
	{
		if (i > 0 && parts[i].dict_id <= parts[i - 1].dict_id)
			return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "dictionaries of samples do not ascend");
		if (parts[i].n == 0)
			continue;
		size += PART_MAX + (size_t) parts[i].n * ENTRY_MAX;
		nwritten++;
	}
	if ((bytes = alloc->alloc(alloc->ctx, size)) == NULL)
		return pp_fail_nomem(err);
	bytes[0] = PP_SAMPLES_VERSION;
	bytes[1] = (uint8_t) flags;
	p = put_uvarint(bytes + 2, nwritten);
	for (uint32_t i = 0; i < nparts; i++)
	{
		uint64_t scale = part_scale(&parts[i]);

		if (parts[i].n == 0)
			continue;
		if ((code = part_check(&parts[i], scale, err)) != PP_OK)
		{
			alloc->release(alloc->ctx, bytes);
			return code;
		}
		p = put_part(p, &parts[i], scale);
	}
	*out_len = (size_t) (p - bytes);
	cut = alloc->resize(alloc->ctx, bytes, *out_len);
	*out = cut != NULL ? cut : bytes;
	return PP_OK;
}

/* ---- reading ---- */

PpCode
pp_samples_fail(const PpSamplesReader *reader, const char *what, PpError *err)
{
	return pp_fail(err, PP_EMALFORMED, (size_t) (reader->p - reader->start), "%s", what);
}

bool
pp_samples_uvarint(const uint8_t **p, const uint8_t *end, uint64_t *value)
{
	uint64_t result = 0;

	for (int shift = 0; shift < 64 && *p < end; shift += 7)
	{
		uint8_t byte = *(*p)++;

		if (shift == 63 && byte > 1)
			return false;
		result |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			*value = result;
			return true;
		}
	}
	return false;
}

PpCode
pp_samples_open(PpSamplesReader *reader, const uint8_t *data, size_t len, PpError *err)
{
	uint64_t nparts;

	memset(reader, 0, sizeof(*reader));
	reader->start = reader->p = data;
	reader->end = data + len;
	if (len < 3)
		return pp_samples_fail(reader, "samples are truncated", err);
	if (data[0] != PP_SAMPLES_VERSION)
		return pp_fail(err, PP_EMALFORMED, 0, "samples have unknown version %u", data[0]);
	reader->p++;
	if ((data[1] & ~PP_SAMPLES_KNOWN_FLAGS) != 0)
		return pp_samples_fail(reader, "samples have unknown flags", err);
	reader->flags = data[1];
	reader->p++;
	/* a part takes 11 bytes at least */
	if (!pp_samples_uvarint(&reader->p, reader->end, &nparts) ||
		nparts > (uint64_t) (reader->end - reader->p) / 11)
		return pp_samples_fail(reader, "samples have a bad number of parts", err);
	reader->nparts = (uint32_t) nparts;
	return PP_OK;
}

PpCode
pp_samples_count(PpSamplesReader *reader, uint32_t entry_bytes, uint64_t *n, PpError *err)
{
	if (!pp_samples_uvarint(&reader->p, reader->end, n) ||
		*n > (uint64_t) (reader->end - reader->p) / entry_bytes)
		return pp_samples_fail(reader, "samples have a bad number of entries", err);
	return PP_OK;
}

PpCode
pp_samples_part(PpSamplesReader *reader, PpError *err)
{
	uint64_t dict_id = 0;

	if (reader->end - reader->p < 8)
		return pp_samples_fail(reader, "samples are truncated", err);
	for (int i = 0; i < 8; i++)
		dict_id |= (uint64_t) reader->p[i] << (8 * i);
	if (reader->npart > 0 && dict_id <= reader->dict_id)
		return pp_samples_fail(reader, "dictionaries of samples do not ascend", err);
	reader->p += 8;
	reader->dict_id = dict_id;
	reader->npart++;
	if (!pp_samples_uvarint(&reader->p, reader->end, &reader->scale) || reader->scale == 0 ||
		reader->scale > INT64_MAX)
		return pp_samples_fail(reader, "samples have a bad scale", err);
	return PP_OK;
}

PpCode
pp_samples_close(const PpSamplesReader *reader, PpError *err)
{
	if (reader->p != reader->end)
		return pp_samples_fail(reader, "bytes after the end of samples", err);
	return PP_OK;
}

PpCode
pp_samples_header(const uint8_t *data, size_t len, PpSamplesHeader *header, PpError *err)
{
	PpSamplesReader reader;
	PpCode code = pp_samples_open(&reader, data, len, err);

	if (code != PP_OK)
		return code;
	header->version = PP_SAMPLES_VERSION;
	header->flags = reader.flags;
	header->nparts = reader.nparts;
	header->scale = 0;
	if (reader.nparts > 0)
	{
		if ((code = pp_samples_part(&reader, err)) != PP_OK)
			return code;
		header->scale = reader.scale;
	}
	return PP_OK;
}

/* The next id of a list; *next is the least one possible. */
static PpCode
read_stack(PpSamplesReader *reader, uint64_t *next, uint32_t *stack, PpError *err)
{
	uint64_t gap;

	if (!pp_samples_uvarint(&reader->p, reader->end, &gap) || gap > UINT32_MAX ||
		*next + gap > UINT32_MAX)
		return pp_samples_fail(reader, "samples have a bad stack id", err);
	*stack = (uint32_t) (*next + gap);
	*next = (uint64_t) *stack + 1;
	return PP_OK;
}

static PpCode
read_value(PpSamplesReader *reader, int64_t *value, PpError *err)
{
	uint64_t zigzag;
	int64_t units;

	if (!pp_samples_uvarint(&reader->p, reader->end, &zigzag) || zigzag == 0)
		return pp_samples_fail(reader, "samples have a bad value", err);
	units = (int64_t) (zigzag >> 1) ^ -(int64_t) (zigzag & 1);
	if (__builtin_mul_overflow(units, (int64_t) reader->scale, value))
		return pp_samples_fail(reader, "value of samples is out of range", err);
	return PP_OK;
}

/* One list of a part; the entries of the first list have no value of their own. */
static PpCode
visit_list(PpSamplesReader *reader, bool ones, PpSamplesVisit visit, void *ctx, PpError *err)
{
	uint64_t n = 0, next = 0;
	PpCode code = pp_samples_count(reader, ones ? 1 : 2, &n, err);

	for (uint64_t i = 0; code == PP_OK && i < n; i++)
	{
		uint32_t stack = 0;
		int64_t value = (int64_t) reader->scale;

		if ((code = read_stack(reader, &next, &stack, err)) == PP_OK && !ones)
			code = read_value(reader, &value, err);
		if (code == PP_OK)
			code = visit(ctx, reader->dict_id, stack, value, err);
	}
	return code;
}

PpCode
pp_samples_visit(const uint8_t *data, size_t len, PpSamplesVisit visit, void *ctx, PpError *err)
{
	PpSamplesReader reader;
	PpCode code = pp_samples_open(&reader, data, len, err);

	for (uint32_t i = 0; code == PP_OK && i < reader.nparts; i++)
	{
		code = pp_samples_part(&reader, err);
		for (int list = 0; code == PP_OK && list < 2; list++)
			code = visit_list(&reader, list == 0, visit, ctx, err);
	}
	return code != PP_OK ? code : pp_samples_close(&reader, err);
}

/* Walks the list of ones beside the list of pairs, to find ids that are in both. */
typedef struct CheckState
{
	PpSamplesReader ones;
	uint64_t left, next; /* entries to come; the least id possible */
	uint32_t stack;		 /* the entry read last */
	bool valid;			 /* there is one */
} CheckState;

static PpCode
check_advance(CheckState *state, PpError *err)
{
	state->valid = state->left > 0;
	if (!state->valid)
		return PP_OK;
	state->left--;
	return read_stack(&state->ones, &state->next, &state->stack, err);
}

static PpCode
check_pairs(CheckState *state, PpSamplesReader *reader, PpError *err)
{
	uint64_t n = 0, next = 0;
	PpCode code = pp_samples_count(reader, 2, &n, err);

	for (uint64_t i = 0; code == PP_OK && i < n; i++)
	{
		uint32_t stack = 0;
		int64_t value = 0;

		if ((code = read_stack(reader, &next, &stack, err)) != PP_OK ||
			(code = read_value(reader, &value, err)) != PP_OK)
			break;
		if (value == (int64_t) reader->scale)
			return pp_samples_fail(reader, "value of samples is in the wrong list", err);
		while (code == PP_OK && state->valid && state->stack < stack)
			code = check_advance(state, err);
		if (code == PP_OK && state->valid && state->stack == stack)
			return pp_samples_fail(reader, "stack id occurs twice in samples", err);
	}
	return code;
}

PpCode
pp_samples_check(const uint8_t *data, size_t len, PpError *err)
{
	PpSamplesReader reader;
	PpCode code = pp_samples_open(&reader, data, len, err);

	for (uint32_t i = 0; code == PP_OK && i < reader.nparts; i++)
	{
		CheckState state = {0};
		uint64_t n = 0, next = 0;
		uint32_t stack;

		if ((code = pp_samples_part(&reader, err)) != PP_OK ||
			(code = pp_samples_count(&reader, 1, &n, err)) != PP_OK)
			break;
		state.ones = reader;
		state.left = n;
		for (uint64_t j = 0; code == PP_OK && j < n; j++)
			code = read_stack(&reader, &next, &stack, err);
		if (code == PP_OK && (code = check_advance(&state, err)) == PP_OK)
			code = check_pairs(&state, &reader, err);
	}
	return code != PP_OK ? code : pp_samples_close(&reader, err);
}
