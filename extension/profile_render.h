/*
 * profile_render.h
 *		From a profile and options in SQL to what the core draws.
 */
#ifndef PROFILE_RENDER_H
#define PROFILE_RENDER_H

#include "core/pp_render.h"
#include "fmgr.h"
#include "utils/jsonb.h"

/*
 * The profile with the options applied.  sample_type and granularity, being
 * arguments of their own, go before the options unless they are empty.  Under
 * Pyroscope's rules drop_frames are left alone.
 */
typedef struct RenderRequest
{
	PpBytes sample_type;
	const text *granularity; /* or NULL */
	bool noinlines;
	Jsonb *options; /* or NULL */
	PpFlameRules rules;
} RenderRequest;

extern PpRender profile_render(const PpProfile *profile, const RenderRequest *request,
							   PpArena *arena);
extern PpTree *profile_tree(const PpRender *render, PpFlameRules rules);

#endif
