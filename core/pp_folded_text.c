/*
 * pp_folded_text.c
 *		Folded stacks, one line per stack.
 */
#include "core/pp_algebra.h"
#include "core/pp_render.h"
#include "core/pp_tree_impl.h"

#include <inttypes.h>
#include <string.h>

/* ';' would begin a frame and a line break would end the stack. */
static bool
must_change(PpBytes name)
{
	return name.len > 0 &&
		   (memchr(name.data, ';', name.len) != NULL || memchr(name.data, '\n', name.len) != NULL ||
			memchr(name.data, '\r', name.len) != NULL);
}

static PpCode
written_name(PpBytes *name, PpArena *arena, PpError *err)
{
	char *copy = pp_arena_copy(arena, name->data, name->len);

	if (copy == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < name->len; i++)
	{
		if (copy[i] == ';')
			copy[i] = ':';
		else if (copy[i] == '\n' || copy[i] == '\r')
			copy[i] = ' ';
	}
	name->data = copy;
	return PP_OK;
}

/*
 * Names as they are written, before stacks are added up and sorted: two that are
 * written alike are one.
 */
static PpCode
written_profile(const PpProfile *p, PpArena *arena, PpProfile **out, PpError *err)
{
	PpBytes *strings = pp_arena_array(arena, p->nstrings, sizeof(*strings));
	PpCode code = PP_OK;

	*out = pp_profile_share(p, arena);
	if (strings == NULL || *out == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < p->nstrings && code == PP_OK; i++)
	{
		strings[i] = p->strings[i];
		if (must_change(strings[i]))
			code = written_name(&strings[i], arena, err);
	}
	(*out)->strings = strings;
	return code;
}

typedef struct Folded
{
	const PpTree *tree;
	PpBuf *out;
} Folded;

static PpBytes
frame_name(void *ctx, uint32_t name)
{
	const Folded *folded = ctx;

	return folded->tree->names.names[name];
}

static PpCode
append_line(void *ctx, PpBytes stack, int64_t self, PpError *err)
{
	const Folded *folded = ctx;

	pp_buf_bytes(folded->out, stack);
	pp_buf_printf(folded->out, " %" PRId64 "\n", self);
	return pp_buf_check(folded->out, err);
}

PpCode
pp_folded_text(const PpRender *render, PpArena *arena, PpBuf *out, PpError *err)
{
	PpRender written = *render;
	Folded folded = {.out = out};
	PpStackWriter writer = {frame_name, append_line, ';', &folded};
	PpTree *tree;
	PpCode code = written_profile(render->p, arena, &written.p, err);

	if (code == PP_OK)
		code = pp_render_tree(&written, out->alloc, PP_RULES_PPROF, &tree, err);
	if (code != PP_OK)
		return code;
	folded.tree = tree;
	code = pp_tree_stacks(tree, &writer, err);
	pp_tree_free(tree);
	return code;
}
