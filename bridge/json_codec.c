/*
 * json_codec.c
 *		JSON to and from protobuf-c messages, driven by their descriptors.
 *
 * Names are the lowerCamelCase of the field name; the field name itself is read
 * as well.  Unknown members are ignored, null is absence, a member that occurs
 * twice (in either spelling) is an error.
 */
#include "bridge/json_codec.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FIELDS 64 /* of one message, for the set of members seen */
#define MAX_NAME   64

typedef struct Decoder
{
	PpArena *arena;
	const CodecLimits *limits;
	PpError *err;
} Decoder;

static void
json_name(const ProtobufCFieldDescriptor *field, char name[MAX_NAME])
{
	size_t len = 0;
	bool upper = false;

	for (const char *c = field->name; *c != '\0' && len < MAX_NAME - 1; c++)
	{
		if (*c == '_')
			upper = true;
		else
		{
			name[len++] = (char) (upper && *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
			upper = false;
		}
	}
	name[len] = '\0';
}

static size_t
element_size(const ProtobufCFieldDescriptor *field)
{
	switch (field->type)
	{
		case PROTOBUF_C_TYPE_INT64:
		case PROTOBUF_C_TYPE_SINT64:
		case PROTOBUF_C_TYPE_SFIXED64:
		case PROTOBUF_C_TYPE_UINT64:
		case PROTOBUF_C_TYPE_FIXED64:
		case PROTOBUF_C_TYPE_DOUBLE:
			return 8;
		case PROTOBUF_C_TYPE_STRING:
		case PROTOBUF_C_TYPE_MESSAGE:
			return sizeof(void *);
		case PROTOBUF_C_TYPE_BYTES:
			return sizeof(ProtobufCBinaryData);
		case PROTOBUF_C_TYPE_BOOL:
			return sizeof(protobuf_c_boolean);
		default:
			return 4;
	}
}

/*
 * Reading
 */

PpCode
json_precheck(const uint8_t *data, size_t len, const CodecLimits *limits, PpError *err)
{
	uint32_t values = 1, depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++)
	{
		uint8_t c = data[i];

		if (in_string)
		{
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
			continue;
		}
		if (c == '"')
			in_string = true;
		else if (c == '}' || c == ']')
			depth -= depth > 0;
		else if (c == '{' || c == '[')
		{
			values++;
			if (++depth > limits->max_depth)
				return pp_fail(err, PP_EMALFORMED, i, "JSON is nested deeper than %u", limits->max_depth);
		}
		else if (c == ',' || c == ':')
			values++;
		if (values > limits->max_values)
			return pp_fail_limit(err,
								 i,
								 "max_values",
								 limits->max_values,
								 "JSON holds more than %u values",
								 limits->max_values);
	}
	return PP_OK;
}

static int
base64_digit(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

bool
base64_decode(const char *text, size_t len, PpArena *arena, uint8_t **out, size_t *out_len)
{
	uint32_t bits = 0;
	unsigned nbits = 0;
	size_t n = 0;

	while (len > 0 && text[len - 1] == '=')
		len--;
	if (len % 4 == 1)
		return false;
	*out = pp_arena_alloc(arena, len / 4 * 3 + 3);
	if (*out == NULL)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		int digit = base64_digit((unsigned char) text[i]);

		if (digit < 0)
			return false;
		bits = bits << 6 | (uint32_t) digit;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			(*out)[n++] = (uint8_t) (bits >> nbits);
		}
	}
	*out_len = n;
	return true;
}

static PpCode
bad_value(Decoder *decoder, const ProtobufCFieldDescriptor *field)
{
	char name[MAX_NAME];

	json_name(field, name);
	return pp_fail(decoder->err, PP_EMALFORMED, PP_NO_OFFSET, "invalid value for field %s", name);
}

