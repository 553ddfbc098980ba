/*
 * pp_stored.c
 *		The stored form of pprof.profile, version 1: drawing and writing.
 *
 * u is an unsigned varint (7 bits per byte, lowest first, at most ten bytes), z
 * the same of a zigzag-coded signed number, dz the zigzag difference to the
 * entry before (the first: to 0).  Strings, functions and so on are indexes.
 *
 *   u8  version (1)
 *   u8  flags: 1, 2, 4 mappings, functions, locations carry their ids (else the
 *       ids count from 1); 8 functions carry start lines; 16 lines carry columns
 *   u   number of strings, of their bytes together, of sample types, samples,
 *       nodes, label sets, labels of all sets, mappings, locations, lines,
 *       functions, comments
 *   strings    u length of each but the first, which is empty; then all bytes
 *   types      per type: u type, u unit, u scale (values are multiples of it, > 0)
 *   header     u type and u unit of the period, z period, z time, z duration,
 *              u drop_frames, u keep_frames, u default_sample_type, u doc_url;
 *              u string of each comment
 *   mappings   dz id if flagged; u start, z limit - start, u offset,
 *              u filename, u build_id, u flags (PP_HAS_...)
 *   functions  dz id if flagged; dz name, z system_name - name, dz filename;
 *              z start line if flagged
 *   locations  dz id if flagged; u lines << 2 | folded << 1 | other mapping;
 *              u mapping + 1 (0: none) if it is not that of the location before
 *              (before the first: none);
 *              dz address; per line: dz function (of the line before, whatever
 *              its location), z line - start line of the function,
 *              z column if flagged
 *   label sets u count, then per label u key << 1 | 1 and u text, or u key << 1 and
 *              z number and u unit; set 0, which is not written, has none
 *   samples    u new nodes << 1 | other label set than the sample before (before the
 *              first: 0);
 *              u how many nodes before the newest one the stack begins at, whose
 *              number is 0 for none; u label set if it is another;
 *              per new node, each the callee of the one before, dz location;
 *              per type: z value / scale
 *
 * Stacks are paths of a tree, from the root: a stack begins with that of a node that
 * came before and goes on with new ones, numbered from 1.  Merging walks the tree.
 *
 * Differences wrap at 64 bits.  Nothing follows the last sample.
 */
#include "core/pp_stored.h"

#include "core/pp_stored_check.h"

#include <inttypes.h>
#include <string.h>

#define POLL_EVERY 4096
#define ENTRY_MAX  128 /* bytes of an entry without its repeated parts */

typedef struct Writer
{
	const PpProfile *profile;
	const PpAlloc *alloc;
	PpStoredCounts counts;
	const PpStoredTree *tree;
	uint64_t *scales; /* by type */
	uint8_t flags;
	PpCode code;
	PpError *err;
	uint8_t *out;
	size_t len, cap;
} Writer;

const char *
pp_stored_too_many(const PpStoredCounts *c)
{
	const PpLimits *hard = &pp_limits_hard;

	return c->strings > hard->max_strings						 ? "strings"
		   : c->string_bytes > (uint64_t) hard->max_profile_size ? "bytes of strings"
		   : c->types > hard->max_sample_types					 ? "sample types"
		   : c->samples > hard->max_samples						 ? "samples"
		   : c->mappings > hard->max_mappings					 ? "mappings"
		   : c->locations > hard->max_locations					 ? "locations"
		   : c->functions > hard->max_functions					 ? "functions"
		   : c->comments > hard->max_comments					 ? "comments"
																 : NULL;
}

static bool
grow(Writer *w, size_t room)
{
	size_t cap = w->cap * 2 > w->len + room ? w->cap * 2 : w->len + room;
	uint8_t *out = NULL;

	if (w->code == PP_OK && (out = w->alloc->resize(w->alloc->ctx, w->out, cap)) == NULL)
		w->code = pp_fail_nomem(w->err);
	if (out == NULL)
		return false;
	w->out = out;
	w->cap = cap;
	return true;
}

/* Where to write up to `room` bytes; NULL after an error. */
static inline uint8_t *
begin(Writer *w, size_t room)
{
	if (PP_UNLIKELY(w->cap - w->len < room || w->code != PP_OK) && !grow(w, room))
		return NULL;
	return w->out + w->len;
}

static inline void
end(Writer *w, const uint8_t *p)
{
	w->len = (size_t) (p - w->out);
}

