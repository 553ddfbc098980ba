/*
 * pp_render.h
 *		A profile in the shapes that other programs draw or read: folded stacks,
 *		speedscope, SVG, two profiles as one flame graph, what a compiler wants.
 *
 * Texts are bytes as the profile has them (pp_buf.h); who hands them out as text
 * replaces what is no UTF-8.  The SVG is ASCII whatever the names are.
 */
#ifndef PP_RENDER_H
#define PP_RENDER_H

#include "core/pp_report.h"
#include "core/pp_tree.h"

/* What is known of a frame besides the text that stands for it. */
typedef struct PpFrame
{
	PpBytes name, file;	  /* empty: not known, here and below 0 */
	int64_t line, column; /* of the call */
} PpFrame;

/*
 * A profile ready to be drawn: options applied, and every function named as its
 * frame is printed.  It shares with the profile it was made of.
 */
typedef struct PpRender
{
	PpProfile *p;
	uint32_t column;
	bool drop_negative;
	const PpFrame *frames; /* by function of p; NULL by functions, where the name is all */
} PpRender;

/*
 * Filter a profile that is loaded (pp_report_load), bring it to the granularity,
 * choose the column: sample_type if it is not empty, else the options' sample_index.
 * Options that divide values are refused, for parts of a stack must add up;
 * those of trimming, sorting and units have no meaning here.
 */
extern PpCode pp_render_prepare(const PpProfile *p, PpBytes sample_type,
								const PpReportOptions *options, const PpSearch *search,
								PpArena *arena, PpRender *out, PpError *err);

/* The call tree of what was prepared; to be freed if PP_OK. */
extern PpCode pp_render_tree(const PpRender *render, const PpAlloc *alloc, PpFlameRules rules,
							 PpTree **tree, PpError *err);

/* Does the sample belong to the base of a difference (label pprof::base = true)? */
extern bool pp_sample_is_base(const PpProfile *p, const PpSample *sample);
extern bool pp_profile_is_difference(const PpProfile *p);

/*
 * The sides of a difference as profiles of their own that share with p: the base
 * with its values made positive again, and the rest.
 */
extern PpCode pp_render_split(const PpRender *render, PpArena *arena, PpRender *base,
							  PpRender *rest, PpError *err);

/*
 * Bring two profiles to one unit, the finer one.  PP_EINCOMPATIBLE unless their
 * sample types have the same name (but for a final s) and units of one family,
 * one a whole multiple of the other.
 */
extern PpCode pp_render_meet(PpRender *base, PpRender *comparison, PpArena *arena, PpError *err);

/*
 * Give left the nodes that only right has; *values is the self of right by node
 * of left then.
 */
extern PpCode pp_tree_align(PpTree *left, const PpTree *right, PpArena *arena, int64_t **values,
							PpError *err);

/* Stacks whose sum is negative count nothing; how many there were. */
extern uint32_t pp_tree_clip(PpTree *tree);

/*
 * Write the stacks of a tree that have a value of their own, in the order of
 * lists of names (bytes).  A stack is given as the items of its frames joined by
 * the separator; item tells that of a name (a number in the tree's names) and is
 * called in the order in which stacks use the names.
 */
typedef struct PpStackWriter
{
	PpBytes (*item)(void *ctx, uint32_t name); /* read before the next call */
	PpCode (*stack)(void *ctx, PpBytes items, int64_t self, PpError *err);
	char separator;
	void *ctx;
} PpStackWriter;

extern PpCode pp_tree_stacks(const PpTree *tree, const PpStackWriter *writer, PpError *err);

/*
 * Folded stacks: root first, ';' between frames, a blank, the value.  ';' in a
 * name becomes ':' and a line break a blank.
 */
extern PpCode pp_folded_text(const PpRender *render, PpArena *arena, PpBuf *out, PpError *err);

/* A file of speedscope, as JSON; PP_EINVALID for what has negative stacks. */
extern PpCode pp_speedscope_text(const PpRender *render, PpArena *arena, PpBuf *out, PpError *err);

/*
 * The whole profile as JSON by the names of profile.proto, strings in place of
 * their indexes; what is 0 or empty there is left out.
 */
extern PpCode pp_json_text(const PpProfile *p, PpBuf *out, PpError *err);

/* A text in quotes as JSON has it; bytes above 0x7F as they are, NUL as U+FFFD. */
extern void pp_buf_json(PpBuf *out, PpBytes text);

/*
 * What `go build -pgo` reads of a CPU profile: stacks (their innermost
 * keep_locations, all if below 1) with function names, start lines and lines.
 */
extern PpCode pp_profile_pgo(const PpProfile *p, int64_t keep_locations, PpArena *arena,
							 PpProfile **out, PpError *err);

#define PP_SVG_MIN_WIDTH 200
#define PP_SVG_MAX_WIDTH 20000

typedef struct PpSvgOptions
{
	PpBytes title;		/* empty: the sample type */
	PpBytes type, unit; /* of the values */
	int64_t width;		/* pixels, PP_SVG_MIN_WIDTH to PP_SVG_MAX_WIDTH */
	int64_t max_nodes;	/* see pp_tree_flame */
} PpSvgOptions;

/*
 * A flame graph as a self-contained SVG without scripts and styles.  If right is
 * given, both are drawn as one: as wide as both together, red where right has the
 * larger share, blue where left has.  left is changed.
 */
extern PpCode pp_svg_text(PpTree *left, PpTree *right, const PpSvgOptions *options, PpArena *arena,
						  PpBuf *out, PpError *err);

#endif
