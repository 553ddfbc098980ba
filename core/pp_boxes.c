/*
 * pp_boxes.c
 *		Labels of the samples that pass a node.
 */
#include "core/pp_boxes.h"

#include "core/pp_dot_text.h"

#include <string.h>

#define POLL_EVERY 4096		  /* samples between two looks at poll() */
#define MAX_VISITS (1u << 20) /* boxes that may be there for several nodes together */

static const PpAlloc *
allocator(const PpBoxes *b)
{
	return pp_arena_allocator(b->graph->report->arena);
}

static bool
is_shown_number(const PpProfile *p, const PpLabel *label)
{
	return label->str == 0 && pp_bytes_eq(pp_str(p, label->key), pp_bytes_cstr("bytes"));
}

/* The tool's own mark of samples to be subtracted is not shown. */
static bool
is_shown_text(const PpProfile *p, const PpLabel *label)
{
	return label->str != 0 && !pp_bytes_eq(pp_str(p, label->key), pp_bytes_cstr("pprof::base"));
}

/* --- the labels of samples --- */

/* key:value of each text label of a sample */
typedef struct Pairs
{
	PpBuf text; /* one behind the other */
	size_t *ends;
	uint32_t *order;
	uint32_t n, cap;
	PpBuf joined, shown;
} Pairs;

static PpBytes
nth_pair(const Pairs *pairs, uint32_t i)
{
	size_t start = i == 0 ? 0 : pairs->ends[i - 1];

	return (PpBytes){pairs->text.data + start, (uint32_t) (pairs->ends[i] - start)};
}

static int
cmp_pairs(const void *ctx, uint32_t a, uint32_t b)
{
	return pp_bytes_cmp(nth_pair(ctx, a), nth_pair(ctx, b));
}

static PpCode
reserve_pairs(PpBoxes *b, Pairs *pairs, uint32_t n, PpError *err)
{
	if (n <= pairs->cap)
		return PP_OK;
	pairs->cap = n * 2;
	pairs->ends = pp_arena_array(b->graph->report->arena, pairs->cap, sizeof(*pairs->ends));
	pairs->order = pp_arena_array(b->graph->report->arena, pairs->cap, sizeof(*pairs->order));
	return pairs->ends == NULL || pairs->order == NULL ? pp_fail_nomem(err) : PP_OK;
}

static PpBytes
bytes_of(const PpBuf *text)
{
	return (PpBytes){text->len > 0 ? text->data : "", (uint32_t) text->len};
}

/* All pairs, sorted, in one text: as the tool compares them, and as dot reads them. */
static PpCode
join_pairs(PpBoxes *b, Pairs *pairs, const PpSample *sample, PpError *err)
{
	const PpProfile *p = b->graph->report->p;
	PpCode code = reserve_pairs(b, pairs, sample->nlabels, err);

	if (code != PP_OK)
		return code;
	pairs->text.len = pairs->joined.len = pairs->shown.len = 0;
	pairs->n = 0;
	for (uint32_t i = 0; i < sample->nlabels; i++)
	{
		const PpLabel *label = &p->labels[sample->label_off + i];

		if (!is_shown_text(p, label))
			continue;
		pp_buf_bytes(&pairs->text, pp_str(p, label->key));
		pp_buf_char(&pairs->text, ':');
		pp_buf_bytes(&pairs->text, pp_str(p, label->str));
		pairs->order[pairs->n] = pairs->n;
		pairs->ends[pairs->n++] = pairs->text.len;
	}
	if ((code = pp_buf_check(&pairs->text, err)) != PP_OK ||
		(code = pp_sort_indexes(pairs->order, pairs->n, cmp_pairs, pairs, allocator(b), err)) != PP_OK)
		return code;
	for (uint32_t i = 0; i < pairs->n; i++)
	{
		PpBytes pair = nth_pair(pairs, pairs->order[i]);

		pp_buf_text(&pairs->joined, i > 0 ? "\\n" : "");
		pp_buf_bytes(&pairs->joined, pair);
		pp_buf_text(&pairs->shown, i > 0 ? "\\n" : "");
		pp_dot_escape(&pairs->shown, pair);
	}
	if (pairs->joined.len > UINT32_MAX / 4)
		return pp_fail_limit(err, PP_NO_OFFSET, NULL, UINT32_MAX / 4, "labels of a sample are too long");
	return pairs->joined.failed || pairs->shown.failed ? pp_fail_nomem(err) : PP_OK;
}

