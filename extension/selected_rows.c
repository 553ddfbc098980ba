/*
 * selected_rows.c
 *		Single rows that are selected.
 *
 * Where a span or trace is asked for, a row is what its spans say; otherwise its
 * total, and its samples only for those who want them.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/pp_samples_bytes.h"
#include "core/pp_spans.h"
#include "core_glue.h"
#include "selected_rows.h"

/* What the head of samples with one part takes at most. */
#define SAMPLES_HEAD 32

static bool
wanted_span(const Selection *selection, const PpSpan *span)
{
	return (!selection->by_span || memcmp(span->span, selection->span.span, 8) == 0) &&
		   (!selection->by_trace || memcmp(span->trace, selection->span.trace, 16) == 0);
}

static uint64
samples_dict_id(const uint8_t *samples, size_t len)
{
	PpSamplesReader reader;
	PpError err;

	CORE_CHECK(pp_samples_open(&reader, samples, len, &err), &err);
	CORE_CHECK(pp_samples_part(&reader, &err), &err);
	return reader.dict_id;
}

/* The groups of spans that are wanted come first; gives how many. */
static uint32
wanted_spans(const Selection *selection, const uint8_t *spans, size_t len, PpArena *arena,
			 PpSpanGroup **groups)
{
	uint32_t n;
	uint32 wanted = 0;
	PpError err;

	if (len == 0)
		return 0;
	CORE_CHECK(pp_spans_decode(spans, len, arena, groups, &n, &err), &err);
	for (uint32_t i = 0; i < n; i++)
		if (wanted_span(selection, &(*groups)[i].id))
			(*groups)[wanted++] = (*groups)[i];
	return wanted;
}

