/*
 * test_pp_perf_script.c
 *		Output of perf script, field by field.  The texts are those of perf 6.1.
 */
#include "core/pp_perf_script.h"
#include "raw_text.h"

#define HEADER_OF(types) "PeriodType:  \nPeriod: 0\nSamples:\n" types "\n"
#define HEADER			 HEADER_OF("samples/count")

static void
test_default(void **state)
{
	assert_raw(pp_perf_script_read,
			   "w prog 13120 23628.292928:   10101010 cpu-clock:ppp: \n"
			   "\t            1775 work+0xd5 (/opt/w prog)\n"
			   "\t            11ac main+0xfc (/opt/w prog)\n"
			   "\t           2724a __libc_start_call_main+0x7a (/usr/lib/libc.so.6)\n"
			   "\n"
			   "w prog 13120 23628.325308:   10101010 cpu-clock:ppp: \n"
			   "\t            1775 work+0xd5 (/opt/w prog)\n"
			   "\t            11ac main+0xfc (/opt/w prog)\n"
			   "\t           2724a __libc_start_call_main+0x7a (/usr/lib/libc.so.6)\n"
			   "\n",
			   "PeriodType: cpu-clock nanoseconds\n"
			   "Period: 10101010\n"
			   "Duration: 32.3\n"
			   "Samples:\n"
			   "cpu-clock_sample/count cpu-clock_event/nanoseconds\n"
			   "          2   20202020: 1 2 3 \n"
			   "                comm:[w prog]\n"
			   "Locations\n"
			   "     1: 0x1775 M=1 work :0:0 s=0\n"
			   "     2: 0x11ac M=1 main :0:0 s=0\n"
			   "     3: 0x2724a M=2 __libc_start_call_main :0:0 s=0\n"
			   "Mappings\n"
			   "1: 0x0/0x0/0x0 /opt/w prog  [FN]\n"
			   "2: 0x0/0x0/0x0 /usr/lib/libc.so.6  [FN]\n");
}

/* Each event has its columns; one without periods has no column for them. */
static void
test_events(void **state)
{
	assert_raw(pp_perf_script_read,
			   "a 1/2 [003] 1.5: 7 cycles:u: \n"
			   "\tffffffff81000130 f+0x1 ([kernel.kallsyms])\n"
			   "\n"
			   "a 1/3 [003] 2.0: sched:sched_switch: prev_comm=a next: b\n"
			   "\tffffffff81000130 f+0x1 ([kernel.kallsyms])\n"
			   "\n"
			   "a 1/3 [003] 2.25: 5 cycles:u: \n"
			   "\tffffffff81000130 f+0x1 ([kernel.kallsyms])\n",
			   "PeriodType:  \n"
			   "Period: 0\n"
			   "Duration: 750m\n"
			   "Samples:\n"
			   "cycles_sample/count cycles_event/count sched:sched_switch_sample/count\n"
			   "          2         12          1: 1 \n"
			   "                comm:[a]\n"
			   "Locations\n"
			   "     1: 0xffffffff81000130 M=1 f :0:0 s=0\n"
			   "Mappings\n"
			   "1: 0x0/0x0/0x0 [kernel.kallsyms]  [FN]\n");
}

static void
test_inlined(void **state)
{
	assert_raw(pp_perf_script_read,
			   "p 1 1.0: cycles: \n"
			   "\t           1d7f0 inner+0x1830 (inlined)\n"
			   "\t           1d7f0 std::vector<int, A(*)()>::outer+0x1830 (/lib/ld.so (deleted))\n"
			   "\t           1bccb left_over+0x55b\n"
			   "  rtld.c:497 (inlined)\n"
			   "\t           1ab77 _start+0x7 (/lib/ld.so)\n"
			   "  start.S:12\n"
			   "\n",
			   "PeriodType:  \n"
			   "Period: 0\n"
			   "Samples:\n"
			   "cycles_sample/count\n"
			   "          1: 1 2 3 \n"
			   "                comm:[p]\n"
			   "Locations\n"
			   "     1: 0x1d7f0 M=1 inner :0:0 s=0\n"
			   "             std::vector<int, A(*)()>::outer :0:0 s=0\n"
			   "     2: 0x1bccb left_over rtld.c:497:0 s=0\n"
			   "     3: 0x1ab77 M=2 _start start.S:12:0 s=0\n"
			   "Mappings\n"
			   "1: 0x0/0x0/0x0 /lib/ld.so (deleted)  [FN]\n"
			   "2: 0x0/0x0/0x0 /lib/ld.so  [FN]\n");
}

