/*
 * fuzz_report.c
 *		Options and a profile in pprof's format: every report says what is wrong, or
 *		prints a text.  Graphs must stay graphs, whatever names and units hold.
 *
 * The first eight bytes choose the report and its options, the rest is the
 * profile.  Expressions are plain texts here: the engine is not what is tested.
 */
#define _GNU_SOURCE /* memmem */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/pp_algebra.h"
#include "core/pp_codec.h"
#include "core/pp_report.h"

#define HEADER			   8 /* bytes of options */

#define CHOOSE(list, byte) ((list)[(byte) % (sizeof(list) / sizeof((list)[0]))])

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool truth)
{
	if (!truth)
		abort();
}

/* --- expressions --- */

typedef struct Expression
{
	struct Expression *next;
	size_t len;
	char text[];
} Expression;

static void *
compile(void *ctx, PpBytes pattern, PpError *err)
{
	Expression **all = ctx, *expression = malloc(sizeof(*expression) + pattern.len);

	expression->len = 0;
	/* drop_frames come with anchors */
	for (uint32_t i = 0; i < pattern.len; i++)
		if (pattern.data[i] == '\\')
		{
			free(expression);
			pp_fail(err, PP_EINVALID, i, "no backslashes here");
			return NULL;
		}
		else if (strchr("^()$", pattern.data[i]) == NULL)
			expression->text[expression->len++] = pattern.data[i];
	expression->next = *all;
	return *all = expression;
}

static bool
search(void *ctx, void *regex, PpBytes text)
{
	const Expression *expression = regex;

	return memmem(text.data, text.len, expression->text, expression->len) != NULL;
}

/* --- options --- */

static PpBytes
choose_text(uint8_t byte)
{
	static const char *const texts[] = {"a",
										"main",
										"shop",
										"[",
										"bytes=1kb:",
										"n=-1:5",
										"thread=t,x",
										"1:",
										"user=99999999999999999999",
										"thread",
										"bytes",
										"tenant,bytes",
										"b,,n",
										"\\",
										"f1",
										""};

	return pp_bytes_cstr(CHOOSE(texts, byte));
}

/* Which of the twelve filters are given, and with what. */
static void
choose_filters(PpReportOptions *o, unsigned given, uint8_t seed)
{
	PpBytes *const filters[] = {&o->focus,
								&o->ignore,
								&o->hide,
								&o->show,
								&o->show_from,
								&o->prune_from,
								&o->tagfocus,
								&o->tagignore,
								&o->tagshow,
								&o->taghide,
								&o->tagroot,
								&o->tagleaf};

	for (unsigned i = 0; i < 12; i++)
		if (given >> i & 1)
			*filters[i] = choose_text((uint8_t) (seed + 5 * i));
}

static PpReportOptions
choose_options(const uint8_t *b)
{
	static const int64_t counts[] = {-1, 0, 1, 2, 5, 80, INT64_MAX, -2};
	static const double fractions[] = {0, 0.005, 0.1, 0.5, 1, 1e300, -0.1};
	static const char *const units[] = {"minimum", "", "auto", "ns", "hrs", "kb", "\"\n", "count"};
	static const char *const columns[] = {"", "0", "1", "cpu", "7", "inuse_space"};
	static const double divisors[] = {1, 2, 0.001, 1e-300, -3, 0};
	PpReportOptions o = pp_report_defaults();

	o.noinlines = b[1] & 1;
	o.showcolumns = b[1] & 2;
	o.cum = b[1] & 4;
	o.mean = b[1] & 8;
	o.relative_percentages = b[1] & 16;
	o.drop_negative = b[1] & 32;
	o.compact_labels = b[1] & 64;
	o.call_tree = b[1] & 128;
	o.granularity = (PpGranularity) ((b[2] & 7) % 5);
	o.trim = !(b[2] & 8);
	o.sample_index = pp_bytes_cstr(CHOOSE(columns, b[2] >> 4));
	o.nodecount = CHOOSE(counts, b[3]);
	o.nodefraction = CHOOSE(fractions, b[3] >> 3);
	o.edgefraction = CHOOSE(fractions, b[3] >> 5);
	o.unit = pp_bytes_cstr(CHOOSE(units, b[4]));
	o.divide_by = CHOOSE(divisors, b[4] >> 4);
	choose_filters(&o, b[5] | (b[6] & 15u) << 8, b[6] >> 4);
	return o;
}

/* --- reports --- */

typedef struct Run
{
	PpReportOptions options;
	PpSearch search;
	PpArena *arena;
	PpProfile *p;
	PpBuf out;
	PpError err;
} Run;

