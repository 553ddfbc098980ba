/*
 * incoming.h
 *		One profile on its way in: read, checked and taken apart, nothing stored.
 */
#ifndef INCOMING_H
#define INCOMING_H

#include "postgres.h"

#include "core/pp_split.h"
#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

/* What is the matter with a profile; sqlstate 0: nothing. */
typedef struct IncomingError
{
	int sqlstate;
	char *message, *detail, *hint; /* detail and hint may be NULL */
	const char *reason;			   /* why it was refused, in one word of Pyroscope's */
} IncomingError;

/* Options of a batch. */
typedef struct IncomingOptions
{
	bool infer_name;	  /* labels may come without __name__ */
	Jsonb *display_names; /* of sample types, for that; or NULL */
	char *idempotency_key;
	PpBytes *deny; /* sample labels that become no series labels */
	uint32 ndeny;
} IncomingOptions;

/* One sample type of one series. */
typedef struct IncomingType
{
	uint32 column;
	PpBytes id;		 /* profile type */
	PpBytes counted; /* profile type that this one's row stands for as well, or empty */
	int64 total;
} IncomingType;

typedef struct IncomingSeries
{
	PpLabelSet labels; /* without private ones */
	uint32 ntypes;
	IncomingType *types;
} IncomingSeries;

typedef struct Incoming
{
	IncomingError error;
	PpProfile *profile;
	PpSplit split;
	IncomingSeries *series; /* along split.series */
	PpBytes service;
	TimestampTz at;
	int64 duration; /* nanoseconds */
	pg_uuid_t profile_id;
	bool random_id; /* nothing says that another delivery is the same */
	bool has_key;	/* a second delivery shows in push_key only */
	pg_uuid_t push_key;
} Incoming;

/*
 * Fills *in, in the current memory context; never raises for bad input.  `at`
 * (NULL: now) is used where the profile has no time of its own; id may be NULL.
 */
extern void incoming_read(Incoming *in, bytea *body, Jsonb *labels, const char *id,
						  const TimestampTz *at, const char *format, int number,
						  const IncomingOptions *options);

/* Fill the options from their jsonb; raises. */
extern void incoming_options(IncomingOptions *options, Jsonb *jsonb);

extern void incoming_fail(Incoming *in, int sqlstate, const char *reason, const char *fmt, ...)
	pg_attribute_printf(4, 5);

/* A UUID in its usual form, digits and dashes; false if it is something else. */
extern bool incoming_uuid(const char *text, pg_uuid_t *uuid);

#endif
