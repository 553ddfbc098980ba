/*
 * pp_top.c
 *		-top: nodes of the graph as rows and as text.
 */
#include "core/pp_graph.h"

#include <string.h>

#define MAX_FILTER 80 /* bytes of a filter shown in the header */

static uint64_t
absolute(int64_t value)
{
	return value < 0 ? -(uint64_t) value : (uint64_t) value;
}

/* The least value shown that is not 0; 0 if there is none. */
static uint64_t
least_value(const PpTop *top)
{
	uint64_t least = 0;

	for (uint32_t i = 0; i < top->nrows; i++)
	{
		uint64_t value = absolute(top->rows[i].flat != 0 ? top->rows[i].flat : top->rows[i].cum);

		if (value > 0 && (least == 0 || value < least))
			least = value;
	}
	return least;
}

/*
 * One unit for all numbers: fit for the least one, unless the total is more
 * than a hundred times larger and of another unit; then the least may have two
 * decimals.
 */
static PpCode
choose_unit(PpReport *r, const PpTop *top, PpError *err)
{
	PpBytes automatic = pp_bytes_cstr("minimum"), from = pp_report_sample_unit(r);
	PpBytes unit, largest_unit;
	uint64_t least = least_value(top);
	int64_t low, high = top->total;

	if (!pp_bytes_eq(r->unit, automatic) || top->nrows == 0)
		return PP_OK;
	low = least == 0 ? high : least > INT64_MAX ? INT64_MAX : (int64_t) least;
	if (r->ratio != 1 && (!pp_double_to_int64((double) low * r->ratio, &low) ||
						  !pp_double_to_int64((double) high * r->ratio, &high)))
		return pp_fail(err,
					   PP_EOVERFLOW,
					   PP_NO_OFFSET,
					   "divided sample value is out of range for bigint");
	pp_measure_scale(low, from, automatic, &unit);
	pp_measure_scale(high, from, automatic, &largest_unit);
	if (!pp_bytes_eq(unit, largest_unit) && (__int128) low * 100 < high)
		pp_measure_scale(low * 100, from, automatic, &unit);
	r->unit = unit.len > 0 ? unit : from;
	return PP_OK;
}

/* What the edges that are left say about their callees. */
static PpCode
mark_inlined(const PpGraph *g, PpTop *top, PpError *err)
{
	enum
	{
		CALLED = 1,
		INLINED = 2
	};
	uint8_t *marks = pp_arena_zalloc(g->report->arena, g->nnodes);

	if (marks == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < g->nedges; i++)
		if (!g->edges[i].trimmed)
			marks[g->edges[i].to] |= g->edges[i].inlined ? INLINED : CALLED;
	for (uint32_t i = 0; i < top->nrows; i++)
	{
		uint8_t mark = marks[g->listed[i]];

		top->rows[i].inlined = !(mark & INLINED) ? PP_NOT_INLINED
							   : mark & CALLED	 ? PP_PARTLY_INLINED
												 : PP_INLINED;
	}
	return PP_OK;
}

static PpCode
graph_rows(PpReport *r, PpGraph *g, PpTop *top, PpError *err)
{
	__int128 sum = 0;
	PpCode code = pp_graph_init(g, r, err);

	if (code == PP_OK)
		code = pp_graph_build(g, err);
	if (code != PP_OK)
		return code;
	top->nrows = g->nlisted;
	top->total = r->total;
	top->column = r->column;
	top->dropped = g->dropped;
	top->before_count = g->before_count;
	top->rows = pp_arena_array(r->arena, g->nlisted, sizeof(*top->rows));
	if (top->rows == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < g->nlisted; i++)
	{
		const PpGraphNode *node = &g->nodes[g->listed[i]];
		PpTopRow *row = &top->rows[i];

		row->name = node->printed;
		row->flat = pp_graph_mean(node->flat, node->flat_divisor);
		row->cum = pp_graph_mean(node->cum, node->cum_divisor);
		sum += row->flat;
	}
	if (sum > INT64_MAX || sum < INT64_MIN)
		return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of flat values is out of range for bigint");
	top->flat_sum = (int64_t) sum;
	return mark_inlined(g, top, err);
}

/* The caller ends the report. */
static PpCode
top_rows(PpReport *r, const PpProfile *p, const PpReportOptions *options, const PpSearch *search,
		 bool join_files, PpArena *arena, PpTop *top, PpError *err)
{
	PpGraph graph;
	PpCode code = pp_report_prepare(r, p, options, search, false, arena, err);

	memset(top, 0, sizeof(*top));
	if (code != PP_OK)
		return code;
	r->join_files = join_files;
	code = graph_rows(r, &graph, top, err);
	pp_graph_clear(&graph);
	if (code == PP_OK)
		code = choose_unit(r, top, err);
	top->unit = r->unit;
	return code;
}

