/*
 * response.h
 *		Is what a target answered a profile?
 */
#ifndef SCRAPE_RESPONSE_H
#define SCRAPE_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ScrapeResponse
{
	long status;
	const char *reason;		  /* of the status line, may be empty */
	const char *content_type; /* empty when there was none */
	const uint8_t *body;
	size_t len;
} ScrapeResponse;

/*
 * False with a message (always terminated, printable) when the answer cannot
 * be a profile.  `strict` also wants the content type application/octet-stream.
 */
extern bool response_check(const ScrapeResponse *response, const char *name, bool strict,
						   char *message, size_t size);

#endif
