/*
 * test_pp_svg.c
 *		Pictures: well-formed whatever the names are, places of frames, what is
 *		left out and says so.
 */
#include "render_test.h"

static char *
svg_of(const PpProfile *left, const PpProfile *right, PpSvgOptions options)
{
	PpRender render = prepare(left, NULL);
	PpTree *trees[2] = {tree_of(&render), NULL};
	PpBuf out;
	PpError err;
	char *text;

	options.type = pp_str(render.p, render.p->types[render.column].type);
	options.unit = pp_str(render.p, render.p->types[render.column].unit);
	if (right != NULL)
	{
		PpRender other = prepare(right, NULL);

		trees[1] = tree_of(&other);
	}
	pp_buf_init(&out, &pp_alloc_malloc);
	if (pp_svg_text(trees[0], trees[1], &options, arena, &out, &err) != PP_OK)
		fail_msg("%s", err.message);
	pp_buf_char(&out, '\0');
	text = pp_arena_copy(arena, out.data, out.len);
	pp_buf_free(&out);
	pp_tree_free(trees[0]);
	pp_tree_free(trees[1]);
	return text;
}

static const PpSvgOptions plain = {.width = 1020};

static void
assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no %s in\n%s", part, text);
}

/* &name; or &#...; of those that XML knows by itself */
static const char *
skip_reference(const char *at)
{
	static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strncmp(at, known[i], strlen(known[i])) == 0)
			return at + strlen(known[i]);
	assert_memory_equal(at, "&#x", 3);
	for (at += 3; *at != ';'; at++)
		assert_non_null(strchr("0123456789ABCDEF", *at));
	return at + 1;
}

/* Past the tag at `at`; +1 if it opens an element, -1 if it closes one, 0 if both. */
static const char *
skip_tag(const char *at, const char *names[], int *depth)
{
	bool closes = at[1] == '/';
	const char *name = at + 1 + closes;
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz");

	assert_true(len > 0);
	at = name + len;
	if (closes)
	{
		assert_true(*depth > 0);
		(*depth)--;
		assert_int_equal(strncmp(names[*depth], name, len), 0);
	}
	else
		names[(*depth)++] = name;
	for (; *at == ' '; at++) /* to the next attribute; the loop goes past its quote */
	{
		at += 1 + strspn(at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");
		assert_memory_equal(at, "=\"", 2);
		for (at += 2; *at != '"';)
		{
			assert_true(*at >= ' ' && *at < 0x7F && *at != '<');
			at = *at == '&' ? skip_reference(at) : at + 1;
		}
	}
	if (*at == '/')
	{
		(*depth)--;
		at++;
	}
	assert_int_equal(*at, '>');
	return at + 1;
}

/* One element, well-formed, in ASCII, of the kinds that a picture needs. */
static void
assert_well_formed(const char *text)
{
	const char *names[64], *at = text;
	int depth = 0;

	assert_memory_equal(at, "<svg ", 5);
	do
	{
		if (*at == '<')
			at = skip_tag(at, names, &depth);
		else if (*at == '&')
			at = skip_reference(at);
		else
		{
			assert_true((*at >= ' ' && *at < 0x7F) || *at == '\n');
			at++;
		}
	} while (depth > 0);
	assert_string_equal(at, "\n");
	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "<style"));
	assert_null(strstr(text, "href"));
	assert_null(strstr(text, "url("));
	assert_null(strstr(text, " id="));
}

static void
test_vectors(void **state)
{
	for (size_t i = 0; i < NDERIVED; i++)
	{
		PpProfile *p = input_profile(derived_names[i]);

		assert_well_formed(svg_of(p, NULL, plain));
		assert_well_formed(svg_of(p, p, plain));
	}
}

static void
test_hostile_names(void **state)
{
	PpSvgOptions options = plain;
	PpProfile *p =
		profile_of_stacks("ty\"p<e",
						  "u&n>it'",
						  "</text><script>alert(1)</script> 5\n\"&'<>\x01\x7f\x1b\t 5\n"
						  "bad\xff\xc3(utf8\xed\xa0\x80\xef\xbf\xbf 5\nna\xc3\xafve\xf0\x9f\x98\x80 5\n");
	char *text;

	options.title = (PpBytes){"]]>\"<\0&\n\xff", 9};
	text = svg_of(p, NULL, options);
	assert_well_formed(text);
	assert_has(text, "aria-label=\"]]&gt;&quot;&lt;&#xFFFD;&amp; &#xFFFD;\"");
	assert_has(text, "&lt;/text&gt;&lt;script&gt;alert(1)&lt;/script&gt;");
	assert_has(text, "&quot;&amp;&#39;&lt;&gt;&#xFFFD;&#x7F;&#xFFFD;");
	assert_has(text, "bad&#xFFFD;&#xFFFD;(utf8");
	assert_has(text, "na&#xEF;ve&#x1F600;");
	assert_well_formed(svg_of(p, p, options));
}

