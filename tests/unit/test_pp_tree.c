/*
 * test_pp_tree.c
 *		The call tree against a plain model, over thousands of random profiles, and
 *		flame graphs of real bytes against stored ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/pp_codec.h"
#include "core/pp_merge.h"
#include "flame_text.h"
#include "pp_search_pcre2.h"

#define DEPTH	   7
#define MAX_NODES  2048
#define MAX_STACKS 128

static const char *const pool[] =
	{"a", "b", "other", "total", "", "\xc3\xa9t\xc3\xa9", "<unknown>", "aa", "\xff"};

#define NPOOL (sizeof(pool) / sizeof(pool[0]))

typedef struct Stack
{
	size_t depth;
	int names[DEPTH]; /* root first */
	int64_t value;
} Stack;

typedef struct Input
{
	size_t n;
	Stack stacks[MAX_STACKS];
} Input;

static uint64_t seed = 42;

static uint64_t
next_random(void)
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void
random_input(Input *in)
{
	uint64_t values = 1 + next_random() % 40;

	in->n = next_random() % (next_random() % 4 == 0 ? MAX_STACKS : 12);
	for (size_t i = 0; i < in->n; i++)
	{
		in->stacks[i].depth = next_random() % (DEPTH + 1);
		for (size_t k = 0; k < in->stacks[i].depth; k++)
			in->stacks[i].names[k] = next_random() % NPOOL;
		in->stacks[i].value = (int64_t) (next_random() % values) - (int64_t) (values / 5);
	}
}

/*
 * The model: nodes with pointers, recursion, sorting.  Nothing is shared with the
 * code under test but the rules.
 */
typedef struct Node
{
	const char *name;
	int64_t self, total;
	struct Node *parent, *child[NPOOL];
	int nchildren;
} Node;

typedef struct Model
{
	bool pyroscope;
	Node nodes[MAX_NODES];
	int n;
	int64_t threshold;
	int64_t hidden;
	char *out;
} Model;

static Model model;
static char expected[1 << 20], actual[1 << 20];

static const char *
shown_name(int name)
{
	return !model.pyroscope && pool[name][0] == '\0' ? "<unknown>" : pool[name];
}

static Node *
model_child(Node *parent, const char *name)
{
	Node *node;

	for (int i = 0; i < parent->nchildren; i++)
	{
		if (strcmp(parent->child[i]->name, name) == 0)
			return parent->child[i];
	}
	node = &model.nodes[model.n++];
	assert_true(model.n < MAX_NODES);
	memset(node, 0, sizeof(*node));
	node->name = name;
	node->parent = parent;
	parent->child[parent->nchildren++] = node;
	return node;
}

static void
model_build(const Input *in, bool pyroscope)
{
	model.pyroscope = pyroscope;
	memset(&model.nodes[0], 0, sizeof(Node));
	model.n = 1;
	for (size_t i = 0; i < in->n; i++)
	{
		const Stack *stack = &in->stacks[i];
		Node *node = &model.nodes[0];

		if (stack->value == 0 || (pyroscope && (stack->value < 0 || stack->depth == 0)))
			continue;
		for (size_t k = 0; k < stack->depth; k++)
			node = model_child(node, shown_name(stack->names[k]));
		node->self += stack->value;
		for (; node != NULL; node = node->parent)
			node->total += stack->value;
	}
}

static int64_t
size_of(int64_t value)
{
	return value < 0 ? -value : value;
}

static int
larger_first(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;

	return (x < y) - (x > y);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp((*(Node *const *) a)->name, (*(Node *const *) b)->name);
}

static int
by_value(const void *a, const void *b)
{
	int64_t x = (*(Node *const *) a)->total, y = (*(Node *const *) b)->total;

	return x != y ? (x < y) - (x > y) : by_name(a, b);
}

static int
nodes_below(const Node *node)
{
	int n = 1;

	for (int i = 0; i < node->nchildren; i++)
		n += nodes_below(node->child[i]);
	return n;
}

