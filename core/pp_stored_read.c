/*
 * pp_stored_read.c
 *		Reading the stored form; pp_stored.c draws it.
 *
 * Bytes on disk are checked like bytes from the network: every count against
 * the bytes that are left before memory is taken for it, every reference
 * against its table, ids for being distinct.  Strings point into the input.
 */
#include <string.h>

#include "core/pp_idmap.h"
#include "core/pp_stored.h"

#define POLL_EVERY 4096

typedef struct In
{
	const uint8_t *p, *end;
} In;

typedef struct StoredReader
{
	In in;
	const uint8_t *data;
	PpArena *arena;
	PpProfile *profile;
	PpStoredCounts counts;
	uint8_t flags;
	PpCode code;
	PpError *err;
} StoredReader;

/* Record the first thing that is wrong, and let every loop run out. */
static void
damaged(StoredReader *r, const char *what)
{
	if (r->code == PP_OK)
		r->code = pp_fail(r->err,
						  PP_EMALFORMED,
						  (size_t) (r->in.p - r->data),
						  "stored profile is damaged: %s",
						  what);
	r->in.p = r->in.end;
}

static void
poll(StoredReader *r, uint32_t i)
{
	if (i % POLL_EVERY == 0 && r->code == PP_OK && pp_poll(pp_arena_allocator(r->arena)))
		r->code = pp_fail_canceled(r->err);
}

static inline uint64_t
take(StoredReader *r)
{
	PpVarint v = pp_varint(r->in.p, r->in.end);

	if (PP_UNLIKELY(v.next == NULL))
		damaged(r, "unexpected end");
	else
		r->in.p = v.next;
	return v.value;
}

static inline uint64_t
take_z(StoredReader *r)
{
	return (uint64_t) pp_unzigzag(take(r));
}

/* An index below n; `what` names the table. */
static inline uint32_t
check(StoredReader *r, uint64_t index, uint32_t n, const char *what)
{
	if (PP_LIKELY(index < n))
		return (uint32_t) index;
	damaged(r, what);
	return 0;
}

static inline uint32_t
take_string(StoredReader *r)
{
	return check(r, take(r), r->profile->nstrings, "unknown string");
}

static void *
array(StoredReader *r, size_t n, size_t size)
{
	void *ptr = r->code == PP_OK ? pp_arena_array(r->arena, n, size) : NULL;

	if (ptr == NULL && r->code == PP_OK)
		r->code = pp_fail_nomem(r->err);
	return ptr;
}

/* --- counts --- */

static uint32_t
take_count(StoredReader *r)
{
	uint64_t n = take(r);

	/* the largest index means "none" */
	if (n >= PP_NONE)
		damaged(r, "impossible count");
	return r->code == PP_OK ? (uint32_t) n : 0;
}

/* Each entry takes a byte at least, but for what samples take over from the one before. */
static void
check_counts(StoredReader *r)
{
	const PpStoredCounts *c = &r->counts;
	uint64_t left = (uint64_t) (r->in.end - r->in.p);
	uint64_t taken_over = (uint64_t) c->samples;

	if (c->strings == 0 || c->strings - 1 > left || c->string_bytes > left || c->types > left / 3 ||
		c->samples > left / 2 || (uint64_t) c->samples * c->types > left ||
		c->locrefs > left + taken_over * PP_STORED_SHARED_MAX ||
		c->labels > left + taken_over * PP_STORED_SAME_LABELS || c->mappings > left / 6 ||
		c->locations > left / 2 || c->lines > left / 2 || c->functions > left / 3 ||
		c->comments > left)
		damaged(r, "counts do not fit its size");
	else if (pp_stored_too_many(c) != NULL)
		damaged(r, "counts exceed the limits of profiles");
}

