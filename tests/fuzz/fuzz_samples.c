/*
 * fuzz_samples.c
 *		Bytes as pprof.samples: read, checked, added up; what is good must
 *		come back equal after a second sum.
 */
#include <stdlib.h>
#include <string.h>

#include "core/pp_samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static PpCode
ignore(void *ctx, uint64_t dict_id, uint32_t stack, int64_t value, PpError *err)
{
	return PP_OK;
}

static void
require(bool truth)
{
	if (!truth)
		abort();
}

/* The sum's bytes are good, and summing them changes nothing. */
static void
check_closed(const PpSamplesSum *sum)
{
	PpSamplesSum *again = pp_samples_sum_new(&pp_alloc_malloc);
	uint8_t *bytes, *bytes_again;
	size_t len, len_again;
	PpError err;

	require(pp_samples_sum_encode(sum, &pp_alloc_malloc, &bytes, &len, &err) == PP_OK);
	require(pp_samples_check(bytes, len, &err) == PP_OK);
	require(pp_samples_sum_add(again, bytes, len, 1, &err) == PP_OK);
	require(pp_samples_sum_encode(again, &pp_alloc_malloc, &bytes_again, &len_again, &err) == PP_OK);
	require(len == len_again && memcmp(bytes, bytes_again, len) == 0);
	free(bytes);
	free(bytes_again);
	pp_samples_sum_free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PpSamplesSum *sum;
	PpError err;
	PpCode visited = pp_samples_visit(data, size, ignore, NULL, &err);

	if (pp_samples_check(data, size, &err) == PP_OK)
		require(visited == PP_OK);
	sum = pp_samples_sum_new(&pp_alloc_malloc);
	if (pp_samples_sum_add(sum, data, size, 1, &err) == PP_OK)
	{
		require(visited == PP_OK);
		check_closed(sum);
	}
	pp_samples_sum_free(sum);
	return 0;
}
