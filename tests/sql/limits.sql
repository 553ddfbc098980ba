-- caps on what a service may add, less detail, and what grows
SET pprof.accept_past = 0;
SET TIME ZONE 'UTC';
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/body.sql'
\i :include
CREATE FUNCTION push(service text, labels jsonb, at timestamptz, stack text DEFAULT 'leaf')
RETURNS TABLE (stored int, sqlstate text, message text, hint text, reason text) LANGUAGE sql AS $$
    SELECT p.stored, p.sqlstate, p.message, p.hint, p.reason
      FROM pprof.push(ARRAY[body(stack, 1, at)], ARRAY[labels || jsonb_build_object('service_name', service, '__name__', 'process_cpu')]) p
$$;
-- rules match whole names; the greatest priority holds, then the longest expression
SELECT pprof.set_service_limits('.*', max_series => 5), pprof.set_service_limits('shop.*', max_series => 2),
       pprof.set_service_limits('shop|cart|car.*', max_series => 1, priority => -1), pprof.set_service_limits('shop', max_series => 3, priority => 1);
SELECT n, (SELECT service FROM pprof.service_limits_of('anonymous', n)) FROM unnest(ARRAY['shop', 'shop-b', 'cart', 'a"b\', '']) n;
SELECT count(*) FROM pprof.service_limits_of('nobody', 'shop');
SELECT pprof.set_service_limits('bad', max_series => -1);
SELECT pprof.set_service_limits('bad', granularity => 'bytes');
SELECT pprof.set_service_limits('(bad');
SELECT pprof.drop_service_limits('.*'), pprof.drop_service_limits('none');
-- series
SELECT i, p.* FROM generate_series(1, 4) i, push('shop', jsonb_build_object('pod', i::text), '2023-11-14 01:00Z') p ORDER BY i;
SELECT p.* FROM push('shop', '{"pod": "1"}', '2023-11-14 02:00Z') p;
SELECT p.stored AS next_day FROM push('shop', '{"pod": "4"}', '2023-11-15 01:00Z') p;
-- a refused profile leaves nothing behind, and the others of the request are stored
SELECT p.idx, p.stored, p.sqlstate, p.reason FROM pprof.push(
    ARRAY[body('leaf', 1, '2023-11-14 03:00Z'), body('leaf', 2, '2023-11-14 03:00Z'), body('leaf', 3, '2023-11-14 03:00Z')],
    ARRAY['{"service_name": "shop", "__name__": "process_cpu", "pod": "1"}', '{"service_name": "shop", "__name__": "process_cpu", "pod": "9"}',
          '{"service_name": "shop", "__name__": "process_cpu", "pod": "2"}']::jsonb[]) p;
SELECT pprof.ingest(body('leaf', 1, '2023-11-14 04:00Z'), '{"service_name": "shop", "pod": "9"}');
SELECT count(*) FROM pprof.series WHERE labels ->> 'pod' = '9';
-- what was rolled back does not count
BEGIN;
SELECT stored FROM push('shop-b', '{"pod": "1"}', '2023-11-14 01:00Z');
SELECT stored FROM push('shop-b', '{"pod": "2"}', '2023-11-14 01:00Z');
ROLLBACK;
SELECT stored FROM push('shop-b', '{"pod": "3"}', '2023-11-14 01:00Z');
SELECT stored FROM push('shop-b', '{"pod": "4"}', '2023-11-14 01:00Z');
SELECT reason FROM push('shop-b', '{"pod": "5"}', '2023-11-14 01:00Z');
-- a rule that changes is in force at once
SELECT pprof.set_service_limits('shop-b', max_series => 0);
SELECT stored FROM push('shop-b', '{"pod": "5"}', '2023-11-14 01:00Z');
SELECT pprof.drop_service_limits('shop-b'), pprof.drop_service_limits('shop.*');
SET pprof.max_series_per_service = 3;
SELECT * FROM push('shop-b', '{"pod": "6"}', '2023-11-14 01:00Z');
RESET pprof.max_series_per_service;
-- names and values of labels
SELECT pprof.set_service_limits('cart', max_label_names => 3, max_label_values => 2);
SELECT * FROM push('cart', '{"a": "1", "b": "1"}', '2023-11-14 01:00Z');
SELECT * FROM push('cart', '{"a": "1", "c": "1"}', '2023-11-14 01:00Z');
SELECT * FROM push('cart', '{"a": "2"}', '2023-11-14 01:00Z');
SELECT * FROM push('cart', '{"a": "3"}', '2023-11-14 01:00Z');
SELECT * FROM push('cart', '{"b": "2"}', '2023-11-14 01:00Z');
-- stacks
SELECT pprof.set_service_limits('deep', max_stacks => 2);
SELECT s, p.* FROM unnest('{a,b,c}'::text[]) WITH ORDINALITY AS u (s, i), push('deep', '{}', '2023-11-14 01:00Z', s) p ORDER BY i;
SET pprof.max_stacks_per_day = 1;
SELECT s, p.reason FROM unnest('{a,b}'::text[]) WITH ORDINALITY AS u (s, i), push('other', '{}', '2023-11-14 01:00Z', s) p ORDER BY i;
RESET pprof.max_stacks_per_day;
-- at the cap, known stacks are as welcome as before
SELECT s, p.stored, p.reason FROM unnest('{a,d,b}'::text[]) WITH ORDINALITY AS u (s, i), push('deep', '{}', '2023-11-14 02:00Z', s) p ORDER BY i;
-- all dictionaries of the day count
INSERT INTO pprof.dictionaries (service_id, day, dict_id) SELECT d.service_id, d.day, d.dict_id # 1 FROM pprof.dictionaries d JOIN pprof.services s USING (service_id) WHERE s.name = 'deep';
INSERT INTO pprof.chunks SELECT c.service_id, c.dict_id # 1, c.day, c.first_no, c.last_no, c.data FROM pprof.chunks c JOIN pprof.services s USING (service_id) WHERE s.name = 'deep';
SELECT pprof.set_service_limits('deep', max_stacks => 4);
SELECT p.stored, p.reason FROM push('deep', '{}', '2023-11-14 03:00Z', 'c') p;
SELECT pprof.set_service_limits('deep', max_stacks => 5);
SELECT p.stored, p.reason FROM push('deep', '{}', '2023-11-14 03:00Z', 'c') p;
-- by function: the same totals without lines
SELECT pprof.set_service_limits('flat', granularity => 'functions');
\set real `base64 -w0 $PG_ABS_SRCDIR/data/pprof/go/go123-a-cpu.pb.gz`
SELECT pprof.ingest(decode(:'real', 'base64'), '{"service_name": "flat"}'), pprof.ingest(decode(:'real', 'base64'), '{"service_name": "full"}');
CREATE TEMP TABLE got AS
    SELECT s, pprof.query('process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{service_name="' || s || '"}', '1970-01-01', '2100-01-01') AS p FROM unnest('{flat,full}'::text[]) s;
SELECT a.n = b.n AS same_total FROM (SELECT pprof.total(p) AS n FROM got WHERE s = 'flat') a, (SELECT pprof.total(p) AS n FROM got WHERE s = 'full') b;
SELECT count(*) AS differences FROM (SELECT f.level, f.value, f.self, f.label FROM got, pprof.flamegraph(p) f WHERE s = 'flat'
    EXCEPT ALL SELECT f.level, f.value, f.self, f.label FROM got, pprof.flamegraph(p) f WHERE s = 'full') x;
SELECT s, bool_or(line <> 0) AS lines FROM got, pprof.frames(p) GROUP BY s ORDER BY s;
SELECT count(DISTINCT stacks) AS different, min(stacks) = max(stacks) FILTER (WHERE name = 'flat') AS fewer_in_flat
  FROM (SELECT s.name, pprof.chunk_stacks(c.data) AS stacks FROM pprof.chunks c JOIN pprof.services s USING (service_id)
         WHERE s.name IN ('flat', 'full')) x;
-- what grows, as a reader sees it
SELECT stored FROM push('shop', '{"pod": "now"}', now());
SET ROLE pprof_read;
SELECT service, series, new_series, series_today, max_series, stacks_today, stacks_yesterday, max_stacks, granularity, dictionary_bytes_today > 0 AS bytes, raw_rows
  FROM pprof.growth ORDER BY service COLLATE "C";
SELECT pprof.set_service_limits('x');
RESET ROLE;
SET pprof.tenant = 'nobody';
SELECT count(*) FROM pprof.growth;
RESET pprof.tenant;
SELECT count(*) FROM pprof.check();
SELECT pprof.chunk_stacks('\x02');
TRUNCATE pprof.service_limits;
DROP TABLE got;
DROP FUNCTION push(text, jsonb, timestamptz, text), body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
TRUNCATE pprof.services, pprof.service_types, pprof.series, pprof.series_days, pprof.label_days, pprof.dictionaries, pprof.chunks, pprof.raw, pprof.pushes;
