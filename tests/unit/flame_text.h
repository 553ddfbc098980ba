/*
 * flame_text.h
 *		Trees out of text, and flame graphs as text, for tests that read well.
 *
 * Stacks are lines "main;work;parse 30", root first; "() 7" has no frames and
 * " 3" one frame without a name.
 */
#ifndef FLAME_TEXT_H
#define FLAME_TEXT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pp_tree.h"

#define MAX_TEXT_DEPTH 64

static inline PpTree *
tree_of_text(PpFlameRules rules, const char *text)
{
	PpTree *tree = pp_tree_new(&pp_alloc_malloc, rules);

	while (*text != '\0')
	{
		const char *end = strchr(text, '\n'), *blank = end;
		PpBytes names[MAX_TEXT_DEPTH];
		size_t depth = 0;
		PpError err;

		while (*blank != ' ')
			blank--;
		if (strncmp(text, "() ", 3) != 0)
		{
			for (const char *p = text; p <= blank;)
			{
				const char *stop = p;

				while (stop < blank && *stop != ';')
					stop++;
				names[depth++] = (PpBytes){p, (uint32_t) (stop - p)};
				p = stop + 1;
			}
		}
		if (pp_tree_add(tree, names, depth, strtoll(blank, NULL, 10), &err) != PP_OK)
			abort();
		text = end + 1;
	}
	return tree;
}

/* Rows "level value self label[ +]", one per line; + marks a row that stands for hidden ones. */
static inline void
rows_text(const PpFlameRow *rows, size_t n, char *out)
{
	*out = '\0';
	for (size_t i = 0; i < n; i++)
		out += sprintf(out,
					   "%d %lld %lld %.*s%s\n",
					   rows[i].level,
					   (long long) rows[i].value,
					   (long long) rows[i].self,
					   (int) rows[i].label.len,
					   rows[i].label.data,
					   rows[i].truncated ? " +" : "");
}

/* "total,other,main | 0 104 0 0 | 0 100 0 2, 0 4 4 1 | total 104 max 100" */
static inline void
bearer_text(const PpFlamebearer *f, char *out)
{
	for (uint32_t i = 0; i < f->nnames; i++)
		out += sprintf(out, "%s%.*s", i > 0 ? "," : "", (int) f->names[i].len, f->names[i].data);
	for (uint32_t i = 0; i < f->nlevels; i++)
	{
		out += sprintf(out, " | ");
		for (uint32_t k = 0; k < f->level_len[i]; k++)
			out += sprintf(out,
						   "%s%lld",
						   k == 0 ? "" : (k % 4 == 0 ? ", " : " "),
						   (long long) f->levels[i][k]);
	}
	sprintf(out, " | total %lld max %lld", (long long) f->total, (long long) f->max_self);
}

#endif
