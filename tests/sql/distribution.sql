-- what keeps the tables and sums distributable by service (docs/architecture.md, "Past one node")
SET search_path = public, pprof;
SET pprof.accept_past = 0;
SELECT add_day('2023-11-14') \g /dev/null
CREATE TEMP TABLE tables AS
    SELECT c.oid, c.relname::text AS name, c.relkind, c.relispartition, c.relpersistence,
           (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'service_id' AND NOT a.attisdropped) AS service_id
      FROM pg_class c WHERE c.relnamespace = 'pprof'::regnamespace AND c.relkind IN ('r', 'p');
SELECT count(*) > 30 AS some, count(*) FILTER (WHERE relispartition) > 9 AS partitions FROM tables;

-- no rows: what grows has service_id, and what has not is small and written rarely
SELECT name FROM tables
 WHERE service_id IS NULL AND (relkind = 'p' OR relispartition OR name !~ '^(days|scrape_.*|targets?|target_.*|retention.*|pins|pinned.*|maintenance.*|service_limits|settings|tenant.*)$');
-- no rows: service_id is never null, and a bigint
SELECT t.name FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = t.service_id
 WHERE NOT a.attnotnull OR a.atttypid <> 'bigint'::regtype;
-- no rows: every table and partition has a primary key, parents have no index
SELECT t.name FROM tables t
 WHERE (t.relkind = 'r') <> EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)
    OR t.relkind = 'p' AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid);
-- no rows: service_id comes first in every key
SELECT t.name, i.indexrelid::regclass FROM tables t JOIN pg_index i ON i.indrelid = t.oid
 WHERE t.service_id IS NOT NULL AND i.indisunique AND i.indkey[0] <> t.service_id;
-- no rows: no sequence, identity or default that differs by node but times
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'pprof'::regnamespace AND c.relkind = 'S';
SELECT t.name, a.attname FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid WHERE a.attnum > 0 AND (a.attidentity <> '' OR a.attgenerated <> '');
-- no rows: logged; no trigger, rule or foreign key on what grows, and foreign keys lead to tables that do not
SELECT name FROM tables WHERE relpersistence <> 'p';
SELECT t.name, g.tgname FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid WHERE t.service_id IS NOT NULL;
SELECT t.name, r.rulename FROM tables t JOIN pg_rewrite r ON r.ev_class = t.oid;
SELECT c.conname FROM pg_constraint c JOIN tables t ON t.oid = c.conrelid JOIN tables f ON f.oid = c.confrelid
 WHERE c.contype = 'f' AND (t.service_id IS NOT NULL OR f.service_id IS NOT NULL);
-- no rows: states of aggregates are types with text and binary forms, and can be combined
SELECT a.aggfnoid FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid JOIN pg_type t ON t.oid = a.aggtranstype
 WHERE p.pronamespace = 'pprof'::regnamespace
   AND (t.typtype = 'p' OR a.aggcombinefn = 0 OR a.aggserialfn <> 0 OR t.typreceive = 0 OR t.typsend = 0 OR p.proparallel <> 's');
-- no rows: functions of types, operators and aggregates read no tables: none is declared to
SELECT DISTINCT p.oid::regprocedure FROM pg_proc p
  JOIN pg_aggregate a ON p.oid IN (a.aggtransfn, a.aggcombinefn, a.aggfinalfn)
 WHERE p.pronamespace = 'pprof'::regnamespace AND p.provolatile <> 'i';
SELECT o.oprname FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
 WHERE p.pronamespace = 'pprof'::regnamespace AND p.provolatile <> 'i';

-- partial sums: by text, by COPY in binary, and by the workers of a parallel plan
\getenv abs_srcdir PG_ABS_SRCDIR
\getenv abs_builddir PG_ABS_BUILDDIR
\set data :abs_srcdir '/data/pprof/go/'
\set file :abs_builddir '/results/distribution.bin'
CREATE TABLE parts (id int PRIMARY KEY, p profile, s samples);
INSERT INTO parts SELECT i, pg_read_binary_file(:'data' || (ARRAY['go119-a', 'go119-b', 'go123-a', 'go123-b'])[1 + i % 4] || '-cpu.pb.gz')::profile,
       ('\x010001 0' || 1 + i % 3 || '00000000000000 0a 020003 010306')::samples FROM generate_series(1, 40) i;
