/*
 * pp_mean.h
 *		Means of sums.
 */
#ifndef PP_MEAN_H
#define PP_MEAN_H

#include <stdint.h>

/* sum / n, rounded half away from zero; n > 0. */
static inline int64_t
pp_mean(int64_t sum, int64_t n)
{
	int64_t mean = sum / n, rest = sum % n;

	/* twice the rest might not fit */
	if (rest > 0 && rest >= n - rest)
		mean++;
	else if (rest < 0 && -rest >= n + rest)
		mean--;
	return mean;
}

#endif
