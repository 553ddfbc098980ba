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
 * entries in this chunk or known before it.  String 0 (empty) and node 0 (the
 * root) exist without a chunk, so those kinds start at 1.
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
		header->count[kind] =
			read_below(r, DICT_MAX_ENTRIES - (uint64_t) header->first[kind] + 1, "too many entries");
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

/* Where the entries of a chunk go: behind what is there, or into holes. */
typedef struct Load
{
	PpDict *dict;
	Reader r;
	PpChunkHeader header;
	uint32_t at[PP_DICT_KINDS];	 /* where its entries go; within the arrays also if it has none */
	uint64_t end[PP_DICT_KINDS]; /* of the ids with this chunk */
	bool whole[PP_DICT_KINDS];	 /* no id below end is a hole */
} Load;

/* An id that the dictionary or the chunk has; 0 if it is not. */
static inline uint32_t
check_known(Load *load, PpDictKind kind, uint32_t id, const char *what)
{
	if (load->whole[kind] || id - load->header.first[kind] < load->header.count[kind] ||
		(id < load->dict->count[kind] && dict_has(load->dict, kind, id)))
		return id;
	reader_fail(&load->r, what);
	return 0;
}

static inline uint32_t
read_id(Load *load, PpDictKind kind, const char *what)
{
	return check_known(load, kind, read_below(&load->r, load->end[kind], what), what);
}

static inline uint32_t
read_id_near(Load *load, PpDictKind kind, uint32_t base, const char *what)
{
	return check_known(load, kind, read_near(&load->r, base, load->end[kind], what), what);
}

static PpCode
load_strings(Load *load)
{
	PpDict *dict = load->dict;
	Reader *r = &load->r;
	PpBytes *strings = dict->strings + load->at[PP_DICT_STRINGS];
	uint32_t n = load->header.count[PP_DICT_STRINGS];
	const uint8_t *lengths = r->p;
	uint64_t total = 0;
	char *bytes;

	for (uint32_t i = 0; i < n && r->code == PP_OK; i++)
		total += read_below(r, UINT32_MAX, "string too long");
	if (r->code != PP_OK)
		return r->code;
	if (total > (uint64_t) (r->end - r->p))
		return reader_fail(r, "strings are cut off");
	if ((bytes = pp_arena_copy(dict->bytes, r->p, total)) == NULL)
		return pp_fail_nomem(r->err);

	Reader again = {.start = lengths, .p = lengths, .end = r->p};

	r->p += total;
	for (uint32_t i = 0; i < n; i++)
	{
		strings[i] = (PpBytes){bytes, (uint32_t) read_uvarint(&again)};
		bytes += strings[i].len;
	}
	return PP_OK;
}

static void
load_functions(Load *load)
{
	DictFunction *f = load->dict->functions + load->at[PP_DICT_FUNCTIONS];
	uint32_t n = load->header.count[PP_DICT_FUNCTIONS];

	for (uint32_t i = 0; i < n && load->r.code == PP_OK; i++, f++)
	{
		f->name = read_id(load, PP_DICT_STRINGS, "unknown function name");
		f->system_name = read_id_near(load, PP_DICT_STRINGS, f->name, "unknown system name");
		f->filename = read_id(load, PP_DICT_STRINGS, "unknown file name");
		f->start_line = read_zigzag(&load->r);
	}
}

static void
load_mappings(Load *load)
{
	DictMapping *m = load->dict->mappings + load->at[PP_DICT_MAPPINGS];
	uint32_t n = load->header.count[PP_DICT_MAPPINGS];

	for (uint32_t i = 0; i < n && load->r.code == PP_OK; i++, m++)
	{
		m->start = read_uvarint(&load->r);
		m->limit = read_uvarint(&load->r);
		m->offset = read_uvarint(&load->r);
		m->filename = read_id(load, PP_DICT_STRINGS, "unknown mapping file");
		m->build_id = read_id(load, PP_DICT_STRINGS, "unknown build id");
		m->flags = read_below(&load->r, 16, "unknown mapping flags");
	}
}

static PpCode
load_location(Load *load, DictLocation *l)
{
	PpDict *dict = load->dict;
	Reader *r = &load->r;
	uint64_t nlines;
	PpCode code;

	l->mapping = read_below(r, load->end[PP_DICT_MAPPINGS] + 1, "unknown mapping") - 1;
	if (l->mapping != PP_NONE)
		(void) check_known(load, PP_DICT_MAPPINGS, l->mapping, "unknown mapping");
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

		line->function = read_id(load, PP_DICT_FUNCTIONS, "unknown function");
		line->line = read_zigzag(r);
		line->column = read_zigzag(r);
	}
	return r->code;
}

static PpCode
load_locations(Load *load)
{
	DictLocation *l = load->dict->locations + load->at[PP_DICT_LOCATIONS];

	for (uint32_t i = 0; i < load->header.count[PP_DICT_LOCATIONS]; i++, l++)
	{
		PpCode code = load_location(load, l);

		if (code != PP_OK)
			return code;
	}
	return load->r.code;
}

