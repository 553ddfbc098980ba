/*
 * test_pp_paths.c
 *		Samples by function: whatever a profile has of frames without names or
 *		lines, its flame graphs over a dictionary of paths are those by line.
 */
#include "pp_build.h"
#include "pp_test.h"

#include "core/pp_codec.h"
#include "core/pp_paths.h"
#include "core/pp_split.h"

#include <limits.h>

static PpArena *arena; /* of one test */

static int
start_test(void **state)
{
	arena = pp_arena_new(&pp_alloc_malloc);
	return arena == NULL;
}

static int
end_test(void **state)
{
	pp_arena_free(arena);
	return 0;
}

/* A dictionary three times: who adds to it, and two who have read its chunks. */
typedef struct Pair
{
	PpDict *writer, *reader;
	PpDict *trusting; /* a reader that expects distinct nodes */
} Pair;

static Pair
pair_new(void)
{
	Pair pair = {pp_dict_new(&pp_alloc_malloc, true, 42),
				 pp_dict_new(&pp_alloc_malloc, false, 0),
				 pp_dict_new(&pp_alloc_malloc, false, 0)};

	pp_dict_expect_distinct(pair.trusting);
	return pair;
}

static void
pair_free(Pair *pair)
{
	pp_dict_free(pair->writer);
	pp_dict_free(pair->reader);
	pp_dict_free(pair->trusting);
}

/* Let the reader have what was added. */
static void
pair_publish(Pair *pair)
{
	uint8_t *chunk;
	size_t len;
	PpError err;

	assert_int_equal(pp_dict_chunk(pair->writer, &pp_alloc_malloc, &chunk, &len, &err), PP_OK);
	if (len > 0)
	{
		assert_int_equal(pp_dict_load(pair->reader, chunk, len, &err), PP_OK);
		assert_int_equal(pp_dict_load(pair->trusting, chunk, len, &err), PP_OK);
	}
	assert_int_equal(pp_dict_verify(pair->reader, &err), PP_OK);
	free(chunk);
}

/* Add a profile; its last column as a part. */
static PpSamplesPart
add_profile(Pair *pair, const PpProfile *p)
{
	PpSamplesPart part = {.dict_id = 1};
	uint32_t *stacks = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	uint32_t *samples = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	uint32_t *scratch = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	PpError err;

	assert_int_equal(pp_dict_intern(pair->writer, p, stacks, &err), PP_OK);
	pair_publish(pair);
	for (uint32_t i = 0; i < p->nsamples; i++)
		samples[i] = i;
	pp_split_sort(samples, p->nsamples, stacks, scratch);
	part.entries = pp_arena_array(arena, p->nsamples, sizeof(PpSampleEntry));
	assert_int_equal(pp_split_entries(p,
									  samples,
									  p->nsamples,
									  stacks,
									  p->ntypes - 1,
									  part.entries,
									  &part.n,
									  &err),
					 PP_OK);
	return part;
}

/* The part over paths, with a map of its own. */
static PpSamplesPart
to_paths(const Pair *lines, Pair *paths, const PpSamplesPart *part)
{
	PpPathMap *map = pp_path_map_new(lines->reader, paths->writer, &pp_alloc_malloc);
	PpSamplesPart out, again;
	PpError err;

	assert_non_null(map);
	assert_int_equal(pp_path_map_part(map, part, arena, &out, &err), PP_OK);
	assert_int_equal(pp_path_map_part(map, part, arena, &again, &err), PP_OK);
	assert_int_equal(out.n, again.n);
	for (uint32_t i = 0; i < out.n; i++)
	{
		assert_int_equal(out.entries[i].stack, again.entries[i].stack);
		assert_int_equal(out.entries[i].value, again.entries[i].value);
		assert_int_not_equal(out.entries[i].value, 0);
		assert_true(i == 0 || out.entries[i - 1].stack < out.entries[i].stack);
	}
	pp_path_map_free(map);
	pair_publish(paths);
	return out;
}

static void
assert_same_rows(PpTree *a, PpTree *b, int64_t max_nodes)
{
	PpFlameRow *x, *y;
	size_t nx, ny;
	int64_t xhidden, yhidden;
	PpError err;

	assert_int_equal(pp_tree_flame(a, max_nodes, arena, &x, &nx, &xhidden, &err), PP_OK);
	assert_int_equal(pp_tree_flame(b, max_nodes, arena, &y, &ny, &yhidden, &err), PP_OK);
	assert_int_equal(nx, ny);
	assert_int_equal(xhidden, yhidden);
	for (size_t i = 0; i < nx; i++)
	{
		assert_int_equal(x[i].level, y[i].level);
		assert_int_equal(x[i].value, y[i].value);
		assert_int_equal(x[i].self, y[i].self);
		assert_int_equal(x[i].label.len, y[i].label.len);
		assert_memory_equal(x[i].label.data, y[i].label.data, x[i].label.len);
	}
}

