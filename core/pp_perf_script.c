/*
 * pp_perf_script.c
 *		From the lines of "perf script" to a profile.
 *
 * The text is walked twice: columns must be known before the first sample, and
 * any sample may be the first of its event.
 */
#include "core/pp_perf_script.h"

#include <inttypes.h>

#include "core/pp_builder.h"
#include "core/pp_perf_line.h"

#define MAX_QUOTED 60
#define MAX_LOOK   ((size_t) 1 << 16) /* bytes that detection reads */
#define FIRST_ROOM 128
#define POLL_EVERY 4096 /* lines */

typedef struct Event
{
	PpBytes name;
	bool has_period;
	uint32_t column; /* of its samples; that of its periods follows */
	int64_t period;	 /* 0 if samples differ in it */
	uint64_t nsamples;
} Event;

typedef struct PerfReader
{
	PpLines lines;
	const PpLimits *limits;
	const PpAlloc *alloc;
	PpArena *arena, *scratch;
	PpError *err;
	PpBuilder *builder; /* NULL in the first walk */

	Event *events;
	uint32_t nevents, events_cap, ncolumns;
	int64_t *values; /* one per column; all 0 between samples */
	uint32_t comm_key;

	bool open; /* a sample whose frames are being read */
	size_t open_at;
	uint32_t open_line;
	PpPerfHeader header;
	bool has_pending; /* a frame, of which the next line may say more */
	PpPerfFrame pending;
	PpLine *inlined; /* innermost first, waiting for the frame they are in */
	uint32_t ninlined, inlined_cap;
	uint64_t inlined_address;
	uint32_t *stack;
	uint32_t depth, stack_cap;

	bool has_time;
	int64_t first_time, last_time;
} PerfReader;

/* --- room --- */

static PpCode
reserve(PerfReader *r, void *array, uint32_t n, uint32_t *cap, size_t size)
{
	void **place = array, *wider;

	if (n < *cap)
		return PP_OK;
	*cap = *cap == 0 ? FIRST_ROOM : *cap * 2;
	wider = pp_arena_array(r->scratch, *cap, size);
	if (wider == NULL)
		return pp_fail_nomem(r->err);
	if (n > 0)
		memcpy(wider, *place, n * size);
	*place = wider;
	return PP_OK;
}

/* --- frames --- */

static uint32_t
function_of(PerfReader *r, const PpPerfFrame *frame)
{
	static const char unknown[] = "[unknown]";
	uint32_t name = frame->symbol.len > 0 ? pp_builder_string(r->builder, frame->symbol)
										  : pp_builder_cstring(r->builder, unknown);

	return pp_builder_function(r->builder, name, name, pp_builder_string(r->builder, frame->file), 0);
}

static uint32_t
mapping_of(PerfReader *r, PpBytes dso)
{
	PpMapping mapping = {.flags = PP_HAS_FUNCTIONS};

	if (dso.len == 0)
		return PP_NONE;
	mapping.filename = pp_builder_string(r->builder, dso);
	return pp_builder_mapping(r->builder, &mapping);
}

static PpCode
push_location(PerfReader *r, uint32_t mapping, uint64_t address)
{
	PpCode code;

	if (r->depth >= (uint64_t) r->limits->max_depth)
		return pp_fail_limit(r->err,
							 r->open_at,
							 "max_depth",
							 r->limits->max_depth,
							 "sample in line %u has more than %" PRId64 " locations",
							 r->open_line,
							 r->limits->max_depth);
	if ((code = reserve(r, &r->stack, r->depth, &r->stack_cap, sizeof(uint32_t))) != PP_OK)
		return code;
	r->stack[r->depth++] = pp_builder_location(r->builder, mapping, address, r->inlined, r->ninlined);
	r->ninlined = 0;
	return PP_OK;
}