static PpCode
intern_labels(PpBoxes *b, const Pairs *pairs, uint32_t *id, PpError *err)
{
	PpBytes text = bytes_of(&pairs->shown), *shown;
	PpCode code = pp_names_intern(&b->labels, bytes_of(&pairs->joined), id, err);

	if (code != PP_OK || *id < b->nshown)
		return code;
	shown = pp_graph_grow(allocator(b), b->shown, b->nshown, &b->cap_shown, sizeof(*shown));
	if (shown == NULL)
		return pp_fail_nomem(err);
	b->shown = shown;
	text.data = pp_arena_copy(b->graph->report->arena, text.data, text.len);
	b->shown[b->nshown++] = text;
	return text.data == NULL ? pp_fail_nomem(err) : PP_OK;
}

/* The printed number is what tells number boxes apart. */
static PpCode
intern_number(PpBoxes *b, uint32_t label, PpError *err)
{
	const PpReport *r = b->graph->report;
	const PpLabel *number = &r->p->labels[label];
	PpBytes unit = r->options->unit.len > 0 ? r->options->unit : pp_bytes_cstr("minimum");
	PpMeasured measured;
	PpBuf text;
	PpCode code;

	b->unit = pp_label_unit(&r->units, number);
	measured = pp_measure_label(number->num, b->unit, unit);
	pp_buf_init(&text, allocator(b));
	pp_buf_measured(&text, &measured, 0);
	code = pp_buf_check(&text, err);
	if (code == PP_OK)
		code = pp_names_intern(&b->numbers, bytes_of(&text), &b->label_numbers[label], err);
	pp_buf_free(&text);
	return code;
}

static PpCode
intern_sample(PpBoxes *b, Pairs *pairs, uint32_t i, PpError *err)
{
	const PpProfile *p = b->graph->report->p;
	const PpSample *sample = &p->samples[i];
	PpCode code;

	for (uint32_t k = sample->label_off; k < sample->label_off + sample->nlabels; k++)
	{
		if (!is_shown_number(p, &p->labels[k]))
			continue;
		b->any = true;
		if ((code = intern_number(b, k, err)) != PP_OK)
			return code;
	}
	if ((code = join_pairs(b, pairs, sample, err)) != PP_OK)
		return code;
	b->any = b->any || pairs->n > 0;
	return intern_labels(b, pairs, &b->sample_labels[i], err);
}

static PpCode
intern_samples(PpBoxes *b, PpError *err)
{
	const PpProfile *p = b->graph->report->p;
	Pairs pairs = {.n = 0};
	PpCode code;

	pp_buf_init(&pairs.text, allocator(b));
	pp_buf_init(&pairs.joined, allocator(b));
	pp_buf_init(&pairs.shown, allocator(b));
	code = intern_labels(b, &pairs, &(uint32_t){0}, err); /* no labels: 0 */
	for (uint32_t i = 0; code == PP_OK && i < p->nsamples; i++)
	{
		b->sample_labels[i] = 0;
		if (p->samples[i].nlabels > 0)
			code = intern_sample(b, &pairs, i, err);
		if (code == PP_OK && i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(allocator(b)))
			code = pp_fail_canceled(err);
	}
	pp_buf_free(&pairs.text);
	pp_buf_free(&pairs.joined);
	pp_buf_free(&pairs.shown);
	return code;
}

