/*
 * textproto.c
 *		profile.proto bytes as the text that `protoc --decode` prints.
 */
#include "textproto.h"

#include <inttypes.h>
#include <string.h>

typedef enum Kind
{
	SIGNED,
	UNSIGNED,
	BOOL,
	STRING,
	MESSAGE
} Kind;

typedef struct Field
{
	const char *name; /* NULL ends the list; fields count from 1 */
	Kind kind;
	bool repeated;
	const struct Field *fields; /* of a message */
} Field;

#define ONE(field, what)                                                                           \
	{                                                                                              \
		.name = (field), .kind = (what)                                                            \
	}
#define MANY(field, what)                                                                          \
	{                                                                                              \
		.name = (field), .kind = (what), .repeated = true                                          \
	}
#define SUB(field, many, of)                                                                       \
	{                                                                                              \
		.name = (field), .kind = MESSAGE, .repeated = (many), .fields = (of)                       \
	}
#define END                                                                                        \
	{                                                                                              \
		.name = NULL                                                                               \
	}

static const Field value_type[] = {ONE("type", SIGNED), ONE("unit", SIGNED), END};

static const Field label[] = {ONE("key", SIGNED),
							  ONE("str", SIGNED),
							  ONE("num", SIGNED),
							  ONE("num_unit", SIGNED),
							  END};

static const Field sample[] = {MANY("location_id", UNSIGNED),
							   MANY("value", SIGNED),
							   SUB("label", true, label),
							   END};

static const Field mapping[] = {ONE("id", UNSIGNED),
								ONE("memory_start", UNSIGNED),
								ONE("memory_limit", UNSIGNED),
								ONE("file_offset", UNSIGNED),
								ONE("filename", SIGNED),
								ONE("build_id", SIGNED),
								ONE("has_functions", BOOL),
								ONE("has_filenames", BOOL),
								ONE("has_line_numbers", BOOL),
								ONE("has_inline_frames", BOOL),
								END};

static const Field line[] = {ONE("function_id", UNSIGNED),
							 ONE("line", SIGNED),
							 ONE("column", SIGNED),
							 END};

static const Field location[] = {ONE("id", UNSIGNED),
								 ONE("mapping_id", UNSIGNED),
								 ONE("address", UNSIGNED),
								 SUB("line", true, line),
								 ONE("is_folded", BOOL),
								 END};

static const Field function[] = {ONE("id", UNSIGNED),
								 ONE("name", SIGNED),
								 ONE("system_name", SIGNED),
								 ONE("filename", SIGNED),
								 ONE("start_line", SIGNED),
								 END};

static const Field profile[] = {SUB("sample_type", true, value_type),
								SUB("sample", true, sample),
								SUB("mapping", true, mapping),
								SUB("location", true, location),
								SUB("function", true, function),
								MANY("string_table", STRING),
								ONE("drop_frames", SIGNED),
								ONE("keep_frames", SIGNED),
								ONE("time_nanos", SIGNED),
								ONE("duration_nanos", SIGNED),
								SUB("period_type", false, value_type),
								ONE("period", SIGNED),
								MANY("comment", SIGNED),
								ONE("default_sample_type", SIGNED),
								ONE("doc_url", SIGNED),
								END};

static bool
read_varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
	*value = 0;
	for (int shift = 0; shift < 64 && *at < end; shift += 7)
	{
		uint8_t byte = *(*at)++;

		*value |= (uint64_t) (byte & 0x7F) << shift;
		if (byte < 0x80)
			return true;
	}
	return false;
}

static void
print_number(PpBuf *out, const Field *field, uint64_t value, int depth)
{
	if (value == 0 && !field->repeated)
		return;
	pp_buf_fill(out, ' ', (size_t) depth * 2);
	if (field->kind == BOOL)
		pp_buf_printf(out, "%s: true\n", field->name);
	else if (field->kind == SIGNED)
		pp_buf_printf(out, "%s: %" PRId64 "\n", field->name, (int64_t) value);
	else
		pp_buf_printf(out, "%s: %" PRIu64 "\n", field->name, value);
}

static void
print_string(PpBuf *out, const Field *field, const uint8_t *data, size_t len)
{
	pp_buf_printf(out, "%s: \"", field->name);
	for (size_t i = 0; i < len; i++)
	{
		const char *special = "\n\r\t\"'\\", *found;

		if (data[i] != 0 && (found = strchr(special, data[i])) != NULL)
			pp_buf_printf(out, "\\%c", "nrt\"'\\"[found - special]);
		else if (data[i] < 0x20 || data[i] >= 0x7F)
			pp_buf_printf(out, "\\%03o", data[i]);
		else
			pp_buf_char(out, (char) data[i]);
	}
	pp_buf_text(out, "\"\n");
}

static const Field *
find_field(const Field *fields, uint64_t number)
{
	for (uint64_t i = 1; fields->name != NULL; i++, fields++)
		if (i == number)
			return fields;
	return NULL;
}

/* Depth is bounded by the schema. */
static bool
print_message(PpBuf *out, const Field *fields, const uint8_t *at, size_t len, int depth)
{
	const uint8_t *end = at + len;

	while (at < end)
	{
		const Field *field;
		uint64_t tag, value;

		if (!read_varint(&at, end, &tag) || (field = find_field(fields, tag >> 3)) == NULL ||
			!read_varint(&at, end, &value))
			return false;
		if ((tag & 7) == 0)
		{
			print_number(out, field, value, depth);
			continue;
		}
		if ((tag & 7) != 2 || value > (uint64_t) (end - at))
			return false;
		if (field->kind == STRING)
			print_string(out, field, at, value);
		else if (field->kind == MESSAGE)
		{
			pp_buf_fill(out, ' ', (size_t) depth * 2);
			pp_buf_printf(out, "%s {\n", field->name);
			if (!print_message(out, field->fields, at, value, depth + 1))
				return false;
			pp_buf_fill(out, ' ', (size_t) depth * 2);
			pp_buf_text(out, "}\n");
		}
		else
			for (const uint8_t *packed = at; packed < at + value;)
			{
				uint64_t number;

				if (!read_varint(&packed, at + value, &number))
					return false;
				print_number(out, field, number, depth);
			}
		at += value;
	}
	return true;
}

bool
textproto_profile(PpBuf *out, const uint8_t *data, size_t len)
{
	return print_message(out, profile, data, len, 0);
}