CREATE TABLE wanted AS SELECT merge(p) AS p, merge(s) AS s, diff(p, id % 5 = 0) AS d FROM parts;
CREATE TABLE states AS SELECT id % 7 AS node, merge(p) AS p, merge(s) AS s, diff(p, id % 5 = 0) AS d FROM parts GROUP BY 1;
SELECT m.p = w.p AS profiles, m.s::bytea = w.s::bytea AS samples, m.d = w.d AS differences
  FROM wanted w, (SELECT merge(p::text::profile) AS p, merge(s::text::samples) AS s, merge(d::text::profile) AS d FROM states) m;
CREATE TABLE arrived (LIKE states);
COPY states TO :'file' (FORMAT binary);
COPY arrived FROM :'file' (FORMAT binary);
\! rm -f $PG_ABS_BUILDDIR/results/distribution.bin
SELECT m.p = w.p AS profiles, m.s::bytea = w.s::bytea AS samples, m.d = w.d AS differences
  FROM wanted w, (SELECT merge(p) AS p, merge(s) AS s, merge(d) AS d FROM arrived) m;
-- here the plan is the claim: workers sum, the leader combines
ALTER TABLE parts SET (parallel_workers = 2);
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    plan text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP plan := plan || line || chr(10); END LOOP;
    RETURN plan;
END $$;
SELECT plan_of('SELECT merge(p), merge(s), diff(p, id % 5 = 0) FROM parts') LIKE '%Finalize Aggregate%Gather%Partial Aggregate%' AS in_parts;
SELECT m.p = w.p AS profiles, m.s::bytea = w.s::bytea AS samples, m.d = w.d AS differences
  FROM wanted w, (SELECT merge(p) AS p, merge(s) AS s, diff(p, id % 5 = 0) AS d FROM parts) m;
RESET max_parallel_workers_per_gather;

-- services one by one, named, and then together: the same as at once
SELECT ingest(pg_read_binary_file(:'data' || f || '-a-cpu.pb.gz'), jsonb_build_object('service_name', f), '2023-11-14 12:00Z') > 0 AS stored
  FROM unnest('{go119,go123}'::text[]) f;
CREATE TEMP TABLE both_ways AS
    SELECT (SELECT merge(x.p) FROM (SELECT (merge(samples))::profile AS p FROM profiles
                                     WHERE profile_type LIKE 'process_cpu:cpu:%' GROUP BY service) x) AS apart,
           query('process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{}', '-infinity', 'infinity') AS at_once;
SELECT total(apart) = total(at_once) AS totals, total(apart) > 0 AS some,
       (SELECT count(*) FROM (SELECT f.level, f.value, f.self, f.label FROM flamegraph(apart) f
                       EXCEPT SELECT f.level, f.value, f.self, f.label FROM flamegraph(at_once) f) x) AS differences FROM both_ways;
-- one call per statement with parameters
PREPARE one (bytea[], jsonb[]) AS SELECT p.stored > 0 AS stored FROM pprof.push($1, $2) p;
EXECUTE one (ARRAY[(pg_read_binary_file(:'data' || 'go123-b-cpu.pb.gz'))], ARRAY['{"service_name": "go123", "__name__": "process_cpu"}'::jsonb]);
PREPARE two (text, text, timestamptz, timestamptz) AS SELECT count(*) > 1 AS rows FROM pprof.flamegraph($1, $2, $3, $4);
EXECUTE two ('process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{service_name="go123"}', '-infinity', 'infinity');
DEALLOCATE ALL;
DROP TABLE parts, wanted, states, arrived, both_ways, tables;
DROP FUNCTION plan_of(text);
TRUNCATE pprof.services, pprof.service_types, pprof.series, pprof.series_days, pprof.label_days, pprof.dictionaries, pprof.chunks, pprof.raw, pprof.pushes;