/* A number, or a string holding one; integral and within int64. */
static bool
read_int64(const json_t *json, int64_t *value)
{
	double real;
	char *end;

	if (json_is_integer(json))
	{
		*value = json_integer_value(json);
		return true;
	}
	if (json_is_string(json))
	{
		const char *text = json_string_value(json);

		if (strlen(text) != json_string_length(json) || text[0] == '\0' ||
			strspn(text, "0123456789+-.eE") != strlen(text))
			return false;
		errno = 0;
		*value = strtoll(text, &end, 10);
		if (*end == '\0')
			return errno == 0;
		real = strtod(text, &end);
		if (*end != '\0')
			return false;
	}
	else if (json_is_real(json))
		real = json_real_value(json);
	else
		return false;
	/* also false for NaN */
	if (!(real >= -9223372036854775808.0 && real < 9223372036854775808.0) || real != floor(real))
		return false;
	*value = (int64_t) real;
	return true;
}

static bool
read_double(const json_t *json, double *value)
{
	const char *text;
	char *end;

	if (json_is_number(json))
	{
		*value = json_number_value(json);
		return true;
	}
	if (!json_is_string(json))
		return false;
	text = json_string_value(json);
	if (strcmp(text, "NaN") == 0)
		*value = NAN;
	else if (strcmp(text, "Infinity") == 0)
		*value = INFINITY;
	else if (strcmp(text, "-Infinity") == 0)
		*value = -INFINITY;
	else
	{
		if (text[0] == '\0' || strspn(text, "0123456789+-.eE") != strlen(text))
			return false;
		*value = strtod(text, &end);
		return *end == '\0';
	}
	return true;
}

/* An unknown name leaves the field as it is. */
static bool
read_enum(const json_t *json, const ProtobufCEnumDescriptor *type, int *value)
{
	int64_t number;

	if (json_is_string(json))
	{
		const ProtobufCEnumValue *known =
			protobuf_c_enum_descriptor_get_value_by_name(type, json_string_value(json));

		if (known != NULL)
			*value = known->value;
		return true;
	}
	if (!read_int64(json, &number) || number < INT32_MIN || number > INT32_MAX)
		return false;
	*value = (int) number;
	return true;
}

static PpCode decode_message(Decoder *decoder, const ProtobufCMessageDescriptor *type,
							 const json_t *json, ProtobufCMessage **message);

static PpCode
decode_bytes(Decoder *decoder, const ProtobufCFieldDescriptor *field, const json_t *json,
			 ProtobufCBinaryData *bytes)
{
	if (!json_is_string(json) || !base64_decode(json_string_value(json),
												json_string_length(json),
												decoder->arena,
												&bytes->data,
												&bytes->len))
		return bad_value(decoder, field);
	return PP_OK;
}

static PpCode
decode_string(Decoder *decoder, const ProtobufCFieldDescriptor *field, const json_t *json, char **text)
{
	if (!json_is_string(json))
		return bad_value(decoder, field);
	*text = pp_arena_copy(decoder->arena, json_string_value(json), json_string_length(json) + 1);
	return *text == NULL ? pp_fail_nomem(decoder->err) : PP_OK;
}

/* One value (of a list, or the only one) into its place in the message. */
static PpCode
decode_value(Decoder *decoder, const ProtobufCFieldDescriptor *field, const json_t *json, void *place)
{
	int64_t number = 0;
	bool ok = true;

	switch (field->type)
	{
		case PROTOBUF_C_TYPE_STRING:
			return decode_string(decoder, field, json, place);
		case PROTOBUF_C_TYPE_BYTES:
			return decode_bytes(decoder, field, json, place);
		case PROTOBUF_C_TYPE_MESSAGE:
			return decode_message(decoder, field->descriptor, json, place);
		case PROTOBUF_C_TYPE_DOUBLE:
			ok = read_double(json, place);
			break;
		case PROTOBUF_C_TYPE_ENUM:
			ok = read_enum(json, field->descriptor, place);
			break;
		case PROTOBUF_C_TYPE_BOOL:
			ok = json_is_boolean(json);
			*(protobuf_c_boolean *) place = json_is_true(json);
			break;
		case PROTOBUF_C_TYPE_INT64:
		case PROTOBUF_C_TYPE_UINT64:
			ok = read_int64(json, place) &&
				 (field->type == PROTOBUF_C_TYPE_INT64 || *(int64_t *) place >= 0);
			break;
		case PROTOBUF_C_TYPE_UINT32:
			ok = read_int64(json, &number) && number >= 0 && number <= UINT32_MAX;
			*(uint32_t *) place = (uint32_t) number;
			break;
		default: /* no other type occurs in our definitions */
			ok = false;
	}
	return ok ? PP_OK : bad_value(decoder, field);
}

