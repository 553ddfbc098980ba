/*
 * pp_paths.h
 *		Samples by function: the stacks of a dictionary in a dictionary of paths.
 *
 * A dictionary of paths is an ordinary PpDict whose locations are one frame each:
 * a function that has nothing but a name, or, where there is no name, what flame
 * graphs call such a frame by (the file of its mapping, whether it has lines).
 * Flame graphs of samples in it are those of the samples it was made of, under
 * both sets of rules.  It knows neither addresses nor lines, so it grows slowly
 * and many dictionaries can share one.
 */
#ifndef PP_PATHS_H
#define PP_PATHS_H

#include "core/pp_dict.h"

/* Which stack of `paths` (a writer) each function-level node of `dict` (a reader) has. */
typedef struct PpPathMap PpPathMap;

/* Both dictionaries must outlive the map, and nothing is cut off from them meanwhile. */
extern PpPathMap *pp_path_map_new(const PpDict *dict, PpDict *paths, const PpAlloc *alloc);
extern void pp_path_map_free(PpPathMap *map);

/*
 * A part over `dict` as a part over `paths`: paths that are not known there are
 * added.  What it needs lives in the arena; scale and dict_id are the caller's.
 */
extern PpCode pp_path_map_part(PpPathMap *map, const PpSamplesPart *part, PpArena *arena,
							   PpSamplesPart *out, PpError *err);

typedef struct PpFunctionSum
{
	PpBytes name;  /* as pprof's rules name frames; in the dictionary or the arena */
	int64_t self;  /* of stacks that end in it */
	int64_t total; /* of stacks that have it, each counted once */
} PpFunctionSum;

/*
 * What each function has of a part over a dictionary of paths, reader or writer;
 * each name once, those without any value left out.
 */
extern PpCode pp_paths_functions(const PpDict *paths, const PpSamplesPart *part, PpArena *arena,
								 PpFunctionSum **functions, uint32_t *n, PpError *err);

#endif
