/*
 * pp_test.h
 *		What the tests of the codecs share: files, wire bytes, equality of profiles.
 *
 * Tests run in the top directory of the source, where tests/data is.
 */
#ifndef PP_TEST_H
#define PP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>

#include "core/pp_codec.h"

#define TEST_DATA "tests/data/pprof/"

typedef struct Bytes
{
	uint8_t *data;
	size_t len;
} Bytes;

/* The file, in memory of exactly its size, so that sanitizers see the end. */
static inline Bytes
bytes_of_file(const char *dir, const char *name)
{
	char path[512];
	Bytes b = {NULL, 0};
	FILE *file;

	snprintf(path, sizeof(path), "%s%s", dir, name);
	file = fopen(path, "rb");
	if (file == NULL)
		fail_msg("cannot open %s", path);
	fseek(file, 0, SEEK_END);
	b.len = (size_t) ftell(file);
	rewind(file);
	b.data = malloc(b.len + (b.len == 0));
	assert_int_equal(fread(b.data, 1, b.len, file), b.len);
	fclose(file);
	return b;
}

/* Call visit for each file of a directory whose name ends so. */
static inline int
each_file(const char *dir, const char *suffix, void (*visit)(const char *name, Bytes bytes))
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	int n = 0;

	if (d == NULL)
		fail_msg("cannot open %s: run the tests in the top directory", dir);
	while ((entry = readdir(d)) != NULL)
	{
		size_t len = strlen(entry->d_name), suffix_len = strlen(suffix);
		Bytes b;

		if (len < suffix_len || strcmp(entry->d_name + len - suffix_len, suffix) != 0)
			continue;
		b = bytes_of_file(dir, entry->d_name);
		visit(entry->d_name, b);
		free(b.data);
		n++;
	}
	closedir(d);
	return n;
}

/* --- building messages by hand --- */

typedef struct Wire
{
	uint8_t data[4096];
	size_t len;
} Wire;

static inline void
wire_number(Wire *w, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		w->data[w->len++] = (uint8_t) value | 0x80;
	w->data[w->len++] = (uint8_t) value;
}

static inline void
wire_varint(Wire *w, uint32_t field, uint64_t value)
{
	wire_number(w, field << 3);
	wire_number(w, value);
}

static inline void
wire_bytes(Wire *w, uint32_t field, const void *data, size_t len)
{
	wire_number(w, field << 3 | 2);
	wire_number(w, len);
	assert_true(w->len + len <= sizeof(w->data));
	memcpy(w->data + w->len, data, len);
	w->len += len;
}

static inline void
wire_string(Wire *w, const char *text)
{
	wire_bytes(w, 6, text, strlen(text));
}

static inline void
wire_message(Wire *w, uint32_t field, const Wire *inside)
{
	wire_bytes(w, field, inside->data, inside->len);
}

/* A message of numbers: fields 1, 2, ... in order, zeros left out. */
static inline void
wire_numbers(Wire *w, uint32_t field, int n, const uint64_t *values)
{
	Wire inside = {.len = 0};

	for (int i = 0; i < n; i++)
		if (values[i] != 0)
			wire_varint(&inside, (uint32_t) i + 1, values[i]);
	wire_message(w, field, &inside);
}

#define WIRE_NUMBERS(w, field, ...)                                                                \
	wire_numbers(w,                                                                                \
				 field,                                                                            \
				 (int) (sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)),                     \
				 (uint64_t[]){__VA_ARGS__})

/* --- equality --- */

static inline void
assert_string(const PpProfile *a, uint32_t i, const PpProfile *b, uint32_t j)
{
	assert_true(i < a->nstrings && j < b->nstrings);
	assert_true(pp_bytes_eq(pp_str(a, i), pp_str(b, j)));
}

