/*
 * pp_comments.c
 *		-comments: a line each.
 */
#include "core/pp_report_impl.h"

PpCode
pp_comments_text(const PpProfile *p, const PpReportOptions *options, const PpSearch *search,
				 PpArena *arena, PpBuf *out, PpError *err)
{
	PpReport r;
	/* filters change no comment, but bad ones are errors here, too */
	PpCode code = pp_report_prepare(&r, p, options, search, PP_REPORT_RAW, arena, err);

	for (uint32_t i = 0; code == PP_OK && i < p->ncomments; i++)
	{
		pp_buf_bytes(out, pp_str(p, p->comments[i]));
		pp_buf_char(out, '\n');
	}
	pp_report_end(&r);
	return code != PP_OK ? code : pp_buf_check(out, err);
}
