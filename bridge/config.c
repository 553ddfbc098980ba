/*
 * config.c
 *		Settings of the bridge, from arguments and PPROF_BRIDGE_... variables.
 */
#include "bridge/config.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum OptionKind
{
	OPT_TEXT,
	OPT_NUMBER,
	OPT_SIZE, /* a number with kB, MB, GB (1024) or KiB, MiB, GiB behind it */
	OPT_SWITCH
} OptionKind;

typedef struct Option
{
	const char *name; /* --name, PPROF_BRIDGE_NAME */
	OptionKind kind;
	size_t offset;
	int64_t least, most;
	const char *fallback; /* NULL for none */
	const char *argument, *help;
} Option;

#define FIELD(name) offsetof(Config, name)

static const Option options[] = {
	{"listen", OPT_TEXT, FIELD(listen), 0, 0, "127.0.0.1:4040", "HOST:PORT", "address to listen on"},
	{"dbname", OPT_TEXT, FIELD(dbname), 0, 0, "", "CONNINFO", "libpq connection string or URI"},
	{"role", OPT_TEXT, FIELD(role), 0, 0, NULL, "NAME", "role to take after connecting"},
	{"workers", OPT_NUMBER, FIELD(workers), 1, 1024, "8", "N", "database connections"},
	{"queue", OPT_NUMBER, FIELD(queue), 1, 1 << 20, "1024", "N", "requests waiting for one"},
	{"connections", OPT_NUMBER, FIELD(connections), 1, 1 << 16, "1000", "N", "open HTTP connections"},
	{"max-body", OPT_SIZE, FIELD(max_body), 1024, (1 << 30) - 1, "256MB", "SIZE", "largest body"},
	{"max-inflight",
	 OPT_SIZE,
	 FIELD(max_inflight),
	 1024,
	 INT64_MAX,
	 "1GB",
	 "SIZE",
	 "all bodies in memory together"},
	{"stop-timeout", OPT_NUMBER, FIELD(stop_timeout), 0, 3600, "30", "SECONDS", "wait on SIGTERM"},
	{"tenant-header", OPT_SWITCH, FIELD(tenant_header), 0, 0, "off", "on|off", "X-Scope-OrgID names the tenant"},
};

#define NOPTIONS (sizeof(options) / sizeof(options[0]))

static bool
parse_number(const char *text, bool size, int64_t *value)
{
	static const struct
	{
		const char *unit;
		int shift;
	} units[] = {{"", 0},
				 {"B", 0},
				 {"kB", 10},
				 {"KB", 10},
				 {"KiB", 10},
				 {"MB", 20},
				 {"MiB", 20},
				 {"GB", 30},
				 {"GiB", 30}};
	char *end;
	long long number;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (end == text || errno != 0 || number < 0)
		return false;
	while (*end == ' ')
		end++;
	for (size_t i = 0; i < (size ? sizeof(units) / sizeof(units[0]) : 1); i++)
	{
		if (strcmp(end, units[i].unit) == 0 && number <= INT64_MAX >> units[i].shift)
		{
			*value = (int64_t) number << units[i].shift;
			return true;
		}
	}
	return false;
}

static bool
set_option(Config *config, const Option *option, const char *text, const char *source)
{
	void *place = (char *) config + option->offset;
	int64_t number;

	switch (option->kind)
	{
		case OPT_TEXT:
			*(const char **) place = text;
			return true;
		case OPT_SWITCH:
			*(bool *) place = strcmp(text, "on") == 0;
			if (strcmp(text, "on") == 0 || strcmp(text, "off") == 0)
				return true;
			fprintf(stderr, "pprof-bridge: %s must be on or off, not \"%s\"\n", source, text);
			return false;
		default:
			if (parse_number(text, option->kind == OPT_SIZE, &number) && number >= option->least &&
				number <= option->most)
			{
				*(int64_t *) place = number;
				return true;
			}
			fprintf(stderr,
					"pprof-bridge: %s must be between %lld and %lld, not \"%s\"\n",
					source,
					(long long) option->least,
					(long long) option->most,
					text);
			return false;
	}
}