/* Places in pixels: a frame begins where its elder sibling ends. */
static void
test_places(void **state)
{
	char *text = svg_of(profile_of_stacks("t", "count", "a;b 6\na 1\nc;d 3\n"), NULL, plain);

	/* 1000 pixels, 10 values; a gap of half a pixel after each */
	assert_has(text, "<title>total (10, 100.00%)</title><rect x=\"10.00\" y=\"30\" width=\"999.50\"");
	assert_has(text, "<title>a (7, 70.00%)</title><rect x=\"10.00\" y=\"47\" width=\"699.50\"");
	assert_has(text, "<title>b (6, 60.00%)</title><rect x=\"10.00\" y=\"64\" width=\"599.50\"");
	assert_has(text, "<title>c (3, 30.00%)</title><rect x=\"710.00\" y=\"47\" width=\"299.50\"");
	assert_has(text, "<title>d (3, 30.00%)</title><rect x=\"710.00\" y=\"64\" width=\"299.50\"");
	assert_has(text, ">0 frames hidden<");
	assert_has(text, ">t: 10<");
	/* the same profile is the same picture, and a name has its colour anywhere */
	assert_string_equal(text,
						svg_of(profile_of_stacks("t", "count", "c;d 3\na 1\na;b 6\n"), NULL, plain));
}

static void
test_pair(void **state)
{
	char *text = svg_of(profile_of_stacks("t", "count", "a 5\nb 5\n"),
						profile_of_stacks("t", "count", "a 5\nc 5\n"),
						plain);

	assert_has(text,
			   "<title>a: 5 (50.00%) in the baseline, 5 (50.00%) in the comparison: +0.00%</title>"
			   "<rect x=\"10.00\" y=\"47\" width=\"499.50\" height=\"16\" fill=\"#e4e4e4\"/>");
	assert_has(text,
			   "<title>b: 5 (50.00%) in the baseline, 0 (0.00%) in the comparison: -50.00%</title>"
			   "<rect x=\"510.00\" y=\"47\" width=\"249.50\" height=\"16\" fill=\"#4848ff\"/>");
	assert_has(text, "fill=\"#ff4848\"/>");
	assert_has(text, ">t: 10 and 10<");
}

static void
test_left_out(void **state)
{
	PpSvgOptions options = plain;
	char *text;

	/* too narrow: 1 of 10,000 is a tenth of a pixel */
	text = svg_of(profile_of_stacks("t", "", "a 9999\nb;c;d 1\n"), NULL, plain);
	assert_has(text, ">3 frames hidden (narrower than 0.3 pixels or deeper than 600)<");
	assert_null(strstr(text, "<title>b"));
	/* too deep, and with no recursion on the way */
	text = svg_of(deep_profile(1000000), NULL, plain);
	assert_has(text, ">999401 frames hidden");
	assert_has(text, "height=\"10264\"");
	/* folded, below zero, nothing */
	options.max_nodes = 1;
	text = svg_of(profile_of_stacks("t", "", "a 9\nb 2\nc 1\nd -5\n"), NULL, options);
	assert_has(text, "3 folded into &quot;other&quot;, 1 stacks below 0 not drawn");
	assert_has(text, "<title>other (3, 25.00%)</title>");
	assert_has(svg_of(profile_of_stacks("t", "", ""), NULL, plain), "no samples");
	assert_has(svg_of(profile_of_stacks("t", "", "a -1\n"), NULL, plain), "no samples");
	assert_well_formed(
		svg_of(profile_of_stacks("t", "", ""), profile_of_stacks("t", "", "x 1\n"), plain));
}

/* Texts are cut to the frame by columns, wide characters counting two. */
static void
test_cut(void **state)
{
	PpSvgOptions options = {.width = 220}; /* 200 pixels: 28 columns */
	char *text =
		svg_of(profile_of_stacks("t", "", "abcdefghijklmnopqrstuvwxyz0123456789 1\n"), NULL, options);

	assert_has(text, ">abcdefghijklmnopqrstuvwxyz..</text>");
	assert_has(text, "<title>abcdefghijklmnopqrstuvwxyz0123456789 (");
	text =
		svg_of(profile_of_stacks("t",
								 "",
								 "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac"
								 "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac"
								 "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5 1\n"),
			   NULL,
			   options);
	assert_has(text, "&#x65E5;..</text>");
}

static void
test_width(void **state)
{
	PpRender render = prepare(profile_of_stacks("t", "", "a 1\n"), NULL);
	PpTree *tree = tree_of(&render);
	PpSvgOptions options = plain;
	PpBuf out;
	PpError err;

	pp_buf_init(&out, &pp_alloc_malloc);
	options.width = PP_SVG_MIN_WIDTH - 1;
	assert_int_equal(pp_svg_text(tree, NULL, &options, arena, &out, &err), PP_EINVALID);
	options.width = PP_SVG_MAX_WIDTH + 1;
	assert_int_equal(pp_svg_text(tree, NULL, &options, arena, &out, &err), PP_EINVALID);
	pp_buf_free(&out);
	pp_tree_free(tree);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		render_test(test_vectors),
		render_test(test_hostile_names),
		render_test(test_places),
		render_test(test_pair),
		render_test(test_left_out),
		render_test(test_cut),
		render_test(test_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
