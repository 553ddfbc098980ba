/*
 * profile_report.h
 *		Reports of the core with the server's regular expressions.
 */
#ifndef PROFILE_REPORT_H
#define PROFILE_REPORT_H

#include "core/pp_report.h"

/* The profile as the tool has it after loading: drop_frames applied. */
extern PpProfile *profile_load(const PpProfile *profile, PpArena *arena);

#endif