PpCode
pp_top_rows(const PpProfile *p, const PpReportOptions *options, const PpSearch *search,
			PpArena *arena, PpTop *top, PpError *err)
{
	PpReport r;
	PpCode code = top_rows(&r, p, options, search, true, arena, top, err);

	pp_report_end(&r);
	return code;
}

static void
append_filters(const PpReportOptions *o, PpBuf *out)
{
	const struct
	{
		const char *name;
		PpBytes value;
	} filters[] = {
		{"focus", o->focus},
		{"ignore", o->ignore},
		{"hide", o->hide},
		{"show", o->show},
		{"show_from", o->show_from},
		{"tagfocus", o->tagfocus},
		{"tagignore", o->tagignore},
		{"tagshow", o->tagshow},
		{"taghide", o->taghide},
	};
	bool any = false;

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
	{
		size_t start;

		if (filters[i].value.len == 0)
			continue;
		if (!any)
			pp_buf_text(out, "Active filters:\n");
		any = true;
		pp_buf_text(out, "   ");
		start = out->len;
		pp_buf_printf(out, "%s=", filters[i].name);
		pp_buf_bytes(out, filters[i].value);
		if (out->len - start > MAX_FILTER)
		{
			out->len = start + MAX_FILTER;
			pp_buf_text(out, "\342\200\246"); /* an ellipsis */
		}
		pp_buf_char(out, '\n');
	}
}

static PpCode
append_summary(const PpReport *r, const PpTop *top, PpBuf *out, PpError *err)
{
	char percentage[PP_PERCENTAGE_SIZE];
	PpCode code;

	pp_buf_text(out, "Showing nodes accounting for ");
	if ((code = pp_report_number(r, out, top->flat_sum, 0, err)) != PP_OK)
		return code;
	pp_measure_percentage(percentage, top->flat_sum, top->total);
	pp_buf_printf(out, ", %s of ", percentage + strspn(percentage, " "));
	if ((code = pp_report_number(r, out, top->total, 0, err)) != PP_OK)
		return code;
	pp_buf_text(out, " total\n");
	if (top->total != 0 && top->dropped > 0)
	{
		double fraction = r->options->trim ? r->options->nodefraction : 0;
		int64_t cutoff;

		if (!pp_double_to_int64((double) top->total * fraction, &cutoff) || cutoff == INT64_MIN)
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "cutoff is out of range for bigint");
		pp_buf_printf(out, "Dropped %u node%s (cum <= ", top->dropped, top->dropped == 1 ? "" : "s");
		code = pp_report_number(r, out, cutoff < 0 ? -cutoff : cutoff, 0, err);
		pp_buf_text(out, ")\n");
	}
	if (top->total != 0 && top->nrows > 0 && top->nrows < top->before_count)
		pp_buf_printf(out, "Showing top %u nodes out of %u\n", top->nrows, top->before_count);
	return code;
}

static PpCode
append_rows(const PpReport *r, const PpTop *top, PpBuf *out, PpError *err)
{
	static const char *const marks[] = {"", " (partial-inline)", " (inline)"};
	int64_t sum = 0;

	pp_buf_text(out, "      flat  flat%   sum%        cum   cum%\n");
	for (uint32_t i = 0; i < top->nrows; i++)
	{
		const PpTopRow *row = &top->rows[i];
		char flat[PP_PERCENTAGE_SIZE], all[PP_PERCENTAGE_SIZE], cum[PP_PERCENTAGE_SIZE];
		PpCode code;

		if (__builtin_add_overflow(sum, row->flat, &sum))
			return pp_fail(err,
						   PP_EOVERFLOW,
						   PP_NO_OFFSET,
						   "sum of flat values is out of range for bigint");
		pp_measure_percentage(flat, row->flat, top->total);
		pp_measure_percentage(all, sum, top->total);
		pp_measure_percentage(cum, row->cum, top->total);
		if ((code = pp_report_number(r, out, row->flat, 10, err)) != PP_OK)
			return code;
		pp_buf_printf(out, " %s %s ", flat, all);
		if ((code = pp_report_number(r, out, row->cum, 10, err)) != PP_OK)
			return code;
		pp_buf_printf(out, " %s  ", cum);
		pp_buf_bytes(out, row->name);
		pp_buf_text(out, marks[row->inlined]);
		pp_buf_char(out, '\n');
	}
	return PP_OK;
}

PpCode
pp_top_text(const PpProfile *p, const PpReportOptions *options, const PpSearch *search,
			PpArena *arena, PpBuf *out, PpError *err)
{
	PpReport r;
	PpTop top;
	PpCode code = top_rows(&r, p, options, search, false, arena, &top, err);

	if (code == PP_OK && !options->compact_labels)
		code = pp_report_header(&r, out, err);
	if (code == PP_OK)
	{
		append_filters(options, out);
		code = append_summary(&r, &top, out, err);
	}
	if (code == PP_OK)
		code = append_rows(&r, &top, out, err);
	pp_report_end(&r);
	return code != PP_OK ? code : pp_buf_check(out, err);
}
