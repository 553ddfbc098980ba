/*
 * fuzz_trie.c
 *		Bytes as a trie and as a tree of stacks.
 */
#include "format_checks.h"

#include "core/pp_trie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(PpFormatReader *read, const uint8_t *data, size_t size)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p = read_checked(read, data, size, arena);

	/* values are not signed */
	for (uint32_t i = 0; p != NULL && i < p->nsamples; i++)
		require(p->values[i] > 0);
	pp_arena_free(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(pp_trie_read, data, size);
	check(pp_tree_read, data, size);
	return 0;
}