/* The line of a frame joins those that are inlined in it. */
static PpCode
push_line(PerfReader *r, const PpPerfFrame *frame)
{
	PpCode code;

	if (r->ninlined >= (uint64_t) r->limits->max_lines)
		return pp_fail_limit(r->err,
							 r->open_at,
							 "max_lines",
							 r->limits->max_lines,
							 "location of the sample in line %u has more than %" PRId64 " lines",
							 r->open_line,
							 r->limits->max_lines);
	if ((code = reserve(r, &r->inlined, r->ninlined, &r->inlined_cap, sizeof(PpLine))) != PP_OK)
		return code;
	r->inlined[r->ninlined++] = (PpLine){.function = function_of(r, frame), .line = frame->line};
	return PP_OK;
}

/* Inlined frames without the one they are in make a location of their own. */
static PpCode
flush_inlined(PerfReader *r)
{
	return r->ninlined > 0 ? push_location(r, PP_NONE, r->inlined_address) : PP_OK;
}

/* All that there is to say of the frame has been read. */
static PpCode
flush_frame(PerfReader *r)
{
	const PpPerfFrame *frame = &r->pending;
	PpCode code = PP_OK;

	if (!r->has_pending)
		return PP_OK;
	r->has_pending = false;
	if (r->builder == NULL)
		return PP_OK;
	if (r->ninlined > 0 && frame->address != r->inlined_address)
		code = flush_inlined(r);
	/* an address without a name is a location without lines */
	if (code == PP_OK && (frame->symbol.len > 0 || frame->inlined || !frame->has_address))
		code = push_line(r, frame);
	r->inlined_address = frame->address;
	if (code != PP_OK || frame->inlined)
		return code;
	return push_location(r, mapping_of(r, frame->dso), frame->address);
}

static PpCode
add_frame(PerfReader *r, const PpPerfFrame *frame)
{
	PpCode code = flush_frame(r);

	r->has_pending = true;
	r->pending = *frame;
	return code;
}

/* --- samples --- */

static PpCode
event_of(PerfReader *r, PpBytes name, Event **event)
{
	PpCode code;

	for (uint32_t i = 0; i < r->nevents; i++)
		if (pp_bytes_eq(r->events[i].name, name))
		{
			*event = &r->events[i];
			return PP_OK;
		}
	if (r->nevents >= (uint64_t) r->limits->max_sample_types)
		return pp_fail_limit(r->err,
							 r->open_at,
							 "max_sample_types",
							 r->limits->max_sample_types,
							 "more than %" PRId64 " events",
							 r->limits->max_sample_types);
	if ((code = reserve(r, &r->events, r->nevents, &r->events_cap, sizeof(Event))) != PP_OK)
		return code;
	*event = &r->events[r->nevents++];
	**event = (Event){.name = name};
	return PP_OK;
}

/* First walk: what there is. */
static PpCode
count_sample(PerfReader *r)
{
	const PpPerfHeader *header = &r->header;
	Event *event;
	PpCode code = event_of(r, header->event, &event);

	if (code != PP_OK)
		return code;
	if (event->nsamples++ == 0)
		event->period = header->period;
	else if (event->period != header->period)
		event->period = 0;
	event->has_period |= header->has_period;
	if (!header->has_time)
		return PP_OK;
	if (!r->has_time || header->time < r->first_time)
		r->first_time = header->time;
	if (!r->has_time || header->time > r->last_time)
		r->last_time = header->time;
	r->has_time = true;
	return PP_OK;
}

/* Second walk: a sample with all its frames. */
static PpCode
add_sample(PerfReader *r)
{
	PpLabel label = {.key = r->comm_key};
	Event *event;
	PpCode code = flush_inlined(r);

	if (code != PP_OK || (code = event_of(r, r->header.event, &event)) != PP_OK)
		return code;
	pp_builder_at(r->builder, r->open_at);
	if (r->header.comm.len > 0)
		label.str = pp_builder_string(r->builder, r->header.comm);
	r->values[event->column] = 1;
	if (event->has_period)
		r->values[event->column + 1] = r->header.has_period ? r->header.period : 1;
	pp_builder_sample(r->builder, r->stack, r->depth, r->values, &label, label.str != 0);
	r->values[event->column] = 0;
	if (event->has_period)
		r->values[event->column + 1] = 0;
	return PP_OK;
}

