/*
 * selector.h
 *		pprof.selector inside a backend: parsed selectors, tested against jsonb.
 */
#ifndef PPROF_SELECTOR_H
#define PPROF_SELECTOR_H

#include "core/pp_labels.h"
#include "fmgr.h"
#include "utils/jsonb.h"

/* A varlena around the canonical text, in UTF-8 whatever the server's encoding. */
typedef struct varlena Selector;

#define DatumGetSelectorPP(d)	 ((Selector *) PG_DETOAST_DATUM_PACKED(d))
#define PG_GETARG_SELECTOR_PP(n) DatumGetSelectorPP(PG_GETARG_DATUM(n))

/*
 * Parse a stored selector into the current memory context.  False if that is not
 * possible (its expressions were accepted by another version): such a selector
 * matches nothing.  Never raises.
 */
extern bool selector_parse(const Selector *selector, PpSelector *parsed);

/*
 * Value of a label in UTF-8, "" if it is absent or no string.  The bytes live in
 * labels or in the current memory context.
 */
extern PpBytes selector_label(const Jsonb *labels, PpBytes name);

/* A string of jsonb as UTF-8; "" if it cannot be said in UTF-8. */
extern PpBytes selector_utf8(const char *data, int len);

#endif