static void
check_flames(const Pair *lines, const PpSamplesPart *part, const Pair *paths,
			 const PpSamplesPart *path_part)
{
	for (PpFlameRules rules = PP_RULES_PPROF; rules <= PP_RULES_PYROSCOPE; rules++)
	{
		PpTree *a = pp_tree_new(&pp_alloc_malloc, rules);
		PpTree *b = pp_tree_new(&pp_alloc_malloc, rules);
		PpTree *c = pp_tree_new(&pp_alloc_malloc, rules);
		PpTree *d = pp_tree_new(&pp_alloc_malloc, rules);
		PpTree *singly = pp_tree_new(&pp_alloc_malloc, rules);
		PpError err;

		assert_int_equal(pp_dict_scatter(lines->reader, part, a, &err), PP_OK);
		assert_int_equal(pp_dict_scatter(paths->reader, path_part, b, &err), PP_OK);
		assert_int_equal(pp_dict_scatter(lines->trusting, part, c, &err), PP_OK);
		assert_int_equal(pp_dict_scatter(paths->trusting, path_part, d, &err), PP_OK);
		for (uint32_t i = 0; i < part->n && i < 1000; i++)
		{
			PpSamplesPart one = {part->dict_id, part->scale, 1, &part->entries[i]};

			assert_int_equal(pp_dict_scatter(lines->reader, &one, singly, &err), PP_OK);
		}
		if (part->n <= 1000)
			assert_same_rows(a, singly, 0);
		pp_tree_free(singly);
		assert_same_rows(a, b, 0);
		assert_same_rows(a, b, 5);
		assert_same_rows(a, c, 0);
		assert_same_rows(a, d, 0);
		pp_tree_free(a);
		pp_tree_free(b);
		pp_tree_free(c);
		pp_tree_free(d);
	}
}

/* --- functions, by the book --- */

/* What pprof's rules call the frame of a line, or of a location without lines. */
static PpBytes
book_name(const PpProfile *p, const PpLocation *l, uint32_t line)
{
	PpBytes name = l->nlines == 0
					   ? text("")
					   : pp_str(p, p->functions[p->lines[l->line_off + line].function].name);
	PpBytes file = l->mapping == PP_NONE ? text("") : pp_str(p, p->mappings[l->mapping].filename);
	char *copy = pp_arena_copy(arena, file.data, file.len), *base;
	char *shown = pp_arena_alloc(arena, (size_t) file.len + 4);
	uint32_t len = file.len;

	if (name.len > 0)
		return name;
	if (file.len == 0)
		return text("<unknown>");
	while (len > 1 && copy[len - 1] == '/')
		len--;
	for (base = copy + len; base > copy && base[-1] != '/'; base--)
		;
	if (base == copy + len)
		base = copy;
	sprintf(shown, "[%.*s]", (int) (copy + len - base), base);
	return text(shown);
}

/* The frames of a sample, leaf first. */
static uint32_t
book_frames(const PpProfile *p, const PpSample *sample, PpBytes *frames)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < sample->nlocs; i++)
	{
		const PpLocation *l = &p->locations[p->locrefs[sample->loc_off + i]];

		for (uint32_t j = 0; j < (l->nlines == 0 ? 1 : l->nlines); j++)
			frames[n++] = book_name(p, l, j);
	}
	return n;
}

static PpFunctionSum
book_sum(const PpProfile *p, PpBytes name)
{
	PpBytes *frames = pp_arena_array(arena, BUILD_MAX, sizeof(PpBytes));
	PpFunctionSum sum = {.name = name};

	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		int64_t value = p->values[(size_t) i * p->ntypes + p->ntypes - 1];
		uint32_t n = book_frames(p, &p->samples[i], frames);
		bool found = false;

		for (uint32_t j = 0; j < n; j++)
			found = found || pp_bytes_eq(frames[j], name);
		sum.total += found ? value : 0;
		sum.self += n > 0 && pp_bytes_eq(frames[0], name) ? value : 0;
	}
	return sum;
}

