/*
 * fetch.h
 *		Many HTTP transfers at a time: requests in, answers out.
 *
 * The only file pair that knows libcurl.  It knows nothing of the server: its
 * memory is malloc's, nothing in it can raise an error, and the caller waits
 * on fetch_fd() together with whatever else it waits for.
 */
#ifndef SCRAPE_FETCH_H
#define SCRAPE_FETCH_H

#include "core/pp_network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Fetch Fetch;

/* One transfer.  The caller fills the upper half; the lower is the answer. */
typedef struct FetchRequest
{
	const char *url;
	int64_t timeout; /* us, of the whole exchange */
	size_t max_body;
	bool follow_redirects;
	void *owner;

	bool ok;		 /* there is an answer, whatever its status */
	char error[256]; /* why there is none */
	long status;	 /* 0 when there was no answer */
	char reason[64]; /* of the status line */
	char content_type[128];
	uint8_t *body; /* malloc; the caller takes or frees it */
	size_t len;

	/* of fetch.c */
	Fetch *fetch;
	void *easy;
	size_t size;
	bool too_large, denied;
	char detail[256]; /* libcurl's error buffer */
	struct FetchRequest *next, *previous;
} FetchRequest;

/* Start libcurl in this process.  On failure NULL and *problem says why. */
extern Fetch *fetch_new(int concurrency, const char *user_agent, const char **problem);
/* Abandons what is under way; does not wait. */
extern void fetch_free(Fetch *fetch);

/* Networks that no new connection is made to, whatever name or redirect leads there. */
extern void fetch_deny(Fetch *fetch, const PpNetworks *networks);

/* Something that this libcurl cannot do and should, or NULL. */
extern const char *fetch_weakness(void);

/* Readable when fetch_process() has something to do. */
extern int fetch_fd(const Fetch *fetch);
/* ms until fetch_process() must be called anyway; -1 for never. */
extern long fetch_timeout(const Fetch *fetch);
extern void fetch_process(Fetch *fetch);

/* False with request->error when the transfer could not even begin. */
extern bool fetch_start(Fetch *fetch, FetchRequest *request);
/* Forget a transfer that is under way. */
extern void fetch_cancel(FetchRequest *request);
/* A transfer that is over, or NULL.  The request belongs to the caller again. */
extern FetchRequest *fetch_finished(Fetch *fetch);

extern int fetch_running(const Fetch *fetch);
extern size_t fetch_memory(const Fetch *fetch); /* bytes of bodies under way */

#endif
