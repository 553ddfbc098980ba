/*
 * compat.h
 *		All that differs between PostgreSQL 14 and 18.
 */
#ifndef PPROF_COMPAT_H
#define PPROF_COMPAT_H

#include "postgres.h"

#include "utils/guc.h"

/* 88103567cb8f (15): EmitWarningsOnPlaceholders became MarkGUCPrefixReserved. */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

#endif
