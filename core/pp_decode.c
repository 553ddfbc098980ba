/*
 * pp_decode.c
 *		profile.proto to PpProfile: finding the parts, and the small tables.
 *
 * pp_decode.h tells how the work is divided; pp_decode_samples.c reads samples.
 */
#include "core/pp_decode.h"

#include <inttypes.h>
#include <string.h>

void
pp_decode_fail(Decoder *d, const uint8_t *at, const char *what)
{
	if (d->code == PP_OK)
		d->code = pp_fail(d->err, PP_EMALFORMED, (size_t) (at - d->data), "%s", what);
}

void
pp_decode_nomem(Decoder *d)
{
	if (d->code == PP_OK)
		d->code = pp_fail_nomem(d->err);
}

void
pp_decode_poll(Decoder *d)
{
	if (d->code == PP_OK && pp_poll(d->alloc))
		d->code = pp_fail_canceled(d->err);
}

const uint8_t *
pp_decode_bad_varint(Decoder *d, const uint8_t *p, const uint8_t *end)
{
	pp_decode_fail(d,
				   p,
				   end - p < PP_VARINT_MAX ? "unexpected end of a number"
										   : "number of more than ten bytes");
	return end;
}

Reader
pp_decode_bad_bytes(Decoder *d, const uint8_t *p, const uint8_t *end)
{
	pp_decode_fail(d, p, "field is longer than what is left of the message");
	return (Reader){end, end};
}

uint32_t
pp_decode_bad_string(Decoder *d, const uint8_t *at, uint64_t index)
{
	if (d->code == PP_OK)
		d->code = pp_fail(d->err,
						  PP_EMALFORMED,
						  (size_t) (at - d->data),
						  "string index %" PRId64 " is outside the string table of %u entries",
						  (int64_t) index,
						  d->profile->nstrings);
	return 0;
}

const uint8_t *
pp_decode_skip(Decoder *d, const uint8_t *p, const uint8_t *end, uint64_t tag, uint32_t known)
{
	Reader r = {p, end};
	uint32_t wire = tag & 7;
	size_t fixed = wire == PP_WIRE_FIXED64 ? 8 : 4;

	if (wire != PP_WIRE_VARINT && wire != PP_WIRE_BYTES && wire != PP_WIRE_FIXED64 &&
		wire != PP_WIRE_FIXED32)
		pp_decode_fail(d, p, "unknown wire type");
	else if (tag >> 3 < 32 && (known >> (tag >> 3) & 1))
		pp_decode_fail(d, p, "field has an unexpected wire type");
	else if (wire == PP_WIRE_VARINT)
	{
		get_varint(d, &r);
		return r.p;
	}
	else if (wire == PP_WIRE_BYTES)
	{
		get_bytes(d, &r);
		return r.p;
	}
	else if ((size_t) (end - p) >= fixed)
		return p + fixed;
	else
		pp_decode_bad_bytes(d, p, end);
	return end;
}

bool
pp_vec_grow(Decoder *d, Vec *vec, size_t size, size_t need)
{
	size_t cap = vec->cap < 32 ? 64 : vec->cap * 2;
	size_t bytes;
	void *data = NULL;

	if (cap < need)
		cap = need;
	if (!__builtin_mul_overflow(cap, size, &bytes))
		data = d->alloc->resize(d->alloc->ctx, vec->data, bytes);
	if (data == NULL)
	{
		pp_decode_nomem(d);
		return false;
	}
	vec->data = data;
	vec->cap = cap;
	return true;
}

/* The contents of a vector in the arena, sized exactly. */
static void *
vec_settle(Decoder *d, const Vec *vec, size_t size)
{
	void *copy = pp_arena_copy(d->arena, vec->data, vec->n * size);

	if (copy == NULL)
		pp_decode_nomem(d);
	return copy;
}

static void
limit_fail(Decoder *d, const uint8_t *at, const char *setting, int64_t limit, const char *what)
{
	if (d->code == PP_OK)
		d->code = pp_fail_limit(d->err,
								(size_t) (at - d->data),
								setting,
								limit,
								"profile has more than %" PRId64 " %s",
								limit,
								what);
}

/* --- finding the parts --- */

