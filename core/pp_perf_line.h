/*
 * pp_perf_line.h
 *		What single lines of "perf script" say (only for pp_perf_*.c).
 */
#ifndef PP_PERF_LINE_H
#define PP_PERF_LINE_H

#include "core/pp_lines.h"

typedef struct PpPerfFrame
{
	bool has_address, inlined;
	uint64_t address;
	PpBytes symbol; /* without offset; empty if not known */
	PpBytes dso;	/* empty if not known */
	PpBytes file;	/* of the source, if a line of its own says so */
	int64_t line;
} PpPerfFrame;

typedef struct PpPerfHeader
{
	PpBytes comm;
	PpBytes event; /* without modifiers; empty if not printed */
	bool has_pid, has_time, has_period;
	int64_t time; /* ns since some start */
	int64_t period;
	bool has_frame; /* one line is the whole sample */
	PpPerfFrame frame;
} PpPerfHeader;

/* A line that tells of a sample; any text is one, the flags say how much it looks like one. */
extern void pp_perf_header(PpBytes line, PpPerfHeader *header);

/* Could anything but perf have printed this? */
extern bool pp_perf_header_is_sure(const PpPerfHeader *header);

/* A line of a stack, trimmed. */
extern void pp_perf_frame(PpBytes text, PpPerfFrame *frame);

/* An address as perf prints it, right-aligned in 16 columns, at the front of the text? */
extern bool pp_perf_is_aligned(PpBytes text);

/* "file.c:12", perhaps " (inlined)": where the frame before is from. */
extern void pp_perf_source(PpBytes text, PpPerfFrame *frame);

#endif
