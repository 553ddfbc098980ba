/*
 * test_pp_memory_map.c
 *		Which lines are mappings, how they are joined, and who gets which address.
 *
 * What is odd here is what the pprof tool does with the same lines.
 */
#include "pp_test.h"

#include "core/pp_memory_map.h"

static PpArena *arena;
static PpError err;

static PpMemoryMap
map_of(const char *text)
{
	PpLines lines = pp_lines_of((const uint8_t *) text, strlen(text));
	PpMemoryMap map = {.n = 0};

	assert_int_equal(pp_memory_map_read(&lines, &pp_limits_default, arena, arena, &map, &err), PP_OK);
	return map;
}

static void
print_map(const PpMemoryMap *map, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < map->n; i++)
	{
		const PpMapping *m = &map->mappings[i];
		PpBytes file = map->texts[2 * i], build_id = map->texts[2 * i + 1];

		used += (size_t) snprintf(out + used,
								  size - used,
								  "%s%lx-%lx@%lx %.*s %.*s",
								  i > 0 ? "; " : "",
								  (unsigned long) m->start,
								  (unsigned long) m->limit,
								  (unsigned long) m->offset,
								  (int) file.len,
								  file.data,
								  (int) build_id.len,
								  build_id.data);
	}
}

static void
assert_map(const char *text, bool tidy, const char *expected)
{
	PpMemoryMap map = map_of(text);
	char found[512];

	if (tidy)
		pp_memory_map_tidy(&map);
	print_map(&map, found, sizeof(found));
	if (strcmp(found, expected) != 0)
		fail_msg("%s\nexpected: %s\nfound:    %s", text, expected, found);
}

