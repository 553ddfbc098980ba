/*
 * profile_values.h
 *		Parts of a profile as SQL values.
 */
#ifndef PROFILE_VALUES_H
#define PROFILE_VALUES_H

#include "core/pp_profile.h"
#include "utils/jsonb.h"

/* Null is what is not known: an empty text, a number 0. */
extern void put_text(Datum *value, bool *isnull, PpBytes bytes);
extern void put_number(Datum *value, bool *isnull, int64_t number);

/* Ids take all 64 bits, so they are numeric; addresses are text, in hexadecimal. */
extern Datum id_value(uint64_t id);
extern Datum address_value(uint64_t address);

typedef enum LabelPart
{
	LABEL_TEXTS = 1,
	LABEL_NUMBERS = 2,
	LABEL_ALL = 3,
	LABEL_UNITS = 4 /* of numbers, for keys that have any */
} LabelPart;

/* Labels as an object; a key that occurs more than once has an array of its values. */
extern Datum labels_value(const PpProfile *p, const PpSample *sample, LabelPart part);

#endif
