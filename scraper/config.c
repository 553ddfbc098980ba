/*
 * config.c
 *		Reads the configuration tables into plain structs.
 *
 * The worker lives longer than the extension may: everything is looked up by
 * name each time, and nothing waits for a lock, so that DROP EXTENSION and
 * ALTER TABLE never find the scraper in their way for long.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "scraper/scraper.h"

#define MAX_TARGETS "10000" /* of one configuration */

/* Text column of a row, in the arena; "" for null. */
static const char *
column_text(PpArena *arena, int row, int column)
{
	char *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
	char *copy = pp_arena_copy(arena, value != NULL ? value : "", value ? strlen(value) + 1 : 1);

	if (copy == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	return copy;
}

static int64
column_int(int row, int column, int64 otherwise)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? otherwise : DatumGetInt64(value);
}

static bool
column_bool(int row, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	return !isnull && DatumGetBool(value);
}

static bool
column_is(int row, int column, const char *text)
{
	char *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

	return value != NULL && strcmp(value, text) == 0;
}

/* How many rows from this one on have the same first column. */
static uint64
run_length(uint64 row)
{
	char *first = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1);
	uint64 end = row + 1;

	while (end < SPI_processed && column_is(end, 1, first))
		end++;
	return end - row;
}

static void *
arena_array(PpArena *arena, size_t n, size_t size)
{
	void *array = pp_arena_array(arena, n, size);

	if (array == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	return array;
}

static void
query(const char *sql)
{
	int result = SPI_execute(sql, true, 0);

	if (result != SPI_OK_SELECT)
		elog(ERROR, "reading the scrape configuration: %s", SPI_result_code_string(result));
}

/* Lock a table of the extension without waiting; its OID, or InvalidOid. */
static Oid
lock_table(Oid schema, const char *name)
{
	Oid relid = get_relname_relid(name, schema);

	if (!OidIsValid(relid) || !ConditionalLockRelationOid(relid, AccessShareLock))
		return InvalidOid;
	/* it may have gone before the lock was ours */
	return get_relname_relid(name, schema) == relid ? relid : InvalidOid;
}

/* Is the extension there, and can its tables be read right now? */
ConfigState
config_find(GenerationMark *mark)
{
	static const char *const tables[] = {"scrape_configs", "targets", "scrape_jobs"};
	Oid schema = get_namespace_oid("pprof", true);

	if (!OidIsValid(get_extension_oid("pprof", true)) || !OidIsValid(schema))
		return CONFIG_ABSENT;
	for (int i = 0; i < lengthof(tables); i++)
	{
		if (!OidIsValid(lock_table(schema, tables[i])))
			return CONFIG_LOCKED;
	}
	mark->relid = lock_table(schema, "scrape_generation");
	if (!OidIsValid(mark->relid))
		return CONFIG_LOCKED;
	query("SELECT e.extversion, g.generation FROM pg_catalog.pg_extension AS e, pprof.scrape_generation AS g"
		  " WHERE e.extname = 'pprof'");
	if (SPI_processed != 1)
		return CONFIG_LOCKED;
	if (!column_is(0, 1, PGPPROF_VERSION))
		return CONFIG_FOREIGN;
	mark->generation = column_int(0, 2, 0);
	return CONFIG_FOUND;
}

/* Configurations, each with room to find it again by name. */
typedef struct ConfigList
{
	int n;
	ScrapeConfig *configs; /* sorted by name (bytes) */
	ScrapeType **types;	   /* per configuration */
	int *ntypes;
} ConfigList;

static int
find_config(const ConfigList *list, const char *name)
{
	int low = 0;
	int high = list->n;

	while (low < high)
	{
		int middle = (low + high) / 2;
		int order = strcmp(list->configs[middle].name, name);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

static void
read_configs(PpArena *arena, ConfigList *list)
{
	query("SELECT name, COALESCE(job_name, name), scheme, path_prefix,"
		  " (EXTRACT(epoch FROM scrape_interval) * 1000000)::int8,"
		  " (EXTRACT(epoch FROM scrape_timeout) * 1000000)::int8,"
		  " (EXTRACT(epoch FROM delta_profiling_duration) * 1000000)::int8,"
		  " follow_redirects, strict_content_type"
		  " FROM pprof.scrape_configs WHERE enabled ORDER BY name COLLATE \"C\"");
	list->n = (int) SPI_processed;
	list->configs = arena_array(arena, list->n, sizeof(ScrapeConfig));
	list->types = arena_array(arena, list->n, sizeof(ScrapeType *));
	list->ntypes = arena_array(arena, list->n, sizeof(int));
	for (int i = 0; i < list->n; i++)
	{
		ScrapeConfig *config = &list->configs[i];

		memset(config, 0, sizeof(*config));
		config->name = column_text(arena, i, 1);
		config->job = column_text(arena, i, 2);
		config->scheme = column_text(arena, i, 3);
		config->path_prefix = column_text(arena, i, 4);
		config->interval = column_int(i, 5, 0);
		config->timeout = column_int(i, 6, 0);
		config->delta_duration = column_int(i, 7, -1);
		config->follow_redirects = column_bool(i, 8);
		config->strict_content_type = column_bool(i, 9);
		list->types[i] = NULL;
		list->ntypes[i] = 0;
	}
}

/* One row per value; the values of a parameter follow each other. */
static void
read_params(PpArena *arena, ConfigList *list)
{
	query("SELECT c.name, p.key, v.value"
		  " FROM pprof.scrape_configs AS c, pg_catalog.jsonb_each(c.params) AS p,"
		  " pg_catalog.jsonb_array_elements_text(CASE pg_catalog.jsonb_typeof(p.value)"
		  " WHEN 'array' THEN p.value ELSE pg_catalog.jsonb_build_array(p.value) END)"
		  " WITH ORDINALITY AS v (value, number)"
		  " WHERE c.enabled ORDER BY c.name COLLATE \"C\", p.key COLLATE \"C\", v.number");
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		int index = find_config(list, column_text(arena, row, 1));
		const char *name = column_text(arena, row, 2);
		ScrapeConfig *config;
		ScrapeParam *param;

		if (index < 0)
			continue;
		config = &list->configs[index];
		if (config->params == NULL)
			config->params = arena_array(arena, run_length(row), sizeof(ScrapeParam));
		if (config->nparams == 0 || strcmp(config->params[config->nparams - 1].name, name) != 0)
		{
			const char **values = arena_array(arena, run_length(row), sizeof(char *));

			config->params[config->nparams++] = (ScrapeParam){name, 0, values};
		}
		param = &config->params[config->nparams - 1];
		param->values[param->n++] = column_text(arena, row, 3);
	}
}

static void
read_types(PpArena *arena, ConfigList *list)
{
	query("SELECT c.name, t.profile, t.path, t.delta"
		  " FROM pprof.scrape_configs AS c, pprof.scrape_profiles(c.profiles) AS t"
		  " WHERE c.enabled AND t.enabled ORDER BY c.name COLLATE \"C\"");
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		int index = find_config(list, column_text(arena, row, 1));
		ScrapeType *type;

		if (index < 0)
			continue;
		if (list->types[index] == NULL)
			list->types[index] = arena_array(arena, run_length(row), sizeof(ScrapeType));
		type = &list->types[index][list->ntypes[index]++];
		type->name = column_text(arena, row, 2);
		type->path = column_text(arena, row, 3);
		type->delta = column_bool(row, 4);
	}
}

static int
compare_specs(const void *a, const void *b)
{
	uint64 x = ((const ScrapeSpec *) a)->id;
	uint64 y = ((const ScrapeSpec *) b)->id;

	return x < y ? -1 : x > y;
}

/* Of jobs that are the same in all that matters one is enough. */
static int
drop_duplicates(ScrapeSpec *specs, int n)
{
	int kept = 0;

	qsort(specs, n, sizeof(ScrapeSpec), compare_specs);
	for (int i = 0; i < n; i++)
	{
		if (kept == 0 || specs[kept - 1].id != specs[i].id)
			specs[kept++] = specs[i];
	}
	return kept;
}

/* One row per label of a target; rows of a target follow each other. */
static void
read_targets(Generation *generation, ConfigList *list)
{
	PpArena *arena = generation->arena;
	uint64 rows;
	int size = 0;

	query("SELECT t.config, t.address, t.target_id, l.key, l.value"
		  " FROM (SELECT *, pg_catalog.row_number() OVER (PARTITION BY config ORDER BY address, target_id) AS number"
		  " FROM pprof.targets WHERE enabled) AS t"
		  " LEFT JOIN LATERAL pg_catalog.jsonb_each_text(t.labels) AS l ON true"
		  " WHERE t.number <= " MAX_TARGETS " ORDER BY t.config, t.address, t.target_id");
	rows = SPI_processed;
	for (uint64 row = 0; row < rows; row++)
	{
		int index = find_config(list, column_text(arena, row, 1));

		if (index >= 0)
			size += list->ntypes[index];
	}
	generation->specs = arena_array(arena, size, sizeof(ScrapeSpec));
	generation->nspecs = 0;
	for (uint64 row = 0, next; row < rows; row = next)
	{
		int index = find_config(list, column_text(arena, row, 1));
		const char *address = column_text(arena, row, 2);
		const char *id = column_text(arena, row, 3);
		ScrapeLabels labels = {0, NULL};

		for (next = row + 1; next < rows && column_is(next, 3, id);)
			next++;
		if (index < 0)
			continue;
		labels.pairs = arena_array(arena, next - row, sizeof(ScrapePair));
		for (uint64 i = row; i < next; i++)
		{
			if (column_text(arena, i, 4)[0] != '\0')
				labels.pairs[labels.n++] =
					(ScrapePair){column_text(arena, i, 4), column_text(arena, i, 5)};
		}
		for (int type = 0; type < list->ntypes[index]; type++)
		{
			if (!target_spec(arena,
							 &list->configs[index],
							 &list->types[index][type],
							 address,
							 &labels,
							 &generation->specs[generation->nspecs++]))
				ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
		}
	}
	generation->nspecs = drop_duplicates(generation->specs, generation->nspecs);
}

/* Read all there is; generation->arena is the caller's, also after an error. */
void
config_read(Generation *generation)
{
	ConfigList list;

	read_configs(generation->arena, &list);
	read_params(generation->arena, &list);
	read_types(generation->arena, &list);
	read_targets(generation, &list);
}

/* Bring the table of jobs in line: new ones in, others out. */
void
config_report(const Generation *generation)
{
	int n = generation->nspecs;
	Datum *ids = palloc(sizeof(Datum) * (n + 1));
	Datum *texts[6];
	bool *nulls = palloc0(sizeof(bool) * (n + 1));
	Oid types[7] = {INT8ARRAYOID};
	Datum values[7];
	int dims[1] = {n};
	int lower[1] = {1};

	for (int c = 0; c < 6; c++)
		texts[c] = palloc0(sizeof(Datum) * (n + 1));
	for (int i = 0; i < n; i++)
	{
		const ScrapeSpec *spec = &generation->specs[i];

		ids[i] = Int64GetDatum((int64) spec->id);
		texts[0][i] = CStringGetTextDatum(spec->config->name);
		texts[1][i] = CStringGetTextDatum(spec->type->name);
		texts[2][i] = CStringGetTextDatum(spec->address);
		nulls[i] = spec->url == NULL;
		texts[3][i] = spec->url != NULL ? CStringGetTextDatum(spec->url) : (Datum) 0;
		texts[4][i] = CStringGetTextDatum(labels_json(spec, false));
		texts[5][i] = CStringGetTextDatum(spec->problem != NULL ? spec->problem : "");
	}
	values[0] = PointerGetDatum(
		construct_array(ids, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	for (int c = 0; c < 6; c++)
	{
		types[c + 1] = TEXTARRAYOID;
		values[c + 1] = PointerGetDatum(construct_md_array(texts[c],
														   c == 3 ? nulls : NULL,
														   1,
														   dims,
														   lower,
														   TEXTOID,
														   -1,
														   false,
														   TYPALIGN_INT));
	}
	if (SPI_execute_with_args("DELETE FROM pprof.scrape_jobs WHERE job_id <> ALL ($1)",
							  1,
							  types,
							  values,
							  NULL,
							  false,
							  0) != SPI_OK_DELETE ||
		SPI_execute_with_args("INSERT INTO pprof.scrape_jobs AS j (job_id, config, profile, address, url, labels, state, last_error)"
							  " SELECT u.id, u.config, u.profile, u.address, u.url, u.labels::jsonb,"
							  " CASE WHEN u.problem = '' THEN 'pending' ELSE 'invalid' END, u.problem"
							  " FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4), unnest($5), unnest($6), unnest($7))"
							  " AS u (id, config, profile, address, url, labels, problem)"
							  " ON CONFLICT (job_id) DO NOTHING",
							  7,
							  types,
							  values,
							  NULL,
							  false,
							  0) != SPI_OK_INSERT)
		elog(ERROR, "could not write pprof.scrape_jobs");
}