static inline uint8_t *
put(uint8_t *p, uint64_t value)
{
	return pp_put_varint(p, value);
}

static inline uint8_t *
put_z(uint8_t *p, uint64_t difference)
{
	return pp_put_varint(p, pp_zigzag((int64_t) difference));
}

static void
poll(Writer *w, uint32_t i)
{
	if (i % POLL_EVERY == 0 && w->code == PP_OK && pp_poll(w->alloc))
		w->code = pp_fail_canceled(w->err);
}

/* --- what has to be known first --- */

static void
look_at_ids(Writer *w)
{
	const PpProfile *p = w->profile;

	for (uint32_t i = 0; i < p->nmappings; i++)
		if (p->mappings[i].id != (uint64_t) i + 1)
			w->flags |= PP_STORED_MAPPING_IDS;
	for (uint32_t i = 0; i < p->nfunctions; i++)
	{
		if (p->functions[i].id != (uint64_t) i + 1)
			w->flags |= PP_STORED_FUNCTION_IDS;
		if (p->functions[i].start_line != 0)
			w->flags |= PP_STORED_START_LINES;
	}
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		if (p->locations[i].id != (uint64_t) i + 1)
			w->flags |= PP_STORED_LOCATION_IDS;
		for (uint32_t j = 0; j < p->locations[i].nlines; j++)
			if (p->lines[p->locations[i].line_off + j].column != 0)
				w->flags |= PP_STORED_COLUMNS;
	}
}

/* Parts of entries may be shared or unused in the profile; here each has its own. */
static void
count(Writer *w)
{
	const PpProfile *p = w->profile;
	uint64_t labels = 0, lines = 0, bytes = 0;
	const char *what;

	for (uint32_t i = 0; i < p->nstrings; i++)
		bytes += p->strings[i].len;
	for (uint32_t i = 0; i < w->tree->nsets; i++)
		labels += w->tree->sets[i].n;
	for (uint32_t i = 0; i < p->nlocations; i++)
		lines += p->locations[i].nlines;
	w->counts = (PpStoredCounts){.strings = p->nstrings,
								 .types = p->ntypes,
								 .samples = p->nsamples,
								 .nodes = w->tree->nnodes - 1,
								 .sets = w->tree->nsets - 1,
								 .labels = (uint32_t) labels,
								 .mappings = p->nmappings,
								 .locations = p->nlocations,
								 .lines = (uint32_t) lines,
								 .functions = p->nfunctions,
								 .comments = p->ncomments,
								 .string_bytes = bytes};
	what = labels >= PP_NONE  ? "labels"
		   : lines >= PP_NONE ? "lines"
							  : pp_stored_too_many(&w->counts);
	if (what != NULL)
		w->code = pp_fail_limit(w->err, PP_NO_OFFSET, NULL, 0, "profile has too many %s", what);
}

/* Greatest common divisor of a column; 1 if it has no value. */
static uint64_t
column_scale(const PpProfile *p, uint32_t type)
{
	uint64_t scale = 0;

	for (size_t i = 0; i < p->nsamples && scale != 1; i++)
	{
		int64_t value = p->values[i * p->ntypes + type];
		uint64_t a = value < 0 ? 0 - (uint64_t) value : (uint64_t) value;

		while (a != 0)
		{
			uint64_t rest = scale % a;

			scale = a;
			a = rest;
		}
	}
	/* 2^63 divides only the least int64, and is none itself */
	return scale == 0 || scale > INT64_MAX ? 1 : scale;
}

/* --- sections --- */

static void
put_front(Writer *w)
{
	const PpStoredCounts *c = &w->counts;
	uint8_t *p = begin(w, ENTRY_MAX);

	if (p == NULL)
		return;
	*p++ = PP_STORED_VERSION;
	*p++ = w->flags;
	p = put(p, c->strings);
	p = put(p, c->string_bytes);
	p = put(p, c->types);
	p = put(p, c->samples);
	p = put(p, c->nodes);
	p = put(p, c->sets);
	p = put(p, c->labels);
	p = put(p, c->mappings);
	p = put(p, c->locations);
	p = put(p, c->lines);
	p = put(p, c->functions);
	p = put(p, c->comments);
	end(w, p);
}

static void
put_strings(Writer *w)
{
	const PpProfile *profile = w->profile;
	uint8_t *p = begin(w, (size_t) profile->nstrings * 5 + w->counts.string_bytes);

	if (p == NULL)
		return;
	for (uint32_t i = 1; i < profile->nstrings; i++)
		p = put(p, profile->strings[i].len);
	for (uint32_t i = 1; i < profile->nstrings; i++)
		if (profile->strings[i].len > 0)
		{
			memcpy(p, profile->strings[i].data, profile->strings[i].len);
			p += profile->strings[i].len;
		}
	end(w, p);
}

