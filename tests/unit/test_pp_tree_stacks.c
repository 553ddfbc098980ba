/*
 * test_pp_tree_stacks.c
 *		Walking the stacks of a tree: order, what is left out, depth.
 */
#include "render_test.h"

#include "flame_text.h"

typedef struct Listing
{
	const PpTree *tree;
	PpBuf stacks, names; /* as they came */
} Listing;

static PpBytes
list_name(void *ctx, uint32_t name)
{
	Listing *listing = ctx;
	PpBytes text = listing->tree->names.names[name];

	pp_buf_bytes(&listing->names, text);
	pp_buf_char(&listing->names, ' ');
	return text;
}

static PpCode
list_stack(void *ctx, PpBytes stack, int64_t self, PpError *err)
{
	Listing *listing = ctx;

	pp_buf_bytes(&listing->stacks, stack);
	pp_buf_printf(&listing->stacks, "=%lld ", (long long) self);
	return PP_OK;
}

static void
assert_stacks(const char *text, const char *stacks, const char *names)
{
	PpTree *tree = tree_of_text(PP_RULES_PPROF, text);
	Listing listing = {.tree = tree};
	PpStackWriter writer = {list_name, list_stack, '/', &listing};
	PpError err;

	pp_buf_init(&listing.stacks, &pp_alloc_malloc);
	pp_buf_init(&listing.names, &pp_alloc_malloc);
	assert_int_equal(pp_tree_stacks(tree, &writer, &err), PP_OK);
	pp_buf_char(&listing.stacks, '\0');
	pp_buf_char(&listing.names, '\0');
	assert_string_equal(listing.stacks.data, stacks);
	assert_string_equal(listing.names.data, names);
	pp_buf_free(&listing.stacks);
	pp_buf_free(&listing.names);
	pp_tree_free(tree);
}

/* A stack comes before those below it, siblings by the bytes of their names. */
static void
test_order(void **state)
{
	assert_stacks("b;x 1\na;z 2\nb 3\na;y;q 4\naa 5\n\xff 6\nB 7\n",
				  "B=7 a/y/q=4 a/z=2 aa=5 b=3 b/x=1 \xff=6 ",
				  "B a y q z aa b x \xff ");
	assert_stacks("() 3\na 1\n", "=3 a=1 ", "a ");
	assert_stacks("", "", "");
}

/* Recursion is as many frames; what adds up to nothing is in no stack. */
static void
test_left_out(void **state)
{
	assert_stacks("a;a;a 4\na;a 1\n", "a/a=1 a/a/a=4 ", "a a a ");
	assert_stacks("a;b;c 4\na;b;c -4\na;d 1\ne 1\ne -1\n", "a/d=1 ", "a d ");
	assert_stacks("a 1\na -1\n", "", "");
}

static PpCode
refuse(void *ctx, PpBytes stack, int64_t self, PpError *err)
{
	return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "no");
}

static void
test_errors_end_it(void **state)
{
	PpTree *tree = tree_of_text(PP_RULES_PPROF, "a 1\nb 1\n");
	Listing listing = {.tree = tree};
	PpStackWriter writer = {list_name, refuse, ';', &listing};
	PpError err;

	pp_buf_init(&listing.names, &pp_alloc_malloc);
	assert_int_equal(pp_tree_stacks(tree, &writer, &err), PP_EINVALID);
	assert_int_equal(listing.names.len, 2);
	pp_buf_free(&listing.names);
	pp_tree_free(tree);
}

static void
test_clip(void **state)
{
	PpTree *tree = tree_of_text(PP_RULES_PPROF, "a 1\nb -1\nc;d -5\nc 2\n() -1\n");

	assert_int_equal(pp_tree_clip(tree), 3);
	assert_int_equal(pp_tree_clip(tree), 0);
	pp_tree_free(tree);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		render_test(test_order),
		render_test(test_left_out),
		render_test(test_errors_end_it),
		render_test(test_clip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
