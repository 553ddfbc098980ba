/*
 * pp_json_text.c
 *		A whole profile as JSON.
 *
 * The shape is that of profile.proto: fields by their names there, in the order
 * of their numbers, tables with their ids, and as in proto3 nothing for what is 0
 * or empty.  Indexes of strings are replaced by the strings.  Numbers are exact
 * integers, also above 2^53.
 */
#include "core/pp_render.h"

#include <inttypes.h>

#define POLL_EVERY 4096 /* entries between two looks at poll() and at the text */

void
pp_buf_json(PpBuf *out, PpBytes text)
{
	uint32_t done = 0;

	pp_buf_char(out, '"');
	for (uint32_t i = 0; i < text.len; i++)
	{
		unsigned char c = (unsigned char) text.data[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		pp_buf_append(out, text.data + done, i - done);
		done = i + 1;
		if (c == 0)
			pp_buf_text(out, "\xEF\xBF\xBD");
		else if (c == '\n')
			pp_buf_text(out, "\\n");
		else if (c == '\t')
			pp_buf_text(out, "\\t");
		else if (c < 0x20)
			pp_buf_printf(out, "\\u%04x", c);
		else
		{
			pp_buf_char(out, '\\');
			pp_buf_char(out, (char) c);
		}
	}
	pp_buf_append(out, text.data + done, text.len - done);
	pp_buf_char(out, '"');
}

/* An object or array under construction: what separates the next member. */
static void
separate(PpBuf *out)
{
	char last = out->len > 0 ? out->data[out->len - 1] : '{';

	if (last != '{' && last != '[')
		pp_buf_char(out, ',');
}

/* "name": with the comma before it; names are ours and need no escapes. */
static void
member(PpBuf *out, const char *name)
{
	separate(out);
	pp_buf_char(out, '"');
	pp_buf_text(out, name);
	pp_buf_text(out, "\":");
}

static void
put_string(PpBuf *out, const char *name, const PpProfile *p, uint32_t string)
{
	PpBytes text = pp_str(p, string);

	if (text.len == 0)
		return;
	member(out, name);
	pp_buf_json(out, text);
}

static void
put_int(PpBuf *out, const char *name, int64_t value)
{
	if (value == 0)
		return;
	member(out, name);
	pp_buf_printf(out, "%" PRId64, value);
}

static void
put_uint(PpBuf *out, const char *name, uint64_t value)
{
	if (value == 0)
		return;
	member(out, name);
	pp_buf_printf(out, "%" PRIu64, value);
}

static void
put_flag(PpBuf *out, const char *name, bool value)
{
	if (!value)
		return;
	member(out, name);
	pp_buf_text(out, "true");
}

static void
put_value_type(PpBuf *out, const PpProfile *p, PpValueType type)
{
	pp_buf_char(out, '{');
	put_string(out, "type", p, type.type);
	put_string(out, "unit", p, type.unit);
	pp_buf_char(out, '}');
}

static void
put_label(PpBuf *out, const PpProfile *p, const PpLabel *label)
{
	separate(out);
	pp_buf_char(out, '{');
	put_string(out, "key", p, label->key);
	put_string(out, "str", p, label->str);
	/* 0 with a unit is a label, so a number is always there */
	if (label->str == 0)
	{
		member(out, "num");
		pp_buf_printf(out, "%" PRId64, label->num);
	}
	put_string(out, "num_unit", p, label->num_unit);
	pp_buf_char(out, '}');
}

static void
put_sample(PpBuf *out, const PpProfile *p, uint32_t index)
{
	const PpSample *sample = &p->samples[index];
	const int64_t *values = &p->values[(size_t) index * p->ntypes];

	pp_buf_text(out, "{\"location_id\":[");
	for (uint32_t i = 0; i < sample->nlocs; i++)
		pp_buf_printf(out,
					  "%s%" PRIu64,
					  i > 0 ? "," : "",
					  p->locations[p->locrefs[sample->loc_off + i]].id);
	pp_buf_text(out, "],\"value\":[");
	for (uint32_t i = 0; i < p->ntypes; i++)
		pp_buf_printf(out, "%s%" PRId64, i > 0 ? "," : "", values[i]);
	pp_buf_char(out, ']');
	if (sample->nlabels > 0)
	{
		member(out, "label");
		pp_buf_char(out, '[');
		for (uint32_t i = 0; i < sample->nlabels; i++)
			put_label(out, p, &p->labels[sample->label_off + i]);
		pp_buf_char(out, ']');
	}
	pp_buf_char(out, '}');
}

static void
put_mapping(PpBuf *out, const PpProfile *p, uint32_t index)
{
	const PpMapping *m = &p->mappings[index];

	pp_buf_char(out, '{');
	put_uint(out, "id", m->id);
	put_uint(out, "memory_start", m->start);
	put_uint(out, "memory_limit", m->limit);
	put_uint(out, "file_offset", m->offset);
	put_string(out, "filename", p, m->filename);
	put_string(out, "build_id", p, m->build_id);
	put_flag(out, "has_functions", (m->flags & PP_HAS_FUNCTIONS) != 0);
	put_flag(out, "has_filenames", (m->flags & PP_HAS_FILENAMES) != 0);
	put_flag(out, "has_line_numbers", (m->flags & PP_HAS_LINE_NUMBERS) != 0);
	put_flag(out, "has_inline_frames", (m->flags & PP_HAS_INLINE_FRAMES) != 0);
	pp_buf_char(out, '}');
}

static void
put_location(PpBuf *out, const PpProfile *p, uint32_t index)
{
	const PpLocation *location = &p->locations[index];

	pp_buf_char(out, '{');
	put_uint(out, "id", location->id);
	if (location->mapping != PP_NONE)
		put_uint(out, "mapping_id", p->mappings[location->mapping].id);
	put_uint(out, "address", location->address);
	if (location->nlines > 0)
	{
		member(out, "line");
		pp_buf_char(out, '[');
		for (uint32_t i = 0; i < location->nlines; i++)
		{
			const PpLine *line = &p->lines[location->line_off + i];

			separate(out);
			pp_buf_char(out, '{');
			if (line->function != PP_NONE)
				put_uint(out, "function_id", p->functions[line->function].id);
			put_int(out, "line", line->line);
			put_int(out, "column", line->column);
			pp_buf_char(out, '}');
		}
		pp_buf_char(out, ']');
	}
	put_flag(out, "is_folded", location->is_folded != 0);
	pp_buf_char(out, '}');
}

static void
put_function(PpBuf *out, const PpProfile *p, uint32_t index)
{
	const PpFunction *function = &p->functions[index];

	pp_buf_char(out, '{');
	put_uint(out, "id", function->id);
	put_string(out, "name", p, function->name);
	put_string(out, "system_name", p, function->system_name);
	put_string(out, "filename", p, function->filename);
	put_int(out, "start_line", function->start_line);
	pp_buf_char(out, '}');
}

static void
put_sample_type(PpBuf *out, const PpProfile *p, uint32_t index)
{
	put_value_type(out, p, p->types[index]);
}

static void
put_comment(PpBuf *out, const PpProfile *p, uint32_t index)
{
	pp_buf_json(out, pp_str(p, p->comments[index]));
}

/* "name": [...] of n entries. */
static PpCode
put_table(PpBuf *out, const char *name, const PpProfile *p, uint32_t n,
		  void (*put)(PpBuf *, const PpProfile *, uint32_t), PpError *err)
{
	member(out, name);
	pp_buf_char(out, '[');
	for (uint32_t i = 0; i < n && !out->failed; i++)
	{
		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(out->alloc))
			return pp_fail_canceled(err);
		separate(out);
		put(out, p, i);
	}
	pp_buf_char(out, ']');
	return pp_buf_check(out, err);
}