static void
model_print(Node *node, int level)
{
	int64_t folded = 0;
	bool truncated = false;

	model.out += sprintf(model.out,
						 "%d %lld %lld %s\n",
						 level,
						 (long long) node->total,
						 (long long) node->self,
						 level == 0 ? "total" : node->name);
	qsort(node->child, node->nchildren, sizeof(Node *), model.pyroscope ? by_name : by_value);
	for (int i = 0; i < node->nchildren; i++)
	{
		Node *child = node->child[i];
		bool low = size_of(child->total) < model.threshold;

		if (!low && !(model.pyroscope && strcmp(child->name, "other") == 0))
		{
			model_print(child, level + 1);
			continue;
		}
		folded += child->total;
		truncated = truncated || low;
		model.hidden += low ? nodes_below(child) : 0;
	}
	if (folded != 0)
		model.out += sprintf(model.out,
							 "%d %lld %lld other%s\n",
							 level + 1,
							 (long long) folded,
							 (long long) folded,
							 truncated ? " +" : "");
}

static void
model_rows(int64_t max_nodes)
{
	static int64_t totals[MAX_NODES];

	model.threshold = 0;
	model.hidden = 0;
	model.out = expected;
	for (int i = 1; i < model.n; i++)
		totals[i - 1] = size_of(model.nodes[i].total);
	if (max_nodes >= 1 && model.n - 1 > max_nodes)
	{
		qsort(totals, model.n - 1, sizeof(int64_t), larger_first);
		model.threshold = totals[max_nodes - 1];
	}
	model_print(&model.nodes[0], 0);
}

/* Ways of putting the input into a tree. */
static void
add_stacks(PpTree *tree, const Input *in, size_t from, size_t to)
{
	PpError err;

	for (size_t i = from; i < to; i++)
	{
		PpBytes names[DEPTH];

		for (size_t k = 0; k < in->stacks[i].depth; k++)
			names[k] = pp_bytes_cstr(pool[in->stacks[i].names[k]]);
		assert_int_equal(pp_tree_add(tree, names, in->stacks[i].depth, in->stacks[i].value, &err),
						 PP_OK);
	}
}

/*
 * As arrays: a chain of nodes for each stack, or, with share, one node per
 * (parent, name), which makes siblings distinct.
 */
static void
add_arrays(PpTree *tree, const Input *in, size_t from, size_t to, bool share)
{
	static uint32_t parent[MAX_STACKS * DEPTH + 1], name[MAX_STACKS * DEPTH + 1];
	static int64_t self[MAX_STACKS * DEPTH + 1];
	PpBytes names[NPOOL];
	uint32_t n = 1;
	PpError err;

	for (size_t i = 0; i < NPOOL; i++)
		names[i] = pp_bytes_cstr(pool[i]);
	parent[0] = 77;
	name[0] = 77;
	self[0] = 0;
	for (size_t i = from; i < to; i++)
	{
		uint32_t node = 0;

		for (size_t k = 0; k < in->stacks[i].depth; k++)
		{
			uint32_t next = n;

			for (uint32_t c = 1; share && c < n; c++)
			{
				if (parent[c] == node && name[c] == (uint32_t) in->stacks[i].names[k])
					next = c;
			}
			if (next == n)
			{
				parent[n] = node;
				name[n] = in->stacks[i].names[k];
				self[n++] = 0;
			}
			node = next;
		}
		self[node] += in->stacks[i].value;
	}
	assert_int_equal(pp_tree_add_nodes(tree, n, parent, name, names, NPOOL, self, share, &err),
					 PP_OK);
}

