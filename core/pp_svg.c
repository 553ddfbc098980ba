/*
 * pp_svg.c
 *		A flame graph as a picture.
 *
 * The root is at the top, a frame is as wide as its share.  What is drawn is plain
 * shapes, texts and their titles, which viewers show as tooltips: no script, no
 * style sheet, no id and no reference to anything, so that the file may stand in
 * any page.  It is ASCII: all else is a character reference.
 */
#include "core/pp_measure.h"
#include "core/pp_render.h"
#include "core/pp_text.h"
#include "core/pp_tree_impl.h"

#include <inttypes.h>
#include <string.h>

#define ROW_HEIGHT 17  /* pixels from one level to the next */
#define MARGIN	   10  /* on all sides */
#define HEADER	   30  /* room for the title */
#define FOOTER	   24  /* room for what is not drawn */
#define MAX_LEVELS 600 /* deeper frames are not drawn: about 10,000 pixels */
#define MIN_WIDTH  0.3 /* pixels below which a frame is not drawn */
#define CHAR_WIDTH 6.7 /* of the font, which is monospaced */
#define MIN_TEXT   3   /* characters below which a frame has no text */
#define MAX_TITLE  512 /* characters of a name in a tooltip, or of the title */

typedef struct Svg
{
	PpBuf *out;
	const PpSvgOptions *options;
	const PpFlameRow *rows;
	const PpFlameRight *right; /* or NULL */
	size_t n;
	double scale; /* pixels per value */
	int32_t levels;
	uint64_t hidden; /* rows that were not drawn */
	int64_t folded;	 /* nodes that the rows stand for in "other" */
	uint64_t clipped;
} Svg;

/* --- text --- */

/*
 * One character as XML has it.  What XML cannot say (control characters, what is
 * no UTF-8, U+FFFE and U+FFFF) becomes U+FFFD; line breaks and tabs, which
 * attributes would lose, become blanks.
 */
static void
put_char(PpBuf *out, uint32_t c)
{
	if (c == '\n' || c == '\t' || c == '\r')
		pp_buf_char(out, ' ');
	else if (c == '&')
		pp_buf_text(out, "&amp;");
	else if (c == '<')
		pp_buf_text(out, "&lt;");
	else if (c == '>')
		pp_buf_text(out, "&gt;");
	else if (c == '"')
		pp_buf_text(out, "&quot;");
	else if (c == '\'')
		pp_buf_text(out, "&#39;");
	else if (c < 0x20 || c == 0xFFFE || c == 0xFFFF)
		pp_buf_text(out, "&#xFFFD;");
	else if (c < 0x7F)
		pp_buf_char(out, (char) c);
	else
		pp_buf_printf(out, "&#x%" PRIX32 ";", c);
}

/* The character at *at, which moves on; U+FFFD for a byte that is no UTF-8. */
static uint32_t
next_char(PpBytes text, uint32_t *at)
{
	uint32_t c;
	size_t len = pp_utf8_next(text.data + *at, text.len - *at, &c);

	*at += len > 0 ? (uint32_t) len : 1;
	return len > 0 ? c : 0xFFFD;
}

