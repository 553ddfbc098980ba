/*
 * test_pp_trie.c
 *		Tries and trees of old agents.
 */
#include "stacks_text.h"

#include "core/pp_trie.h"

static void
good(PpFormatReader *read, const char *hex, const char *expected)
{
	uint8_t bytes[256];

	expect_stacks(read, NULL, bytes, unhex(hex, bytes), expected);
}

static void
bad(PpFormatReader *read, const char *hex, PpCode code, size_t offset, const char *part)
{
	uint8_t bytes[256];

	expect_error(read, NULL, &pp_limits_default, bytes, unhex(hex, bytes), code, offset, part);
}

static void
test_trie(void **state)
{
	good(pp_trie_read, "000001056d61696e3b00020161030001620400", "main;a 3|main;b 4|");
	good(pp_trie_read, "000001046d61696e0201013b0002016103000162ac0200", "main 2|main;a 3|main;b 300|");
	good(pp_trie_read,
		 "00000206666f6f3b6261000201726400017ac80100037175780100",
		 "foo;bar 100|foo;baz 200|qux 1|");
	good(pp_trie_read, "", "");
	good(pp_trie_read, "000000", "");
	/* a third node although the root announces two; and one that is missing */
	good(pp_trie_read, "000002016101000162020001630500", "a 1|b 2|c 5|");
	good(pp_trie_read, "000002016101050162020101630500", "a 1|ab 2|abc 5|");
	/* a root with a name and a value */
	good(pp_trie_read, "016107020162010001630200", "a 7|ab 1|ac 2|");
	good(pp_trie_read, "000501016101000162020001630500", " 5|a 1|b 2|c 5|");
}

static void
test_trie_fragments(void **state)
{
	/* "a;", "", "b;c", ";", "d": an empty fragment changes nothing */
	good(pp_trie_read, "00000102613b000100010103623b630201013b000101640400", "a 1|a;b;c 2|a;b;c;d 4|");
	/* a sibling behind a deep branch */
	good(pp_trie_read, "00000102666f0002056f3b783b790100017a0200", "foo;x;y 1|foz 2|");
	/* equal children add up */
	good(pp_trie_read, "0000020161010001610200", "a 3|");
}

static void
test_bad_tries(void **state)
{
	bad(pp_trie_read, "0000", PP_EMALFORMED, 2, "ends inside a node");
	bad(pp_trie_read, "0000010161", PP_EMALFORMED, 5, "ends inside a node");
	bad(pp_trie_read, "000001056162", PP_EMALFORMED, 3, "inside the name");
	bad(pp_trie_read, "ffffffffffffffffff01", PP_EMALFORMED, 0, "inside the name");
	bad(pp_trie_read, "ffffffffffffffffff02", PP_EMALFORMED, 0, "more than 64 bits");
	bad(pp_trie_read, "00ffffffffffffffffffff01", PP_EMALFORMED, 1, "more than 64 bits");
	bad(pp_trie_read, "00ffffffffffffffffff0100", PP_EOVERFLOW, 1, "out of range");
	bad(pp_trie_read, "80", PP_EMALFORMED, 0, "ends inside a node");
}

static void
test_tree(void **state)
{
	good(pp_tree_read, "000001016100020162010001630200", "a;b 1|a;c 2|");
	good(pp_tree_read, "000001046d61696e0202016103000162ac0200", "main 2|main;a 3|main;b 300|");
	good(pp_tree_read, "000000", "");
	good(pp_tree_read, "0000020161010001610200", "a 3|");
	good(pp_tree_read, "00000101610100ffff", "a 1|");
	good(pp_tree_read, "00000103613b620700", "a;b 7|");
	/* the root's own value is of no frame; an empty frame is one */
	good(pp_tree_read,
		 "000701000301016101"
		 "00",
		 " 7| 3|;a 1|");
}

static void
test_bad_trees(void **state)
{
	bad(pp_tree_read, "", PP_EMALFORMED, 0, "ends inside a node");
	bad(pp_tree_read, "0000817d", PP_EMALFORMED, 4, "ends inside a node");
	bad(pp_tree_read, "ffffffffffffffffff01", PP_EMALFORMED, 0, "inside the name");
	bad(pp_tree_read, "000001016101", PP_EMALFORMED, 6, "ends inside a node");
	bad(pp_tree_read, "0161000100", PP_EMALFORMED, 0, "must have no name");
}

/* A chain of nodes as deep as the input is long. */
static Bytes
chain(uint32_t depth)
{
	Bytes b = {malloc(3 + (size_t) depth * 4), 3 + (size_t) depth * 4};

	memcpy(b.data, "\0\0\1", 3);
	for (uint32_t i = 0; i < depth; i++)
		memcpy(b.data + 3 + (size_t) i * 4, i + 1 < depth ? "\1;\0\1" : "\1;\1\0", 4);
	return b;
}

static void
test_depth_is_bounded(void **state)
{
	Bytes b = chain(1000000);
	PpLimits limits = pp_limits_default;
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p;
	PpError err;

	assert_int_equal(pp_trie_read(NULL, b.data, b.len, &limits, arena, &p, &err), PP_ELIMIT);
	assert_string_equal(err.setting, "max_depth");
	limits.max_depth = 1 << 20;
	assert_int_equal(pp_trie_read(NULL, b.data, b.len, &limits, arena, &p, &err), PP_ELIMIT);
	assert_string_equal(err.setting, "max_frames");
	assert_int_equal(pp_tree_read(NULL, b.data, b.len, &limits, arena, &p, &err), PP_ELIMIT);
	limits.max_frames = 1 << 20;
	assert_int_equal(pp_trie_read(NULL, b.data, b.len, &limits, arena, &p, &err), PP_OK);
	assert_int_equal(p->samples[0].nlocs, 1000000);
	pp_arena_free(arena);
	free(b.data);
}

/* A long stack and many nodes on it: what is worked through is bounded, too. */
static void
test_work_is_bounded(void **state)
{
	size_t frames = 16000, nodes = 20000, at = 0;
	Bytes b = {malloc(frames * 2 + nodes * 3 + 16), 0};
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p;
	PpError err;

	b.data[at++] = 0x80 | (uint8_t) (frames * 2);
	b.data[at++] = 0x80 | (uint8_t) (frames * 2 >> 7);
	b.data[at++] = (uint8_t) (frames * 2 >> 14);
	for (size_t i = 0; i < frames; i++)
	{
		b.data[at++] = 'f';
		b.data[at++] = ';';
	}
	b.data[at++] = 0;
	b.data[at++] = 0;
	for (size_t i = 0; i < nodes; i++)
	{
		memcpy(b.data + at, "\0\1\0", 3);
		at += 3;
	}
	b.len = at;
	assert_int_equal(pp_trie_read(NULL, b.data, b.len, &pp_limits_default, arena, &p, &err),
					 PP_ELIMIT);
	assert_string_equal(err.setting, "max_total_frames");
	pp_arena_free(arena);
	free(b.data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trie),
		cmocka_unit_test(test_trie_fragments),
		cmocka_unit_test(test_bad_tries),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_bad_trees),
		cmocka_unit_test(test_depth_is_bounded),
		cmocka_unit_test(test_work_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