static void
read_front(StoredReader *r)
{
	PpStoredCounts *c = &r->counts;

	if (r->in.end - r->in.p < 2)
	{
		damaged(r, "unexpected end");
		return;
	}
	if (r->in.p[0] != PP_STORED_VERSION)
	{
		r->code = pp_fail(r->err,
						  PP_EUNSUPPORTED,
						  0,
						  "stored profile has version %u, this software reads version %u",
						  r->in.p[0],
						  PP_STORED_VERSION);
		return;
	}
	r->flags = r->in.p[1];
	r->in.p += 2;
	if (r->flags & ~PP_STORED_FLAGS)
		damaged(r, "unknown flags");
	c->strings = take_count(r);
	c->string_bytes = take(r);
	c->types = take_count(r);
	c->samples = take_count(r);
	c->locrefs = take_count(r);
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
read_strings(StoredReader *r)
{
	PpProfile *p = r->profile;
	uint64_t bytes = 0;
	const char *text;

	p->nstrings = r->counts.strings;
	p->strings = array(r, p->nstrings, sizeof(PpBytes));
	if (p->strings == NULL)
		return;
	p->strings[0] = (PpBytes){"", 0};
	for (uint32_t i = 1; i < p->nstrings; i++)
	{
		uint64_t len = take(r);

		bytes += len;
		if (PP_UNLIKELY(len > r->counts.string_bytes || bytes > r->counts.string_bytes))
		{
			damaged(r, "lengths of strings");
			return;
		}
		p->strings[i].len = (uint32_t) len;
	}
	if (bytes != r->counts.string_bytes || bytes > (uint64_t) (r->in.end - r->in.p))
	{
		damaged(r, "lengths of strings");
		return;
	}
	text = (const char *) r->in.p;
	for (uint32_t i = 1; i < p->nstrings; i++)
	{
		p->strings[i].data = text;
		text += p->strings[i].len;
	}
	r->in.p += bytes;
}

static void
read_header(StoredReader *r, uint64_t *scales)
{
	PpProfile *p = r->profile;

	p->ntypes = r->counts.types;
	p->types = array(r, p->ntypes, sizeof(PpValueType));
	p->ncomments = r->counts.comments;
	p->comments = array(r, p->ncomments, sizeof(uint32_t));
	for (uint32_t i = 0; i < p->ntypes && r->code == PP_OK; i++)
	{
		p->types[i].type = take_string(r);
		p->types[i].unit = take_string(r);
		scales[i] = take(r);
		if (scales[i] == 0 || scales[i] > INT64_MAX)
			damaged(r, "impossible scale");
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
		damaged(r, "ids are not distinct");
}

static void
read_mappings(StoredReader *r)
{
	PpProfile *p = r->profile;
	uint64_t id = 0;

	p->nmappings = r->counts.mappings;
	p->mappings = array(r, p->nmappings, sizeof(PpMapping));
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
			damaged(r, "unknown flags of a mapping");
	}
	if (r->flags & PP_STORED_MAPPING_IDS)
		check_ids(r, p->mappings, sizeof(PpMapping), p->nmappings);
}

static void
read_functions(StoredReader *r)
{
	PpProfile *p = r->profile;
	PpFunction last = {0};

	p->nfunctions = r->counts.functions;
	p->functions = array(r, p->nfunctions, sizeof(PpFunction));
	for (uint32_t i = 0; i < p->nfunctions && r->code == PP_OK; i++)
	{
		poll(r, i);
		last.id = r->flags & PP_STORED_FUNCTION_IDS ? last.id + take_z(r) : (uint64_t) i + 1;
		last.name = check(r, last.name + take_z(r), p->nstrings, "unknown string");
		last.system_name = check(r, last.name + take_z(r), p->nstrings, "unknown string");
		last.filename = check(r, last.filename + take_z(r), p->nstrings, "unknown string");
		if (r->flags & PP_STORED_START_LINES)
			last.start_line = (int64_t) take_z(r);
		p->functions[i] = last;
	}
	if (r->flags & PP_STORED_FUNCTION_IDS)
		check_ids(r, p->functions, sizeof(PpFunction), p->nfunctions);
}

/* --- locations --- */

static void
read_lines(StoredReader *r, uint32_t off, uint32_t n, uint64_t *function)
{
	PpProfile *p = r->profile;

	for (uint32_t i = 0; i < n; i++)
	{
		PpLine *line = &p->lines[off + i];

		line->function = check(r, *function + take_z(r), p->nfunctions, "unknown function");
		*function = line->function;
		/* without functions there is none to ask, and an error already */
		if (r->code != PP_OK)
			return;
		line->line = (int64_t) (take_z(r) + (uint64_t) p->functions[line->function].start_line);
		line->column = r->flags & PP_STORED_COLUMNS ? (int64_t) take_z(r) : 0;
	}
}

static uint32_t
take_mapping(StoredReader *r)
{
	uint64_t mapping = take(r);

	return mapping == 0 ? PP_NONE : check(r, mapping - 1, r->profile->nmappings, "unknown mapping");
}

static void
read_locations(StoredReader *r)
{
	PpProfile *p = r->profile;
	PpLocation last = {.mapping = PP_NONE};
	uint64_t function = 0;

	p->nlocations = r->counts.locations;
	p->locations = array(r, p->nlocations, sizeof(PpLocation));
	p->lines = array(r, r->counts.lines, sizeof(PpLine));
	for (uint32_t i = 0; i < p->nlocations && r->code == PP_OK; i++)
	{
		uint64_t head;

		poll(r, i);
		last.id = r->flags & PP_STORED_LOCATION_IDS ? last.id + take_z(r) : (uint64_t) i + 1;
		head = take(r);
		if (head & 1)
			last.mapping = take_mapping(r);
		last.is_folded = head >> 1 & 1;
		last.address += take_z(r);
		last.line_off = p->nlines;
		if (head >> 2 > r->counts.lines - p->nlines)
		{
			damaged(r, "more lines than it says");
			return;
		}
		last.nlines = (uint32_t) (head >> 2);
		p->nlines += last.nlines;
		read_lines(r, last.line_off, last.nlines, &function);
		p->locations[i] = last;
	}
	if (r->code == PP_OK && p->nlines != r->counts.lines)
		damaged(r, "fewer lines than it says");
	if (r->flags & PP_STORED_LOCATION_IDS)
		check_ids(r, p->locations, sizeof(PpLocation), p->nlocations);
}

/* --- samples --- */

/* Text labels come before numbers, and keys ascend. */
static void
check_label_order(StoredReader *r, const PpLabel *labels, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
	{
		const PpLabel *a = &labels[i - 1], *b = &labels[i];
		bool a_num = a->str == 0, b_num = b->str == 0;

		if (a_num > b_num ||
			(a_num == b_num && a->key != b->key &&
			 pp_bytes_cmp(pp_str(r->profile, a->key), pp_str(r->profile, b->key)) > 0))
			damaged(r, "labels out of order");
	}
}

static void
read_own_labels(StoredReader *r, PpSample *s)
{
	PpProfile *p = r->profile;
	uint64_t n = take(r);

	if (n == 0 || n > r->counts.labels - p->nlabels)
	{
		damaged(r, "more labels than it says");
		return;
	}
	s->nlabels = (uint32_t) n;
	p->nlabels += s->nlabels;
	for (uint32_t i = 0; i < s->nlabels; i++)
	{
		PpLabel *label = &p->labels[s->label_off + i];
		uint64_t key = take(r);

		*label = (PpLabel){.key = check(r, key >> 1, p->nstrings, "unknown string")};
		if (key & 1)
			label->str = take_string(r);
		else
		{
			label->num = (int64_t) take_z(r);
			label->num_unit = take_string(r);
		}
		if (label->str == 0 && label->num == 0 && label->num_unit == 0)
			damaged(r, "empty label");
	}
	if (r->code == PP_OK)
		check_label_order(r, p->labels + s->label_off, s->nlabels);
}

static void
read_labels(StoredReader *r, PpSample *s, const PpSample *before, uint64_t how)
{
	PpProfile *p = r->profile;

	s->label_off = p->nlabels;
	s->nlabels = 0;
	if (how == PP_STORED_LABELS_NONE)
		return;
	if (how == PP_STORED_LABELS_OWN)
	{
		read_own_labels(r, s);
		return;
	}
	if (how != PP_STORED_LABELS_SAME || before == NULL || before->nlabels == 0 ||
		before->nlabels > PP_STORED_SAME_LABELS || before->nlabels > r->counts.labels - p->nlabels)
	{
		damaged(r, "labels of a sample");
		return;
	}
	s->nlabels = before->nlabels;
	memcpy(p->labels + s->label_off, p->labels + before->label_off, s->nlabels * sizeof(PpLabel));
	p->nlabels += s->nlabels;
}

/* Locations of a stack: the loop that most of the time is spent in. */
static void
read_refs(StoredReader *r, uint32_t *refs, uint32_t n, uint64_t *last)
{
	const uint32_t nlocations = r->profile->nlocations;
	const uint8_t *at = r->in.p, *const end = r->in.end;
	uint64_t ref = *last;

	for (uint32_t i = 0; i < n; i++)
	{
		PpVarint v = pp_varint(at, end);

		ref += (uint64_t) pp_unzigzag(v.value);
		if (PP_UNLIKELY(v.next == NULL || ref >= nlocations))
		{
			damaged(r, v.next == NULL ? "unexpected end" : "unknown location");
			return;
		}
		at = v.next;
		refs[i] = (uint32_t) ref;
	}
	r->in.p = at;
	*last = ref;
}

static void
read_stack(StoredReader *r, PpSample *s, const PpSample *before, uint64_t nlocs, uint64_t *last)
{
	PpProfile *p = r->profile;
	uint64_t shared = take(r);
	uint32_t *refs = p->locrefs + p->nlocrefs;
	uint64_t own = nlocs - shared;

	if (nlocs > r->counts.locrefs - p->nlocrefs || shared > nlocs ||
		shared > PP_STORED_SHARED_MAX || (shared > 0 && (before == NULL || shared > before->nlocs)))
	{
		damaged(r, "stack of a sample");
		return;
	}
	s->loc_off = p->nlocrefs;
	s->nlocs = (uint32_t) nlocs;
	p->nlocrefs += s->nlocs;
	read_refs(r, refs, (uint32_t) own, last);
	if (shared > 0)
		memcpy(refs + own, refs - shared, shared * sizeof(uint32_t));
}

static void
read_values(StoredReader *r, int64_t *values, const uint64_t *scales)
{
	for (uint32_t i = 0; i < r->counts.types; i++)
		if (PP_UNLIKELY(__builtin_mul_overflow((int64_t) take_z(r), (int64_t) scales[i], &values[i])))
			damaged(r, "value out of range");
}

static void
read_samples(StoredReader *r, const uint64_t *scales)
{
	PpProfile *p = r->profile;
	uint64_t last = 0;

	p->nsamples = r->counts.samples;
	p->samples = array(r, p->nsamples, sizeof(PpSample));
	p->values = array(r, (size_t) p->nsamples * p->ntypes, sizeof(int64_t));
	p->locrefs = array(r, r->counts.locrefs, sizeof(uint32_t));
	p->labels = array(r, r->counts.labels, sizeof(PpLabel));
	if (p->nsamples > 0 && p->ntypes == 0)
		damaged(r, "samples without types");
	for (uint32_t i = 0; i < p->nsamples && r->code == PP_OK; i++)
	{
		PpSample *s = &p->samples[i];
		const PpSample *before = i > 0 ? s - 1 : NULL;
		uint64_t head = take(r);

		poll(r, i);
		read_stack(r, s, before, head >> 2, &last);
		if (r->code == PP_OK)
			read_labels(r, s, before, head & 3);
		read_values(r, p->values + (size_t) i * p->ntypes, scales);
	}
	if (r->code == PP_OK && p->nlocrefs != r->counts.locrefs)
		damaged(r, "fewer frames than it says");
	if (r->code == PP_OK && p->nlabels != r->counts.labels)
		damaged(r, "fewer labels than it says");
	if (r->code == PP_OK && r->in.p != r->in.end)
		damaged(r, "bytes behind its end");
}

static void
read_all(StoredReader *r)
{
	uint64_t *scales;

	read_front(r);
	scales = array(r, r->counts.types, sizeof(uint64_t));
	if (r->code == PP_OK)
		read_strings(r);
	if (r->code == PP_OK)
		read_header(r, scales);
	if (r->code == PP_OK)
		read_mappings(r);
	if (r->code == PP_OK)
		read_functions(r);
	if (r->code == PP_OK)
		read_locations(r);
	if (r->code == PP_OK)
		read_samples(r, scales);
}

PpCode
pp_stored_decode(const uint8_t *data, size_t len, PpArena *arena, PpProfile **profile, PpError *err)
{
	StoredReader r = {.in = {data, data + len}, .data = data, .arena = arena, .err = err};

	*profile = NULL;
	r.profile = pp_arena_zalloc(arena, sizeof(PpProfile));
	if (r.profile == NULL)
		return pp_fail_nomem(err);
	r.profile->arena = arena;
	read_all(&r);
	if (r.code == PP_OK)
		*profile = r.profile;
	return r.code;
}