static void
load_nodes(Load *load)
{
	PpDict *dict = load->dict;
	uint32_t id = load->at[PP_DICT_NODES];
	uint32_t end = id + load->header.count[PP_DICT_NODES];

	for (; id < end && load->r.code == PP_OK; id++)
	{
		uint64_t up = read_uvarint(&load->r);

		if (up == 0 || up > id)
		{
			reader_fail(&load->r, "unknown parent node");
			break;
		}
		dict->node_parent[id] =
			check_known(load, PP_DICT_NODES, id - (uint32_t) up, "unknown parent node");
		dict->node_location[id] = read_id(load, PP_DICT_LOCATIONS, "unknown location");
	}
}

static void
load_stacks(Load *load)
{
	uint32_t *leaf = load->dict->stack_leaf + load->at[PP_DICT_STACKS];
	uint32_t before = load->header.first[PP_DICT_NODES];

	for (uint32_t i = 0; i < load->header.count[PP_DICT_STACKS] && load->r.code == PP_OK; i++)
		before = leaf[i] = read_id_near(load, PP_DICT_NODES, before, "unknown leaf node");
}

static PpCode
load_entries(Load *load)
{
	PpCode code;

	if ((code = load_strings(load)) != PP_OK)
		return code;
	load_functions(load);
	load_mappings(load);
	if ((code = load_locations(load)) != PP_OK)
		return code;
	load_nodes(load);
	load_stacks(load);
	if (load->r.code == PP_OK && load->r.p != load->r.end)
		return reader_fail(&load->r, "bytes after the end");
	return load->r.code;
}

/* Where the chunk goes; room is made for it, and nobody else is there. */
static PpCode
place(Load *load)
{
	PpDict *dict = load->dict;
	PpError *err = load->r.err;
	PpCode code;

	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
	{
		uint32_t first = load->header.first[kind], n = load->header.count[kind];
		uint32_t count = dict->count[kind], end = n == 0 ? count : first + n;

		load->at[kind] = n == 0 ? count : first;
		load->end[kind] = end > count ? end : count;
		load->whole[kind] = dict->holes[kind] == 0 && (n == 0 || first == count);
		for (uint32_t i = first; i < end && i < count && n > 0; i++)
			if (dict_has(dict, kind, i))
				return pp_fail(err,
							   PP_EMALFORMED,
							   PP_NO_OFFSET,
							   "chunk has id %u of kind %d, which is known already",
							   i,
							   kind);
		if ((code = dict_reserve(dict, kind, end > count ? end - count : 0, err)) != PP_OK)
			return code;
	}
	return PP_OK;
}

/* The entries are there: count them, and make what is skipped holes. */
static void
settle(Load *load)
{
	PpDict *dict = load->dict;

	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
	{
		uint32_t first = load->header.first[kind], n = load->header.count[kind];
		uint32_t count = dict->count[kind];

		if (n == 0)
			continue;
		if (first > count)
		{
			dict_make_holes(dict, kind, count, first - count);
			dict->holes[kind] += first - count;
		}
		else
			dict->holes[kind] -= (count < first + n ? count : first + n) - first;
		dict->count[kind] = (uint32_t) load->end[kind];
	}
}

/* Undo it: what lies below the former counts are holes again. */
static void
unsettle(PpDict *dict, const PpChunkHeader *header, const uint32_t *count, const uint32_t *holes)
{
	memcpy(dict->count, count, sizeof(dict->count));
	memcpy(dict->holes, holes, sizeof(dict->holes));
	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
	{
		uint64_t end = (uint64_t) header->first[kind] + header->count[kind];

		if (header->first[kind] < count[kind])
			dict_make_holes(dict,
							kind,
							header->first[kind],
							(uint32_t) (end < count[kind] ? end : count[kind]) - header->first[kind]);
	}
}

static PpCode
load_placed(Load *load)
{
	PpDict *dict = load->dict;
	const PpChunkHeader *header = &load->header;
	uint32_t count[PP_DICT_KINDS], holes[PP_DICT_KINDS], nlines = dict->nlines;
	PpCode code = load_entries(load);
	bool counted = code == PP_OK;

	memcpy(count, dict->count, sizeof(count));
	memcpy(holes, dict->holes, sizeof(holes));
	if (counted)
	{
		settle(load);
		code = dict->writer ? dict_index(dict, header->first, header->count, load->r.err)
							: dict_tree_extend(dict,
											   header->first[PP_DICT_NODES],
											   header->count[PP_DICT_NODES],
											   load->r.err);
	}
	if (code == PP_OK)
	{
		memcpy(dict->emitted, dict->count, sizeof(dict->count));
		dict->emitted_lines = dict->nlines;
		return PP_OK;
	}
	unsettle(dict, header, count, holes);
	dict->nlines = nlines;
	if (dict->writer && counted)
		dict_reindex(dict);
	else if (!dict->writer)
		dict_tree_cut(dict, header->first, header->count);
	return code;
}

PpCode
pp_dict_load(PpDict *dict, const uint8_t *data, size_t len, PpError *err)
{
	Load load = {.dict = dict, .r = {data, data, data + len, err, PP_OK}};
	PpCode code;

	if (memcmp(dict->emitted, dict->count, sizeof(dict->count)) != 0)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "dictionary has entries that are in no chunk");
	if ((code = read_header(&load.r, &load.header)) != PP_OK || (code = place(&load)) != PP_OK)
		return code;
	return load_placed(&load);
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
	dict->emitted_lines = dict->nlines;
	*out = w.data;
	*out_len = w.len;
	return PP_OK;
}