/* What was taken for a header has no frames, either. */
static PpCode
no_sample(PerfReader *r)
{
	PpLines lines = {.data = r->lines.data, .len = r->lines.len, .at = r->open_at};
	PpBytes line = {"", 0};

	pp_lines_next(&lines, &line);
	return pp_fail(r->err,
				   PP_EMALFORMED,
				   r->open_at,
				   "line %u is neither a sample nor a frame: \"%.*s\"",
				   r->open_line,
				   (int) (line.len < MAX_QUOTED ? line.len : MAX_QUOTED),
				   line.data);
}

static PpCode
close_sample(PerfReader *r)
{
	bool has_frames = r->has_pending || r->depth > 0 || r->ninlined > 0;
	PpCode code;

	if (!r->open)
		return PP_OK;
	r->open = false;
	if (!has_frames && !pp_perf_header_is_sure(&r->header))
		return no_sample(r);
	if ((code = flush_frame(r)) == PP_OK)
		code = r->builder == NULL ? count_sample(r) : add_sample(r);
	r->depth = 0;
	r->ninlined = 0;
	return code;
}

static void
open_sample(PerfReader *r, const PpPerfHeader *header)
{
	r->open = true;
	r->open_at = r->lines.start;
	r->open_line = r->lines.line;
	r->header = *header;
}

static PpCode
read_header(PerfReader *r, const PpPerfHeader *header)
{
	PpCode code = close_sample(r);

	if (code != PP_OK)
		return code;
	open_sample(r, header);
	if (!header->has_frame)
		return PP_OK;
	if ((code = add_frame(r, &header->frame)) != PP_OK)
		return code;
	return close_sample(r);
}

static PpCode
read_frame(PerfReader *r, PpBytes line)
{
	static const PpPerfHeader nothing = {.comm = {"", 0}, .event = {"", 0}};
	PpPerfFrame frame;

	/* without any field but those of the stack, perf prints no header */
	if (!r->open)
		open_sample(r, &nothing);
	if (r->builder != NULL)
		pp_builder_at(r->builder, r->lines.start);
	pp_perf_frame(pp_trim(line), &frame);
	return add_frame(r, &frame);
}

/* The command line of perf becomes a comment; perf prints it if asked for its header. */
static void
read_comment(PerfReader *r, PpBytes line)
{
	static const char prefix[] = "perf-command: ";
	char *comment;

	if (r->builder == NULL || !pp_skip_text(&line, "# cmdline :"))
		return;
	line = pp_trim(line);
	comment = pp_arena_alloc(r->scratch, sizeof(prefix) + line.len);
	if (comment == NULL)
		return;
	memcpy(comment, prefix, sizeof(prefix) - 1);
	memcpy(comment + sizeof(prefix) - 1, line.data, line.len);
	pp_builder_comment(r->builder, (PpBytes){comment, (uint32_t) (sizeof(prefix) - 1 + line.len)});
}

static PpCode
read_line(PerfReader *r, PpBytes line)
{
	PpBytes trimmed = pp_trim(line);
	PpPerfHeader header;

	if (trimmed.len == 0)
		return close_sample(r);
	if (line.data[0] == '\t')
		return read_frame(r, line);
	if (line.data[0] == '#')
	{
		read_comment(r, line);
		return PP_OK;
	}
	pp_perf_header(line, &header);
	if (line.data[0] == ' ' && r->open && !pp_perf_header_is_sure(&header))
	{
		/* tabs that became blanks on the way, or where the frame before is from */
		if (pp_perf_is_aligned(line))
			return read_frame(r, line);
		if (r->has_pending)
			pp_perf_source(trimmed, &r->pending);
		return PP_OK;
	}
	return read_header(r, &header);
}

static PpCode
walk(PerfReader *r)
{
	PpBytes line;
	PpCode code = PP_OK;

	r->lines = (PpLines){.data = r->lines.data, .len = r->lines.len};
	while (code == PP_OK && pp_lines_next(&r->lines, &line))
	{
		if (r->lines.line % POLL_EVERY == 0 && pp_poll(r->alloc))
			return pp_fail_canceled(r->err);
		code = read_line(r, line);
		if (code == PP_OK && r->builder != NULL && !pp_builder_ok(r->builder))
			return PP_OK;
	}
	return code == PP_OK ? close_sample(r) : code;
}

/* --- columns --- */