/* Code without names keeps its address; names of other languages may hold anything. */
static void
test_symbols(void **state)
{
	assert_raw(pp_perf_script_read,
			   "java 25607 4794.564857: cycles: \n"
			   "\t    7f2d1c2a3b41 Lcom/example/Foo;::bar (/tmp/perf-25607.map)\n"
			   "\t    7f2d1c2a3b42 LazyCompile:*loop /srv/app.js:3:14 (/tmp/perf-7.map)\n"
			   "\t          5d2ce9 [unknown] (/usr/bin/java)\n"
			   "\t      180000002d [unknown] ([unknown])\n"
			   "\t               0 [unknown] ([unknown])\n"
			   "\t    55d0c0ffee00 operator()(int) const\n",
			   "PeriodType:  \n"
			   "Period: 0\n"
			   "Samples:\n"
			   "cycles_sample/count\n"
			   "          1: 1 2 3 4 5 6 \n"
			   "                comm:[java]\n"
			   "Locations\n"
			   "     1: 0x7f2d1c2a3b41 M=1 Lcom/example/Foo;::bar :0:0 s=0\n"
			   "     2: 0x7f2d1c2a3b42 M=2 LazyCompile:*loop /srv/app.js:3:14 :0:0 s=0\n"
			   "     3: 0x5d2ce9 M=3 \n"
			   "     4: 0x180000002d \n"
			   "     5: 0x0 \n"
			   "     6: 0x55d0c0ffee00 operator()(int) const :0:0 s=0\n"
			   "Mappings\n"
			   "1: 0x0/0x0/0x0 /tmp/perf-25607.map  [FN]\n"
			   "2: 0x0/0x0/0x0 /tmp/perf-7.map  [FN]\n"
			   "3: 0x0/0x0/0x0 /usr/bin/java  [FN]\n");
}

/* Samples without stacks are one line each. */
static void
test_one_line(void **state)
{
	assert_raw(pp_perf_script_read,
			   "          w prog 13347 23631.002763:         20 task-clock:      562fd752f716 work+0x76 (/opt/w prog)\n"
			   "            cafe    18 [000] 23631.002763:       20 task-clock: \n",
			   "PeriodType: task-clock nanoseconds\n"
			   "Period: 20\n"
			   "Samples:\n"
			   "task-clock_sample/count task-clock_event/nanoseconds\n"
			   "          1         20: 1 \n"
			   "                comm:[w prog]\n"
			   "          1         20: \n"
			   "                comm:[cafe]\n"
			   "Locations\n"
			   "     1: 0x562fd752f716 M=1 work :0:0 s=0\n"
			   "Mappings\n"
			   "1: 0x0/0x0/0x0 /opt/w prog  [FN]\n");
}

