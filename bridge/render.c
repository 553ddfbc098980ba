/*
 * render.c
 *		GET /pyroscope/render: flame graph and time line as one JSON object.
 */
#include "bridge/attime.h"
#include "bridge/route.h"
#include "bridge/select.h"
#include "bridge/timeline.h"
#include "bridge/url.h"

#include <stdlib.h>
#include <string.h>

typedef struct Render
{
	Request *request;
	Query query;
	Selection selection;
	PpTypeId type;
	int64_t max_nodes, step_s;
	char **group_by;
	size_t ngroup_by;
	bool average;
	FlameRows rows;
	SelectedSeries series;
} Render;

/* Take the matcher that names the profile type out of the selector. */
static bool
split_query(Render *render, PpSelector *selector, PpBytes *type)
{
	uint32_t kept = 0;
	bool found = false;

	for (uint32_t i = 0; i < selector->n; i++)
	{
		const PpMatcher *matcher = &selector->matchers[i];

		if (matcher->op == PP_MATCH_EQ && pp_bytes_eq(matcher->name, pp_bytes_cstr("__name__")))
		{
			*type = matcher->value;
			found = true;
		}
		else
			selector->matchers[kept++] = *matcher;
	}
	selector->n = kept;
	return found || answer_error(render->request,
								 RPC_INVALID_ARGUMENT,
								 "\"query\" must contain a profile-type selection");
}

static bool
read_query(Render *render)
{
	Request *request = render->request;
	const char *text = query_get(&render->query, "query");
	PpSelector selector;
	PpBytes type = {0}, rest;
	char *type_text;
	PpError err;
	PpCode code;

	if (text == NULL || text[0] == '\0')
		return answer_error(request, RPC_INVALID_ARGUMENT, "\"query\" is required");
	code = pp_selector_parse(pp_bytes_cstr(text), NULL, request->arena, &selector, &err);
	if (code != PP_OK)
		return answer_error(request,
							rpc_code_of_core(code),
							"failed to parse \"query\": %s",
							err.message);
	if (!split_query(render, &selector, &type))
		return false;
	type_text = request_text(request, type);
	if (type_text == NULL || pp_selector_text(&selector, request->arena, &rest, NULL) != PP_OK)
		return answer_no_memory(request);
	render->selection.selector = request_text(request, rest);
	if (render->selection.selector == NULL)
		return answer_no_memory(request);
	return select_check_type(request, type_text, &render->selection.type);
}

static int64_t
time_param(const Render *render, const char *name, int64_t now_ns)
{
	const char *text = query_get(&render->query, name);

	return (text == NULL ? now_ns : attime_parse(text, now_ns, true)) / 1000000;
}

/* 0 when absent or not a number. */
static int64_t
number_param(const Render *render, const char *name, int64_t fallback)
{
	const char *text = query_get(&render->query, name);
	char *end;
	long long value;

	if (text == NULL || text[0] == '\0')
		return fallback;
	value = strtoll(text, &end, 10);
	return *end == '\0' ? value : 0;
}

static bool
read_params(Render *render)
{
	Request *request = render->request;
	int64_t now_ns = now_wall_ns();
	const char *aggregation = query_get(&render->query, "aggregation");
	const char *format = query_get(&render->query, "format");

	render->selection.start_ms = time_param(render, "from", now_ns);
	render->selection.end_ms = time_param(render, "until", now_ns);
	render->average = aggregation != NULL && strcmp(aggregation, "avg") == 0;
	render->group_by = pp_arena_array(request->arena, render->query.n + 1, sizeof(char *));
	if (render->group_by == NULL)
		return answer_no_memory(request);
	for (uint32_t i = 0; i < render->query.n; i++)
	{
		if (strcmp(render->query.params[i].name, "groupBy") == 0 &&
			render->query.params[i].value[0] != '\0')
			render->group_by[render->ngroup_by++] = (char *) render->query.params[i].value;
	}
	if (!select_check_range(request, render->selection.start_ms, render->selection.end_ms) ||
		!select_check_nodes(request,
							number_param(render, "maxNodes", number_param(render, "max-nodes", 0)),
							&render->max_nodes))
		return false;
	if (format != NULL && strcmp(format, "dot") == 0)
		return answer_error(request, RPC_UNIMPLEMENTED, "format dot is not implemented");
	render->step_s = timeline_step(render->selection.end_ms - render->selection.start_ms);
	return true;
}

static bool
write_flamebearer(Render *render, Buf *out)
{
	PpFlamebearer flame;

	if (pp_flamebearer(render->rows.rows, render->rows.n, render->request->arena, &flame, NULL) !=
		PP_OK)
		return answer_no_memory(render->request);
	buf_str(out, "{\"version\":1,\"flamebearer\":{\"names\":[");
	for (uint32_t i = 0; i < flame.nnames; i++)
	{
		if (i > 0)
			buf_char(out, ',');
		buf_json_string(out, flame.names[i].data, flame.names[i].len, true);
	}
	buf_str(out, "],\"levels\":[");
	for (uint32_t level = 0; level < flame.nlevels; level++)
	{
		buf_str(out, level > 0 ? ",[" : "[");
		for (uint32_t i = 0; i < flame.level_len[level]; i++)
		{
			if (i > 0)
				buf_char(out, ',');
			buf_int(out, flame.levels[level][i]);
		}
		buf_char(out, ']');
	}
	buf_str(out, "],\"numTicks\":");
	buf_int(out, flame.total);
	buf_str(out, ",\"maxSelf\":");
	buf_int(out, flame.max_self);
	buf_char(out, '}');
	return true;
}

