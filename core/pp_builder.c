/*
 * pp_builder.c
 *		Interning of what readers of foreign formats find.
 *
 * Tables grow in memory of the allocator and move to the arena at the end, so
 * that the arena holds each of them once; only the bytes of strings are put
 * there as they come.
 */
#include "core/pp_builder.h"

#include <inttypes.h>
#include <string.h>

#include "core/pp_table.h"

#define POLL_EVERY 4096

struct PpBuilder
{
	const PpAlloc *alloc;
	PpArena *arena;
	const PpLimits *limits;
	uint64_t seed;
	size_t offset; /* of the input, for errors */
	uint32_t ticks;

	PpCode code; /* first error, which err describes */
	PpError err;

	/* counts and header; the arrays below become its own at the end */
	PpProfile header;
	PpValueType *types;
	uint32_t cap_types;
	uint32_t *comments;
	uint32_t cap_comments;
	int64_t comment_bytes;

	PpBytes *strings;
	uint32_t *frames; /* location of the frame of that name, or PP_NONE; as many as strings */
	uint32_t cap_strings, cap_frames;
	PpTable string_table;

	PpFunction *functions;
	uint32_t cap_functions;
	PpTable function_table;

	PpMapping *mappings;
	uint32_t cap_mappings;
	PpTable mapping_table;

	PpLocation *locations;
	uint32_t cap_locations;
	PpLine *lines;
	uint32_t cap_lines;
	PpTable location_table;

	PpSample *samples;
	uint32_t cap_samples;
	PpTable sample_table;
	int64_t *values;
	size_t nvalues, cap_values;
	uint32_t *locrefs;
	uint32_t cap_locrefs;
	PpLabel *labels;
	uint32_t cap_labels;
	int64_t total_frames;

	bool *key_seen; /* by string: is it a label key */
	uint32_t cap_key_seen;
	int64_t nkeys;
};

/* --- errors and room --- */

bool
pp_builder_ok(const PpBuilder *b)
{
	return b->code == PP_OK;
}

void
pp_builder_at(PpBuilder *b, size_t offset)
{
	b->offset = offset;
}

PpCode
pp_builder_fail(PpBuilder *b, const PpError *err)
{
	if (b->code == PP_OK)
	{
		b->err = *err;
		b->code = err->code;
	}
	return b->code;
}

static void
fail_nomem(PpBuilder *b)
{
	if (b->code == PP_OK)
		b->code = pp_fail_nomem(&b->err);
}

static void
fail_limit(PpBuilder *b, const char *setting, int64_t limit, const char *what)
{
	if (b->code == PP_OK)
		b->code =
			pp_fail_limit(&b->err, b->offset, setting, limit, "more than %" PRId64 " %s", limit, what);
}

static bool
go_on(PpBuilder *b)
{
	if (b->code == PP_OK && ++b->ticks % POLL_EVERY == 0 && pp_poll(b->alloc))
		b->code = pp_fail_canceled(&b->err);
	return b->code == PP_OK;
}

/* The array with room for `need` elements; NULL, and the error recorded, if there is none. */
static void *
grow(PpBuilder *b, void *array, uint32_t *cap, size_t need, size_t size)
{
	size_t wanted = (size_t) *cap * 2;
	void *grown;

	if (need >= UINT32_MAX)
	{
		fail_limit(b, NULL, UINT32_MAX - 1, "entries in a table of a profile");
		return NULL;
	}
	if (wanted < need)
		wanted = need;
	if (wanted < 64)
		wanted = 64;
	if (wanted >= UINT32_MAX)
		wanted = UINT32_MAX - 1;
	grown = b->alloc->resize(b->alloc->ctx, array, wanted * size);
	if (grown == NULL)
		fail_nomem(b);
	else
		*cap = (uint32_t) wanted;
	return grown;
}

#define RESERVE(b, array, cap, need)                                                               \
	((size_t) (need) <= (cap) || ({                                                                \
		 void *grown_ = grow((b), (array), &(cap), (size_t) (need), sizeof(*(array)));             \
		 if (grown_ != NULL)                                                                       \
			 (array) = grown_;                                                                     \
		 grown_ != NULL;                                                                           \
	 }))

static bool
reserve_slot(PpBuilder *b, PpTable *table)
{
	if (pp_table_reserve(table, b->alloc))
		return true;
	fail_nomem(b);
	return false;
}

/* --- life --- */

