/*
 * pp_formats.c
 *		Which format some bytes are of, and reading them as that.
 *
 * Detection looks at the first few thousand bytes only.  Texts have no control
 * characters, which profile.proto has in its first bytes already: lengths and
 * small numbers.
 */
#include "core/pp_formats.h"

#include <inttypes.h>
#include <string.h>

#include "core/pp_codec.h"
#include "core/pp_folded.h"
#include "core/pp_foreign.h"
#include "core/pp_gperftools.h"
#include "core/pp_inflate.h"
#include "core/pp_perf_script.h"
#include "core/pp_speedscope.h"
#include "core/pp_text.h"
#include "core/pp_trie.h"
#include "core/pp_wire.h"

#define TEXT_SEEN	4096  /* bytes that must look like text */
#define LINES_SEEN	65536 /* bytes among whose lines one must end in a count */
#define FIELDS_SEEN 64	  /* fields of profile.proto */

static PpFormatReader read_gperftools;

static const struct
{
	PpFormat format;
	const char *name, *other_name;
	PpFormatReader *read; /* NULL: as the pprof tool does */
} formats[] = {
	{PP_FORMAT_AUTO, "auto", NULL, NULL},
	{PP_FORMAT_PPROF, "pprof", NULL, NULL},
	{PP_FORMAT_FOLDED, "folded", "collapsed", pp_folded_read},
	{PP_FORMAT_FOLDED, "groups", NULL, pp_folded_read},
	{PP_FORMAT_LINES, "lines", NULL, pp_lines_read},
	{PP_FORMAT_TRIE, "trie", NULL, pp_trie_read},
	{PP_FORMAT_TREE, "tree", NULL, pp_tree_read},
	{PP_FORMAT_SPEEDSCOPE, "speedscope", NULL, pp_speedscope_read},
	{PP_FORMAT_PERF_SCRIPT, "perf_script", NULL, pp_perf_script_read},
	{PP_FORMAT_GPERFTOOLS, "gperftools", NULL, read_gperftools},
	{PP_FORMAT_GPERFTOOLS_CPU, "gperftools_cpu", NULL, pp_gperftools_cpu_read},
	{PP_FORMAT_GPERFTOOLS_HEAP, "gperftools_heap", NULL, pp_gperftools_heap_read},
};

#define FORMATS (sizeof(formats) / sizeof(formats[0]))

/* --- names --- */

bool
pp_format_by_name(PpBytes name, PpFormat *format)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (pp_bytes_eq(name, pp_bytes_cstr(formats[i].name)) ||
			(formats[i].other_name != NULL && pp_bytes_eq(name, pp_bytes_cstr(formats[i].other_name))))
		{
			*format = formats[i].format;
			return true;
		}
	return false;
}

const char *
pp_format_name(PpFormat format)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (formats[i].format == format)
			return formats[i].name;
	return NULL;
}

static PpFormatReader *
reader_of(PpFormat format)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (formats[i].format == format)
			return formats[i].read;
	return NULL;
}

/* --- detection --- */

static bool
is_text(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len && i < TEXT_SEEN; i++)
		if (data[i] == 0x7f ||
			(data[i] < 0x20 && (data[i] == '\0' || strchr("\t\n\v\f\r\033", data[i]) == NULL)))
			return false;
	return len > 0;
}

/* The same without bytes that no text of today has. */
static bool
is_utf8_text(const uint8_t *data, size_t len)
{
	size_t seen = len < TEXT_SEEN ? len : TEXT_SEEN, n;
	uint32_t rune;

	if (!is_text(data, len))
		return false;
	for (size_t at = 0; at < seen; at += n)
		if ((n = pp_utf8_next((const char *) data + at, len - at, &rune)) == 0)
			return false;
	return true;
}

/* JSON whose first value is an object: there is only one such format here. */
static bool
is_json_object(const uint8_t *data, size_t len)
{
	size_t at = len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	while (at < len && strchr(" \t\r\n", data[at]) != NULL)
		at++;
	return at < len && data[at] == '{';
}

/* Behind a field of this wire type; NULL if it does not end, or is a group. */
static const uint8_t *
skip_field(uint64_t type, const uint8_t *p, const uint8_t *end)
{
	PpVarint value;

	if (type == 1 || type == 5)
		return end - p < (type == 1 ? 8 : 4) ? NULL : p + (type == 1 ? 8 : 4);
	if (type != 0 && type != 2)
		return NULL;
	value = pp_varint(p, end);
	if (value.next == NULL || type == 0)
		return value.next;
	return value.value > (uint64_t) (end - value.next) ? NULL : value.next + value.value;
}

/* Do the first fields have the numbers and types of a Profile message? */
static bool
is_profile_proto(const uint8_t *data, size_t len)
{
	/* wire type by field number; other numbers may be of a later version */
	static const uint8_t types[] = {9, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0};
	const uint8_t *p = data, *end = data + len;
	int known = 0;

	for (int i = 0; i < FIELDS_SEEN && p < end; i++)
	{
		PpVarint tag = pp_varint(p, end);
		uint64_t number = tag.value >> 3, type = tag.value & 7;

		if (tag.next == NULL)
			return false;
		if (number > 0 && number < sizeof(types))
		{
			/* comments may be packed */
			if (type != types[number] && !(number == 13 && type == 2))
				return false;
			known++;
		}
		p = skip_field(type, tag.next, end);
		if (p == NULL)
			return false;
	}
	return known > 0;
}

