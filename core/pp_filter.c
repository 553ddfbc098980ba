/*
 * pp_filter.c
 *		Filters on names: which frames and which samples are left.
 *
 * All of them work on locations first and on samples afterwards, so that an
 * expression is tried once per string.
 */
#include "core/pp_filter.h"

#include "core/pp_edit.h"

#include <string.h>

#define POLL_EVERY 1024 /* locations between two looks at poll() */

PpCode
pp_pattern_compile(const PpSearch *search, PpBytes text, const char *what, void **regex, PpError *err)
{
	PpError cause = {.message = "regular expressions are not available"};

	*regex = search != NULL ? search->compile(search->ctx, text, &cause) : NULL;
	if (*regex != NULL)
		return PP_OK;
	return pp_fail(err,
				   cause.code == PP_ENOMEM ? PP_ENOMEM : PP_EREGEX,
				   PP_NO_OFFSET,
				   "%s is not a valid regular expression: %s",
				   what,
				   cause.message);
}

PpCode
pp_pattern_init(PpPattern *pattern, const PpSearch *search, PpBytes text, const char *what,
				const PpProfile *p, PpArena *arena, PpError *err)
{
	PpCode code;

	memset(pattern, 0, sizeof(*pattern));
	if (text.len == 0)
		return PP_OK;
	if ((code = pp_pattern_compile(search, text, what, &pattern->regex, err)) != PP_OK)
		return code;
	pattern->search = search;
	pattern->nknown = p->nstrings;
	pattern->known = pp_arena_zalloc(arena, p->nstrings);
	return pattern->known != NULL ? PP_OK : pp_fail_nomem(err);
}

bool
pp_pattern_match(PpPattern *pattern, const PpProfile *p, uint32_t string)
{
	uint8_t *known = &pattern->known[string];

	if (*known == 0)
		*known =
			pattern->search->search(pattern->search->ctx, pattern->regex, pp_str(p, string)) ? 2 : 1;
	return *known == 2;
}

static bool
mapping_matches(PpPattern *pattern, const PpProfile *p, const PpLocation *loc)
{
	return loc->mapping != PP_NONE &&
		   pp_pattern_match(pattern, p, p->mappings[loc->mapping].filename);
}

static bool
line_matches(PpPattern *pattern, const PpProfile *p, const PpLine *line)
{
	const PpFunction *function = &p->functions[line->function];

	return pp_pattern_match(pattern, p, function->name) ||
		   pp_pattern_match(pattern, p, function->filename);
}

static bool
location_matches(PpPattern *pattern, const PpProfile *p, const PpLocation *loc)
{
	for (uint32_t i = 0; i < loc->nlines; i++)
		if (line_matches(pattern, p, &p->lines[loc->line_off + i]))
			return true;
	return mapping_matches(pattern, p, loc);
}

/* Keep the lines of a location for which matching is as wanted. */
static void
keep_lines(PpPattern *pattern, PpProfile *p, PpLocation *loc, bool wanted)
{
	PpLine *lines = p->lines + loc->line_off;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < loc->nlines; i++)
		if (line_matches(pattern, p, &lines[i]) == wanted)
			lines[kept++] = lines[i];
	loc->nlines = kept;
}

enum
{
	LOC_FOCUSED = 1,
	LOC_IGNORED = 2,
	LOC_HIDDEN = 4
};

typedef struct NameFilters
{
	PpPattern focus, ignore, hide, show;
} NameFilters;

static uint8_t
judge_location(NameFilters *f, PpProfile *p, PpLocation *loc)
{
	uint8_t verdict = 0;

	if (f->ignore.regex != NULL && location_matches(&f->ignore, p, loc))
		verdict = LOC_IGNORED;
	else if (f->focus.regex == NULL || location_matches(&f->focus, p, loc))
		verdict = LOC_FOCUSED;
	if (f->hide.regex != NULL && location_matches(&f->hide, p, loc))
	{
		if (mapping_matches(&f->hide, p, loc))
			loc->nlines = 0;
		else
			keep_lines(&f->hide, p, loc, false);
		if (loc->nlines == 0)
			verdict |= LOC_HIDDEN;
	}
	if (f->show.regex != NULL)
	{
		if (!mapping_matches(&f->show, p, loc))
			keep_lines(&f->show, p, loc, true);
		if (loc->nlines == 0)
			verdict |= LOC_HIDDEN;
	}
	return verdict;
}