PpBuilder *
pp_builder_new(PpArena *arena, const PpLimits *limits)
{
	const PpAlloc *alloc = pp_arena_allocator(arena);
	PpBuilder *b = alloc->alloc(alloc->ctx, sizeof(PpBuilder));

	if (b == NULL)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->alloc = alloc;
	b->arena = arena;
	b->limits = limits;
	b->seed = pp_table_seed();
	b->offset = PP_NO_OFFSET;
	/* string 0 is the empty one, found without a look into the table */
	if (!RESERVE(b, b->strings, b->cap_strings, 1) || !RESERVE(b, b->frames, b->cap_frames, 1))
	{
		pp_builder_free(b);
		return NULL;
	}
	b->strings[0] = (PpBytes){"", 0};
	b->frames[0] = PP_NONE;
	b->header.nstrings = 1;
	return b;
}

void
pp_builder_free(PpBuilder *b)
{
	if (b == NULL)
		return;

	const PpAlloc *alloc = b->alloc;
	void *arrays[] = {b->types,
					  b->comments,
					  b->strings,
					  b->frames,
					  b->functions,
					  b->mappings,
					  b->locations,
					  b->lines,
					  b->samples,
					  b->values,
					  b->locrefs,
					  b->labels,
					  b->key_seen};
	PpTable *tables[] = {&b->string_table,
						 &b->function_table,
						 &b->mapping_table,
						 &b->location_table,
						 &b->sample_table};

	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		if (arrays[i] != NULL)
			alloc->release(alloc->ctx, arrays[i]);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		pp_table_free(tables[i], alloc);
	alloc->release(alloc->ctx, b);
}

/* --- strings --- */

static uint32_t
new_string(PpBuilder *b, PpBytes bytes, uint32_t hash)
{
	uint32_t i = b->header.nstrings;

	if (bytes.len > b->limits->max_string)
		fail_limit(b, "max_string", b->limits->max_string, "bytes in a string");
	else if (i >= b->limits->max_strings)
		fail_limit(b, "max_strings", b->limits->max_strings, "strings");
	if (b->code != PP_OK || !reserve_slot(b, &b->string_table) ||
		!RESERVE(b, b->strings, b->cap_strings, (size_t) i + 1) ||
		!RESERVE(b, b->frames, b->cap_frames, (size_t) i + 1))
		return PP_NONE;
	b->strings[i].data = pp_arena_copy(b->arena, bytes.data, bytes.len);
	b->strings[i].len = bytes.len;
	if (b->strings[i].data == NULL)
	{
		fail_nomem(b);
		return PP_NONE;
	}
	b->frames[i] = PP_NONE;
	pp_table_insert(&b->string_table, hash, i);
	return b->header.nstrings++;
}

uint32_t
pp_builder_string(PpBuilder *b, PpBytes bytes)
{
	uint32_t hash, i;
	size_t at;

	if (!go_on(b))
		return PP_NONE;
	if (bytes.len == 0)
		return 0;
	hash = pp_table_fold(pp_table_bytes(b->seed, bytes.data, bytes.len));
	at = pp_table_first(&b->string_table, hash);
	while ((i = pp_table_next(&b->string_table, hash, &at)) != PP_NONE)
		if (pp_bytes_eq(b->strings[i], bytes))
			return i;
	return new_string(b, bytes, hash);
}

uint32_t
pp_builder_cstring(PpBuilder *b, const char *cstr)
{
	return pp_builder_string(b, pp_bytes_cstr(cstr));
}

/* --- header --- */

void
pp_builder_type_bytes(PpBuilder *b, PpBytes type, PpBytes unit)
{
	PpValueType new = {pp_builder_string(b, type), pp_builder_string(b, unit)};

	if (b->code != PP_OK)
		return;
	if (b->header.ntypes >= b->limits->max_sample_types)
	{
		fail_limit(b, "max_sample_types", b->limits->max_sample_types, "sample types");
		return;
	}
	if (RESERVE(b, b->types, b->cap_types, (size_t) b->header.ntypes + 1))
		b->types[b->header.ntypes++] = new;
}

void
pp_builder_type(PpBuilder *b, const char *type, const char *unit)
{
	pp_builder_type_bytes(b, pp_bytes_cstr(type), pp_bytes_cstr(unit));
}

void
pp_builder_time(PpBuilder *b, int64_t time_nanos, int64_t duration_nanos)
{
	b->header.time_nanos = time_nanos;
	b->header.duration_nanos = duration_nanos;
}

