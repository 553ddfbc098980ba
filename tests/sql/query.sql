-- stored profiles give what merging the profiles themselves gives
\getenv abs_srcdir PG_ABS_SRCDIR
\set data :abs_srcdir '/data/pprof/go/'
SET pprof.accept_past = 0;
SET TIME ZONE 'UTC';
CREATE TABLE files (name text PRIMARY KEY, body bytea, kind text);
SELECT set_config('test.data', :'data', false) IS NOT NULL AS data;
INSERT INTO files SELECT name, pg_read_binary_file(current_setting('test.data') || name || '.pb.gz'), split_part(name, '-', 3)
  FROM unnest('{go119-a-cpu,go119-b-cpu,go123-a-cpu,go123-b-cpu,go119-a-heap,go119-b-heap,go123-a-heap,go123-b-heap,go119-a-allocs,go123-a-allocs,go123-a-goroutine,go123-a-mutex,go123-a-block,go123-a-threadcreate}'::text[]) AS name;
SELECT name, pprof.ingest(body, jsonb_build_object('__name__', kind, 'service_name', 'shop', 'file', name)) > 0 AS stored FROM files ORDER BY name COLLATE "C";

-- every type, by stack: no rows
CREATE VIEW types AS SELECT t AS id, split_part(t, ':', 1) AS kind, split_part(t, ':', 2) AS type FROM pprof.profile_types() AS t;
SELECT count(*) FROM types;
CREATE VIEW expected AS
    SELECT t.id, s.stack, sum(s.value) AS value FROM types t JOIN files f USING (kind), pprof.stacks(f.body::pprof.profile, t.type) AS s
     WHERE s.value <> 0 GROUP BY 1, 2;
CREATE VIEW stored AS
    SELECT t.id, s.stack, sum(s.value) AS value FROM types t, pprof.stacks(pprof.query(t.id, '{}', '-infinity', 'infinity')) AS s GROUP BY 1, 2;
(TABLE expected EXCEPT TABLE stored) UNION ALL (TABLE stored EXCEPT TABLE expected);
SELECT count(*) > 200 AS enough FROM stored;

-- by line: the same as the merge of the profiles, without labels and addresses
CREATE VIEW lines AS
    SELECT t.id, md5(string_agg(concat_ws(':', f.function, f.system_name, f.filename, f.line, f.inlined), ';' ORDER BY f.depth)) AS stack, s.value
      FROM types t, LATERAL (SELECT pprof.query(t.id, '{}', '-infinity', 'infinity') AS p OFFSET 0) q,
           pprof.stacks(q.p) AS s JOIN pprof.frames(q.p) AS f USING (sample_id)
     WHERE t.kind IN ('cpu', 'heap') GROUP BY t.id, s.sample_id, s.value;
CREATE VIEW expected_lines AS
    SELECT t.id, md5(string_agg(concat_ws(':', f.function, f.system_name, f.filename, f.line, f.inlined), ';' ORDER BY f.depth)) AS stack, s.value
      FROM types t JOIN files b USING (kind), LATERAL (SELECT b.body::pprof.profile AS p OFFSET 0) q,
           pprof.stacks(q.p, t.type) AS s JOIN pprof.frames(q.p) AS f USING (sample_id)
     WHERE t.kind IN ('cpu', 'heap') AND s.value <> 0 GROUP BY t.id, b.name, s.sample_id, s.value;
SELECT id, count(*) FROM (SELECT id, stack, sum(value) FROM lines GROUP BY 1, 2 EXCEPT SELECT id, stack, sum(value) FROM expected_lines GROUP BY 1, 2) x GROUP BY 1;
SELECT id, count(*) FROM (SELECT id, stack, sum(value) FROM expected_lines GROUP BY 1, 2 EXCEPT SELECT id, stack, sum(value) FROM lines GROUP BY 1, 2) x GROUP BY 1;

-- the flame graph of a range is that of its profile, under both sets of rules, cut or not
SELECT rules, max_nodes, count(*) AS different FROM types t, unnest('{pprof,pyroscope}'::text[]) AS rules, unnest('{0,1,50}'::int[]) AS max_nodes,
    LATERAL (SELECT * FROM pprof.flamegraph(t.id, '{}', '-infinity'::timestamptz, 'infinity'::timestamptz, max_nodes, rules) EXCEPT
             SELECT * FROM pprof.flamegraph(pprof.query(t.id, '{}', '-infinity', 'infinity'), '', max_nodes, rules)) x
 GROUP BY 1, 2;
-- so is the sum of samples, named afterwards
SELECT t.id, count(*) AS different FROM types t, LATERAL
    (SELECT s.stack, s.value FROM pprof.stacks((SELECT pprof.merge(samples)::pprof.profile FROM pprof.profiles p WHERE p.profile_type = t.id)) AS s EXCEPT
     SELECT s.stack, s.value FROM pprof.stacks(pprof.query(t.id, '{}', '-infinity', 'infinity')) AS s) x GROUP BY 1;

-- header
SELECT pprof.summary(pprof.query('cpu:cpu:nanoseconds:cpu:nanoseconds', '{file="go123-a-cpu"}', '-infinity', 'infinity')) =
       regexp_replace(pprof.summary(pprof.query('cpu:cpu:nanoseconds:cpu:nanoseconds:delta', '{__type__="cpu", file=~"go123-a.*"}', '-infinity', 'infinity')), 'x', 'x') AS same;
