/*
 * aggregation.c
 *		How the profiles of a range become one value.
 */
#include "postgres.h"

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
