/*
 * pp_paths_functions.c
 *		What each function has of samples over a dictionary of paths.
 *
 * Nodes that samples lead to are numbered anew, parents before children, so that
 * the work follows the samples and not the dictionary.  One walk over them in
 * depth first order counts a function where it is met first on the way down.
 */
#include "core/pp_dict_internal.h"
#include "core/pp_names.h"
#include "core/pp_paths.h"

typedef struct Walk
{
	const PpDict *paths;
	PpArena *arena;
	uint32_t n;		 /* nodes that are used, the root among them */
	uint32_t *index; /* by node of the dictionary: number + 1, 0: not used */
	uint32_t *node;	 /* by number: node of the dictionary */
	uint32_t *parent, *child, *sibling;
	uint32_t *function;	   /* by number */
	int64_t *self, *below; /* by number */
	uint32_t nfunctions;   /* distinct names */
	PpFunctionSum *sums;   /* by function */
	uint32_t *open;		   /* by function: how often it is on the way down */
	uint32_t *by_location; /* function + 1, 0: not known yet */
	PpNames names;
} Walk;

/* Mark the nodes on the way to each stack, and give them numbers in ascending order. */
static PpCode
number_nodes(Walk *w, const PpSamplesPart *part, PpError *err)
{
	const PpDict *paths = w->paths;
	uint32_t count = paths->count[PP_DICT_NODES];

	if ((w->index = pp_arena_zalloc(w->arena, (size_t) count * sizeof(uint32_t))) == NULL)
		return pp_fail_nomem(err);
	w->index[0] = 1;
	w->n = 1;
	for (uint32_t i = 0; i < part->n; i++)
	{
		uint32_t stack = part->entries[i].stack;

		if (stack >= paths->count[PP_DICT_STACKS] ||
			paths->stack_leaf[stack] >= paths->count[PP_DICT_NODES])
			return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "dictionary has no stack %u", stack);
		for (uint32_t at = paths->stack_leaf[stack]; w->index[at] == 0; at = paths->node_parent[at])
		{
			w->index[at] = 1;
			w->n++;
		}
	}
	if ((w->node = pp_arena_array(w->arena, w->n, sizeof(uint32_t))) == NULL)
		return pp_fail_nomem(err);
	w->n = 0;
	for (uint32_t at = 0; at < count; at++)
		if (w->index[at] != 0)
		{
			w->node[w->n] = at;
			w->index[at] = ++w->n;
		}
	return PP_OK;
}

/* What pprof's rules call the frame of a location. */
static PpCode
frame_name(const PpDict *paths, uint32_t location, PpArena *arena, PpBytes *name, PpError *err)
{
	const DictLocation *l = &paths->locations[location];
	PpBytes file = {"", 0};
	char *text;

	if (l->nlines > 1)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "dictionary is not one of paths");
	*name = l->nlines == 0
				? file
				: paths->strings[paths->functions[paths->lines[l->line_off].function].name];
	if (name->len > 0)
		return PP_OK;
	if (l->mapping != PP_NONE)
		file = paths->strings[paths->mappings[l->mapping].filename];
	if (file.len == 0)
	{
		*name = pp_bytes_cstr("<unknown>");
		return PP_OK;
	}
	if ((text = pp_arena_alloc(arena, (size_t) file.len + 2)) == NULL)
		return pp_fail_nomem(err);
	text[0] = '[';
	memcpy(text + 1, file.data, file.len);
	text[file.len + 1] = ']';
	*name = (PpBytes){text, file.len + 2};
	return PP_OK;
}

/* The function of a location; locations of one name have one. */
static PpCode
function_of(Walk *w, uint32_t location, uint32_t *function, PpError *err)
{
	PpBytes name;
	PpCode code;

	if (w->by_location[location] == 0)
	{
		if ((code = frame_name(w->paths, location, w->arena, &name, err)) != PP_OK ||
			(code = pp_names_intern(&w->names, name, function, err)) != PP_OK)
			return code;
		if (*function == w->nfunctions)
			w->sums[w->nfunctions++] = (PpFunctionSum){.name = name};
		w->by_location[location] = *function + 1;
	}
	*function = w->by_location[location] - 1;
	return PP_OK;
}