static inline void
assert_same_header(const PpProfile *a, const PpProfile *b)
{
	assert_int_equal(a->ntypes, b->ntypes);
	for (uint32_t i = 0; i < a->ntypes; i++)
	{
		assert_string(a, a->types[i].type, b, b->types[i].type);
		assert_string(a, a->types[i].unit, b, b->types[i].unit);
	}
	assert_string(a, a->period_type.type, b, b->period_type.type);
	assert_string(a, a->period_type.unit, b, b->period_type.unit);
	assert_int_equal(a->period, b->period);
	assert_int_equal(a->time_nanos, b->time_nanos);
	assert_int_equal(a->duration_nanos, b->duration_nanos);
	assert_string(a, a->drop_frames, b, b->drop_frames);
	assert_string(a, a->keep_frames, b, b->keep_frames);
	assert_string(a, a->default_sample_type, b, b->default_sample_type);
	assert_string(a, a->doc_url, b, b->doc_url);
	assert_int_equal(a->ncomments, b->ncomments);
	for (uint32_t i = 0; i < a->ncomments; i++)
		assert_string(a, a->comments[i], b, b->comments[i]);
}

static inline void
assert_same_tables(const PpProfile *a, const PpProfile *b)
{
	assert_int_equal(a->nmappings, b->nmappings);
	for (uint32_t i = 0; i < a->nmappings; i++)
	{
		const PpMapping *x = &a->mappings[i], *y = &b->mappings[i];

		assert_true(x->id == y->id && x->start == y->start && x->limit == y->limit);
		assert_true(x->offset == y->offset && x->flags == y->flags);
		assert_string(a, x->filename, b, y->filename);
		assert_string(a, x->build_id, b, y->build_id);
	}
	assert_int_equal(a->nfunctions, b->nfunctions);
	for (uint32_t i = 0; i < a->nfunctions; i++)
	{
		const PpFunction *x = &a->functions[i], *y = &b->functions[i];

		assert_true(x->id == y->id && x->start_line == y->start_line);
		assert_string(a, x->name, b, y->name);
		assert_string(a, x->system_name, b, y->system_name);
		assert_string(a, x->filename, b, y->filename);
	}
	assert_int_equal(a->nlocations, b->nlocations);
	for (uint32_t i = 0; i < a->nlocations; i++)
	{
		const PpLocation *x = &a->locations[i], *y = &b->locations[i];

		assert_true(x->id == y->id && x->address == y->address && x->mapping == y->mapping);
		assert_true(!x->is_folded == !y->is_folded && x->nlines == y->nlines);
		for (uint32_t j = 0; j < x->nlines; j++)
		{
			const PpLine *m = &a->lines[x->line_off + j], *n = &b->lines[y->line_off + j];

			assert_true(m->function == n->function && m->line == n->line);
			assert_true(m->column == n->column);
		}
	}
}

static inline void
assert_same_samples(const PpProfile *a, const PpProfile *b)
{
	assert_int_equal(a->nsamples, b->nsamples);
	for (uint32_t i = 0; i < a->nsamples; i++)
	{
		const PpSample *x = &a->samples[i], *y = &b->samples[i];

		assert_int_equal(x->nlocs, y->nlocs);
		for (uint32_t j = 0; j < x->nlocs; j++)
			assert_int_equal(a->locrefs[x->loc_off + j], b->locrefs[y->loc_off + j]);
		for (uint32_t j = 0; j < a->ntypes; j++)
			assert_true(a->values[(size_t) i * a->ntypes + j] ==
						b->values[(size_t) i * b->ntypes + j]);
		assert_int_equal(x->nlabels, y->nlabels);
		for (uint32_t j = 0; j < x->nlabels; j++)
		{
			const PpLabel *m = &a->labels[x->label_off + j], *n = &b->labels[y->label_off + j];

			assert_string(a, m->key, b, n->key);
			assert_string(a, m->str, b, n->str);
			assert_string(a, m->num_unit, b, n->num_unit);
			assert_true(m->num == n->num && (m->str == 0) == (n->str == 0));
		}
	}
}

static inline void
assert_same_profile(const PpProfile *a, const PpProfile *b)
{
	assert_same_header(a, b);
	assert_same_tables(a, b);
	assert_same_samples(a, b);
}

#endif