void
pp_builder_period(PpBuilder *b, PpBytes type, PpBytes unit, int64_t period)
{
	b->header.period_type.type = pp_builder_string(b, type);
	b->header.period_type.unit = pp_builder_string(b, unit);
	b->header.period = period;
}

void
pp_builder_default_type(PpBuilder *b, PpBytes type)
{
	b->header.default_sample_type = pp_builder_string(b, type);
}

void
pp_builder_drop_frames(PpBuilder *b, PpBytes drop, PpBytes keep)
{
	b->header.drop_frames = pp_builder_string(b, drop);
	b->header.keep_frames = pp_builder_string(b, keep);
}

void
pp_builder_doc_url(PpBuilder *b, PpBytes url)
{
	b->header.doc_url = pp_builder_string(b, url);
}

void
pp_builder_comment(PpBuilder *b, PpBytes comment)
{
	uint32_t string = pp_builder_string(b, comment);

	if (b->code != PP_OK)
		return;
	b->comment_bytes += comment.len;
	if (b->header.ncomments >= b->limits->max_comments)
		fail_limit(b, "max_comments", b->limits->max_comments, "comments");
	else if (b->comment_bytes > b->limits->max_comment_bytes)
		fail_limit(b, "max_comment_bytes", b->limits->max_comment_bytes, "bytes of comments");
	else if (RESERVE(b, b->comments, b->cap_comments, (size_t) b->header.ncomments + 1))
		b->comments[b->header.ncomments++] = string;
}

/* --- tables --- */

uint32_t
pp_builder_function(PpBuilder *b, uint32_t name, uint32_t system_name, uint32_t filename,
					int64_t start_line)
{
	uint64_t h = pp_table_mix(b->seed, (uint64_t) name << 32 | system_name);
	uint32_t hash = pp_table_fold(pp_table_mix(h, (uint64_t) filename << 32 ^ (uint64_t) start_line));
	size_t at = pp_table_first(&b->function_table, hash);
	uint32_t i;

	if (!go_on(b))
		return PP_NONE;
	while ((i = pp_table_next(&b->function_table, hash, &at)) != PP_NONE)
	{
		const PpFunction *old = &b->functions[i];

		if (old->name == name && old->system_name == system_name && old->filename == filename &&
			old->start_line == start_line)
			return i;
	}
	i = b->header.nfunctions;
	if (i >= b->limits->max_functions)
		fail_limit(b, "max_functions", b->limits->max_functions, "functions");
	if (b->code != PP_OK || !reserve_slot(b, &b->function_table) ||
		!RESERVE(b, b->functions, b->cap_functions, (size_t) i + 1))
		return PP_NONE;
	b->functions[i] = (PpFunction){(uint64_t) i + 1, name, system_name, filename, start_line};
	pp_table_insert(&b->function_table, hash, i);
	return b->header.nfunctions++;
}

static bool
same_mapping(const PpMapping *a, const PpMapping *b)
{
	return a->start == b->start && a->limit == b->limit && a->offset == b->offset &&
		   a->filename == b->filename && a->build_id == b->build_id && a->flags == b->flags;
}

uint32_t
pp_builder_mapping(PpBuilder *b, const PpMapping *mapping)
{
	uint64_t h = pp_table_mix(pp_table_mix(b->seed, mapping->start), mapping->limit);
	uint32_t hash = pp_table_fold(pp_table_mix(pp_table_mix(h, mapping->offset), mapping->filename));
	size_t at = pp_table_first(&b->mapping_table, hash);
	uint32_t i;

	if (!go_on(b))
		return PP_NONE;
	while ((i = pp_table_next(&b->mapping_table, hash, &at)) != PP_NONE)
		if (same_mapping(&b->mappings[i], mapping))
			return i;
	i = b->header.nmappings;
	if (i >= b->limits->max_mappings)
		fail_limit(b, "max_mappings", b->limits->max_mappings, "mappings");
	if (b->code != PP_OK || !reserve_slot(b, &b->mapping_table) ||
		!RESERVE(b, b->mappings, b->cap_mappings, (size_t) i + 1))
		return PP_NONE;
	b->mappings[i] = *mapping;
	b->mappings[i].id = (uint64_t) i + 1;
	pp_table_insert(&b->mapping_table, hash, i);
	return b->header.nmappings++;
}

