/*
 * pp_measure.c
 *		Units, and how numbers and percentages are printed.
 */
#include "core/pp_measure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_ALIASES 3
#define MAX_UNITS	9

typedef struct Unit
{
	const char *name;				  /* as printed */
	const char *aliases[MAX_ALIASES]; /* as written, lower case, without plural s */
	double factor;
} Unit;

typedef struct Family
{
	int default_unit; /* where nothing fits */
	int nunits;
	Unit units[MAX_UNITS];
} Family;

static const Family families[] = {
	{0,
	 6,
	 {{"B", {"b", "byte"}, 1},
	  {"kB", {"kb", "kbyte", "kilobyte"}, 1024.0},
	  {"MB", {"mb", "mbyte", "megabyte"}, 1048576.0},
	  {"GB", {"gb", "gbyte", "gigabyte"}, 1073741824.0},
	  {"TB", {"tb", "tbyte", "terabyte"}, 1099511627776.0},
	  {"PB", {"pb", "pbyte", "petabyte"}, 1125899906842624.0}}},
	{3,
	 5,
	 {{"ns", {"ns", "nanosecond"}, 1},
	  {"us", {"us", "microsecond"}, 1e3},
	  {"ms", {"ms", "millisecond"}, 1e6},
	  {"s", {"s", "sec", "second"}, 1e9},
	  {"hrs", {"hour", "hr"}, 3.6e12}}},
	{3,
	 9,
	 {{"n*GCU", {"nanogcu"}, 1e-9},
	  {"u*GCU", {"microgcu"}, 1e-6},
	  {"m*GCU", {"milligcu"}, 1e-3},
	  {"GCU", {"gcu"}, 1},
	  {"k*GCU", {"kilogcu"}, 1e3},
	  {"M*GCU", {"megagcu"}, 1e6},
	  {"G*GCU", {"gigagcu"}, 1e9},
	  {"T*GCU", {"teragcu"}, 1e12},
	  {"P*GCU", {"petagcu"}, 1e15}}},
};

#define NFAMILIES (sizeof(families) / sizeof(families[0]))

static bool
is_text(PpBytes bytes, const char *text)
{
	return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

/* The unit of a family that a name means, or NULL. */
static const Unit *
find_unit(const Family *family, PpBytes name)
{
	char lower[16];

	if (name.len == 0 || name.len >= sizeof(lower))
		return NULL; /* longer than any alias */
	for (uint32_t i = 0; i < name.len; i++)
	{
		char c = name.data[i];

		lower[i] = c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
	}
	name.data = lower;
	if (name.len > 2 && lower[name.len - 1] == 's')
		name.len--;
	for (int u = 0; u < family->nunits; u++)
		for (int a = 0; a < MAX_ALIASES && family->units[u].aliases[a] != NULL; a++)
			if (is_text(name, family->units[u].aliases[a]))
				return &family->units[u];
	return NULL;
}

static bool
is_automatic(PpBytes unit)
{
	return is_text(unit, "minimum") || is_text(unit, "auto");
}

static double
to_unit(double x, const Unit *unit, PpBytes *name)
{
	*name = pp_bytes_cstr(unit->name);
	return x / unit->factor;
}

/* x is in the family's unit of factor 1. */
static double
scale_in_family(const Family *family, double x, PpBytes to, PpBytes *unit)
{
	const Unit *best = NULL;

	if (!is_automatic(to))
		best = find_unit(family, to);
	else
		for (int u = 0; u < family->nunits; u++)
			if (x / family->units[u].factor >= 1)
				best = &family->units[u];
	if (best == NULL)
		best = &family->units[family->default_unit];
	return to_unit(x, best, unit);
}

double
pp_measure_scale(int64_t v, PpBytes from, PpBytes to, PpBytes *unit)
{
	if (v < 0 && v != INT64_MIN)
		return -pp_measure_scale(-v, from, to, unit);
	for (size_t f = 0; f < NFAMILIES; f++)
	{
		const Unit *known = find_unit(&families[f], from);

		if (known != NULL)
			return scale_in_family(&families[f], (double) v * known->factor, to, unit);
	}
	*unit = to;
	if (is_automatic(to) || is_text(to, "count") || is_text(to, "sample") || is_text(to, "unit"))
		*unit = pp_bytes_cstr("");
	return (double) v;
}

bool
pp_measure_same_family(PpBytes a, PpBytes b)
{
	for (size_t f = 0; f < NFAMILIES; f++)
		if (find_unit(&families[f], a) != NULL && find_unit(&families[f], b) != NULL)
			return true;
	return false;
}

/* A factor in billionths, the finest unit there is: exact, and a whole number. */
static __int128
billionths(double factor)
{
	return factor < 1 ? (__int128) round(factor * 1e9) : (__int128) factor * 1000000000;
}

bool
pp_measure_whole_ratio(PpBytes from, PpBytes to, int64_t *ratio)
{
	for (size_t f = 0; f < NFAMILIES; f++)
	{
		const Unit *coarse = find_unit(&families[f], from), *fine = find_unit(&families[f], to);
		__int128 whole;

		if (coarse == NULL || fine == NULL)
			continue;
		whole = billionths(coarse->factor) / billionths(fine->factor);
		if (whole == 0 || whole > INT64_MAX ||
			whole * billionths(fine->factor) != billionths(coarse->factor))
			return false;
		*ratio = (int64_t) whole;
		return true;
	}
	return false;
}

PpMeasured
pp_measure_label(int64_t v, PpBytes from, PpBytes to)
{
	PpMeasured result;
	double x = pp_measure_scale(v, from, to, &result.unit);
	size_t len;

	snprintf(result.number, sizeof(result.number), "%.2f", x);
	len = strlen(result.number);
	if (len > 3 && strcmp(result.number + len - 3, ".00") == 0)
		result.number[len - 3] = '\0';
	if (strcmp(result.number, "0") == 0 || strcmp(result.number, "-0") == 0)
	{
		strcpy(result.number, "0");
		result.unit = pp_bytes_cstr("");
	}
	return result;
}

void
pp_buf_measured(PpBuf *buf, const PpMeasured *measured, size_t width)
{
	size_t len = strlen(measured->number) + pp_utf8_length(measured->unit);

	if (len < width)
		pp_buf_fill(buf, ' ', width - len);
	pp_buf_text(buf, measured->number);
	pp_buf_bytes(buf, measured->unit);
}

void
pp_measure_percentage(char text[PP_PERCENTAGE_SIZE], int64_t v, int64_t total)
{
	pp_measure_percentage_of(text, (double) v, (double) total);
}

void
pp_measure_percentage_of(char text[PP_PERCENTAGE_SIZE], double v, double total)
{
	double ratio = total == 0 ? 0 : fabs(v / total) * 100;

	if (ratio >= 99.95 && ratio <= 100.05)
		strcpy(text, "  100%");
	else if (ratio >= 1)
		snprintf(text, PP_PERCENTAGE_SIZE, "%5.2f%%", ratio);
	else
		snprintf(text, PP_PERCENTAGE_SIZE, "%5.2g%%", ratio);
}

bool
pp_double_to_int64(double x, int64_t *result)
{
	/* both bounds are exact in double; the comparison is false for NaN */
	if (!(x >= -9223372036854775808.0 && x < 9223372036854775808.0))
		return false;
	*result = (int64_t) x;
	return true;
}
