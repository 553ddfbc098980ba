/*
 * pp_memory_map.h
 *		What a native profile says of the process: ranges of addresses and their files.
 *
 * The text is that of /proc/PID/maps, or the shorter "START-END FILE (@OFFSET)
 * BUILDID".  Every rule here is that of the pprof tool, which decides what
 * becomes of an address: the same lines are mappings, the same ones are joined,
 * and the same one comes first.
 */
#ifndef PP_MEMORY_MAP_H
#define PP_MEMORY_MAP_H

#include "core/pp_lines.h"

typedef struct PpMemoryMap
{
	PpMapping *mappings; /* file name and build id are indexes into texts */
	PpBytes *texts;		 /* two per mapping: file name, build id */
	uint32_t n, cap;
} PpMemoryMap;

/*
 * The executable ranges of what is left of the lines, in order.  Lines of no
 * known form are passed over.  Texts point into the lines or into the arena;
 * the arrays are made in scratch and have room for one more.
 */
extern PpCode pp_memory_map_read(PpLines *lines, const PpLimits *limits, PpArena *arena,
								 PpArena *scratch, PpMemoryMap *map, PpError *err);

/* Join neighbours of one file, and put what looks like the program itself first. */
extern void pp_memory_map_tidy(PpMemoryMap *map);

/*
 * Give each location its mapping.  Addresses outside all of them get one that
 * covers everything, which is added.  Sorted by boundary, so that many
 * locations in many mappings cost no product.
 */
extern PpCode pp_memory_map_assign(PpMemoryMap *map, PpLocation *locations, uint32_t nlocations,
								   PpArena *scratch, PpError *err);

#endif
