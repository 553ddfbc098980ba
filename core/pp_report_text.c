/*
 * pp_report_text.c
 *		Texts that several reports have in common.
 */
#include "core/pp_report_impl.h"
#include "core/pp_sort.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define NANOS_PER_SECOND INT64_C(1000000000)
#define SECONDS_PER_DAY	 86400
#define NO_LINE			 SIZE_MAX

/* A day number (0 is 1970-01-01) in the proleptic Gregorian calendar. */
static void
civil_date(int64_t days, int64_t *year, int *month, int *day)
{
	/* years begin in March, so that the leap day comes last */
	int64_t era, year_of_era, day_of_era, day_of_year, shifted_month;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	day_of_era = days - era * 146097;
	year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	shifted_month = (5 * day_of_year + 2) / 153;
	*day = (int) (day_of_year - (153 * shifted_month + 2) / 5 + 1);
	*month = (int) (shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
	*year = year_of_era + era * 400 + (*month <= 2);
}

/* ".25" of n nanoseconds, nothing for 0. */
static void
append_fraction(PpBuf *out, int64_t n, int digits)
{
	while (digits > 0 && n % 10 == 0)
	{
		n /= 10;
		digits--;
	}
	if (digits > 0)
		pp_buf_printf(out, ".%0*" PRId64, digits, n);
}

void
pp_time_text(PpBuf *out, int64_t nanos, bool raw)
{
	int64_t seconds = nanos / NANOS_PER_SECOND, fraction = nanos % NANOS_PER_SECOND;
	int64_t days, year;
	int month, day, rest;

	if (fraction < 0)
	{
		fraction += NANOS_PER_SECOND;
		seconds--;
	}
	days = seconds / SECONDS_PER_DAY;
	rest = (int) (seconds % SECONDS_PER_DAY);
	if (rest < 0)
	{
		rest += SECONDS_PER_DAY;
		days--;
	}
	civil_date(days, &year, &month, &day);
	pp_buf_printf(out,
				  "%04" PRId64 "-%02d-%02d %02d:%02d:%02d",
				  year,
				  month,
				  day,
				  rest / 3600,
				  rest / 60 % 60,
				  rest % 60);
	if (raw)
	{
		append_fraction(out, fraction, 9);
		pp_buf_text(out, " +0000");
	}
	pp_buf_text(out, " UTC");
}

void
pp_duration_text(PpBuf *out, int64_t nanos)
{
	uint64_t n = nanos < 0 ? -(uint64_t) nanos : (uint64_t) nanos;
	uint64_t seconds = n / NANOS_PER_SECOND;

	if (n == 0)
	{
		pp_buf_text(out, "0s");
		return;
	}
	if (nanos < 0)
		pp_buf_char(out, '-');
	if (n < 1000)
		pp_buf_printf(out, "%" PRIu64 "ns", n);
	else if (n < 1000000)
	{
		pp_buf_printf(out, "%" PRIu64, n / 1000);
		append_fraction(out, (int64_t) (n % 1000), 3);
		pp_buf_text(out, "\302\265s"); /* a micro sign */
	}
	else if (n < (uint64_t) NANOS_PER_SECOND)
	{
		pp_buf_printf(out, "%" PRIu64, n / 1000000);
		append_fraction(out, (int64_t) (n % 1000000), 6);
		pp_buf_text(out, "ms");
	}
	else
	{
		if (seconds >= 3600)
			pp_buf_printf(out, "%" PRIu64 "h", seconds / 3600);
		if (seconds >= 60)
			pp_buf_printf(out, "%" PRIu64 "m", seconds / 60 % 60);
		pp_buf_printf(out, "%" PRIu64, seconds % 60);
		append_fraction(out, (int64_t) (n % NANOS_PER_SECOND), 9);
		pp_buf_char(out, 's');
	}
}

PpCode
pp_report_number(const PpReport *r, PpBuf *out, int64_t value, size_t width, PpError *err)
{
	PpMeasured text;

	if (r->ratio != 1 && !pp_double_to_int64((double) value * r->ratio, &value))
		return pp_fail(err,
					   PP_EOVERFLOW,
					   PP_NO_OFFSET,
					   "divided sample value is out of range for bigint");
	text = pp_measure_label(value, pp_report_sample_unit(r), r->unit);
	pp_buf_measured(out, &text, width);
	return PP_OK;
}

PpBytes
pp_report_base_name(PpBytes path)
{
	uint32_t start;

	if (path.len == 0)
		return pp_bytes_cstr(".");
	while (path.len > 1 && path.data[path.len - 1] == '/')
		path.len--;
	start = path.len;
	while (start > 0 && path.data[start - 1] != '/')
		start--;
	if (start == path.len)
		return pp_bytes_cstr("/");
	return (PpBytes){path.data + start, path.len - start};
}

static void
append_line(PpBuf *out, const char *title, PpBytes text)
{
	pp_buf_text(out, title);
	pp_buf_bytes(out, text);
	pp_buf_char(out, '\n');
}

static PpCode
append_duration(const PpReport *r, PpBuf *out, PpError *err)
{
	PpMeasured duration =
		pp_measure_label(r->p->duration_nanos, pp_bytes_cstr("nanoseconds"), pp_bytes_cstr("auto"));
	PpBytes unit;
	double nanos =
		pp_measure_scale(r->total, pp_report_sample_unit(r), pp_bytes_cstr("nanoseconds"), &unit);
	PpCode code;

	pp_buf_text(out, "Duration: ");
	pp_buf_measured(out, &duration, 0);
	pp_buf_text(out, ", Total samples = ");
	if ((code = pp_report_number(r, out, r->total, 0, err)) != PP_OK)
		return code;
	pp_buf_char(out, ' ');
	if (pp_bytes_eq(unit, pp_bytes_cstr("ns")) && nanos != 0)
	{
		char percentage[PP_PERCENTAGE_SIZE];

		/* whole nanoseconds, as the tool takes them; more than int64 holds if need be */
		pp_measure_percentage_of(percentage, trunc(nanos), (double) r->p->duration_nanos);
		pp_buf_printf(out, "(%s)", percentage);
	}
	pp_buf_char(out, '\n');
	return PP_OK;
}

/* Nothing stood between start and the line that was appended last, if any. */
static void
note_first(const PpBuf *out, size_t start, size_t *first)
{
	if (*first == NO_LINE && out->len > start)
		*first = out->len - start - 1;
}

/* What stands for the whole profile if it is there: its first mapping. */
static void
append_mapping(const PpProfile *p, PpBuf *out, size_t *first)
{
	size_t start = out->len;
	PpBytes file, build_id;

	if (p->nmappings == 0)
		return;
	file = pp_str(p, p->mappings[0].filename);
	build_id = pp_str(p, p->mappings[0].build_id);
	if (file.len > 0)
		append_line(out, "File: ", pp_report_base_name(file));
	note_first(out, start, first);
	if (build_id.len > 0)
		append_line(out, "Build ID: ", build_id);
	note_first(out, start, first);
}

PpCode
pp_report_header(const PpReport *r, PpBuf *out, size_t *first, PpError *err)
{
	const PpProfile *p = r->p;
	PpBytes type = pp_str(p, p->types[r->column].type);
	size_t start = out->len, none = 0;

	if (first == NULL)
		first = &none;
	*first = NO_LINE;
	append_mapping(p, out, first);
	for (uint32_t i = 0; i < p->ncomments; i++)
	{
		PpBytes comment = pp_str(p, p->comments[i]);

		if (comment.len == 0 || comment.data[0] != '#')
			append_line(out, "", comment);
		note_first(out, start, first);
	}
	if (r->options->mean)
		append_line(out, "Type: mean_", type);
	else if (type.len > 0)
		append_line(out, "Type: ", type);
	note_first(out, start, first);
	if (pp_str(p, p->doc_url).len > 0)
		append_line(out, "Doc: ", pp_str(p, p->doc_url));
	note_first(out, start, first);
	if (p->time_nanos != 0)
	{
		pp_buf_text(out, "Time: ");
		pp_time_text(out, p->time_nanos, false);
		pp_buf_char(out, '\n');
	}
	note_first(out, start, first);
	if (*first == NO_LINE)
		*first = 0;
	return p->duration_nanos != 0 ? append_duration(r, out, err) : PP_OK;
}

/* Lines of one sample, one behind the other in text. */
typedef struct LabelLines
{
	PpBuf text;
	size_t *ends;
	uint32_t n;
} LabelLines;

static PpBytes
nth_line(const LabelLines *lines, uint32_t i)
{
	size_t start = i == 0 ? 0 : lines->ends[i - 1];

	return (PpBytes){lines->text.data + start, (uint32_t) (lines->ends[i] - start)};
}

static int
cmp_lines(const void *ctx, uint32_t a, uint32_t b)
{
	return pp_bytes_cmp(nth_line(ctx, a), nth_line(ctx, b));
}

PpCode
pp_report_label_lines(const PpReport *r, const PpSample *sample, bool numbers, PpLabelLine line,
					  const char *separator, PpBuf *out, PpError *err)
{
	const PpProfile *p = r->p;
	const PpLabel *labels = p->labels + sample->label_off;
	LabelLines lines = {.n = 0};
	uint32_t *order;
	PpCode code;

	if (sample->nlabels == 0)
		return PP_OK;
	pp_buf_init(&lines.text, pp_arena_allocator(r->arena));
	lines.ends = pp_arena_array(r->arena, sample->nlabels, sizeof(*lines.ends));
	order = pp_arena_array(r->arena, sample->nlabels, sizeof(*order));
	if (lines.ends == NULL || order == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0, n; i < sample->nlabels; i += n)
	{
		bool number = labels[i].str == 0;

		for (n = 1; i + n < sample->nlabels && (labels[i + n].str == 0) == number &&
					pp_bytes_eq(pp_str(p, labels[i].key), pp_str(p, labels[i + n].key));)
			n++;
		if (number != numbers)
			continue;
		line(r, &lines.text, labels + i, n);
		order[lines.n] = lines.n;
		lines.ends[lines.n++] = lines.text.len;
	}
	code = pp_buf_check(&lines.text, err);
	if (code == PP_OK)
		code = pp_sort_indexes(order, lines.n, cmp_lines, &lines, pp_arena_allocator(r->arena), err);
	for (uint32_t i = 0; code == PP_OK && i < lines.n; i++)
	{
		if (i > 0)
			pp_buf_text(out, separator);
		pp_buf_bytes(out, nth_line(&lines, order[i]));
	}
	pp_buf_free(&lines.text);
	return code;
}
