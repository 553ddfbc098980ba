/*
 * pp_merge_intern.c
 *		Keys of the merge: which strings, mappings, functions and locations of
 *		different profiles are the same.
 *
 * Each input has memo arrays from its indexes to ours, so that a location is
 * looked up once per input however many stacks go through it.
 */
#include "core/pp_merge_state.h"

#define SIZE_ROUNDING 4096 /* mapping sizes are compared in whole pages */

uint32_t
merge_bytes(PpMerge *m, PpBytes bytes)
{
	uint32_t hash = merge_hash_bytes(m, bytes);
	size_t at = pp_table_first(&m->string_table, hash);
	uint32_t i;
	PpBytes copy = {"", bytes.len};

	while ((i = pp_table_next(&m->string_table, hash, &at)) != PP_NONE)
		if (pp_bytes_eq(m->strings[i], bytes))
			return i;
	if (!MERGE_RESERVE(m, m->strings, m->cap_strings, (size_t) m->nstrings + 1) ||
		!pp_table_reserve(&m->string_table, m->alloc))
		return PP_NONE;
	if (bytes.len > 0 && (copy.data = pp_arena_copy(m->arena, bytes.data, bytes.len)) == NULL)
		return PP_NONE;
	i = m->nstrings++;
	m->strings[i] = copy;
	pp_table_insert(&m->string_table, hash, i);
	return i;
}

uint32_t
merge_string(PpMerge *m, const PpProfile *p, uint32_t string)
{
	uint32_t *memo = &m->string_memo.ids[string];

	if (*memo == PP_NONE)
		*memo = merge_bytes(m, p->strings[string]);
	return *memo;
}

static uint64_t
rounded_size(uint64_t size)
{
	return (size + (SIZE_ROUNDING - 1)) & ~(uint64_t) (SIZE_ROUNDING - 1);
}

int
merge_mapping_cmp(const PpMerge *m, uint32_t a, uint32_t b)
{
	const MergeMapping *x = &m->mappings[a], *y = &m->mappings[b];
	uint64_t xsize = rounded_size(x->size), ysize = rounded_size(y->size);
	int cmp = pp_bytes_cmp(m->strings[x->key], m->strings[y->key]);

	if (cmp != 0)
		return cmp;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return xsize < ysize ? -1 : xsize > ysize;
}

/* The lesser string, "" counting as unset. */
static uint32_t
lesser_string(const PpMerge *m, uint32_t a, uint32_t b)
{
	if (m->strings[a].len == 0)
		return b;
	if (m->strings[b].len == 0)
		return a;
	return pp_bytes_cmp(m->strings[a], m->strings[b]) <= 0 ? a : b;
}

/* Equal mappings of a canonical merge: what is left must not depend on the order. */
static void
join_mappings(const PpMerge *m, MergeMapping *into, const MergeMapping *from)
{
	if (from->start < into->start)
		into->start = from->start;
	if (from->size < into->size)
		into->size = from->size;
	into->filename = lesser_string(m, into->filename, from->filename);
	into->build_id = lesser_string(m, into->build_id, from->build_id);
	into->flags &= from->flags;
}

static uint32_t
intern_mapping(PpMerge *m, const MergeMapping *new)
{
	uint32_t hash, i;
	uint64_t h = m->seed;
	size_t at;

	h = pp_table_mix(h, new->key);
	h = pp_table_mix(h, new->offset);
	h = pp_table_mix(h, rounded_size(new->size));
	hash = pp_table_fold(h);
	at = pp_table_first(&m->mapping_table, hash);
	while ((i = pp_table_next(&m->mapping_table, hash, &at)) != PP_NONE)
	{
		MergeMapping *old = &m->mappings[i];

		if (old->key == new->key &&
			old->offset == new->offset &&rounded_size(old->size) == rounded_size(new->size))
		{
			if (m->mode == PP_MERGE_CANONICAL)
				join_mappings(m, old, new);
			return i;
		}
	}
	if (!MERGE_RESERVE(m, m->mappings, m->cap_mappings, (size_t) m->nmappings + 1) ||
		!pp_table_reserve(&m->mapping_table, m->alloc))
		return PP_NONE;
	i = m->nmappings++;
	m->mappings[i] = *new;
	pp_table_insert(&m->mapping_table, hash, i);
	return i;
}

static bool
read_mapping(PpMerge *m, const PpProfile *p, uint32_t mapping, MergeMapping *new)
{
	const PpMapping *in = &p->mappings[mapping];

	new->start = in->start;
	new->size = in->limit - in->start;
	new->offset = in->offset;
	new->flags = in->flags;
	new->filename = merge_string(m, p, in->filename);
	new->build_id = merge_string(m, p, in->build_id);
	if (new->filename == PP_NONE || new->build_id == PP_NONE)
		return false;
	new->key = m->strings[new->build_id].len > 0 ? new->build_id : new->filename;
	return true;
}

uint32_t
merge_mapping(PpMerge *m, const PpProfile *p, uint32_t mapping)
{
	uint32_t *memo = &m->mapping_memo.ids[mapping];
	MergeMapping new;

	if (*memo == PP_NONE && read_mapping(m, p, mapping, &new))
		*memo = intern_mapping(m, &new);
	return *memo;
}

/*
 * The main binary stays first, even if nothing refers to it.  The ordered merge
 * takes it from the first profile that has mappings, the canonical one takes
 * the least (by key) of all first mappings.
 */
