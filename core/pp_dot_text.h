/*
 * pp_dot_text.h
 *		Texts and colours of graphs in dot, the language of Graphviz.
 */
#ifndef PP_DOT_TEXT_H
#define PP_DOT_TEXT_H

#include "core/pp_buf.h"

/* Inside double quotes: lines of the text become lines aligned to the left. */
extern void pp_dot_escape(PpBuf *out, PpBytes text);

/*
 * "#rrggbb" of a share of the total between -1 (green) and 1 (red), grey around
 * 0; light for backgrounds.  A share that is no number has no green.
 */
extern void pp_dot_color(PpBuf *out, double share, bool background);

/* A function's short name, broken at dots and double colons. */
extern PpCode pp_dot_function(PpBuf *out, PpBytes name, PpArena *arena, PpError *err);

#endif
