/*
 * multipart.h
 *		multipart/form-data: the parts of a body that is wholly in memory.
 */
#ifndef BRIDGE_MULTIPART_H
#define BRIDGE_MULTIPART_H

#include "core/pp_error.h"

#include <stdbool.h>

#define MULTIPART_MAX_PARTS	   64
#define MULTIPART_MAX_HEADERS  8192 /* bytes of the headers of one part */
#define MULTIPART_MAX_BOUNDARY 70	/* RFC 2046 */

typedef struct MultipartPart
{
	char name[128];		 /* longer ones are cut: no name we know is that long */
	bool has_filename;	 /* only such parts are files */
	const uint8_t *data; /* points into the body */
	size_t len;
} MultipartPart;

typedef struct Multipart
{
	uint32_t n;
	MultipartPart parts[MULTIPART_MAX_PARTS];
} Multipart;

/* The boundary of a Content-Type header; false if it has none that is legal. */
extern bool multipart_boundary(const char *content_type, char boundary[MULTIPART_MAX_BOUNDARY + 1]);

/* PP_EMALFORMED for a body that does not end with its closing boundary. */
extern PpCode multipart_parse(const char *boundary, const uint8_t *body, size_t len, Multipart *out,
							  PpError *err);

/* The first file of that name, or NULL. */
extern const MultipartPart *multipart_file(const Multipart *form, const char *name);

#endif
