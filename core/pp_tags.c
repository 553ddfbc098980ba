/*
 * pp_tags.c
 *		-tags: sums of sample values by label value, as text and as rows.
 */
#include "core/pp_graph.h"

#include <string.h>

/* A value of a label key. */
typedef struct Tag
{
	uint32_t key, text, unit; /* in names */
	bool is_number;
	int64_t num;
	int64_t total, divisor;
} Tag;

typedef struct Tags
{
	const PpReport *report;
	bool printed; /* numbers are told apart by how they are printed */
	PpNames names;
	PpTable table;
	Tag *tags;
	uint32_t n, cap;
	PpBuf scratch;
} Tags;

static PpCode
tags_init(Tags *t, const PpReport *report, bool printed, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(report->arena);
	uint32_t id;

	memset(t, 0, sizeof(*t));
	t->report = report;
	t->printed = printed;
	pp_names_init(&t->names, alloc);
	pp_buf_init(&t->scratch, alloc);
	return pp_names_intern(&t->names, (PpBytes){"", 0}, &id, err);
}

static void
tags_clear(Tags *t)
{
	const PpAlloc *alloc = pp_arena_allocator(t->report->arena);

	pp_names_clear(&t->names);
	pp_buf_free(&t->scratch);
	pp_table_free(&t->table, alloc);
	if (t->tags != NULL)
		alloc->release(alloc->ctx, t->tags);
}

static PpCode
intern_tag(Tags *t, const Tag *wanted, Tag **found, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(t->report->arena);
	uint64_t h = pp_table_mix(t->names.seed, (uint64_t) wanted->key << 32 | wanted->text);
	uint32_t hash, i;
	size_t at;
	Tag *tags;

	hash = pp_table_fold(pp_table_mix(pp_table_mix(h, (uint64_t) wanted->num),
									  wanted->unit * 2 + wanted->is_number));
	at = pp_table_first(&t->table, hash);
	while ((i = pp_table_next(&t->table, hash, &at)) != PP_NONE)
	{
		*found = &t->tags[i];
		if ((*found)->key == wanted->key && (*found)->text == wanted->text &&
			(*found)->num == wanted->num && (*found)->unit == wanted->unit &&
			(*found)->is_number == wanted->is_number)
			return PP_OK;
	}
	if ((tags = pp_graph_grow(alloc, t->tags, t->n, &t->cap, sizeof(*tags))) == NULL)
		return pp_fail_nomem(err);
	t->tags = tags;
	if (!pp_table_reserve(&t->table, alloc))
		return pp_fail_nomem(err);
	pp_table_insert(&t->table, hash, t->n);
	*found = &tags[t->n++];
	**found = *wanted;
	return PP_OK;
}

/* What tells this label's value apart, without a sum. */
static PpCode
tag_of_label(Tags *t, const PpLabel *label, Tag *tag, PpError *err)
{
	const PpReport *r = t->report;
	PpBytes text = pp_str(r->p, label->str);
	PpCode code;

	memset(tag, 0, sizeof(*tag));
	if ((code = pp_names_intern(&t->names, pp_str(r->p, label->key), &tag->key, err)) != PP_OK)
		return code;
	if (label->str == 0 && !t->printed)
	{
		tag->is_number = true;
		tag->num = label->num;
		return pp_names_intern(&t->names, pp_str(r->p, label->num_unit), &tag->unit, err);
	}
	if (label->str == 0)
	{
		PpMeasured number = pp_measure_label(label->num, pp_label_unit(&r->units, label), r->unit);

		t->scratch.len = 0;
		pp_buf_measured(&t->scratch, &number, 0);
		if ((code = pp_buf_check(&t->scratch, err)) != PP_OK)
			return code;
		text = (PpBytes){t->scratch.data, (uint32_t) t->scratch.len};
	}
	return pp_names_intern(&t->names, text, &tag->text, err);
}

