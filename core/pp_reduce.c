/*
 * pp_reduce.c
 *		Profiles with less detail.
 *
 * Locations that become equal stay apart here: interning (pp_dict_intern.c) finds
 * equal content, and so do merges.  Which frames are inlined is kept.
 */
#include "core/pp_reduce.h"

void
pp_reduce_to_functions(PpProfile *p)
{
	for (uint32_t i = 0; i < p->nmappings; i++)
		p->mappings[i].flags &= ~(uint32_t) PP_HAS_LINE_NUMBERS;
	for (uint32_t i = 0; i < p->nlines; i++)
		p->lines[i].line = p->lines[i].column = 0;
	/* without a name, the address is all there is to find one with later */
	for (uint32_t i = 0; i < p->nlocations; i++)
		if (p->locations[i].nlines > 0)
			p->locations[i].address = 0;
}
