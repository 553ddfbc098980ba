/*
 * profile_report.h
 *		Reports of the core with the server's regular expressions.
 */
#ifndef PROFILE_REPORT_H
#define PROFILE_REPORT_H

#include "core/pp_report.h"
#include "report_options.h"

/*
 * The profile as the tool has it after loading: drop_frames applied, with a
 * NOTICE if it is no regular expression.
 */
extern PpProfile *profile_load(const PpProfile *profile, PpArena *arena);
/* The same, but drop_frames is left alone if the options say so. */
extern PpProfile *profile_load_for(const PpProfile *profile, const ReportOptions *options,
								   PpArena *arena);

#endif
