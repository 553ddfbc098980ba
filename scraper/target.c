/*
 * target.c
 *		From a target and its configuration to one URL and one label set.
 *
 * Labels that start with "__" steer the scrape and are not stored:
 * __address__, __scheme__, __profile_path__, __profile_path_prefix__, __name__
 * and __param_<name>.  Settings of a profile type follow the configured type;
 * a target's own __name__ only renames what is stored.
 */
#include "scraper/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char godeltaprof[] = "godeltaprof_";

const char *
labels_get(const ScrapeLabels *labels, const char *name)
{
	for (int i = 0; i < labels->n; i++)
	{
		if (strcmp(labels->pairs[i].name, name) == 0)
			return labels->pairs[i].value;
	}
	return "";
}

/* host:port or [host]:port; *bare says that just the port is missing */
static bool
has_port(const char *s, bool *bare)
{
	const char *colon = strrchr(s, ':');
	const char *close;

	*bare = false;
	if (s[0] == '[')
	{
		close = strchr(s, ']');
		if (close == NULL || strpbrk(s + 1, "[") != NULL)
			return false;
		*bare = close[1] == '\0';
		return colon == close + 1;
	}
	*bare = colon == NULL && s[0] != '\0';
	return colon != NULL && memchr(s, ':', colon - s) == NULL && strpbrk(s, "[]") == NULL;
}

PpCode
target_address(PpArena *arena, const char *address, const char *scheme, const char **out, PpError *err)
{
	const char *port = ":80";
	bool bare;
	char *result;
	size_t len;

	if (address[0] == '\0')
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "no address");
	/* nothing that would end the host part of a URL, or make it a user name */
	for (const char *c = address; *c != '\0'; c++)
	{
		if (strchr("/?#@\\\"<>", *c) != NULL || (unsigned char) *c <= ' ' || *c == 0x7f)
			return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "\"%s\" is not a valid hostname", address);
	}
	*out = address;
	if (has_port(address, &bare) || !bare)
		return PP_OK;
	if (strcmp(scheme, "https") == 0)
		port = ":443";
	else if (strcmp(scheme, "http") != 0 && scheme[0] != '\0')
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "invalid scheme: \"%s\"", scheme);
	len = strlen(address) + strlen(port) + 1;
	if ((result = pp_arena_alloc(arena, len)) == NULL)
		return pp_fail_nomem(err);
	snprintf(result, len, "%s%s", address, port);
	*out = result;
	return PP_OK;
}

/* Text that grows in an arena; after a failure data is NULL and stays it. */
typedef struct Text
{
	PpArena *arena;
	char *data;
	size_t len, size;
} Text;

static void
text_init(Text *text, PpArena *arena)
{
	text->arena = arena;
	text->len = 0;
	text->size = 256;
	if ((text->data = pp_arena_alloc(arena, text->size)) != NULL)
		text->data[0] = '\0';
}

static void
text_add(Text *text, const char *bytes, size_t n)
{
	if (text->data == NULL)
		return;
	if (text->len + n + 1 > text->size)
	{
		char *data;

		text->size = (text->len + n + 1) * 2;
		data = pp_arena_alloc(text->arena, text->size);
		if (data != NULL)
			memcpy(data, text->data, text->len);
		if ((text->data = data) == NULL)
			return;
	}
	memcpy(text->data + text->len, bytes, n);
	text->len += n;
	text->data[text->len] = '\0';
}

static void
text_adds(Text *text, const char *cstr)
{
	text_add(text, cstr, strlen(cstr));
}

static void
text_add_percent(Text *text, unsigned char c)
{
	char hex[4];

	snprintf(hex, sizeof(hex), "%%%02X", c);
	text_add(text, hex, 3);
}

static bool
is_unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		   (c != '\0' && strchr("-_.~", c) != NULL);
}

