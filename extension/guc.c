/*
 * guc.c
 *		Every setting of the extension, in alphabetical order.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "compat.h"
#include "core/pp_network.h"
#include "guc.h"

int pprof_accept_future;
int pprof_accept_past;
bool pprof_bridge = false;
char *pprof_bridge_database = NULL;
char *pprof_bridge_listen = NULL;
char *pprof_bridge_path = NULL;
char *pprof_databases = NULL;
int pprof_dictionary_nodes;
int pprof_hour_grace;
bool pprof_maintenance = true;
int pprof_maintenance_interval = 60;
int pprof_max_series_per_service;
int pprof_max_stacks_per_day;
int pprof_reader_cache_size;
char *pprof_sample_label_deny = NULL;
int pprof_scrape_concurrency = 256;
char *pprof_scrape_deny = NULL;
int pprof_scrape_max_body = 64 * 1024;
int pprof_scrape_memory = 256 * 1024;
int pprof_scrape_reload = 2000;
int pprof_segment_profiles;
int pprof_shared_dictionaries = 8192;
char *pprof_tenant = NULL;
int pprof_writer_cache_size;

static int max_label_name_length;
static int max_label_names;
static int max_label_value_length;

/* Labels of samples that are different in nearly every one of them. */
#define SAMPLE_LABEL_DENY                                                                          \
	"cpu, cpu.logical_number, pid, process.pid, \"profile id\", \"span id\", \"thread id\", "      \
	"thread.id, thread_id, tid, \"trace id\""

/* Link-local networks and the one address beside them where clouds serve credentials. */
#define SCRAPE_DENY "169.254.0.0/16, fe80::/10, fd00:ec2::254"

/* Settings that carry the name of the PpLimits field they set, and its value. */
typedef struct LimitSetting
{
	const char *name;
	size_t field; /* offset in PpLimits */
	int unit;	  /* bytes, or things, in one of the setting */
	int value;
} LimitSetting;

#define LIMIT(field, unit)                                                                         \
	{                                                                                              \
#field, offsetof(PpLimits, field), unit, 0                                                 \
	}

static LimitSetting limit_settings[] = {
	LIMIT(max_comment_bytes, 1024),
	LIMIT(max_comments, 1),
	LIMIT(max_compressed, 1024),
	LIMIT(max_depth, 1),
	LIMIT(max_frames, 1),
	LIMIT(max_functions, 1),
	LIMIT(max_label_keys, 1),
	LIMIT(max_labels, 1),
	LIMIT(max_lines, 1),
	LIMIT(max_locations, 1),
	LIMIT(max_mappings, 1),
	LIMIT(max_profile_size, 1024),
	LIMIT(max_ratio, 1),
	LIMIT(max_sample_types, 1),
	LIMIT(max_samples, 1),
	LIMIT(max_string, 1024),
	LIMIT(max_strings, 1),
	LIMIT(max_total_frames, 1),
};

static int64_t *
limit_of(PpLimits *limits, const LimitSetting *setting)
{
	return (int64_t *) ((char *) limits + setting->field);
}

static LimitSetting *
find_limit(const char *name)
{
	for (size_t i = 0; i < lengthof(limit_settings); i++)
		if (strcmp(limit_settings[i].name, name) == 0)
			return &limit_settings[i];
	return NULL;
}

/* One of limit_settings: between 1 and the hard limit, by default pp_limits_default's. */
static void
define_limit(const char *name, const char *description)
{
	LimitSetting *setting = find_limit(strchr(name, '.') + 1);
	PpLimits preset = pp_limits_default, hard = pp_limits_hard;

	DefineCustomIntVariable(name,
							description,
							NULL,
							&setting->value,
							(int) (*limit_of(&preset, setting) / setting->unit),
							1,
							(int) Min(*limit_of(&hard, setting) / setting->unit, INT_MAX),
							PGC_USERSET,
							setting->unit == 1024 ? GUC_UNIT_KB : 0,
							NULL,
							NULL,
							NULL);
}

