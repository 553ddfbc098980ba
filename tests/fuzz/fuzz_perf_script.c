/*
 * fuzz_perf_script.c
 *		Text as the output of perf script.
 */
#include "core/pp_perf_script.h"
#include "fuzz_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pp_is_perf_script(data, size);
	fuzz_reader(pp_perf_script_read, data, size);
	return 0;
}
