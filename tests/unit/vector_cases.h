/*
 * vector_cases.h
 *		Cases that the reference tool was run with: a list of names, arguments, files.
 */
#ifndef VECTOR_CASES_H
#define VECTOR_CASES_H

#include "core/pp_report_impl.h"
#include "pp_test.h"

typedef enum VectorReport
{
	VECTOR_NONE,
	VECTOR_TOP,
	VECTOR_TREE,
	VECTOR_RAW,
	VECTOR_TRACES,
	VECTOR_TAGS,
	VECTOR_COMMENTS,
	VECTOR_PROTO,
	VECTOR_DOT,
	VECTOR_CALLGRIND,
	VECTOR_TOPPROTO,
	VECTOR_PEEK
} VectorReport;

typedef struct VectorCase
{
	const char *suite, *folder; /* of expected output, of inputs */
	char name[64], args[256], files[256];
	char deviation[32];
	int exit; /* of the reference tool */

	VectorReport report;
	PpReportOptions options;
	PpBytes peek;
	bool all_frames, normalize;
	const char *base, *diff_base;
} VectorCase;

/* Read the arguments; false for one that is not known. */
extern bool vector_parse(VectorCase *c);

/* The profile that the tool makes of a case's files before it reports. */
extern PpCode vector_load(const VectorCase *c, const PpSearch *search, PpArena *arena,
						  PpProfile **out, PpError *err);

/* Cut a field off a line, up to a tab or the end. */
extern char *vector_field(char **line);

/* A column of the line of a list (by name, or by name and suite) that is about a case. */
extern bool vector_look_up(const char *list, const VectorCase *c, bool with_suite, int column,
						   char *value, size_t size);

#endif
