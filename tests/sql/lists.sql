-- heat maps and lists of profiles
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/body.sql'
\i :include
SET pprof.accept_past = 0;
SET TIME ZONE 'UTC';
\set type 'process_cpu:samples:count:cpu:nanoseconds'
SELECT sum(pprof.ingest(body('leaf', v, '2023-11-14 00:00:00Z'::timestamptz + s * interval '1 s'), jsonb_build_object('service_name', n, 'pod', pod)))
  FROM (VALUES (100, 10, 'a', 'p1'), (100, 20, 'a', 'p2'), (110, 30, 'a', 'p1'), (115, 12, 'b', 'p1'), (116, 100, 'a', 'p1'), (145, 99, 'b', 'p2'), (146, 11, 'b', 'p2')) AS t (s, v, n, pod);
-- the largest is in the last bucket; a step has its right edge, the first one its left edge, too
SELECT at, low, high, profiles FROM pprof.heatmap(:'type', '{}', '2023-11-14 00:01:45Z', '2023-11-14 00:02:26Z', '15 s', 3) ORDER BY at, low;
SELECT at, low, high, profiles FROM pprof.heatmap(:'type', '{service_name="b"}', '2023-11-14 00:01:40Z', '2023-11-14 00:02:25Z', '1 min', 2) ORDER BY at, low;
SELECT sum(profiles), count(*) FROM pprof.heatmap('process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{}', '2023-11-14', 'infinity', '1 h');
SELECT * FROM pprof.heatmap(:'type', '{pod="none"}', '2023-11-14', 'infinity', '1 h');
SELECT * FROM pprof.heatmap(:'type', '{}', '2023-11-14', '2023-11-14', '1 h');
SELECT * FROM pprof.heatmap(:'type', '{}', '2023-11-14', '2023-11-15', '0 s');
SELECT * FROM pprof.heatmap(:'type', '{}', '2023-11-14', '2023-11-15', '1 h', 0);
SELECT * FROM pprof.heatmap(:'type', '{}', '-infinity', '2023-11-15', '1 h');
BEGIN;
SELECT sum(pprof.ingest(body('leaf', 1, '2023-11-15 00:00:00Z'::timestamptz + i * interval '1 s'), '{"service_name": "c"}')) FROM generate_series(0, 100) AS i;
SELECT count(*), sum(profiles) FROM pprof.heatmap(:'type', '{}', '2023-11-15', '2023-11-16', '1 s', 9900);
SELECT count(*) FROM pprof.heatmap(:'type', '{}', '2023-11-15', '2023-11-16', '1 s', 10000);
ROLLBACK;
-- lists
SELECT at, service, labels ->> 'pod' AS pod, duration, total FROM pprof.profile_list(:'type', '{}', '-infinity', 'infinity', 3);
SELECT at, service, labels ->> 'pod' AS pod, total FROM pprof.profile_list(:'type', '{service_name="a"}', '2023-11-14', '2023-11-14 00:01:56', ordered_by => 'largest');
SELECT total FROM pprof.profile_list(:'type', '{}', '-infinity', 'infinity', 2, 'smallest');
SELECT total FROM pprof.profile_list('process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{pod="p2"}', '-infinity', 'infinity', 2, 'oldest');
SELECT count(*) AS good FROM pprof.profile_list(:'type', '{}', '-infinity', 'infinity') l
 WHERE pprof.total(pprof.query(:'type', format('{profile_id="%s"}', l.profile_id), '-infinity', 'infinity')) = l.total;
SELECT * FROM pprof.profile_list(:'type', '{}', '-infinity', 'infinity', 0);
SELECT * FROM pprof.profile_list(:'type', '{}', '-infinity', 'infinity', 1, 'random');
-- means
SELECT label, value, self FROM pprof.flamegraph(:'type', '{}', '-infinity', 'infinity', aggregation => 'avg');
SELECT s.stack, s.value FROM pprof.stacks(pprof.query(:'type', '{service_name="b"}', '-infinity', 'infinity', aggregation => 'avg')) AS s;
SELECT pprof.query(:'type', '{}', '-infinity', 'infinity', aggregation => 'max');
SELECT * FROM pprof.check();
DROP FUNCTION body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
TRUNCATE pprof.services, pprof.service_types, pprof.series, pprof.series_days, pprof.label_days, pprof.dictionaries, pprof.chunks, pprof.raw, pprof.pushes;
