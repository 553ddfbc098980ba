/*
 * pp_dict_rows.c
 *		Rows that hold several chunks of a dictionary.
 *
 *   u8      version (2)
 *   uvarint number of chunks
 *   per chunk:
 *     uvarint number - number of the one before (the first: its number)
 *     uvarint length
 *     the chunk, as pp_dict_chunk.c describes it
 *
 * A row with version 1 is one chunk alone; its number stands beside it.
 */
#include "core/pp_dict_internal.h"

static PpCode
fail(PpError *err, const char *what)
{
	return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "row of chunks: %s", what);
}

static bool
read_number(PpChunkWalk *walk, uint64_t limit, uint64_t *value)
{
	*value = 0;
	for (int shift = 0; shift < 35 && walk->p < walk->end; shift += 7)
	{
		uint8_t byte = *walk->p++;

		*value |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
			return *value < limit;
	}
	return false;
}

PpCode
pp_chunks_open(PpChunkWalk *walk, const uint8_t *data, size_t len, uint32_t alone_no, PpError *err)
{
	uint64_t n;

	*walk = (PpChunkWalk){.p = data, .end = data + len};
	if (len == 0)
		return fail(err, "empty");
	if (data[0] != PP_CHUNKS_VERSION)
	{
		walk->alone = true;
		walk->number = alone_no;
		walk->left = 1;
		return PP_OK;
	}
	walk->p++;
	if (!read_number(walk, DICT_MAX_ENTRIES, &n))
		return fail(err, "bad number of chunks");
	walk->left = (uint32_t) n;
	return PP_OK;
}

PpCode
pp_chunks_next(PpChunkWalk *walk, uint32_t *number, const uint8_t **data, size_t *len, PpError *err)
{
	uint64_t up, length;

	*data = NULL;
	*len = 0;
	if (walk->left == 0)
		return walk->p == walk->end ? PP_OK : fail(err, "bytes after the end");
	walk->left--;
	if (walk->alone)
		length = (uint64_t) (walk->end - walk->p);
	else
	{
		if (!read_number(walk, DICT_MAX_ENTRIES - (uint64_t) walk->number, &up))
			return fail(err, "number too large");
		walk->number += (uint32_t) up;
		if (!read_number(walk, (uint64_t) 1 << 32, &length) ||
			length > (uint64_t) (walk->end - walk->p))
			return fail(err, "a chunk is cut off");
	}
	*number = walk->number;
	*data = walk->p;
	*len = length;
	walk->p += length;
	return PP_OK;
}

static uint8_t *
put_number(uint8_t *p, uint64_t value)
{
	while (value >= 0x80)
	{
		*p++ = (uint8_t) value | 0x80;
		value >>= 7;
	}
	*p++ = (uint8_t) value;
	return p;
}

PpCode
pp_chunks_pack(const PpChunkRow *chunks, uint32_t n, const PpAlloc *alloc, uint8_t **out,
			   size_t *out_len, PpError *err)
{
	size_t size = 6;
	uint32_t before = 0;
	uint8_t *p;

	for (uint32_t i = 0; i < n; i++)
		size += chunks[i].len + 20;
	if ((*out = alloc->alloc(alloc->ctx, size)) == NULL)
		return pp_fail_nomem(err);
	p = *out;
	*p++ = PP_CHUNKS_VERSION;
	p = put_number(p, n);
	for (uint32_t i = 0; i < n; i++)
	{
		p = put_number(p, chunks[i].number - before);
		p = put_number(p, chunks[i].len);
		memcpy(p, chunks[i].data, chunks[i].len);
		p += chunks[i].len;
		before = chunks[i].number;
	}
	*out_len = (size_t) (p - *out);
	return PP_OK;
}