/* Take hidden locations out; false if the sample goes. */
static bool
judge_sample(PpProfile *p, PpSample *sample, const uint8_t *verdicts)
{
	uint32_t *locs = p->locrefs + sample->loc_off;
	bool focused = false;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < sample->nlocs; i++)
	{
		if (verdicts[locs[i]] & LOC_IGNORED)
			return false;
		if (verdicts[locs[i]] & LOC_FOCUSED)
			focused = true;
		if (!(verdicts[locs[i]] & LOC_HIDDEN))
			kept++;
	}
	if (!focused || kept == 0)
		return false;
	kept = 0;
	for (uint32_t i = 0; i < sample->nlocs; i++)
		if (!(verdicts[locs[i]] & LOC_HIDDEN))
			locs[kept++] = locs[i];
	sample->nlocs = kept;
	return true;
}

PpCode
pp_filter_names(PpProfile *p, const PpReportOptions *o, const PpSearch *search, PpArena *arena,
				PpError *err)
{
	NameFilters f;
	uint8_t *verdicts;
	bool *keep;
	PpCode code;

	if ((code = pp_pattern_init(&f.focus, search, o->focus, "focus", p, arena, err)) != PP_OK ||
		(code = pp_pattern_init(&f.ignore, search, o->ignore, "ignore", p, arena, err)) != PP_OK ||
		(code = pp_pattern_init(&f.hide, search, o->hide, "hide", p, arena, err)) != PP_OK ||
		(code = pp_pattern_init(&f.show, search, o->show, "show", p, arena, err)) != PP_OK)
		return code;
	if (f.focus.regex == NULL && f.ignore.regex == NULL && f.hide.regex == NULL &&
		f.show.regex == NULL)
		return PP_OK;
	verdicts = pp_arena_alloc(arena, p->nlocations);
	keep = pp_arena_array(arena, p->nsamples, sizeof(*keep));
	if (verdicts == NULL || keep == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		verdicts[i] = judge_location(&f, p, &p->locations[i]);
		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(pp_arena_allocator(arena)))
			return pp_fail_canceled(err);
	}
	for (uint32_t i = 0; i < p->nsamples; i++)
		keep[i] = judge_sample(p, &p->samples[i], verdicts);
	pp_edit_keep_samples(p, keep);
	return PP_OK;
}

/* The whole location, or its lines up to the outermost match. */
static bool
cut_above(PpPattern *pattern, PpProfile *p, PpLocation *loc)
{
	if (mapping_matches(pattern, p, loc))
		return true;
	for (uint32_t i = loc->nlines; i-- > 0;)
		if (line_matches(pattern, p, &p->lines[loc->line_off + i]))
		{
			loc->nlines = i + 1;
			return true;
		}
	return false;
}

PpCode
pp_filter_show_from(PpProfile *p, PpBytes regexp, const PpSearch *search, PpArena *arena, PpError *err)
{
	bool *matched = pp_arena_array(arena, p->nlocations, sizeof(*matched));
	bool *keep = pp_arena_array(arena, p->nsamples, sizeof(*keep));
	PpPattern pattern;
	PpCode code = pp_pattern_init(&pattern, search, regexp, "show_from", p, arena, err);

	if (code != PP_OK || pattern.regex == NULL)
		return code;
	if (matched == NULL || keep == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < p->nlocations; i++)
		matched[i] = cut_above(&pattern, p, &p->locations[i]);
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		PpSample *sample = &p->samples[i];

		while (sample->nlocs > 0 && !matched[p->locrefs[sample->loc_off + sample->nlocs - 1]])
			sample->nlocs--;
		keep[i] = sample->nlocs > 0;
	}
	pp_edit_keep_samples(p, keep);
	return PP_OK;
}

