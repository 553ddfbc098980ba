/*
 * attime.c
 *		The time syntax of from= and until=: absolute digits, or an offset from now.
 */
#include "bridge/attime.h"

#include <ctype.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)
#define MAX_TEXT 64

static bool
leap_year(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* YYYYMMDD to days since 1970; false if there is no such day after 1900. */
static bool
date_days(int64_t number, int64_t *days)
{
	static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year = (int) (number / 10000), month = (int) (number / 100 % 100), day = (int) (number % 100);

	if (year <= 1900 || month < 1 || month > 12 || day < 1 ||
		day > month_days[month - 1] + (month == 2 && leap_year(year)))
		return false;
	*days = day - 1;
	for (int m = 1; m < month; m++)
		*days += month_days[m - 1] + (m == 2 && leap_year(year));
	for (int y = 1970; y < year; y++)
		*days += 365 + leap_year(y);
	for (int y = year; y < 1970; y++)
		*days -= 365 + leap_year(y);
	return true;
}

static int64_t
absolute(const char *digits, int64_t now_ns)
{
	size_t len = strlen(digits);
	int64_t value = 0, unit_ns = NS_PER_S, days;

	if (len > 19)
		return now_ns;
	for (const char *c = digits; *c != '\0'; c++)
	{
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, *c - '0', &value))
			return now_ns;
	}
	if (len == 8 && date_days(value, &days))
		value = days * 86400;
	else if (len == 16)
		unit_ns = 1000;
	else if (len == 13)
		unit_ns = 1000000;
	else if (len == 19)
		unit_ns = 1;
	return __builtin_mul_overflow(value, unit_ns, &value) ? now_ns : value;
}

static int64_t
unit_seconds(const char *unit)
{
	if (strncmp(unit, "mon", 3) == 0 || *unit == 'M')
		return 30 * 86400;
	switch (*unit)
	{
		case 's':
			return 1;
		case 'm': /* "ms" too: clients rely on nothing finer than seconds */
			return 60;
		case 'h':
			return 3600;
		case 'd':
			return 86400;
		case 'w':
			return 7 * 86400;
		case 'y':
			return 365 * 86400;
		default:
			return 0;
	}
}

/* `<number><letters>` pairs, in seconds; false if they lead nowhere. */
static bool
offset_seconds(const char *at, bool all_pairs, int64_t *seconds)
{
	*seconds = 0;
	do
	{
		int64_t number = 0;

		if (!isdigit((unsigned char) *at))
			break;
		for (; isdigit((unsigned char) *at); at++)
		{
			if (__builtin_mul_overflow(number, 10, &number) ||
				__builtin_add_overflow(number, *at - '0', &number))
				return false;
		}
		if (__builtin_mul_overflow(number, unit_seconds(at), &number) ||
			__builtin_add_overflow(*seconds, number, seconds))
			return false;
		while (isalpha((unsigned char) *at))
			at++;
	} while (all_pairs && *at != '\0');
	return true;
}

int64_t
attime_parse(const char *text, int64_t now_ns, bool all_pairs)
{
	char clean[MAX_TEXT];
	size_t len = 0;
	const char *sign;
	int64_t seconds, ns;

	for (; *text != '\0'; text++)
	{
		if (*text == '_' || *text == ',' || isspace((unsigned char) *text))
			continue;
		if (len == MAX_TEXT - 1)
			return now_ns;
		clean[len++] = *text;
	}
	clean[len] = '\0';
	if (len > 0 && strspn(clean, "0123456789") == len)
		return absolute(clean, now_ns);
	/* what stands before the sign is a reference point, and every one means now */
	if ((sign = strchr(clean, '+')) == NULL && (sign = strchr(clean, '-')) == NULL)
		return now_ns;
	if (!offset_seconds(sign + 1, all_pairs, &seconds) ||
		__builtin_mul_overflow(seconds, NS_PER_S, &ns))
		return now_ns;
	if (*sign == '-' ? __builtin_sub_overflow(now_ns, ns, &ns)
					 : __builtin_add_overflow(now_ns, ns, &ns))
		return now_ns;
	return ns;
}