static void
check_functions(const PpProfile *p, const PpDict *paths, const PpSamplesPart *part)
{
	PpBytes *frames = pp_arena_array(arena, BUILD_MAX, sizeof(PpBytes));
	PpFunctionSum *sums;
	uint32_t n, found = 0;
	PpError err;

	assert_int_equal(pp_paths_functions(paths, part, arena, &sums, &n, &err), PP_OK);
	for (uint32_t i = 0; i < n; i++)
	{
		PpFunctionSum sum = book_sum(p, sums[i].name);

		assert_int_equal(sums[i].self, sum.self);
		assert_int_equal(sums[i].total, sum.total);
		assert_true(sum.self != 0 || sum.total != 0);
		for (uint32_t j = 0; j < i; j++)
			assert_false(pp_bytes_eq(sums[i].name, sums[j].name));
	}
	/* and none is missing */
	for (uint32_t i = 0; i < p->nsamples; i++)
		for (uint32_t j = book_frames(p, &p->samples[i], frames); j > 0; j--)
		{
			PpFunctionSum sum = book_sum(p, frames[j - 1]);

			found = n;
			for (uint32_t k = 0; k < n; k++)
				if (pp_bytes_eq(sums[k].name, frames[j - 1]))
					found = k;
			assert_true(found < n || (sum.self == 0 && sum.total == 0));
		}
}

/* --- odd profiles --- */

static const char *const files[] = {"/usr/lib/libz.so.1", "/opt/libz.so.1", "", "/", "a//", "[x]"};
static const char *const names[] = {"main", "", "[libz.so.1]", "<unknown>", "other", "f", "g", "h"};

#define PICK(array, state) ((array)[next_random((state), sizeof(array) / sizeof((array)[0]))])

static PpProfile *
odd_profile(uint64_t *state)
{
	PpProfile *p = build_empty(arena);
	uint32_t n = next_random(state, 60);

	build_type(p, "cpu", "nanoseconds");
	for (uint32_t i = 0; i < 5; i++)
	{
		build_mapping(p, i * 0x10000, 0x8000, PICK(files, state), "");
		p->mappings[i].flags = next_random(state, 2) * PP_HAS_FUNCTIONS;
	}
	for (uint32_t i = 0; i < 14; i++)
	{
		uint32_t mapping = next_random(state, 6);
		uint32_t loc =
			build_location(p, mapping == 5 ? PP_NONE : mapping, i * 16, PICK(names, state), i % 3);

		for (uint32_t extra = next_random(state, 3); extra > 0; extra--)
		{
			uint32_t string = build_string(p, PICK(names, state));

			p->functions[p->nfunctions] = (PpFunction){.id = p->nfunctions + 1, .name = string};
			p->lines[p->nlines++] = (PpLine){p->nfunctions++, extra, 0};
			p->locations[loc].nlines++;
		}
		if (next_random(state, 4) == 0)
			p->locations[loc].nlines = 0;
	}
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t locs[3] = {PP_NONE, PP_NONE, PP_NONE};
		int64_t value = next_random(state, 100);

		for (uint32_t k = next_random(state, 4); k > 0; k--)
			locs[k - 1] = next_random(state, p->nlocations);
		build_sample(p, locs, &value);
	}
	return p;
}

/* Profiles of several dictionaries share one of paths, which grows piece by piece. */
static void
test_odd_profiles(void **state)
{
	uint64_t seed = 7;
	Pair paths = pair_new();

	for (int round = 0; round < 40; round++)
	{
		Pair lines = pair_new();

		for (int i = 0; i < 5; i++)
		{
			PpProfile *p = odd_profile(&seed);
			PpSamplesPart part = add_profile(&lines, p);
			PpSamplesPart path_part = to_paths(&lines, &paths, &part);

			check_flames(&lines, &part, &paths, &path_part);
			check_functions(p, paths.writer, &path_part);
			check_functions(p, paths.reader, &path_part);
		}
		pair_free(&lines);
	}
	pair_free(&paths);
}

static void
test_recorded(void **state)
{
	static const char *const recorded[] = {"go119-a-cpu", "go123-a-heap", "go123-a-cpu", "go123-b-heap"};
	Pair lines = pair_new(), paths = pair_new();

	for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++)
	{
		char path[256];
		uint8_t *data = pp_arena_alloc(arena, 1 << 20);
		PpProfile *p;
		PpSamplesPart part, path_part;
		PpError err;
		FILE *file;
		size_t len;

		snprintf(path, sizeof(path), "tests/data/pprof/go/%s.pb.gz", recorded[i]);
		file = fopen(path, "rb");
		assert_non_null(file);
		len = fread(data, 1, 1 << 20, file);
		fclose(file);
		assert_int_equal(pp_profile_read(data, len, &pp_limits_default, arena, &p, &err), PP_OK);
		part = add_profile(&lines, p);
		path_part = to_paths(&lines, &paths, &part);
		check_flames(&lines, &part, &paths, &path_part);
		assert_true(path_part.n <= part.n);
	}
	/* no lines, no files of source, no addresses: fewer of everything */
	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
		assert_true(pp_dict_count(paths.reader, kind) <= pp_dict_count(lines.reader, kind) ||
					kind == PP_DICT_NODES); /* inlined frames are nodes of their own */
	pair_free(&lines);
	pair_free(&paths);
}