/* As a profile: frames in locations of one to three lines, or without any for an empty name. */
static void
add_profile(PpTree *tree, const Input *in)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p = pp_profile_new(arena);
	uint32_t nlocs = 0, nlines = 0, nrefs = 0;
	PpError err;

	p->nstrings = NPOOL + 1;
	p->strings = pp_arena_zalloc(arena, p->nstrings * sizeof(PpBytes));
	p->strings[0] = pp_bytes_cstr("");
	p->functions = pp_arena_zalloc(arena, NPOOL * sizeof(PpFunction));
	p->nfunctions = NPOOL;
	for (uint32_t i = 0; i < NPOOL; i++)
	{
		p->strings[i + 1] = pp_bytes_cstr(pool[i]);
		p->functions[i] = (PpFunction){.id = i + 1, .name = i + 1};
	}
	p->ntypes = 2;
	p->types = pp_arena_zalloc(arena, 2 * sizeof(PpValueType));
	p->nsamples = in->n;
	p->samples = pp_arena_zalloc(arena, (in->n + 1) * sizeof(PpSample));
	p->values = pp_arena_zalloc(arena, (in->n + 1) * 2 * sizeof(int64_t));
	p->locations = pp_arena_zalloc(arena, (in->n * DEPTH + 1) * sizeof(PpLocation));
	p->lines = pp_arena_zalloc(arena, (in->n * DEPTH + 1) * sizeof(PpLine));
	p->locrefs = pp_arena_zalloc(arena, (in->n * DEPTH + 1) * sizeof(uint32_t));
	for (size_t i = 0; i < in->n; i++)
	{
		const Stack *stack = &in->stacks[i];

		p->samples[i] = (PpSample){.loc_off = nrefs};
		p->values[2 * i] = 1000;
		p->values[2 * i + 1] = stack->value;
		for (size_t k = stack->depth; k > 0;)
		{
			PpLocation *loc = &p->locations[nlocs];
			size_t lines = 1 + next_random() % 3;

			*loc = (PpLocation){.id = nlocs + 1, .mapping = PP_NONE, .line_off = nlines};
			for (; k > 0 && loc->nlines < lines; k--, loc->nlines++)
			{
				bool bare = !model.pyroscope && loc->nlines == 0 &&
							pool[stack->names[k - 1]][0] == '\0' && next_random() % 2 == 0;

				if (bare)
				{
					k--;
					break;
				}
				p->lines[nlines++] = (PpLine){.function = stack->names[k - 1]};
			}
			p->locrefs[nrefs++] = nlocs++;
			p->samples[i].nlocs++;
		}
	}
	p->nlocations = nlocs;
	p->nlines = nlines;
	p->nlocrefs = nrefs;
	assert_int_equal(pp_tree_add_profile(tree, p, 1, &err), PP_OK);
	assert_int_equal(pp_tree_add_profile(tree, p, 2, &err), PP_EINVALID);
	pp_arena_free(arena);
}

/* Boxes of the level encoding must be where the rows say. */
static void
check_bearer(const PpFlameRow *rows, size_t nrows, PpArena *arena)
{
	static int64_t next[DEPTH + 4], end[DEPTH + 4];
	static uint32_t at[DEPTH + 4];
	PpFlamebearer f;
	PpError err;

	assert_int_equal(pp_flamebearer(rows, nrows, arena, &f, &err), PP_OK);
	memset(next, 0, sizeof(next));
	memset(end, 0, sizeof(end));
	memset(at, 0, sizeof(at));
	for (size_t i = 0; i < nrows; i++)
	{
		int32_t level = rows[i].level;
		const int64_t *group = f.levels[level] + at[level];

		assert_true(at[level] < f.level_len[level]);
		assert_int_equal(end[level] + group[0], next[level]);
		assert_int_equal(group[1], rows[i].value);
		assert_int_equal(group[2], rows[i].self);
		assert_true(pp_bytes_eq(f.names[group[3]], rows[i].label));
		next[level + 1] = next[level] + rows[i].self;
		end[level] = next[level] += rows[i].value;
		at[level] += 4;
	}
	for (uint32_t i = 0; i < f.nlevels; i++)
		assert_int_equal(at[i], f.level_len[i]);
}

static void
check_tree(PpTree *tree, int64_t max_nodes)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpFlameRow *rows;
	size_t nrows;
	int64_t hidden;
	PpError err;

	assert_int_equal(pp_tree_size(tree), model.n - 1);
	assert_int_equal(pp_tree_flame(tree, max_nodes, arena, &rows, &nrows, &hidden, &err), PP_OK);
	rows_text(rows, nrows, actual);
	assert_string_equal(actual, expected);
	assert_int_equal(hidden, model.hidden);
	check_bearer(rows, nrows, arena);
	assert_true(pp_tree_memory(tree) > 0);
	pp_arena_free(arena);
}

