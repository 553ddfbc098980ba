/*
 * json_codec.h
 *		JSON and protobuf bytes to and from protobuf-c messages, driven by their
 *		descriptors: one codec for all envelopes.
 *
 * Input may be hostile.  Before anything is built, a scan of the bytes bounds how
 * many values they can turn into and how deep they nest; strings are UTF-8
 * without NUL.
 */
#ifndef BRIDGE_JSON_CODEC_H
#define BRIDGE_JSON_CODEC_H

#include "bridge/buf.h"
#include "core/pp_alloc.h"
#include "core/pp_error.h"

#include <protobuf-c/protobuf-c.h>

typedef struct CodecLimits
{
	uint32_t max_values; /* messages, list entries, JSON values */
	uint32_t max_depth;
} CodecLimits;

extern const CodecLimits codec_limits_default;

/*
 * Decode one message; everything it holds lives in the arena.  PP_EMALFORMED
 * and PP_ELIMIT come with a text for the sender, PP_ENOMEM without one.
 */
extern PpCode json_decode(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len,
						  const CodecLimits *limits, PpArena *arena, ProtobufCMessage **message,
						  PpError *err);
extern PpCode proto_decode(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len,
						   const CodecLimits *limits, PpArena *arena, ProtobufCMessage **message,
						   PpError *err);

/* Zero values are left out, 64-bit integers are strings, enums are names. */
extern void json_encode(const ProtobufCMessage *message, Buf *out);
extern void proto_encode(const ProtobufCMessage *message, Buf *out);

/* Depth and number of values of JSON text, without building anything. */
extern PpCode json_precheck(const uint8_t *data, size_t len, const CodecLimits *limits, PpError *err);

/* Standard or URL alphabet, padded or not; *out lives in the arena. */
extern bool base64_decode(const char *text, size_t len, PpArena *arena, uint8_t **out,
						  size_t *out_len);

#endif