-- nothing, but never null
SELECT pprof.num_samples(pprof.query('cpu:cpu:nanoseconds:cpu:nanoseconds', '{file="none"}', '-infinity', 'infinity')) AS none,
       pprof.num_samples(pprof.query(NULL, NULL, NULL, NULL)) AS nulls,
       pprof.num_samples(pprof.query('cpu:cpu:nanoseconds:cpu:nanoseconds', '{__type__="other"}', '-infinity', 'infinity')) AS other_type,
       pprof.num_samples(pprof.query('cpu:cpu:nanoseconds:cpu:nanoseconds', '{}', now(), now())) AS no_time;
SELECT * FROM pprof.flamegraph(NULL::text, '{}', now(), now());
SELECT * FROM pprof.flamegraph(NULL, NULL, NULL, NULL);
-- literals of no type
SELECT (SELECT sum(self) FROM pprof.flamegraph('cpu:cpu:nanoseconds:cpu:nanoseconds', '{}', '2000-01-01', '2200-01-01'))
     = pprof.total(pprof.query('cpu:cpu:nanoseconds:cpu:nanoseconds', '{}', '2000-01-01', '2200-01-01')) AS same;
-- a cut keeps the total
SELECT max_nodes, pprof.total(pprof.query(id, '{}', '-infinity', 'infinity', max_nodes)) = pprof.total(pprof.query(id, '{}', '-infinity', 'infinity')) AS same,
       pprof.num_samples(pprof.query(id, '{}', '-infinity', 'infinity', max_nodes)) < pprof.num_samples(pprof.query(id, '{}', '-infinity', 'infinity')) AS fewer
  FROM types, unnest('{1,10,100}'::int[]) AS max_nodes WHERE id = 'cpu:cpu:nanoseconds:cpu:nanoseconds';
-- one profile by its id
SELECT count(*) AS ids, count(*) FILTER (WHERE total = pprof.total(pprof.query(profile_type, format('{profile_id="%s"}', profile_id), '-infinity', 'infinity'))) AS same
  FROM (SELECT profile_type, profile_id, sum(total) AS total FROM pprof.profiles WHERE profile_type LIKE 'cpu:cpu:%' GROUP BY 1, 2) x;
-- what is no id is nobody's
SELECT id, pprof.num_samples(pprof.query('process_cpu:cpu:nanoseconds:cpu:nanoseconds', format('{profile_id="%s"}', id), '-infinity', 'infinity'))
  FROM unnest('{none,zzzzzzzz-zzzz-4zzz-8zzz-zzzzzzzzzzzz,ZZ}'::text[]) AS id;
-- refusals
SELECT pprof.query('cpu', '{}', now(), now());
SELECT pprof.query('cpu:cpu:nanoseconds:cpu:nanoseconds', '', now(), now());
SELECT pprof.query('cpu:cpu:nanoseconds:cpu:nanoseconds', '{a=~"("}', now(), now());
SELECT * FROM pprof.flamegraph('cpu:cpu:nanoseconds:cpu:nanoseconds', '{}', now(), now(), 0, 'nonsense');
SELECT * FROM pprof.check();
DROP VIEW expected_lines, lines, stored, expected, types;
DROP TABLE files;
TRUNCATE pprof.services, pprof.service_types, pprof.series, pprof.series_days, pprof.label_days, pprof.dictionaries, pprof.chunks, pprof.raw, pprof.pushes;

-- time series
\set include :abs_srcdir '/sql/include/body.sql'
\i :include
SELECT sum(pprof.ingest(body('leaf', v, '2023-11-14 00:00:00Z'::timestamptz + ms * interval '1 ms'), jsonb_build_object('service_name', s)))
  FROM (VALUES (1000000, 100, 'a'), (1000000, 7, 'b'), (1010000, 200, 'a'), (1015000, 40, 'a'), (1015001, 60, 'a'), (1045000, 11, 'b'), (1059000, 9, 'a'),
               (2000100, 1, 'c'), (2007000, 2, 'c'), (2022000, 4, 'c'), (2022001, 8, 'c'), (2030000, 16, 'c')) AS t (ms, v, s);
CREATE FUNCTION series(selector text, since int, until int, step interval, group_by text[], aggregation text)
    RETURNS TABLE (labels jsonb, ms bigint, value numeric) LANGUAGE sql AS $$
    SELECT labels, (extract(epoch FROM at - '2023-11-14 00:00:00Z'::timestamptz) * 1000)::bigint, value
      FROM pprof.timeseries('process_cpu:samples:count:cpu:nanoseconds', selector, '2023-11-14 00:00:00Z'::timestamptz + since * interval '1 ms',
        '2023-11-14 00:00:00Z'::timestamptz + until * interval '1 ms' + interval '1 us', step, group_by, aggregation) ORDER BY 1, 2 $$;
SELECT * FROM series('{}', 1000000, 1050000, '15 s', '{service_name}', 'sum');
SELECT labels, ms, round(value, 2) AS value FROM series('{}', 1000000, 1050000, '15 s', '{service_name}', 'avg');
SELECT * FROM series('{}', 2007000, 2030000, '15 s', '{}', 'sum');
SELECT * FROM series('{service_name="a"}', 1000000, 1050000, '1 min', '{__type__,nothing}', 'sum');
SELECT * FROM series('{}', 1000000, 1050000, '0 s', '{}', 'sum');
SELECT * FROM series('{}', 1000000, 1050000, '15 s', '{}', 'max');
DROP FUNCTION series(text, int, int, interval, text[], text);
DROP FUNCTION body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
TRUNCATE pprof.services, pprof.service_types, pprof.series, pprof.series_days, pprof.label_days, pprof.dictionaries, pprof.chunks, pprof.raw, pprof.pushes;