static bool
same_location(const PpBuilder *b, const PpLocation *old, uint32_t mapping, uint64_t address,
			  const PpLine *lines, uint32_t nlines)
{
	if (old->mapping != mapping || old->address != address || old->nlines != nlines)
		return false;
	for (uint32_t i = 0; i < nlines; i++)
	{
		const PpLine *line = &b->lines[old->line_off + i];

		if (line->function != lines[i].function || line->line != lines[i].line ||
			line->column != lines[i].column)
			return false;
	}
	return true;
}

static uint32_t
new_location(PpBuilder *b, uint32_t mapping, uint64_t address, const PpLine *lines, uint32_t nlines,
			 uint32_t hash)
{
	uint32_t i = b->header.nlocations;

	if (i >= b->limits->max_locations)
		fail_limit(b, "max_locations", b->limits->max_locations, "locations");
	else if (nlines > b->limits->max_lines)
		fail_limit(b, "max_lines", b->limits->max_lines, "lines in a location");
	if (b->code != PP_OK || !reserve_slot(b, &b->location_table) ||
		!RESERVE(b, b->locations, b->cap_locations, (size_t) i + 1) ||
		!RESERVE(b, b->lines, b->cap_lines, (size_t) b->header.nlines + nlines + 1))
		return PP_NONE;
	b->locations[i] = (PpLocation){.id = (uint64_t) i + 1,
								   .address = address,
								   .mapping = mapping,
								   .line_off = b->header.nlines,
								   .nlines = nlines};
	if (nlines > 0)
		memcpy(b->lines + b->header.nlines, lines, nlines * sizeof(PpLine));
	b->header.nlines += nlines;
	pp_table_insert(&b->location_table, hash, i);
	return b->header.nlocations++;
}

uint32_t
pp_builder_location(PpBuilder *b, uint32_t mapping, uint64_t address, const PpLine *lines,
					uint32_t nlines)
{
	uint64_t h = pp_table_mix(pp_table_mix(b->seed, address), (uint64_t) mapping << 32 | nlines);
	uint32_t hash, i;
	size_t at;

	if (!go_on(b))
		return PP_NONE;
	for (i = 0; i < nlines; i++)
	{
		h = pp_table_mix(h, (uint64_t) lines[i].function << 32 ^ (uint64_t) lines[i].line);
		h = pp_table_mix(h, (uint64_t) lines[i].column);
	}
	hash = pp_table_fold(h);
	at = pp_table_first(&b->location_table, hash);
	while ((i = pp_table_next(&b->location_table, hash, &at)) != PP_NONE)
		if (same_location(b, &b->locations[i], mapping, address, lines, nlines))
			return i;
	return new_location(b, mapping, address, lines, nlines, hash);
}

uint32_t
pp_builder_frame(PpBuilder *b, PpBytes name)
{
	uint32_t string = pp_builder_string(b, name);
	PpLine line = {0};

	if (string == PP_NONE)
		return PP_NONE;
	if (b->frames[string] != PP_NONE)
		return b->frames[string];
	line.function = pp_builder_function(b, string, string, 0, 0);
	return b->frames[string] = pp_builder_location(b, PP_NONE, 0, &line, 1);
}

/* --- samples --- */

/* Text labels first, each half by key; those equal in that stay as they came. */
static bool
label_before(const PpBuilder *b, const PpLabel *x, const PpLabel *y)
{
	if ((x->str == 0) != (y->str == 0))
		return x->str != 0;
	return pp_bytes_cmp(b->strings[x->key], b->strings[y->key]) < 0;
}

/* Count the keys of these labels that were none before. */
static bool
count_keys(PpBuilder *b, const PpLabel *labels, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t old = b->cap_key_seen;

		if (!RESERVE(b, b->key_seen, b->cap_key_seen, (size_t) labels[i].key + 1))
			return false;
		if (b->cap_key_seen > old)
			memset(b->key_seen + old, 0, b->cap_key_seen - old);
		if (b->key_seen[labels[i].key])
			continue;
		b->key_seen[labels[i].key] = true;
		if (++b->nkeys > b->limits->max_label_keys)
		{
			fail_limit(b, "max_label_keys", b->limits->max_label_keys, "keys of labels");
			return false;
		}
	}
	return true;
}