static void
put_header(Writer *w)
{
	const PpProfile *profile = w->profile;
	uint8_t *p =
		begin(w, ENTRY_MAX + ((size_t) profile->ntypes * 3 + profile->ncomments) * PP_VARINT_MAX);

	if (p == NULL)
		return;
	for (uint32_t i = 0; i < profile->ntypes; i++)
	{
		w->scales[i] = column_scale(profile, i);
		p = put(p, profile->types[i].type);
		p = put(p, profile->types[i].unit);
		p = put(p, w->scales[i]);
	}
	p = put(p, profile->period_type.type);
	p = put(p, profile->period_type.unit);
	p = put_z(p, (uint64_t) profile->period);
	p = put_z(p, (uint64_t) profile->time_nanos);
	p = put_z(p, (uint64_t) profile->duration_nanos);
	p = put(p, profile->drop_frames);
	p = put(p, profile->keep_frames);
	p = put(p, profile->default_sample_type);
	p = put(p, profile->doc_url);
	for (uint32_t i = 0; i < profile->ncomments; i++)
		p = put(p, profile->comments[i]);
	end(w, p);
}

static void
put_mappings(Writer *w)
{
	uint64_t id = 0;

	for (uint32_t i = 0; i < w->profile->nmappings; i++)
	{
		const PpMapping *m = &w->profile->mappings[i];
		uint8_t *p = begin(w, ENTRY_MAX);

		if (p == NULL)
			return;
		if (w->flags & PP_STORED_MAPPING_IDS)
			p = put_z(p, m->id - id);
		id = m->id;
		p = put(p, m->start);
		p = put_z(p, m->limit - m->start);
		p = put(p, m->offset);
		p = put(p, m->filename);
		p = put(p, m->build_id);
		p = put(p, m->flags);
		end(w, p);
	}
}

static void
put_functions(Writer *w)
{
	PpFunction last = {0};

	for (uint32_t i = 0; i < w->profile->nfunctions; i++)
	{
		const PpFunction *f = &w->profile->functions[i];
		uint8_t *p = begin(w, ENTRY_MAX);

		poll(w, i);
		if (p == NULL)
			return;
		if (w->flags & PP_STORED_FUNCTION_IDS)
			p = put_z(p, f->id - last.id);
		p = put_z(p, (uint64_t) f->name - last.name);
		p = put_z(p, (uint64_t) f->system_name - f->name);
		p = put_z(p, (uint64_t) f->filename - last.filename);
		if (w->flags & PP_STORED_START_LINES)
			p = put_z(p, (uint64_t) f->start_line);
		last = *f;
		end(w, p);
	}
}

static void
put_locations(Writer *w)
{
	const PpProfile *profile = w->profile;
	PpLocation last = {.mapping = PP_NONE};
	uint64_t function = 0;

	for (uint32_t i = 0; i < profile->nlocations; i++)
	{
		const PpLocation *l = &profile->locations[i];
		uint8_t *p = begin(w, ENTRY_MAX + (size_t) l->nlines * 3 * PP_VARINT_MAX);

		poll(w, i);
		if (p == NULL)
			return;
		if (w->flags & PP_STORED_LOCATION_IDS)
			p = put_z(p, l->id - last.id);
		p = put(p,
				(uint64_t) l->nlines << 2 | (uint64_t) (l->is_folded != 0) << 1 |
					(l->mapping != last.mapping));
		if (l->mapping != last.mapping)
			p = put(p, (uint32_t) (l->mapping + 1));
		p = put_z(p, l->address - last.address);
		for (uint32_t j = 0; j < l->nlines; j++)
		{
			const PpLine *line = &profile->lines[l->line_off + j];

			p = put_z(p, line->function - function);
			function = line->function;
			p = put_z(p,
					  (uint64_t) line->line -
						  (uint64_t) profile->functions[line->function].start_line);
			if (w->flags & PP_STORED_COLUMNS)
				p = put_z(p, (uint64_t) line->column);
		}
		last = *l;
		end(w, p);
	}
}

/* --- samples --- */

