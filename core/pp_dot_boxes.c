/*
 * pp_dot_boxes.c
 *		-dot: boxes beside a node that show the labels of its samples.
 */
#include "core/pp_dot_impl.h"

#include "core/pp_dot_text.h"

#include <stdio.h>

/* A box that is shown: one of PpBoxes, or several numbers together. */
typedef struct Shown
{
	PpBytes name; /* not escaped */
	const PpBox *box;
	int64_t flat, cum;			 /* the order goes by these */
	int64_t flat_mean, cum_mean; /* and these are printed */
} Shown;

typedef struct Writer
{
	PpDotGraph *dot;
	PpArena *arena; /* of this node */
	PpBuf *out, number;
	uint32_t place; /* of the node */
	bool flat;		/* the node has callees, which show the rest of cum */
	uint32_t nboxes;
	const PpBox **boxes; /* those that count */
	bool any;			 /* something was written */
} Writer;

/* --- order --- */

typedef struct Order
{
	const Shown *shown;
	bool flat;
} Order;

/* By size; of equal ones the positive first. */
static int
cmp_values(int64_t a, int64_t b)
{
	uint64_t x = pp_graph_absolute(a), y = pp_graph_absolute(b);

	return x != y ? (x > y ? -1 : 1) : (a < 0) - (b < 0);
}

static int
cmp_shown(const void *ctx, uint32_t a, uint32_t b)
{
	const Order *order = ctx;
	const Shown *x = &order->shown[a], *y = &order->shown[b];
	int cmp = order->flat ? 0 : cmp_values(x->cum, y->cum);

	if (cmp == 0)
		cmp = cmp_values(x->flat, y->flat);
	return cmp != 0 ? cmp : pp_bytes_cmp(x->name, y->name);
}

