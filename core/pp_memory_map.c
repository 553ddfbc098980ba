/*
 * pp_memory_map.c
 *		Reading the lines of a memory map, and putting them in order.
 *
 * The forms of a line are regular expressions in the tool that wrote the rules.
 * Here they are matched by hand, without backtracking: a line costs what it is
 * long.  Where the expressions are more generous than anyone would expect ("abc
 * foo" is a range from 0xabc to 0xf), so are these.
 */
#define _GNU_SOURCE /* memmem */
#include "core/pp_memory_map.h"

#include <inttypes.h>

#define MAX_VARIABLES 256
#define MAX_NAME	  256  /* bytes of a variable's name: each is compared at every "$" */
#define POLL_EVERY	  1024 /* lines, or variables in a line */
#define FIRST_ROOM	  16

typedef struct Variable
{
	PpBytes name, value; /* the name without its "$" */
} Variable;

typedef struct MapReader
{
	PpLines *lines;
	const PpLimits *limits;
	PpArena *arena, *scratch;
	PpMemoryMap *map;
	PpError *err;
	uint32_t nvariables;
	Variable *variables;
	char *expanded; /* the line with its variables replaced, if there are any */
	uint32_t expanded_len, expanded_cap;
	int64_t expanded_bytes; /* of all lines, for max_profile_size */
} MapReader;

/* What a line says, still as text. */
typedef struct Entry
{
	PpBytes start, limit, perm, offset, file, build_id;
} Entry;

/* --- the forms of a line --- */

/* Blanks as regular expressions see them: the vertical tab is none. */
static bool
is_space(char c)
{
	return c != '\v' && pp_is_blank(c);
}

static uint32_t
skip_spaces(PpBytes *text)
{
	uint32_t n = 0;

	for (; text->len > 0 && is_space(text->data[0]); n++)
		pp_skip(text, 1);
	return n;
}

/* A number with or without 0x.  Without digits behind the x the number is 0 and ends before it. */
static PpBytes
take_number(PpBytes *text)
{
	PpBytes after = *text, digits;

	if (pp_skip_text(&after, "0x") && (digits = pp_take_hex(&after)).len > 0)
	{
		*text = after;
		return digits;
	}
	return pp_take_hex(text);
}

/*
 * Two numbers with a minus, blanks or nothing between them.  *rest is what
 * comes behind.  If `split`, the first number gives its last digit to the second.
 */
static bool
match_range(PpBytes line, bool split, Entry *entry, PpBytes *rest)
{
	skip_spaces(&line);
	entry->start = take_number(&line);
	if (split)
	{
		if (entry->start.len < 2)
			return false;
		entry->start.len--;
		line.len += 1;
		line.data -= 1;
	}
	else if (line.len > 0 && (line.data[0] == '-' || is_space(line.data[0])))
	{
		pp_skip(&line, 1);
		skip_spaces(&line);
	}
	entry->limit = take_number(&line);
	pp_skip_char(&line, ':');
	*rest = line;
	return entry->start.len > 0 && entry->limit.len > 0;
}

static bool
is_perm(char c)
{
	return strchr("-rwxp", c) != NULL && c != '\0';
}

/* Blanks, then permissions; nothing is taken if there are none. */
static PpBytes
take_perm(PpBytes *text)
{
	PpBytes after = *text, perm;

	skip_spaces(&after);
	perm = (PpBytes){after.data, 0};
	if (after.len == text->len)
		return perm;
	for (; after.len > 0 && is_perm(after.data[0]); perm.len++)
		pp_skip(&after, 1);
	if (perm.len > 0)
		*text = after;
	return perm;
}

static PpBytes
take_file(PpBytes *text)
{
	PpBytes after = *text, file;

	skip_spaces(&after);
	file = (PpBytes){after.data, 0};
	if (after.len == text->len)
		return file;
	for (; after.len > 0 && !is_space(after.data[0]); file.len++)
		pp_skip(&after, 1);
	if (file.len > 0)
		*text = after;
	return file;
}

static PpBytes
take_spaced_hex(PpBytes *text)
{
	PpBytes after = *text, digits = {text->data, 0};

	if (skip_spaces(&after) > 0 && (digits = pp_take_hex(&after)).len > 0)
		*text = after;
	return digits;
}