/* Labels of a sample, sorted, behind those there are; how many, or PP_NONE. */
static uint32_t
stage_labels(PpBuilder *b, const PpLabel *labels, uint32_t nlabels)
{
	PpLabel *out;
	uint32_t n = 0;

	if (nlabels > b->limits->max_labels)
	{
		fail_limit(b, "max_labels", b->limits->max_labels, "labels of a sample");
		return PP_NONE;
	}
	if (!RESERVE(b, b->labels, b->cap_labels, (size_t) b->header.nlabels + nlabels + 1))
		return PP_NONE;
	out = b->labels + b->header.nlabels;
	for (uint32_t i = 0; i < nlabels; i++)
	{
		uint32_t at = n;

		if (labels[i].str == 0 && labels[i].num == 0 && labels[i].num_unit == 0)
			continue;
		for (; at > 0 && label_before(b, &labels[i], &out[at - 1]); at--)
			out[at] = out[at - 1];
		out[at] = labels[i];
		n++;
	}
	return count_keys(b, out, n) ? n : PP_NONE;
}

/* The stack behind those there are; false if it is too deep. */
static bool
stage_stack(PpBuilder *b, const uint32_t *locations, uint32_t n)
{
	if (n > b->limits->max_depth)
	{
		fail_limit(b, "max_depth", b->limits->max_depth, "locations in a stack");
		return false;
	}
	/* one more: arrays that are empty have a place, too */
	if (!RESERVE(b, b->locrefs, b->cap_locrefs, (size_t) b->header.nlocrefs + n + 1))
		return false;
	if (n > 0)
		memcpy(b->locrefs + b->header.nlocrefs, locations, n * sizeof(uint32_t));
	return true;
}

/* Of a new stack: how many frames there are, inlined ones too. */
static bool
count_frames(PpBuilder *b, const PpSample *in)
{
	int64_t frames = 0;

	for (uint32_t i = 0; i < in->nlocs; i++)
		frames += b->locations[b->locrefs[in->loc_off + i]].nlines;
	if (frames > b->limits->max_frames)
		fail_limit(b, "max_frames", b->limits->max_frames, "frames in a stack");
	/* a location without lines is a frame too */
	b->total_frames += frames > in->nlocs ? frames : in->nlocs;
	if (b->total_frames > b->limits->max_total_frames)
		fail_limit(b, "max_total_frames", b->limits->max_total_frames, "frames in all stacks together");
	return b->code == PP_OK;
}

static uint32_t
hash_sample(const PpBuilder *b, const PpSample *in)
{
	uint64_t h = pp_table_mix(b->seed, (uint64_t) in->nlocs << 32 | in->nlabels);
	uint32_t i = in->loc_off, end = in->loc_off + in->nlocs;

	for (; i + 2 <= end; i += 2)
		h = pp_table_mix(h, (uint64_t) b->locrefs[i] << 32 | b->locrefs[i + 1]);
	if (i < end)
		h = pp_table_mix(h, b->locrefs[i]);
	for (i = 0; i < in->nlabels; i++)
	{
		const PpLabel *label = &b->labels[in->label_off + i];

		h = pp_table_mix(h, (uint64_t) label->key << 32 | label->str);
		h = pp_table_mix(h, (uint64_t) label->num ^ (uint64_t) label->num_unit << 32);
	}
	return pp_table_fold(h);
}

static bool
same_sample(const PpBuilder *b, const PpSample *old, const PpSample *in)
{
	if (old->nlocs != in->nlocs || old->nlabels != in->nlabels ||
		(in->nlocs > 0 &&
		 memcmp(b->locrefs + old->loc_off, b->locrefs + in->loc_off, in->nlocs * sizeof(uint32_t)) !=
			 0))
		return false;
	for (uint32_t i = 0; i < in->nlabels; i++)
	{
		const PpLabel *x = &b->labels[old->label_off + i], *y = &b->labels[in->label_off + i];

		if (x->key != y->key || x->str != y->str || x->num != y->num || x->num_unit != y->num_unit)
			return false;
	}
	return true;
}

static bool
reserve_values(PpBuilder *b)
{
	size_t need = b->nvalues + b->header.ntypes;
	size_t cap = b->cap_values * 2;
	int64_t *grown;

	if (need <= b->cap_values)
		return true;
	if (cap < need)
		cap = need;
	if (cap < 64)
		cap = 64;
	grown = b->alloc->resize(b->alloc->ctx, b->values, cap * sizeof(int64_t));
	if (grown == NULL)
	{
		fail_nomem(b);
		return false;
	}
	b->values = grown;
	b->cap_values = cap;
	return true;
}

