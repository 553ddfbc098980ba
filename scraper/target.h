/*
 * target.h
 *		From a target and its configuration to one URL and one label set.
 *
 * Free of the server, so that the rules are unit tested.  All texts come from,
 * and go to, an arena.
 */
#ifndef SCRAPE_TARGET_H
#define SCRAPE_TARGET_H

#include "core/pp_alloc.h"
#include "core/pp_error.h"

typedef struct ScrapePair
{
	const char *name, *value;
} ScrapePair;

typedef struct ScrapeLabels
{
	int n;
	ScrapePair *pairs; /* distinct names */
} ScrapeLabels;

/* One query parameter: all its values, in order. */
typedef struct ScrapeParam
{
	const char *name;
	int n;
	const char **values;
} ScrapeParam;

typedef struct ScrapeType
{
	const char *name; /* of the type: "memory", "godeltaprof_memory", ... */
	const char *path;
	bool delta; /* asks the target for `seconds` */
} ScrapeType;

typedef struct ScrapeConfig
{
	const char *name;
	const char *job; /* label job; empty for none */
	const char *scheme;
	const char *path_prefix;
	int64_t interval, timeout; /* us */
	int64_t delta_duration;	   /* us; negative: interval less one second */
	bool follow_redirects;
	bool strict_content_type;
	int nparams;
	ScrapeParam *params; /* sorted by name (bytes) */
} ScrapeConfig;

/* What is to be fetched again and again. */
typedef struct ScrapeSpec
{
	const ScrapeConfig *config;
	const ScrapeType *type;
	uint64_t id;		 /* hash of configuration, type, URL and labels */
	const char *address; /* of the target, as it was given */
	const char *name;	 /* label __name__ of what is stored */
	const char *url;	 /* NULL when the target makes no sense */
	const char *problem; /* why, else NULL */
	ScrapeLabels labels; /* public labels, sorted by name; without __name__ */
	int64_t timeout;	 /* us, of one whole exchange */
} ScrapeSpec;

/* Value of a label, or "" when it is absent. */
extern const char *labels_get(const ScrapeLabels *labels, const char *name);

/*
 * Address with the default port of the scheme if it has none.  PP_EINVALID with
 * the reason when it cannot be a host.
 */
extern PpCode target_address(PpArena *arena, const char *address, const char *scheme,
							 const char **out, PpError *err);

/* prefix and path joined and cleaned, then the query; `params` sorted by name. */
extern const char *target_url(PpArena *arena, const char *scheme, const char *address,
							  const char *prefix, const char *path, const ScrapeParam *params,
							  int nparams);

/* Value for service_name where the target brings none. */
extern const char *target_service(PpArena *arena, const ScrapeLabels *labels);

/* The spec of one target and one type.  Returns false without memory. */
extern bool target_spec(PpArena *arena, const ScrapeConfig *config, const ScrapeType *type,
						const char *address, const ScrapeLabels *labels, ScrapeSpec *spec);

#endif
