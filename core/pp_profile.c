/*
 * pp_profile.c
 *		Small things every user of a PpProfile needs.
 */
#include "core/pp_profile.h"

#include <string.h>

PpProfile *
pp_profile_new(PpArena *arena)
{
	PpProfile *p = pp_arena_zalloc(arena, sizeof(PpProfile));

	if (p == NULL)
		return NULL;
	p->arena = arena;
	p->strings = pp_arena_alloc(arena, sizeof(PpBytes));
	if (p->strings == NULL)
		return NULL;
	p->strings[0] = (PpBytes){"", 0};
	p->nstrings = 1;
	return p;
}

int
pp_bytes_cmp(PpBytes a, PpBytes b)
{
	uint32_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;

	if (order != 0)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

int
pp_bytes_eq(PpBytes a, PpBytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

PpBytes
pp_bytes_cstr(const char *cstr)
{
	return (PpBytes){cstr, (uint32_t) strlen(cstr)};
}

/* First column of that name, or PP_NONE. */
static uint32_t
column_named(const PpProfile *p, PpBytes name)
{
	for (uint32_t i = 0; i < p->ntypes; i++)
		if (pp_bytes_eq(pp_str(p, p->types[i].type), name))
			return i;
	return PP_NONE;
}

/* A decimal number, sign and leading zeros allowed; false if it is none or does not fit. */
static bool
parse_index(PpBytes text, int64_t *value)
{
	uint32_t at = text.len > 0 && (text.data[0] == '+' || text.data[0] == '-');
	int64_t sign = text.len > 0 && text.data[0] == '-' ? -1 : 1;

	*value = 0;
	if (at == text.len)
		return false;
	for (; at < text.len; at++)
	{
		char c = text.data[at];

		if (c < '0' || c > '9' || __builtin_mul_overflow(*value, 10, value) ||
			__builtin_add_overflow(*value, sign * (c - '0'), value))
			return false;
	}
	return true;
}

static PpCode
no_such_column(const PpProfile *p, PpBytes name, PpError *err)
{
	char list[160];
	size_t used = 0;

	for (uint32_t i = 0; i < p->ntypes && used < sizeof(list) - 1; i++)
	{
		PpBytes type = pp_str(p, p->types[i].type);
		size_t room = sizeof(list) - 1 - used;
		size_t n = type.len < room - 1 ? type.len : room - 1;

		if (i > 0)
			list[used++] = ' ';
		if (n > 0)
			memcpy(list + used, type.data, n);
		used += n;
	}
	list[used] = '\0';
	return pp_fail(err,
				   PP_EINVALID,
				   PP_NO_OFFSET,
				   "sample_index \"%.*s\" must be one of: [%s]",
				   (int) (name.len < 64 ? name.len : 64),
				   name.data,
				   list);
}

PpCode
pp_profile_column(const PpProfile *p, PpBytes name, uint32_t *column, PpError *err)
{
	static const char inuse[] = "inuse_";
	int64_t index;

	if (p->ntypes == 0)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "the profile has no sample types");
	if (name.len == 0)
	{
		*column = PP_NONE;
		if (pp_str(p, p->default_sample_type).len > 0)
			*column = column_named(p, pp_str(p, p->default_sample_type));
		if (*column == PP_NONE)
			*column = p->ntypes - 1;
		return PP_OK;
	}
	if (parse_index(name, &index))
	{
		if (index < 0 || index >= p->ntypes)
			return pp_fail(err,
						   PP_EINVALID,
						   PP_NO_OFFSET,
						   "sample_index %.*s is outside the range [0..%u]",
						   (int) (name.len < 64 ? name.len : 64),
						   name.data,
						   p->ntypes - 1);
		*column = (uint32_t) index;
		return PP_OK;
	}

	uint32_t prefix = sizeof(inuse) - 1;
	bool has_prefix = name.len >= prefix && memcmp(name.data, inuse, prefix) == 0;
	PpBytes bare = has_prefix ? (PpBytes){name.data + prefix, name.len - prefix} : name;

	for (*column = 0; *column < p->ntypes; ++*column)
	{
		PpBytes type = pp_str(p, p->types[*column].type);

		if (pp_bytes_eq(type, name) || pp_bytes_eq(type, bare))
			return PP_OK;
	}
	return no_such_column(p, name, err);
}

PpCode
pp_profile_total(const PpProfile *p, uint32_t type, int64_t *total, PpError *err)
{
	__int128 sum = 0;

	if (type >= p->ntypes)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "there is no sample type %u", type);
	for (size_t i = 0; i < p->nsamples; i++)
		sum += p->values[i * p->ntypes + type];
	if (sum > INT64_MAX || sum < INT64_MIN)
		return pp_fail(err,
					   PP_EOVERFLOW,
					   PP_NO_OFFSET,
					   "the sum of the samples is out of range for bigint");
	*total = (int64_t) sum;
	return PP_OK;
}
