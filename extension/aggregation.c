/*
 * aggregation.c
 *		How the profiles of a range become one value.
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/builtins.h"

#include "aggregation.h"

bool
aggregation_is_average(const text *name)
{
	char *aggregation = text_to_cstring(name);

	if (strcmp(aggregation, "avg") == 0)
		return true;
	if (strcmp(aggregation, "sum") == 0)
		return false;
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unknown aggregation \"%s\"", aggregation),
			errhint("Use \"sum\" or \"avg\"."));
}

int64
aggregation_step(const Interval *step)
{
	int64 usecs;

	if (step->month != 0 || pg_mul_s64_overflow(step->day, USECS_PER_DAY, &usecs) ||
		pg_add_s64_overflow(usecs, step->time, &usecs) || usecs < 1)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("step must be a positive time, without months"));
	return usecs;
}