/* The same frame whatever fields were asked for. */
static void
test_fields(void **state)
{
	static const char *const inputs[] = {
		"\n\t            1775 work\n\n\n",
		"12 x \n\t            1775 work+0xd5\n\n",
		"12 x 13120 \n\t            1775 work\n\n",
		"12 x 13120/13121 [001] \n\t            1775 work\n\n",
		"12 x 13120 23628.292928835: \n\t            1775 work\n\n",
		"12 x 23628.292928: \n                    1775 work\r\n\r\n",
		"# ========\n# captured on    : today\n#\n12 x 1 \n\t            1775 work\n",
	};

	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
		assert_raw(pp_perf_script_read,
				   inputs[i],
				   i == 0 ? HEADER
					   "          1: 1 \nLocations\n     1: 0x1775 work :0:0 s=0\nMappings\n"
						  : HEADER "          1: 1 \n                comm:[12 x]\n"
								   "Locations\n     1: 0x1775 work :0:0 s=0\nMappings\n");
	/* a period without an event; an event without time and process */
	assert_raw(pp_perf_script_read,
			   "x 1 2.5:   7 \n\t 1 f\n",
			   "PeriodType: events count\nPeriod: 7\nSamples:\nsamples/count events/count\n"
			   "          1          7: 1 \n                comm:[x]\n"
			   "Locations\n     1: 0x1 f :0:0 s=0\nMappings\n");
	assert_raw(pp_perf_script_read,
			   "x y cycles:pp: \n\t 1 f\n",
			   HEADER_OF("cycles_sample/count") "          1: 1 \n                comm:[x y]\n"
												"Locations\n     1: 0x1 f :0:0 s=0\nMappings\n");
}

static void
test_comment(void **state)
{
	assert_raw(pp_perf_script_read,
			   "# cmdline : /usr/bin/perf record -g ./x \nx 1 2.5: cycles: \n\n",
			   "Comment: perf-command: /usr/bin/perf record -g ./x\n"
			   "PeriodType:  \nPeriod: 0\nSamples:\ncycles_sample/count\n"
			   "          1: \n                comm:[x]\nLocations\nMappings\n");
}

static void
test_refusals(void **state)
{
	assert_raw(pp_perf_script_read, "", "error 1 at 0: no sample in the text of perf script");
	assert_raw(pp_perf_script_read,
			   "# only\n\n# comments\n",
			   "error 1 at 19: no sample in the text of perf script");
	assert_raw(pp_perf_script_read,
			   "x 1 2.5: cycles: \n\t 1 f\n\nmain;work 12\n",
			   "error 1 at 25: line 4 is neither a sample nor a frame: \"main;work 12\"");
}

static void
test_limits(void **state)
{
	static const char input[] = "x 1 2.5: cycles: \n\t 1 f (inlined)\n\t 1 g (a)\n\t 2 h (b)\n\n"
								"x 1 2.5: faults: \n\t 1 f\n\n";
	static const struct
	{
		size_t setting;
		int64_t value;
		const char *expected;
	} cases[] = {
		{offsetof(PpLimits, max_depth), 1, "error 3 at 0: sample in line 1 has more than 1 locations"},
		{offsetof(PpLimits, max_lines),
		 1,
		 "error 3 at 0: location of the sample in line 1 has more than 1 lines"},
		{offsetof(PpLimits, max_sample_types), 1, "error 3 at 55: more than 1 events"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PpLimits limits = pp_limits_default;

		memcpy((char *) &limits + cases[i].setting, &cases[i].value, sizeof(int64_t));
		assert_raw_within(pp_perf_script_read, input, sizeof(input) - 1, &limits, cases[i].expected);
	}
}

static void
test_detection(void **state)
{
	static const struct
	{
		const char *input;
		bool is;
	} cases[] = {
		{"w prog 13120 23628.292928:   10101010 cpu-clock:ppp: \n", true},
		{"\n# x\n  a 13347/1 [002] 23631.002763: sched:sched_switch: prev=a\n", true},
		{"w 13120 cycles: \n", true},
		{"w 13120 1.5: \n", true},
		{"", false},
		{"main;work 12\n", false},
		{"main;work 12:\n", false},
		{"heap profile: 3: 700 [ 3: 700] @ heapprofile\n", false},
		{"goroutine profile: total 3\n", false},
		{"{\"a\": 12, \"b\": 1.5: }", false},
		{"\t            1775 work\n", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(pp_is_perf_script((const uint8_t *) cases[i].input, strlen(cases[i].input)),
						 cases[i].is);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_inlined),
		cmocka_unit_test(test_symbols),
		cmocka_unit_test(test_one_line),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_comment),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_detection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
