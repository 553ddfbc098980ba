/*
 * fuzz_chunk.c
 *		Bytes as dictionary chunks: loaded twice, as a writer and as a reader; both
 *		agree, and what loads is verified and can be drawn.  Bytes as spans as well.
 */
#include <stdlib.h>
#include <string.h>

#include "core/pp_dict.h"
#include "core/pp_spans.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BUDGET ((size_t) 256 << 20) /* lines times nodes: few bytes make many frames */

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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PpDict *writer, *reader;
	PpError err;

	allocated = 0;
	writer = pp_dict_new(&bounded, true, 1);
	reader = pp_dict_new(&bounded, false, 1);
	if (writer != NULL && reader != NULL)
	{
		PpCode written = pp_dict_load(writer, data, size, &err);
		PpCode read = pp_dict_load(reader, data, size, &err);

		if (written != PP_ENOMEM && read != PP_ENOMEM)
			require((written == PP_OK) == (read == PP_OK));
		if (read == PP_OK)
		{
			PpCode code = pp_dict_verify(reader, &err);

			/* equal nodes are all that a chunk can have and a dictionary must not */
			require(code == PP_OK || code == PP_ENOMEM || code == PP_EMALFORMED);
			draw(reader);
		}
	}
	pp_dict_free(writer);
	pp_dict_free(reader);
	fuzz_spans(data, size);
	return 0;
}
