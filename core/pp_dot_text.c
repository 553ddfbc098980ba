/*
 * pp_dot_text.c
 *		Texts and colours of graphs in dot.
 */
#include "core/pp_dot_text.h"

#include "core/pp_short_name.h"

#include <math.h>
#include <string.h>

#define ELLIPSIS "\342\200\246"

void
pp_dot_escape(PpBuf *out, PpBytes text)
{
	for (uint32_t i = 0; i < text.len; i++)
	{
		char c = text.data[i];

		if (c == '\n')
			pp_buf_text(out, "\\l");
		else
		{
			if (c == '\\' || c == '"')
				pp_buf_char(out, '\\');
			pp_buf_char(out, c);
		}
	}
}

/* A part of 255; no number becomes 0. */
static unsigned
color_byte(double part)
{
	double scaled = part * 255.0;

	return scaled >= 0 && scaled < 256 ? (unsigned) scaled : 0;
}

void
pp_dot_color(PpBuf *out, double share, bool background)
{
	double saturation = background ? 0.1 : 1.0, value = background ? 0.93 : 0.7;
	double red = value, green = value, blue;

	if (share > 1)
		share = 1;
	else if (share < -1)
		share = -1;
	if (fabs(share) < 0.2)
		saturation *= fabs(share) / 0.2;
	/* away from grey, so that small shares of either sign can be told apart */
	if (share > 0)
		share = pow(share, 0.3);
	if (share < 0)
		share = -pow(-share, 0.3);
	if (share < 0)
		red = value * (1 + saturation * share);
	else
		green = value * (1 - saturation * share);
	blue = value * (1 - saturation);
	pp_buf_printf(out, "#%02x%02x%02x", color_byte(red), color_byte(green), color_byte(blue));
}

static bool
starts_with(PpBytes text, uint32_t at, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len - at >= len && memcmp(text.data + at, prefix, len) == 0;
}

PpCode
pp_dot_function(PpBuf *out, PpBytes name, PpArena *arena, PpError *err)
{
	PpBytes text;
	PpCode code = pp_short_name(name, arena, &text, err);

	if (code != PP_OK)
		return code;
	for (uint32_t i = 0; i < text.len; i++)
		if (starts_with(text, i, "::"))
		{
			pp_buf_text(out, "\\n");
			i++;
		}
		else if (starts_with(text, i, "[...]"))
		{
			/* type parameters that are left out of Go's names */
			pp_buf_text(out, "[" ELLIPSIS "]");
			i += 4;
		}
		else if (text.data[i] == '.')
			pp_buf_text(out, "\\n");
		else
			pp_dot_escape(out, (PpBytes){text.data + i, 1});
	return PP_OK;
}
