/*
 * proto_codec.c
 *		Protobuf bytes to and from protobuf-c messages, within limits.
 *
 * protobuf-c turns two bytes of input into a message of a hundred, and does not
 * look into strings.  So the bytes are walked first: messages and list entries
 * are counted, strings must be UTF-8 without NUL (protobuf-c would cut them
 * there).  Bytes fields, where the profiles are, are stepped over.
 */
#include "bridge/json_codec.h"

#include <string.h>

const CodecLimits codec_limits_default = {.max_values = 1 << 18, .max_depth = 64};

typedef struct Walk
{
	const uint8_t *data;
	const CodecLimits *limits;
	uint32_t values;
	PpError *err;
} Walk;

static PpCode
walk_fail(Walk *walk, size_t at, const char *what)
{
	return pp_fail(walk->err, PP_EMALFORMED, at, "%s at byte %zu", what, at);
}

static PpCode
walk_varint(Walk *walk, size_t *at, size_t end, uint64_t *value)
{
	*value = 0;
	for (unsigned shift = 0; shift < 70; shift += 7)
	{
		uint8_t byte;

		if (*at >= end)
			return walk_fail(walk, *at, "unexpected end of message");
		byte = walk->data[(*at)++];
		if (shift < 64)
			*value |= (uint64_t) (byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			return PP_OK;
	}
	return walk_fail(walk, *at, "number is longer than 10 bytes");
}

static PpCode
walk_count(Walk *walk, uint64_t more)
{
	if (more > walk->limits->max_values - walk->values)
		return pp_fail_limit(walk->err,
							 PP_NO_OFFSET,
							 "max_values",
							 walk->limits->max_values,
							 "message holds more than %u values",
							 walk->limits->max_values);
	walk->values += (uint32_t) more;
	return PP_OK;
}

static PpCode walk_message(Walk *walk, const ProtobufCMessageDescriptor *type, size_t at,
						   size_t end, uint32_t depth);

/* A length-delimited field whose content lies in [at, end). */
static PpCode
walk_delimited(Walk *walk, const ProtobufCFieldDescriptor *field, size_t at, size_t end,
			   uint32_t depth)
{
	const char *text = (const char *) walk->data + at;

	switch (field->type)
	{
		case PROTOBUF_C_TYPE_STRING:
			if (memchr(text, '\0', end - at) != NULL)
				return walk_fail(walk, at, "string contains a zero byte");
			if (!utf8_valid(text, end - at))
				return walk_fail(walk, at, "string field contains invalid UTF-8");
			return walk_count(walk, 1);
		case PROTOBUF_C_TYPE_BYTES:
			return walk_count(walk, 1);
		case PROTOBUF_C_TYPE_MESSAGE:
			return walk_message(walk, field->descriptor, at, end, depth + 1);
		default:
			return walk_count(walk, end - at); /* packed numbers: at most one per byte */
	}
}

static PpCode
walk_field(Walk *walk, const ProtobufCMessageDescriptor *type, uint64_t key, size_t *at, size_t end,
		   uint32_t depth)
{
	const ProtobufCFieldDescriptor *field = NULL;
	uint64_t value;
	PpCode code;

	if (key >> 3 == 0 || key >> 3 > 0x1fffffff)
		return walk_fail(walk, *at, "invalid field number");
	field = protobuf_c_message_descriptor_get_field(type, (unsigned) (key >> 3));
	switch (key & 7)
	{
		case 0:
			if ((code = walk_varint(walk, at, end, &value)) != PP_OK)
				return code;
			return walk_count(walk, 1);
		case 1:
		case 5:
			if (end - *at < ((key & 7) == 1 ? 8 : 4))
				return walk_fail(walk, *at, "unexpected end of message");
			*at += (key & 7) == 1 ? 8 : 4;
			return walk_count(walk, 1);
		case 2:
			if ((code = walk_varint(walk, at, end, &value)) != PP_OK)
				return code;
			if (value > end - *at)
				return walk_fail(walk, *at, "length leads beyond the end of the message");
			*at += value;
			if (field == NULL)
				return walk_count(walk, 1);
			return walk_delimited(walk, field, *at - value, *at, depth);
		default:
			return walk_fail(walk, *at, "invalid wire type");
	}
}

static PpCode
walk_message(Walk *walk, const ProtobufCMessageDescriptor *type, size_t at, size_t end, uint32_t depth)
{
	PpCode code;

	if (depth > walk->limits->max_depth)
		return walk_fail(walk, at, "message is nested too deeply");
	if ((code = walk_count(walk, 1)) != PP_OK)
		return code;
	while (at < end)
	{
		uint64_t key;

		if ((code = walk_varint(walk, &at, end, &key)) != PP_OK ||
			(code = walk_field(walk, type, key, &at, end, depth)) != PP_OK)
			return code;
	}
	return PP_OK;
}

static void *
arena_alloc_adapter(void *ctx, size_t size)
{
	return pp_arena_alloc(ctx, size == 0 ? 1 : size);
}

/* What lives in an arena is freed with it. */
static void
arena_free_adapter(void *ctx, void *ptr)
{
}

PpCode
proto_decode(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len,
			 const CodecLimits *limits, PpArena *arena, ProtobufCMessage **message, PpError *err)
{
	Walk walk = {.data = data, .limits = limits, .err = err};
	ProtobufCAllocator allocator = {arena_alloc_adapter, arena_free_adapter, arena};
	PpCode code = walk_message(&walk, type, 0, len, 0);

	if (code != PP_OK)
		return code;
	*message = protobuf_c_message_unpack(type, &allocator, len, data);
	if (*message == NULL)
		return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "message does not match its definition");
	return PP_OK;
}

void
proto_encode(const ProtobufCMessage *message, Buf *out)
{
	size_t len = protobuf_c_message_get_packed_size(message);

	if (buf_reserve(out, len))
		out->len += protobuf_c_message_pack(message, (uint8_t *) out->data + out->len);
}
