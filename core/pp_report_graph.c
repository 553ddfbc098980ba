/*
 * pp_report_graph.c
 *		Unit and header of the reports made of a call graph.
 */
#include "core/pp_report_graph.h"

#include <string.h>

#define MAX_FILTER 80 /* bytes of a filter shown in the header */

/* The least value listed that is not 0; 0 if there is none. */
static uint64_t
least_value(const PpGraph *g)
{
	uint64_t least = 0;

	for (uint32_t i = 0; i < g->nlisted; i++)
	{
		const PpGraphNode *node = &g->nodes[g->listed[i]];
		int64_t flat = pp_graph_flat(node);
		uint64_t value = pp_graph_absolute(flat != 0 ? flat : pp_graph_cum(node));

		if (value > 0 && (least == 0 || value < least))
			least = value;
	}
	return least;
}

PpCode
pp_report_choose_unit(PpReport *r, const PpGraph *g, bool whole, PpError *err)
{
	PpBytes automatic = pp_bytes_cstr("minimum"), from = pp_report_sample_unit(r);
	PpBytes unit, largest_unit;
	uint64_t least = least_value(g);
	int64_t low, high = r->total;

	if (!pp_bytes_eq(r->unit, automatic) || g->nlisted == 0)
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
	if (!whole && !pp_bytes_eq(unit, largest_unit) && (__int128) low * 100 < high)
		pp_measure_scale(low * 100, from, automatic, &unit);
	r->unit = unit.len > 0 ? unit : from;
	return PP_OK;
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

/* "Dropped 12 nodes (cum <= 10ms)"; the value is a fraction of the total */
static PpCode
append_dropped(const PpReport *r, uint32_t n, const char *what, const char *value, double fraction,
			   PpBuf *out, PpError *err)
{
	int64_t cutoff;
	PpCode code;

	if (n == 0)
		return PP_OK;
	if (!pp_double_to_int64((double) r->total * fraction, &cutoff) || cutoff == INT64_MIN)
		return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "cutoff is out of range for bigint");
	pp_buf_printf(out, "Dropped %u %s%s (%s <= ", n, what, n == 1 ? "" : "s", value);
	code = pp_report_number(r, out, cutoff < 0 ? -cutoff : cutoff, 0, err);
	pp_buf_text(out, ")\n");
	return code;
}

PpCode
pp_report_graph_header(const PpReport *r, const PpGraph *g, const PpGraphHeader *header, PpBuf *out,
					   size_t *first, PpError *err)
{
	char percentage[PP_PERCENTAGE_SIZE];
	int64_t flat;
	PpCode code = pp_graph_flat_sum(g, &flat, err);

	if (first != NULL)
		*first = 0;
	if (code == PP_OK && header->profile)
		code = pp_report_header(r, out, first, err);
	if (code != PP_OK)
		return code;
	append_filters(r->options, out);
	pp_buf_text(out, "Showing nodes accounting for ");
	if ((code = pp_report_number(r, out, flat, 0, err)) != PP_OK)
		return code;
	pp_measure_percentage(percentage, flat, r->total);
	pp_buf_printf(out, ", %s of ", percentage + strspn(percentage, " "));
	if ((code = pp_report_number(r, out, r->total, 0, err)) != PP_OK)
		return code;
	pp_buf_text(out, " total\n");
	if (r->total == 0)
		return PP_OK;
	if ((code = append_dropped(r, g->dropped, "node", "cum", r->nodefraction, out, err)) != PP_OK ||
		(code = append_dropped(r, header->dropped_edges, "edge", "freq", r->edgefraction, out, err)) !=
			PP_OK)
		return code;
	if (g->nlisted > 0 && g->nlisted < g->before_count)
		pp_buf_printf(out, "Showing top %u nodes out of %u\n", g->nlisted, g->before_count);
	return PP_OK;
}

PpCode
pp_report_node(const PpReport *r, const PpGraphNode *node, int64_t *sum, PpBuf *out, PpError *err)
{
	char percentage[PP_PERCENTAGE_SIZE], running[PP_PERCENTAGE_SIZE];
	int64_t flat = pp_graph_flat(node), cum = pp_graph_cum(node);
	PpCode code;

	if (__builtin_add_overflow(*sum, flat, sum))
		return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of flat values is out of range for bigint");
	if ((code = pp_report_number(r, out, flat, 10, err)) != PP_OK)
		return code;
	pp_measure_percentage(percentage, flat, r->total);
	pp_measure_percentage(running, *sum, r->total);
	pp_buf_printf(out, " %s %s ", percentage, running);
	if ((code = pp_report_number(r, out, cum, 10, err)) != PP_OK)
		return code;
	pp_measure_percentage(percentage, cum, r->total);
	pp_buf_printf(out, " %s", percentage);
	return PP_OK;
}

PpCode
pp_report_graph_start(PpReport *r, PpGraph *g, const PpGraphRequest *request, const PpProfile *p,
					  const PpReportOptions *options, const PpSearch *search, PpArena *arena,
					  PpError *err)
{
	PpCode code;

	memset(g, 0, sizeof(*g));
	if ((code = pp_report_prepare(r, p, options, search, PP_REPORT_PLAIN, arena, err)) != PP_OK)
		return code;
	r->join_files = request->join_files;
	pp_report_trim(r, options->trim && !request->untrimmed, request->nodecount);
	if ((code = pp_graph_init(g, r, err)) != PP_OK || (code = pp_graph_build(g, err)) != PP_OK ||
		(code = pp_graph_link(g, err)) != PP_OK)
		return code;
	return pp_report_choose_unit(r, g, false, err);
}

void
pp_report_graph_end(PpReport *r, PpGraph *g)
{
	if (g->report != NULL)
		pp_graph_clear(g);
	pp_report_end(r);
}
