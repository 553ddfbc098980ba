-- wherever profiles lie, a query answers what the merge of their bodies does
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/body.sql'
\i :include
SET pprof.accept_past = 0;
SET TIME ZONE 'UTC';
SET pprof.segment_profiles = 8;
SELECT setseed(0.25) IS NOT NULL AS seeded;

-- a CPU profile of several samples: root, a leaf, a count; each with a label or none
CREATE FUNCTION several(leaves text[], counts int[], envs text[], at timestamptz, label text DEFAULT 'env') RETURNS bytea LANGUAGE sql AS $$
    SELECT block(1, '\x08011002') || block(1, '\x08031004')
        || string_agg(block(2, block(1, uvarint(i + 1) || '\x01') || block(2, uvarint(counts[i]) || uvarint(counts[i] * 10000000))
               || CASE WHEN envs[i] IS NULL THEN '' ELSE block(3, number(1, 6) || number(2, 6 + 2 * i)) END), ''::bytea ORDER BY i)
        || block(4, '\x0801' || block(4, '\x0801'))
        || string_agg(block(4, number(1, i + 1) || block(4, number(1, i + 1))), ''::bytea ORDER BY i)
        || block(5, '\x08011005') || string_agg(block(5, number(1, i + 1) || number(2, 5 + 2 * i)), ''::bytea ORDER BY i)
        || block(6, '') || block(6, 'samples') || block(6, 'count') || block(6, 'cpu') || block(6, 'nanoseconds') || block(6, 'root') || block(6, convert_to(label, 'UTF8'))
        || string_agg(block(6, convert_to(leaves[i], 'UTF8')) || block(6, convert_to(coalesce(envs[i], ''), 'UTF8')), ''::bytea ORDER BY i)
        || number(9, (extract(epoch FROM at) * 1000000)::bigint * 1000) || number(10, 15000000000) || block(11, '\x08031004') || number(12, 10000000)
      FROM generate_subscripts(leaves, 1) AS i
$$;

-- profiles of two days and a bit, in three services; some at full hours, some at one time
CREATE TABLE bodies (id serial, service text, pod text, at timestamptz, leaves text[], counts int[], envs text[], late boolean, body bytea);
INSERT INTO bodies (service, pod, at, leaves, counts, envs, late)
SELECT (ARRAY['a', 'a', 'a', 'b', 'c'])[1 + floor(random() * 5)], 'p' || floor(random() * 3),
       '2023-11-13 22:00:00Z'::timestamptz + CASE WHEN n % 7 = 0 THEN interval '1 h' * floor(random() * 54) ELSE interval '1 s' * floor(random() * 54 * 3600) END,
       ARRAY['l' || floor(random() * 9), 'm' || floor(random() * 9), 'n' || floor(random() * 3)],
       ARRAY[1 + floor(random() * 9), 1 + floor(random() * 2), 1 + floor(random() * 100)],
       CASE WHEN n % 3 = 0 THEN ARRAY['prod', 'test', NULL] ELSE ARRAY[NULL, NULL, NULL]::text[] END, random() < 0.15
  FROM generate_series(1, 300) AS n;
-- crowded: several segments in one hour
INSERT INTO bodies (service, pod, at, leaves, counts, envs, late)
SELECT 'a', 'p' || n % 3, '2023-11-14 10:00:00Z'::timestamptz + interval '90 s' * n, ARRAY['l' || n % 5, 'm1', 'n1'], ARRAY[n % 4 + 1, 1, 2],
       ARRAY[NULL, CASE n % 2 WHEN 0 THEN 'prod' END, NULL], n % 10 = 9 FROM generate_series(0, 39) AS n;
UPDATE bodies SET body = several(leaves, counts, envs, at);
CREATE TABLE facts AS SELECT b.id, service, pod, at, coalesce(env, '') AS env, leaf, sum(count) AS count FROM bodies b, unnest(leaves, counts, envs) AS u (leaf, count, env) GROUP BY 1, 2, 3, 4, 5, 6;
CREATE TABLE stored (id int);
CREATE PROCEDURE store(late_ones boolean) LANGUAGE sql AS $$
    INSERT INTO stored SELECT id FROM (SELECT id, pprof.ingest(body, jsonb_build_object('service_name', service, 'pod', pod)) FROM bodies WHERE late = late_ones OFFSET 0) x $$;