/* Append the elements of `path` to a rooted path, resolving "", "." and "..". */
static void
path_join(Text *out, const char *path)
{
	while (*path != '\0' && out->data != NULL)
	{
		size_t n = strcspn(path, "/");

		if (n == 2 && memcmp(path, "..", 2) == 0)
		{
			while (out->len > 0 && out->data[--out->len] != '/')
				;
			out->data[out->len] = '\0';
		}
		else if (n > 0 && !(n == 1 && path[0] == '.'))
		{
			text_add(out, "/", 1);
			text_add(out, path, n);
		}
		path += n + (path[n] == '/');
	}
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

typedef enum PathState
{
	PATH_ESCAPED, /* may stand in a URL as it is */
	PATH_PLAIN,	  /* has bytes that must be escaped */
	PATH_BROKEN	  /* a percent sign without two digits */
} PathState;

static PathState
path_state(const char *path)
{
	PathState state = PATH_ESCAPED;

	for (; *path != '\0'; path++)
	{
		if (*path == '%')
		{
			if (hex_value(path[1]) < 0 || hex_value(path[2]) < 0)
				return PATH_BROKEN;
			path += 2;
		}
		else if (!is_unreserved(*path) && strchr("!$&'()*+,;=:@[]/", *path) == NULL)
			state = PATH_PLAIN;
	}
	return state;
}

/* Undo the escapes there are, then escape what must be: never twice. */
static void
path_escape(Text *out, const char *path)
{
	for (; *path != '\0'; path++)
	{
		unsigned char c = *path;

		if (c == '%')
		{
			c = hex_value(path[1]) * 16 + hex_value(path[2]);
			path += 2;
		}
		if (is_unreserved(c) || (c != '\0' && strchr("$&+,/:;=@", c) != NULL))
			text_add(out, (const char *) &c, 1);
		else
			text_add_percent(out, c);
	}
}

static void
query_escape(Text *out, const char *value)
{
	for (; *value != '\0'; value++)
	{
		if (*value == ' ')
			text_add(out, "+", 1);
		else if (is_unreserved(*value))
			text_add(out, value, 1);
		else
			text_add_percent(out, *value);
	}
}

const char *
target_url(PpArena *arena, const char *scheme, const char *address, const char *prefix,
		   const char *path, const ScrapeParam *params, int nparams)
{
	Text url, joined;
	const char *separator = "?";
	size_t path_len = strlen(path);

	text_init(&url, arena);
	text_init(&joined, arena);
	text_adds(&url, scheme[0] != '\0' ? scheme : "http");
	text_adds(&url, "://");
	text_adds(&url, address);
	path_join(&joined, prefix);
	path_join(&joined, path);
	if (path_len > 0 && path[path_len - 1] == '/')
		text_add(&joined, "/", 1);
	if (joined.data == NULL)
		return NULL;
	switch (path_state(joined.data))
	{
		case PATH_ESCAPED:
			text_adds(&url, joined.data);
			break;
		case PATH_PLAIN:
			path_escape(&url, joined.data);
			break;
		case PATH_BROKEN:
			break; /* the reference loses such a path, too */
	}
	for (int i = 0; i < nparams; i++)
	{
		for (int v = 0; v < params[i].n; v++)
		{
			text_adds(&url, separator);
			query_escape(&url, params[i].name);
			text_add(&url, "=", 1);
			query_escape(&url, params[i].values[v]);
			separator = "&";
		}
	}
	return url.data;
}

const char *
target_service(PpArena *arena, const ScrapeLabels *labels)
{
	static const char *const single[] = {
		"__meta_docker_container_name",
		"__meta_dockerswarm_container_label_service_name",
		"__meta_dockerswarm_service_name",
	};
	const char *value =
		labels_get(labels, "__meta_kubernetes_pod_annotation_pyroscope_io_service_name");
	const char *namespace = labels_get(labels, "__meta_kubernetes_namespace");
	const char *container = labels_get(labels, "__meta_kubernetes_pod_container_name");

	if (value[0] != '\0')
		return value;
	if (namespace[0] != '\0' && container[0] != '\0')
	{
		Text text;

		text_init(&text, arena);
		text_adds(&text, namespace);
		text_add(&text, "/", 1);
		text_adds(&text, container);
		return text.data;
	}
	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
	{
		value = labels_get(labels, single[i]);
		if (value[0] != '\0')
			return value;
	}
	return "unspecified";
}

static int
compare_pairs(const void *a, const void *b)
{
	return strcmp(((const ScrapePair *) a)->name, ((const ScrapePair *) b)->name);
}

static int
compare_params(const void *a, const void *b)
{
	return strcmp(((const ScrapeParam *) a)->name, ((const ScrapeParam *) b)->name);
}

/* Set parameter `name` to one value, replacing what is there if `replace`. */
static bool
set_param(PpArena *arena, ScrapeParam *params, int *n, const char *name, const char *value,
		  bool replace)
{
	const char **values = pp_arena_array(arena, 1, sizeof(*values));
	int i = 0;

	if (values == NULL)
		return false;
	values[0] = value;
	while (i < *n && strcmp(params[i].name, name) != 0)
		i++;
	if (i < *n && params[i].n > 0 && !replace)
		return true;
	if (i == *n)
		(*n)++;
	params[i] = (ScrapeParam){name, 1, values};
	return true;
}

static int64_t
delta_seconds(const ScrapeConfig *config)
{
	if (config->delta_duration >= 0)
		return config->delta_duration / 1000000;
	return config->interval / 1000000 - 1;
}

/*
 * The configuration's parameters, those of __param_ labels that it does not
 * name, and `seconds` for a type that measures for a while.  A copy for each
 * job: types do not see each other's.
 */
static ScrapeParam *
job_params(PpArena *arena, const ScrapeConfig *config, const ScrapeType *type,
		   const ScrapeLabels *labels, int *n)
{
	static const char prefix[] = "__param_";
	ScrapeParam *params = pp_arena_array(arena, config->nparams + labels->n + 1, sizeof(ScrapeParam));

	if (params == NULL)
		return NULL;
	if (config->nparams > 0)
		memcpy(params, config->params, config->nparams * sizeof(ScrapeParam));
	*n = config->nparams;
	for (int i = 0; i < labels->n; i++)
	{
		const ScrapePair *label = &labels->pairs[i];

		if (strncmp(label->name, prefix, sizeof(prefix) - 1) == 0 &&
			!set_param(arena, params, n, label->name + sizeof(prefix) - 1, label->value, false))
			return NULL;
	}
	if (type->delta)
	{
		char *seconds = pp_arena_alloc(arena, 24);

		if (seconds == NULL)
			return NULL;
		snprintf(seconds, 24, "%" PRId64, delta_seconds(config));
		if (!set_param(arena, params, n, "seconds", seconds, true))
			return NULL;
	}
	qsort(params, *n, sizeof(ScrapeParam), compare_params);
	return params;
}

/* The labels that are stored: public ones, and job, instance and service_name. */
static bool
public_labels(PpArena *arena, const ScrapeConfig *config, const ScrapeLabels *labels,
			  const char *address, ScrapeLabels *out)
{
	const char *service = target_service(arena, labels);
	const ScrapePair added[] = {{"job", config->job},
								{"instance", address},
								{"service_name", service}};

	out->n = 0;
	out->pairs = pp_arena_array(arena, labels->n + 3, sizeof(ScrapePair));
	if (out->pairs == NULL || service == NULL)
		return false;
	for (int i = 0; i < labels->n; i++)
	{
		const ScrapePair *label = &labels->pairs[i];

		if (strncmp(label->name, "__", 2) != 0 && label->value[0] != '\0')
			out->pairs[out->n++] = *label;
	}
	for (int i = 0; i < 3; i++)
	{
		if (added[i].value[0] != '\0' && labels_get(out, added[i].name)[0] == '\0')
			out->pairs[out->n++] = added[i];
	}
	qsort(out->pairs, out->n, sizeof(ScrapePair), compare_pairs);
	return true;
}

static const char *
or_default(const char *value, const char *otherwise)
{
	return value[0] != '\0' ? value : otherwise;
}

/* FNV-1a over the bytes and the terminator, so that ("a","b") and ("ab","") differ. */
static uint64_t
hash_text(uint64_t hash, const char *text)
{
	do
		hash = (hash ^ (unsigned char) *text) * UINT64_C(0x100000001b3);
	while (*text++ != '\0');
	return hash;
}

static uint64_t
spec_id(const ScrapeSpec *spec)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	hash = hash_text(hash, spec->config->name);
	hash = hash_text(hash, spec->type->name);
	hash = hash_text(hash, spec->name);
	hash = hash_text(hash, spec->url != NULL ? spec->url : spec->address);
	for (int i = 0; i < spec->labels.n; i++)
	{
		hash = hash_text(hash, spec->labels.pairs[i].name);
		hash = hash_text(hash, spec->labels.pairs[i].value);
	}
	/* FNV's low bits are its good ones, but its high bits are not: mix both */
	hash ^= hash >> 32;
	hash *= UINT64_C(0xd6e8feb86659fd93);
	return hash ^ (hash >> 32);
}

