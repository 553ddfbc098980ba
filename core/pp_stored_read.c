/*
 * pp_stored_read.c
 *		Reading the stored form; pp_stored.c draws it.
 *
 * Bytes on disk are checked like bytes from the network: every count against
 * the bytes that are left before memory is taken for it, every reference
 * against its table, ids for being distinct.  Strings point into the input.
 */
#include "core/pp_idmap.h"
#include "core/pp_stored_reader.h"

#define POLL_EVERY 4096

void
pp_stored_damaged(StoredReader *r, const char *what)
{
	if (r->code == PP_OK)
		r->code = pp_fail(r->err,
						  PP_EMALFORMED,
						  r->len - (size_t) (r->end - r->p),
						  "stored profile is damaged: %s",
						  what);
	r->p = r->end;
}

void
pp_stored_to_tail(StoredReader *r)
{
	size_t left = (size_t) (r->end - r->p);

	memset(r->tail, 0, sizeof(r->tail));
	memcpy(r->tail, r->p, left);
	r->p = r->tail;
	r->end = r->tail + left;
	r->at_tail = true;
}

void
pp_stored_poll(StoredReader *r)
{
	if (r->code == PP_OK && pp_poll(pp_arena_allocator(r->arena)))
		r->code = pp_fail_canceled(r->err);
}

void *
pp_stored_array(StoredReader *r, size_t n, size_t size)
{
	void *ptr = r->code == PP_OK ? pp_arena_array(r->arena, n, size) : NULL;

	if (ptr == NULL && r->code == PP_OK)
		r->code = pp_fail_nomem(r->err);
	return ptr;
}

static inline uint64_t
take(StoredReader *r)
{
	return pp_stored_take(r);
}

static inline uint64_t
take_z(StoredReader *r)
{
	return (uint64_t) pp_unzigzag(take(r));
}

static inline uint32_t
take_string(StoredReader *r)
{
	return pp_stored_check(r, take(r), r->profile->nstrings, "unknown string");
}

/* --- counts --- */

static uint32_t
take_count(StoredReader *r)
{
	uint64_t n = take(r);

	/* the largest index means "none" */
	if (n >= PP_NONE)
		pp_stored_damaged(r, "impossible count");
	return r->code == PP_OK ? (uint32_t) n : 0;
}

/* Each entry takes a byte at least. */
static void
check_counts(StoredReader *r)
{
	const PpStoredCounts *c = &r->counts;
	uint64_t left = (uint64_t) (r->end - r->p) + r->beyond;

	if (c->strings == 0 || c->strings - 1 > left || c->string_bytes > left || c->types > left / 3 ||
		c->samples > left / 2 || (uint64_t) c->samples * c->types > left || c->nodes > left ||
		c->sets > left || c->labels > left / 2 || c->mappings > left / 6 || c->locations > left / 2 ||
		c->lines > left / 2 || c->functions > left / 3 || c->comments > left)
		pp_stored_damaged(r, "counts do not fit its size");
	else if (pp_stored_too_many(c) != NULL)
		pp_stored_damaged(r, "counts exceed the limits of profiles");
}

static void
read_front(StoredReader *r)
{
	PpStoredCounts *c = &r->counts;

	if (r->end - r->p < 2)
	{
		pp_stored_damaged(r, "unexpected end");
		return;
	}
	if (r->p[0] != PP_STORED_VERSION)
	{
		r->code = pp_fail(r->err,
						  PP_EUNSUPPORTED,
						  0,
						  "stored profile has version %u, this software reads version %u",
						  r->p[0],
						  PP_STORED_VERSION);
		return;
	}
	r->flags = r->p[1];
	r->p += 2;
	if (r->flags & ~PP_STORED_FLAGS)
		pp_stored_damaged(r, "unknown flags");
	c->strings = take_count(r);
	c->string_bytes = take(r);
	c->types = take_count(r);
	c->samples = take_count(r);
	c->nodes = take_count(r);
	c->sets = take_count(r);
	c->labels = take_count(r);
	c->mappings = take_count(r);
	c->locations = take_count(r);
	c->lines = take_count(r);
	c->functions = take_count(r);
	c->comments = take_count(r);
	if (r->code == PP_OK)
		check_counts(r);
}

/* --- small tables --- */

static void
read_strings(StoredReader *r, const uint8_t *data)
{
	PpProfile *p = r->profile;
	const uint32_t n = r->counts.strings;
	const uint64_t most = r->counts.string_bytes;
	PpBytes *strings = pp_stored_array(r, n, sizeof(PpBytes));
	uint64_t bytes = 0;
	const char *text;

	p->nstrings = n;
	p->strings = strings;
	if (strings == NULL)
		return;
	strings[0] = (PpBytes){"", 0};
	for (uint32_t i = 1; i < n; i++)
	{
		const uint8_t *at = pp_stored_room(r);
		uint64_t len = pp_stored_u(&at);

		pp_stored_done(r, at);
		/* no sum of these wraps: there are fewer than 2^32, and each fits */
		bytes += len <= most ? len : most + 1;
		strings[i].len = (uint32_t) len;
	}
	if (bytes != most || bytes > (uint64_t) (r->end - r->p))
	{
		pp_stored_damaged(r, "lengths of strings");
		return;
	}
	/* not where it is read: that may be the tail */
	text = (const char *) data + (r->len - (size_t) (r->end - r->p));
	for (uint32_t i = 1; i < n; i++)
	{
		strings[i].data = text;
		text += strings[i].len;
	}
	r->p += bytes;
}

