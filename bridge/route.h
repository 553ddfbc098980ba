/*
 * route.h
 *		The table of endpoints.
 */
#ifndef BRIDGE_ROUTE_H
#define BRIDGE_ROUTE_H

#include "bridge/db.h"
#include "bridge/request.h"

#include <protobuf-c/protobuf-c.h>

/* Fills the answer; what it returns only says whether that went well. */
typedef bool (*RouteHandler)(Request *request, Db *db);

/*
 * An rpc: *out is the response message, in the arena of the request.  False with
 * the answer filled in on failure.
 */
typedef bool (*RpcHandler)(Request *request, Db *db, const ProtobufCMessage *in,
						   ProtobufCMessage **out);

typedef enum RouteKind
{
	ROUTE_IMMEDIATE, /* answered by the network thread: no database, no waiting */
	ROUTE_PLAIN,
	ROUTE_LEGACY, /* plain, with a tenant */
	ROUTE_RPC	  /* Connect unary, with a tenant */
} RouteKind;

struct Route
{
	RouteKind kind;
	const char *method, *path;
	const char *name; /* label of metrics */
	RouteHandler handler;

	/* ROUTE_RPC; without a handler the rpc is known but not implemented */
	const char *rpc; /* service.Method */
	const ProtobufCMessageDescriptor *input;
	RpcHandler rpc_handler;
};

extern const Route routes[];
extern const unsigned nroutes;

/* NULL when the path is nobody's. */
extern const Route *route_find(const char *path);

/*
 * The checks that need no body: path, method, content type, tenant.  False
 * with the answer filled in.
 */
extern bool route_check(Request *request);

/* A body larger than --max-body, in the words of the endpoint. */
extern void route_too_large(Request *request, uint64_t size);

/* Answer the request (in a worker). */
extern void route_answer(Request *request, Db *db);

/* connect.c: decode, call, encode. */
extern void connect_answer(Request *request, Db *db);
extern bool connect_check(Request *request);

/* One file per endpoint family. */
extern bool ingest_handler(Request *request, Db *db);
extern bool render_handler(Request *request, Db *db);
extern bool ready_handler(Request *request, Db *db);
extern bool metrics_handler(Request *request, Db *db);
extern bool buildinfo_handler(Request *request, Db *db);
extern bool push_rpc(Request *request, Db *db, const ProtobufCMessage *in, ProtobufCMessage **out);
extern bool profile_types_rpc(Request *request, Db *db, const ProtobufCMessage *in,
							  ProtobufCMessage **out);
extern bool label_names_rpc(Request *request, Db *db, const ProtobufCMessage *in,
							ProtobufCMessage **out);
extern bool label_values_rpc(Request *request, Db *db, const ProtobufCMessage *in,
							 ProtobufCMessage **out);
extern bool series_rpc(Request *request, Db *db, const ProtobufCMessage *in, ProtobufCMessage **out);
extern bool stacktraces_rpc(Request *request, Db *db, const ProtobufCMessage *in,
							ProtobufCMessage **out);
extern bool select_series_rpc(Request *request, Db *db, const ProtobufCMessage *in,
							  ProtobufCMessage **out);

#endif