static void
check_random_rules(PpFlameRules rules)
{
	static Input in;

	for (int round = 0; round < 3000; round++)
	{
		PpTree *trees[5];
		size_t half;

		random_input(&in);
		/* arrays hold sums: for comparison drop what only single stacks can say */
		for (size_t i = 0; i < in.n && round % 2 == 0; i++)
		{
			in.stacks[i].value = size_of(in.stacks[i].value);
			in.stacks[i].depth += in.stacks[i].depth == 0;
		}
		model_build(&in, rules == PP_RULES_PYROSCOPE);
		half = in.n / 2;
		for (int i = 0; i < 5; i++)
			trees[i] = pp_tree_new(&pp_alloc_malloc, rules);
		add_stacks(trees[0], &in, 0, in.n);
		add_profile(trees[1], &in);
		if (round % 2 == 0)
		{
			add_arrays(trees[2], &in, 0, in.n, true);
			add_arrays(trees[3], &in, 0, in.n, false);
			add_arrays(trees[4], &in, 0, half, true);
			add_arrays(trees[4], &in, half, in.n, false);
		}
		for (int64_t k = 0; k <= 50; k += 1 + (int64_t) (next_random() % 9))
		{
			model_rows(k);
			for (int i = 0; i < (round % 2 == 0 ? 5 : 2); i++)
				check_tree(trees[i], k);
		}
		for (int i = 0; i < 5; i++)
			pp_tree_free(trees[i]);
	}
}

static void
check_random_pyroscope(void **state)
{
	check_random_rules(PP_RULES_PYROSCOPE);
}

static void
check_random_pprof(void **state)
{
	check_random_rules(PP_RULES_PPROF);
}

/* Memory that ends at any moment is PP_ENOMEM, and nothing leaks. */
typedef struct Budget
{
	long left, live;
} Budget;

static void *
budget_alloc(void *ctx, size_t size)
{
	Budget *budget = ctx;

	if (budget->left-- <= 0)
		return NULL;
	budget->live++;
	return malloc(size);
}

static void *
budget_resize(void *ctx, void *ptr, size_t size)
{
	Budget *budget = ctx;

	if (budget->left-- <= 0)
		return NULL;
	budget->live += ptr == NULL;
	return realloc(ptr, size);
}

static void
budget_release(void *ctx, void *ptr)
{
	Budget *budget = ctx;

	budget->live -= ptr != NULL;
	free(ptr);
}