static bool
asks_seconds(const ScrapeConfig *config, const ScrapeType *type)
{
	if (type->delta)
		return true;
	for (int i = 0; i < config->nparams; i++)
	{
		if (strcmp(config->params[i].name, "seconds") == 0 && config->params[i].n > 0)
			return true;
	}
	return false;
}

bool
target_spec(PpArena *arena, const ScrapeConfig *config, const ScrapeType *type, const char *address,
			const ScrapeLabels *labels, ScrapeSpec *spec)
{
	const char *scheme = or_default(labels_get(labels, "__scheme__"), config->scheme);
	const char *name = type->name;
	const char *host = address;
	int nparams;
	ScrapeParam *params;
	PpError err;
	PpCode code;

	if (strncmp(name, godeltaprof, sizeof(godeltaprof) - 1) == 0)
		name += sizeof(godeltaprof) - 1;
	*spec = (ScrapeSpec){.config = config, .type = type, .address = address};
	spec->name = or_default(labels_get(labels, "__name__"), name);
	spec->timeout = config->timeout;
	if (asks_seconds(config, type))
		spec->timeout += config->interval - 1000000;

	code = target_address(arena, address, scheme, &host, &err);
	if (code == PP_ENOMEM)
		return false;
	if (!public_labels(arena, config, labels, host, &spec->labels))
		return false;
	if (code != PP_OK)
	{
		spec->problem = pp_arena_copy(arena, err.message, strlen(err.message) + 1);
		spec->id = spec_id(spec);
		return spec->problem != NULL;
	}
	if ((params = job_params(arena, config, type, labels, &nparams)) == NULL)
		return false;
	spec->url =
		target_url(arena,
				   scheme,
				   host,
				   or_default(labels_get(labels, "__profile_path_prefix__"), config->path_prefix),
				   or_default(labels_get(labels, "__profile_path__"), type->path),
				   params,
				   nparams);
	if (spec->url == NULL)
		return false;
	spec->id = spec_id(spec);
	return true;
}