static PpBytes
units_of(const PpTypeId *type)
{
	static const char *const objects[] = {"inuse_objects", "alloc_objects", "goroutine", "samples"};

	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
	{
		if (pp_bytes_eq(type->sample_type, pp_bytes_cstr(objects[i])))
			return pp_bytes_cstr("objects");
	}
	if (pp_bytes_eq(type->sample_type, pp_bytes_cstr("cpu")))
		return pp_bytes_cstr("samples");
	return type->sample_unit;
}

static void
write_metadata(const Render *render, Buf *out)
{
	PpTypeId type;
	PpBytes units;
	bool cpu;

	/* the text was made of a parsed one */
	pp_type_id_parse(pp_bytes_cstr(render->selection.type), &type, NULL);
	units = units_of(&type);
	cpu = pp_bytes_eq(type.sample_type, pp_bytes_cstr("cpu"));
	buf_str(out, ",\"metadata\":{\"format\":\"single\",\"spyName\":\"\",\"sampleRate\":");
	buf_str(out, cpu ? "1000000000" : "100");
	buf_str(out, ",\"units\":");
	buf_json_string(out, units.data, units.len, true);
	buf_str(out, ",\"name\":");
	buf_json_string(out, type.sample_type.data, type.sample_type.len, true);
	buf_char(out, '}');
}

/* Value of the first group-by label; "*" for series without it. */
static PpBytes
group_key(const Render *render, const PointSeries *series)
{
	for (uint32_t i = 0; i < series->labels.n; i++)
	{
		if (pp_bytes_eq(series->labels.pairs[i].name, pp_bytes_cstr(render->group_by[0])))
			return series->labels.pairs[i].value;
	}
	return pp_bytes_cstr("*");
}

typedef struct Group
{
	PpBytes key;
	const PointSeries *series;
} Group;

static int
group_cmp(const void *a, const void *b)
{
	const Group *left = a, *right = b;
	int order = pp_bytes_cmp(left->key, right->key);

	/* of equal keys the later series stands last, and wins */
	return order != 0 ? order : (left->series > right->series) - (left->series < right->series);
}

static void
write_timeline(const Render *render, const PointSeries *series, Buf *out)
{
	timeline_json(out,
				  render->selection.start_ms,
				  render->selection.end_ms,
				  render->step_s,
				  series == NULL ? NULL : series->points,
				  series == NULL ? 0 : series->n);
}

static bool
write_groups(const Render *render, Buf *out)
{
	Group *groups = pp_arena_array(render->request->arena, render->series.n + 1, sizeof(Group));
	bool first = true;

	if (groups == NULL)
		return answer_no_memory(render->request);
	for (uint32_t i = 0; i < render->series.n; i++)
		groups[i] = (Group){group_key(render, &render->series.series[i]), &render->series.series[i]};
	qsort(groups, render->series.n, sizeof(Group), group_cmp);
	buf_str(out, ",\"groups\":{");
	for (uint32_t i = 0; i < render->series.n; i++)
	{
		if (i + 1 < render->series.n && pp_bytes_eq(groups[i].key, groups[i + 1].key))
			continue;
		if (!first)
			buf_char(out, ',');
		first = false;
		buf_json_string(out, groups[i].key.data, groups[i].key.len, true);
		buf_char(out, ':');
		write_timeline(render, groups[i].series, out);
	}
	buf_char(out, '}');
	return true;
}

static bool
write_answer(Render *render)
{
	Buf *out = &render->request->answer;

	if (!write_flamebearer(render, out))
		return false;
	write_metadata(render, out);
	buf_str(out, ",\"timeline\":");
	write_timeline(render, render->series.n == 1 ? &render->series.series[0] : NULL, out);
	if (render->ngroup_by == 0)
		buf_str(out, ",\"groups\":null");
	else if (!write_groups(render, out))
		return false;
	buf_str(out, ",\"heatmap\":null}\n");
	return true;
}

bool
render_handler(Request *request, Db *db)
{
	Render render = {.request = request};

	if (!url_query(request->query, request->arena, &render.query))
		return answer_no_memory(request);
	if (!read_query(&render) || !read_params(&render) ||
		!select_flame(request, db, &render.selection, render.max_nodes, NULL, 0, &render.rows) ||
		!select_series(request,
					   db,
					   &render.selection,
					   render.step_s * 1000,
					   render.group_by,
					   render.ngroup_by,
					   render.average,
					   &render.series) ||
		!write_answer(&render))
		return false;
	request->status = 200;
	request->content_type = "application/json";
	request->compressible = true;
	return true;
}
