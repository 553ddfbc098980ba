/*
 * pp_folded.h
 *		Stacks as text, one per line, root first: what flame graph tools write.
 */
#ifndef PP_FOLDED_H
#define PP_FOLDED_H

#include "core/pp_formats.h"

/*
 * Lines `root;frame;leaf COUNT`: the count is the signed whole number behind the
 * last blank.  Equal stacks add up.  An empty frame is one, but for nothing
 * behind a last ";"; a count alone is a sample without frames.  Lines without
 * any blank are skipped, unless there are no others: then they are an error.
 */
extern PpFormatReader pp_folded_read;

/* Lines `root;frame;leaf`, each a stack seen once. */
extern PpFormatReader pp_lines_read;

/* Does the text, perhaps cut off, have a line that ends like a count? */
extern bool pp_is_folded(const uint8_t *data, size_t len);

#endif