/* Nodes on the longest stack. */
static size_t
longest_path(const PpGraph *g)
{
	const PpProfile *p = g->report->p;
	size_t longest = 0;

	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		size_t n = 0;

		for (uint32_t k = 0; k < p->samples[i].nlocs; k++)
		{
			uint32_t loc = p->locrefs[p->samples[i].loc_off + k];

			n += g->first_node[loc + 1] - g->first_node[loc];
		}
		if (n > longest)
			longest = n;
	}
	return longest;
}

PpCode
pp_boxes_init(PpBoxes *b, const PpGraph *g, const PpCallTree *tree, PpError *err)
{
	const PpProfile *p = g->report->p;
	PpArena *arena = g->report->arena;
	PpCode code;

	memset(b, 0, sizeof(*b));
	b->graph = g;
	b->tree = tree;
	pp_names_init(&b->labels, allocator(b));
	pp_names_init(&b->numbers, allocator(b));
	b->sample_labels = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	b->label_numbers = pp_arena_array(arena, p->nlabels, sizeof(uint32_t));
	if (b->sample_labels == NULL || b->label_numbers == NULL)
		return pp_fail_nomem(err);
	memset(b->label_numbers, 0xFF, p->nlabels * sizeof(uint32_t)); /* PP_NONE */
	if ((code = intern_samples(b, err)) != PP_OK || !b->any)
		return code;
	b->place = pp_arena_array(arena, g->nnodes, sizeof(uint32_t));
	b->seen = pp_arena_zalloc(arena, g->nnodes * sizeof(*b->seen));
	b->visits = pp_arena_array(arena, g->nnodes, sizeof(*b->visits));
	b->first = pp_arena_array(arena, g->nnodes, sizeof(uint32_t));
	b->last = pp_arena_array(arena, g->nnodes, sizeof(uint32_t));
	b->path = pp_arena_array(arena, longest_path(g), sizeof(uint32_t));
	if (b->place == NULL || b->seen == NULL || b->visits == NULL || b->first == NULL ||
		b->last == NULL || b->path == NULL)
		return pp_fail_nomem(err);
	return PP_OK;
}

void
pp_boxes_clear(PpBoxes *b)
{
	const PpAlloc *alloc;

	if (b->graph == NULL)
		return;
	alloc = allocator(b);
	pp_names_clear(&b->labels);
	pp_names_clear(&b->numbers);
	pp_table_free(&b->table, alloc);
	alloc->release(alloc->ctx, b->shown);
	alloc->release(alloc->ctx, b->boxes);
	memset(b, 0, sizeof(*b));
}

/* --- the nodes of samples --- */

static void
walk_tree(PpBoxes *b, uint32_t sample)
{
	b->npath = 0;
	b->leaf = b->tree->leaf[sample];
	for (uint32_t id = b->leaf; id != PP_NONE; id = b->tree->parent[id])
		b->path[b->npath++] = id;
}

/* As values are added up: nodes that are not kept are passed over. */
static void
walk_graph(PpBoxes *b, uint32_t sample)
{
	const PpGraph *g = b->graph;
	const PpProfile *p = g->report->p;
	const PpSample *s = &p->samples[sample];

	b->npath = 0;
	b->leaf = PP_NONE;
	b->stamp++;
	for (uint32_t i = s->nlocs; i-- > 0;)
	{
		uint32_t loc = p->locrefs[s->loc_off + i];

		for (uint32_t k = g->first_node[loc + 1]; k-- > g->first_node[loc];)
		{
			uint32_t id = g->location_nodes[k];

			b->leaf = PP_NONE;
			if (!g->nodes[id].kept)
				continue;
			b->leaf = id;
			if (b->seen[id] == b->stamp)
				continue;
			b->seen[id] = b->stamp;
			b->path[b->npath++] = id;
		}
	}
}

static bool
walk(PpBoxes *b, uint32_t sample)
{
	const PpReport *r = b->graph->report;

	if (r->p->samples[sample].nlabels == 0 ||
		(pp_report_value(r, sample) == 0 && pp_report_divisor(r, sample) == 0))
		return false;
	if (b->tree != NULL)
		walk_tree(b, sample);
	else
		walk_graph(b, sample);
	return true;
}