/* More paths than one batch holds, one of them deep. */
static void
test_many_paths(void **state)
{
	Pair lines = pair_new(), paths = pair_new();
	const uint32_t n = 40000, depth = 3000;
	PpProfile *p = build_empty(arena);
	PpSamplesPart part, path_part;

	build_type(p, "cpu", "nanoseconds");
	for (uint32_t i = 0; i < 256; i++)
	{
		char name[16];

		snprintf(name, sizeof(name), "f%u", i);
		build_location(p, PP_NONE, i, name, 1);
	}
	p->samples = pp_arena_array(arena, n, sizeof(PpSample));
	p->values = pp_arena_array(arena, n, sizeof(int64_t));
	p->locrefs = pp_arena_array(arena, n * 2 + depth, sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++)
	{
		p->samples[i] = (PpSample){.loc_off = p->nlocrefs};
		p->locrefs[p->nlocrefs++] = i / 256;
		p->locrefs[p->nlocrefs++] = i % 256;
		while (i == n - 1 && p->nlocrefs < n * 2 + depth)
		{
			p->locrefs[p->nlocrefs] = p->nlocrefs % 7;
			p->nlocrefs++;
		}
		p->samples[i].nlocs = p->nlocrefs - p->samples[i].loc_off;
		p->values[i] = i + 1;
	}
	p->nsamples = n;
	part = add_profile(&lines, p);
	path_part = to_paths(&lines, &paths, &part);
	assert_int_equal(path_part.n, n);
	check_flames(&lines, &part, &paths, &path_part);
	pair_free(&lines);
	pair_free(&paths);
}

static void
test_refused(void **state)
{
	Pair lines = pair_new(), paths = pair_new();
	PpSampleEntry entries[2] = {{7, 1}};
	PpSamplesPart part = {.n = 1, .entries = entries}, out;
	PpPathMap *map = pp_path_map_new(lines.reader, paths.writer, &pp_alloc_malloc);
	PpFunctionSum *sums;
	PpProfile *p = build_empty(arena);
	uint32_t locs[3] = {0, PP_NONE, PP_NONE}, n;
	int64_t value = INT64_MAX;
	PpError err;

	assert_int_equal(pp_path_map_part(map, &part, arena, &out, &err), PP_EMALFORMED);
	assert_int_equal(pp_paths_functions(paths.writer, &part, arena, &sums, &n, &err), PP_EMALFORMED);
	pp_path_map_free(map);
	map = pp_path_map_new(lines.writer, paths.writer, &pp_alloc_malloc);
	assert_int_equal(pp_path_map_part(map, &part, arena, &out, &err), PP_EINVALID);
	pp_path_map_free(map);

	/* two lines of code of one function */
	build_type(p, "cpu", "nanoseconds");
	build_location(p, PP_NONE, 0, "f", 1);
	build_location(p, PP_NONE, 0, "f", 2);
	build_sample(p, locs, &value);
	locs[0] = 1;
	build_sample(p, locs, &value);
	part = add_profile(&lines, p);
	assert_int_equal(part.n, 2);
	map = pp_path_map_new(lines.reader, paths.writer, &pp_alloc_malloc);
	assert_int_equal(pp_path_map_part(map, &part, arena, &out, &err), PP_EOVERFLOW);
	part.entries[0].value = -INT64_MAX;
	assert_int_equal(pp_path_map_part(map, &part, arena, &out, &err), PP_OK);
	assert_int_equal(out.n, 0);
	pp_path_map_free(map);

	/* a dictionary of lines is not one of paths */
	p->locations[0].nlines = 2;
	part = add_profile(&lines, p);
	assert_int_equal(pp_paths_functions(lines.reader, &part, arena, &sums, &n, &err), PP_EINVALID);
	pair_free(&lines);
	pair_free(&paths);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_odd_profiles, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_recorded, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_many_paths, start_test, end_test),
		cmocka_unit_test_setup_teardown(test_refused, start_test, end_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