static void
test_lines(void **state)
{
	static const struct
	{
		const char *line, *expected;
	} cases[] = {
		{"00400000-004FF000 r-xp 00001000 fd:01 12 /bin/app", "400000-4ff000@1000 /bin/app "},
		{"00400000-00500000 r-xp 00001000 fd:01 12", "400000-500000@1000  "},
		{"00400000-00500000 r-xp 00001000 fd:01 12   /bin/an app (deleted)",
		 "400000-500000@1000 /bin/an "},
		{"00400000-00500000 rw-p 00001000 fd:01 12 /bin/app", ""},
		{"00400000-00500000 --xp 00001000 fd:01 12 /bin/app\r", "400000-500000@1000 /bin/app "},
		{"400000-500000 fd:01 12 /a", "400000-500000@0 /a "},
		{"400000 500000: r-xp /a (@1000) ab12", "400000-500000@1000 /a ab12"},
		{"0x400000-0x500000 /a", "400000-500000@0 /a "},
		{"0x400000-0x500000 /a ab12xyz", "400000-500000@0 /a ab12"},
		{"0x400000-0x500000 (@1000)", "400000-500000@0 (@1000) "},
		{"0x400000 - 0x500000", ""},
		{"400000-0xzz", "400000-0@0  "},
		{"400000x500000", "40000-500000@0  "},
		{"12", "1-2@0  "},
		{"1", ""},
		{"abc foo", "abc-f@0  "},
		{"12345678901234567-2 /a", ""},
		{"1-2 rwx/a", "1-2@0  "},
		{"", ""},
		{"I0102 main.cc:12] 1-2 /a", "1-2@0 /a "},
		{"main.cc:12]1-2 /a", ""},
		{"[1-2] /a", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_map(cases[i].line, false, cases[i].expected);
}

static void
test_variables(void **state)
{
	assert_map("q = /bin \nq=/no\nqq=$q/x\n1-2 $q/a\n3-4 $qq\n5-6 $c$",
			   false,
			   "1-2@0 /bin/a ; 3-4@0 /binq ; 5-6@0 $c$ ");
}

/* Values made of values grow by doubling: they are bounded as inflating is. */
static void
test_variables_bounded(void **state)
{
	PpLines lines;
	PpMemoryMap map = {.n = 0};
	char text[8192];
	size_t used = (size_t) snprintf(text, sizeof(text), "a0=xxxxxxxxxxxxxxxx\n");

	for (int i = 1; i < 60; i++)
		used += (size_t) snprintf(text + used,
								  sizeof(text) - used,
								  "y%c=$%c0$%c0\n",
								  'a' + i % 26,
								  'a' + i - 1,
								  'a' + i - 1);
	lines = pp_lines_of((const uint8_t *) text, used);
	assert_int_equal(pp_memory_map_read(&lines, &pp_limits_default, arena, arena, &map, &err), PP_OK);
	used = (size_t) snprintf(text, sizeof(text), "a=xxxxxxxxxxxxxxxx\n");
	for (int i = 1; i < 26; i++)
		used += (size_t) snprintf(text + used,
								  sizeof(text) - used,
								  "%c=$%c$%c\n",
								  'a' + i,
								  'a' + i - 1,
								  'a' + i - 1);
	lines = pp_lines_of((const uint8_t *) text, used);
	assert_int_equal(pp_memory_map_read(&lines, &pp_limits_default, arena, arena, &map, &err),
					 PP_ELIMIT);
	assert_string_equal(err.setting, "max_profile_size");
	used = 0;
	for (int i = 0; i < 257; i++)
		used += (size_t) snprintf(text + used, sizeof(text) - used, "v%d_=x\n", i);
	lines = pp_lines_of((const uint8_t *) text, used);
	assert_int_equal(pp_memory_map_read(&lines, &pp_limits_default, arena, arena, &map, &err),
					 PP_EMALFORMED);
	assert_string_equal(err.message, "memory map has more than 256 variables");
}

static bool
stop(void *ctx)
{
	return --*(int *) ctx < 0;
}

/* A long name made of dollars would be compared in full at each dollar of a long line. */
static void
test_variables_quadratic(void **state)
{
	char text[16384];
	PpAlloc alloc = *pp_arena_allocator(arena);
	int looks = 1;
	PpArena *polled;
	PpMemoryMap map;
	PpLines lines;

	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "a$", 2);
	memcpy(text + 255, "!=x\n", 4);
	lines = pp_lines_of((const uint8_t *) text, sizeof(text));
	assert_int_equal(pp_memory_map_read(&lines, &pp_limits_default, arena, arena, &map, &err), PP_OK);
	/* the second look is inside the line */
	alloc.poll = stop;
	alloc.ctx = &looks;
	polled = pp_arena_new(&alloc);
	lines = pp_lines_of((const uint8_t *) text, sizeof(text));
	assert_int_equal(pp_memory_map_read(&lines, &pp_limits_default, polled, arena, &map, &err),
					 PP_ECANCELED);
	pp_arena_free(polled);
	memcpy(text + 256, "a$=x\n", 5);
	lines = pp_lines_of((const uint8_t *) text, sizeof(text));
	assert_int_equal(pp_memory_map_read(&lines, &pp_limits_default, arena, arena, &map, &err),
					 PP_EMALFORMED);
	assert_string_equal(err.message, "memory map has a variable whose name is longer than 256 bytes");
}

static void
test_tidy(void **state)
{
	/* neighbours of one file, or of none */
	assert_map("1-2 /a\n2-3 /a\n3-4\n4-5 /b", true, "1-4@0 /a ; 4-5@0 /b ");
	assert_map("1000-2000 /a (@1000)\n2000-3000 /a (@2000)\n3000-4000 /a (@1000)",
			   true,
			   "1000-3000@1000 /a ; 3000-4000@1000 /a ");
	/* the program comes first */
	assert_map("1-2 /l.so\n3-4 [vdso]\n5-6 /l.so.6\n7-8 /l.so_1\n9-a\nb-c /bin/app\nd-e /bin/b",
			   true,
			   "b-c@0 /bin/app ; 3-4@0 [vdso] ; 5-6@0 /l.so.6 ; 7-8@0 /l.so_1 ; 9-a@0  ; 1-2@0 /l.so ; d-e@0 /bin/b ");
	assert_map("1-2 /l.so(deleted)\n3-4 /a.so.x", true, "3-4@0 /a.so.x ; 1-2@0 /l.so(deleted) ");
}

/* Mappings of these addresses: indexes from 0, or '-' for none. */
static void
assert_assigned(const char *text, const uint64_t *addresses, uint32_t n, const char *expected,
				const char *expected_map)
{
	PpMemoryMap map = map_of(text);
	PpLocation locations[16];
	char found[17] = "", found_map[512];

	for (uint32_t i = 0; i < n; i++)
		locations[i] = (PpLocation){.address = addresses[i], .mapping = PP_NONE};
	assert_int_equal(pp_memory_map_assign(&map, locations, n, arena, &err), PP_OK);
	for (uint32_t i = 0; i < n; i++)
		found[i] = locations[i].mapping == PP_NONE ? '-' : (char) ('0' + locations[i].mapping);
	assert_string_equal(found, expected);
	print_map(&map, found_map, sizeof(found_map));
	assert_string_equal(found_map, expected_map);
	for (uint32_t i = 0; i < map.n; i++)
		assert_int_equal(map.mappings[i].id, i + 1);
}

#define ASSIGN(...) (uint64_t[]){__VA_ARGS__}, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)

static void
test_assign(void **state)
{
	/* the first that holds it; 0 is no address; what is outside goes to one for all */
	assert_assigned("1000-3000 /a\n2000-4000 /b",
					ASSIGN(0x1000, 0x2fff, 0x3000, 0x4000, 0, 0xfff, UINT64_MAX),
					"0012-22",
					"1000-3000@0 /a ; 2000-4000@0 /b ; 0-ffffffffffffffff@0  ");
	/* a file that begins before its mapping; once there is one for all, it takes the rest */
	assert_assigned("3000-4000 /a (@1000)\n9000-a000 /b (@2000)",
					ASSIGN(0x2000, 0x2800, 0x1fff, 0x8000),
					"0022",
					"2000-4000@0 /a ; 9000-a000@2000 /b ; 0-ffffffffffffffff@0  ");
	/* the first one that can be extended, and the next when it has been */
	assert_assigned("8000-9000 /a (@2000)\n8000-9000 /b (@6000)",
					ASSIGN(0x6000, 0x6001, 0x2000, 0x6001),
					"0010",
					"6000-9000@0 /a ; 2000-9000@0 /b ");
	assert_assigned("", ASSIGN(0x10), "0", "0-ffffffffffffffff@0  ");
	/* an offset larger than the start is of no use */
	assert_assigned("1000-2000 /a (@3000)",
					ASSIGN(0x800),
					"1",
					"1000-2000@3000 /a ; 0-ffffffffffffffff@0  ");
	/* ranges that end before they begin hold nothing, unless they are extended */
	assert_assigned("5000-3000 /a (@4000)",
					ASSIGN(0x4800, 0x2fff, 0x3000),
					"001",
					"1000-3000@0 /a ; 0-ffffffffffffffff@0  ");
	assert_assigned("2000-1000 /a", ASSIGN(0x1800), "1", "2000-1000@0 /a ; 0-ffffffffffffffff@0  ");
}

static void
test_repairs(void **state)
{
	assert_assigned("401000-500000 /a (@1000)", ASSIGN(0x400000), "0", "400000-500000@0 /a ");
	assert_assigned("1000-2000 /anon_hugepage\n2000-3000 /a", ASSIGN(0x2000), "0", "2000-3000@0 /a ");
	assert_assigned("1000-2000 /anon_hugepage\n3000-4000 /a",
					ASSIGN(0x1000),
					"0",
					"1000-2000@0 /anon_hugepage ; 3000-4000@0 /a ");
}

static int
setup(void **state)
{
	arena = pp_arena_new(&pp_alloc_malloc);
	return 0;
}

static int
teardown(void **state)
{
	pp_arena_free(arena);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lines),
		TEST(test_variables),
		TEST(test_variables_bounded),
		TEST(test_variables_quadratic),
		TEST(test_tidy),
		TEST(test_assign),
		TEST(test_repairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