/* Of one key, or of all for NULL. */
static PpCode
add_samples(Tags *t, const PpBytes *key, PpError *err)
{
	const PpReport *r = t->report;

	for (uint32_t i = 0; i < r->p->nsamples; i++)
	{
		const PpSample *sample = &r->p->samples[i];

		for (uint32_t k = 0; k < sample->nlabels; k++)
		{
			const PpLabel *label = &r->p->labels[sample->label_off + k];
			Tag wanted, *tag = NULL;
			PpCode code;

			if (key != NULL && !pp_bytes_eq(*key, pp_str(r->p, label->key)))
				continue;
			if ((code = tag_of_label(t, label, &wanted, err)) != PP_OK ||
				(code = intern_tag(t, &wanted, &tag, err)) != PP_OK)
				return code;
			if (__builtin_add_overflow(tag->total, pp_report_value(r, i), &tag->total) ||
				__builtin_add_overflow(tag->divisor, pp_report_divisor(r, i), &tag->divisor))
				return pp_fail(err,
							   PP_EOVERFLOW,
							   PP_NO_OFFSET,
							   "sum of a label value is out of range for bigint");
		}
		if (i % 4096 == 4095 && pp_poll(pp_arena_allocator(r->arena)))
			return pp_fail_canceled(err);
	}
	return PP_OK;
}

/* By key, then the largest first. */
static int
cmp_tags(const void *ctx, uint32_t a, uint32_t b)
{
	const Tags *t = ctx;
	const Tag *x = &t->tags[a], *y = &t->tags[b];
	uint64_t x_size = pp_graph_absolute(x->total), y_size = pp_graph_absolute(y->total);
	int cmp = pp_bytes_cmp(t->names.names[x->key], t->names.names[y->key]);

	if (cmp == 0)
		cmp = (x_size < y_size) - (x_size > y_size);
	if (cmp == 0)
		cmp = (x->total < 0) - (y->total < 0);
	if (cmp == 0)
		cmp = x->is_number - y->is_number;
	if (cmp == 0)
		cmp = pp_bytes_cmp(t->names.names[x->text], t->names.names[y->text]);
	if (cmp == 0)
		cmp = (x->num > y->num) - (x->num < y->num);
	if (cmp == 0)
		cmp = pp_bytes_cmp(t->names.names[x->unit], t->names.names[y->unit]);
	return cmp;
}

static PpCode
sorted_tags(Tags *t, const PpBytes *key, uint32_t **order, PpError *err)
{
	PpArena *arena = t->report->arena;
	PpCode code = add_samples(t, key, err);

	if (code != PP_OK)
		return code;
	if ((*order = pp_arena_array(arena, t->n, sizeof(**order))) == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < t->n; i++)
		(*order)[i] = i;
	return pp_sort_indexes(*order, t->n, cmp_tags, t, pp_arena_allocator(arena), err);
}

/* Text that must not break the columns. */
static void
append_flat(PpBuf *out, PpBytes text)
{
	size_t start = out->len;

	pp_buf_bytes(out, text);
	for (size_t i = start; !out->failed && i < out->len; i++)
		if (out->data[i] >= '\t' && out->data[i] <= '\f')
			out->data[i] = ' ';
}

/* "90ms (36.00%):", in the scratch */
static PpCode
print_total(Tags *t, const Tag *tag, PpBytes *text, PpError *err)
{
	const PpReport *r = t->report;
	PpCode code;

	t->scratch.len = 0;
	if ((code = pp_report_number(r, &t->scratch, tag->total, 0, err)) != PP_OK)
		return code;
	if (r->total > 0)
	{
		char percentage[PP_PERCENTAGE_SIZE];

		pp_measure_percentage(percentage, tag->total, r->total);
		pp_buf_printf(&t->scratch, " (%s)", percentage);
	}
	pp_buf_char(&t->scratch, ':');
	*text = (PpBytes){t->scratch.data, (uint32_t) t->scratch.len};
	return pp_buf_check(&t->scratch, err);
}

/* The first line of a key: what all its values come to. */
static PpCode
append_key(Tags *t, const uint32_t *order, uint32_t n, size_t *width, PpBuf *out, PpError *err)
{
	const PpReport *r = t->report;
	PpBytes key = t->names.names[t->tags[order[0]].key];
	char percentage[PP_PERCENTAGE_SIZE];
	__int128 sum = 0;
	PpCode code;

	for (uint32_t i = 0; i < n; i++)
		sum += t->tags[order[i]].total;
	if (sum > INT64_MAX || sum < INT64_MIN)
		return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of a label key is out of range for bigint");
	*width = pp_utf8_length(key) + 2;
	pp_buf_char(out, ' ');
	append_flat(out, key);
	pp_buf_text(out, ": Total ");
	if ((code = pp_report_number(r, out, (int64_t) sum, 0, err)) != PP_OK)
		return code;
	pp_buf_text(out, " of ");
	if ((code = pp_report_number(r, out, r->total, 0, err)) != PP_OK)
		return code;
	if (r->total > 0)
	{
		pp_measure_percentage(percentage, (int64_t) sum, r->total);
		pp_buf_printf(out, " (%s)", percentage);
	}
	pp_buf_char(out, '\n');
	return PP_OK;
}