static PpCode
decode_list(Decoder *decoder, const ProtobufCFieldDescriptor *field, const json_t *json,
			ProtobufCMessage *message)
{
	size_t n = json_array_size(json), size = element_size(field);
	char *values;
	PpCode code;

	if (!json_is_array(json))
		return bad_value(decoder, field);
	if (n == 0)
		return PP_OK;
	values = pp_arena_array(decoder->arena, n, size);
	if (values == NULL)
		return pp_fail_nomem(decoder->err);
	memset(values, 0, n * size);
	for (size_t i = 0; i < n; i++)
	{
		code = decode_value(decoder, field, json_array_get(json, i), values + i * size);
		if (code != PP_OK)
			return code;
	}
	*(size_t *) ((char *) message + field->quantifier_offset) = n;
	*(char **) ((char *) message + field->offset) = values;
	return PP_OK;
}

static const ProtobufCFieldDescriptor *
find_field(const ProtobufCMessageDescriptor *type, const char *key, unsigned *index)
{
	for (unsigned i = 0; i < type->n_fields; i++)
	{
		char name[MAX_NAME];

		json_name(&type->fields[i], name);
		if (strcmp(key, name) == 0 || strcmp(key, type->fields[i].name) == 0)
		{
			*index = i;
			return &type->fields[i];
		}
	}
	return NULL;
}

static PpCode
decode_message(Decoder *decoder, const ProtobufCMessageDescriptor *type, const json_t *json,
			   ProtobufCMessage **message)
{
	uint64_t seen = 0;
	void *iter;

	if (!json_is_object(json) || type->n_fields > MAX_FIELDS)
		return pp_fail(decoder->err,
					   PP_EMALFORMED,
					   PP_NO_OFFSET,
					   "expected an object for %s",
					   type->name);
	*message = pp_arena_alloc(decoder->arena, type->sizeof_message);
	if (*message == NULL)
		return pp_fail_nomem(decoder->err);
	protobuf_c_message_init(type, *message);
	for (iter = json_object_iter((json_t *) json); iter != NULL;
		 iter = json_object_iter_next((json_t *) json, iter))
	{
		const json_t *value = json_object_iter_value(iter);
		unsigned index = 0;
		const ProtobufCFieldDescriptor *field = find_field(type, json_object_iter_key(iter), &index);
		PpCode code;

		if (field == NULL)
			continue;
		if (seen >> index & 1)
			return pp_fail(decoder->err,
						   PP_EMALFORMED,
						   PP_NO_OFFSET,
						   "duplicate field \"%s\"",
						   field->name);
		seen |= UINT64_C(1) << index;
		if (json_is_null(value))
			continue;
		if (field->label == PROTOBUF_C_LABEL_REPEATED)
			code = decode_list(decoder, field, value, *message);
		else
			code = decode_value(decoder, field, value, (char *) *message + field->offset);
		if (code != PP_OK)
			return code;
	}
	return PP_OK;
}

PpCode
json_decode(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len,
			const CodecLimits *limits, PpArena *arena, ProtobufCMessage **message, PpError *err)
{
	Decoder decoder = {.arena = arena, .limits = limits, .err = err};
	json_error_t json_err;
	json_t *json;
	PpCode code;

	if (len == 0)
		return pp_fail(err, PP_EMALFORMED, 0, "zero-length payload is not a valid JSON object");
	if ((code = json_precheck(data, len, limits, err)) != PP_OK)
		return code;
	json = json_loadb((const char *) data, len, JSON_REJECT_DUPLICATES, &json_err);
	if (json == NULL)
		return pp_fail(err, PP_EMALFORMED, (size_t) json_err.position, "%s", json_err.text);
	code = decode_message(&decoder, type, json, message);
	json_decref(json);
	return code;
}

/*
 * Writing
 */

static void encode_message(const ProtobufCMessage *message, Buf *out);

