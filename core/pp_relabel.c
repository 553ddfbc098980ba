/*
 * pp_relabel.c
 *		One label set on, or removed from, every sample of a profile.
 *
 * The order of labels is that of pp_profile.h: texts before numbers, keys
 * ascending among each.
 */
#include "core/pp_algebra.h"
#include "core/pp_merge.h"

#define POLL_EVERY 65536 /* samples between two looks at poll() */

/* What is to be done to each sample. */
typedef struct Edit
{
	PpBytes key;
	const PpLabel *added; /* NULL: nothing */
	bool texts, numbers;  /* which labels of the key go */
} Edit;

static bool
goes(const PpProfile *p, const Edit *edit, const PpLabel *label)
{
	return (label->str != 0 ? edit->texts : edit->numbers) &&
		   pp_bytes_eq(pp_str(p, label->key), edit->key);
}

/* Does the added label stand in front of this one? */
static bool
precedes(const PpProfile *p, const Edit *edit, const PpLabel *label)
{
	bool text = label->str != 0, added_text = edit->added->str != 0;

	if (text != added_text)
		return added_text;
	return pp_bytes_cmp(pp_str(p, label->key), edit->key) > 0;
}

/* The labels of one sample as they are to be; returns how many there are then. */
static uint32_t
relabel(const PpProfile *p, const PpLabel *from, uint32_t nfrom, const Edit *edit, PpLabel *to)
{
	bool done = edit->added == NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < nfrom; i++)
	{
		if (!done && precedes(p, edit, &from[i]))
		{
			to[n++] = *edit->added;
			done = true;
		}
		if (!goes(p, edit, &from[i]))
			to[n++] = from[i];
	}
	if (!done)
		to[n++] = *edit->added;
	return n;
}

/* Apply to the copy, which shares its samples and labels with the original. */
static PpCode
apply(PpProfile *copy, const Edit *edit, PpError *err)
{
	const PpSample *samples = copy->samples;
	const PpLabel *labels = copy->labels;
	size_t total = 0;

	for (uint32_t i = 0; i < copy->nsamples; i++)
		total += (size_t) samples[i].nlabels + (edit->added != NULL);
	if (total >= UINT32_MAX)
		return pp_fail_limit(err, PP_NO_OFFSET, NULL, UINT32_MAX, "profile has too many labels");
	copy->samples = pp_arena_array(copy->arena, copy->nsamples, sizeof(PpSample));
	copy->labels = pp_arena_array(copy->arena, total, sizeof(PpLabel));
	if (copy->samples == NULL || copy->labels == NULL)
		return pp_fail_nomem(err);
	copy->nlabels = 0;
	for (uint32_t i = 0; i < copy->nsamples; i++)
	{
		PpSample sample = samples[i];

		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(pp_arena_allocator(copy->arena)))
			return pp_fail_canceled(err);
		sample.nlabels =
			relabel(copy, labels + sample.label_off, sample.nlabels, edit, copy->labels + copy->nlabels);
		sample.label_off = copy->nlabels;
		copy->nlabels += sample.nlabels;
		copy->samples[i] = sample;
	}
	return PP_OK;
}

/* text: the value, or the unit of num. */
static PpCode
set_label(const PpProfile *p, PpBytes key, PpBytes text, bool is_text, int64_t num, PpArena *arena,
		  PpProfile **out, PpError *err)
{
	PpLabel added = {.num = num};
	Edit edit = {.key = key, .added = &added, .texts = is_text, .numbers = !is_text};
	uint32_t string = 0;

	if ((*out = pp_profile_share(p, arena)) == NULL ||
		(added.key = pp_profile_add_string(*out, arena, key)) == PP_NONE ||
		(text.len > 0 && (string = pp_profile_add_string(*out, arena, text)) == PP_NONE))
		return pp_fail_nomem(err);
	if (is_text)
		added.str = string;
	else
		added.num_unit = string;
	return apply(*out, &edit, err);
}

PpCode
pp_profile_set_label(const PpProfile *p, PpBytes key, PpBytes value, PpArena *arena,
					 PpProfile **out, PpError *err)
{
	if (value.len == 0)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "label value must not be empty");
	return set_label(p, key, value, true, 0, arena, out, err);
}

PpCode
pp_profile_set_num_label(const PpProfile *p, PpBytes key, int64_t num, PpBytes unit, PpArena *arena,
						 PpProfile **out, PpError *err)
{
	if (num == 0 && unit.len == 0)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "label of number 0 must have a unit");
	return set_label(p, key, unit, false, num, arena, out, err);
}

PpCode
pp_profile_remove_label(const PpProfile *p, PpBytes key, PpArena *arena, PpProfile **out, PpError *err)
{
	Edit edit = {.key = key, .texts = true, .numbers = true};

	if ((*out = pp_profile_share(p, arena)) == NULL)
		return pp_fail_nomem(err);
	return apply(*out, &edit, err);
}
