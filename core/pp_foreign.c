/*
 * pp_foreign.c
 *		Recognising what is not read, by its first bytes.
 *
 * These are formats that people do send: older texts with bare addresses, dumps
 * that only their own tools understand, containers nobody unpacked.  Each is
 * refused by its name, with the way to something that is read.
 */
#define _GNU_SOURCE /* memmem */
#include "core/pp_foreign.h"

#include "core/pp_gperftools.h"
#include "core/pp_lines.h"

#define LONGEST_HEADER ((size_t) 1024)

typedef struct Foreign
{
	const char *sign; /* bytes to look for */
	uint32_t len;
	const char *name, *instead;
} Foreign;

#define SIGN(text)	  text, sizeof(text) - 1
#define CONVERTIBLE	  "\"go tool pprof -proto\" converts it"
#define READ_BY_PPROF "pprof.from_gperftools() makes a profile of it"
#define GO_COUNT	  "the count profile text of Go (debug=1)"
#define GO_CONTENTION "the contention profile text of Go (debug=1) and gperftools"
#define THREADS		  "the thread profile text of gperftools"
#define JAVA_HEAP	  "the heap profile text of Java"
#define PERF_DATA	  "the perf.data format of Linux perf"
#define ASK_FOR_PROTO "ask for debug=0, which is profile.proto"
#define SEND_SCRIPT	  "send what \"perf script\" prints of it"

/* How files begin. */
static const Foreign magics[] = {
	{SIGN("\x1f\x8b"), "gzip data inside gzip data", "unpack it once"},
	{SIGN("\x28\xb5\x2f\xfd"), "zstd compression", "compress with gzip or not at all"},
	{SIGN("\xfd"
		  "7zXZ"),
	 "xz compression",
	 "compress with gzip or not at all"},
	{SIGN("BZh"), "bzip2 compression", "compress with gzip or not at all"},
	{SIGN("\x04\x22\x4d\x18"), "lz4 compression", "compress with gzip or not at all"},
	/* the levels that zlib writes; any other would be a guess */
	{SIGN("\x78\x01"), "zlib compression", "compress with gzip or not at all"},
	{SIGN("\x78\x5e"), "zlib compression", "compress with gzip or not at all"},
	{SIGN("\x78\x9c"), "zlib compression", "compress with gzip or not at all"},
	{SIGN("\x78\xda"), "zlib compression", "compress with gzip or not at all"},
	{SIGN("PERFILE2"), PERF_DATA, SEND_SCRIPT},
	{SIGN("2ELIFREP"), PERF_DATA, SEND_SCRIPT},
	{SIGN("FLR\0"), "the JFR format of Java", "convert it with async-profiler's jfrconv"},
	{SIGN("JAVA PROFILE 1."), "the HPROF format of Java", "send a profile of allocations instead"},
	{SIGN("\x7f"
		  "ELF"),
	 "an ELF program",
	 "send its profile"},
	{SIGN("# HELP "), "the text of Prometheus metrics", "send a profile"},
	{SIGN("# TYPE "), "the text of Prometheus metrics", "send a profile"},
	{SIGN("PK\x03\x04"), "a zip archive", "send the files in it one by one"},
};

/* How the first line that is neither empty nor a # comment begins. */
static const Foreign fronts[] = {
	{SIGN("heap_v2/"),
	 "the heap profile text of jemalloc",
	 "\"jeprof --collapsed\" makes folded stacks of it"},
	{SIGN("--- contention"), GO_CONTENTION, CONVERTIBLE},
	{SIGN("--- mutex:"), GO_CONTENTION, CONVERTIBLE},
	{SIGN("--- threadz"), THREADS, CONVERTIBLE},
	{SIGN("--- Thread "), THREADS, CONVERTIBLE},
	{SIGN("--- heapz "), JAVA_HEAP, CONVERTIBLE},
	{SIGN("goroutine "), "the stack dump of Go (debug=2)", ASK_FOR_PROTO},
	{SIGN("<!DOCTYPE"), "an HTML page", "send the profile it is about"},
	{SIGN("<html"), "an HTML page", "send the profile it is about"},
	{SIGN("<?xml"), "an XML document", "send the profile it is about"},
};

/* What the first line holds. */
static const Foreign marks[] = {
	{SIGN(" profile: total "), GO_COUNT, ASK_FOR_PROTO},
	{SIGN("] @ growth"), "the growth profile text of gperftools", CONVERTIBLE},
	{SIGN("] @ fragmentation"), "the fragmentation profile text of gperftools", CONVERTIBLE},
	{SIGN("\"resourceProfiles\""), "the JSON of OTLP profiles", "send profile.proto"},
};

/* First line that is neither empty nor a # comment, without leading blanks. */
static PpBytes
first_line(const uint8_t *data, size_t len)
{
	PpLines lines = pp_lines_of(data, len);
	PpBytes line;

	while (pp_lines_next(&lines, &line))
	{
		pp_skip_blanks(&line);
		if (line.len > 0 && line.data[0] != '#')
		{
			if (line.len > LONGEST_HEADER)
				line.len = LONGEST_HEADER;
			return line;
		}
	}
	return (PpBytes){"", 0};
}

static bool
begins(PpBytes text, const Foreign *foreign)
{
	return text.len >= foreign->len && memcmp(text.data, foreign->sign, foreign->len) == 0;
}

static const Foreign *
recognise(const uint8_t *data, size_t len)
{
	PpBytes text = {(const char *) data, (uint32_t) (len < LONGEST_HEADER ? len : LONGEST_HEADER)};
	PpBytes line = first_line(data, len);

	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (begins(text, &magics[i]))
			return &magics[i];
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (memmem(line.data, line.len, marks[i].sign, marks[i].len) != NULL)
			return &marks[i];
	for (size_t i = 0; i < sizeof(fronts) / sizeof(fronts[0]); i++)
		if (begins(line, &fronts[i]))
			return &fronts[i];
	return NULL;
}

/* Formats that some entries read and others do not. */
static const Foreign *
gperftools(const uint8_t *data, size_t len)
{
	static const Foreign formats[] = {
		[PP_GPERFTOOLS_CPU] = {"", 0, "the binary CPU profile of gperftools", READ_BY_PPROF},
		[PP_GPERFTOOLS_JAVA_CPU] = {"", 0, "the binary CPU profile of Java", CONVERTIBLE},
		[PP_GPERFTOOLS_HEAP] = {"",
								0,
								"the heap profile text of Go (debug=1) and gperftools",
								READ_BY_PPROF},
	};
	PpGperftools format = pp_gperftools_guess(data, len);

	return format != PP_GPERFTOOLS_NONE ? &formats[format] : NULL;
}

bool
pp_foreign_refuse(const uint8_t *data, size_t len, PpError *err)
{
	/* first what tells heap profiles from others that begin alike */
	const Foreign *foreign = recognise(data, len);

	if (foreign == NULL)
		foreign = gperftools(data, len);
	if (foreign == NULL)
		return false;
	pp_fail(err, PP_EUNSUPPORTED, 0, "%s is not supported; %s", foreign->name, foreign->instead);
	return true;
}