/* A bound of its own, at least 1. */
static void
define_int(const char *name, const char *description, int *value, int preset, int most)
{
	DefineCustomIntVariable(name, description, NULL, value, preset, 1, most, PGC_USERSET, 0, NULL, NULL, NULL);
}

/* A cap on the growth of a service, which rows of pprof.service_limits may replace. */
static void
define_cap(const char *name, const char *description, int *value, int preset)
{
	DefineCustomIntVariable(name,
							description,
							"Rules in pprof.service_limits come first.",
							value,
							preset,
							0,
							INT_MAX,
							PGC_SUSET,
							0,
							NULL,
							NULL,
							NULL);
}

static bool
check_networks(char **value, void **extra, GucSource source)
{
	PpNetworks networks;
	PpError err;

	if (pp_networks_parse(*value, &networks, &err) == PP_OK)
		return true;
	GUC_check_errdetail("%s.", err.message);
	GUC_check_errhint(
		"Write networks as addresses, with or without the length of a prefix: \"10.0.0.0/8, fe80::/10\".");
	return false;
}

/* Units are in the flags, never in the names. */
void
pprof_define_gucs(void)
{
	DefineCustomIntVariable("pprof.accept_future",
							"How far in the future a profile may lie (0 means anywhere).",
							NULL,
							&pprof_accept_future,
							600,
							0,
							INT_MAX,
							PGC_SUSET,
							GUC_UNIT_S,
							NULL,
							NULL,
							NULL);
	DefineCustomIntVariable("pprof.accept_past",
							"How far in the past a profile may lie (0 means anywhere).",
							NULL,
							&pprof_accept_past,
							30 * 86400,
							0,
							INT_MAX,
							PGC_SUSET,
							GUC_UNIT_S,
							NULL,
							NULL,
							NULL);
	DefineCustomBoolVariable("pprof.bridge",
							 "Run pprof-bridge beside the server.",
							 "Needs pprof in shared_preload_libraries.",
							 &pprof_bridge,
							 false,
							 PGC_SIGHUP,
							 0,
							 NULL,
							 NULL,
							 NULL);
	DefineCustomStringVariable("pprof.bridge_database",
							   "Database of the bridge: a name, or a whole connection string.",
							   "When empty, the first of pprof.databases.",
							   &pprof_bridge_database,
							   "",
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY,
							   NULL,
							   NULL,
							   NULL);
	DefineCustomStringVariable("pprof.bridge_listen",
							   "Address and port on which the bridge listens.",
							   NULL,
							   &pprof_bridge_listen,
							   "127.0.0.1:4040",
							   PGC_SIGHUP,
							   0,
							   NULL,
							   NULL,
							   NULL);
	DefineCustomStringVariable("pprof.bridge_path",
							   "Path of the program pprof-bridge.",
							   "When empty, beside the server's own programs.",
							   &pprof_bridge_path,
							   "",
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY,
							   NULL,
							   NULL,
							   NULL);
	DefineCustomStringVariable("pprof.databases",
							   "Databases in which workers scrape targets and do maintenance.",
							   "A list; empty for none.  Needs pprof in shared_preload_libraries.",
							   &pprof_databases,
							   "postgres",
							   PGC_SIGHUP,
							   GUC_LIST_INPUT,
							   NULL,
							   NULL,
							   NULL);
	DefineCustomIntVariable("pprof.dictionary_nodes",
							"Call-tree nodes after which another dictionary of the service and day is begun.",
							"A session that writes to a dictionary takes some 60 bytes of memory per node.",
							&pprof_dictionary_nodes,
							500000,
							1000,
							1 << 30,
							PGC_SUSET,
							0,
							NULL,
							NULL,
							NULL);
	DefineCustomIntVariable("pprof.hour_grace",
							"How long after its end an hour counts as over.",
							"Profiles that come later are taken in as well, but what was made of the hour is made anew.",
							&pprof_hour_grace,
							300,
							0,
							86400,
							PGC_SUSET,
							GUC_UNIT_S,
							NULL,
							NULL,
							NULL);
	DefineCustomBoolVariable("pprof.maintenance",
							 "Let a worker call pprof.maintain() in each of pprof.databases.",
							 "It leaves a database alone where a job of pg_cron does (pprof.schedule_maintenance).",
							 &pprof_maintenance,
							 true,
							 PGC_SIGHUP,
							 0,
							 NULL,
							 NULL,
							 NULL);
	DefineCustomIntVariable("pprof.maintenance_interval",
							"How often the worker calls pprof.maintain().",
							NULL,
							&pprof_maintenance_interval,
							60,
							1,
							86400,
							PGC_SIGHUP,
							GUC_UNIT_S,
							NULL,
							NULL,
							NULL);
	define_limit("pprof.max_comment_bytes", "Most bytes of comments in a profile.");
	define_limit("pprof.max_comments", "Most comments in a profile.");
	define_limit("pprof.max_compressed", "Largest compressed profile accepted.");
	define_limit("pprof.max_depth", "Most locations in one sample of a profile.");
	define_limit("pprof.max_frames", "Most frames, inlined ones included, in one sample.");
	define_limit("pprof.max_functions", "Most functions in a profile.");
	define_limit("pprof.max_label_keys", "Most distinct keys of sample labels in a profile.");
	define_int("pprof.max_label_name_length",
			   "Longest name of a label of a series, in bytes.",
			   &max_label_name_length,
			   1024,
			   65535);
	define_int("pprof.max_label_names", "Most labels of a series.", &max_label_names, 64, 1024);
	define_int("pprof.max_label_value_length",
			   "Longest value of a label of a series, in bytes.",
			   &max_label_value_length,
			   2048,
			   1 << 20);
	define_limit("pprof.max_labels", "Most labels of one sample.");
	define_limit("pprof.max_lines", "Most lines, inlined ones included, of one location.");
	define_limit("pprof.max_locations", "Most locations in a profile.");
	define_limit("pprof.max_mappings", "Most mappings in a profile.");
	define_limit("pprof.max_profile_size", "Largest profile accepted, after decompression.");
	define_limit("pprof.max_ratio", "Largest ratio of decompressed to compressed size.");
	define_limit("pprof.max_sample_types", "Most sample types in a profile.");
	define_limit("pprof.max_samples", "Most samples in one profile.");
	define_cap("pprof.max_series_per_service",
			   "Most series of a service with profiles on one UTC day (0 means any number).",
			   &pprof_max_series_per_service,
			   20000);
	define_cap("pprof.max_stacks_per_day",
			   "Most distinct stacks of a service on one UTC day (0 means any number).",
			   &pprof_max_stacks_per_day,
			   10000000);
	define_limit("pprof.max_string", "Longest string in a profile.");
	define_limit("pprof.max_strings", "Most strings in a profile.");
	define_limit("pprof.max_total_frames", "Most frames over all samples of a profile.");
	DefineCustomIntVariable("pprof.reader_cache_size",
							"Memory for dictionaries that a session reads.",
							NULL,
							&pprof_reader_cache_size,
							256 * 1024,
							0,
							MAX_KILOBYTES,
							PGC_USERSET,
							GUC_UNIT_KB,
							NULL,
							NULL,
							NULL);
	DefineCustomStringVariable("pprof.sample_label_deny",
							   "Labels of samples that do not become labels of the series.",
							   NULL,
							   &pprof_sample_label_deny,
							   SAMPLE_LABEL_DENY,
							   PGC_USERSET,
							   GUC_LIST_INPUT,
							   NULL,
							   NULL,
							   NULL);
	DefineCustomIntVariable("pprof.scrape_concurrency",
							"Most targets fetched at a time by the worker of one database.",
							"A CPU profile holds its place for nearly the whole interval.",
							&pprof_scrape_concurrency,
							256,
							1,
							10000,
							PGC_SIGHUP,
							0,
							NULL,
							NULL,
							NULL);
	DefineCustomStringVariable("pprof.scrape_deny",
							   "Networks to which the scraper makes no connection.",
							   "Checked after names are looked up, and for redirects, too.",
							   &pprof_scrape_deny,
							   SCRAPE_DENY,
							   PGC_SIGHUP,
							   GUC_LIST_INPUT,
							   check_networks,
							   NULL,
							   NULL);
	DefineCustomIntVariable("pprof.scrape_max_body",
							"Largest answer of a scraped target, as it is sent.",
							NULL,
							&pprof_scrape_max_body,
							64 * 1024,
							1,
							1024 * 1024 - 1,
							PGC_SIGHUP,
							GUC_UNIT_KB,
							NULL,
							NULL,
							NULL);
	DefineCustomIntVariable("pprof.scrape_memory",
							"No fetch is started while answers that are not stored yet take more than this.",
							NULL,
							&pprof_scrape_memory,
							256 * 1024,
							1024,
							MAX_KILOBYTES,
							PGC_SIGHUP,
							GUC_UNIT_KB,
							NULL,
							NULL,
							NULL);
	DefineCustomIntVariable("pprof.scrape_reload",
							"How often the scraper looks for changes of its configuration.",
							NULL,
							&pprof_scrape_reload,
							2000,
							100,
							60000,
							PGC_SIGHUP,
							GUC_UNIT_MS,
							NULL,
							NULL,
							NULL);
	DefineCustomIntVariable("pprof.segment_profiles",
							"Most profiles of a segment.",
							"Half as many are put into one as soon as there are so many.",
							&pprof_segment_profiles,
							128,
							1,
							4096,
							PGC_SUSET,
							0,
							NULL,
							NULL,
							NULL);
	DefineCustomIntVariable("pprof.shared_dictionaries",
							"Dictionaries of a service and day that all sessions together write to.",
							"Needs pprof in shared_preload_libraries.  When there are more, the one unused longest is not continued.",
							&pprof_shared_dictionaries,
							8192,
							16,
							1 << 20,
							/* later it has no effect, and could not be defined so */
							process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP,
							0,
							NULL,
							NULL,
							NULL);
	DefineCustomStringVariable("pprof.tenant",
							   "Tenant whose profiles are written and read.",
							   NULL,
							   &pprof_tenant,
							   "anonymous",
							   PGC_USERSET,
							   0,
							   NULL,
							   NULL,
							   NULL);
	DefineCustomIntVariable("pprof.writer_cache_size",
							"Memory for dictionaries that a session writes.",
							NULL,
							&pprof_writer_cache_size,
							256 * 1024,
							0,
							MAX_KILOBYTES,
							PGC_USERSET,
							GUC_UNIT_KB,
							NULL,
							NULL,
							NULL);
	MarkGUCPrefixReserved("pprof");
}

void
pprof_input_limits(PpLimits *limits)
{
	*limits = pp_limits_default;
	for (size_t i = 0; i < lengthof(limit_settings); i++)
		*limit_of(limits, &limit_settings[i]) =
			(int64_t) limit_settings[i].value * limit_settings[i].unit;
}

void
pprof_label_limits(PpLabelLimits *limits)
{
	limits->max_label_names = max_label_names;
	limits->max_label_name_length = max_label_name_length;
	limits->max_label_value_length = max_label_value_length;
}

bool
pprof_can_raise(const char *name, int64_t limit)
{
	LimitSetting *setting;
	PpLimits hard = pp_limits_hard;
	char full_name[NAMEDATALEN];

	if (name == NULL)
		return false;
	if ((setting = find_limit(name)) != NULL)
		return limit < *limit_of(&hard, setting);
	snprintf(full_name, sizeof(full_name), "pprof.%s", name);
	return GetConfigOption(full_name, true, false) != NULL;
}
