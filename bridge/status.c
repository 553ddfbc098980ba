/*
 * status.c
 *		/ready, /metrics and build information.
 */
#include "bridge/metrics.h"
#include "bridge/route.h"

/* Ready is: a connection works and the database has the extension. */
bool
ready_handler(Request *request, Db *db)
{
	DbArgs args = {0};
	DbError err;
	PGresult *rows = db_run(db, request, DB_READY, &args, &err);
	bool installed = rows != NULL && PQntuples(rows) > 0;

	PQclear(rows);
	if (installed)
	{
		answer_text(request, 200, "ready\n");
		return true;
	}
	answer_text(request, 503, "not ready: ");
	buf_str(&request->answer,
			rows == NULL ? err.message : "the extension pprof is not installed in the database");
	buf_char(&request->answer, '\n');
	answer_header(request, "Retry-After", "1");
	return false;
}

bool
metrics_handler(Request *request, Db *db)
{
	request->status = 200;
	request->content_type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_text(&request->answer);
	return true;
}

bool
buildinfo_handler(Request *request, Db *db)
{
	request->status = 200;
	request->content_type = "application/json";
	buf_str(&request->answer,
			"{\"status\":\"success\",\"data\":{\"version\":\"" PGPPROF_VERSION
			"\",\"revision\":\"\",\"branch\":\"\",\"buildUser\":\"\",\"buildDate\":\"\","
			"\"goVersion\":\"\"}}\n");
	return true;
}