/* Outside of quoted texts there is nothing a profile could have written. */
static void
check_dot(const PpBuf *out)
{
	bool quoted = false;

	for (size_t i = 0; i < out->len; i++)
	{
		char c = out->data[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted)
			require(c != '\0' && (isalnum((unsigned char) c) || strchr(" \n_=[]{}->", c) != NULL));
		else
			require(c != '\n');
	}
	require(!quoted);
}

/* A profile that a report made is one that can be read. */
static void
check_profile(const PpProfile *p, PpArena *arena)
{
	uint8_t *bytes;
	size_t len;
	PpProfile *again;
	PpError err;

	require(pp_profile_encode(p, &pp_alloc_malloc, &bytes, &len, &err) == PP_OK);
	require(pp_profile_decode(bytes, len, &pp_limits_hard, arena, &again, &err) == PP_OK);
	require(again->nsamples == p->nsamples);
	free(bytes);
}

static PpCode
run_rows(Run *r, uint8_t which)
{
	PpTop top;
	PpEdgeRow *edges;
	PpLabelValue *values;
	size_t n;

	switch (which % 3)
	{
		case 0:
			return pp_top_rows(r->p, &r->options, &r->search, r->arena, &top, &r->err);
		case 1:
			return pp_edge_rows(r->p,
								&r->options,
								(PpEdgeSide) (which / 3 % 3),
								choose_text(which),
								&r->search,
								r->arena,
								&edges,
								&n,
								&r->err);
		default:
			return pp_label_values(r->p, &r->options, NULL, &r->search, r->arena, &values, &n, &r->err);
	}
}

static PpCode
run_profile(Run *r, bool top)
{
	PpProfile *made;
	PpCode code = top ? pp_topproto(r->p, &r->options, &r->search, r->arena, &made, &r->err)
					  : pp_report_filter(r->p, &r->options, &r->search, r->arena, &made, &r->err);

	if (code == PP_OK)
		check_profile(made, r->arena);
	return code;
}

static PpCode
run_text(Run *r, uint8_t which)
{
	static const struct
	{
		PpCode (*text)(const PpProfile *, const PpReportOptions *, const PpSearch *, PpArena *,
					   PpBuf *, PpError *);
	} texts[] = {{pp_top_text},
				 {pp_tree_text},
				 {pp_raw_text},
				 {pp_traces_text},
				 {pp_tags_text},
				 {pp_comments_text},
				 {pp_callgrind_text}};

	return CHOOSE(texts, which).text(r->p, &r->options, &r->search, r->arena, &r->out, &r->err);
}

static PpCode
run_report(Run *r, const uint8_t *header)
{
	PpCode code;

	switch (header[0] % 8)
	{
		case 0:
		case 1:
			code = pp_dot_text(r->p, &r->options, &r->search, r->arena, &r->out, &r->err);
			if (code == PP_OK)
				check_dot(&r->out);
			return code;
		case 2:
			return run_profile(r, true);
		case 3:
			return run_profile(r, false);
		case 4:
			return run_rows(r, header[7]);
		case 5:
			return pp_peek_text(r->p,
								&r->options,
								choose_text(header[7]),
								&r->search,
								r->arena,
								&r->out,
								&r->err);
		default:
			return run_text(r, header[7]);
	}
}

static PpLimits
small_limits(void)
{
	PpLimits limits = pp_limits_default;

	limits.max_profile_size = 1 << 20;
	limits.max_samples = 1000;
	limits.max_depth = 1000;
	limits.max_total_frames = 20000;
	return limits;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PpLimits limits = small_limits();
	Expression *expressions = NULL, *next;
	Run r = {.search = {compile, search, &expressions}};
	PpCode code;

	if (size < HEADER)
		return 0;
	r.arena = pp_arena_new(&pp_alloc_malloc);
	r.options = choose_options(data);
	pp_buf_init(&r.out, &pp_alloc_malloc);
	code = pp_profile_read(data + HEADER, size - HEADER, &limits, r.arena, &r.p, &r.err);
	if (code == PP_OK)
		code = pp_report_load(r.p, data[7] & 128, &r.search, r.arena, &r.p, &r.err);
	if (code == PP_OK)
		code = run_report(&r, data);
	require(code == PP_OK || (r.err.code == code && r.err.message[0] != '\0'));
	pp_buf_free(&r.out);
	pp_arena_free(r.arena);
	for (; expressions != NULL; expressions = next)
	{
		next = expressions->next;
		free(expressions);
	}
	return 0;
}