/* As /proc/PID/maps has it: range, permissions, offset, device, inode, file. */
static bool
match_proc(PpBytes line, bool split, Entry *entry)
{
	PpBytes device;

	*entry = (Entry){.offset = {"", 0}};
	if (!match_range(line, split, entry, &line))
		return false;
	entry->perm = take_perm(&line);
	device = take_spaced_hex(&line);
	if (line.len > 0 && line.data[0] != ':')
	{
		entry->offset = device;
		device = take_spaced_hex(&line);
	}
	if (device.len == 0 || !pp_skip_char(&line, ':') || pp_take_hex(&line).len == 0)
		return false;
	if (skip_spaces(&line) == 0 || pp_take_digits(&line).len == 0)
		return false;
	entry->file = take_file(&line);
	return true;
}

/* Range, permissions, file, offset in parentheses, build id: all but the range may be missing. */
static bool
match_brief(PpBytes line, bool split, Entry *entry)
{
	PpBytes after;

	*entry = (Entry){.offset = {"", 0}};
	if (!match_range(line, split, entry, &line))
		return false;
	entry->perm = take_perm(&line);
	entry->file = take_file(&line);
	after = line;
	if (skip_spaces(&after) > 0 && pp_skip_text(&after, "(@"))
	{
		PpBytes offset = pp_take_hex(&after);

		if (offset.len > 0 && pp_skip_char(&after, ')'))
		{
			entry->offset = offset;
			line = after;
		}
	}
	entry->build_id = take_spaced_hex(&line);
	return true;
}

static bool
match_entry(PpBytes line, Entry *entry)
{
	return match_proc(line, false, entry) || match_proc(line, true, entry) ||
		   match_brief(line, false, entry) || match_brief(line, true, entry);
}

/* "... file:line] message" is a message that went through a log. */
static PpBytes
without_log_prefix(PpBytes line)
{
	uint32_t at = 0, digits;

	while (at < line.len && line.data[at] != '[' && line.data[at] != ']')
		at++;
	if (at + 1 >= line.len || line.data[at] != ']' || !is_space(line.data[at + 1]))
		return line;
	for (digits = at; digits > 0 && pp_is_digit(line.data[digits - 1]);)
		digits--;
	if (digits < at && digits > 1 && line.data[digits - 1] == ':')
		pp_skip(&line, at + 2);
	return line;
}

/* --- variables --- */

static PpCode
expand_append(MapReader *r, PpBytes part)
{
	uint32_t need = r->expanded_len + part.len;

	r->expanded_bytes += part.len;
	if (r->expanded_bytes > r->limits->max_profile_size)
		return pp_fail_limit(r->err,
							 r->lines->start,
							 "max_profile_size",
							 r->limits->max_profile_size,
							 "memory map with its variables replaced is larger than %" PRId64
							 " bytes",
							 r->limits->max_profile_size);
	if (need > r->expanded_cap)
	{
		uint32_t cap = need < 512 ? 1024 : need * 2;
		char *room = pp_arena_alloc(r->scratch, cap);

		if (room == NULL)
			return pp_fail_nomem(r->err);
		if (r->expanded_len > 0)
			memcpy(room, r->expanded, r->expanded_len);
		r->expanded = room;
		r->expanded_cap = cap;
	}
	if (part.len > 0)
		memcpy(r->expanded + r->expanded_len, part.data, part.len);
	r->expanded_len = need;
	return PP_OK;
}

/* The variable whose name comes next; of several the one that was set first. */
static const Variable *
variable_at(const MapReader *r, PpBytes text)
{
	for (uint32_t i = 0; i < r->nvariables; i++)
	{
		PpBytes name = r->variables[i].name;

		if (text.len >= name.len && (name.len == 0 || memcmp(text.data, name.data, name.len) == 0))
			return &r->variables[i];
	}
	return NULL;
}

/* Replace each $name.  The line stays where it is if there is nothing to replace. */
static PpCode
expand(MapReader *r, PpBytes *line)
{
	const PpAlloc *alloc = pp_arena_allocator(r->arena);
	PpBytes left = *line;
	PpCode code = PP_OK;

	if (r->nvariables == 0 || line->len == 0 || memchr(line->data, '$', line->len) == NULL)
		return PP_OK;
	r->expanded_len = 0;
	for (uint32_t i = 1; left.len > 0 && code == PP_OK; i++)
	{
		const char *dollar = memchr(left.data, '$', left.len);
		uint32_t plain = dollar != NULL ? (uint32_t) (dollar - left.data) : left.len;
		const Variable *variable;

		if (i % POLL_EVERY == 0 && pp_poll(alloc))
			return pp_fail_canceled(r->err);
		code = expand_append(r, (PpBytes){left.data, plain});
		pp_skip(&left, plain);
		if (dollar == NULL || code != PP_OK)
			break;
		pp_skip(&left, 1);
		if ((variable = variable_at(r, left)) == NULL)
			code = expand_append(r, (PpBytes){"$", 1});
		else
		{
			code = expand_append(r, variable->value);
			pp_skip(&left, variable->name.len);
		}
	}
	*line = (PpBytes){r->expanded, r->expanded_len};
	return code;
}

