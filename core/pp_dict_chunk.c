/*
 * pp_dict_chunk.c
 *		The bytes of a dictionary chunk.
 *
 *   u8      version (1)
 *   6 times, in the order of PpDictKind:
 *     uvarint id of the first entry
 *     uvarint number of entries
 *   strings    all lengths (uvarint each), then all bytes
 *   functions  uvarint name, zigzag (system name - name), uvarint file name,
 *              zigzag start line
 *   mappings   uvarint start, limit, offset, file name, build id, flags
 *   locations  uvarint mapping + 1 (0: none), uvarint address,
 *              uvarint number of lines * 2 + is_folded,
 *              per line uvarint function, zigzag line, zigzag column
 *   nodes      uvarint id - parent (at least 1), uvarint location
 *   stacks     zigzag (leaf - leaf before; the first: - id of the first node)
 *
 * Names, functions, mappings, locations and nodes are ids of this dictionary, of
 * entries in this chunk or before it.  String 0 (empty) and node 0 (the root)
 * exist without a chunk, so those kinds start at 1.
 */
#include "core/pp_dict_internal.h"

/* Least bytes of one entry: what a count may promise. */
static const uint8_t kind_least[PP_DICT_KINDS] = {1, 4, 6, 3, 2, 1};

typedef struct Reader
{
	const uint8_t *start, *p, *end;
	PpError *err;
	PpCode code; /* of the first failure; everything after it reads 0 */
} Reader;

static PpCode
reader_fail(Reader *r, const char *what)
{
	if (r->code == PP_OK)
		r->code = pp_fail(r->err, PP_EMALFORMED, (size_t) (r->p - r->start), "chunk: %s", what);
	r->p = r->end;
	return r->code;
}