static void
add_string(Decoder *d, Reader text)
{
	size_t len = (size_t) (text.end - text.p);
	Vec *vec = &d->strings;

	if (len > 0 && vec->n == 0)
		pp_decode_fail(d, text.p, "string_table[0] must be empty");
	if (len > (uint64_t) d->limits->max_string && d->code == PP_OK)
		d->code = pp_fail_limit(d->err,
								(size_t) (text.p - d->data),
								"max_string",
								d->limits->max_string,
								"string of %zu bytes is longer than %" PRId64 " bytes",
								len,
								d->limits->max_string);
	if (vec->n >= (uint64_t) d->limits->max_strings)
		limit_fail(d, text.p, "max_strings", d->limits->max_strings, "strings");
	if (d->code == PP_OK && vec_room(d, vec, sizeof(PpBytes), 1))
		((PpBytes *) vec->data)[vec->n++] = (PpBytes){(const char *) text.p, (uint32_t) len};
}

static void
add_span(Decoder *d, Table table, Reader inside)
{
	Vec *vec = &d->spans[table];

	if (d->code == PP_OK && vec_room(d, vec, sizeof(Span), 1))
		((Span *) vec->data)[vec->n++] =
			(Span){(uint32_t) (inside.p - d->data), (uint32_t) (inside.end - d->data)};
}

static void
add_comment(Decoder *d, uint64_t index, const uint8_t *at)
{
	Vec *vec = &d->comments;

	if (vec->n >= (uint64_t) d->limits->max_comments)
		limit_fail(d, at, "max_comments", d->limits->max_comments, "comments");
	if (d->code == PP_OK && vec_room(d, vec, sizeof(uint64_t), 1))
		((uint64_t *) vec->data)[vec->n++] = index;
}

static void
add_comments(Decoder *d, Reader packed)
{
	while (packed.p < packed.end && d->code == PP_OK)
	{
		const uint8_t *at = packed.p;

		add_comment(d, get_varint(d, &packed), at);
	}
}

static void
add_time(Decoder *d, Reader *r)
{
	if (d->profile->time_nanos != 0)
		pp_decode_fail(d, r->p, "concatenated profiles detected");
	d->profile->time_nanos = (int64_t) get_varint(d, r);
}

/* Fields of the profile other than its tables. */
static void
scan_header_field(Decoder *d, Reader *r, uint64_t tag)
{
	PpProfile *profile = d->profile;

	switch (tag)
	{
		case PP_TAG_VARINT(7):
			d->drop_frames = get_varint(d, r);
			break;
		case PP_TAG_VARINT(8):
			d->keep_frames = get_varint(d, r);
			break;
		case PP_TAG_VARINT(9):
			add_time(d, r);
			break;
		case PP_TAG_VARINT(10):
			profile->duration_nanos = (int64_t) get_varint(d, r);
			break;
		case PP_TAG_BYTES(11):
		{
			Reader inside = get_bytes(d, r);

			d->period_type =
				(Span){(uint32_t) (inside.p - d->data), (uint32_t) (inside.end - d->data)};
			d->has_period_type = true;
			break;
		}
		case PP_TAG_VARINT(12):
			profile->period = (int64_t) get_varint(d, r);
			break;
		case PP_TAG_VARINT(13):
		{
			const uint8_t *at = r->p;

			add_comment(d, get_varint(d, r), at);
			break;
		}
		case PP_TAG_BYTES(13):
			add_comments(d, get_bytes(d, r));
			break;
		case PP_TAG_VARINT(14):
			d->default_sample_type = get_varint(d, r);
			break;
		case PP_TAG_VARINT(15):
			d->doc_url = get_varint(d, r);
			break;
		default:
			r->p = pp_decode_skip(d, r->p, r->end, tag, 0xfffe);
	}
}