static bool
set_from_environment(Config *config, const Option *option)
{
	char name[64];
	const char *value;
	size_t len = (size_t) snprintf(name, sizeof(name), "PPROF_BRIDGE_%s", option->name);

	for (size_t i = 0; i < len; i++)
		name[i] = (char) (name[i] == '-' ? '_' : toupper((unsigned char) name[i]));
	value = getenv(name);
	if (value != NULL)
		return set_option(config, option, value, name);
	return option->fallback == NULL || set_option(config, option, option->fallback, name);
}

static void
print_help(void)
{
	printf("pprof-bridge serves Pyroscope's HTTP API from a PostgreSQL database with the\n"
		   "extension pprof.\n\nUsage: pprof-bridge [OPTION]...\n\n");
	for (size_t i = 0; i < NOPTIONS; i++)
	{
		const Option *option = &options[i];
		char left[64];

		snprintf(left, sizeof(left), "--%s %s", option->name, option->argument);
		printf("  %-26s %s", left, option->help);
		if (option->fallback != NULL && option->fallback[0] != '\0')
			printf(" (%s)", option->fallback);
		putchar('\n');
	}
	printf("  %-26s %s\n  %-26s %s\n", "--help", "this text", "--version", "version of the program");
	printf("\nEach option can also be set by an environment variable: PPROF_BRIDGE_DBNAME,\n"
		   "PPROF_BRIDGE_MAX_BODY and so on.  libpq's PG... variables work as well.\n");
}

/* HOST:PORT, with [..] around an IPv6 address. */
static bool
split_listen(Config *config)
{
	const char *colon = strrchr(config->listen, ':');
	const char *start = config->listen;
	int64_t port;
	size_t len;

	if (colon == NULL || !parse_number(colon + 1, false, &port) || port > UINT16_MAX)
		return false;
	len = (size_t) (colon - start);
	if (len >= 2 && start[0] == '[' && start[len - 1] == ']')
	{
		start++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(config->host))
		return false;
	memcpy(config->host, start, len);
	config->host[len] = '\0';
	config->port = (uint16_t) port;
	return true;
}

static const Option *
find_option(const char *name, size_t len)
{
	for (size_t i = 0; i < NOPTIONS; i++)
	{
		if (strlen(options[i].name) == len && strncmp(options[i].name, name, len) == 0)
			return &options[i];
	}
	return NULL;
}

static ConfigAction
read_arguments(Config *config, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		const char *arg = argv[i], *value;
		const Option *option;
		size_t len;

		if (strcmp(arg, "--help") == 0)
		{
			print_help();
			return CONFIG_EXIT;
		}
		if (strcmp(arg, "--version") == 0)
		{
			printf("pprof-bridge %s\n", PGPPROF_VERSION);
			return CONFIG_EXIT;
		}
		len = strcspn(arg, "=");
		option = strncmp(arg, "--", 2) == 0 ? find_option(arg + 2, len - 2) : NULL;
		value = arg[len] == '=' ? arg + len + 1 : i + 1 < argc ? argv[i + 1] : NULL;
		if (option == NULL || value == NULL)
		{
			fprintf(stderr,
					option == NULL ? "pprof-bridge: unknown option \"%s\"; try --help\n"
								   : "pprof-bridge: option \"%s\" needs a value\n",
					arg);
			return CONFIG_BAD;
		}
		if (!set_option(config, option, value, arg))
			return CONFIG_BAD;
		i += arg[len] != '=';
	}
	return CONFIG_RUN;
}

ConfigAction
config_read(Config *config, int argc, char **argv)
{
	ConfigAction action;

	for (size_t i = 0; i < NOPTIONS; i++)
	{
		if (!set_from_environment(config, &options[i]))
			return CONFIG_BAD;
	}
	action = read_arguments(config, argc, argv);
	if (action == CONFIG_RUN && !split_listen(config))
	{
		fprintf(stderr, "pprof-bridge: \"%s\" is not HOST:PORT\n", config->listen);
		return CONFIG_BAD;
	}
	return action;
}