/* --- boxes --- */

/* What a sample adds to boxes of a node. */
typedef struct Addition
{
	uint32_t sample, node;
	bool flat; /* to flat values, else to cum */
	bool make; /* boxes that are not there yet */
} Addition;

static PpCode
find_box(PpBoxes *b, const PpBox *wanted, bool make, PpBox **found, PpError *err)
{
	uint64_t h = pp_table_mix(b->labels.seed, (uint64_t) wanted->labels << 32 | wanted->number);
	uint32_t hash = pp_table_fold(pp_table_mix(h, wanted->node));
	size_t at = pp_table_first(&b->table, hash);
	uint32_t id, place = b->place[wanted->node] - b->from;
	PpBox *boxes;

	*found = NULL;
	while ((id = pp_table_next(&b->table, hash, &at)) != PP_NONE)
	{
		*found = &b->boxes[id];
		if ((*found)->node == wanted->node && (*found)->labels == wanted->labels &&
			(*found)->number == wanted->number)
			return PP_OK;
	}
	*found = NULL;
	if (!make)
		return PP_OK;
	boxes = pp_graph_grow(allocator(b), b->boxes, b->nboxes, &b->cap_boxes, sizeof(*boxes));
	if (boxes == NULL)
		return pp_fail_nomem(err);
	b->boxes = boxes;
	if (!pp_table_reserve(&b->table, allocator(b)))
		return pp_fail_nomem(err);
	id = b->nboxes++;
	b->boxes[id] = *wanted;
	pp_table_insert(&b->table, hash, id);
	*(b->first[place] == PP_NONE ? &b->first[place] : &b->boxes[b->last[place]].next) = id;
	b->last[place] = id;
	*found = &b->boxes[id];
	return PP_OK;
}

static PpCode
add_to(PpBoxes *b, const Addition *a, PpBox wanted, PpError *err)
{
	const PpReport *r = b->graph->report;
	int64_t value = pp_report_value(r, a->sample), divisor = pp_report_divisor(r, a->sample);
	PpBox *box;
	PpCode code = find_box(b, &wanted, a->make, &box, err);

	if (code != PP_OK || box == NULL)
		return code;
	if (a->flat ? __builtin_add_overflow(box->flat, value, &box->flat) ||
					  __builtin_add_overflow(box->flat_divisor, divisor, &box->flat_divisor)
				: __builtin_add_overflow(box->cum, value, &box->cum) ||
					  __builtin_add_overflow(box->cum_divisor, divisor, &box->cum_divisor))
		return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of a label is out of range for bigint");
	return PP_OK;
}

/* A sample counts for the box of its text labels and for that of each number. */
static PpCode
add_labels(PpBoxes *b, const Addition *a, PpError *err)
{
	const PpProfile *p = b->graph->report->p;
	const PpSample *sample = &p->samples[a->sample];
	PpBox wanted = {.node = a->node,
					.labels = b->sample_labels[a->sample],
					.number = PP_NONE,
					.next = PP_NONE};
	PpCode code = wanted.labels != 0 ? add_to(b, a, wanted, err) : PP_OK;

	for (uint32_t i = sample->label_off; code == PP_OK && i < sample->label_off + sample->nlabels; i++)
	{
		if (b->label_numbers[i] == PP_NONE)
			continue;
		wanted.number = b->label_numbers[i];
		wanted.value = p->labels[i].num;
		code = add_to(b, a, wanted, err);
	}
	return code;
}

static bool
is_wanted(const PpBoxes *b, uint32_t node)
{
	return b->place[node] >= b->from && b->place[node] < b->to; /* PP_NONE is not */
}

/*
 * One walk over the samples: the boxes of all nodes they pass, or only those
 * boxes that have a flat value.
 */