-- what is asked: selectors and what they mean, ranges, types with what an event is worth
CREATE TABLE selectors (selector text, service text, pod text, env text);
INSERT INTO selectors VALUES ('{}', '.*', '.*', '.*'), ('{service_name="a"}', 'a', '.*', '.*'), ('{service_name=~"a|b", pod="p1"}', 'a|b', 'p1', '.*'), ('{service_name="a", env="prod"}', 'a', '.*', 'prod'), ('{env!=""}', '.*', '.*', '..*');
CREATE TABLE ranges (since timestamptz, until timestamptz);
INSERT INTO ranges VALUES ('-infinity', 'infinity'), ('2023-11-14', '2023-11-15'), ('2023-11-13 22:30:17.5', '2023-11-15 23:10:00.000001'), ('2023-11-14 10:00', '2023-11-14 11:00'),
    ('2023-11-14 10:00:00.000001', '2023-11-14 11:00'), ('2023-11-14 10:03', '2023-11-14 10:09:00.000001'), ('2023-11-14 05:00', '2023-11-15 05:30'), ('2023-11-14 22:10', 'infinity'),
    ('2023-11-14 10:00', '2023-11-14 10:00'), ('2023-11-15', '2023-11-14');
CREATE TABLE types (type text, worth bigint, sample_type text);
INSERT INTO types VALUES ('process_cpu:cpu:nanoseconds:cpu:nanoseconds', 10000000, 'cpu'), ('process_cpu:samples:count:cpu:nanoseconds', 1, 'samples');

-- frames of stacks, root first, with what is below them
CREATE FUNCTION flame(stacks jsonb) RETURNS TABLE (level int, value numeric, self numeric, label text) LANGUAGE sql AS $$
    WITH s AS (SELECT key AS leaf, value::numeric AS value FROM jsonb_each_text(stacks) WHERE value <> '0')
    SELECT 0, coalesce(sum(value), 0), 0, 'total' FROM s UNION ALL SELECT 1, sum(value), 0, 'root' FROM s HAVING count(*) > 0 UNION ALL SELECT 2, value, value, leaf FROM s $$;
CREATE FUNCTION differences() RETURNS TABLE (what text, selector text, since timestamptz, until timestamptz, type text, n numeric) LANGUAGE plpgsql AS $$
DECLARE
    q record;
    sums jsonb;
    means jsonb;
    ids bigint;