static void
scan(Decoder *d, size_t len)
{
	Reader r = {d->data, d->data + len};
	uint32_t n = 0;

	while (r.p < r.end && d->code == PP_OK)
	{
		uint64_t tag = get_varint(d, &r);

		if (++n % PP_DECODE_POLL_EVERY == 0)
			pp_decode_poll(d);
		switch (tag)
		{
			case PP_TAG_BYTES(1):
				add_span(d, TABLE_TYPES, get_bytes(d, &r));
				break;
			case PP_TAG_BYTES(2):
			{
				Reader inside = get_bytes(d, &r);

				d->sample_bytes += (size_t) (inside.end - inside.p);
				add_span(d, TABLE_SAMPLES, inside);
				break;
			}
			case PP_TAG_BYTES(3):
				add_span(d, TABLE_MAPPINGS, get_bytes(d, &r));
				break;
			case PP_TAG_BYTES(4):
				add_span(d, TABLE_LOCATIONS, get_bytes(d, &r));
				break;
			case PP_TAG_BYTES(5):
				add_span(d, TABLE_FUNCTIONS, get_bytes(d, &r));
				break;
			case PP_TAG_BYTES(6):
				add_string(d, get_bytes(d, &r));
				break;
			default:
				scan_header_field(d, &r, tag);
		}
	}
}

/* Every table is bounded before anything is allocated for its entries. */
static void
check_counts(Decoder *d)
{
	const struct
	{
		Table table;
		const char *setting, *what;
		int64_t limit;
	} checks[] = {
		{TABLE_TYPES, "max_sample_types", "sample types", d->limits->max_sample_types},
		{TABLE_SAMPLES, "max_samples", "samples", d->limits->max_samples},
		{TABLE_MAPPINGS, "max_mappings", "mappings", d->limits->max_mappings},
		{TABLE_LOCATIONS, "max_locations", "locations", d->limits->max_locations},
		{TABLE_FUNCTIONS, "max_functions", "functions", d->limits->max_functions},
	};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
	{
		const Vec *vec = &d->spans[checks[i].table];

		if (vec->n > (uint64_t) checks[i].limit)
			limit_fail(d,
					   span_reader(d, checks[i].table, (uint32_t) checks[i].limit).p,
					   checks[i].setting,
					   checks[i].limit,
					   checks[i].what);
	}
}

/* --- header --- */

/* A field may come twice, and then the last counts: so indexes are checked at the end. */
static PpValueType
decode_value_type(Decoder *d, Reader r)
{
	const uint8_t *start = r.p;
	uint64_t type = 0, unit = 0;

	while (r.p < r.end)
	{
		uint64_t tag = get_varint(d, &r);

		switch (tag)
		{
			case PP_TAG_VARINT(1):
				type = get_varint(d, &r);
				break;
			case PP_TAG_VARINT(2):
				unit = get_varint(d, &r);
				break;
			default:
				r.p = pp_decode_skip(d, r.p, r.end, tag, 1 << 1 | 1 << 2);
		}
	}
	return (PpValueType){check_string(d, start, type), check_string(d, start, unit)};
}

static void
decode_comments(Decoder *d)
{
	PpProfile *profile = d->profile;
	const uint64_t *indexes = d->comments.data;
	uint64_t bytes = 0;

	profile->ncomments = (uint32_t) d->comments.n;
	profile->comments = pp_arena_array(d->arena, profile->ncomments, sizeof(uint32_t));
	if (profile->comments == NULL)
	{
		pp_decode_nomem(d);
		return;
	}
	for (uint32_t i = 0; i < profile->ncomments; i++)
	{
		profile->comments[i] = check_string(d, d->data, indexes[i]);
		bytes += pp_str(profile, profile->comments[i]).len;
	}
	if (bytes > (uint64_t) d->limits->max_comment_bytes)
		limit_fail(d, d->data, "max_comment_bytes", d->limits->max_comment_bytes, "bytes of comments");
}

static void
decode_header(Decoder *d)
{
	PpProfile *profile = d->profile;

	/* even drop_frames = 0 points outside an empty table */
	profile->nstrings = (uint32_t) d->strings.n;
	profile->strings = vec_settle(d, &d->strings, sizeof(PpBytes));
	if (profile->strings == NULL)
		return;
	profile->drop_frames = check_string(d, d->data, d->drop_frames);
	profile->keep_frames = check_string(d, d->data, d->keep_frames);
	profile->default_sample_type = check_string(d, d->data, d->default_sample_type);
	profile->doc_url = check_string(d, d->data, d->doc_url);
	if (d->has_period_type)
		profile->period_type =
			decode_value_type(d,
							  (Reader){d->data + d->period_type.start, d->data + d->period_type.end});
	if (d->code == PP_OK)
		decode_comments(d);

	profile->ntypes = (uint32_t) d->spans[TABLE_TYPES].n;
	profile->types = pp_arena_array(d->arena, profile->ntypes, sizeof(PpValueType));
	if (profile->types == NULL)
		pp_decode_nomem(d);
	for (uint32_t i = 0; i < profile->ntypes && d->code == PP_OK; i++)
		profile->types[i] = decode_value_type(d, span_reader(d, TABLE_TYPES, i));
}

