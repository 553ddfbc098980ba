/*
 * pp_tag_frames.c
 *		tagroot and tagleaf: a frame per label key at either end of each stack.
 *
 * The frame's function is named by the values of the label, its file is the
 * key; a sample without the label gets a function with an empty name.
 */
#include "core/pp_filter.h"
#include "core/pp_measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct TagFrames
{
	PpProfile *p;
	PpArena *arena;
	PpBytes unit;
	PpNames frames; /* key length, key and name: one new function and location each */
	size_t bytes;	/* of all of them */
	PpBuf name;
	uint32_t nkeys; /* roots, then leaves */
	PpBytes *keys;
	uint32_t nroots;
} TagFrames;

static bool
split_keys(TagFrames *t, PpBytes list)
{
	PpBytes *keys = pp_arena_array(t->arena, (size_t) t->nkeys + list.len + 1, sizeof(*keys));
	uint32_t start = 0;

	if (keys == NULL)
		return false;
	if (t->nkeys > 0)
		memcpy(keys, t->keys, t->nkeys * sizeof(*keys));
	t->keys = keys;
	for (uint32_t i = 0; i <= list.len; i++)
	{
		if (i < list.len && list.data[i] != ',')
			continue;
		if (i > start)
			t->keys[t->nkeys++] = (PpBytes){list.data + start, i - start};
		start = i + 1;
	}
	return true;
}

/* All text values, then all numbers, separated by commas. */
static void
append_values(TagFrames *t, const PpSample *sample, PpBytes key)
{
	const PpProfile *p = t->p;
	const PpLabel *labels = p->labels + sample->label_off;
	bool any = false, units = false;

	for (uint32_t i = 0; i < sample->nlabels; i++)
		units = units || (labels[i].str == 0 && pp_str(p, labels[i].num_unit).len > 0 &&
						  pp_bytes_eq(pp_str(p, labels[i].key), key));
	for (uint32_t i = 0; i < sample->nlabels; i++)
	{
		if (!pp_bytes_eq(pp_str(p, labels[i].key), key))
			continue;
		if (any)
			pp_buf_char(&t->name, ',');
		any = true;
		if (labels[i].str != 0)
			pp_buf_bytes(&t->name, pp_str(p, labels[i].str));
		else if (units)
		{
			PpMeasured text = pp_measure_label(labels[i].num, pp_str(p, labels[i].num_unit), t->unit);

			pp_buf_measured(&t->name, &text, 0);
		}
		else
			pp_buf_printf(&t->name, "%" PRId64, labels[i].num);
	}
}

/* Which new location the sample gets for a key. */
static PpCode
frame_of(TagFrames *t, const PpSample *sample, PpBytes key, uint32_t *frame, PpError *err)
{
	uint32_t known = t->frames.n;
	PpCode code;

	t->name.len = 0;
	pp_buf_append(&t->name, (const char *) &key.len, sizeof(key.len));
	pp_buf_bytes(&t->name, key);
	append_values(t, sample, key);
	if (t->name.failed)
		return pp_buf_check(&t->name, err);
	if (t->name.len > (size_t) pp_limits_hard.max_string)
		return pp_fail_limit(err,
							 PP_NO_OFFSET,
							 "max_string",
							 pp_limits_hard.max_string,
							 "values of a label make a frame's name of %zu bytes",
							 t->name.len);
	code = pp_names_intern(&t->frames, (PpBytes){t->name.data, (uint32_t) t->name.len}, frame, err);
	if (code == PP_OK && t->frames.n > known &&
		(t->bytes += t->name.len) > (size_t) pp_limits_hard.max_profile_size)
		code = pp_fail_limit(err,
							 PP_NO_OFFSET,
							 "max_profile_size",
							 pp_limits_hard.max_profile_size,
							 "values of labels make frames with too long names");
	return code;
}

/* New locations are numbered from nlocations on, before they exist. */
static PpCode
extend_stacks(TagFrames *t, PpError *err)
{
	PpProfile *p = t->p;
	size_t total = (size_t) p->nlocrefs + (size_t) p->nsamples * t->nkeys;
	uint32_t *locrefs = NULL, *frames = NULL, n = 0;
	PpCode code = PP_OK;

	if (total >= UINT32_MAX)
		return pp_fail_limit(err, PP_NO_OFFSET, NULL, UINT32_MAX, "profile has too many frames");
	if ((locrefs = pp_arena_array(t->arena, total, sizeof(*locrefs))) == NULL ||
		(frames = pp_arena_array(t->arena, t->nkeys, sizeof(*frames))) == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		PpSample *sample = &p->samples[i];
		uint32_t start = n;

		/* names may be long */
		if (i % 64 == 63 && pp_poll(pp_arena_allocator(t->arena)))
			return pp_fail_canceled(err);
		/* new entries are numbered in the order of roots first, each from its last key on */
		for (uint32_t k = 0; code == PP_OK && k < t->nkeys; k++)
		{
			uint32_t key = k < t->nroots ? t->nroots - 1 - k : t->nkeys - 1 - (k - t->nroots);

			code = frame_of(t, sample, t->keys[key], &frames[key], err);
		}
		if (code != PP_OK)
			return code;
		/* the last key is the leaf, the first one the root */
		for (uint32_t k = t->nkeys; k-- > t->nroots;)
			locrefs[n++] = p->nlocations + frames[k];
		if (sample->nlocs > 0)
			memcpy(locrefs + n, p->locrefs + sample->loc_off, sample->nlocs * sizeof(*locrefs));
		n += sample->nlocs;
		for (uint32_t k = t->nroots; k-- > 0;)
			locrefs[n++] = p->nlocations + frames[k];
		sample->loc_off = start;
		sample->nlocs = n - start;
	}
	p->locrefs = locrefs;
	p->nlocrefs = n;
	return PP_OK;
}

