/*
 * config.h
 *		Settings of the bridge, from arguments and PPROF_BRIDGE_... variables.
 */
#ifndef BRIDGE_CONFIG_H
#define BRIDGE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Config
{
	const char *listen;	  /* as given */
	char host[256];		  /* of listen */
	uint16_t port;		  /* of listen */
	const char *dbname;	  /* conninfo; may hold a password, so it is never logged */
	const char *role;	  /* SET ROLE after connecting, or NULL */
	int64_t workers;	  /* threads, each with a database connection */
	int64_t queue;		  /* requests that may wait for a worker */
	int64_t connections;  /* open client connections */
	int64_t max_body;	  /* bytes of one body, before and after decompression */
	int64_t max_inflight; /* bytes of all bodies in memory */
	int64_t stop_timeout; /* seconds a graceful stop waits for running requests */
	bool tenant_header;	  /* X-Scope-OrgID names the tenant */
} Config;

typedef enum ConfigAction
{
	CONFIG_RUN,
	CONFIG_EXIT, /* --help or --version was answered */
	CONFIG_BAD	 /* a message is on stderr */
} ConfigAction;

/* Arguments win over the environment, which wins over the defaults. */
extern ConfigAction config_read(Config *config, int argc, char **argv);

#endif
