/*
 * pp_decode_labels.c
 *		Bringing the labels of each sample into the order of PpProfile.
 *
 * Keys are compared as bytes once per profile, not once per sample: a sample
 * may have hundreds of labels whose long keys differ in the last byte.  So the
 * distinct keys are sorted first, and labels by the rank of their key.
 */
#include <inttypes.h>
#include <string.h>

#include "core/pp_decode.h"

typedef struct KeyOrder
{
	Decoder *d;
	uint32_t *rank; /* by string: 0 if it is no key, else its rank from 1; equal keys share it */
	uint32_t *keys; /* strings that are keys */
	size_t nkeys;
	uint32_t *spare; /* as large as keys */
} KeyOrder;

/* Every string that is a key, in order of first use. */
static void
collect_keys(KeyOrder *order)
{
	const PpProfile *p = order->d->profile;

	for (uint32_t i = 0; i < p->nlabels; i++)
	{
		uint32_t key = p->labels[i].key;

		if (order->rank[key] == 0)
		{
			order->rank[key] = 1;
			order->keys[order->nkeys++] = key;
		}
	}
}

/* Merge sort, bottom up: the allocator is polled, and no input makes it slow. */
static void
sort_keys(KeyOrder *order)
{
	const PpProfile *p = order->d->profile;
	size_t n = order->nkeys;

	for (size_t run = 1; run < n && order->d->code == PP_OK; run *= 2)
	{
		uint32_t *from = order->keys;

		for (size_t at = 0; at < n; at += 2 * run)
		{
			size_t a = at, a_end = at + run < n ? at + run : n;
			size_t b = a_end, b_end = a_end + run < n ? a_end + run : n;

			pp_decode_poll(order->d);
			for (size_t out = at; out < b_end; out++)
			{
				bool left = b == b_end ||
							(a < a_end && pp_bytes_cmp(pp_str(p, from[a]), pp_str(p, from[b])) <= 0);

				order->spare[out] = left ? from[a++] : from[b++];
			}
		}
		order->keys = order->spare;
		order->spare = from;
	}
}

static void
rank_keys(KeyOrder *order)
{
	Decoder *d = order->d;
	uint32_t rank = 0;

	for (size_t i = 0; i < order->nkeys; i++)
	{
		PpBytes key = pp_str(d->profile, order->keys[i]);

		if (i == 0 || !pp_bytes_eq(key, pp_str(d->profile, order->keys[i - 1])))
			rank++;
		order->rank[order->keys[i]] = rank;
	}
	if (rank > d->limits->max_label_keys)
		d->code = pp_fail_limit(d->err,
								0,
								"max_label_keys",
								d->limits->max_label_keys,
								"profile has more than %" PRId64 " distinct label keys",
								d->limits->max_label_keys);
}

/* Text labels first, then by key. */
static inline uint64_t
sort_key(const uint32_t *rank, const PpLabel *label)
{
	return (uint64_t) (label->str == 0) << 32 | rank[label->key];
}

static void
sort_few(PpLabel *labels, uint32_t n, const uint32_t *rank)
{
	for (uint32_t i = 1; i < n; i++)
	{
		PpLabel label = labels[i];
		uint32_t at = i;

		for (; at > 0 && sort_key(rank, &labels[at - 1]) > sort_key(rank, &label); at--)
			labels[at] = labels[at - 1];
		labels[at] = label;
	}
}

/* Sort runs of `few` labels, then merge them. */
static void
sort_many(PpLabel *labels, uint32_t n, const uint32_t *rank, PpLabel *spare)
{
	const uint32_t few = 16;

	for (uint32_t at = 0; at < n; at += few)
		sort_few(labels + at, n - at < few ? n - at : few, rank);
	for (size_t run = few; run < n; run *= 2)
		for (size_t at = 0; at + run < n; at += 2 * run)
		{
			size_t b = at + run, b_end = b + run < n ? b + run : n;
			size_t a = 0, a_end = run, out = at;

			memcpy(spare, labels + at, run * sizeof(PpLabel));
			while (a < a_end)
			{
				if (b < b_end && sort_key(rank, &labels[b]) < sort_key(rank, &spare[a]))
					labels[out++] = labels[b++];
				else
					labels[out++] = spare[a++];
			}
		}
}

static void
sort_labels(KeyOrder *order)
{
	PpProfile *p = order->d->profile;
	Vec spare = {0};

	for (uint32_t i = 0; i < p->nsamples && order->d->code == PP_OK; i++)
	{
		const PpSample *s = &p->samples[i];
		PpLabel *labels = p->labels + s->label_off;

		if (s->nlabels <= 16)
			sort_few(labels, s->nlabels, order->rank);
		else if (vec_room(order->d, &spare, sizeof(PpLabel), s->nlabels))
			sort_many(labels, s->nlabels, order->rank, spare.data);
		if (i % PP_DECODE_POLL_EVERY == 0)
			pp_decode_poll(order->d);
	}
	order->d->alloc->release(order->d->alloc->ctx, spare.data);
}

void
pp_decode_label_order(Decoder *d)
{
	const PpProfile *p = d->profile;
	uint32_t most = p->nstrings < p->nlabels ? p->nstrings : p->nlabels;
	Vec memory = {0};

	if (!vec_room(d, &memory, sizeof(uint32_t), (size_t) p->nstrings + 2 * (size_t) most))
		return;

	uint32_t *rank = memory.data;
	KeyOrder order = {d, rank, rank + p->nstrings, 0, rank + p->nstrings + most};

	memset(rank, 0, p->nstrings * sizeof(uint32_t));
	collect_keys(&order);
	sort_keys(&order);
	if (d->code == PP_OK)
		rank_keys(&order);
	if (d->code == PP_OK)
		sort_labels(&order);
	d->alloc->release(d->alloc->ctx, memory.data);
}