BEGIN
    FOR q IN SELECT * FROM selectors, ranges, types LOOP
        SELECT coalesce(jsonb_object_agg(f.leaf, f.count * q.worth), '{}') INTO sums
          FROM (SELECT f.leaf, sum(f.count) AS count FROM facts f JOIN stored USING (id) WHERE f.at >= q.since AND f.at < q.until
                   AND f.service ~ ('^(' || q.service || ')$') AND f.pod ~ ('^(' || q.pod || ')$') AND f.env ~ ('^(' || q.env || ')$') GROUP BY 1) f;
        SELECT count(DISTINCT f.id) INTO ids FROM facts f JOIN stored USING (id) WHERE f.at >= q.since AND f.at < q.until
                   AND f.service ~ ('^(' || q.service || ')$') AND f.pod ~ ('^(' || q.pod || ')$') AND f.env ~ ('^(' || q.env || ')$');
        SELECT coalesce(jsonb_object_agg(key, round(value::numeric / ids)), '{}') INTO means FROM jsonb_each_text(sums);
        RETURN QUERY
        SELECT d.what, q.selector, q.since, q.until, q.type, d.n FROM (
            SELECT 'query' AS what, count(*) AS n FROM (SELECT s.stack[1] AS leaf, s.value::numeric FROM pprof.stacks(pprof.query(q.type, q.selector, q.since, q.until)) AS s) x FULL JOIN jsonb_each_text(sums) e ON e.key = x.leaf WHERE x.value IS DISTINCT FROM e.value::numeric
            UNION ALL
            SELECT 'query avg', count(*) FROM (SELECT s.stack[1] AS leaf, s.value::numeric FROM pprof.stacks(pprof.query(q.type, q.selector, q.since, q.until, aggregation => 'avg')) AS s) x FULL JOIN (SELECT key, value FROM jsonb_each_text(means) WHERE value <> '0') e ON e.key = x.leaf WHERE x.value IS DISTINCT FROM e.value::numeric
            UNION ALL
            SELECT 'flamegraph ' || r || ' ' || a, count(*) FROM unnest('{pprof,pyroscope}'::text[]) AS r, unnest('{sum,avg}'::text[]) AS a, LATERAL (
                (SELECT f.level, f.value::numeric, f.self::numeric, f.label FROM pprof.flamegraph(q.type, q.selector, q.since, q.until, 0, r, a) AS f EXCEPT ALL SELECT * FROM flame(CASE a WHEN 'avg' THEN means ELSE sums END))
                UNION ALL (SELECT * FROM flame(CASE a WHEN 'avg' THEN means ELSE sums END) EXCEPT ALL SELECT f.level, f.value::numeric, f.self::numeric, f.label FROM pprof.flamegraph(q.type, q.selector, q.since, q.until, 0, r, a) AS f)) x GROUP BY r, a
            UNION ALL
            SELECT 'list', abs(count(DISTINCT (l.service, l.profile_id)) - ids) + abs(coalesce(sum(l.total), 0) - (SELECT coalesce(sum(value::numeric), 0) FROM jsonb_each_text(sums)))
              FROM pprof.profile_list(q.type, q.selector, q.since, q.until, 10000) AS l
        ) d WHERE d.n <> 0;
    END LOOP;
END $$;
-- the same by step; steps have their right edge
CREATE FUNCTION series_differences() RETURNS TABLE (what text, selector text, since timestamptz, until timestamptz, type text, n numeric) LANGUAGE plpgsql AS $$
DECLARE
    q record;
BEGIN
    FOR q IN SELECT * FROM selectors, ranges r, types, unnest('{7 min,1 h,1 day}'::interval[]) AS step WHERE r.since > '-infinity' AND r.until < 'infinity' LOOP
        RETURN QUERY
        WITH s AS (SELECT f.id, f.pod, sum(f.count * q.worth) AS value, f.at, greatest(0, ceil(extract(epoch FROM f.at - q.since) / extract(epoch FROM q.step))) AS k
                     FROM facts f JOIN stored USING (id) WHERE f.at >= q.since - q.step AND f.at < q.until AND f.service ~ ('^(' || q.service || ')$') AND f.pod ~ ('^(' || q.pod || ')$') AND f.env ~ ('^(' || q.env || ')$')
                      AND q.since < q.until GROUP BY 1, 2, f.at)
        SELECT d.what || ' ' || q.step, q.selector, q.since, q.until, q.type, d.n FROM (
            SELECT 'sum' AS what, count(*) AS n FROM (SELECT q.since + k::int * q.step AS at, sum(value) AS value FROM s GROUP BY k) e FULL JOIN pprof.timeseries(q.type, q.selector, q.since, q.until, q.step) AS t USING (at)
             WHERE at < q.until AND e.value IS DISTINCT FROM t.value
            UNION ALL
            SELECT 'avg by pod', count(*) FROM (SELECT q.since + k::int * q.step AS at, pod, sum(value) / count(*) AS value FROM s GROUP BY k, pod) e FULL JOIN
              (SELECT t.at, t.labels ->> 'pod' AS pod, t.value FROM pprof.timeseries(q.type, q.selector, q.since, q.until, q.step, '{pod}', 'avg') AS t) t USING (at, pod) WHERE at < q.until AND round(e.value, 6) IS DISTINCT FROM round(t.value, 6)
            UNION ALL
            SELECT 'heat map', abs((SELECT count(*) FROM s) - coalesce(sum(h.profiles), 0)) + abs(coalesce(min(h.low), 0) - (SELECT coalesce(min(value), 0) FROM s)) + count(*) FILTER (WHERE h.low > h.high) FROM pprof.heatmap(q.type, q.selector, q.since, q.until, q.step) AS h
        ) d WHERE d.n <> 0;
    END LOOP;
