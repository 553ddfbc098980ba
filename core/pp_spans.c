/*
 * pp_spans.c
 *		The bytes that tie samples of a row to spans and traces.
 */
#include "core/pp_spans.h"

#include "core/pp_samples_bytes.h"

#include <string.h>

#define HAS_SPAN	1
#define HAS_TRACE	2
#define GROUP_LEAST 4 /* flags, an id of 8 bytes is more, n, a pair */

static const PpSpan no_span;

static uint8_t *
put_uvarint(uint8_t *p, uint64_t value)
{
	while (value >= 0x80)
	{
		*p++ = (uint8_t) value | 0x80;
		value >>= 7;
	}
	*p++ = (uint8_t) value;
	return p;
}

static uint8_t *
put_group(uint8_t *p, const PpSpanGroup *group)
{
	bool span = memcmp(group->id.span, no_span.span, sizeof(no_span.span)) != 0;
	bool trace = memcmp(group->id.trace, no_span.trace, sizeof(no_span.trace)) != 0;
	int64_t before = -1;

	*p++ = (uint8_t) ((span ? HAS_SPAN : 0) | (trace ? HAS_TRACE : 0));
	if (span)
	{
		memcpy(p, group->id.span, sizeof(group->id.span));
		p += sizeof(group->id.span);
	}
	if (trace)
	{
		memcpy(p, group->id.trace, sizeof(group->id.trace));
		p += sizeof(group->id.trace);
	}
	p = put_uvarint(p, group->n);
	for (uint32_t i = 0; i < group->n; i++)
	{
		p = put_uvarint(p, (uint64_t) (group->entries[i].stack - before - 1));
		p = put_uvarint(p, (uint64_t) group->entries[i].value);
		before = group->entries[i].stack;
	}
	return p;
}

PpCode
pp_spans_encode(const PpSpanGroup *groups, uint32_t n, const PpAlloc *alloc, uint8_t **out,
				size_t *out_len, PpError *err)
{
	size_t room = 6;
	uint8_t *p;

	*out = NULL;
	*out_len = 0;
	if (n == 0)
		return PP_OK;
	for (uint32_t i = 0; i < n; i++)
		room += 1 + sizeof(PpSpan) + 5 + (size_t) groups[i].n * 15;
	if ((p = *out = alloc->alloc(alloc->ctx, room)) == NULL)
		return pp_fail_nomem(err);
	*p++ = PP_SPANS_VERSION;
	p = put_uvarint(p, n);
	for (uint32_t i = 0; i < n; i++)
		p = put_group(p, &groups[i]);
	*out_len = (size_t) (p - *out);
	return PP_OK;
}

typedef struct Reader
{
	const uint8_t *start, *p, *end;
	PpArena *arena;
	PpError *err;
} Reader;

static PpCode
bad(Reader *r, const char *what)
{
	return pp_fail(r->err, PP_EMALFORMED, (size_t) (r->p - r->start), "spans: %s", what);
}

static PpCode
read_id(Reader *r, PpSpan *id)
{
	uint8_t flags;

	memset(id, 0, sizeof(*id));
	if (r->p == r->end)
		return bad(r, "unexpected end");
	flags = *r->p++;
	if (flags == 0 || flags > (HAS_SPAN | HAS_TRACE))
		return bad(r, "unknown flags");
	if ((size_t) (r->end - r->p) < ((flags & HAS_SPAN) ? 8u : 0u) + ((flags & HAS_TRACE) ? 16u : 0u))
		return bad(r, "unexpected end");
	if (flags & HAS_SPAN)
	{
		memcpy(id->span, r->p, sizeof(id->span));
		r->p += sizeof(id->span);
	}
	if (flags & HAS_TRACE)
	{
		memcpy(id->trace, r->p, sizeof(id->trace));
		r->p += sizeof(id->trace);
	}
	return PP_OK;
}

static PpCode
read_group(Reader *r, PpSpanGroup *group)
{
	uint64_t n, gap, value, stack = 0;
	PpCode code = read_id(r, &group->id);

	if (code != PP_OK)
		return code;
	if (!pp_samples_uvarint(&r->p, r->end, &n) || n > (uint64_t) (r->end - r->p) / 2)
		return bad(r, "more samples than bytes");
	if ((group->entries = pp_arena_array(r->arena, n, sizeof(PpSampleEntry))) == NULL)
		return pp_fail_nomem(r->err);
	group->n = (uint32_t) n;
	for (uint32_t i = 0; i < n; i++)
	{
		if (!pp_samples_uvarint(&r->p, r->end, &gap) ||
			!pp_samples_uvarint(&r->p, r->end, &value) || gap > UINT32_MAX ||
			(stack += gap + (i > 0)) > UINT32_MAX || value == 0 || value > INT64_MAX)
			return bad(r, "bad sample");
		group->entries[i] = (PpSampleEntry){(uint32_t) stack, (int64_t) value};
	}
	return PP_OK;
}

PpCode
pp_spans_decode(const uint8_t *data, size_t len, PpArena *arena, PpSpanGroup **groups, uint32_t *n,
				PpError *err)
{
	Reader r = {data, data, data, arena, err};
	uint64_t count;
	PpCode code;

	*groups = NULL;
	*n = 0;
	if (len == 0)
		return PP_OK; /* data may be NULL here, to which nothing may be added */
	r.end += len;
	if (*r.p != PP_SPANS_VERSION)
		return pp_fail(err, PP_EUNSUPPORTED, 0, "spans have an unknown version %u", *r.p);
	r.p++;
	if (!pp_samples_uvarint(&r.p, r.end, &count) || count > (uint64_t) (r.end - r.p) / GROUP_LEAST)
		return bad(&r, "more spans than bytes");
	if ((*groups = pp_arena_array(arena, count, sizeof(PpSpanGroup))) == NULL)
		return pp_fail_nomem(err);
	for (; *n < count; (*n)++)
		if ((code = read_group(&r, &(*groups)[*n])) != PP_OK)
			return code;
	return r.p == r.end ? PP_OK : bad(&r, "bytes after the end");
}