static void
put_sets(Writer *w)
{
	for (uint32_t i = 1; i < w->tree->nsets; i++)
	{
		const PpStoredSet *set = &w->tree->sets[i];
		const PpLabel *labels = w->profile->labels + set->off;
		uint8_t *p = begin(w, ENTRY_MAX + (size_t) set->n * 3 * PP_VARINT_MAX);

		poll(w, i);
		if (p == NULL)
			return;
		p = put(p, set->n);
		for (uint32_t k = 0; k < set->n; k++)
		{
			p = put(p, (uint64_t) labels[k].key << 1 | (labels[k].str != 0));
			if (labels[k].str != 0)
				p = put(p, labels[k].str);
			else
			{
				p = put_z(p, (uint64_t) labels[k].num);
				p = put(p, labels[k].num_unit);
			}
		}
		end(w, p);
	}
}

/* newest: the last node that samples before went to; labels: the set of the one before. */
static void
put_sample(Writer *w, uint32_t i, uint32_t newest, uint32_t labels, uint32_t *location)
{
	const PpProfile *profile = w->profile;
	const PpStoredNode *nodes = w->tree->nodes;
	const PpStoredSample *s = &w->tree->samples[i];
	const int64_t *values = profile->values + (size_t) i * profile->ntypes;
	uint32_t fresh = s->node > newest ? s->node - newest : 0;
	uint32_t from = fresh > 0 ? nodes[newest + 1].parent : s->node;
	uint8_t *p = begin(w, ENTRY_MAX + ((size_t) fresh + profile->ntypes) * PP_VARINT_MAX);

	if (p == NULL)
		return;
	p = put(p, (uint64_t) fresh << 1 | (s->labels != labels));
	p = put(p, newest - from);
	if (s->labels != labels)
		p = put(p, s->labels);
	for (uint32_t k = newest + 1; k <= newest + fresh; k++)
	{
		p = put_z(p, (uint64_t) nodes[k].location - *location);
		*location = nodes[k].location;
	}
	for (uint32_t j = 0; j < profile->ntypes; j++)
		p = put_z(p, (uint64_t) (values[j] / (int64_t) w->scales[j]));
	end(w, p);
}

static void
put_samples(Writer *w)
{
	uint32_t newest = 0, labels = 0, location = 0;

	for (uint32_t i = 0; i < w->profile->nsamples && w->code == PP_OK; i++)
	{
		const PpStoredSample *s = &w->tree->samples[i];

		poll(w, i);
		put_sample(w, i, newest, labels, &location);
		labels = s->labels;
		if (s->node > newest)
			newest = s->node;
	}
}

static void
write_all(Writer *w)
{
	look_at_ids(w);
	count(w);
	put_front(w);
	put_strings(w);
	put_header(w);
	put_mappings(w);
	put_functions(w);
	put_locations(w);
	put_sets(w);
	put_samples(w);
	if (w->code == PP_OK && w->len > (uint64_t) pp_limits_hard.max_profile_size)
		w->code = pp_fail_limit(w->err,
								PP_NO_OFFSET,
								NULL,
								pp_limits_hard.max_profile_size,
								"profile takes %zu bytes, more than %" PRId64,
								w->len,
								pp_limits_hard.max_profile_size);
}

PpCode
pp_stored_encode_tree(const PpProfile *p, const PpStoredTree *tree, const PpAlloc *alloc,
					  uint8_t **out, size_t *out_len, PpError *err)
{
	Writer w = {.profile = p, .tree = tree, .alloc = alloc, .err = err};

	w.scales = alloc->alloc(alloc->ctx, (p->ntypes + 1) * sizeof(uint64_t));
	w.code = w.scales == NULL ? pp_fail_nomem(err) : pp_stored_check(p, alloc, err);
	if (w.code == PP_OK)
		write_all(&w);
	alloc->release(alloc->ctx, w.scales);
	if (w.code != PP_OK)
	{
		alloc->release(alloc->ctx, w.out);
		w.out = NULL;
		w.len = 0;
	}
	*out = w.out;
	*out_len = w.len;
	return w.code;
}

PpCode
pp_stored_encode(const PpProfile *profile, const PpAlloc *alloc, uint8_t **out, size_t *out_len,
				 PpError *err)
{
	PpStoredTree tree;
	PpCode code = pp_stored_fold(profile, alloc, &tree, err);

	*out = NULL;
	*out_len = 0;
	if (code == PP_OK)
		code = pp_stored_encode_tree(profile, &tree, alloc, out, out_len, err);
	pp_stored_fold_free(&tree, alloc);
	return code;
}
