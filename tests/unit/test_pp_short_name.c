/*
 * test_pp_short_name.c
 *		Short names of functions: the tool's table, and names made to confuse.
 */
#include "pp_test.h"

#include "core/pp_short_name.h"

#define TABLE_ROWS 36

static bool
shortens(PpBytes name, PpBytes wanted)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpBytes result;
	PpError err;
	bool same;

	assert_int_equal(pp_short_name(name, arena, &result, &err), PP_OK);
	same = pp_bytes_eq(result, wanted);
	if (!same)
		print_error("%.*s became %.*s\n", (int) name.len, name.data, (int) result.len, result.data);
	pp_arena_free(arena);
	return same;
}

static void
test_table(void **state)
{
	FILE *file = fopen(TEST_DATA "tables/shorten_function_name.tsv", "r");
	char line[512];
	int n = 0;

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	for (; fgets(line, sizeof(line), file) != NULL; n++)
	{
		char *tab = strchr(line, '\t');

		assert_non_null(tab);
		*tab = '\0';
		tab[strcspn(tab + 1, "\n") + 1] = '\0';
		assert_true(shortens(pp_bytes_cstr(line), pp_bytes_cstr(tab + 1)));
	}
	fclose(file);
	assert_int_equal(n, TABLE_ROWS);
}

static void
test_shapes(void **state)
{
	static const struct
	{
		const char *name, *wanted;
	} cases[] = {
		/* only the first version goes, and only where a dot or a slash follows */
		{"a/v2/v3.f", "v3.f"},
		{"a/v2x/b", "a/v2x/b"},
		{"a b/v20/c", "a b/c"},
		{"a b/v02/c", "a b/v02/c"},
		{"a b/v2\n/v3/c", "a b/v2\n/v3/c"},
		{"a b/v2", "a b/v2"},
		/* the last directory behind which something with a dot is left */
		{"x/y.z/plain", "y.z/plain"},
		{"x/y/.z", "y/.z"},
		{"a//b.c", "/b.c"},
		{"a/b.c\nd", "b.c"},
		{"a/b.\nd", "a/b.\nd"},
		{"a/b\n.d", "b\n.d"},
		{"/a.b", "/a.b"},
		/* classes and methods of Java */
		{"Foo.bar(", "Foo.bar"},
		{"Foo.bar x", "Foo.bar x"},
		{"Foo.<init>", "Foo.<init>"},
		{"Foo.<init>x", "Foo.<init>x"},
		{"a.b$c.Foo.bar", "a.b$c.Foo.bar"},
		{"a.Foo", "a.Foo"},
		/* the part before the last must be a class, and not the first */
		{"a::B::c::d", "B::c"},
		{"a::B::C::", "B::C"},
		{"a::B::~", "a::B::~"},
		{"a::B::1", "a::B::1"},
		{"a::__B::c<d>e>f", "__B::c<d>e>"},
		{"a::B::c<d\n>", "B::c"},
		{"1::B::c", "1::B::c"},
		{"(anonymous namespace)::(anonymous namespace)::a", "(anonymous namespace)::a"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_true(shortens(pp_bytes_cstr(cases[i].name), pp_bytes_cstr(cases[i].wanted)));
	assert_true(shortens((PpBytes){"a/b.\0c", 6}, (PpBytes){"b.\0c", 4}));
}

/* Every beginning of a name is a name; none may be read past its end. */
static void
test_beginnings(void **state)
{
	static const char *const names[] = {"(anonymous namespace)::a::B::~c<d>",
										"a-b/c.d/v12/e.f",
										"a.b.C$d.<init>(int)"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (uint32_t len = 0; len <= strlen(names[i]); len++)
		{
			PpArena *arena = pp_arena_new(&pp_alloc_malloc);
			char *exact = malloc(len + (len == 0));
			PpBytes result;
			PpError err;

			memcpy(exact, names[i], len);
			assert_int_equal(pp_short_name((PpBytes){exact, len}, arena, &result, &err), PP_OK);
			assert_true(result.len <= len);
			free(exact);
			pp_arena_free(arena);
		}
}

/* Many directories before a dot and a long rest: work must follow the sum, not the product. */
static void
test_long(void **state)
{
	const uint32_t half = 8000000, len = 2 * half + 2;
	char *name = malloc(len);

	for (uint32_t i = 0; i < half; i += 2)
		memcpy(name + i, "a/", 2);
	memcpy(name + half, "x.", 2);
	memset(name + half + 2, 'y', half);
	assert_true(shortens((PpBytes){name, len}, (PpBytes){name + half, len - half}));
	free(name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_beginnings),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