static void
new_sample(PpBuilder *b, const PpSample *in, const int64_t *values, uint32_t hash)
{
	uint32_t i = b->header.nsamples;

	if (i >= b->limits->max_samples)
		fail_limit(b, "max_samples", b->limits->max_samples, "samples");
	if (b->code != PP_OK || !count_frames(b, in) || !reserve_slot(b, &b->sample_table) ||
		!RESERVE(b, b->samples, b->cap_samples, (size_t) i + 1) || !reserve_values(b))
		return;
	b->samples[i] = *in;
	b->header.nsamples++;
	b->header.nlocrefs += in->nlocs;
	b->header.nlabels += in->nlabels;
	memcpy(b->values + b->nvalues, values, b->header.ntypes * sizeof(int64_t));
	b->nvalues += b->header.ntypes;
	pp_table_insert(&b->sample_table, hash, i);
}

static void
add_values(PpBuilder *b, uint32_t sample, const int64_t *values)
{
	int64_t *sums = b->values + (size_t) sample * b->header.ntypes;

	for (uint32_t t = 0; t < b->header.ntypes; t++)
		if (__builtin_add_overflow(sums[t], values[t], &sums[t]))
		{
			b->code = pp_fail(&b->err,
							  PP_EOVERFLOW,
							  b->offset,
							  "sum of the values of one stack is out of range for bigint");
			return;
		}
}

void
pp_builder_sample(PpBuilder *b, const uint32_t *locations, uint32_t nlocations,
				  const int64_t *values, const PpLabel *labels, uint32_t nlabels)
{
	PpSample in = {b->header.nlocrefs, nlocations, b->header.nlabels, 0};
	uint32_t hash, i;
	size_t at;

	if (!go_on(b) || !stage_stack(b, locations, nlocations) ||
		(in.nlabels = stage_labels(b, labels, nlabels)) == PP_NONE)
		return;
	if (b->header.ntypes == 0)
	{
		b->code = pp_fail(&b->err, PP_EINVALID, PP_NO_OFFSET, "a sample without sample types");
		return;
	}
	hash = hash_sample(b, &in);
	at = pp_table_first(&b->sample_table, hash);
	while ((i = pp_table_next(&b->sample_table, hash, &at)) != PP_NONE)
		if (same_sample(b, &b->samples[i], &in))
		{
			add_values(b, i, values);
			return;
		}
	new_sample(b, &in, values, hash);
}

/* --- the end --- */

/* Move an array to the arena; the one from the allocator is released. */
static void *
settle(PpBuilder *b, void *array, size_t n, size_t size)
{
	void *copy = pp_arena_array(b->arena, n, size);

	if (copy == NULL)
		fail_nomem(b);
	else if (n > 0)
		memcpy(copy, array, n * size);
	if (array != NULL)
		b->alloc->release(b->alloc->ctx, array);
	return copy;
}

#define SETTLE(b, p, array, count)                                                                 \
	do                                                                                             \
	{                                                                                              \
		(p)->array = settle((b), (b)->array, (count), sizeof(*(b)->array));                        \
		(b)->array = NULL;                                                                         \
	} while (0)

PpCode
pp_builder_finish(PpBuilder *b, PpProfile **profile, PpError *err)
{
	PpProfile *p = pp_arena_alloc(b->arena, sizeof(PpProfile));

	*profile = NULL;
	if (p == NULL)
		fail_nomem(b);
	if (b->code == PP_OK)
	{
		*p = b->header;
		p->arena = b->arena;
		SETTLE(b, p, samples, p->nsamples);
		SETTLE(b, p, values, b->nvalues);
		SETTLE(b, p, locrefs, p->nlocrefs);
		SETTLE(b, p, labels, p->nlabels);
		SETTLE(b, p, locations, p->nlocations);
		SETTLE(b, p, lines, p->nlines);
		SETTLE(b, p, functions, p->nfunctions);
		SETTLE(b, p, mappings, p->nmappings);
		SETTLE(b, p, strings, p->nstrings);
		SETTLE(b, p, types, p->ntypes);
		SETTLE(b, p, comments, p->ncomments);
	}
	if (b->code != PP_OK)
	{
		if (err != NULL)
			*err = b->err;
		return b->code;
	}
	*profile = p;
	return PP_OK;
}