static inline uint64_t
read_uvarint(Reader *r)
{
	uint64_t value = 0;

	for (int shift = 0; shift < 64; shift += 7)
	{
		if (r->p >= r->end)
		{
			reader_fail(r, "unexpected end");
			return 0;
		}

		uint8_t byte = *r->p++;

		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	reader_fail(r, "number too large");
	return 0;
}

static inline int64_t
read_zigzag(Reader *r)
{
	uint64_t value = read_uvarint(r);

	return (int64_t) (value >> 1) ^ -(int64_t) (value & 1);
}

/* A number below limit. */
static inline uint32_t
read_below(Reader *r, uint64_t limit, const char *what)
{
	uint64_t value = read_uvarint(r);

	if (value >= limit)
	{
		reader_fail(r, what);
		return 0;
	}
	return (uint32_t) value;
}

/* base + a signed difference, below limit. */
static inline uint32_t
read_near(Reader *r, uint32_t base, uint64_t limit, const char *what)
{
	int64_t value;

	if (__builtin_add_overflow(read_zigzag(r), (int64_t) base, &value) || value < 0 ||
		(uint64_t) value >= limit)
	{
		reader_fail(r, what);
		return 0;
	}
	return (uint32_t) value;
}

static PpCode
read_header(Reader *r, PpChunkHeader *header)
{
	memset(header, 0, sizeof(*header));
	if (r->p >= r->end)
		return reader_fail(r, "empty");
	header->version = *r->p++;
	if (header->version != PP_CHUNK_VERSION)
		return r->code = pp_fail(r->err,
								 PP_EUNSUPPORTED,
								 0,
								 "chunk has version %u, this library reads %d",
								 header->version,
								 PP_CHUNK_VERSION);
	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
	{
		header->first[kind] = read_below(r, DICT_MAX_ENTRIES, "id too large");
		header->count[kind] = read_below(r, DICT_MAX_ENTRIES, "too many entries");
	}
	for (int kind = 0; kind < PP_DICT_KINDS && r->code == PP_OK; kind++)
		if ((uint64_t) header->count[kind] * kind_least[kind] > (uint64_t) (r->end - r->p))
			return reader_fail(r, "more entries than bytes");
	return r->code;
}

PpCode
pp_chunk_header(const uint8_t *data, size_t len, PpChunkHeader *header, PpError *err)
{
	Reader r = {data, data, data + len, err, PP_OK};

	return read_header(&r, header);
}

/* --- loading --- */

static PpCode
load_strings(PpDict *dict, Reader *r, uint32_t n)
{
	PpBytes *strings = dict->strings + dict->count[PP_DICT_STRINGS];
	uint64_t total = 0;
	char *bytes;

	for (uint32_t i = 0; i < n && r->code == PP_OK; i++)
	{
		strings[i].len = read_below(r, UINT32_MAX, "string too long");
		total += strings[i].len;
	}
	if (r->code != PP_OK)
		return r->code;
	if (total > (uint64_t) (r->end - r->p))
		return reader_fail(r, "strings are cut off");
	if ((bytes = pp_arena_copy(dict->bytes, r->p, total)) == NULL)
		return pp_fail_nomem(r->err);
	r->p += total;
	for (uint32_t i = 0; i < n; i++)
	{
		strings[i].data = bytes;
		bytes += strings[i].len;
	}
	return PP_OK;
}

static void
load_functions(PpDict *dict, Reader *r, uint32_t n, uint64_t nstrings)
{
	DictFunction *f = dict->functions + dict->count[PP_DICT_FUNCTIONS];

	for (uint32_t i = 0; i < n && r->code == PP_OK; i++, f++)
	{
		f->name = read_below(r, nstrings, "unknown function name");
		f->system_name = read_near(r, f->name, nstrings, "unknown system name");
		f->filename = read_below(r, nstrings, "unknown file name");
		f->start_line = read_zigzag(r);
	}
}

static void
load_mappings(PpDict *dict, Reader *r, uint32_t n, uint64_t nstrings)
{
	DictMapping *m = dict->mappings + dict->count[PP_DICT_MAPPINGS];

	for (uint32_t i = 0; i < n && r->code == PP_OK; i++, m++)
	{
		m->start = read_uvarint(r);
		m->limit = read_uvarint(r);
		m->offset = read_uvarint(r);
		m->filename = read_below(r, nstrings, "unknown mapping file");
		m->build_id = read_below(r, nstrings, "unknown build id");
		m->flags = read_below(r, 16, "unknown mapping flags");
	}
}

static PpCode
load_location(PpDict *dict, Reader *r, DictLocation *l, uint64_t nmappings, uint64_t nfunctions)
{
	uint64_t nlines;
	PpCode code;

	l->mapping = read_below(r, nmappings + 1, "unknown mapping") - 1;
	l->address = read_uvarint(r);
	nlines = read_uvarint(r);
	l->is_folded = nlines & 1;
	nlines >>= 1;
	if (r->code != PP_OK)
		return r->code;
	if (nlines > (uint64_t) (r->end - r->p) / 3)
		return reader_fail(r, "more lines than bytes");
	if ((code = dict_reserve_lines(dict, (uint32_t) nlines, r->err)) != PP_OK)
		return code;
	l->line_off = dict->nlines;
	l->nlines = (uint32_t) nlines;
	for (uint32_t i = 0; i < nlines; i++)
	{
		PpLine *line = &dict->lines[dict->nlines++];

		line->function = read_below(r, nfunctions, "unknown function");
		line->line = read_zigzag(r);
		line->column = read_zigzag(r);
	}
	return r->code;
}

static PpCode
load_locations(PpDict *dict, Reader *r, const PpChunkHeader *header)
{
	DictLocation *l = dict->locations + dict->count[PP_DICT_LOCATIONS];
	uint64_t nmappings = (uint64_t) dict->count[PP_DICT_MAPPINGS] + header->count[PP_DICT_MAPPINGS];
	uint64_t nfunctions =
		(uint64_t) dict->count[PP_DICT_FUNCTIONS] + header->count[PP_DICT_FUNCTIONS];

	for (uint32_t i = 0; i < header->count[PP_DICT_LOCATIONS]; i++, l++)
	{
		PpCode code = load_location(dict, r, l, nmappings, nfunctions);

		if (code != PP_OK)
			return code;
	}
	return r->code;
}

static void
load_nodes(PpDict *dict, Reader *r, const PpChunkHeader *header)
{
	uint32_t id = dict->count[PP_DICT_NODES];
	uint32_t end = id + header->count[PP_DICT_NODES];
	uint64_t nlocations =
		(uint64_t) dict->count[PP_DICT_LOCATIONS] + header->count[PP_DICT_LOCATIONS];

	for (; id < end && r->code == PP_OK; id++)
	{
		uint64_t up = read_uvarint(r);

		if (up == 0 || up > id)
			reader_fail(r, "unknown parent node");
		dict->node_parent[id] = id - (uint32_t) up;
		dict->node_location[id] = read_below(r, nlocations, "unknown location");
	}
}

static void
load_stacks(PpDict *dict, Reader *r, const PpChunkHeader *header)
{
	uint32_t *leaf = dict->stack_leaf + dict->count[PP_DICT_STACKS];
	uint64_t nnodes = (uint64_t) dict->count[PP_DICT_NODES] + header->count[PP_DICT_NODES];
	uint32_t before = dict->count[PP_DICT_NODES];

	for (uint32_t i = 0; i < header->count[PP_DICT_STACKS] && r->code == PP_OK; i++)
		before = leaf[i] = read_near(r, before, nnodes, "unknown leaf node");
}

static PpCode
load_entries(PpDict *dict, Reader *r, const PpChunkHeader *header)
{
	uint64_t nstrings = (uint64_t) dict->count[PP_DICT_STRINGS] + header->count[PP_DICT_STRINGS];
	PpCode code;

	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
		if ((code = dict_reserve(dict, kind, header->count[kind], r->err)) != PP_OK)
			return code;
	if ((code = load_strings(dict, r, header->count[PP_DICT_STRINGS])) != PP_OK)
		return code;
	load_functions(dict, r, header->count[PP_DICT_FUNCTIONS], nstrings);
	load_mappings(dict, r, header->count[PP_DICT_MAPPINGS], nstrings);
	if ((code = load_locations(dict, r, header)) != PP_OK)
		return code;
	load_nodes(dict, r, header);
	load_stacks(dict, r, header);
	if (r->code == PP_OK && r->p != r->end)
		return reader_fail(r, "bytes after the end");
	return r->code;
}

PpCode
pp_dict_load(PpDict *dict, const uint8_t *data, size_t len, PpError *err)
{
	Reader r = {data, data, data + len, err, PP_OK};
	uint32_t first[PP_DICT_KINDS];
	uint32_t nlines = dict->nlines;
	PpChunkHeader header;
	PpCode code;

	if ((code = read_header(&r, &header)) != PP_OK)
		return code;
	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
		if (header.first[kind] != dict->count[kind] || dict->emitted[kind] != dict->count[kind])
			return pp_fail(err,
						   PP_EMALFORMED,
						   PP_NO_OFFSET,
						   "chunk starts at id %u of kind %d where %u is next",
						   header.first[kind],
						   kind,
						   dict->count[kind]);
	if ((code = load_entries(dict, &r, &header)) != PP_OK)
	{
		dict->nlines = nlines;
		return code;
	}
	memcpy(first, dict->count, sizeof(first));
	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
		dict->count[kind] += header.count[kind];
	code = dict->writer ? dict_index(dict, first, err) : dict_tree_extend(dict, err);
	if (code != PP_OK)
	{
		memcpy(dict->count, first, sizeof(first));
		dict->nlines = nlines;
		if (!dict->writer)
			dict_tree_cut(dict);
		return code;
	}
	memcpy(dict->emitted, dict->count, sizeof(first));
	return code;
}

/* --- writing --- */

typedef struct Writer
{
	const PpAlloc *alloc;
	uint8_t *data;
	size_t len, cap;
	bool failed; /* without memory */
} Writer;

/* Room for n bytes more, or NULL. */
static uint8_t *
writer_room(Writer *w, size_t n)
{
	if (w->failed)
		return NULL;
	if (w->cap - w->len < n)
	{
		size_t cap = w->cap * 2 + n + 256;
		uint8_t *data = cap < w->cap ? NULL : w->alloc->resize(w->alloc->ctx, w->data, cap);

		if (data == NULL)
		{
			w->failed = true;
			return NULL;
		}
		w->data = data;
		w->cap = cap;
	}
	return w->data + w->len;
}

static void
write_uvarint(Writer *w, uint64_t value)
{
	uint8_t *p = writer_room(w, 10);

	if (p == NULL)
		return;
	while (value >= 0x80)
	{
		*p++ = (uint8_t) value | 0x80;
		value >>= 7;
	}
	*p++ = (uint8_t) value;
	w->len = (size_t) (p - w->data);
}

static void
write_zigzag(Writer *w, int64_t value)
{
	write_uvarint(w, ((uint64_t) value << 1) ^ (uint64_t) (value >> 63));
}

static void
write_strings(const PpDict *dict, Writer *w, uint32_t first)
{
	for (uint32_t i = first; i < dict->count[PP_DICT_STRINGS]; i++)
		write_uvarint(w, dict->strings[i].len);
	for (uint32_t i = first; i < dict->count[PP_DICT_STRINGS]; i++)
	{
		uint8_t *p = writer_room(w, dict->strings[i].len);

		if (p == NULL)
			return;
		memcpy(p, dict->strings[i].data, dict->strings[i].len);
		w->len += dict->strings[i].len;
	}
}

static void
write_functions(const PpDict *dict, Writer *w, const uint32_t *first)
{
	for (uint32_t i = first[PP_DICT_FUNCTIONS]; i < dict->count[PP_DICT_FUNCTIONS]; i++)
	{
		const DictFunction *f = &dict->functions[i];

		write_uvarint(w, f->name);
		write_zigzag(w, (int64_t) f->system_name - f->name);
		write_uvarint(w, f->filename);
		write_zigzag(w, f->start_line);
	}
	for (uint32_t i = first[PP_DICT_MAPPINGS]; i < dict->count[PP_DICT_MAPPINGS]; i++)
	{
		const DictMapping *m = &dict->mappings[i];

		write_uvarint(w, m->start);
		write_uvarint(w, m->limit);
		write_uvarint(w, m->offset);
		write_uvarint(w, m->filename);
		write_uvarint(w, m->build_id);
		write_uvarint(w, m->flags);
	}
}

static void
write_locations(const PpDict *dict, Writer *w, uint32_t first)
{
	for (uint32_t i = first; i < dict->count[PP_DICT_LOCATIONS]; i++)
	{
		const DictLocation *l = &dict->locations[i];

		write_uvarint(w, (uint64_t) (uint32_t) (l->mapping + 1));
		write_uvarint(w, l->address);
		write_uvarint(w, (uint64_t) l->nlines * 2 + (l->is_folded != 0));
		for (uint32_t j = 0; j < l->nlines; j++)
		{
			const PpLine *line = &dict->lines[l->line_off + j];

			write_uvarint(w, line->function);
			write_zigzag(w, line->line);
			write_zigzag(w, line->column);
		}
	}
}

static void
write_stacks(const PpDict *dict, Writer *w, const uint32_t *first)
{
	uint32_t before = first[PP_DICT_NODES];

	for (uint32_t i = before; i < dict->count[PP_DICT_NODES]; i++)
	{
		write_uvarint(w, i - dict->node_parent[i]);
		write_uvarint(w, dict->node_location[i]);
	}
	for (uint32_t i = first[PP_DICT_STACKS]; i < dict->count[PP_DICT_STACKS]; i++)
	{
		write_zigzag(w, (int64_t) dict->stack_leaf[i] - before);
		before = dict->stack_leaf[i];
	}
}

PpCode
pp_dict_chunk(PpDict *dict, const PpAlloc *alloc, uint8_t **out, size_t *out_len, PpError *err)
{
	const uint32_t *first = dict->emitted;
	Writer w = {.alloc = alloc};
	uint8_t *version;

	*out = NULL;
	*out_len = 0;
	if (memcmp(dict->emitted, dict->count, sizeof(dict->count)) == 0)
		return PP_OK;
	if ((version = writer_room(&w, 1)) != NULL)
	{
		*version = PP_CHUNK_VERSION;
		w.len = 1;
	}
	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
	{
		write_uvarint(&w, first[kind]);
		write_uvarint(&w, dict->count[kind] - first[kind]);
	}
	write_strings(dict, &w, first[PP_DICT_STRINGS]);
	write_functions(dict, &w, first);
	write_locations(dict, &w, first[PP_DICT_LOCATIONS]);
	write_stacks(dict, &w, first);
	if (w.failed)
	{
		alloc->release(alloc->ctx, w.data);
		return pp_fail_nomem(err);
	}
	memcpy(dict->emitted, dict->count, sizeof(dict->count));
	*out = w.data;
	*out_len = w.len;
	return PP_OK;
}
