/*
 * fuzz_chunk.c
 *		Bytes as a row of dictionary chunks: each loaded twice, by a writer and a
 *		reader; both agree, what does not load changes nothing, and what loads is
 *		verified and can be drawn.  Bytes as spans as well.
 */
#include <stdlib.h>
#include <string.h>

#include "core/pp_dict.h"
#include "core/pp_spans.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BUDGET ((size_t) 64 << 20) /* lines times nodes, holes: few bytes make much */

static size_t allocated;

static void *
bounded_alloc(void *ctx, size_t size)
{
	allocated += size;
	return allocated > BUDGET ? NULL : malloc(size);
}

static void *
bounded_resize(void *ctx, void *ptr, size_t size)
{
	allocated += size;
	return allocated > BUDGET ? NULL : realloc(ptr, size);
}

static void
bounded_release(void *ctx, void *ptr)
{
	free(ptr);
}

static const PpAlloc bounded = {bounded_alloc, bounded_resize, bounded_release, NULL, NULL};

static void
require(bool truth)
{
	if (!truth)
		abort();
}

static void
draw(const PpDict *reader)
{
	PpTree *tree = pp_tree_new(&bounded, PP_RULES_PYROSCOPE);
	PpSampleEntry entry = {pp_dict_count(reader, PP_DICT_STACKS) - 1, 1};
	PpSamplesPart part = {.dict_id = 1, .n = 1, .entries = &entry};
	PpArena *arena = pp_arena_new(&bounded);
	PpProfile *profile;
	PpError err;

	if (tree != NULL && arena != NULL && pp_dict_count(reader, PP_DICT_STACKS) > 0)
	{
		PpCode code = pp_dict_scatter(reader, &part, tree, &err);

		/* the last id is never a hole */
		require(code == PP_OK || code == PP_ENOMEM);
		code =
			pp_dict_resolve(reader, &part, (PpBytes){"", 0}, (PpBytes){"", 0}, arena, &profile, &err);
		require(code == PP_OK || code == PP_ENOMEM);
	}
	pp_arena_free(arena);
	pp_tree_free(tree);
}

static void
fuzz_spans(const uint8_t *data, size_t size)
{
	PpArena *arena = pp_arena_new(&bounded);
	PpSpanGroup *groups;
	uint32_t n;
	PpError err;

	if (arena != NULL)
		(void) pp_spans_decode(data, size, arena, &groups, &n, &err);
	pp_arena_free(arena);
}

/* False when memory ended: the two may differ then. */
static bool
load(PpDict *writer, PpDict *reader, const uint8_t *data, size_t size)
{
	uint32_t count = pp_dict_count(reader, PP_DICT_STACKS);
	uint32_t holes = pp_dict_holes(reader, PP_DICT_STACKS);
	PpError err;
	PpCode written = pp_dict_load(writer, data, size, &err);
	PpCode read = pp_dict_load(reader, data, size, &err);

	if (written == PP_ENOMEM || read == PP_ENOMEM)
		return false;
	require(written == read);
	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
		require(pp_dict_count(writer, kind) == pp_dict_count(reader, kind) &&
				pp_dict_holes(writer, kind) == pp_dict_holes(reader, kind));
	if (read != PP_OK)
		require(pp_dict_count(reader, PP_DICT_STACKS) == count &&
				pp_dict_holes(reader, PP_DICT_STACKS) == holes);
	require(pp_dict_verify(reader, &err) == PP_OK && pp_dict_verify(writer, &err) == PP_OK);
	return true;
}

static void
fuzz_row(PpDict *writer, PpDict *reader, const uint8_t *data, size_t size)
{
	PpChunkWalk walk;
	const uint8_t *chunk;
	uint32_t number;
	size_t len;
	PpError err;

	if (pp_chunks_open(&walk, data, size, 7, &err) != PP_OK)
		return;
	while (pp_chunks_next(&walk, &number, &chunk, &len, &err) == PP_OK && chunk != NULL)
	{
		require(chunk >= data && len <= size && chunk + len <= data + size);
		if (!load(writer, reader, chunk, len))
			return;
	}
	draw(reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PpDict *writer, *reader;

	allocated = 0;
	writer = pp_dict_new(&bounded, true, 1);
	reader = pp_dict_new(&bounded, false, 1);
	if (writer != NULL && reader != NULL)
		fuzz_row(writer, reader, data, size);
	pp_dict_free(writer);
	pp_dict_free(reader);
	fuzz_spans(data, size);
	return 0;
}