static void
read_header(StoredReader *r)
{
	PpProfile *p = r->profile;

	p->ntypes = r->counts.types;
	p->types = pp_stored_array(r, p->ntypes, sizeof(PpValueType));
	r->scales = pp_stored_array(r, p->ntypes, sizeof(uint64_t));
	p->ncomments = r->counts.comments;
	p->comments = pp_stored_array(r, p->ncomments, sizeof(uint32_t));
	for (uint32_t i = 0; i < p->ntypes && r->code == PP_OK; i++)
	{
		p->types[i].type = take_string(r);
		p->types[i].unit = take_string(r);
		r->scales[i] = take(r);
		if (r->scales[i] == 0 || r->scales[i] > INT64_MAX)
			pp_stored_damaged(r, "impossible scale");
	}
	p->period_type.type = take_string(r);
	p->period_type.unit = take_string(r);
	p->period = (int64_t) take_z(r);
	p->time_nanos = (int64_t) take_z(r);
	p->duration_nanos = (int64_t) take_z(r);
	p->drop_frames = take_string(r);
	p->keep_frames = take_string(r);
	p->default_sample_type = take_string(r);
	p->doc_url = take_string(r);
	for (uint32_t i = 0; i < p->ncomments && r->code == PP_OK; i++)
		p->comments[i] = take_string(r);
}

/* Ids that do not count from 1 must still be distinct, and not 0. */
static void
check_ids(StoredReader *r, const void *base, size_t stride, uint32_t n)
{
	PpIdMap map;
	PpIdProblem problem;

	if (r->code != PP_OK)
		return;
	r->code = pp_idmap_build(&map, pp_arena_allocator(r->arena), base, stride, n, &problem, r->err);
	pp_idmap_free(&map);
	if (r->code == PP_OK && problem.index != PP_NONE)
		pp_stored_damaged(r, "ids are not distinct");
}

static void
read_mappings(StoredReader *r)
{
	PpProfile *p = r->profile;
	uint64_t id = 0;

	p->nmappings = r->counts.mappings;
	p->mappings = pp_stored_array(r, p->nmappings, sizeof(PpMapping));
	for (uint32_t i = 0; i < p->nmappings && r->code == PP_OK; i++)
	{
		PpMapping *m = &p->mappings[i];
		uint64_t flags;

		id = r->flags & PP_STORED_MAPPING_IDS ? id + take_z(r) : (uint64_t) i + 1;
		m->id = id;
		m->start = take(r);
		m->limit = m->start + take_z(r);
		m->offset = take(r);
		m->filename = take_string(r);
		m->build_id = take_string(r);
		flags = take(r);
		m->flags = (uint32_t) flags;
		if (flags > 15)
			pp_stored_damaged(r, "unknown flags of a mapping");
	}
	if (r->flags & PP_STORED_MAPPING_IDS)
		check_ids(r, p->mappings, sizeof(PpMapping), p->nmappings);
}

static void
read_functions(StoredReader *r)
{
	PpProfile *p = r->profile;
	const uint32_t n = r->counts.functions, nstrings = p->nstrings;
	const bool ids = r->flags & PP_STORED_FUNCTION_IDS, lines = r->flags & PP_STORED_START_LINES;
	PpFunction *functions = pp_stored_array(r, n, sizeof(PpFunction));
	PpFunction last = {0};

	p->nfunctions = n;
	p->functions = functions;
	for (uint32_t i = 0; i < n && r->code == PP_OK; i++)
	{
		const uint8_t *at = pp_stored_room(r);
		uint64_t name, system_name, filename;

		if (i % POLL_EVERY == 0)
			pp_stored_poll(r);
		last.id = ids ? last.id + pp_stored_z(&at) : (uint64_t) i + 1;
		name = last.name + pp_stored_mixed_z(&at);
		system_name = name + pp_stored_z(&at);
		filename = last.filename + pp_stored_mixed_z(&at);
		if (lines)
			last.start_line = (int64_t) pp_stored_z(&at);
		pp_stored_done(r, at);
		if (PP_UNLIKELY(name >= nstrings || system_name >= nstrings || filename >= nstrings))
		{
			pp_stored_damaged(r, "unknown string");
			return;
		}
		last.name = (uint32_t) name;
		last.system_name = (uint32_t) system_name;
		last.filename = (uint32_t) filename;
		functions[i] = last;
	}
	if (ids)
		check_ids(r, p->functions, sizeof(PpFunction), p->nfunctions);
}

/* --- locations --- */