/* Clocks are events whose periods are times. */
static const char *
unit_of(PpBytes event)
{
	return pp_bytes_eq(event, pp_bytes_cstr("cpu-clock")) ||
				   pp_bytes_eq(event, pp_bytes_cstr("task-clock"))
			   ? "nanoseconds"
			   : "count";
}

static PpCode
add_column(PerfReader *r, PpBytes event, const char *suffix, const char *unit)
{
	uint32_t len = (uint32_t) strlen(suffix);
	char *name;

	/* what perf does not name is just a sample, or an event */
	if (event.len == 0)
		pp_builder_type(r->builder, len == sizeof("_event") - 1 ? "events" : "samples", unit);
	else
	{
		if ((name = pp_arena_alloc(r->scratch, (size_t) event.len + len)) == NULL)
			return pp_fail_nomem(r->err);
		memcpy(name, event.data, event.len);
		memcpy(name + event.len, suffix, len);
		pp_builder_type_bytes(r->builder, (PpBytes){name, event.len + len}, pp_bytes_cstr(unit));
	}
	r->ncolumns++;
	return PP_OK;
}

static PpCode
add_columns(PerfReader *r)
{
	PpCode code = PP_OK;

	for (uint32_t i = 0; i < r->nevents && code == PP_OK; i++)
	{
		Event *event = &r->events[i];

		event->column = r->ncolumns;
		code = add_column(r, event->name, "_sample", "count");
		if (code == PP_OK && event->has_period)
			code = add_column(r, event->name, "_event", unit_of(event->name));
	}
	if (code != PP_OK)
		return code;
	r->values = pp_arena_zalloc(r->scratch, r->ncolumns * sizeof(int64_t));
	return r->values != NULL ? PP_OK : pp_fail_nomem(r->err);
}

/* The period is that of the last event, whose column is shown unasked. */
static void
add_header(PerfReader *r)
{
	const Event *last = &r->events[r->nevents - 1];
	int64_t duration;

	if (last->has_period)
		pp_builder_period(r->builder,
						  last->name.len > 0 ? last->name : pp_bytes_cstr("events"),
						  pp_bytes_cstr(unit_of(last->name)),
						  last->period);
	if (r->has_time && !__builtin_sub_overflow(r->last_time, r->first_time, &duration))
		pp_builder_time(r->builder, 0, duration);
}

static PpCode
read_all(PerfReader *r, PpProfile **profile)
{
	PpCode code = walk(r);

	if (code != PP_OK)
		return code;
	if (r->nevents == 0)
		return pp_fail(r->err, PP_EMALFORMED, r->lines.len, "no sample in the text of perf script");
	r->builder = pp_builder_new(r->arena, r->limits);
	if (r->builder == NULL)
		return pp_fail_nomem(r->err);
	r->comm_key = pp_builder_cstring(r->builder, "comm");
	if ((code = add_columns(r)) != PP_OK || (code = walk(r)) != PP_OK)
		return code;
	add_header(r);
	return pp_builder_finish(r->builder, profile, r->err);
}

PpCode
pp_perf_script_read(const PpFormatOptions *options, const uint8_t *data, size_t len,
					const PpLimits *limits, PpArena *arena, PpProfile **profile, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(arena);
	PerfReader r = {.lines = pp_lines_of(data, len),
					.limits = limits,
					.alloc = alloc,
					.arena = arena,
					.scratch = pp_arena_new(alloc),
					.err = err};
	PpCode code;

	*profile = NULL;
	if (r.scratch == NULL)
		return pp_fail_nomem(err);
	code = read_all(&r, profile);
	pp_builder_free(r.builder);
	pp_arena_free(r.scratch);
	return code;
}

bool
pp_is_perf_script(const uint8_t *data, size_t len)
{
	PpLines lines = pp_lines_of(data, len < MAX_LOOK ? len : MAX_LOOK);
	PpBytes line;

	while (pp_lines_next(&lines, &line))
	{
		PpPerfHeader header;

		if (line.len == 0 || line.data[0] == '#')
			continue;
		pp_perf_header(line, &header);
		return pp_perf_header_is_sure(&header);
	}
	return false;
}
