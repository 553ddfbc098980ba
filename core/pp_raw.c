/*
 * pp_raw.c
 *		-raw: the profile as it stands after the filters.
 */
#include "core/pp_report_impl.h"

#include <inttypes.h>
#include <string.h>

/* The first n characters of a text. */
static PpBytes
first_characters(PpBytes text, size_t n)
{
	PpBytes part = {text.data, 0};

	while (part.len < text.len)
	{
		part.len++;
		if (pp_utf8_length(part) > n)
		{
			part.len--;
			break;
		}
		/* a sequence that is not complete yet counts its bytes one by one */
		while (part.len < text.len && ((unsigned char) text.data[part.len] & 0xC0) == 0x80)
			part.len++;
	}
	return part;
}

static void
append_line(PpBuf *out, const char *title, PpBytes text)
{
	pp_buf_text(out, title);
	pp_buf_bytes(out, text);
	pp_buf_char(out, '\n');
}

static void
append_header(const PpProfile *p, PpBuf *out)
{
	for (uint32_t i = 0; i < p->ncomments; i++)
		append_line(out, "Comment: ", pp_str(p, p->comments[i]));
	if (pp_str(p, p->doc_url).len > 0)
		append_line(out, "Doc: ", pp_str(p, p->doc_url));
	pp_buf_text(out, "PeriodType: ");
	pp_buf_bytes(out, pp_str(p, p->period_type.type));
	append_line(out, " ", pp_str(p, p->period_type.unit));
	pp_buf_printf(out, "Period: %" PRId64 "\n", p->period);
	if (p->time_nanos != 0)
	{
		pp_buf_text(out, "Time: ");
		pp_time_text(out, p->time_nanos, true);
		pp_buf_char(out, '\n');
	}
	if (p->duration_nanos != 0)
	{
		PpBuf text;

		pp_buf_init(&text, out->alloc);
		pp_duration_text(&text, p->duration_nanos);
		append_line(out, "Duration: ", first_characters((PpBytes){text.data, (uint32_t) text.len}, 4));
		out->failed = out->failed || text.failed;
		pp_buf_free(&text);
	}
	pp_buf_text(out, "Samples:\n");
	for (uint32_t t = 0; t < p->ntypes; t++)
	{
		PpBytes type = pp_str(p, p->types[t].type);

		if (t > 0)
			pp_buf_char(out, ' ');
		pp_buf_bytes(out, type);
		pp_buf_char(out, '/');
		pp_buf_bytes(out, pp_str(p, p->types[t].unit));
		if (pp_bytes_eq(type, pp_str(p, p->default_sample_type)))
			pp_buf_text(out, "[dflt]");
	}
	pp_buf_char(out, '\n');
}

/* key:[value value] */
static void
text_label(const PpReport *r, PpBuf *line, const PpLabel *labels, uint32_t n)
{
	pp_buf_bytes(line, pp_str(r->p, labels[0].key));
	pp_buf_text(line, ":[");
	for (uint32_t i = 0; i < n; i++)
	{
		if (i > 0)
			pp_buf_char(line, ' ');
		pp_buf_bytes(line, pp_str(r->p, labels[i].str));
	}
	pp_buf_char(line, ']');
}

/* Units are shown only if one of the numbers has one. */
static void
number_label(const PpReport *r, PpBuf *line, const PpLabel *labels, uint32_t n)
{
	bool units = false;

	for (uint32_t i = 0; i < n; i++)
		units = units || pp_str(r->p, labels[i].num_unit).len > 0;
	pp_buf_bytes(line, pp_str(r->p, labels[0].key));
	pp_buf_text(line, ":[");
	for (uint32_t i = 0; i < n; i++)
	{
		pp_buf_printf(line, "%s%" PRId64, i > 0 ? " " : "", labels[i].num);
		if (units)
		{
			pp_buf_char(line, ' ');
			pp_buf_bytes(line, pp_str(r->p, labels[i].num_unit));
		}
	}
	pp_buf_char(line, ']');
}

static PpCode
append_labels(const PpReport *r, const PpSample *sample, bool numbers, PpBuf *out, PpError *err)
{
	size_t before = out->len, empty;
	PpCode code;

	pp_buf_fill(out, ' ', 16);
	empty = out->len;
	code =
		pp_report_label_lines(r, sample, numbers, numbers ? number_label : text_label, " ", out, err);
	if (out->len == empty)
		out->len = before;
	else
		pp_buf_char(out, '\n');
	return code;
}