static void
read_lines(StoredReader *r, PpLine *lines, uint32_t n, uint32_t *last)
{
	const PpFunction *functions = r->profile->functions;
	const uint32_t nfunctions = r->profile->nfunctions;
	const bool columns = r->flags & PP_STORED_COLUMNS;
	uint32_t before = *last;

	for (uint32_t i = 0; i < n; i++)
	{
		const uint8_t *at = pp_stored_room(r);
		uint64_t function = before + pp_stored_mixed_z(&at);
		uint64_t line = pp_stored_mixed_z(&at);

		lines[i].column = columns ? (int64_t) pp_stored_z(&at) : 0;
		pp_stored_done(r, at);
		if (PP_UNLIKELY(function >= nfunctions))
		{
			pp_stored_damaged(r, "unknown function");
			return;
		}
		before = (uint32_t) function;
		lines[i].function = before;
		lines[i].line = (int64_t) (line + (uint64_t) functions[before].start_line);
	}
	*last = before;
}

/* What comes before the lines; how many of these there are goes to last->nlines. */
static void
read_location(StoredReader *r, PpLocation *last)
{
	const uint8_t *at = pp_stored_room(r);
	uint64_t head, mapping;

	last->id = r->flags & PP_STORED_LOCATION_IDS ? last->id + pp_stored_z(&at) : last->id + 1;
	head = pp_stored_u(&at);
	if (head & 1)
	{
		mapping = pp_stored_u(&at);
		if (PP_UNLIKELY(mapping > r->profile->nmappings))
		{
			pp_stored_damaged(r, "unknown mapping");
			return;
		}
		last->mapping = (uint32_t) mapping - 1; /* 0: PP_NONE */
	}
	last->is_folded = head >> 1 & 1;
	last->address += pp_stored_mixed_z(&at);
	pp_stored_done(r, at);
	last->line_off += last->nlines;
	if (PP_UNLIKELY(head >> 2 > r->counts.lines - last->line_off))
	{
		pp_stored_damaged(r, "more lines than it says");
		return;
	}
	last->nlines = (uint32_t) (head >> 2);
}

static void
read_locations(StoredReader *r)
{
	PpProfile *p = r->profile;
	const uint32_t n = r->counts.locations;
	PpLocation last = {.mapping = PP_NONE};
	uint32_t function = 0;

	p->nlocations = n;
	p->locations = pp_stored_array(r, n, sizeof(PpLocation));
	p->nlines = r->counts.lines;
	p->lines = pp_stored_array(r, p->nlines, sizeof(PpLine));
	for (uint32_t i = 0; i < n && r->code == PP_OK; i++)
	{
		if (i % POLL_EVERY == 0)
			pp_stored_poll(r);
		read_location(r, &last);
		if (r->code != PP_OK)
			return;
		read_lines(r, p->lines + last.line_off, last.nlines, &function);
		p->locations[i] = last;
	}
	if (r->code == PP_OK && last.line_off + last.nlines != p->nlines)
		pp_stored_damaged(r, "fewer lines than it says");
	if (r->flags & PP_STORED_LOCATION_IDS)
		check_ids(r, p->locations, sizeof(PpLocation), p->nlocations);
}

static void
read_all(StoredReader *r, const uint8_t *data)
{
	read_front(r);
	if (r->code == PP_OK)
		read_strings(r, data);
	if (r->code == PP_OK)
		read_header(r);
	if (r->code == PP_OK)
		read_mappings(r);
	if (r->code == PP_OK)
		read_functions(r);
	if (r->code == PP_OK)
		read_locations(r);
	if (r->code == PP_OK)
		pp_stored_read_sets(r);
	if (r->code == PP_OK)
		pp_stored_read_samples(r);
}

static PpCode
read_form(const uint8_t *data, size_t len, PpArena *arena, PpProfile **profile, PpStoredTree *tree,
		  bool unfold, PpError *err)
{
	StoredReader r = {.p = data, .end = data + len, .len = len, .arena = arena, .tree = tree};

	*profile = NULL;
	r.err = err;
	r.profile = pp_arena_zalloc(arena, sizeof(PpProfile));
	if (r.profile == NULL)
		return pp_fail_nomem(err);
	r.profile->arena = arena;
	read_all(&r, data);
	if (unfold && r.code == PP_OK)
		pp_stored_unfold(&r);
	if (r.code == PP_OK)
		*profile = r.profile;
	return r.code;
}

PpCode
pp_stored_read_counts(const uint8_t *data, size_t len, size_t whole, PpStoredCounts *counts,
					  PpError *err)
{
	StoredReader r = {.p = data, .end = data + len, .len = len, .err = err};

	r.beyond = whole > len ? whole - len : 0;
	read_front(&r);
	*counts = r.counts;
	return r.code;
}

PpCode
pp_stored_read(const uint8_t *data, size_t len, PpArena *arena, PpProfile **profile,
			   PpStoredTree *tree, PpError *err)
{
	return read_form(data, len, arena, profile, tree, false, err);
}

PpCode
pp_stored_decode(const uint8_t *data, size_t len, PpArena *arena, PpProfile **profile, PpError *err)
{
	PpStoredTree tree;

	return read_form(data, len, arena, profile, &tree, true, err);
}