/* Ids go on after the largest; if there is no room above it, all are renumbered. */
static void
number_new(PpProfile *p, uint32_t added)
{
	uint64_t function = 0, location = 0;

	for (uint32_t i = 0; i < p->nfunctions; i++)
		function = p->functions[i].id > function ? p->functions[i].id : function;
	for (uint32_t i = 0; i < p->nlocations; i++)
		location = p->locations[i].id > location ? p->locations[i].id : location;
	if (function > UINT64_MAX - added)
		for (function = 0; function < p->nfunctions; function++)
			p->functions[function].id = function + 1;
	if (location > UINT64_MAX - added)
		for (location = 0; location < p->nlocations; location++)
			p->locations[location].id = location + 1;
	for (uint32_t i = 0; i < added; i++)
	{
		p->functions[p->nfunctions + i].id = ++function;
		p->locations[p->nlocations + i].id = ++location;
	}
}

/* A table with `added` zeroed entries more. */
static void *
extend(PpArena *arena, const void *from, uint32_t n, uint32_t added, size_t size)
{
	char *to = pp_arena_array(arena, (size_t) n + added, size);

	if (to == NULL)
		return NULL;
	if (n > 0)
		memcpy(to, from, n * size);
	memset(to + n * size, 0, added * size);
	return to;
}

static PpCode
add_frames(TagFrames *t, PpError *err)
{
	PpProfile *p = t->p;
	uint32_t added = t->frames.n;
	char *bytes;

	p->strings = extend(t->arena, p->strings, p->nstrings, 2 * added, sizeof(*p->strings));
	p->functions = extend(t->arena, p->functions, p->nfunctions, added, sizeof(*p->functions));
	p->locations = extend(t->arena, p->locations, p->nlocations, added, sizeof(*p->locations));
	p->lines = extend(t->arena, p->lines, p->nlines, added, sizeof(*p->lines));
	if (p->strings == NULL || p->functions == NULL || p->locations == NULL || p->lines == NULL)
		return pp_fail_nomem(err);
	number_new(p, added);
	for (uint32_t i = 0; i < added; i++)
	{
		PpBytes frame = t->frames.names[i];
		uint32_t key_len;

		memcpy(&key_len, frame.data, sizeof(key_len));
		if ((bytes = pp_arena_copy(t->arena, frame.data, frame.len)) == NULL)
			return pp_fail_nomem(err);
		bytes += sizeof(key_len);
		p->strings[p->nstrings] = (PpBytes){bytes, key_len};
		p->strings[p->nstrings + 1] =
			(PpBytes){bytes + key_len, frame.len - key_len - (uint32_t) sizeof(key_len)};
		p->functions[p->nfunctions].filename = p->nstrings;
		p->functions[p->nfunctions].name = p->nstrings + 1;
		p->lines[p->nlines].function = p->nfunctions;
		p->locations[p->nlocations].mapping = PP_NONE;
		p->locations[p->nlocations].line_off = p->nlines;
		p->locations[p->nlocations].nlines = 1;
		p->nstrings += 2;
		p->nfunctions++;
		p->nlocations++;
		p->nlines++;
	}
	return PP_OK;
}

PpCode
pp_filter_tag_frames(PpProfile *p, const PpReportOptions *o, PpArena *arena, PpError *err)
{
	TagFrames t = {.p = p, .arena = arena, .unit = o->unit};
	PpCode code;

	if (!split_keys(&t, o->tagroot))
		return pp_fail_nomem(err);
	t.nroots = t.nkeys;
	if (!split_keys(&t, o->tagleaf))
		return pp_fail_nomem(err);
	if (t.nkeys == 0)
		return PP_OK;
	pp_names_init(&t.frames, pp_arena_allocator(arena));
	pp_buf_init(&t.name, pp_arena_allocator(arena));
	code = extend_stacks(&t, err);
	if (code == PP_OK)
		code = add_frames(&t, err);
	pp_names_clear(&t.frames);
	pp_buf_free(&t.name);
	return code;
}