/* Wide characters (of East Asia, and pictures) take two columns. */
static uint32_t
columns_of(uint32_t c)
{
	return c >= 0x1100 &&
				   (c <= 0x115F || (c >= 0x2E80 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
					(c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) || c >= 0x1F000)
			   ? 2
			   : 1;
}

/* At most so many columns of the text, with ".." in place of the rest. */
static void
put_text(PpBuf *out, PpBytes text, uint32_t columns)
{
	uint32_t at = 0, used = 0, fits = 0;

	/* fits: where to stop if the whole does not fit */
	while (at < text.len && used <= columns)
	{
		used += columns_of(next_char(text, &at));
		if (used + 2 <= columns)
			fits = at;
	}
	if (used <= columns)
		fits = text.len;
	for (at = 0; at < fits;)
		put_char(out, next_char(text, &at));
	if (fits < text.len)
		pp_buf_text(out, "..");
}

/* A value in the unit that suits it.  The unit may be any text. */
static void
put_value(const Svg *svg, int64_t value)
{
	PpMeasured measured = pp_measure_label(value, svg->options->unit, pp_bytes_cstr("auto"));

	pp_buf_text(svg->out, measured.number);
	put_text(svg->out, measured.unit, 24);
}

static double
share(int64_t part, int64_t whole)
{
	return whole == 0 ? 0 : (double) part / (double) whole;
}

/* What a tooltip says of a frame. */
static void
put_tooltip(const Svg *svg, size_t row)
{
	PpBuf *out = svg->out;
	int64_t value = svg->rows[row].value;
	double part = share(value, svg->rows[0].value);

	put_text(out, svg->rows[row].label, MAX_TITLE);
	pp_buf_text(out, svg->right == NULL ? " (" : ": ");
	put_value(svg, value);
	if (svg->right == NULL)
		pp_buf_printf(out, ", %.2f%%)", 100 * part);
	else
	{
		int64_t right_value = svg->right[row].value;
		double right_part = share(right_value, svg->right[0].value);

		pp_buf_printf(out, " (%.2f%%) in the baseline, ", 100 * part);
		put_value(svg, right_value);
		pp_buf_printf(out,
					  " (%.2f%%) in the comparison: %+.2f%%",
					  100 * right_part,
					  100 * (right_part - part));
	}
}

/* --- colours --- */

/* Warm ones by name, so that a function looks alike in every picture. */
static void
put_plain_colour(const Svg *svg, size_t row)
{
	PpBytes name = svg->rows[row].label;
	uint64_t hash = pp_stable_hash(name.data, name.len, 1);

	if (row == 0 || svg->rows[row].truncated)
		pp_buf_text(svg->out, "#d0d0d0");
	else
		pp_buf_printf(svg->out,
					  "#%02x%02x%02x",
					  (unsigned) (220 + hash % 36),
					  (unsigned) (120 + (hash >> 8) % 100),
					  (unsigned) (70 + (hash >> 16) % 50));
}

/* Red where the comparison's share is larger, blue where the baseline's is. */
static void
put_change_colour(const Svg *svg, size_t row)
{
	double left = share(svg->rows[row].value, svg->rows[0].value);
	double right = share(svg->right[row].value, svg->right[0].value);
	double larger = left > right ? left : right;
	double change = larger > 0 ? (right - left) / larger : 0; /* -1 to 1 */
	unsigned pale = (unsigned) (232 - 160 * (change < 0 ? -change : change));

	if (row == 0 || (change < 0.001 && change > -0.001))
		pp_buf_text(svg->out, "#e4e4e4");
	else if (change > 0)
		pp_buf_printf(svg->out, "#ff%02x%02x", pale, pale);
	else
		pp_buf_printf(svg->out, "#%02x%02xff", pale, pale);
}

/* --- frames --- */

static void
put_frame(const Svg *svg, size_t row, double x, double width)
{
	PpBuf *out = svg->out;
	int64_t y = HEADER + (int64_t) svg->rows[row].level * ROW_HEIGHT;
	double columns = (width - 6) / CHAR_WIDTH;
	double gap = width > 2 ? 0.5 : 0; /* to the next one, which may have the same colour */

	pp_buf_text(out, "<g><title>");
	put_tooltip(svg, row);
	pp_buf_printf(out,
				  "</title><rect x=\"%.2f\" y=\"%" PRId64 "\" width=\"%.2f\" height=\"%d\" fill=\"",
				  x,
				  y,
				  width - gap,
				  ROW_HEIGHT - 1);
	if (svg->right == NULL)
		put_plain_colour(svg, row);
	else
		put_change_colour(svg, row);
	pp_buf_text(out, "\"/>");
	if (columns >= MIN_TEXT)
	{
		pp_buf_printf(out, "<text x=\"%.2f\" y=\"%" PRId64 "\">", x + 3, y + 12);
		put_text(out, svg->rows[row].label, (uint32_t) columns);
		pp_buf_text(out, "</text>");
	}
	pp_buf_text(out, "</g>\n");
}

static double
row_weight(const Svg *svg, size_t row)
{
	double weight = (double) svg->rows[row].value;

	return svg->right == NULL ? weight : weight + (double) svg->right[row].value;
}

/*
 * Go through the rows, which are in pre-order: a frame begins where its elder
 * sibling ended, and its first child where it does.  Without drawing, what is
 * hidden is counted and the depth measured.
 */
static PpCode
walk_rows(Svg *svg, bool draw, PpError *err)
{
	double next[MAX_LEVELS + 2] = {0}; /* by level: where the next frame begins, in values */

	for (size_t i = 0; i < svg->n; i++)
	{
		int32_t level = svg->rows[i].level;
		double weight = row_weight(svg, i), start;

		if (i % 4096 == 4095 && (svg->out->failed || pp_poll(svg->out->alloc)))
			return svg->out->failed ? pp_buf_check(svg->out, err) : pp_fail_canceled(err);
		start = level < MAX_LEVELS ? next[level] : 0;
		if (level < MAX_LEVELS)
		{
			next[level] = start + weight;
			next[level + 1] = start;
		}
		if (level >= MAX_LEVELS || weight * svg->scale < MIN_WIDTH)
			svg->hidden += !draw;
		else if (draw)
			put_frame(svg, i, MARGIN + start * svg->scale, weight * svg->scale);
		else if (level >= svg->levels)
			svg->levels = level + 1;
	}
	return PP_OK;
}

/* What was asked for, else the sample type and its total. */
static void
put_title(const Svg *svg, uint32_t columns)
{
	if (svg->options->title.len > 0)
	{
		put_text(svg->out, svg->options->title, columns);
		return;
	}
	put_text(svg->out, svg->options->type, columns / 2);
	pp_buf_text(svg->out, ": ");
	put_value(svg, svg->rows[0].value);
	if (svg->right != NULL)
	{
		pp_buf_text(svg->out, " and ");
		put_value(svg, svg->right[0].value);
	}
}

static void
put_header(const Svg *svg)
{
	PpBuf *out = svg->out;
	int64_t width = svg->options->width;
	int64_t height = HEADER + (int64_t) svg->levels * ROW_HEIGHT + FOOTER + MARGIN;
	uint32_t columns = (uint32_t) ((double) (width - 2 * MARGIN) / CHAR_WIDTH);

	pp_buf_printf(out,
				  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%" PRId64
				  "\" height=\"%" PRId64 "\" viewBox=\"0 0 %" PRId64 " %" PRId64
				  "\" role=\"img\" font-family=\"monospace\" font-size=\"11\" aria-label=\"",
				  width,
				  height,
				  width,
				  height);
	put_title(svg, MAX_TITLE);
	pp_buf_printf(out,
				  "\">\n<rect width=\"%" PRId64 "\" height=\"%" PRId64 "\" fill=\"#ffffff\"/>\n"
				  "<text x=\"%d\" y=\"20\" font-size=\"13\" font-weight=\"bold\">",
				  width,
				  height,
				  MARGIN);
	put_title(svg, columns < MAX_TITLE ? columns * 4 / 5 : MAX_TITLE);
	pp_buf_text(out, "</text>\n");
}

/* What the picture leaves out, in words. */
static void
put_footer(const Svg *svg)
{
	PpBuf *out = svg->out;

	pp_buf_printf(out,
				  "<text x=\"%d\" y=\"%" PRId64 "\" fill=\"#606060\">",
				  MARGIN,
				  HEADER + (int64_t) svg->levels * ROW_HEIGHT + 16);
	if (svg->right != NULL)
		pp_buf_text(out, "red: larger share in the comparison, blue: in the baseline; ");
	pp_buf_printf(out, "%" PRIu64 " frames hidden", svg->hidden);
	if (svg->hidden > 0)
		pp_buf_printf(out, " (narrower than %.1f pixels or deeper than %d)", MIN_WIDTH, MAX_LEVELS);
	if (svg->folded > 0)
		pp_buf_printf(out, ", %" PRId64 " folded into &quot;other&quot;", svg->folded);
	if (svg->clipped > 0)
		pp_buf_printf(out, ", %" PRIu64 " stacks below 0 not drawn", svg->clipped);
	pp_buf_text(out, "</text>\n</svg>\n");
}

static PpCode
draw(Svg *svg, PpError *err)
{
	double total = row_weight(svg, 0);
	PpCode code;

	svg->scale = total > 0 ? (double) (svg->options->width - 2 * MARGIN) / total : 0;
	if ((code = walk_rows(svg, false, err)) != PP_OK)
		return code;
	if (total <= 0)
	{
		svg->levels = 1;
		svg->hidden = svg->n - 1;
	}
	put_header(svg);
	if (total <= 0)
		pp_buf_printf(svg->out, "<text x=\"%d\" y=\"%d\">no samples</text>\n", MARGIN, HEADER + 12);
	if ((code = walk_rows(svg, true, err)) != PP_OK)
		return code;
	put_footer(svg);
	return pp_buf_check(svg->out, err);
}

PpCode
pp_svg_text(PpTree *left, PpTree *right, const PpSvgOptions *options, PpArena *arena, PpBuf *out,
			PpError *err)
{
	Svg svg = {.out = out, .options = options};
	PpFlameRow *rows;
	PpFlameRight *right_rows = NULL;
	int64_t *right_self;
	PpCode code;

	if (options->width < PP_SVG_MIN_WIDTH || options->width > PP_SVG_MAX_WIDTH)
		return pp_fail(err,
					   PP_EINVALID,
					   PP_NO_OFFSET,
					   "width must be from %d to %d pixels",
					   PP_SVG_MIN_WIDTH,
					   PP_SVG_MAX_WIDTH);
	svg.clipped = pp_tree_clip(left);
	if (right == NULL)
		code = pp_tree_flame(left, options->max_nodes, arena, &rows, &svg.n, &svg.folded, err);
	else
	{
		svg.clipped += pp_tree_clip(right);
		if ((code = pp_tree_align(left, right, arena, &right_self, err)) == PP_OK)
			code = pp_tree_flame_pair(left,
									  right_self,
									  options->max_nodes,
									  arena,
									  &rows,
									  &right_rows,
									  &svg.n,
									  &svg.folded,
									  err);
	}
	if (code != PP_OK)
		return code;
	svg.rows = rows;
	svg.right = right_rows;
	return draw(&svg, err);
}