static PpCode
sort_shown(const Writer *w, Shown **shown, uint32_t n, PpError *err)
{
	uint32_t *order = pp_arena_array(w->arena, n, sizeof(*order));
	Shown *sorted = pp_arena_array(w->arena, n, sizeof(*sorted));
	PpCode code;

	if (order == NULL || sorted == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	code = pp_sort_indexes(order,
						   n,
						   cmp_shown,
						   &(Order){*shown, w->flat},
						   pp_arena_allocator(w->arena),
						   err);
	if (code != PP_OK)
		return code;
	for (uint32_t i = 0; i < n; i++)
		sorted[i] = (*shown)[order[i]];
	*shown = sorted;
	return PP_OK;
}

/* --- numbers, several together --- */

typedef struct Group
{
	uint32_t n;
	const PpBox *first, *least, *largest;
	int64_t flat, flat_divisor, cum, cum_divisor;
} Group;

/* A number of one box where that of another is looked for: both have one unit. */
static double
scaled(const Writer *w, int64_t value)
{
	PpBytes unit = w->dot->boxes.unit;

	return pp_measure_scale(value, unit, unit, &unit);
}

static int64_t
whole(double x)
{
	int64_t value;

	return pp_double_to_int64(x, &value) ? value : x < 0 ? INT64_MIN : INT64_MAX;
}

static double
distance(const Writer *w, const PpBox *box, const Group *group)
{
	double away = scaled(w, group->first->value) - (double) box->value;

	return away < 0 ? -away : away;
}

static bool
join_group(const Writer *w, Group *group, const PpBox *box)
{
	int64_t value = whole(scaled(w, box->value));

	if (group->n++ == 0)
		group->first = group->least = group->largest = box;
	if (value < group->least->value)
		group->least = box;
	if (value > group->largest->value)
		group->largest = box;
	return !__builtin_add_overflow(group->flat, box->flat, &group->flat) &&
		   !__builtin_add_overflow(group->flat_divisor, box->flat_divisor, &group->flat_divisor) &&
		   !__builtin_add_overflow(group->cum, box->cum, &group->cum) &&
		   !__builtin_add_overflow(group->cum_divisor, box->cum_divisor, &group->cum_divisor);
}

/* 4kB, or 4kB..16kB */
static PpCode
name_group(const Writer *w, const Group *group, PpBytes *name, PpError *err)
{
	PpBytes automatic = pp_bytes_cstr("auto"), unit = w->dot->boxes.unit;
	PpMeasured least = pp_measure_label(group->least->value, unit, automatic);
	PpMeasured largest = pp_measure_label(group->largest->value, unit, automatic);
	PpBuf text;
	PpCode code;

	pp_buf_init(&text, pp_arena_allocator(w->arena));
	pp_buf_measured(&text, &least, 0);
	if (group->n > 1)
	{
		pp_buf_text(&text, "..");
		pp_buf_measured(&text, &largest, 0);
	}
	code = pp_buf_check(&text, err);
	if (code == PP_OK)
	{
		*name = (PpBytes){pp_arena_copy(w->arena, text.data, text.len), (uint32_t) text.len};
		code = name->data == NULL ? pp_fail_nomem(err) : PP_OK;
	}
	pp_buf_free(&text);
	return code;
}

/* The largest are the first of a group each; the others join the nearest. */
static PpCode
group_numbers(const Writer *w, Shown **shown, uint32_t *n, PpError *err)
{
	Group groups[PP_MAX_BOXES] = {{0}};

	for (uint32_t i = 0; i < *n; i++)
	{
		const PpBox *box = (*shown)[i].box;
		uint32_t nearest = i < PP_MAX_BOXES ? i : 0;

		for (uint32_t k = 1; i >= PP_MAX_BOXES && k < PP_MAX_BOXES; k++)
			if (distance(w, box, &groups[k]) < distance(w, box, &groups[nearest]))
				nearest = k;
		if (!join_group(w, &groups[nearest], box))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of a label is out of range for bigint");
	}
	*n = PP_MAX_BOXES;
	for (uint32_t i = 0; i < PP_MAX_BOXES; i++)
	{
		const Group *group = &groups[i];
		Shown *s = &(*shown)[i];
		PpCode code = name_group(w, group, &s->name, err);

		if (code != PP_OK)
			return code;
		s->flat = s->flat_mean = pp_graph_mean(group->flat, group->flat_divisor);
		s->cum = s->cum_mean = pp_graph_mean(group->cum, group->cum_divisor);
	}
	return sort_shown(w, shown, *n, err);
}

/* --- text --- */

/* "N4" of a node, "N4_0" of one of its boxes */
typedef struct Id
{
	char text[48];
} Id;

/* One box, and its edge from what it hangs on. */
static PpCode
write_box(Writer *w, const Id *source, const Id *id, const Shown *shown, int64_t value,
		  const char *style, PpError *err)
{
	PpBuf *out = w->out;
	PpCode code;

	w->number.len = 0;
	if ((code = pp_dot_number(&w->dot->report, value, &w->number, err)) != PP_OK)
		return code;
	w->any = true;
	pp_buf_printf(out, "%s [label = \"", id->text);
	if (shown->box->number == PP_NONE)
		pp_buf_bytes(out, w->dot->boxes.shown[shown->box->labels]);
	else
		pp_dot_escape(out, shown->name);
	pp_buf_printf(out, "\" id=\"%s\" fontsize=8 shape=box3d tooltip=\"", id->text);
	pp_buf_append(out, w->number.data, w->number.len);
	pp_buf_printf(out, "\"]\n%s -> %s [label=\" ", source->text, id->text);
	pp_buf_append(out, w->number.data, w->number.len);
	pp_buf_text(out, "\" weight=100 tooltip=\"");
	pp_buf_append(out, w->number.data, w->number.len);
	pp_buf_text(out, "\" labeltooltip=\"");
	pp_buf_append(out, w->number.data, w->number.len);
	pp_buf_printf(out, "\"%s]\n", style);
	return PP_OK;
}

/* Boxes of one kind: text labels, or the numbers that came with some. */
static PpCode
choose(const Writer *w, bool numbers, uint32_t labels, Shown **shown, uint32_t *n, PpError *err)
{
	const PpBoxes *b = &w->dot->boxes;

	*n = 0;
	if ((*shown = pp_arena_array(w->arena, w->nboxes, sizeof(**shown))) == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < w->nboxes; i++)
	{
		const PpBox *box = w->boxes[i];

		if ((box->number != PP_NONE) != numbers || (numbers && box->labels != labels))
			continue;
		(*shown)[(*n)++] =
			(Shown){.name = numbers ? b->numbers.names[box->number] : b->labels.names[box->labels],
					.box = box,
					.flat = box->flat,
					.cum = box->cum,
					.flat_mean = pp_graph_mean(box->flat, box->flat_divisor),
					.cum_mean = pp_graph_mean(box->cum, box->cum_divisor)};
	}
	return sort_shown(w, shown, *n, err);
}

static PpCode
write_numbers(Writer *w, uint32_t labels, const Id *source, PpError *err)
{
	Shown *shown;
	uint32_t n;
	PpCode code = choose(w, true, labels, &shown, &n, err);

	if (code == PP_OK && n > PP_MAX_BOXES)
		code = group_numbers(w, &shown, &n, err);
	for (uint32_t i = 0; code == PP_OK && i < n; i++)
	{
		bool flat = w->flat || shown[i].flat_mean == shown[i].cum_mean;
		int64_t value = flat ? shown[i].flat_mean : shown[i].cum_mean;
		Id id;

		if (value == 0)
			continue;
		snprintf(id.text, sizeof(id.text), "N%.24s_%u", source->text, i);
		code = write_box(w, source, &id, &shown[i], value, flat ? "" : " style=\"dotted\"", err);
	}
	return code;
}

static PpCode
write_boxes(Writer *w, PpError *err)
{
	Shown *shown;
	uint32_t n;
	Id node;
	PpCode code = choose(w, false, 0, &shown, &n, err);

	snprintf(node.text, sizeof(node.text), "N%u", w->place + 1);
	for (uint32_t i = 0; code == PP_OK && i < n && i < PP_MAX_BOXES; i++)
	{
		int64_t value = w->flat ? shown[i].flat_mean : shown[i].cum_mean;
		Id id;

		if (value == 0)
			continue;
		snprintf(id.text, sizeof(id.text), "N%u_%u", w->place + 1, i);
		if ((code = write_box(w, &node, &id, &shown[i], value, "", err)) == PP_OK)
			code = write_numbers(w, shown[i].box->labels, &id, err);
	}
	return code == PP_OK ? write_numbers(w, 0, &node, err) : code;
}

static PpCode
gather(Writer *w, uint32_t first, PpError *err)
{
	const PpBoxes *b = &w->dot->boxes;

	for (uint32_t id = first; id != PP_NONE; id = b->boxes[id].next)
		w->nboxes += pp_box_counts(b, &b->boxes[id]);
	if ((w->boxes = pp_arena_array(w->arena, w->nboxes, sizeof(*w->boxes))) == NULL)
		return pp_fail_nomem(err);
	w->nboxes = 0;
	for (uint32_t id = first; id != PP_NONE; id = b->boxes[id].next)
		if (pp_box_counts(b, &b->boxes[id]))
			w->boxes[w->nboxes++] = &b->boxes[id];
	return PP_OK;
}

PpCode
pp_dot_boxes(PpDotGraph *dot, uint32_t place, PpBuf *out, bool *any, PpError *err)
{
	const PpGraph *g = &dot->graph;
	const PpAlloc *alloc = pp_arena_allocator(dot->report.arena);
	uint32_t node = g->listed[place], first;
	Writer w = {.dot = dot, .out = out, .place = place};
	PpCode code = pp_boxes_of(&dot->boxes, place, &first, err);

	*any = false;
	if (code != PP_OK || first == PP_NONE)
		return code;
	w.flat = g->first_out[node + 1] > g->first_out[node];
	pp_buf_init(&w.number, alloc);
	w.arena = pp_arena_new(alloc);
	code = w.arena == NULL ? pp_fail_nomem(err) : gather(&w, first, err);
	if (code == PP_OK)
		code = write_boxes(&w, err);
	pp_arena_free(w.arena);
	pp_buf_free(&w.number);
	*any = w.any;
	return code;
}
