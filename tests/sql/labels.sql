-- types, names, values and sets of labels of what is stored
SET pprof.accept_past = 0;
SET TIME ZONE 'UTC';
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/body.sql'
\i :include
SELECT sum(pprof.ingest(body('leaf', 1, at::timestamptz), labels::jsonb)) FROM (VALUES
    ('2023-11-14 01:00Z', '{"service_name": "shop", "env": "prod", "pod": "p1"}'),
    ('2023-11-14 02:00Z', '{"service_name": "shop", "env": "test", "a.b": "c"}'),
    ('2023-11-15 01:00Z', '{"service_name": "shop", "env": "prod", "pod": "p2"}'),
    ('2023-11-15 02:00Z', '{"service_name": "cart", "env": "prod", "Ünïcode": "wörth"}'),
    ('2023-11-16 02:00Z', '{"service_name": "wall", "__name__": "wall"}')) AS t (at, labels);
SELECT * FROM pprof.profile_types();
SELECT * FROM pprof.profile_types('2023-11-16', NULL);
SELECT * FROM pprof.profile_types(NULL, '2023-11-16');
SELECT * FROM pprof.profile_types('2024-01-01', '2024-02-01');
SELECT * FROM pprof.profile_types('2023-11-16', '2023-11-15');
SELECT count(*) FROM pprof.profile_types('-infinity', 'infinity');
SELECT count(*) FROM pprof.profile_types('infinity', NULL);
SELECT count(*) FROM pprof.profile_types(NULL, '-infinity');
SELECT * FROM pprof.label_names();
SELECT * FROM pprof.label_names('{"{service_name=\"shop\"}"}', '2023-11-15');
SELECT * FROM pprof.label_names('{"{env=\"prod\"}","{pod=\"\"}"}');
SELECT * FROM pprof.label_names('{"{env=\"none\"}"}');
SELECT name, array_agg(v) FROM unnest('{service_name,__service_name__,env,pod,a.b,Ünïcode,__name__,__type__,__period_type__,none}'::text[]) WITH ORDINALITY AS n (name, i),
    LATERAL pprof.label_values(name) AS v GROUP BY name, i ORDER BY i;
SELECT * FROM pprof.label_values('pod', '{"{service_name=~\"sh.*\"}"}', '2023-11-14', '2023-11-15');
SELECT * FROM pprof.label_values('service_name', '{process_cpu}');
SELECT * FROM pprof.label_values('env', '{"{__profile_type__=\"wall:cpu:nanoseconds:cpu:nanoseconds\"}"}');
SELECT * FROM pprof.label_values('');
SELECT * FROM pprof.label_values('env', '{"{bad"}');
SELECT * FROM pprof.label_sets('{}', '{service_name,__type__}');
SELECT * FROM pprof.label_sets('{"{service_name!=\"shop\"}"}', '{service_name,env}');
SELECT * FROM pprof.label_sets('{}', '{nothing}');
SELECT * FROM pprof.label_sets('{"wall{__type__=\"cpu\"}"}');
SELECT count(*) FROM pprof.label_sets();
-- texts longer than an index can hold are found as well, and nothing else is lost
SELECT pprof.ingest(body('leaf', 1, '2023-11-17 01:00Z'),
                    jsonb_build_object('service_name', 'long', 'long', repeat('x', 2048), 'short', 's', repeat('n', 1024), 'v'));
SELECT length(v) FROM pprof.label_values('long', '{"{service_name=\"long\"}"}') AS v;
SELECT length(n) FROM pprof.label_names('{"{service_name=\"long\"}"}', '2023-11-17') AS n ORDER BY n;
SELECT v FROM pprof.label_values(repeat('n', 1024)) AS v;
SELECT v FROM pprof.label_values('short') AS v;
SELECT octet_length(name), octet_length(value) FROM pprof.label_days WHERE day = '2023-11-17' AND value <> 's' ORDER BY 1, 2;
-- in every isolation level, and gone when the transaction is
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pprof.ingest(body('leaf', 1, '2023-11-17 02:00Z'), '{"service_name": "shop", "env": "dev"}');
SELECT array_agg(v) FROM pprof.label_values('env') AS v;
ROLLBACK;
SELECT array_agg(v) FROM pprof.label_values('env') AS v;
SELECT count(*) FROM pprof.check();
-- made anew from the series
CREATE TEMP TABLE before AS SELECT * FROM pprof.label_days;
DELETE FROM pprof.label_days WHERE name = 'env';
UPDATE pprof.label_days SET value = 'other' WHERE name = 'pod';
SELECT count(*) > 0 AS wrong FROM pprof.check();
SELECT DISTINCT pprof.label_summary_rebuild(service_id, day) > 0 AS changed FROM pprof.series_days ORDER BY 1;
(TABLE before EXCEPT TABLE pprof.label_days) UNION ALL (TABLE pprof.label_days EXCEPT TABLE before);
SELECT bool_and(pprof.label_summary_rebuild(service_id, day) = 0) AS nothing_to_do FROM pprof.series_days;
DROP TABLE before;
-- what no other tenant sees
SET pprof.tenant = 'nobody';
SELECT count(*) FROM pprof.label_sets();
SELECT count(*) FROM pprof.profile_types();
RESET pprof.tenant;
DROP FUNCTION body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
TRUNCATE pprof.services, pprof.service_types, pprof.series, pprof.series_days, pprof.label_days, pprof.dictionaries, pprof.chunks, pprof.raw, pprof.pushes;