static void
encode_bytes(const ProtobufCBinaryData *bytes, Buf *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	buf_char(out, '"');
	for (size_t i = 0; i < bytes->len; i += 3)
	{
		size_t left = bytes->len - i;
		uint32_t bits = (uint32_t) bytes->data[i] << 16 |
						(left > 1 ? (uint32_t) bytes->data[i + 1] << 8 : 0) |
						(left > 2 ? bytes->data[i + 2] : 0);
		char text[4] = {digits[bits >> 18],
						digits[bits >> 12 & 63],
						left > 1 ? digits[bits >> 6 & 63] : '=',
						left > 2 ? digits[bits & 63] : '='};

		buf_put(out, text, sizeof(text));
	}
	buf_char(out, '"');
}

static void
encode_enum(const ProtobufCFieldDescriptor *field, int value, Buf *out)
{
	const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(field->descriptor, value);

	if (known == NULL)
		buf_int(out, value);
	else
		buf_json_string(out, known->name, strlen(known->name), false);
}

static void
encode_value(const ProtobufCFieldDescriptor *field, const void *place, Buf *out)
{
	switch (field->type)
	{
		case PROTOBUF_C_TYPE_STRING:
			buf_json_string(out, *(char *const *) place, strlen(*(char *const *) place), false);
			break;
		case PROTOBUF_C_TYPE_BYTES:
			encode_bytes(place, out);
			break;
		case PROTOBUF_C_TYPE_MESSAGE:
			encode_message(*(ProtobufCMessage *const *) place, out);
			break;
		case PROTOBUF_C_TYPE_DOUBLE:
			buf_json_double(out, *(const double *) place);
			break;
		case PROTOBUF_C_TYPE_ENUM:
			encode_enum(field, *(const int *) place, out);
			break;
		case PROTOBUF_C_TYPE_BOOL:
			buf_str(out, *(const protobuf_c_boolean *) place ? "true" : "false");
			break;
		case PROTOBUF_C_TYPE_INT64:
		case PROTOBUF_C_TYPE_UINT64:
			buf_char(out, '"');
			if (field->type == PROTOBUF_C_TYPE_INT64)
				buf_int(out, *(const int64_t *) place);
			else
				buf_uint(out, *(const uint64_t *) place);
			buf_char(out, '"');
			break;
		default:
			buf_uint(out, *(const uint32_t *) place);
	}
}

static bool
is_zero(const ProtobufCFieldDescriptor *field, const void *place)
{
	static const char zeros[16] = {0};

	switch (field->type)
	{
		case PROTOBUF_C_TYPE_STRING:
			return *(char *const *) place == NULL || **(char *const *) place == '\0';
		case PROTOBUF_C_TYPE_BYTES:
			return ((const ProtobufCBinaryData *) place)->len == 0;
		case PROTOBUF_C_TYPE_DOUBLE:
			return *(const double *) place == 0;
		default:
			return memcmp(place, zeros, element_size(field)) == 0;
	}
}

static void
encode_message(const ProtobufCMessage *message, Buf *out)
{
	bool first = true;

	buf_char(out, '{');
	for (unsigned f = 0; f < message->descriptor->n_fields; f++)
	{
		const ProtobufCFieldDescriptor *field = &message->descriptor->fields[f];
		const char *place = (const char *) message + field->offset;
		bool list = field->label == PROTOBUF_C_LABEL_REPEATED;
		size_t n = list ? *(const size_t *) ((const char *) message + field->quantifier_offset) : 1;
		char name[MAX_NAME];

		if (n == 0 || (!list && is_zero(field, place)))
			continue;
		json_name(field, name);
		if (!first)
			buf_char(out, ',');
		first = false;
		buf_json_string(out, name, strlen(name), false);
		buf_char(out, ':');
		if (!list)
		{
			encode_value(field, place, out);
			continue;
		}
		buf_char(out, '[');
		for (size_t i = 0; i < n; i++)
		{
			if (i > 0)
				buf_char(out, ',');
			encode_value(field, *(const char *const *) place + i * element_size(field), out);
		}
		buf_char(out, ']');
	}
	buf_char(out, '}');
}

void
json_encode(const ProtobufCMessage *message, Buf *out)
{
	encode_message(message, out);
}
