/*
 * route.c
 *		The table of endpoints, and what is decided before a body is read.
 */
#include "bridge/route.h"

#include "bridge/http.h"
#include "push.pb-c.h"
#include "querier.pb-c.h"

#include <stdio.h>
#include <string.h>

#define RPC(service, method, label, type, fn)                                                      \
	{                                                                                              \
		ROUTE_RPC, "POST", "/" service "/" method, label, NULL, service "." method, type, fn       \
	}
#define QUERIER(method, label, type, fn)                                                           \
	RPC("querier.v1.QuerierService", method, "querier_v1_querierservice_" label, type, fn)

const Route routes[] = {
	{ROUTE_LEGACY, "POST", "/ingest", "ingest", ingest_handler, NULL, NULL, NULL},
	{ROUTE_LEGACY, "POST", "/pyroscope/ingest", "pyroscope_ingest", ingest_handler, NULL, NULL, NULL},
	{ROUTE_LEGACY, "GET", "/pyroscope/render", "pyroscope_render", render_handler, NULL, NULL, NULL},
	{ROUTE_PLAIN, "GET", "/ready", "ready", ready_handler, NULL, NULL, NULL},
	{ROUTE_IMMEDIATE, "GET", "/metrics", "metrics", metrics_handler, NULL, NULL, NULL},
	{ROUTE_IMMEDIATE,
	 "GET",
	 "/api/v1/status/buildinfo",
	 "api_v1_status_buildinfo",
	 buildinfo_handler,
	 NULL,
	 NULL,
	 NULL},
	RPC("push.v1.PusherService", "Push", "push_v1_pusherservice_push",
		&push__v1__push_request__descriptor, push_rpc),
	QUERIER("ProfileTypes", "profiletypes", &querier__v1__profile_types_request__descriptor,
			profile_types_rpc),
	QUERIER("LabelNames", "labelnames", &types__v1__label_names_request__descriptor, label_names_rpc),
	QUERIER("LabelValues", "labelvalues", &types__v1__label_values_request__descriptor,
			label_values_rpc),
	QUERIER("Series", "series", &querier__v1__series_request__descriptor, series_rpc),
	QUERIER("SelectMergeStacktraces", "selectmergestacktraces",
			&querier__v1__select_merge_stacktraces_request__descriptor, stacktraces_rpc),
	QUERIER("SelectSeries", "selectseries", &querier__v1__select_series_request__descriptor,
			select_series_rpc),
	QUERIER("SelectMergeProfile", "selectmergeprofile", NULL, NULL),
	QUERIER("SelectMergeSpanProfile", "selectmergespanprofile", NULL, NULL),
	QUERIER("SelectHeatmap", "selectheatmap", NULL, NULL),
	QUERIER("Diff", "diff", NULL, NULL),
	QUERIER("GetProfileStats", "getprofilestats", NULL, NULL),
	QUERIER("AnalyzeQuery", "analyzequery", NULL, NULL),
};

const unsigned nroutes = sizeof(routes) / sizeof(routes[0]);

const Route *
route_find(const char *path)
{
	for (unsigned i = 0; i < nroutes; i++)
	{
		if (strcmp(routes[i].path, path) == 0)
			return &routes[i];
	}
	return NULL;
}

static bool
method_fits(const Route *route, const char *method)
{
	return strcmp(route->method, method) == 0 ||
		   (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/*
 * The tenant of X-Scope-OrgID: letters, digits and !-_.*'(), at most 150 bytes;
 * what follows a colon is metadata.
 */
static bool
tenant_check(Request *request)
{
	const char *header = request->headers[HDR_SCOPE_ORGID];
	size_t len;

	if (!request->config->tenant_header)
		return true;
	len = header == NULL ? 0 : strcspn(header, ":");
	if (len == 0)
		return answer_error(request, RPC_UNAUTHENTICATED, "no org id");
	if (memchr(header, '|', len) != NULL)
		return answer_error(request, RPC_INVALID_ARGUMENT, "multiple org IDs present");
	for (size_t i = 0; i < len; i++)
	{
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!-_.*'()",
				   header[i]) == NULL)
			return answer_error(request,
								RPC_INVALID_ARGUMENT,
								"tenant ID contains an unsupported character");
	}
	if (len > 150)
		return answer_error(request, RPC_INVALID_ARGUMENT, "tenant ID is too long: max 150 characters");
	if ((len == 1 && header[0] == '.') || (len == 2 && strncmp(header, "..", 2) == 0))
		return answer_error(request, RPC_INVALID_ARGUMENT, "tenant ID is '.' or '..'");
	request->tenant = pp_arena_copy(request->arena, header, len + 1);
	if (request->tenant == NULL)
		return answer_no_memory(request);
	request->tenant[len] = '\0';
	return true;
}

bool
route_check(Request *request)
{
	const Route *route = request->path == NULL ? NULL : route_find(request->path);

	if (route == NULL)
	{
		answer_text(request, 404, "404 page not found\n");
		return false;
	}
	request->route = route;
	if (!method_fits(route, request->method))
	{
		answer_text(request, 405, "");
		request->content_type = NULL;
		answer_header(request, "Allow", route->method);
		return false;
	}
	if (route->kind == ROUTE_RPC && !connect_check(request))
		return false;
	return (route->kind != ROUTE_RPC && route->kind != ROUTE_LEGACY) || tenant_check(request);
}

void
route_too_large(Request *request, uint64_t size)
{
	if (request->route->kind == ROUTE_RPC)
		answer_error(request,
					 RPC_RESOURCE_EXHAUSTED,
					 "message size %llu is larger than configured max %lld",
					 (unsigned long long) size,
					 (long long) request->config->max_body);
	else
		answer_error_status(request,
							413,
							RPC_INVALID_ARGUMENT,
							"request body too large: the limit is %lld bytes",
							(long long) request->config->max_body);
}

void
route_answer(Request *request, Db *db)
{
	if (request->route->kind == ROUTE_RPC)
		connect_answer(request, db);
	else
		request->route->handler(request, db);
	answer_compress(request);
	if (request->answer.failed)
	{
		buf_free(&request->answer);
		answer_no_memory(request);
	}
}