static PpCode
collect(PpBoxes *b, bool cum, bool make_cum, bool flat, PpError *err)
{
	uint32_t nsamples = b->graph->report->p->nsamples;

	for (uint32_t i = 0; i < nsamples; i++)
	{
		PpCode code = PP_OK;

		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(allocator(b)))
			return pp_fail_canceled(err);
		if (!walk(b, i))
			continue;
		for (uint32_t k = 0; cum && code == PP_OK && k < b->npath; k++)
			if (is_wanted(b, b->path[k]))
				code = add_labels(b, &(Addition){i, b->path[k], false, make_cum}, err);
		if (code == PP_OK && flat && b->leaf != PP_NONE && is_wanted(b, b->leaf))
			code = add_labels(b, &(Addition){i, b->leaf, true, true}, err);
		if (code != PP_OK)
			return code;
	}
	return PP_OK;
}

static void
forget(PpBoxes *b, uint32_t from, uint32_t to)
{
	b->from = from;
	b->to = to;
	b->nboxes = 0;
	pp_table_free(&b->table, allocator(b));
	for (uint32_t i = 0; i < to - from; i++)
		b->first[i] = PP_NONE;
}

static uint32_t
possible_boxes(const PpBoxes *b, uint32_t sample)
{
	const PpSample *s = &b->graph->report->p->samples[sample];
	uint32_t n = b->sample_labels[sample] != 0;

	for (uint32_t i = s->label_off; i < s->label_off + s->nlabels; i++)
		n += b->label_numbers[i] != PP_NONE;
	return n;
}

PpCode
pp_boxes_start(PpBoxes *b, uint64_t smallest, PpError *err)
{
	const PpGraph *g = b->graph;

	b->smallest = smallest;
	if (!b->any)
		return PP_OK;
	memset(b->place, 0xFF, g->nnodes * sizeof(uint32_t)); /* PP_NONE */
	for (uint32_t i = 0; i < g->nlisted; i++)
	{
		b->place[g->listed[i]] = i;
		b->visits[i] = 0;
	}
	for (uint32_t i = 0; i < g->report->p->nsamples; i++)
	{
		uint32_t n;

		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(allocator(b)))
			return pp_fail_canceled(err);
		if (!walk(b, i))
			continue;
		n = possible_boxes(b, i);
		for (uint32_t k = 0; k < b->npath; k++)
			if (b->place[b->path[k]] != PP_NONE)
				b->visits[b->place[b->path[k]]] += n;
	}
	forget(b, 0, 0);
	return PP_OK;
}

PpCode
pp_boxes_select(PpBoxes *b, int64_t count, uint32_t *selected, PpError *err)
{
	uint32_t nlisted = b->graph->nlisted;
	int64_t sum = 0;
	PpCode code = PP_OK;

	if (b->any)
	{
		forget(b, 0, nlisted);
		if ((code = collect(b, false, false, true, err)) == PP_OK && b->smallest > 0)
			code = collect(b, true, false, false, err);
	}
	for (*selected = 0; code == PP_OK && *selected < nlisted && sum < count; (*selected)++)
	{
		uint32_t id = b->any ? b->first[*selected] : PP_NONE, n = 0;

		for (; id != PP_NONE && n < PP_MAX_BOXES; id = b->boxes[id].next)
			n += b->boxes[id].flat != 0 && pp_box_counts(b, &b->boxes[id]);
		sum += n + 1;
	}
	return code;
}

PpCode
pp_boxes_of(PpBoxes *b, uint32_t place, uint32_t *first, PpError *err)
{
	*first = PP_NONE;
	if (!b->any)
		return PP_OK;
	if (place < b->from || place >= b->to)
	{
		uint64_t visits = b->visits[place];
		uint32_t to = place + 1;
		PpCode code;

		while (to < b->graph->nlisted && visits + b->visits[to] <= MAX_VISITS)
			visits += b->visits[to++];
		forget(b, place, to);
		if (visits > 0 && (code = collect(b, true, true, true, err)) != PP_OK)
			return code;
	}
	*first = b->first[place - b->from];
	return PP_OK;
}