/* All values of one key. */
static PpCode
append_values(Tags *t, const uint32_t *order, uint32_t n, PpBuf *out, PpError *err)
{
	size_t key_width = 0, width = 0;
	PpBytes text;
	PpCode code = append_key(t, order, n, &key_width, out, err);

	for (uint32_t i = 0; code == PP_OK && i < n; i++)
	{
		size_t len;

		if ((code = print_total(t, &t->tags[order[i]], &text, err)) != PP_OK)
			return code;
		len = pp_utf8_length(text);
		width = len > width ? len : width;
	}
	for (uint32_t i = 0; code == PP_OK && i < n; i++)
	{
		const Tag *tag = &t->tags[order[i]];

		if ((code = print_total(t, tag, &text, err)) != PP_OK)
			return code;
		pp_buf_fill(out, ' ', key_width);
		pp_buf_right(out, text, width + 1);
		pp_buf_char(out, ' ');
		append_flat(out, t->names.names[tag->text]);
		pp_buf_char(out, '\n');
		if (i % 4096 == 4095 && pp_poll(out->alloc))
			return pp_fail_canceled(err);
	}
	pp_buf_char(out, '\n');
	return code;
}

static PpCode
append_tags(Tags *t, PpBuf *out, PpError *err)
{
	uint32_t *order;
	PpCode code = sorted_tags(t, NULL, &order, err);

	for (uint32_t i = 0, n; code == PP_OK && i < t->n; i += n)
	{
		for (n = 1; i + n < t->n && t->tags[order[i + n]].key == t->tags[order[i]].key;)
			n++;
		code = append_values(t, order + i, n, out, err);
	}
	return code;
}

PpCode
pp_tags_text(const PpProfile *p, const PpReportOptions *options, const PpSearch *search,
			 PpArena *arena, PpBuf *out, PpError *err)
{
	PpReport r;
	Tags tags;
	PpCode code = pp_report_prepare(&r, p, options, search, PP_REPORT_PLAIN, arena, err);

	if (code == PP_OK)
	{
		if ((code = tags_init(&tags, &r, true, err)) == PP_OK)
			code = append_tags(&tags, out, err);
		tags_clear(&tags);
	}
	pp_report_end(&r);
	return code != PP_OK ? code : pp_buf_check(out, err);
}

static PpCode
copy_bytes(const Tags *t, uint32_t name, PpBytes *copy, PpError *err)
{
	PpBytes bytes = t->names.names[name];

	*copy = (PpBytes){pp_arena_copy(t->report->arena, bytes.data, bytes.len), bytes.len};
	return copy->data != NULL ? PP_OK : pp_fail_nomem(err);
}

static PpCode
make_rows(Tags *t, const PpBytes *key, PpLabelValue **rows, size_t *n, PpError *err)
{
	uint32_t *order;
	PpCode code = sorted_tags(t, key, &order, err);

	if (code != PP_OK)
		return code;
	if ((*rows = pp_arena_array(t->report->arena, t->n, sizeof(**rows))) == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < t->n; i++)
	{
		const Tag *tag = &t->tags[order[i]];
		PpLabelValue *row = &(*rows)[i];

		row->is_number = tag->is_number;
		row->num = tag->num;
		row->total = pp_graph_mean(tag->total, tag->divisor);
		if ((code = copy_bytes(t, tag->key, &row->key, err)) != PP_OK ||
			(code = copy_bytes(t, tag->text, &row->text, err)) != PP_OK ||
			(code = copy_bytes(t, tag->unit, &row->unit, err)) != PP_OK)
			return code;
	}
	*n = t->n;
	return PP_OK;
}

PpCode
pp_label_values(const PpProfile *p, const PpReportOptions *options, const PpBytes *key,
				const PpSearch *search, PpArena *arena, PpLabelValue **rows, size_t *n, PpError *err)
{
	PpReport r;
	Tags tags;
	PpCode code = pp_report_prepare(&r, p, options, search, PP_REPORT_PLAIN, arena, err);

	*rows = NULL;
	*n = 0;
	if (code == PP_OK)
	{
		if ((code = tags_init(&tags, &r, false, err)) == PP_OK)
			code = make_rows(&tags, key, rows, n, err);
		tags_clear(&tags);
	}
	pp_report_end(&r);
	return code;
}