/* --- tables --- */

/* Is this broken rule to be reported rather than the one that is noted? */
static bool
note_invalid(Decoder *d, uint32_t table, uint32_t index, uint32_t rule)
{
	uint64_t key = (uint64_t) table << 40 | (uint64_t) index << 2 | rule;

	if (key >= d->invalid_key)
		return false;
	d->invalid_key = key;
	return true;
}

/* Map the ids of a table and check them. */
static void
map_ids(Decoder *d, Table table, PpIdMap *map, const void *base, size_t stride)
{
	static const struct
	{
		uint32_t rank; /* order of the checks */
		const char *noun, *id;
	} words[TABLES] = {
		[TABLE_MAPPINGS] = {0, "mapping", "ID"},
		[TABLE_FUNCTIONS] = {1, "function", "ID"},
		[TABLE_LOCATIONS] = {2, "location", "id"},
	};
	PpIdProblem problem = {PP_NONE, 0};

	if (d->code == PP_OK)
		d->code =
			pp_idmap_build(map, d->alloc, base, stride, (uint32_t) d->spans[table].n, &problem, d->err);
	if (d->code != PP_OK || problem.index == PP_NONE)
		return;

	size_t offset = (size_t) (span_reader(d, table, problem.index).p - d->data);

	if (!note_invalid(d, words[table].rank, problem.index, problem.id == 0 ? 0 : 1))
		return;
	if (problem.id == 0)
		pp_fail(&d->invalid,
				PP_EMALFORMED,
				offset,
				"found %s with reserved %s=0",
				words[table].noun,
				words[table].id);
	else
		pp_fail(&d->invalid,
				PP_EMALFORMED,
				offset,
				"multiple %ss with same id: %" PRIu64,
				words[table].noun,
				problem.id);
}

static void
decode_mapping(Decoder *d, PpMapping *m, Reader r)
{
	const uint8_t *start = r.p;
	uint64_t filename = 0, build_id = 0;

	*m = (PpMapping){0};
	while (r.p < r.end)
	{
		uint64_t tag = get_varint(d, &r);

		switch (tag)
		{
			case PP_TAG_VARINT(1):
				m->id = get_varint(d, &r);
				break;
			case PP_TAG_VARINT(2):
				m->start = get_varint(d, &r);
				break;
			case PP_TAG_VARINT(3):
				m->limit = get_varint(d, &r);
				break;
			case PP_TAG_VARINT(4):
				m->offset = get_varint(d, &r);
				break;
			case PP_TAG_VARINT(5):
				filename = get_varint(d, &r);
				break;
			case PP_TAG_VARINT(6):
				build_id = get_varint(d, &r);
				break;
			case PP_TAG_VARINT(7):
			case PP_TAG_VARINT(8):
			case PP_TAG_VARINT(9):
			case PP_TAG_VARINT(10):
			{
				uint32_t flag = (uint32_t) PP_HAS_FUNCTIONS << ((tag >> 3) - 7);

				m->flags = get_varint(d, &r) != 0 ? m->flags | flag : m->flags & ~flag;
				break;
			}
			default:
				r.p = pp_decode_skip(d, r.p, r.end, tag, 0x7fe);
		}
	}
	m->filename = check_string(d, start, filename);
	m->build_id = check_string(d, start, build_id);
}

