/*
 * pp_flamebearer.c
 *		The level encoding of Pyroscope, out of flame graph rows.
 */
#include "core/pp_names.h"
#include "core/pp_tree.h"

#include <string.h>

/* Work space; the arrays by level have one entry more than there are levels. */
typedef struct Encoding
{
	const PpFlameRow *rows;
	size_t nrows;
	uint32_t nlevels;
	size_t *order;	  /* rows as a walk that takes the last sibling first meets them */
	uint32_t *name;	  /* of each row */
	int64_t *next_x;  /* by level: where the next box begins */
	int64_t *end_x;	  /* by level: where the last box ended */
	uint32_t *filled; /* by level: numbers written */
} Encoding;

/*
 * A walk that takes the last sibling first is the post-order backwards, and the
 * post-order number of a row is its place + the size of its subtree - 1 - level.
 */
static PpCode
reverse_order(Encoding *e, PpArena *scratch, PpError *err)
{
	size_t *size = pp_arena_array(scratch, e->nrows, sizeof(size_t));
	size_t *parent = pp_arena_array(scratch, e->nrows, sizeof(size_t));
	size_t *open = pp_arena_array(scratch, e->nlevels, sizeof(size_t));

	if (size == NULL || parent == NULL || open == NULL)
		return pp_fail_nomem(err);
	for (size_t i = 0; i < e->nrows; i++)
	{
		int32_t level = e->rows[i].level;

		size[i] = 1;
		parent[i] = level == 0 ? 0 : open[level - 1];
		open[level] = i;
	}
	for (size_t i = e->nrows; i-- > 1;)
		size[parent[i]] += size[i];
	for (size_t i = 0; i < e->nrows; i++)
		e->order[e->nrows - (i + size[i] - e->rows[i].level)] = i;
	return PP_OK;
}

/* The root's index is 0, whatever it is called; so is that of a function "total". */
static PpCode
number_names(Encoding *e, PpNames *names, PpArena *arena, PpFlamebearer *out, PpError *err)
{
	for (size_t i = 0; i < e->nrows; i++)
	{
		size_t row = e->order[i];
		PpCode code = pp_names_intern(names, e->rows[row].label, &e->name[row], err);

		if (code != PP_OK)
			return code;
	}
	out->nnames = names->n;
	out->names = pp_arena_array(arena, names->n, sizeof(PpBytes));
	if (out->names == NULL)
		return pp_fail_nomem(err);
	for (size_t i = 0; i < e->nrows; i++)
		out->names[e->name[i]] = e->rows[i].label;
	return PP_OK;
}

static PpCode
make_levels(Encoding *e, PpArena *arena, PpFlamebearer *out, PpError *err)
{
	out->nlevels = e->nlevels;
	out->level_len = pp_arena_zalloc(arena, e->nlevels * sizeof(uint32_t));
	out->levels = pp_arena_array(arena, e->nlevels, sizeof(int64_t *));
	if (out->level_len == NULL || out->levels == NULL)
		return pp_fail_nomem(err);
	for (size_t i = 0; i < e->nrows; i++)
		out->level_len[e->rows[i].level] += 4;
	for (uint32_t i = 0; i < e->nlevels; i++)
	{
		out->levels[i] = pp_arena_array(arena, out->level_len[i], sizeof(int64_t));
		if (out->levels[i] == NULL)
			return pp_fail_nomem(err);
	}
	return PP_OK;
}

/*
 * Boxes of a level follow each other; the own part of a parent lies to the
 * left of its children.
 */
static PpCode
fill_levels(Encoding *e, PpFlamebearer *out, PpError *err)
{
	out->total = e->rows[0].value;
	out->max_self = 0;
	for (size_t i = 0; i < e->nrows; i++)
	{
		const PpFlameRow *row = &e->rows[i];
		int64_t x = e->next_x[row->level];
		int64_t *group = out->levels[row->level] + e->filled[row->level];

		if (__builtin_sub_overflow(x, e->end_x[row->level], &group[0]) ||
			__builtin_add_overflow(x, row->value, &e->next_x[row->level]) ||
			__builtin_add_overflow(x, row->self, &e->next_x[row->level + 1]))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of values is out of range");
		e->end_x[row->level] = e->next_x[row->level];
		e->filled[row->level] += 4;
		group[1] = row->value;
		group[2] = row->self;
		group[3] = e->name[i];
		if (row->self > out->max_self)
			out->max_self = row->self;
	}
	return PP_OK;
}

static PpCode
encode(Encoding *e, PpArena *scratch, PpNames *names, PpArena *arena, PpFlamebearer *out, PpError *err)
{
	PpCode code;

	for (size_t i = 0; i < e->nrows; i++)
	{
		int32_t level = e->rows[i].level, above = i == 0 ? -1 : e->rows[i - 1].level;

		if (level < 0 || level > above + 1 || (level == 0) != (i == 0))
			return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "flame graph rows are not in pre-order");
		if ((uint32_t) level == e->nlevels)
			e->nlevels++;
	}
	if ((e->order = pp_arena_array(scratch, e->nrows, sizeof(size_t))) == NULL ||
		(e->name = pp_arena_array(scratch, e->nrows, sizeof(uint32_t))) == NULL ||
		(e->next_x = pp_arena_zalloc(scratch, (e->nlevels + 1) * sizeof(int64_t))) == NULL ||
		(e->end_x = pp_arena_zalloc(scratch, (e->nlevels + 1) * sizeof(int64_t))) == NULL ||
		(e->filled = pp_arena_zalloc(scratch, (e->nlevels + 1) * sizeof(uint32_t))) == NULL)
		return pp_fail_nomem(err);
	if ((code = reverse_order(e, scratch, err)) != PP_OK ||
		(code = number_names(e, names, arena, out, err)) != PP_OK ||
		(code = make_levels(e, arena, out, err)) != PP_OK)
		return code;
	return fill_levels(e, out, err);
}

PpCode
pp_flamebearer(const PpFlameRow *rows, size_t nrows, PpArena *arena, PpFlamebearer *out, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(arena);
	Encoding e = {.rows = rows, .nrows = nrows};
	PpArena *scratch;
	PpNames names;
	PpCode code;

	if (nrows == 0)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "flame graph has no root row");
	scratch = pp_arena_new(alloc);
	if (scratch == NULL)
		return pp_fail_nomem(err);
	pp_names_init(&names, alloc);
	code = encode(&e, scratch, &names, arena, out, err);
	pp_names_clear(&names);
	pp_arena_free(scratch);
	return code;
}
