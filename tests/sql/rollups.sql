-- rollups of hours and days: sums of segments, by line and by function
SET pprof.accept_past = 0;
SET statement_timeout = '60s';
SET pprof.hour_grace = 0;
SET TIME ZONE 'UTC';
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/body.sql'
\i :include
\set data :abs_srcdir '/data/pprof/go/'
SELECT set_config('test.data', :'data', false) IS NOT NULL AS data;
-- a CPU profile of one sample whose value is not the count times the period
CREATE FUNCTION odd_body(leaf text, count bigint, value bigint, period bigint, at timestamptz) RETURNS bytea LANGUAGE sql AS $$
    SELECT block(1, '\x08011002') || block(1, '\x08031004')
        || block(2, block(1, '\x0201') || block(2, uvarint(count) || uvarint(value)))
        || block(4, '\x0801' || block(4, '\x0801')) || block(4, '\x0802' || block(4, '\x0802'))
        || block(5, '\x08011005') || block(5, '\x08021006')
        || block(6, '') || block(6, 'samples') || block(6, 'count') || block(6, 'cpu')
        || block(6, 'nanoseconds') || block(6, 'root') || block(6, convert_to(leaf, 'UTF8'))
        || number(9, (extract(epoch FROM at) * 1000000)::bigint * 1000) || block(11, '\x08031004') || number(12, period)
$$;
CREATE FUNCTION service(wanted text) RETURNS bigint LANGUAGE sql AS
    $$ SELECT service_id FROM pprof.services s WHERE s.name = wanted $$;