/* Make value and samples of a row those of its spans. */
static void
take_spans(const RowReader *reader, SelectedRow *row, uint64 dict_id, const PpSpanGroup *groups,
		   uint32 ngroups)
{
	PpAlloc *alloc = core_alloc_create(CurrentMemoryContext);
	PpSamplesSum *sum = pp_samples_sum_new(alloc);
	uint8_t *data;
	size_t len;
	PpError err;

	if (sum == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	row->value = 0;
	for (uint32 i = 0; i < ngroups; i++)
	{
		PpSamplesPart part = {.dict_id = dict_id, .n = groups[i].n, .entries = groups[i].entries};

		for (uint32_t j = 0; j < groups[i].n; j++)
			row->value += groups[i].entries[j].value; /* parts of a total that fits */
		if (!reader->samples)
			continue;
		CORE_CHECK(pp_samples_encode(&part, 1, 0, alloc, &data, &len, &err), &err);
		CORE_CHECK(pp_samples_sum_add(sum, data, len, 1, &err), &err);
	}
	if (!reader->samples)
		return;
	CORE_CHECK(pp_samples_sum_encode(sum, alloc, &data, &len, &err), &err);
	row->samples = data;
	row->samples_len = len;
}

/* --- segments --- */

typedef struct OpenSegment
{
	const PlanSegment *segment;
	PpBytes ids, samples, spans;
	PpSegmentStacks stacks;
	bool opened; /* samples and stacks are there */
	PpAlloc *alloc;
} OpenSegment;

static void
row_samples(OpenSegment *open, uint32 i, uint8_t **data, size_t *len)
{
	const PlanSegment *segment = open->segment;
	PpError err;

	if (!open->opened)
	{
		open->samples = source_bytes(segment->row, SEGMENTS_SAMPLES);
		PLAN_CHECK(segment->row,
				   pp_segment_stacks(&segment->head,
									 (const uint8_t *) open->samples.data,
									 open->samples.len,
									 core_arena_create(),
									 &open->stacks,
									 &err),
				   &err);
		open->opened = true;
	}
	PLAN_CHECK(segment->row,
			   pp_segment_row(&segment->head,
							  &open->stacks,
							  (const uint8_t *) open->samples.data,
							  open->samples.len,
							  i,
							  open->alloc,
							  data,
							  len,
							  &err),
			   &err);
}

/* False: nothing of the row is in the spans that are wanted. */
static bool
spans_of_row(const RowReader *reader, OpenSegment *open, uint32 i, SelectedRow *row)
{
	PpArena *arena = core_arena_create();
	PpSpanGroup *groups;
	const uint8_t *spans;
	uint8_t *data;
	size_t len;
	uint32 n;
	PpError err;

	if (open->segment->head.spans_len[i] == 0)
		return false;
	if (open->spans.data == NULL)
		open->spans = source_bytes(open->segment->row, SEGMENTS_SPANS);
	PLAN_CHECK(open->segment->row,
			   pp_segment_row_spans(&open->segment->head,
									(const uint8_t *) open->spans.data,
									open->spans.len,
									i,
									&spans,
									&len,
									&err),
			   &err);
	n = wanted_spans(reader->plan->selection, spans, len, arena, &groups);
	if (n == 0)
		return false;
	row_samples(open, i, &data, &len);
	take_spans(reader, row, samples_dict_id(data, len), groups, n);
	return true;
}

void
rows_of_segment(void *context, const PlanSegment *segment)
{
	const RowReader *reader = context;
	const PpSegmentHead *head = &segment->head;
	bool by_span = reader->plan->selection->by_span || reader->plan->selection->by_trace;
	OpenSegment open = {.segment = segment, .alloc = core_alloc_create(CurrentMemoryContext)};

	if (reader->ids)
		open.ids = plan_ids(segment->row, head);
	for (uint32 i = 0; i < head->n; i++)
	{
		SelectedRow row = {.target = segment->target,
						   .at = head->at[i],
						   .duration = head->duration[i],
						   .series_id = head->series[head->series_index[i]],
						   .value = head->total[i],
						   .divisor = segment->target->counting ? Max(head->scale[i], 1) : 1};

		if (segment->chosen != NULL && !segment->chosen[i])
			continue;
		if (reader->ids)
			memcpy(&row.profile_id, open.ids.data + (size_t) i * UUID_LEN, UUID_LEN);
		if (by_span)
		{
			if (!spans_of_row(reader, &open, i, &row))
				continue;
		}
		else if (reader->samples)
		{
			uint8_t *data;

			row_samples(&open, i, &data, &row.samples_len);
			row.samples = data;
		}
		row.value /= (int64) row.divisor;
		reader->visit(reader->context, &row);
	}
}

/* --- raw rows --- */

/* Scale of the first part; false if it does not count events. */
static bool
counted_scale(const SourceRow *source, uint64 *scale)
{
	bytea *head = DatumGetByteaPSlice(source_value(source, RAW_SAMPLES), 0, SAMPLES_HEAD);
	PpSamplesHeader header;
	PpError err;

	CORE_CHECK(pp_samples_header((const uint8_t *) VARDATA_ANY(head),
								 VARSIZE_ANY_EXHDR(head),
								 &header,
								 &err),
			   &err);
	*scale = Max(header.scale, 1);
	return (header.flags & PP_SAMPLES_COUNTED) != 0;
}

static bool
spans_of_raw(const RowReader *reader, const SourceRow *source, SelectedRow *row)
{
	PpBytes spans = source_bytes(source, RAW_SPANS), samples;
	PpSpanGroup *groups;
	uint32 n = wanted_spans(reader->plan->selection,
							(const uint8_t *) spans.data,
							spans.len,
							core_arena_create(),
							&groups);

	if (n == 0)
		return false;
	samples = source_bytes(source, RAW_SAMPLES);
	take_spans(reader, row, samples_dict_id((const uint8_t *) samples.data, samples.len), groups, n);
	return true;
}

void
rows_of_raw(void *context, const SourceRow *source)
{
	const RowReader *reader = context;
	const Selection *selection = reader->plan->selection;
	SelectedRow row = {.target = source->target, .divisor = 1};

	row.series_id = DatumGetInt64(source_value(source, RAW_SERIES_ID));
	row.profile_id = *DatumGetUUIDP(source_value(source, RAW_PROFILE_ID));
	if (!plan_has_series(row.target->service, row.series_id) ||
		(selection->by_profile && memcmp(&row.profile_id, &selection->profile_id, UUID_LEN) != 0) ||
		(row.target->counting && !counted_scale(source, &row.divisor)))
		return;
	row.at = DatumGetTimestampTz(source_value(source, RAW_AT));
	row.duration = DatumGetInt64(source_value(source, RAW_DURATION));
	row.value = DatumGetInt64(source_value(source, RAW_TOTAL));
	if (selection->by_span || selection->by_trace)
	{
		if (!spans_of_raw(reader, source, &row))
			return;
	}
	else if (reader->samples)
	{
		PpBytes samples = source_bytes(source, RAW_SAMPLES);

		row.samples = (const uint8_t *) samples.data;
		row.samples_len = samples.len;
	}
	row.value /= (int64) row.divisor;
	reader->visit(reader->context, &row);
}