END $$;
CREATE PROCEDURE compact(names text) LANGUAGE sql AS $$ SELECT pprof.compact_service(service_id) FROM pprof.services WHERE name ~ names $$;
CREATE PROCEDURE rollup(names text) LANGUAGE sql AS $$ SELECT pprof.rollup_service(service_id, 1000) FROM pprof.services WHERE name ~ names $$;
CREATE VIEW places AS SELECT (SELECT count(*) FROM pprof.raw) > 0 AS raw, (SELECT count(*) FROM pprof.segments) > 0 AS segments, (SELECT count(*) FROM pprof.rollups) > 0 AS hours, (SELECT count(*) FROM pprof.day_rollups) > 0 AS days;

-- raw rows only; then a service of three in segments, then all
CALL store(false);
CREATE VIEW merged AS SELECT t.type, s.stack, sum(s.value) AS value FROM types t, pprof.stacks((SELECT pprof.merge(body::pprof.profile) FROM bodies JOIN stored USING (id)), t.sample_type) AS s GROUP BY 1, 2;
CREATE VIEW asked AS SELECT t.type, s.stack, sum(s.value) AS value FROM types t, pprof.stacks(pprof.query(t.type, '{}', '-infinity', 'infinity')) AS s GROUP BY 1, 2;
SELECT count(*) > 20 AS enough FROM merged;
(TABLE merged EXCEPT TABLE asked) UNION ALL (TABLE asked EXCEPT TABLE merged);
-- whole answers, header included
CREATE TABLE answers AS SELECT selector, since, until, type, pprof.query(type, selector, since, until)::bytea AS sum, pprof.query(type, selector, since, until, 0, 'avg')::bytea AS mean FROM selectors, ranges, types;
CREATE VIEW other_answers AS SELECT selector, since, until, type FROM answers
 WHERE sum <> pprof.query(type, selector, since, until)::bytea OR mean <> pprof.query(type, selector, since, until, 0, 'avg')::bytea;
TABLE places;
SELECT * FROM differences();
SELECT * FROM series_differences();
CALL compact('a');
TABLE places;
SELECT * FROM differences();
CALL compact('');
TABLE places;
TABLE other_answers;
-- a service rolled up, then all
CALL rollup('b');
SELECT * FROM differences();
CALL rollup('');
TABLE places;
TABLE other_answers;
SELECT * FROM differences();
SELECT * FROM series_differences();
-- the view shows them wherever they are
SELECT count(*) FROM pprof.profiles p FULL JOIN (SELECT service, at, env, sum(count) * 10000000 AS total FROM facts JOIN stored USING (id) GROUP BY id, 1, 2, 3) f
    ON f.service = p.service AND f.at = p.at AND f.env = coalesce(p.labels ->> 'env', '') AND f.total = p.total WHERE p.at IS NULL OR f.at IS NULL OR p.hour <> date_trunc('hour', p.at, 'UTC');
-- late rows beside rollups, compacted, rolled up again
CALL store(true);
TABLE places;
SELECT * FROM differences();
SELECT * FROM series_differences();
CALL compact('b');
SELECT * FROM differences();
CALL compact('');
SELECT * FROM series_differences();
CALL rollup('');
TABLE places;
SELECT * FROM differences();
(TABLE merged EXCEPT TABLE asked) UNION ALL (TABLE asked EXCEPT TABLE merged);
-- profiles of several rows, some of them in segments and some not
SELECT count(*) > 5 AS split FROM (SELECT profile_id FROM pprof.profiles GROUP BY service, profile_type, profile_id HAVING count(*) > 1) x;
INSERT INTO pprof.raw (service_id, type_id, series_id, at, duration, total, profile_id, samples)
SELECT g.service_id, g.type_id, (SELECT max(s.series_id) FROM pprof.series s WHERE s.service_id = g.service_id AND s.series_id <> r.series_id), r.at, r.duration, r.total, r.profile_id, r.samples
  FROM pprof.segments g JOIN pprof.services USING (service_id), pprof.segment_rows(g.head, g.ids, g.samples, g.spans) AS r WHERE name = 'a' AND extract(minute FROM r.at) < 20
    ON CONFLICT DO NOTHING;