static bool
starts_with(PpBytes text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

static PpBytes
rest(PpBytes text, uint32_t skip)
{
	return (PpBytes){text.data + skip, text.len - skip};
}

/* The name without a leading dot and without arguments. */
static PpBytes
simplify(PpBytes name)
{
	static const char *const reserved[] = {"(anonymous namespace)", "operator()"};
	uint32_t i = 0;

	if (name.len > 0 && name.data[0] == '.')
		name = rest(name, 1);
	while (i < name.len)
	{
		PpBytes here = rest(name, i);

		if (starts_with(here, reserved[0]))
			i += strlen(reserved[0]);
		else if (starts_with(here, reserved[1]))
			i += strlen(reserved[1]);
		else if (here.data[0] == '(')
			return (PpBytes){name.data, i};
		else
			i++;
	}
	return name;
}

/* Like pp_pattern_match, on the simplified name; an empty name never matches. */
static bool
simplified_match(PpPattern *pattern, const PpProfile *p, uint32_t name)
{
	uint8_t *known = &pattern->known[name];

	if (pp_str(p, name).len == 0)
		return false;
	if (*known == 0)
		*known =
			pattern->search->search(pattern->search->ctx, pattern->regex, simplify(pp_str(p, name)))
				? 2
				: 1;
	return *known == 2;
}

static uint32_t
line_name(const PpProfile *p, const PpLocation *loc, uint32_t line)
{
	return p->functions[p->lines[loc->line_off + line].function].name;
}

PpCode
pp_filter_prune_from(PpProfile *p, PpBytes regexp, const PpSearch *search, PpArena *arena,
					 PpError *err)
{
	bool *matched = pp_arena_zalloc(arena, p->nlocations * sizeof(*matched));
	PpPattern pattern;
	PpCode code = pp_pattern_init(&pattern, search, regexp, "prune_from", p, arena, err);

	if (code != PP_OK || pattern.regex == NULL)
		return code;
	if (matched == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		PpLocation *loc = &p->locations[i];

		for (uint32_t k = 0; k < loc->nlines && !matched[i]; k++)
			if (simplified_match(&pattern, p, line_name(p, loc, k)))
			{
				matched[i] = true;
				loc->line_off += k;
				loc->nlines -= k;
			}
	}
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		PpSample *sample = &p->samples[i];

		for (uint32_t k = 0; k < sample->nlocs; k++)
			if (matched[p->locrefs[sample->loc_off + k]])
			{
				sample->loc_off += k;
				sample->nlocs -= k;
				break;
			}
	}
	return PP_OK;
}

enum
{
	DROP_NONE,
	DROP_HERE,	 /* the location and all below it */
	DROP_BENEATH /* all below it */
};

static uint8_t
cut_beneath(PpPattern *drop, PpPattern *keep, PpProfile *p, PpLocation *loc)
{
	for (uint32_t i = loc->nlines; i-- > 0;)
	{
		uint32_t name = line_name(p, loc, i);

		if (!simplified_match(drop, p, name) ||
			(keep->regex != NULL && simplified_match(keep, p, name)))
			continue;
		if (i == loc->nlines - 1)
			return DROP_HERE;
		loc->line_off += i + 1;
		loc->nlines -= i + 1;
		return DROP_BENEATH;
	}
	return DROP_NONE;
}

/* Frames above the first ordinary one stay, lest everything goes. */
static void
drop_from_sample(PpProfile *p, PpSample *sample, const uint8_t *cuts)
{
	bool ordinary = false;

	for (uint32_t i = sample->nlocs; i-- > 0;)
	{
		uint8_t cut = cuts[p->locrefs[sample->loc_off + i]];

		if (cut == DROP_NONE)
			ordinary = true;
		else if (ordinary)
		{
			uint32_t gone = cut == DROP_HERE ? i + 1 : i;

			sample->loc_off += gone;
			sample->nlocs -= gone;
			return;
		}
	}
}