PpCode
pp_json_text(const PpProfile *p, PpBuf *out, PpError *err)
{
	PpCode code;

	pp_buf_char(out, '{');
	if ((code = put_table(out, "sample_type", p, p->ntypes, put_sample_type, err)) != PP_OK ||
		(code = put_table(out, "sample", p, p->nsamples, put_sample, err)) != PP_OK ||
		(code = put_table(out, "mapping", p, p->nmappings, put_mapping, err)) != PP_OK ||
		(code = put_table(out, "location", p, p->nlocations, put_location, err)) != PP_OK ||
		(code = put_table(out, "function", p, p->nfunctions, put_function, err)) != PP_OK)
		return code;
	put_string(out, "drop_frames", p, p->drop_frames);
	put_string(out, "keep_frames", p, p->keep_frames);
	put_int(out, "time_nanos", p->time_nanos);
	put_int(out, "duration_nanos", p->duration_nanos);
	if (pp_str(p, p->period_type.type).len > 0 || pp_str(p, p->period_type.unit).len > 0)
	{
		member(out, "period_type");
		put_value_type(out, p, p->period_type);
	}
	put_int(out, "period", p->period);
	if (p->ncomments > 0 &&
		(code = put_table(out, "comment", p, p->ncomments, put_comment, err)) != PP_OK)
		return code;
	put_string(out, "default_sample_type", p, p->default_sample_type);
	put_string(out, "doc_url", p, p->doc_url);
	pp_buf_char(out, '}');
	return pp_buf_check(out, err);
}
