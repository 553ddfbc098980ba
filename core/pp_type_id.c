/*
 * pp_type_id.c
 *		Profile type ids, and the name of a pprof that came without one.
 */
#include "core/pp_labels.h"
#include "core/pp_text.h"

#include <string.h>

#define TYPE_PARTS 5

PpCode
pp_type_id_parse(PpBytes text, PpTypeId *id, PpError *err)
{
	PpBytes parts[TYPE_PARTS + 1];
	uint32_t n = 0, start = 0;

	for (uint32_t i = 0; i <= text.len; i++)
	{
		if (i < text.len && text.data[i] != ':')
			continue;
		if (n <= TYPE_PARTS)
			parts[n] = (PpBytes){text.data + start, i - start};
		n++;
		start = i + 1;
	}
	if (n != TYPE_PARTS && n != TYPE_PARTS + 1)
	{
		char shown[90];

		return pp_fail(err,
					   PP_EINVALID,
					   PP_NO_OFFSET,
					   "profile-type selection must be of the form <name>:<sample-type>:<sample-unit>:<period-type>:<period-unit>(:delta), got(%u): \"%s\"",
					   n,
					   pp_quote_short(text, shown, sizeof(shown)));
	}
	*id = (PpTypeId){parts[0], parts[1], parts[2], parts[3], parts[4]};
	return PP_OK;
}

PpCode
pp_type_id_text(const PpTypeId *id, PpArena *arena, PpBytes *text, PpError *err)
{
	const PpBytes parts[TYPE_PARTS] = {id->name,
									   id->sample_type,
									   id->sample_unit,
									   id->period_type,
									   id->period_unit};
	size_t len = TYPE_PARTS - 1;
	char *at;

	for (int i = 0; i < TYPE_PARTS; i++)
		len += parts[i].len;
	if (len > UINT32_MAX || (at = pp_arena_alloc(arena, len)) == NULL)
		return pp_fail_nomem(err);
	*text = (PpBytes){at, (uint32_t) len};
	for (int i = 0; i < TYPE_PARTS; i++)
	{
		if (i > 0)
			*at++ = ':';
		if (parts[i].len > 0)
			memcpy(at, parts[i].data, parts[i].len);
		at += parts[i].len;
	}
	return PP_OK;
}

static bool
contains(PpBytes text, const char *part)
{
	size_t len = strlen(part);

	for (size_t i = 0; i + len <= text.len; i++)
	{
		if (memcmp(text.data + i, part, len) == 0)
			return true;
	}
	return false;
}

static bool
equals(PpBytes text, const char *other)
{
	return text.len == strlen(other) && memcmp(text.data, other, text.len) == 0;
}

/* What the Go SDK's sample types are called when no configuration came along. */
static PpBytes
builtin_display(PpBytes type)
{
	static const char *const table[][2] = {
		{"samples", "cpu"},
		{"goroutine", "goroutines"},
		{"contentions", "mutex_count"},
		{"delay", "mutex_duration"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
	{
		if (equals(type, table[i][0]))
			return pp_bytes_cstr(table[i][1]);
	}
	return type;
}

/* The name that a sample type stands for, or NULL. */
static const char *
name_of_type(PpBytes type)
{
	if (contains(type, "cpu"))
		return "process_cpu";
	if (contains(type, "alloc_") || contains(type, "inuse_") || equals(type, "space") ||
		equals(type, "objects"))
		return "memory";
	if (contains(type, "mutex_"))
		return "mutex";
	if (contains(type, "block_"))
		return "block";
	if (contains(type, "goroutines"))
		return "goroutines";
	return NULL;
}

PpBytes
pp_infer_name(const PpProfile *profile, const PpBytes *display, bool has_display)
{
	PpBytes type = {"", 0};

	for (uint32_t i = 0; i < profile->ntypes; i++)
	{
		if (equals(pp_str(profile, profile->types[i].type), "wall"))
			return pp_bytes_cstr("wall");
	}
	for (uint32_t i = 0; i < profile->ntypes; i++)
	{
		const char *name;

		type = pp_str(profile, profile->types[i].type);
		if (!has_display)
			type = builtin_display(type);
		else if (display[i].len > 0)
			type = display[i];
		name = name_of_type(type);
		if (name != NULL)
			return pp_bytes_cstr(name);
	}
	return type;
}