/* ^(text)$, as the tool anchors them. */
static PpCode
anchored(PpPattern *pattern, const PpSearch *search, PpBytes text, const char *what,
		 const PpProfile *p, PpArena *arena, PpError *err)
{
	char *whole;

	if (text.len == 0)
		return pp_pattern_init(pattern, search, text, what, p, arena, err);
	if ((whole = pp_arena_alloc(arena, (size_t) text.len + 4)) == NULL)
		return pp_fail_nomem(err);
	memcpy(whole, "^(", 2);
	memcpy(whole + 2, text.data, text.len);
	memcpy(whole + 2 + text.len, ")$", 2);
	return pp_pattern_init(pattern, search, (PpBytes){whole, text.len + 4}, what, p, arena, err);
}

PpCode
pp_filter_prune(PpProfile *p, PpBytes drop_frames, PpBytes keep_frames, const PpSearch *search,
				PpArena *arena, PpError *err)
{
	PpPattern drop, keep;
	uint8_t *cuts;
	PpCode code;

	if ((code = anchored(&drop, search, drop_frames, "drop_frames", p, arena, err)) != PP_OK ||
		(code = anchored(&keep, search, keep_frames, "keep_frames", p, arena, err)) != PP_OK ||
		drop.regex == NULL)
		return code;
	if ((cuts = pp_arena_alloc(arena, p->nlocations)) == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		cuts[i] = cut_beneath(&drop, &keep, p, &p->locations[i]);
		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(pp_arena_allocator(arena)))
			return pp_fail_canceled(err);
	}
	for (uint32_t i = 0; i < p->nsamples; i++)
		drop_from_sample(p, &p->samples[i], cuts);
	return PP_OK;
}

/* Tells why they would be disabled. */
PpCode
pp_filter_check_drop_frames(const PpProfile *p, const PpSearch *search, PpArena *arena, PpError *err)
{
	PpPattern pattern;
	PpCode code = anchored(&pattern, search, pp_str(p, p->drop_frames), "drop_frames", p, arena, err);

	return code == PP_OK
			   ? anchored(&pattern, search, pp_str(p, p->keep_frames), "keep_frames", p, arena, err)
			   : code;
}

PpCode
pp_filter_drop_frames(PpProfile *p, const PpSearch *search, PpArena *arena, PpError *err)
{
	PpBytes drop = pp_str(p, p->drop_frames), keep = pp_str(p, p->keep_frames);
	PpCode code = pp_filter_prune(p, drop, keep, search, arena, err);

	return code == PP_EREGEX ? PP_OK : code;
}

static void
granularity_of_functions(PpProfile *p, bool names, bool files)
{
	for (uint32_t i = 0; i < p->nfunctions; i++)
	{
		if (!names)
			p->functions[i].name = p->functions[i].system_name = 0;
		if (!files)
			p->functions[i].filename = 0;
	}
}

void
pp_filter_granularity(PpProfile *p, const PpReportOptions *o)
{
	bool names = o->granularity != PP_BY_FILES;
	bool files = o->granularity != PP_BY_FUNCTIONS;
	bool addresses = o->granularity == PP_BY_ADDRESSES;
	bool lines = addresses || o->granularity == PP_BY_LINES;
	bool columns = lines && o->showcolumns;

	if (addresses && !o->noinlines)
		return;
	for (uint32_t i = 0; i < p->nmappings; i++)
		p->mappings[i].flags &= (o->noinlines ? 0u : PP_HAS_INLINE_FRAMES) |
								(names ? PP_HAS_FUNCTIONS : 0u) | (files ? PP_HAS_FILENAMES : 0u) |
								(lines ? PP_HAS_LINE_NUMBERS : 0u);
	granularity_of_functions(p, names, files);
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		PpLocation *loc = &p->locations[i];

		if (o->noinlines && loc->nlines > 1)
		{
			loc->line_off += loc->nlines - 1;
			loc->nlines = 1;
		}
		for (uint32_t k = 0; k < loc->nlines; k++)
		{
			PpLine *line = &p->lines[loc->line_off + k];

			if (!lines)
				line->line = 0;
			if (!columns)
				line->column = 0;
		}
		if (!addresses)
			loc->address = 0;
	}
}