static PpCode
append_samples(const PpReport *r, PpBuf *out, PpError *err)
{
	const PpProfile *p = r->p;

	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		const PpSample *sample = &p->samples[i];
		PpCode code;

		for (uint32_t t = 0; t < p->ntypes; t++)
			pp_buf_printf(out, " %10" PRId64, p->values[(size_t) i * p->ntypes + t]);
		pp_buf_text(out, ": ");
		for (uint32_t k = 0; k < sample->nlocs; k++)
			pp_buf_printf(out, "%" PRIu64 " ", p->locations[p->locrefs[sample->loc_off + k]].id);
		pp_buf_char(out, '\n');
		if ((code = append_labels(r, sample, false, out, err)) != PP_OK ||
			(code = append_labels(r, sample, true, out, err)) != PP_OK)
			return code;
		if (i % 4096 == 4095 && pp_poll(out->alloc))
			return pp_fail_canceled(err);
	}
	return PP_OK;
}

static void
append_location(const PpProfile *p, const PpLocation *loc, PpBuf *out)
{
	pp_buf_printf(out, "%6" PRIu64 ": 0x%" PRIx64 " ", loc->id, loc->address);
	if (loc->mapping != PP_NONE)
		pp_buf_printf(out, "M=%" PRIu64 " ", p->mappings[loc->mapping].id);
	if (loc->is_folded)
		pp_buf_text(out, "[F] ");
	if (loc->nlines == 0)
		pp_buf_char(out, '\n');
	for (uint32_t i = 0; i < loc->nlines; i++)
	{
		const PpLine *line = &p->lines[loc->line_off + i];
		const PpFunction *function = &p->functions[line->function];
		PpBytes name = pp_str(p, function->name), system = pp_str(p, function->system_name);

		if (i > 0)
			pp_buf_fill(out, ' ', 13);
		pp_buf_bytes(out, name);
		pp_buf_char(out, ' ');
		pp_buf_bytes(out, pp_str(p, function->filename));
		pp_buf_printf(out,
					  ":%" PRId64 ":%" PRId64 " s=%" PRId64,
					  line->line,
					  line->column,
					  function->start_line);
		if (!pp_bytes_eq(name, system))
		{
			pp_buf_char(out, '(');
			pp_buf_bytes(out, system);
			pp_buf_char(out, ')');
		}
		pp_buf_char(out, '\n');
	}
}

static void
append_tables(const PpProfile *p, PpBuf *out)
{
	static const struct
	{
		uint32_t flag;
		const char *text;
	} flags[] = {{PP_HAS_FUNCTIONS, "[FN]"},
				 {PP_HAS_FILENAMES, "[FL]"},
				 {PP_HAS_LINE_NUMBERS, "[LN]"},
				 {PP_HAS_INLINE_FRAMES, "[IN]"}};

	pp_buf_text(out, "Locations\n");
	for (uint32_t i = 0; i < p->nlocations; i++)
		append_location(p, &p->locations[i], out);
	pp_buf_text(out, "Mappings\n");
	for (uint32_t i = 0; i < p->nmappings; i++)
	{
		const PpMapping *m = &p->mappings[i];

		pp_buf_printf(out,
					  "%" PRIu64 ": 0x%" PRIx64 "/0x%" PRIx64 "/0x%" PRIx64 " ",
					  m->id,
					  m->start,
					  m->limit,
					  m->offset);
		pp_buf_bytes(out, pp_str(p, m->filename));
		pp_buf_char(out, ' ');
		pp_buf_bytes(out, pp_str(p, m->build_id));
		pp_buf_char(out, ' ');
		for (size_t f = 0; f < sizeof(flags) / sizeof(flags[0]); f++)
			if (m->flags & flags[f].flag)
				pp_buf_text(out, flags[f].text);
		pp_buf_char(out, '\n');
	}
}

PpCode
pp_raw_text(const PpProfile *p, const PpReportOptions *options, const PpSearch *search,
			PpArena *arena, PpBuf *out, PpError *err)
{
	PpReport r;
	PpCode code = pp_report_prepare(&r, p, options, search, PP_REPORT_RAW, arena, err);

	if (code == PP_OK)
	{
		append_header(r.p, out);
		code = append_samples(&r, out, err);
	}
	if (code == PP_OK)
		append_tables(r.p, out);
	pp_report_end(&r);
	return code != PP_OK ? code : pp_buf_check(out, err);
}