static void
decode_function(Decoder *d, PpFunction *f, Reader r)
{
	const uint8_t *start = r.p;
	uint64_t name = 0, system_name = 0, filename = 0;

	*f = (PpFunction){0};
	while (r.p < r.end)
	{
		uint64_t tag = get_varint(d, &r);

		switch (tag)
		{
			case PP_TAG_VARINT(1):
				f->id = get_varint(d, &r);
				break;
			case PP_TAG_VARINT(2):
				name = get_varint(d, &r);
				break;
			case PP_TAG_VARINT(3):
				system_name = get_varint(d, &r);
				break;
			case PP_TAG_VARINT(4):
				filename = get_varint(d, &r);
				break;
			case PP_TAG_VARINT(5):
				f->start_line = (int64_t) get_varint(d, &r);
				break;
			default:
				r.p = pp_decode_skip(d, r.p, r.end, tag, 0x3e);
		}
	}
	f->name = check_string(d, start, name);
	f->system_name = check_string(d, start, system_name);
	f->filename = check_string(d, start, filename);
}

/* One line of location `index`, whose message begins at `start`. */
static void
decode_line(Decoder *d, uint32_t index, const uint8_t *start, Reader r)
{
	uint64_t function = 0;
	PpLine *line;

	if (!vec_room(d, &d->lines, sizeof(PpLine), 1))
		return;
	line = (PpLine *) d->lines.data + d->lines.n++;
	*line = (PpLine){0};
	while (r.p < r.end)
	{
		uint64_t tag = get_varint(d, &r);

		switch (tag)
		{
			case PP_TAG_VARINT(1):
				function = get_varint(d, &r);
				break;
			case PP_TAG_VARINT(2):
				line->line = (int64_t) get_varint(d, &r);
				break;
			case PP_TAG_VARINT(3):
				line->column = (int64_t) get_varint(d, &r);
				break;
			default:
				r.p = pp_decode_skip(d, r.p, r.end, tag, 1 << 1 | 1 << 2 | 1 << 3);
		}
	}
	line->function = pp_idmap_find(&d->function_ids, function);
	if (PP_UNLIKELY(line->function == PP_NONE) && note_invalid(d, 2, index, 2))
		pp_fail(&d->invalid,
				PP_EMALFORMED,
				(size_t) (start - d->data),
				"location id: %" PRIu64 " has a line with nil function",
				d->profile->locations[index].id);
}

/* A location with more lines than any before it. */
static void
more_lines(Decoder *d, const uint8_t *at, uint32_t nlines)
{
	d->max_lines = nlines;
	if (nlines > d->limits->max_lines && d->code == PP_OK)
		d->code = pp_fail_limit(d->err,
								(size_t) (at - d->data),
								"max_lines",
								d->limits->max_lines,
								"location has more than %" PRId64 " lines",
								d->limits->max_lines);
}

static void
decode_location(Decoder *d, uint32_t index, Reader r)
{
	PpLocation *l = &d->profile->locations[index];
	const uint8_t *start = r.p;
	uint64_t mapping = 0;

	*l = (PpLocation){.line_off = (uint32_t) d->lines.n};
	while (r.p < r.end && d->code == PP_OK)
	{
		uint64_t tag = get_varint(d, &r);

		switch (tag)
		{
			case PP_TAG_VARINT(1):
				l->id = get_varint(d, &r);
				break;
			case PP_TAG_VARINT(2):
				mapping = get_varint(d, &r);
				break;
			case PP_TAG_VARINT(3):
				l->address = get_varint(d, &r);
				break;
			case PP_TAG_BYTES(4):
				if (++l->nlines > d->max_lines)
					more_lines(d, start, l->nlines);
				decode_line(d, index, start, get_bytes(d, &r));
				break;
			case PP_TAG_VARINT(5):
				l->is_folded = get_varint(d, &r) != 0;
				break;
			default:
				r.p = pp_decode_skip(d, r.p, r.end, tag, 0x3e);
		}
	}
	/* id 0 and an unknown id both mean that there is no mapping */
	l->mapping = pp_idmap_find(&d->mapping_ids, mapping);
}

static void
decode_mappings(Decoder *d)
{
	PpProfile *profile = d->profile;
	uint32_t n = profile->nmappings = (uint32_t) d->spans[TABLE_MAPPINGS].n;

	profile->mappings = pp_arena_array(d->arena, n, sizeof(PpMapping));
	if (profile->mappings == NULL)
		pp_decode_nomem(d);
	for (uint32_t i = 0; i < n && d->code == PP_OK; i++)
	{
		if (i % PP_DECODE_POLL_EVERY == 0)
			pp_decode_poll(d);
		decode_mapping(d, &profile->mappings[i], span_reader(d, TABLE_MAPPINGS, i));
	}
	map_ids(d, TABLE_MAPPINGS, &d->mapping_ids, profile->mappings, sizeof(PpMapping));
}

