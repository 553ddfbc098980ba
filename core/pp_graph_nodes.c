/*
 * pp_graph_nodes.c
 *		Which frames are one node of the call graph, and how a node is printed.
 */
#include "core/pp_graph.h"

#include <inttypes.h>
#include <string.h>

#define POLL_EVERY	4096				/* samples between two looks at poll() */
#define POLL_BYTES	((size_t) 16 << 20) /* of printed names, likewise */
#define PRINTED_MAX ((size_t) 512 << 20)

/* a//b/./../c -> a/c, by text alone; "." for nothing. */
static PpBytes
clean_path(PpBytes path, char *to)
{
	bool rooted = path.len > 0 && path.data[0] == '/';
	uint32_t n = rooted ? 1 : 0, i = n;
	uint32_t floor = n; /* ".." cannot go above this */

	if (rooted)
		to[0] = '/';
	while (i < path.len)
	{
		uint32_t start = i, len;

		while (i < path.len && path.data[i] != '/')
			i++;
		len = i - start;
		if (i < path.len)
			i++;
		if (len == 0 || (len == 1 && path.data[start] == '.'))
			continue;
		if (len == 2 && memcmp(path.data + start, "..", 2) == 0)
		{
			if (n > floor)
			{
				for (n--; n > floor && to[n] != '/';)
					n--;
				continue;
			}
			if (rooted)
				continue;
			if (n > 0)
				to[n++] = '/';
			memcpy(to + n, "..", 2);
			n += 2;
			floor = n;
			continue;
		}
		if (n > (rooted ? 1u : 0u))
			to[n++] = '/';
		memcpy(to + n, path.data + start, len);
		n += len;
	}
	if (n == 0)
		to[n++] = '.';
	return (PpBytes){to, n};
}

static PpCode
intern_file(PpGraph *g, PpBytes path, uint32_t *id, PpError *err)
{
	static const char *const prefixes[] = {"/proc/self/cwd/./", "/proc/self/cwd/"};
	char *buffer;

	if (path.len == 0)
		return pp_names_intern(&g->names, path, id, err);
	for (size_t i = 0; i < 2; i++)
	{
		uint32_t len = (uint32_t) strlen(prefixes[i]);

		if (path.len >= len && memcmp(path.data, prefixes[i], len) == 0)
		{
			path.data += len;
			path.len -= len;
			break;
		}
	}
	if ((buffer = pp_arena_alloc(g->report->arena, (size_t) path.len + 1)) == NULL)
		return pp_fail_nomem(err);
	return pp_names_intern(&g->names, clean_path(path, buffer), id, err);
}

static PpBytes
last_element(PpBytes path)
{
	uint32_t start;

	while (path.len > 1 && path.data[path.len - 1] == '/')
		path.len--;
	start = path.len;
	while (start > 0 && path.data[start - 1] != '/')
		start--;
	return (PpBytes){path.data + start, path.len - start};
}

/* Address, name and position, joined by blanks. */
static PpCode
print_name(PpGraph *g, PpGraphNode *node, PpError *err)
{
	PpArena *arena = g->report->arena;
	PpBytes name = g->names.names[node->name];
	PpBytes file = g->names.names[node->file];
	PpBytes object = g->names.names[node->object];
	PpBuf text;
	PpCode code;

	pp_buf_init(&text, pp_arena_allocator(arena));
	if (node->address != 0)
		pp_buf_printf(&text, "%016" PRIx64, node->address);
	if (name.len > 0)
	{
		pp_buf_text(&text, text.len > 0 ? " " : "");
		pp_buf_bytes(&text, name);
	}
	if (node->line != 0 || file.len > 0 || name.len == 0)
		pp_buf_text(&text, text.len > 0 ? " " : "");
	if (node->line != 0)
	{
		pp_buf_bytes(&text, file);
		pp_buf_printf(&text, ":%" PRId64, node->line);
		if (node->column != 0)
			pp_buf_printf(&text, ":%" PRId64, node->column);
	}
	else if (file.len > 0)
		pp_buf_bytes(&text, file);
	else if (name.len > 0)
		;
	else if (object.len > 0)
	{
		pp_buf_char(&text, '[');
		pp_buf_bytes(&text, last_element(object));
		pp_buf_char(&text, ']');
	}
	else
		pp_buf_text(&text, "<unknown>");
	code = pp_buf_check(&text, err);
	/* nodes of one long name differ by line or address: a copy of it for each adds up */
	if (code == PP_OK && (g->printed_bytes += text.len) > PRINTED_MAX)
		code = pp_fail_limit(err,
							 PP_NO_OFFSET,
							 NULL,
							 (int64_t) PRINTED_MAX,
							 "names of the graph's nodes are longer than 512 MB together");
	if (code == PP_OK)
	{
		node->printed = (PpBytes){pp_arena_copy(arena, text.data, text.len), (uint32_t) text.len};
		if (node->printed.data == NULL)
			code = pp_fail_nomem(err);
	}
	pp_buf_free(&text);
	return code;
}

static bool
same_node(const PpGraphNode *a, const PpGraphNode *b)
{
	return a->name == b->name && a->file == b->file && a->object == b->object &&
		   a->address == b->address && a->start_line == b->start_line && a->line == b->line &&
		   a->column == b->column;
}