CREATE VIEW whole AS SELECT service, at, profile_id, sum(total) AS total FROM pprof.profiles GROUP BY 1, 2, 3;
SELECT count(*) > 20 AS torn FROM pprof.raw;
SELECT (SELECT sum(total) FROM whole) = pprof.total(pprof.query(type, '{}', '-infinity', 'infinity')) AS sum,
       abs((SELECT sum(total) / count(*) FROM whole) - pprof.total(pprof.query(type, '{}', '-infinity', 'infinity', aggregation => 'avg'))) < 20 AS mean,
       (SELECT sum(total) / count(*) FROM whole) = (SELECT value FROM pprof.timeseries(type, '{}', '2023-11-18', '2023-11-18 00:00:00.000001', '10 days', '{}', 'avg')) AS series,
       (SELECT (count(*), min(total)) FROM whole) = (SELECT (sum(profiles)::bigint, min(low)::numeric) FROM pprof.heatmap(type, '{}', '2023-11-18', '2023-11-18 00:00:00.000001', '10 days')) AS heatmap
  FROM types WHERE worth > 1;
DELETE FROM pprof.raw;
DROP VIEW whole;
-- by the id of a profile, wherever it is
SELECT count(*) AS wrong FROM (SELECT service, profile_id, sum(total) AS total FROM pprof.profiles GROUP BY 1, 2) p
 WHERE pprof.total(pprof.query('process_cpu:cpu:nanoseconds:cpu:nanoseconds', format('{profile_id="%s"}', profile_id), '-infinity', 'infinity')) <> total;
-- spans, wherever they are
SELECT sum(pprof.ingest(several(ARRAY['l1', 'l2', 'm' || n % 2], ARRAY[n, 2, 30], ARRAY['00000000000000a1', '00000000000000a2', CASE WHEN n = 4 THEN '00000000000000a1' END],
        '2023-11-15 03:00:00Z'::timestamptz + n * interval '400 s', 'span_id'), '{"service_name": "spans"}')) FROM generate_series(1, 12) AS n;
CREATE VIEW spans AS SELECT t.sample_type, id, s.stack[1] AS leaf, s.value FROM types t, unnest('{a1,a2,a3}'::text[]) AS id,
    pprof.stacks(pprof.query(t.type, format('{service_name="spans", span_id="00000000000000%s"}', id), '2023-11-15 03:00:00', '2023-11-15 04:13:20')) AS s ORDER BY 1, 2, 3;
TABLE spans;
CREATE TABLE span_answers AS TABLE spans;
CREATE VIEW span_series AS SELECT at, value FROM pprof.timeseries('process_cpu:samples:count:cpu:nanoseconds', '{span_id="00000000000000a1"}', '2023-11-15 03:00', '2023-11-15 05:00', '30 min', '{}', 'avg') ORDER BY 1;
TABLE span_series;
CALL compact('spans');
SELECT count(*) FROM (TABLE spans EXCEPT TABLE span_answers UNION ALL (TABLE span_answers EXCEPT TABLE spans)) x;
CALL rollup('spans');
SELECT count(*) FROM (TABLE spans EXCEPT TABLE span_answers UNION ALL (TABLE span_answers EXCEPT TABLE spans)) x;
TABLE span_series;
SELECT * FROM pprof.check();
DROP VIEW spans, span_series;
DROP TABLE span_answers;
DROP VIEW places, other_answers, merged, asked;
DROP PROCEDURE compact(text), rollup(text), store(boolean);
DROP FUNCTION differences(), series_differences(), flame(jsonb), several(text[], int[], text[], timestamptz, text);
DROP FUNCTION body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
DROP TABLE answers, bodies, facts, stored, selectors, ranges, types;
TRUNCATE pprof.services, pprof.service_types, pprof.series, pprof.series_days, pprof.label_days, pprof.dictionaries, pprof.chunks, pprof.raw, pprof.pushes,
    pprof.segments, pprof.totals, pprof.rollups, pprof.day_rollups, pprof.path_dictionaries, pprof.paths, pprof.functions, pprof.function_days, pprof.dirty_hours, pprof.dirty_days;