static PpCode
copied(MapReader *r, PpArena *arena, PpBytes *text)
{
	text->data = pp_arena_copy(arena, text->data, text->len);
	return text->data != NULL ? PP_OK : pp_fail_nomem(r->err);
}

/* name=value; the first value of a name holds. */
static PpCode
set_variable(MapReader *r, PpBytes line)
{
	const char *equals = line.len > 0 ? memchr(line.data, '=', line.len) : NULL;
	Variable new;
	PpCode code;

	if (equals == NULL)
		return PP_OK;
	new.name = (PpBytes){line.data, (uint32_t) (equals - line.data)};
	new.value = (PpBytes){equals + 1, line.len - new.name.len - 1};
	new.name = pp_trim(new.name);
	new.value = pp_trim(new.value);
	if (new.name.len > MAX_NAME)
		return pp_fail(r->err,
					   PP_EMALFORMED,
					   r->lines->start,
					   "memory map has a variable whose name is longer than %d bytes",
					   MAX_NAME);
	for (uint32_t i = 0; i < r->nvariables; i++)
		if (pp_bytes_eq(r->variables[i].name, new.name))
			return PP_OK;
	if (r->nvariables == MAX_VARIABLES)
		return pp_fail(r->err,
					   PP_EMALFORMED,
					   r->lines->start,
					   "memory map has more than %d variables",
					   MAX_VARIABLES);
	if (r->variables == NULL &&
		(r->variables = pp_arena_array(r->scratch, MAX_VARIABLES, sizeof(Variable))) == NULL)
		return pp_fail_nomem(r->err);
	if ((code = copied(r, r->scratch, &new.name)) != PP_OK ||
		(code = copied(r, r->scratch, &new.value)) != PP_OK)
		return code;
	r->variables[r->nvariables++] = new;
	return PP_OK;
}

/* --- entries --- */

static PpCode
reserve(MapReader *r)
{
	PpMemoryMap *map = r->map, wider = *map;

	/* one more than asked for: the mapping of what belongs nowhere */
	if (map->n + 1 < map->cap)
		return PP_OK;
	wider.cap = map->cap == 0 ? FIRST_ROOM : map->cap * 2;
	wider.mappings = pp_arena_array(r->scratch, wider.cap, sizeof(PpMapping));
	wider.texts = pp_arena_array(r->scratch, wider.cap, 2 * sizeof(PpBytes));
	if (wider.mappings == NULL || wider.texts == NULL)
		return pp_fail_nomem(r->err);
	if (map->n > 0)
	{
		memcpy(wider.mappings, map->mappings, map->n * sizeof(PpMapping));
		memcpy(wider.texts, map->texts, map->n * 2 * sizeof(PpBytes));
	}
	*map = wider;
	return PP_OK;
}

static PpCode
check_text(MapReader *r, PpBytes text)
{
	if (text.len > (uint64_t) r->limits->max_string)
		return pp_fail_limit(r->err,
							 r->lines->start,
							 "max_string",
							 r->limits->max_string,
							 "string of %u bytes is longer than %" PRId64 " bytes",
							 text.len,
							 r->limits->max_string);
	return PP_OK;
}

static PpCode
add_mapping(MapReader *r, const PpMapping *mapping, const Entry *entry, bool keep_texts)
{
	PpBytes file = entry->file, build_id = entry->build_id;
	PpMemoryMap *map = r->map;
	PpCode code;

	if (map->n >= (uint64_t) r->limits->max_mappings)
		return pp_fail_limit(r->err,
							 r->lines->start,
							 "max_mappings",
							 r->limits->max_mappings,
							 "profile has more than %" PRId64 " mappings",
							 r->limits->max_mappings);
	if ((code = check_text(r, file)) != PP_OK || (code = check_text(r, build_id)) != PP_OK)
		return code;
	if (keep_texts && ((code = copied(r, r->arena, &file)) != PP_OK ||
					   (code = copied(r, r->arena, &build_id)) != PP_OK))
		return code;
	if ((code = reserve(r)) != PP_OK)
		return code;
	map->mappings[map->n] = *mapping;
	map->texts[2 * map->n] = file;
	map->texts[2 * map->n + 1] = build_id;
	map->n++;
	return PP_OK;
}

