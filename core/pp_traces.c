/*
 * pp_traces.c
 *		-traces: every sample with its labels and its stack.
 */
#include "core/pp_graph.h"

static void
append_separator(PpBuf *out)
{
	pp_buf_fill(out, '-', 11);
	pp_buf_char(out, '+');
	pp_buf_fill(out, '-', 55);
	pp_buf_char(out, '\n');
}

static void
start_line(const PpReport *r, PpBuf *line, const PpLabel *label)
{
	pp_buf_right(line, pp_str(r->p, label->key), 10);
	pp_buf_text(line, ":  ");
}

static void
text_label(const PpReport *r, PpBuf *line, const PpLabel *labels, uint32_t n)
{
	start_line(r, line, labels);
	for (uint32_t i = 0; i < n; i++)
	{
		if (i > 0)
			pp_buf_char(line, ' ');
		pp_buf_bytes(line, pp_str(r->p, labels[i].str));
	}
	pp_buf_char(line, '\n');
}

static void
number_label(const PpReport *r, PpBuf *line, const PpLabel *labels, uint32_t n)
{
	PpBytes unit = pp_label_unit(&r->units, labels);

	start_line(r, line, labels);
	for (uint32_t i = 0; i < n; i++)
	{
		PpMeasured text = pp_measure_label(labels[i].num, unit, pp_bytes_cstr("auto"));

		if (i > 0)
			pp_buf_char(line, ' ');
		pp_buf_measured(line, &text, 0);
	}
	pp_buf_char(line, '\n');
}

/* Leaf first; the value stands on the leaf's line. */
static PpCode
append_stack(const PpGraph *g, uint32_t index, PpBuf *out, PpError *err)
{
	const PpReport *r = g->report;
	const PpSample *sample = &r->p->samples[index];

	for (uint32_t i = 0; i < sample->nlocs; i++)
	{
		uint32_t loc = r->p->locrefs[sample->loc_off + i];

		for (uint32_t k = g->first_node[loc]; k < g->first_node[loc + 1]; k++)
		{
			if (i == 0 && k == g->first_node[loc])
			{
				int64_t value = pp_graph_mean(pp_report_value(r, index), pp_report_divisor(r, index));
				PpCode code = pp_report_number(r, out, value, 10, err);

				if (code != PP_OK)
					return code;
			}
			else
				pp_buf_fill(out, ' ', 10);
			pp_buf_text(out, "   ");
			pp_buf_bytes(out, g->nodes[g->location_nodes[k]].printed);
			pp_buf_text(out, k + 1 < g->first_node[loc + 1] ? " (inline)\n" : "\n");
		}
	}
	return PP_OK;
}

static PpCode
append_samples(const PpGraph *g, PpBuf *out, PpError *err)
{
	const PpReport *r = g->report;
	PpCode code;

	for (uint32_t i = 0; i < r->p->nsamples; i++)
	{
		const PpSample *sample = &r->p->samples[i];

		if (i % 4096 == 4095 && pp_poll(out->alloc))
			return pp_fail_canceled(err);
		if (sample->nlocs == 0)
			continue;
		append_separator(out);
		if ((code = pp_report_label_lines(r, sample, false, text_label, "", out, err)) != PP_OK ||
			(code = pp_report_label_lines(r, sample, true, number_label, "", out, err)) != PP_OK ||
			(code = append_stack(g, i, out, err)) != PP_OK)
			return code;
	}
	append_separator(out);
	return PP_OK;
}

PpCode
pp_traces_text(const PpProfile *p, const PpReportOptions *options, const PpSearch *search,
			   PpArena *arena, PpBuf *out, PpError *err)
{
	PpReport r;
	PpGraph graph;
	size_t before = out->len;
	PpCode code = pp_report_prepare(&r, p, options, search, PP_REPORT_PLAIN, arena, err);

	if (code == PP_OK)
	{
		code = pp_report_header(&r, out, NULL, err);
		if (out->len == before)
			pp_buf_char(out, '\n');
	}
	if (code == PP_OK)
	{
		code = pp_graph_init(&graph, &r, err);
		if (code == PP_OK)
			code = append_samples(&graph, out, err);
		pp_graph_clear(&graph);
	}
	pp_report_end(&r);
	return code != PP_OK ? code : pp_buf_check(out, err);
}