static PpCode
intern_node(PpGraph *g, PpGraphNode *new, uint32_t *id, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(g->report->arena);
	PpGraphNode *nodes;
	uint64_t h = g->names.seed;
	uint32_t hash;
	size_t at;
	PpCode code;

	h = pp_table_mix(h, (uint64_t) new->name << 32 | new->file);
	h = pp_table_mix(h, new->address);
	h = pp_table_mix(h, (uint64_t) new->line ^ (uint64_t) new->object << 32);
	h = pp_table_mix(h, (uint64_t) new->column);
	h = pp_table_mix(h, (uint64_t) new->start_line);
	hash = pp_table_fold(h);
	at = pp_table_first(&g->node_table, hash);
	while ((*id = pp_table_next(&g->node_table, hash, &at)) != PP_NONE)
		if (same_node(&g->nodes[*id], new))
			return PP_OK;
	nodes = pp_graph_grow(alloc, g->nodes, g->nnodes, &g->cap_nodes, sizeof(*nodes));
	if (nodes == NULL)
		return pp_fail_nomem(err);
	g->nodes = nodes;
	if (!pp_table_reserve(&g->node_table, alloc))
		return pp_fail_nomem(err);
	if ((code = print_name(g, new, err)) != PP_OK)
		return code;
	*id = g->nnodes++;
	g->nodes[*id] = *new;
	pp_table_insert(&g->node_table, hash, *id);
	return PP_OK;
}

/* Ids of a function's name and cleaned file, found once per function. */
typedef struct FunctionIds
{
	uint32_t name, file; /* PP_NONE: not looked up */
} FunctionIds;

static PpCode
node_of_line(PpGraph *g, const PpLocation *loc, const PpLine *line, FunctionIds *ids, uint32_t *id,
			 PpError *err)
{
	const PpProfile *p = g->report->p;
	PpGraphNode node = {.address = loc->address};
	PpBytes object = {"", 0};
	bool named = false; /* strings 0 are the empty ones */
	PpCode code;

	if (loc->mapping != PP_NONE)
		object = pp_str(p, p->mappings[loc->mapping].filename);
	if (line != NULL)
	{
		const PpFunction *function = &p->functions[line->function];
		FunctionIds *known = &ids[line->function];

		if (known->name == PP_NONE &&
			((code = pp_names_intern(&g->names, pp_str(p, function->name), &known->name, err)) !=
				 PP_OK ||
			 (code = intern_file(g, pp_str(p, function->filename), &known->file, err)) != PP_OK))
			return code;
		node.name = known->name;
		node.file = known->file;
		node.line = line->line;
		node.column = line->column;
		named =
			!g->report->by_object && (node.name != 0 || (g->report->join_files && node.file != 0));
		node.start_line = named ? 0 : function->start_line;
	}
	if (!named && (code = pp_names_intern(&g->names, object, &node.object, err)) != PP_OK)
		return code;
	return intern_node(g, &node, id, err);
}

static PpCode
make_nodes(PpGraph *g, PpError *err)
{
	PpArena *arena = g->report->arena;
	const PpProfile *p = g->report->p;
	FunctionIds *ids = pp_arena_array(arena, p->nfunctions, sizeof(*ids));
	size_t total = 0, polled = 0;
	uint32_t n = 0;
	PpCode code;

	for (uint32_t i = 0; i < p->nlocations; i++)
		total += p->locations[i].nlines > 0 ? p->locations[i].nlines : 1;
	if (total >= UINT32_MAX)
		return pp_fail_limit(err, PP_NO_OFFSET, NULL, UINT32_MAX, "profile has too many lines");
	g->location_nodes = pp_arena_array(arena, total, sizeof(uint32_t));
	g->first_node = pp_arena_array(arena, (size_t) p->nlocations + 1, sizeof(uint32_t));
	if (ids == NULL || g->location_nodes == NULL || g->first_node == NULL)
		return pp_fail_nomem(err);
	memset(ids, 0xFF, p->nfunctions * sizeof(*ids));
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		const PpLocation *loc = &p->locations[i];
		const PpLine *lines = loc->nlines > 0 ? p->lines + loc->line_off : NULL;

		g->first_node[i] = n;
		for (uint32_t k = 0; k == 0 || k < loc->nlines; k++)
			if ((code = node_of_line(g,
									 loc,
									 lines == NULL ? NULL : &lines[k],
									 ids,
									 &g->location_nodes[n++],
									 err)) != PP_OK)
				return code;
		if (i % POLL_EVERY == POLL_EVERY - 1 || g->printed_bytes - polled > POLL_BYTES)
		{
			polled = g->printed_bytes;
			if (pp_poll(pp_arena_allocator(arena)))
				return pp_fail_canceled(err);
		}
	}
	g->first_node[p->nlocations] = n;
	return PP_OK;
}

PpCode
pp_graph_init(PpGraph *g, const PpReport *report, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(report->arena);
	PpBytes empty = {"", 0};
	uint32_t id;
	PpCode code;

	memset(g, 0, sizeof(*g));
	g->report = report;
	pp_names_init(&g->names, alloc);
	pp_buf_init(&g->identity[0], alloc);
	pp_buf_init(&g->identity[1], alloc);
	if ((code = pp_names_intern(&g->names, empty, &id, err)) != PP_OK)
		return code;
	return make_nodes(g, err);
}

void
pp_graph_clear(PpGraph *g)
{
	const PpAlloc *alloc = pp_arena_allocator(g->report->arena);

	pp_names_clear(&g->names);
	pp_table_free(&g->node_table, alloc);
	pp_table_free(&g->edge_table, alloc);
	if (g->nodes != NULL)
		alloc->release(alloc->ctx, g->nodes);
	if (g->edges != NULL)
		alloc->release(alloc->ctx, g->edges);
	pp_buf_free(&g->identity[0]);
	pp_buf_free(&g->identity[1]);
	g->nodes = NULL;
	g->edges = NULL;
}