static bool
make_arrays(Walk *w)
{
	uint32_t nlocations = w->paths->count[PP_DICT_LOCATIONS];
	uint32_t most = w->n < nlocations ? w->n : nlocations;

	w->parent = pp_arena_array(w->arena, w->n, sizeof(uint32_t));
	w->function = pp_arena_array(w->arena, w->n, sizeof(uint32_t));
	w->child = pp_arena_zalloc(w->arena, w->n * sizeof(uint32_t));
	w->sibling = pp_arena_zalloc(w->arena, w->n * sizeof(uint32_t));
	w->self = pp_arena_zalloc(w->arena, w->n * sizeof(int64_t));
	w->below = pp_arena_array(w->arena, w->n, sizeof(int64_t));
	w->by_location = pp_arena_zalloc(w->arena, nlocations * sizeof(uint32_t));
	w->sums = pp_arena_array(w->arena, most, sizeof(PpFunctionSum));
	w->open = pp_arena_zalloc(w->arena, most * sizeof(uint32_t));
	return w->parent && w->function && w->child && w->sibling && w->self && w->below &&
		   w->by_location && w->sums && w->open;
}

static PpCode
overflow(PpError *err)
{
	return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of values is out of range");
}

/* Parents, functions and lists of children; sums of subtrees. */
static PpCode
link_nodes(Walk *w, const PpSamplesPart *part, PpError *err)
{
	const PpDict *paths = w->paths;
	PpCode code;

	for (uint32_t i = w->n - 1; i > 0; i--)
	{
		uint32_t up = w->index[paths->node_parent[w->node[i]]] - 1;

		w->parent[i] = up;
		w->sibling[i] = w->child[up];
		w->child[up] = i;
		if ((code = function_of(w, paths->node_location[w->node[i]], &w->function[i], err)) != PP_OK)
			return code;
	}
	for (uint32_t i = 0; i < part->n; i++)
	{
		int64_t *self = &w->self[w->index[paths->stack_leaf[part->entries[i].stack]] - 1];

		if (__builtin_add_overflow(*self, part->entries[i].value, self))
			return overflow(err);
	}
	memcpy(w->below, w->self, w->n * sizeof(int64_t));
	for (uint32_t i = w->n - 1; i > 0; i--)
		if (__builtin_add_overflow(w->below[w->parent[i]], w->below[i], &w->below[w->parent[i]]))
			return overflow(err);
	return PP_OK;
}

static PpCode
enter(Walk *w, uint32_t at, PpError *err)
{
	PpFunctionSum *sum = &w->sums[w->function[at]];

	if (__builtin_add_overflow(sum->self, w->self[at], &sum->self) ||
		(w->open[w->function[at]]++ == 0 &&
		 __builtin_add_overflow(sum->total, w->below[at], &sum->total)))
		return overflow(err);
	return PP_OK;
}

static PpCode
walk_nodes(Walk *w, PpError *err)
{
	uint32_t at = w->child[0];
	PpCode code;

	while (at != 0)
	{
		if ((code = enter(w, at, err)) != PP_OK)
			return code;
		if (w->child[at] != 0)
		{
			at = w->child[at];
			continue;
		}
		w->open[w->function[at]]--;
		while (at != 0 && w->sibling[at] == 0)
			if ((at = w->parent[at]) != 0)
				w->open[w->function[at]]--;
		at = w->sibling[at];
	}
	return PP_OK;
}

/* Copies of the sums that are not 0: what the walk needed goes. */
static PpCode
copy_sums(const Walk *w, PpArena *arena, PpFunctionSum **functions, uint32_t *n, PpError *err)
{
	if ((*functions = pp_arena_array(arena, w->nfunctions, sizeof(PpFunctionSum))) == NULL)
		return pp_fail_nomem(err);
	*n = 0;
	for (uint32_t i = 0; i < w->nfunctions; i++)
	{
		PpFunctionSum sum = w->sums[i];

		if (sum.self == 0 && sum.total == 0)
			continue;
		if ((sum.name.data = pp_arena_copy(arena, sum.name.data, sum.name.len)) == NULL)
			return pp_fail_nomem(err);
		(*functions)[(*n)++] = sum;
	}
	return PP_OK;
}

PpCode
pp_paths_functions(const PpDict *paths, const PpSamplesPart *part, PpArena *arena,
				   PpFunctionSum **functions, uint32_t *n, PpError *err)
{
	Walk w = {.paths = paths, .arena = pp_arena_new(pp_arena_allocator(arena))};
	PpCode code;

	if (w.arena == NULL)
		return pp_fail_nomem(err);
	pp_names_init(&w.names, pp_arena_allocator(arena));
	if ((code = number_nodes(&w, part, err)) == PP_OK)
		code = make_arrays(&w) ? link_nodes(&w, part, err) : pp_fail_nomem(err);
	if (code == PP_OK && (code = walk_nodes(&w, err)) == PP_OK)
		code = copy_sums(&w, arena, functions, n, err);
	pp_names_clear(&w.names);
	pp_arena_free(w.arena);
	return code;
}