static void
check_out_of_memory(void **state)
{
	static const uint32_t parent[] = {0, 0, 1, 1, 0}, name[] = {0, 1, 2, 3, 4};
	static const int64_t self[] = {0, 5, 1, 2, 3};
	PpBytes names[] = {{"r", 1}, {"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}};

	for (long left = 0;; left++)
	{
		Budget budget = {left, 0};
		PpAlloc alloc = {budget_alloc, budget_resize, budget_release, NULL, &budget};
		PpTree *tree = pp_tree_new(&alloc, PP_RULES_PPROF);
		PpArena *arena = pp_arena_new(&alloc);
		PpFlamebearer bearer;
		PpFlameRow *rows;
		size_t nrows;
		int64_t hidden;
		PpError err;
		PpCode code = PP_ENOMEM;

		if (tree != NULL && arena != NULL &&
			(code = pp_tree_add_nodes(tree, 5, parent, name, names, 5, self, false, &err)) == PP_OK &&
			(code = pp_tree_add(tree, names, 5, 3, &err)) == PP_OK &&
			(code = pp_tree_flame(tree, 3, arena, &rows, &nrows, &hidden, &err)) == PP_OK)
			code = pp_flamebearer(rows, nrows, arena, &bearer, &err);
		pp_arena_free(arena);
		pp_tree_free(tree);
		assert_int_equal(budget.live, 0);
		if (code == PP_OK)
			break;
		assert_int_equal(code, PP_ENOMEM);
		assert_true(left < 1000);
	}
}

static void
check_refusals(void **state)
{
	PpTree *tree = pp_tree_new(&pp_alloc_malloc, PP_RULES_PPROF);
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpBytes names[] = {{"a", 1}, {"b", 1}};
	uint32_t parent[] = {0, 1}, name[] = {0, 0};
	int64_t self[] = {0, 1};
	PpFlameRow *rows;
	size_t nrows;
	int64_t hidden;
	PpError err;

	assert_int_equal(pp_tree_add_nodes(tree, 2, parent, name, names, 2, self, true, &err),
					 PP_EMALFORMED);
	parent[1] = 0;
	name[1] = 2;
	assert_int_equal(pp_tree_add_nodes(tree, 2, parent, name, names, 2, self, true, &err),
					 PP_EMALFORMED);
	assert_int_equal(pp_tree_add_nodes(tree, 0, parent, name, names, 0, self, false, &err), PP_OK);
	/* one node, then a sum of two */
	assert_int_equal(pp_tree_add(tree, names, 1, INT64_MAX, &err), PP_OK);
	assert_int_equal(pp_tree_add(tree, names, 1, 1, &err), PP_EOVERFLOW);
	/* which left the first one as it was */
	assert_int_equal(pp_tree_flame(tree, 0, arena, &rows, &nrows, &hidden, &err), PP_OK);
	assert_int_equal(rows[0].value, INT64_MAX);
	assert_int_equal(pp_tree_add(tree, names + 1, 1, 1, &err), PP_OK);
	assert_int_equal(pp_tree_flame(tree, 0, arena, &rows, &nrows, &hidden, &err), PP_EOVERFLOW);
	pp_arena_free(arena);
	pp_tree_free(tree);
}

/* Stored flame graphs of tests/data/pprof/derived. */
static char *
read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	char *data = malloc(1 << 20);

	if (file == NULL)
		fail_msg("%s is missing", path);
	*len = fread(data, 1, (1 << 20) - 1, file);
	data[*len] = '\0';
	fclose(file);
	return data;
}

/* As rows_text, but as those files are written. */
static void
rows_table(const PpFlameRow *rows, size_t n, char *out)
{
	out += sprintf(out, "level\tvalue\tself\tlabel\n");
	for (size_t i = 0; i < n; i++)
	{
		out += sprintf(out,
					   "%d\t%lld\t%lld\t",
					   rows[i].level,
					   (long long) rows[i].value,
					   (long long) rows[i].self);
		for (uint32_t k = 0; k < rows[i].label.len; k++)
		{
			if (rows[i].label.data[k] == '\n')
				out += sprintf(out, "\\n");
			else
				*out++ = rows[i].label.data[k];
		}
		*out++ = '\n';
	}
	*out = '\0';
}

static void
check_stored_profile(const char *name)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpTree *tree = pp_tree_new(&pp_alloc_malloc, PP_RULES_PPROF);
	char path[100], *data, *table;
	PpProfile *profile;
	SearchList list = {.n = 0};
	PpSearch search = {search_compile, search_match, &list};
	PpFlameRow *rows;
	size_t len, nrows;
	uint32_t column;
	int64_t hidden;
	PpError err;

	sprintf(path, "tests/data/pprof/in/%s.pb", name);
	data = read_file(path, &len);
	assert_int_equal(pp_profile_read((uint8_t *) data, len, &pp_limits_default, arena, &profile, &err),
					 PP_OK);
	assert_int_equal(pp_report_load(profile, false, &search, arena, &profile, &err), PP_OK);
	assert_int_equal(pp_profile_column(profile, pp_bytes_cstr(""), &column, &err), PP_OK);
	assert_int_equal(pp_tree_add_profile(tree, profile, column, &err), PP_OK);
	assert_int_equal(pp_tree_flame(tree, 0, arena, &rows, &nrows, &hidden, &err), PP_OK);
	rows_table(rows, nrows, actual);
	sprintf(path, "tests/data/pprof/derived/%s.flamegraph.tsv", name);
	table = read_file(path, &len);
	assert_string_equal(actual, table);
	free(data);
	free(table);
	search_release(&list);
	pp_arena_free(arena);
	pp_tree_free(tree);
}

static void
check_stored(void **state)
{
	static const char *const names[] = {"addr", "basic", "drop", "filter", "heap", "names"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_stored_profile(names[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_random_pyroscope),
		cmocka_unit_test(check_random_pprof),
		cmocka_unit_test(check_out_of_memory),
		cmocka_unit_test(check_refusals),
		cmocka_unit_test(check_stored),
	};

	return cmocka_run_group_tests_name("pp_tree", tests, NULL, NULL);
}