CREATE FUNCTION compact(wanted text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    moved bigint := 0;
    step int;
BEGIN
    LOOP
        step := pprof.compact_service(service(wanted));
        EXIT WHEN coalesce(step, 0) = 0;
        moved := moved + step;
    END LOOP;
    RETURN moved;
END $$;
CREATE VIEW state AS
    SELECT s.name, (SELECT count(*) FROM pprof.raw r WHERE r.service_id = s.service_id) AS raw,
           (SELECT count(*) FROM pprof.segments r WHERE r.service_id = s.service_id) AS segments,
           (SELECT count(*) FROM pprof.rollups r WHERE r.service_id = s.service_id) AS hours,
           (SELECT count(*) FROM pprof.totals r WHERE r.service_id = s.service_id) AS totals,
           (SELECT count(*) FROM pprof.day_rollups r WHERE r.service_id = s.service_id) AS days,
           (SELECT count(*) FROM pprof.dirty_hours r WHERE r.service_id = s.service_id) AS dirty_hours,
           (SELECT count(*) FROM pprof.dirty_days r WHERE r.service_id = s.service_id) AS dirty_days
      FROM pprof.services s;
-- rows of the segments of an hour
CREATE VIEW rows AS
    SELECT s.service_id, s.type_id, s.hour, p.* FROM pprof.segments s, pprof.segment_rows(s.head, s.ids, s.samples, s.spans) p;

-- recorded profiles of several kinds, two days before the hours of a service over the end of a month
SELECT count(pprof.ingest(pg_read_binary_file(current_setting('test.data') || name || '.pb.gz'),
                          jsonb_build_object('service_name', 'real', '__name__', split_part(name, '-', 3))))
  FROM unnest('{go119-a-cpu,go119-b-cpu,go123-a-cpu,go123-b-cpu,go119-a-heap,go123-a-heap,go123-b-heap,go123-a-mutex,go123-a-block}'::text[]) AS name;
SELECT count(pprof.ingest(body('leaf' || n % 3, n, timestamptz '2026-01-31 20:00+00' + n * interval '7 minutes'),
                          jsonb_build_object('service_name', 'shop', '__name__', 'process_cpu', 'pod', (n % 4)::text)))
  FROM generate_series(1, 60) n;

-- nothing is made of raw rows
SELECT pprof.rollup_service(service('shop'));
SELECT compact('shop'), compact('real') > 0 AS compacted;
SELECT name, raw, hours, totals, dirty_hours > 0 AS dirty_hours, dirty_days > 0 AS dirty_days FROM state ORDER BY name;
SELECT * FROM pprof.check();
-- an hour is one step, of all its types
SELECT pprof.rollup_service(service('shop'), 1), pprof.rollup_service(service('shop'), 2);
SELECT name, hours, totals, days, dirty_hours, dirty_days FROM state WHERE name = 'shop';
SELECT * FROM pprof.check();
SELECT pprof.rollup_service(service('shop'), 1000), pprof.rollup_service(service('real'), 1000) > 0 AS rolled, pprof.rollup_service(service('real'), 1000) AS again;
SELECT name, raw, segments > 0 AS segments, hours = totals AS totals, dirty_hours FROM state ORDER BY name;
SELECT hours, days, dirty_days FROM state WHERE name = 'shop';
SELECT * FROM pprof.check();

-- every hour is the sum of its segments: profiles
SELECT count(*) > 15 AS enough, count(*) FILTER (WHERE r.profiles <> x.profiles OR r.first_at <> x.first_at OR r.duration <> x.duration) AS different
  FROM pprof.rollups r JOIN (SELECT service_id, type_id, hour, count(*) AS profiles, min(at) AS first_at, sum(duration) AS duration
                               FROM (SELECT DISTINCT service_id, type_id, hour, at, profile_id, duration FROM rows) x
                              GROUP BY 1, 2, 3) x USING (service_id, type_id, hour);
-- and samples: by line, by function, under both sets of rules
CREATE FUNCTION flame(s pprof.samples, rules text) RETURNS text LANGUAGE sql AS
    $$ SELECT md5(string_agg(f::text, E'\n' ORDER BY f.ord)) FROM pprof.flamegraph(s::pprof.profile, '', 0, rules) f $$;
CREATE VIEW flames AS
    SELECT rules, flame(r.samples, rules) AS lines, flame(r.functions, rules) AS functions,
           flame((SELECT pprof.merge(samples) FROM rows WHERE rows.service_id = r.service_id AND rows.type_id = r.type_id AND rows.hour = r.hour), rules) AS segments
      FROM pprof.rollups r, unnest('{pprof,pyroscope}'::text[]) rules;
SELECT rules, count(*) FILTER (WHERE lines <> segments) AS lines, count(*) FILTER (WHERE functions <> segments) AS functions FROM flames GROUP BY 1 ORDER BY 1;
-- days are the sums of hours; each month has a dictionary of its own
CREATE VIEW days AS
    SELECT d.day, rules, flame(d.functions, rules) AS day_sum,
           flame((SELECT pprof.merge(r.functions) FROM pprof.rollups r WHERE r.service_id = d.service_id AND r.type_id = d.type_id
                     AND (r.hour AT TIME ZONE 'UTC')::date = d.day), rules) AS hours
      FROM pprof.day_rollups d, unnest('{pprof,pyroscope}'::text[]) rules;
SELECT count(*) FILTER (WHERE day_sum <> hours) AS different FROM days;
SELECT day, profiles FROM pprof.day_rollups WHERE service_id = service('shop') ORDER BY 1;
SELECT to_char(month, 'YYYY-MM-DD') AS month, count(*) FROM pprof.path_dictionaries WHERE service_id = service('shop') GROUP BY month ORDER BY 1;

-- functions: self and total, each counted once per stack
CREATE VIEW wanted AS
    SELECT r.service_id, (r.hour AT TIME ZONE 'UTC')::date AS day, r.type_id, f.name, sum(f.self) AS self, sum(f.total) AS total
      FROM pprof.rollups r, LATERAL (
          SELECT n.name, sum(CASE WHEN n.name = s.stack[1] THEN s.value ELSE 0 END) AS self, sum(s.value) AS total
            FROM pprof.stacks(r.samples::pprof.profile) s, LATERAL (SELECT DISTINCT u AS name FROM unnest(s.stack) u) n GROUP BY 1) f
     GROUP BY 1, 2, 3, 4;
CREATE VIEW found AS
    SELECT service_id, day, type_id, name, self, total FROM pprof.function_days JOIN pprof.functions USING (service_id, function_id);
SELECT count(*) > 100 AS enough FROM wanted;
(TABLE wanted EXCEPT TABLE found) UNION ALL (TABLE found EXCEPT TABLE wanted);

-- late profiles wait as raw rows; once they are moved, what they change is made anew
SELECT pprof.ingest(body('late', 100, '2026-01-31 22:30+00'), '{"service_name": "shop", "__name__": "process_cpu"}') AS stored;
SELECT pprof.rollup_service(service('shop')), compact('shop');
SELECT hours, totals, days, dirty_hours, dirty_days FROM state WHERE name = 'shop';
SELECT * FROM pprof.check();
SELECT pprof.rollup_service(service('shop'));
SELECT hours, totals, days, dirty_hours, dirty_days FROM state WHERE name = 'shop';
SELECT * FROM pprof.check();
(TABLE wanted EXCEPT TABLE found) UNION ALL (TABLE found EXCEPT TABLE wanted);

-- an hour that is not over has no rollup
SET pprof.hour_grace = '1d';
SELECT count(pprof.ingest(body('x', 1, date_trunc('hour', now()) - interval '90 minutes' + n * interval '1 second'), '{"service_name": "new", "__name__": "process_cpu"}'))
  FROM generate_series(1, 70) n;
SELECT compact('new'), pprof.rollup_service(service('new'));
SET pprof.hour_grace = 0;

-- events: counted with one scale, with two, and not counted at all
SELECT pprof.ingest(body('a', 3, '2026-01-10 00:10+00'), '{"service_name": "odd", "__name__": "process_cpu"}'),
       pprof.ingest(odd_body('a', 5, 50000000, 10000000, '2026-01-10 00:11+00'), '{"service_name": "odd", "__name__": "process_cpu"}'),
       pprof.ingest(body('a', 3, '2026-01-10 01:10+00'), '{"service_name": "odd", "__name__": "process_cpu"}'),
       pprof.ingest(odd_body('b', 7, 140000000, 20000000, '2026-01-10 01:11+00'), '{"service_name": "odd", "__name__": "process_cpu"}'),
       pprof.ingest(body('a', 3, '2026-01-10 02:10+00'), '{"service_name": "odd", "__name__": "process_cpu"}'),
       pprof.ingest(odd_body('b', 2, 33, 10000000, '2026-01-10 02:11+00'), '{"service_name": "odd", "__name__": "process_cpu"}'),
       pprof.ingest(odd_body('b', 2, 77, 10000000, '2026-01-11 02:11+00'), '{"service_name": "odd", "__name__": "process_cpu"}');
SELECT compact('odd'), pprof.rollup_service(service('odd'));
CREATE FUNCTION named(s pprof.samples) RETURNS text LANGUAGE sql AS
    $$ SELECT string_agg(array_to_string(stack, '<') || '=' || value, ' ' ORDER BY stack) FROM pprof.stacks(s::pprof.profile) $$;
SELECT r.hour, split_part(t.profile_type, ':', 2) AS type, named(r.samples) AS samples, named(r.counts) AS counts, named(r.functions) AS functions,
       named(r.function_counts) AS function_counts, substr(r.samples::text, 5, 2) || substr(r.functions::text, 5, 2) AS flags
  FROM pprof.rollups r JOIN pprof.service_types t USING (service_id, type_id) WHERE r.service_id = service('odd') ORDER BY 1, 2;
SELECT d.day, split_part(t.profile_type, ':', 2) AS type, d.profiles, named(d.functions) AS functions, named(d.function_counts) AS counts
  FROM pprof.day_rollups d JOIN pprof.service_types t USING (service_id, type_id) WHERE d.service_id = service('odd') ORDER BY 1, 2;
SELECT * FROM pprof.check();

-- a sum that does not fit keeps its mark; the other hours do not wait for it
SELECT pprof.ingest(odd_body('huge', 1, 9000000000000000000, 10000000, '2026-01-12 05:00+00'), '{"service_name": "huge", "__name__": "process_cpu"}'),
       pprof.ingest(odd_body('huge', 1, 9000000000000000000, 10000000, '2026-01-12 05:01+00'), '{"service_name": "huge", "__name__": "process_cpu"}'),
       pprof.ingest(odd_body('huge', 1, 1, 10000000, '2026-01-12 06:00+00'), '{"service_name": "huge", "__name__": "process_cpu"}');
SELECT compact('huge'), pprof.rollup_service(service('huge')) > 0 AS some, pprof.rollup_service(service('huge')) AS none;
SELECT hours, days, dirty_hours, dirty_days FROM state WHERE name = 'huge';
SELECT * FROM pprof.check();

-- search: any case, % for anything, by whole days
SELECT * FROM pprof.search_functions('LEAF', NULL, '{service_name="shop"}', '2026-01-31 23:00+00', '2026-02-01 00:00+00');
SELECT * FROM pprof.search_functions('l%f1', 'process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{}', '2026-01-31 23:00+00', '2026-02-01 00:00:01+00');
SELECT service, function, total FROM pprof.search_functions('', NULL, '{service_name=~"shop|odd"}', '2026-01-10', '2026-02-02', 3);
SELECT count(*) FROM pprof.search_functions('le_f', NULL, '{}', '2026-01-10', '2026-02-02');
SELECT count(*) FROM pprof.search_functions('leaf', NULL, '{service_name="none"}', '2026-01-10', '2026-02-02');
SELECT count(*) FROM pprof.search_functions('leaf', 'none:none:none:none:none', '{}', '2026-01-10', '2026-02-02');
SELECT count(*) FROM pprof.search_functions(NULL);
SELECT count(*) FROM pprof.search_functions('leaf', NULL, NULL, '2026-02-02', '2026-01-10', NULL);
SELECT count(*) FROM pprof.search_functions('leaf');
SELECT pprof.search_functions('leaf', NULL, '{pod="1"}');
SELECT pprof.search_functions('leaf', NULL, '{}', '-infinity', '2026-01-10');
SELECT pprof.search_functions('leaf', NULL, '{}', '2000-01-10', '2026-01-10');
SELECT * FROM pprof.function_history('root', 'process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{service_name=~"shop|odd"}', '2026-01-10', '2026-02-02');
SELECT count(*) FROM pprof.function_history('roo', 'process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{}', '2026-01-10', '2026-02-02');
SELECT count(*) FROM pprof.function_history('root', NULL);
-- another tenant has none of it
SET pprof.tenant = 'other';
SELECT count(*) FROM pprof.search_functions('leaf', NULL, '{}', '2026-01-10', '2026-02-02');
SELECT count(*) FROM pprof.function_history('root', 'process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{}', '2026-01-10', '2026-02-02');
RESET pprof.tenant;

-- the lock says who maintains; a snapshot of before it would miss something
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pprof.rollup_service(1);
ROLLBACK;
SELECT pprof.rollup_service(1), pprof.rollup_service(NULL);

-- what is wrong is found
BEGIN;
DELETE FROM pprof.rollups WHERE service_id = service('odd') AND hour = '2026-01-10 01:00+00';
UPDATE pprof.rollups r SET profiles = 7 WHERE service_id = service('odd') AND hour = '2026-01-10 02:00+00';
UPDATE pprof.rollups r SET functions = (SELECT functions FROM pprof.rollups o WHERE o.service_id = r.service_id AND o.hour = '2026-01-10 02:00+00' AND o.type_id = r.type_id)
 WHERE service_id = service('odd') AND hour = '2026-01-10 00:00+00';
SELECT regexp_replace(regexp_replace(object, 'service -?\d+', 'service'), 'type -?\d+', 'type') AS object, problem FROM pprof.check() ORDER BY 2, 1;
ROLLBACK;
BEGIN;
UPDATE pprof.function_days SET self = self + 1 WHERE service_id = service('shop') AND day = '2026-02-01';
UPDATE pprof.day_rollups SET profiles = 0 WHERE service_id = service('shop') AND day = '2026-01-31';
DELETE FROM pprof.day_rollups WHERE service_id = service('odd') AND day = '2026-01-11';
INSERT INTO pprof.dirty_hours SELECT service_id, type_id, hour FROM pprof.rollups WHERE service_id = service('shop') ORDER BY hour LIMIT 1;
SELECT regexp_replace(regexp_replace(object, 'service -?\d+', 'service'), 'type -?\d+', 'type') AS object, problem FROM pprof.check() ORDER BY 2, 1;
ROLLBACK;
BEGIN;
UPDATE pprof.functions SET name = name || 'x' WHERE service_id = service('odd') AND name = 'a';
UPDATE pprof.paths SET data = substr(data, 1, length(data) - 1) WHERE service_id = service('odd');
INSERT INTO pprof.function_days SELECT service_id, day, type_id, 1, 1, 1 FROM pprof.function_days WHERE service_id = service('odd') LIMIT 1;
SELECT regexp_replace(object, '-?\d+', '', 'g') AS object, problem FROM pprof.check() ORDER BY 2, 1;
ROLLBACK;
SELECT * FROM pprof.check();

-- an index where there is pg_trgm; it is no part of the extension
SELECT pprof.create_function_index();
CREATE SCHEMA "Odd place";
CREATE EXTENSION pg_trgm SCHEMA "Odd place";
SELECT pprof.create_function_index(), pprof.create_function_index();
SELECT service, function, total FROM pprof.search_functions('leaf', NULL, '{}', '2026-01-31', '2026-02-01') ORDER BY 2;
DROP EXTENSION pg_trgm CASCADE;
SELECT to_regclass('pprof.functions_name_idx') IS NULL AS gone, count(*) > 0 AS names FROM pprof.functions;
DROP SCHEMA "Odd place";

DROP VIEW found, wanted, days, flames, rows, state;
DROP FUNCTION named, flame, compact, service, odd_body, body, number, block, uvarint;
TRUNCATE pprof.services, pprof.service_types, pprof.series, pprof.series_days, pprof.label_days, pprof.dictionaries, pprof.chunks, pprof.raw, pprof.pushes,
    pprof.segments, pprof.totals, pprof.rollups, pprof.day_rollups, pprof.path_dictionaries, pprof.paths, pprof.functions, pprof.function_days,
    pprof.dirty_hours, pprof.dirty_days;
