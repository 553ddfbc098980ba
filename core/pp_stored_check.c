/*
 * pp_stored_check.c
 *		Whether a profile may become a datum: the limits that reading it back has.
 */
#include "core/pp_stored_check.h"

#include "core/pp_codec.h"
#include "core/pp_names.h"

#include <inttypes.h>

#define POLL_EVERY 65536

typedef struct Check
{
	const PpProfile *p;
	const PpAlloc *alloc;
	PpError *err;
	uint64_t longest; /* most lines of a location, at least 1 */
	uint64_t strings, lines, locrefs, labels;
} Check;

/* More than a hard limit, which no setting can raise; the name says which it is. */
static PpCode
too_many(const Check *c, const char *setting, int64_t limit, const char *what, uint64_t found)
{
	return pp_fail_limit(c->err,
						 PP_NO_OFFSET,
						 setting,
						 limit,
						 "%s: %" PRIu64 " exceeds %s, which is at most %" PRId64,
						 what,
						 found,
						 setting,
						 limit);
}

#define TOO_MANY(c, limit, what, found) too_many(c, #limit, pp_limits_hard.limit, what, found)

static PpCode
check_strings(Check *c)
{
	const PpProfile *p = c->p;
	uint64_t comments = 0;

	for (uint32_t i = 0; i < p->nstrings; i++)
	{
		c->strings += p->strings[i].len;
		if (p->strings[i].len > pp_limits_hard.max_string)
			return TOO_MANY(c, max_string, "bytes of a string", p->strings[i].len);
	}
	for (uint32_t i = 0; i < p->ncomments; i++)
		comments += pp_str(p, p->comments[i]).len;
	if (comments > (uint64_t) pp_limits_hard.max_comment_bytes)
		return TOO_MANY(c, max_comment_bytes, "bytes of comments", comments);
	return PP_OK;
}

static PpCode
check_locations(Check *c)
{
	const PpProfile *p = c->p;

	c->longest = 1;
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		c->lines += p->locations[i].nlines;
		if (p->locations[i].nlines > c->longest)
			c->longest = p->locations[i].nlines;
	}
	if (c->longest > (uint64_t) pp_limits_hard.max_lines)
		return TOO_MANY(c, max_lines, "lines of a location", c->longest);
	return PP_OK;
}

static uint64_t
count_frames(const PpProfile *p, const PpSample *sample)
{
	uint64_t frames = 0;

	for (uint32_t i = 0; i < sample->nlocs; i++)
	{
		uint32_t nlines = p->locations[p->locrefs[sample->loc_off + i]].nlines;

		frames += nlines > 0 ? nlines : 1;
	}
	return frames;
}

static PpCode
check_sample(Check *c, const PpSample *sample)
{
	uint64_t frames = sample->nlocs * c->longest;

	c->locrefs += sample->nlocs;
	c->labels += sample->nlabels;
	if (sample->nlocs > pp_limits_hard.max_depth)
		return TOO_MANY(c, max_depth, "locations of a sample", sample->nlocs);
	if (sample->nlabels > pp_limits_hard.max_labels)
		return TOO_MANY(c, max_labels, "labels of a sample", sample->nlabels);
	if (frames > (uint64_t) pp_limits_hard.max_frames)
		frames = count_frames(c->p, sample);
	if (frames > (uint64_t) pp_limits_hard.max_frames)
		return TOO_MANY(c, max_frames, "frames of a sample", frames);
	return PP_OK;
}

/* Frames of all samples together; counted only if they might be too many. */
static PpCode
check_total(Check *c)
{
	uint64_t total = 0;

	if (c->locrefs * c->longest <= (uint64_t) pp_limits_hard.max_total_frames)
		return PP_OK;
	for (uint32_t i = 0; i < c->p->nsamples; i++)
	{
		total += count_frames(c->p, &c->p->samples[i]);
		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(c->alloc))
			return pp_fail_canceled(c->err);
	}
	if (total > (uint64_t) pp_limits_hard.max_total_frames)
		return TOO_MANY(c, max_total_frames, "frames of all samples", total);
	return PP_OK;
}

static PpCode
check_keys(Check *c)
{
	const PpProfile *p = c->p;
	PpNames keys;
	uint32_t id;
	PpCode code = PP_OK;

	if (c->labels <= (uint64_t) pp_limits_hard.max_label_keys)
		return PP_OK;
	pp_names_init(&keys, c->alloc);
	for (uint32_t i = 0; code == PP_OK && i < p->nsamples; i++)
	{
		const PpSample *sample = &p->samples[i];

		for (uint32_t k = 0; code == PP_OK && k < sample->nlabels; k++)
			code =
				pp_names_intern(&keys, pp_str(p, p->labels[sample->label_off + k].key), &id, c->err);
		if (code == PP_OK && i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(c->alloc))
			code = pp_fail_canceled(c->err);
	}
	if (code == PP_OK && keys.n > pp_limits_hard.max_label_keys)
		code = TOO_MANY(c, max_label_keys, "distinct label keys", keys.n);
	pp_names_clear(&keys);
	return code;
}

/* As a message, which repeats what the stored form shares; made only if it might be too long. */
static PpCode
check_message(const Check *c)
{
	const PpProfile *p = c->p;
	uint64_t most = c->strings + p->nstrings * UINT64_C(6) + c->locrefs * 5 + c->labels * 40 +
					p->nsamples * (24 + p->ntypes * UINT64_C(10)) + c->lines * 30 +
					p->nlocations * UINT64_C(40) + p->nfunctions * UINT64_C(50) +
					p->nmappings * UINT64_C(80) + p->ncomments * UINT64_C(6) +
					p->ntypes * UINT64_C(20) + 200;
	uint8_t *message;
	size_t len;
	PpCode code;

	if (most <= (uint64_t) pp_limits_hard.max_profile_size)
		return PP_OK;
	if ((code = pp_profile_encode(p, c->alloc, &message, &len, c->err)) != PP_OK)
		return code;
	c->alloc->release(c->alloc->ctx, message);
	if (len > (size_t) pp_limits_hard.max_profile_size)
		return TOO_MANY(c, max_profile_size, "bytes of the profile as a message", len);
	return PP_OK;
}

PpCode
pp_stored_check(const PpProfile *p, const PpAlloc *alloc, PpError *err)
{
	Check c = {.p = p, .alloc = alloc, .err = err};
	PpCode code;

	if ((code = check_strings(&c)) != PP_OK || (code = check_locations(&c)) != PP_OK)
		return code;
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		if ((code = check_sample(&c, &p->samples[i])) != PP_OK)
			return code;
		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(alloc))
			return pp_fail_canceled(err);
	}
	if ((code = check_total(&c)) != PP_OK || (code = check_keys(&c)) != PP_OK)
		return code;
	return check_message(&c);
}
