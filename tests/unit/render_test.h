/*
 * render_test.h
 *		What tests of renderings share: vectors as prepared profiles.
 */
#ifndef RENDER_TEST_H
#define RENDER_TEST_H

#include "pp_test.h"

#include "core/pp_builder.h"
#include "core/pp_merge.h"
#include "core/pp_render.h"
#include "core/pp_tree_impl.h"
#include "pp_search_pcre2.h"

static PpArena *arena; /* of one test */
static SearchList list;
static const PpSearch search = {search_compile, search_match, &list};

static inline int
start_test(void **state)
{
	arena = pp_arena_new(&pp_alloc_malloc);
	return arena == NULL;
}

static inline int
end_test(void **state)
{
	search_release(&list);
	pp_arena_free(arena);
	return 0;
}

#define render_test(f) cmocka_unit_test_setup_teardown(f, start_test, end_test)

/* tests/data/pprof/in/<name>.pb */
static inline PpProfile *
input_profile(const char *name)
{
	char file[64];
	PpProfile *p;
	Bytes b;
	PpError err;

	snprintf(file, sizeof(file), "%s.pb", name);
	b = bytes_of_file(TEST_DATA "in/", file);
	if (pp_profile_read((uint8_t *) pp_arena_copy(arena, b.data, b.len),
						b.len,
						&pp_limits_default,
						arena,
						&p,
						&err) != PP_OK)
		fail_msg("%s: %s", name, err.message);
	free(b.data);
	return p;
}

static inline PpCode
try_prepare(const PpProfile *p, const char *sample_type, const PpReportOptions *options,
			PpRender *render, PpError *err)
{
	PpProfile *loaded;
	PpCode code = pp_report_load(p, false, &search, arena, &loaded, err);

	if (code == PP_OK)
		code =
			pp_render_prepare(loaded, pp_bytes_cstr(sample_type), options, &search, arena, render, err);
	return code;
}

static inline PpRender
prepare(const PpProfile *p, const PpReportOptions *options)
{
	PpReportOptions defaults = pp_report_defaults();
	PpRender render;
	PpError err;

	if (try_prepare(p, "", options != NULL ? options : &defaults, &render, &err) != PP_OK)
		fail_msg("%s", err.message);
	return render;
}

static inline PpTree *
tree_of(const PpRender *render)
{
	PpTree *tree;
	PpError err;

	if (pp_render_tree(render, &pp_alloc_malloc, PP_RULES_PPROF, &tree, &err) != PP_OK)
		fail_msg("%s", err.message);
	return tree;
}

typedef PpCode (*RenderText)(const PpRender *render, PpArena *arena, PpBuf *out, PpError *err);

/* The text, terminated, in the arena. */
static inline char *
text_of(const PpRender *render, RenderText print)
{
	PpBuf out;
	PpError err;
	char *text;

	pp_buf_init(&out, &pp_alloc_malloc);
	if (print(render, arena, &out, &err) != PP_OK)
		fail_msg("%s", err.message);
	pp_buf_char(&out, '\0');
	text = pp_arena_copy(arena, out.data, out.len);
	pp_buf_free(&out);
	return text;
}

/*
 * A profile of one column out of lines "main;work;parse 30", root first; "() 7"
 * has no frames.  ";" and blanks cannot be in names here, all else can.
 */
static inline PpProfile *
profile_of_stacks(const char *type, const char *unit, const char *text)
{
	PpBuilder *b = pp_builder_new(arena, &pp_limits_hard);
	PpProfile *p;
	PpError err;

	pp_builder_type(b, type, unit);
	while (*text != '\0')
	{
		const char *end = strchr(text, '\n'), *blank = end;
		uint32_t frames[64], n = 0;
		int64_t value;

		while (*blank != ' ')
			blank--;
		value = strtoll(blank, NULL, 10);
		for (const char *stop = blank; strncmp(text, "() ", 3) != 0;)
		{
			const char *start = stop;

			while (start > text && start[-1] != ';')
				start--;
			frames[n++] = pp_builder_frame(b, (PpBytes){start, (uint32_t) (stop - start)});
			if (start == text)
				break;
			stop = start - 1;
		}
		pp_builder_sample(b, frames, n, &value, NULL, 0);
		text = end + 1;
	}
	if (pp_builder_finish(b, &p, &err) != PP_OK)
		fail_msg("%s", err.message);
	pp_builder_free(b);
	return p;
}

/* One stack of that many calls of "f" by itself. */
static inline PpProfile *
deep_profile(uint32_t depth)
{
	PpBuilder *b = pp_builder_new(arena, &pp_limits_hard);
	uint32_t *frames = pp_arena_array(arena, depth, sizeof(uint32_t));
	PpProfile *p;
	PpError err;

	pp_builder_type(b, "samples", "count");
	frames[0] = pp_builder_frame(b, pp_bytes_cstr("f"));
	for (uint32_t i = 1; i < depth; i++)
		frames[i] = frames[0];
	pp_builder_sample(b, frames, depth, (int64_t[]){1}, NULL, 0);
	if (pp_builder_finish(b, &p, &err) != PP_OK)
		fail_msg("%s", err.message);
	pp_builder_free(b);
	return p;
}

/* A file of the vectors' derived/, terminated, in the arena. */
static inline char *
derived_text(const char *name, const char *suffix)
{
	char file[64];
	Bytes b;
	char *text;

	snprintf(file, sizeof(file), "%s%s", name, suffix);
	b = bytes_of_file(TEST_DATA "derived/", file);
	text = pp_arena_zalloc(arena, b.len + 1);
	memcpy(text, b.data, b.len);
	free(b.data);
	return text;
}

static const char *const derived_names[] = {"addr", "basic", "drop", "filter", "heap", "names"};
#define NDERIVED (sizeof(derived_names) / sizeof(derived_names[0]))

#endif