static PpCode
read_line(MapReader *r, PpBytes line)
{
	const char *before;
	PpMapping mapping = {.id = 0};
	Entry entry;
	PpCode code;

	line = without_log_prefix(line);
	before = line.data;
	if ((code = expand(r, &line)) != PP_OK)
		return code;
	if (!match_entry(line, &entry))
		return set_variable(r, line);
	if (entry.perm.len > 0 && memchr(entry.perm.data, 'x', entry.perm.len) == NULL)
		return PP_OK;
	if (!pp_parse_hex64(entry.start, &mapping.start) || !pp_parse_hex64(entry.limit, &mapping.limit) ||
		(entry.offset.len > 0 && !pp_parse_hex64(entry.offset, &mapping.offset)))
		return set_variable(r, line);
	return add_mapping(r, &mapping, &entry, line.data != before);
}

PpCode
pp_memory_map_read(PpLines *lines, const PpLimits *limits, PpArena *arena, PpArena *scratch,
				   PpMemoryMap *map, PpError *err)
{
	MapReader r = {lines, limits, arena, scratch, map, err, 0, NULL, NULL, 0, 0, 0};
	const PpAlloc *alloc = pp_arena_allocator(arena);
	PpBytes line;
	PpCode code;

	*map = (PpMemoryMap){NULL, NULL, 0, 0};
	code = reserve(&r);
	for (uint32_t i = 0; code == PP_OK && pp_lines_next(lines, &line); i++)
	{
		if (i % POLL_EVERY == 0 && pp_poll(alloc))
			return pp_fail_canceled(err);
		code = read_line(&r, line);
	}
	return code;
}

/* --- order --- */

static bool
same_or_unknown(PpBytes a, PpBytes b)
{
	return a.len == 0 || b.len == 0 || pp_bytes_eq(a, b);
}

/* Does mapping j go on where i ends? */
static bool
adjacent(const PpMemoryMap *map, uint32_t i, uint32_t j)
{
	const PpMapping *a = &map->mappings[i], *b = &map->mappings[j];

	return same_or_unknown(map->texts[2 * i], map->texts[2 * j]) &&
		   same_or_unknown(map->texts[2 * i + 1], map->texts[2 * j + 1]) && a->limit == b->start &&
		   (a->offset == 0 || b->offset == 0 || a->offset + (a->limit - a->start) == b->offset);
}

static void
join_adjacent(PpMemoryMap *map)
{
	uint32_t last = 0;

	for (uint32_t i = 1; i < map->n; i++)
	{
		if (adjacent(map, last, i))
		{
			map->mappings[last].limit = map->mappings[i].limit;
			for (uint32_t k = 0; k < 2; k++)
				if (map->texts[2 * i + k].len > 0)
					map->texts[2 * last + k] = map->texts[2 * i + k];
			continue;
		}
		last++;
		map->mappings[last] = map->mappings[i];
		map->texts[2 * last] = map->texts[2 * i];
		map->texts[2 * last + 1] = map->texts[2 * i + 1];
	}
	if (map->n > 0)
		map->n = last + 1;
}

/* Ends in ".so", or has ".so." or ".so_" and a digit in it. */
static bool
is_library(PpBytes file)
{
	for (uint32_t i = 0; i + 3 <= file.len; i++)
		if (memcmp(file.data + i, ".so", 3) == 0 &&
			(i + 3 == file.len ||
			 (i + 5 <= file.len && (file.data[i + 3] == '.' || file.data[i + 3] == '_') &&
			  pp_is_digit(file.data[i + 4]))))
			return true;
	return false;
}

static bool
may_be_program(PpBytes file)
{
	/* what was deleted carries the mark behind its name, at times without a blank */
	const char mark[] = "(deleted)";

	while (file.len >= sizeof(mark) - 1 &&
		   memcmp(file.data + file.len - (sizeof(mark) - 1), mark, sizeof(mark) - 1) == 0)
		file.len -= sizeof(mark) - 1;
	file = pp_trim(file);
	return file.len > 0 && file.data[0] != '[' && !is_library(file);
}

void
pp_memory_map_tidy(PpMemoryMap *map)
{
	join_adjacent(map);
	for (uint32_t i = 0; i < map->n; i++)
		if (may_be_program(map->texts[2 * i]))
		{
			PpMapping mapping = map->mappings[0];
			PpBytes file = map->texts[0], build_id = map->texts[1];

			map->mappings[0] = map->mappings[i];
			map->texts[0] = map->texts[2 * i];
			map->texts[1] = map->texts[2 * i + 1];
			map->mappings[i] = mapping;
			map->texts[2 * i] = file;
			map->texts[2 * i + 1] = build_id;
			return;
		}
}