PpFormat
pp_format_detect(const uint8_t *data, size_t len)
{
	if (pp_is_gperftools_cpu(data, len))
		return PP_FORMAT_GPERFTOOLS_CPU;
	if (!is_text(data, len))
		return is_profile_proto(data, len) ? PP_FORMAT_PPROF : PP_FORMAT_AUTO;
	if (pp_is_gperftools_heap(data, len))
		return PP_FORMAT_GPERFTOOLS_HEAP;
	if (pp_foreign_refuse(data, len, NULL))
		return PP_FORMAT_AUTO;
	if (is_json_object(data, len))
		return PP_FORMAT_SPEEDSCOPE;
	if (pp_is_perf_script(data, len))
		return PP_FORMAT_PERF_SCRIPT;
	if (pp_is_folded(data, len < LINES_SEEN ? len : LINES_SEEN))
		return PP_FORMAT_FOLDED;
	return PP_FORMAT_AUTO;
}

/* --- reading --- */

void
pp_format_header(PpBuilder *b, const PpFormatOptions *options)
{
	static const PpFormatOptions none;
	static const PpBytes samples = {"samples", 7}, count = {"count", 5};
	const PpFormatOptions *o = options != NULL ? options : &none;

	pp_builder_type_bytes(b,
						  o->sample_type.len > 0 ? o->sample_type : samples,
						  o->unit.len > 0 ? o->unit : count);
	pp_builder_period(b, o->period_type, o->period_unit, o->period);
}

/* Whichever it is. */
static PpCode
read_gperftools(const PpFormatOptions *options, const uint8_t *data, size_t len,
				const PpLimits *limits, PpArena *arena, PpProfile **profile, PpError *err)
{
	if (pp_is_gperftools_cpu(data, len))
		return pp_gperftools_cpu_read(options, data, len, limits, arena, profile, err);
	return pp_gperftools_heap_read(options, data, len, limits, arena, profile, err);
}

/* The format that the bytes themselves tell, or why there is none. */
static PpCode
detect_or_fail(const uint8_t *data, size_t len, PpFormat *format, PpError *err)
{
	*format = pp_format_detect(data, len);
	if (*format != PP_FORMAT_AUTO || !is_utf8_text(data, len))
		return PP_OK; /* the decoder says what is wrong, and where */
	if (pp_foreign_refuse(data, len, err))
		return PP_EUNSUPPORTED;
	return pp_fail(err,
				   PP_EMALFORMED,
				   0,
				   "the format of the input cannot be told from its bytes; name it (lines, tries and trees always need that), or convert it");
}

PpCode
pp_format_read_plain(PpFormat format, const PpFormatOptions *options, const uint8_t *data, size_t len,
					 const PpLimits *limits, PpArena *arena, PpProfile **profile, PpError *err)
{
	PpFormatReader *read;
	PpCode code;

	*profile = NULL;
	if (format == PP_FORMAT_AUTO && (code = detect_or_fail(data, len, &format, err)) != PP_OK)
		return code;
	/* lines and strings are counted in 32 bits */
	if (len >= UINT32_MAX || (int64_t) len > limits->max_profile_size)
		return pp_fail_limit(err,
							 PP_NO_OFFSET,
							 "max_profile_size",
							 limits->max_profile_size,
							 "profile is larger than %" PRId64 " bytes",
							 limits->max_profile_size);
	read = reader_of(format);
	if (read == NULL)
		return pp_profile_read_plain(data, len, limits, arena, profile, err);
	return read(options, data, len, limits, arena, profile, err);
}

PpCode
pp_format_unpack(const uint8_t *data, size_t len, const PpLimits *limits, PpArena *arena,
				 const uint8_t **plain, size_t *plain_len, PpError *err)
{
	PpContainer container = pp_container_detect(data, len);
	PpCode code = pp_inflate_arena(container, data, len, limits, arena, plain, plain_len, err);

	/*
	 * Two bytes can look like the header of zlib: "XG" does, fields 9 and 15 of a
	 * profile, "[" behind the length of "[kernel]" in a trie.  zlib itself writes 78.
	 */
	if ((code == PP_EMALFORMED || code == PP_ELIMIT) && container == PP_ZLIB &&
		(data[0] != 0x78 || is_text(data, len) || is_profile_proto(data, len)))
		code = pp_inflate_arena(PP_PLAIN, data, len, limits, arena, plain, plain_len, err);
	return code;
}

PpCode
pp_format_read(PpFormat format, const PpFormatOptions *options, const uint8_t *data, size_t len,
			   const PpLimits *limits, PpArena *arena, PpProfile **profile, PpError *err)
{
	const uint8_t *plain;
	size_t plain_len;
	PpCode code = pp_format_unpack(data, len, limits, arena, &plain, &plain_len, err);

	*profile = NULL;
	if (code != PP_OK)
		return code;
	return pp_format_read_plain(format, options, plain, plain_len, limits, arena, profile, err);
}