bool
merge_main_mapping(PpMerge *m, const PpProfile *p)
{
	uint32_t last = m->nmappings;
	int cmp;

	if (p->nmappings == 0)
		return true;
	if (m->mode == PP_MERGE_ORDERED)
	{
		if (m->nmappings == 0)
			m->main_mapping = merge_mapping(m, p, 0);
		return m->main_mapping != PP_NONE;
	}
	/* one entry more for a moment, to compare with */
	if (!MERGE_RESERVE(m, m->mappings, m->cap_mappings, (size_t) last + 1) ||
		!read_mapping(m, p, 0, &m->mappings[last]))
		return false;
	if (m->main_mapping == PP_NONE)
	{
		m->main_mapping = m->nmappings++;
		return true;
	}
	cmp = merge_mapping_cmp(m, last, m->main_mapping);
	if (cmp < 0)
		m->mappings[m->main_mapping] = m->mappings[last];
	else if (cmp == 0)
		join_mappings(m, &m->mappings[m->main_mapping], &m->mappings[last]);
	return true;
}

uint32_t
merge_function(PpMerge *m, const PpProfile *p, uint32_t function)
{
	uint32_t *memo = &m->function_memo.ids[function];
	const PpFunction *in = &p->functions[function];
	MergeFunction new = {0};
	uint32_t hash, i;
	size_t at;

	if (*memo != PP_NONE)
		return *memo;
	new.name = merge_string(m, p, in->name);
	new.system_name = merge_string(m, p, in->system_name);
	new.filename = merge_string(m, p, in->filename);
	new.start_line = in->start_line;
	if (new.name == PP_NONE || new.system_name == PP_NONE || new.filename == PP_NONE)
		return PP_NONE;
	hash = merge_hash_function(m, &new);
	at = pp_table_first(&m->function_table, hash);
	while ((i = pp_table_next(&m->function_table, hash, &at)) != PP_NONE)
		if (merge_same_function(&m->functions[i], &new))
			return *memo = i;
	if (!MERGE_RESERVE(m, m->functions, m->cap_functions, (size_t) m->nfunctions + 1) ||
		!pp_table_reserve(&m->function_table, m->alloc))
		return PP_NONE;
	i = m->nfunctions++;
	m->functions[i] = new;
	pp_table_insert(&m->function_table, hash, i);
	return *memo = i;
}

/*
 * Lines behind the first.  The key of a location has the column of its last line
 * only: that is how the reference tool compares, and an address never has two sets
 * of columns.
 */
static bool
same_lines(const PpLine *a, const PpLine *b, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (a[i].function != b[i].function || a[i].line != b[i].line)
			return false;
	return true;
}

/* lines are at the end of m->lines, not counted yet. */
static uint32_t
intern_location(PpMerge *m, MergeLocation *new)
{
	const PpLine *lines = m->lines + m->nlines;
	uint64_t h = pp_table_mix(m->seed, new->address);
	uint32_t hash, i;
	size_t at;

	for (i = 0; i < new->nlines; i++)
		h = merge_hash_line(h, lines[i].function, lines[i].line);
	hash = merge_hash_location(h, new);
	at = pp_table_first(&m->location_table, hash);
	while ((i = pp_table_next(&m->location_table, hash, &at)) != PP_NONE)
	{
		const MergeLocation *old = &m->locations[i];
		PpLine *old_lines = m->lines + old->line_off;

		if (!merge_same_location(old, new) || !same_lines(old_lines, lines, new->nlines))
			continue;
		if (m->mode == PP_MERGE_CANONICAL)
			for (uint32_t k = 0; k < new->nlines; k++)
				if (lines[k].column < old_lines[k].column)
					old_lines[k].column = lines[k].column;
		return i;
	}
	if (!MERGE_RESERVE(m, m->locations, m->cap_locations, (size_t) m->nlocations + 1) ||
		!pp_table_reserve(&m->location_table, m->alloc))
		return PP_NONE;
	new->line_off = m->nlines;
	m->nlines += new->nlines;
	i = m->nlocations++;
	m->locations[i] = *new;
	pp_table_insert(&m->location_table, hash, i);
	return i;
}

uint32_t
merge_location(PpMerge *m, const PpProfile *p, uint32_t location)
{
	uint32_t *memo = &m->location_memo.ids[location];
	const PpLocation *in = &p->locations[location];
	MergeLocation new = {.address = in->address, .mapping = PP_NONE};

	if (*memo != PP_NONE)
		return *memo;
	new.nlines = in->nlines;
	new.is_folded = in->is_folded != 0;
	if (in->mapping != PP_NONE)
	{
		new.mapping = merge_mapping(m, p, in->mapping);
		if (new.mapping == PP_NONE)
			return PP_NONE;
		new.address -= p->mappings[in->mapping].start;
	}
	if (!MERGE_RESERVE(m, m->lines, m->cap_lines, (size_t) m->nlines + in->nlines))
		return PP_NONE;
	for (uint32_t i = 0; i < in->nlines; i++)
	{
		PpLine line = p->lines[in->line_off + i];

		line.function = merge_function(m, p, line.function);
		if (line.function == PP_NONE)
			return PP_NONE;
		m->lines[m->nlines + i] = line;
	}
	if (in->nlines > 0)
	{
		new.function = m->lines[m->nlines].function;
		new.line = m->lines[m->nlines].line;
		new.column = m->lines[m->nlines + in->nlines - 1].column;
	}
	return *memo = intern_location(m, &new);
}
