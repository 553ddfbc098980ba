/*
 * graph_build.h
 *		Profiles from stacks written as text, and the texts of graphs made of them.
 */
#ifndef GRAPH_BUILD_H
#define GRAPH_BUILD_H

#include "core/pp_builder.h"
#include "core/pp_report.h"
#include "pp_test.h"

/* A sample: frames from the root, separated by ;, a value, text label k, number label bytes. */
typedef struct GraphSample
{
	const char *stack;
	int64_t value;
	const char *label; /* NULL: none */
	int64_t bytes;	   /* 0: none */
} GraphSample;

typedef struct GraphText
{
	PpArena *arena;
	PpBuf out; /* terminated */
	PpCode code;
	PpError err;
} GraphText;

typedef PpCode (*GraphReport)(const PpProfile *p, const PpReportOptions *options,
							  const PpSearch *search, PpArena *arena, PpBuf *out, PpError *err);

static inline void
graph_sample(PpBuilder *b, const GraphSample *sample)
{
	uint32_t frames[64], n = 0, leaf_first[64];
	PpLabel labels[2] = {{0}};
	uint32_t nlabels = 0;

	for (const char *at = sample->stack; *at != '\0';)
	{
		size_t len = strcspn(at, ";");

		assert_true(n < 64);
		frames[n++] = pp_builder_frame(b, (PpBytes){at, (uint32_t) len});
		at += len + (at[len] == ';');
	}
	for (uint32_t i = 0; i < n; i++)
		leaf_first[i] = frames[n - 1 - i];
	if (sample->label != NULL)
		labels[nlabels++] =
			(PpLabel){pp_builder_cstring(b, "k"), pp_builder_cstring(b, sample->label), 0, 0};
	if (sample->bytes != 0)
		labels[nlabels++] = (PpLabel){pp_builder_cstring(b, "bytes"), 0, 0, sample->bytes};
	pp_builder_sample(b, leaf_first, n, &sample->value, labels, nlabels);
}

static inline PpProfile *
graph_profile(PpArena *arena, const char *unit, const GraphSample *samples, size_t n)
{
	PpBuilder *b = pp_builder_new(arena, &pp_limits_default);
	PpProfile *p;
	PpError err;

	pp_builder_type(b, "cpu", unit);
	for (size_t i = 0; i < n; i++)
		graph_sample(b, &samples[i]);
	assert_int_equal(pp_builder_finish(b, &p, &err), PP_OK);
	pp_builder_free(b);
	return p;
}

/* To be ended by graph_end(). */
static inline GraphText
graph_text(GraphReport report, const PpReportOptions *options, const char *unit,
		   const GraphSample *samples, size_t n)
{
	GraphText text = {.arena = pp_arena_new(&pp_alloc_malloc)};

	pp_buf_init(&text.out, &pp_alloc_malloc);
	text.code = report(graph_profile(text.arena, unit, samples, n),
					   options,
					   NULL,
					   text.arena,
					   &text.out,
					   &text.err);
	pp_buf_char(&text.out, '\0');
	return text;
}

static inline void
graph_end(GraphText *text)
{
	pp_buf_free(&text->out);
	pp_arena_free(text->arena);
}

#define GRAPH_TEXT(report, options, unit, samples)                                                 \
	graph_text(report, options, unit, samples, sizeof(samples) / sizeof((samples)[0]))

static inline void
assert_has(const GraphText *text, const char *part)
{
	if (text->code != PP_OK)
		fail_msg("%s", text->err.message);
	if (strstr(text->out.data, part) == NULL)
		fail_msg("not there: %s\n%s", part, text->out.data);
}

static inline void
assert_has_not(const GraphText *text, const char *part)
{
	assert_int_equal(text->code, PP_OK);
	if (strstr(text->out.data, part) != NULL)
		fail_msg("there: %s\n%s", part, text->out.data);
}

/* The parts come in this order, others between them. */
static inline void
assert_order(const GraphText *text, const char *const *parts, size_t n)
{
	const char *at = text->out.data;

	for (size_t i = 0; i < n; i++)
	{
		assert_has(text, parts[i]);
		if ((at = strstr(at, parts[i])) == NULL)
			fail_msg("comes too early: %s\n%s", parts[i], text->out.data);
	}
}

#define ASSERT_ORDER(text, ...)                                                                    \
	assert_order(text,                                                                             \
				 (const char *const[]){__VA_ARGS__},                                               \
				 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* --- memory that ends, work that is stopped --- */

typedef struct GraphMemory
{
	long left;	/* requests that are still met */
	long polls; /* polls to come before one asks to stop; below 0: never */
} GraphMemory;

static inline void *
graph_alloc(void *ctx, size_t size)
{
	return ((GraphMemory *) ctx)->left-- > 0 ? malloc(size) : NULL;
}

static inline void *
graph_resize(void *ctx, void *ptr, size_t size)
{
	return ((GraphMemory *) ctx)->left-- > 0 ? realloc(ptr, size) : NULL;
}

static inline void
graph_release(void *ctx, void *ptr)
{
	free(ptr);
}

static inline bool
graph_poll(void *ctx)
{
	GraphMemory *memory = ctx;

	return memory->polls >= 0 && memory->polls-- == 0;
}

/* The report's end with so much memory. */
static inline PpCode
graph_with(GraphMemory memory, GraphReport report, const PpReportOptions *options, const PpProfile *p)
{
	const PpAlloc alloc = {graph_alloc, graph_resize, graph_release, graph_poll, &memory};
	PpArena *arena = pp_arena_new(&alloc);
	PpError err;
	PpBuf out;
	PpCode code;

	if (arena == NULL)
		return PP_ENOMEM;
	pp_buf_init(&out, &alloc);
	code = report(p, options, NULL, arena, &out, &err);
	pp_buf_free(&out);
	pp_arena_free(arena);
	return code;
}

/* Whatever request is the first that is not met, the report says so and leaves nothing. */
static inline void
assert_survives(GraphReport report, const PpReportOptions *options, const PpProfile *p)
{
	PpCode code = PP_ENOMEM;

	for (long left = 0; code == PP_ENOMEM && left < 5000; left++)
		code = graph_with((GraphMemory){left, -1}, report, options, p);
	assert_int_equal(code, PP_OK);
}

#endif
