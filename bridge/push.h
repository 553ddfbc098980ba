/*
 * push.h
 *		Storing profiles: what Push and /ingest share.
 */
#ifndef BRIDGE_PUSH_H
#define BRIDGE_PUSH_H

#include "bridge/db.h"

/* A label set as a JSON object; later values win, empty ones are left out. */
typedef struct Labels
{
	Buf json;
	bool has_service;
} Labels;

extern void labels_begin(Labels *labels);
extern void labels_put(Labels *labels, const char *name, size_t name_len, const char *value,
					   size_t value_len);
/* Close the object; `service` is the service_name if none was put. */
extern void labels_end(Labels *labels, const char *service);

typedef struct PushError
{
	DbError db;
	bool of_profile; /* a profile was refused; else the statement failed */
	bool malformed;	 /* ... because its bytes are no profile */
} PushError;

/* The last argument of pprof.push(); display_names is a JSON object or NULL. */
extern void push_options(const Request *request, bool infer_name, const Buf *display_names,
						 DbArgs *args);

/* Call pprof.push(); false if anything was refused, with the first refusal. */
extern bool push_run(Request *request, Db *db, DbArgs *args, PushError *err);

#endif