static void
decode_functions(Decoder *d)
{
	PpProfile *profile = d->profile;
	uint32_t n = profile->nfunctions = (uint32_t) d->spans[TABLE_FUNCTIONS].n;

	profile->functions = pp_arena_array(d->arena, n, sizeof(PpFunction));
	if (profile->functions == NULL)
		pp_decode_nomem(d);
	for (uint32_t i = 0; i < n && d->code == PP_OK; i++)
	{
		if (i % PP_DECODE_POLL_EVERY == 0)
			pp_decode_poll(d);
		decode_function(d, &profile->functions[i], span_reader(d, TABLE_FUNCTIONS, i));
	}
	map_ids(d, TABLE_FUNCTIONS, &d->function_ids, profile->functions, sizeof(PpFunction));
}

static void
decode_locations(Decoder *d)
{
	PpProfile *profile = d->profile;
	uint32_t n = profile->nlocations = (uint32_t) d->spans[TABLE_LOCATIONS].n;

	profile->locations = pp_arena_array(d->arena, n, sizeof(PpLocation));
	if (profile->locations == NULL || !vec_room(d, &d->lines, sizeof(PpLine), n + n / 4 + 1))
		pp_decode_nomem(d);
	for (uint32_t i = 0; i < n && d->code == PP_OK; i++)
	{
		if (i % PP_DECODE_POLL_EVERY == 0)
			pp_decode_poll(d);
		decode_location(d, i, span_reader(d, TABLE_LOCATIONS, i));
	}
	if (d->code != PP_OK)
		return;
	profile->nlines = (uint32_t) d->lines.n;
	profile->lines = vec_settle(d, &d->lines, sizeof(PpLine));
	map_ids(d, TABLE_LOCATIONS, &d->location_ids, profile->locations, sizeof(PpLocation));
}

static void
decoder_free(Decoder *d)
{
	Vec *vecs[] = {&d->strings, &d->comments, &d->lines};

	for (size_t i = 0; i < sizeof(vecs) / sizeof(vecs[0]); i++)
		d->alloc->release(d->alloc->ctx, vecs[i]->data);
	for (int i = 0; i < TABLES; i++)
		d->alloc->release(d->alloc->ctx, d->spans[i].data);
	pp_idmap_free(&d->mapping_ids);
	pp_idmap_free(&d->function_ids);
	pp_idmap_free(&d->location_ids);
}

static void
decode(Decoder *d, size_t len)
{
	void (*const steps[])(Decoder *) = {check_counts,
										decode_header,
										decode_mappings,
										decode_functions,
										decode_locations,
										pp_decode_samples};

	scan(d, len);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && d->code == PP_OK; i++)
		steps[i](d);
	if (d->code == PP_OK && d->invalid_key != UINT64_MAX)
	{
		d->code = d->invalid.code;
		if (d->err != NULL)
			*d->err = d->invalid;
	}
}

PpCode
pp_profile_decode(const uint8_t *data, size_t len, const PpLimits *limits, PpArena *arena,
				  PpProfile **profile, PpError *err)
{
	Decoder d = {.data = data,
				 .limits = limits,
				 .alloc = pp_arena_allocator(arena),
				 .arena = arena,
				 .err = err,
				 .invalid_key = UINT64_MAX};

	*profile = NULL;
	/* spans are 32 bit, whatever the limit says */
	if (len > (uint64_t) limits->max_profile_size || len > UINT32_MAX)
		return pp_fail_limit(err,
							 PP_NO_OFFSET,
							 "max_profile_size",
							 limits->max_profile_size,
							 "profile of %zu bytes is larger than %" PRId64 " bytes",
							 len,
							 limits->max_profile_size);
	d.profile = pp_arena_zalloc(arena, sizeof(PpProfile));
	if (d.profile == NULL)
		return pp_fail_nomem(err);
	d.profile->arena = arena;
	decode(&d, len);
	decoder_free(&d);
	if (d.code == PP_OK)
		*profile = d.profile;
	return d.code;
}
