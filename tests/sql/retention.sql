-- what is older than the rules say goes, step by step, and nothing else does
SET pprof.accept_past = 0;
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
\set SHOW_CONTEXT never
-- other tests have left services
SELECT count(pprof.delete_service(name)) >= 0 AS cleared FROM (SELECT DISTINCT name FROM pprof.services) s;
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/body.sql'
\i :include
CREATE FUNCTION store(service text, leaf text, at timestamptz) RETURNS int LANGUAGE sql AS
    $$ SELECT pprof.ingest(body(leaf, 1, at), jsonb_build_object('service_name', service, 'pod', 'p')) $$;
-- steps until nothing is due; how many does not matter
CREATE PROCEDURE retain(at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    WHILE pprof.retention_step(at) > 0 LOOP
        COMMIT;
    END LOOP;
    COMMIT;
END $$;
CREATE VIEW left_over AS
    SELECT s.name, d.day, count(r.*) AS profiles
      FROM pprof.services s JOIN pprof.series_days d USING (service_id)
      LEFT JOIN pprof.raw r ON r.service_id = d.service_id AND r.type_id = d.type_id AND r.series_id = d.series_id AND (r.at AT TIME ZONE 'UTC')::date = d.day
     GROUP BY 1, 2;
CREATE VIEW partitions AS
    SELECT substring(c.relname, '^(.*)_[0-9]+$') AS parent, substring(c.relname, '[0-9]+$') AS day
      FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
     WHERE c.relnamespace = 'pprof'::regnamespace AND c.relkind = 'r';
SELECT sum(store(service, leaf, at::timestamptz)) FROM (VALUES
    ('shop', 'one', '2001-03-01 01:00Z'), ('cart', 'one', '2001-03-01 01:00Z'),
    ('shop', 'two', '2001-03-02 01:00Z'), ('cart', 'two', '2001-03-02 01:00Z'),
    ('shop', 'three', '2001-03-03 01:00Z')) AS t (service, leaf, at);

-- rules: the greatest priority, then the one that names a resolution, then the longer
SELECT * FROM pprof.retention ORDER BY 1, 2;
SELECT pprof.set_retention('30 days');
SELECT pprof.set_retention('90 days', resolution => 'hours');
SELECT pprof.set_retention('10 days', service => 'sh.p', resolution => 'profiles', priority => 1);
SELECT pprof.set_retention('400 days', service => 'ca|car', priority => 9);
SELECT pprof.set_retention(NULL, service => 'cart', profile_type => '.*:cpu:.*', resolution => 'days');
SELECT * FROM pprof.own_retention_rules ORDER BY 1, 2, 3;
SELECT * FROM pprof.retention ORDER BY 1, 2;
-- what is coarser is kept as long as what is finer
SELECT pprof.set_retention('5 days', service => 'shop', resolution => 'days', priority => 2);
SELECT * FROM pprof.retention WHERE service = 'shop' ORDER BY 1, 2;
SELECT pprof.drop_retention('shop', resolution => 'days'), pprof.drop_retention('shop', resolution => 'days');
SELECT pprof.set_retention('1 hour');
-- nothing that would leave the calendar, or point into the future
SELECT pprof.set_retention('290000 years');
SELECT pprof.set_retention('1 month -29 days');
SELECT pprof.set_retention('290000 years -104000000 days');
SELECT pprof.set_retention('1000 years', service => 'nobody'), pprof.drop_retention('nobody');
SELECT pprof.set_retention('1 day', service => 'a(');
SELECT pprof.set_retention('1 day', resolution => 'weeks');
-- another tenant has none of this
SET pprof.tenant = 'other';
SELECT count(*) FROM pprof.own_retention_rules;
SELECT pprof.drop_retention();
SELECT count(*) FROM pprof.retention;
RESET pprof.tenant;

-- nothing is due
CALL retain('2001-03-04 00:00Z');
SELECT * FROM left_over ORDER BY 1, 2;
-- shop: two days, of which one is shared with another service: row by row
SELECT pprof.set_retention('30 days', service => 'sh.p', resolution => 'profiles', priority => 1);
SELECT pprof.set_retention('60 days', service => 'cart', resolution => 'profiles', priority => 1);
CALL retain('2001-04-03 00:00Z');
SELECT * FROM left_over ORDER BY 1, 2;
SELECT name, day, profiles_gone, rewritten FROM pprof.expired_days JOIN pprof.services USING (service_id) ORDER BY 1, 2;
SELECT * FROM pprof.check();
-- no more profiles come to such a day, but others get theirs
SELECT store('mail', 'late', '2001-03-01 02:00Z') > 0 AS stored;
-- a day that all are done with goes with its partition
CALL retain('2001-05-20 00:00Z');
SELECT * FROM left_over ORDER BY 1, 2;
SELECT * FROM partitions WHERE day LIKE '2001%' ORDER BY 2, 1;
SELECT * FROM pprof.check();
-- pins: a range keeps its days, of services that are meant
SELECT sum(store(service, leaf, at::timestamptz)) FROM (VALUES
    ('shop', 'one', '2001-06-01 01:00Z'), ('cart', 'one', '2001-06-01 01:00Z'),
    ('shop', 'two', '2001-06-02 01:00Z'), ('cart', 'two', '2001-06-02 01:00Z'),
    ('shop', 'three', '2001-06-03 01:00Z')) AS t (service, leaf, at);
SELECT pprof.pin('{service_name="shop", pod="p"}', '2001-06-01 23:59Z', '2001-06-02 00:01Z', 'why') IS NOT NULL AS pinned;
SELECT pprof.pin('{service_name="cart", pod="q"}', '2001-06-01 00:00Z', '2001-07-01 00:00Z') IS NOT NULL AS of_no_series;
SELECT pprof.pin('{__type__="cpu"}', '2001-06-01 00:00Z', '2001-07-01 00:00Z');
SELECT pprof.pin('{}', '2001-06-01 00:00Z', '2001-06-01 00:00Z');
SELECT selector, since, until, comment FROM pprof.own_pins ORDER BY since;
SELECT * FROM pprof.retention_lag();
CALL retain('2001-08-10 00:00Z');
SELECT * FROM left_over WHERE day >= '2001-06-01' ORDER BY 1, 2;
-- what is pinned does not wait
SELECT * FROM pprof.retention_lag();
SELECT * FROM pprof.check();
SELECT count(*) FILTER (WHERE pprof.unpin(pin_id)) AS unpinned FROM pprof.own_pins;
SELECT pprof.unpin('00000000-0000-0000-0000-000000000000');
CALL retain('2001-08-10 00:00Z');
SELECT * FROM left_over WHERE day >= '2001-06-01' ORDER BY 1, 2;
SELECT * FROM partitions WHERE day LIKE '200106__' ORDER BY 2, 1;
SELECT * FROM pprof.check();
-- in the end nothing is left, and nothing is in the way of what comes
CALL retain('2003-01-01 00:00Z');
SELECT * FROM left_over ORDER BY 1, 2;
SELECT * FROM partitions WHERE day LIKE '2001%' ORDER BY 2, 1;
SELECT store('shop', 'one', '2001-06-01 01:00Z') > 0 AS stored;
SELECT * FROM pprof.check();

-- with sums: what is left answers as before, first by hours, then by days
SELECT pprof.drop_retention(), pprof.drop_retention(resolution => 'hours'), pprof.drop_retention('sh.p', resolution => 'profiles'), pprof.drop_retention('ca|car'),
       pprof.drop_retention('cart', '.*:cpu:.*', 'days'), pprof.drop_retention('cart', resolution => 'profiles');
SELECT pprof.set_retention('10 days', resolution => 'profiles'), pprof.set_retention('20 days', resolution => 'hours'), pprof.set_retention('60 days', resolution => 'days');
SELECT pprof.set_retention('15 days', 'cart', resolution => 'profiles', priority => 1);
CREATE TABLE bodies (service text, at timestamptz, body bytea);
INSERT INTO bodies
    SELECT service, t, body('leaf' || i % 7, 1 + i % 5, t)
      FROM generate_series(0, 199) AS i, unnest('{cart,shop}'::text[]) AS service, LATERAL (SELECT '2001-09-29 20:07Z'::timestamptz + i * interval '17 minutes' AS t) x;
SELECT sum(pprof.ingest(body, jsonb_build_object('service_name', service, 'pod', 'p'))) FROM bodies;
CREATE VIEW wrong_hours AS
    WITH q AS (SELECT since, since + interval '1 hour' AS until, service, type FROM generate_series('2001-09-29 20:00Z'::timestamptz, '2001-10-02 06:00Z', interval '1 hour') AS since,
                      unnest('{cart,shop}'::text[]) AS service, unnest('{cpu,samples}'::text[]) AS type),
    expected AS (
        SELECT since, service, type, s.stack, sum(s.value) AS value FROM q JOIN bodies b USING (service), pprof.stacks(b.body::pprof.profile, type) AS s
         WHERE b.at >= since AND b.at < until GROUP BY 1, 2, 3, 4),
    stored AS (
        SELECT since, service, type, s.stack, s.value FROM q,
               pprof.stacks(pprof.query(CASE type WHEN 'cpu' THEN 'process_cpu:cpu:nanoseconds:cpu:nanoseconds' ELSE 'process_cpu:samples:count:cpu:nanoseconds' END,
                                        format('{service_name="%s"}', service), since, until)) AS s)
    (TABLE expected EXCEPT TABLE stored) UNION ALL (TABLE stored EXCEPT TABLE expected);
CREATE VIEW days AS
    SELECT day::date, service, f.label, sum(f.self) AS self
      FROM generate_series('2001-09-29'::timestamptz, '2001-10-02', interval '1 day') AS day, unnest('{cart,shop}'::text[]) AS service,
           pprof.flamegraph('process_cpu:cpu:nanoseconds:cpu:nanoseconds', format('{service_name="%s"}', service), day, day + interval '1 day') AS f
     GROUP BY 1, 2, 3;
CREATE TABLE days_before AS TABLE days;
CREATE VIEW wrong_days AS (TABLE days EXCEPT TABLE days_before) UNION ALL (TABLE days_before EXCEPT TABLE days);
-- totals have single profiles: time series by any label, at any step
CREATE VIEW times AS
    SELECT service, f.* FROM unnest('{cart,shop}'::text[]) AS service,
           pprof.timeseries('process_cpu:cpu:nanoseconds:cpu:nanoseconds', format('{service_name="%s", pod="p"}', service), '2001-09-29', '2001-10-03', '7 minutes', '{pod}') AS f
    UNION ALL
    SELECT service, h.at, to_jsonb(h.low), h.profiles FROM unnest('{cart,shop}'::text[]) AS service,
           pprof.heatmap('process_cpu:cpu:nanoseconds:cpu:nanoseconds', format('{service_name="%s"}', service), '2001-09-29', '2001-10-03', '5 hours', 3) AS h;
CREATE TABLE times_before AS TABLE times;
CREATE VIEW wrong_times AS (TABLE times EXCEPT TABLE times_before) UNION ALL (TABLE times_before EXCEPT TABLE times);
SELECT count(*) > 400 AS some FROM times_before;
CREATE VIEW state AS
    SELECT day, service, (SELECT count(*) FROM pprof.raw r WHERE r.service_id = s.service_id AND r.at >= day AND r.at < day + interval '1 day') AS raw,
           (SELECT sum(profiles) FROM pprof.segments r WHERE r.service_id = s.service_id AND r.hour >= day AND r.hour < day + interval '1 day') AS segments,
           (SELECT sum(profiles) FROM pprof.rollups r WHERE r.service_id = s.service_id AND r.hour >= day AND r.hour < day + interval '1 day') AS hours,
           (SELECT sum(profiles) FROM pprof.day_rollups r WHERE r.service_id = s.service_id AND r.day = x.day::date) AS days,
           (SELECT count(*) FROM pprof.dictionaries d WHERE d.service_id = s.service_id AND d.day = x.day::date) AS dictionaries
      FROM generate_series('2001-09-29'::timestamptz, '2001-10-02', interval '1 day') AS x (day), (SELECT service_id, name AS service FROM pprof.services WHERE name IN ('cart', 'shop')) s;
-- sums first: without them profiles wait, for a week
CALL retain('2001-10-11 00:00Z');
SELECT sum(raw) AS raw, sum(hours) AS hours FROM state;
CREATE PROCEDURE roll_up() LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
BEGIN
    FOR id IN SELECT service_id FROM pprof.services ORDER BY 1 LOOP
        WHILE pprof.compact_service(id) > 0 LOOP
        END LOOP;
        WHILE pprof.rollup_service(id) > 0 LOOP
        END LOOP;
    END LOOP;
END $$;
CALL roll_up();
TABLE wrong_hours;
TABLE wrong_days;
TABLE wrong_times;
CALL retain('2001-10-11 00:00Z');
SELECT * FROM state ORDER BY day, service;
TABLE wrong_hours;
TABLE wrong_days;
TABLE wrong_times;
SELECT * FROM pprof.check();
-- profiles that are gone can neither be told apart nor added to
SELECT pprof.num_samples(pprof.query('process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{service_name="shop", pod="p"}', '2001-09-30', '2001-10-01')) AS by_label;
SELECT * FROM pprof.label_values('pod', '{"{service_name=\"shop\"}"}', '2001-09-30', '2001-10-01');
SELECT * FROM pprof.label_values('service_name', '{}', '2001-09-30', '2001-10-01') ORDER BY 1;
SELECT * FROM pprof.profile_types('2001-09-30', '2001-10-01') ORDER BY 1;
SELECT pprof.ingest(body('late', 1, '2001-09-30 12:00Z'), '{"service_name": "shop", "pod": "p"}');
SELECT stored, sqlstate, message, reason FROM pprof.push(ARRAY[body('late', 1, '2001-09-30 12:00Z'), body('late', 1, '2001-09-30 12:00Z')],
    ARRAY['{"__name__": "process_cpu", "service_name": "shop", "pod": "p"}', '{"__name__": "process_cpu", "service_name": "cart", "pod": "late"}']::jsonb[]) ORDER BY idx;
SELECT pprof.delete_series('{service_name="cart", pod="late"}');
CALL roll_up();
-- a delete does not touch the sums of what is gone
SELECT pprof.delete_series('{service_name="shop"}', '2001-09-30', '2001-10-01');
TABLE wrong_hours;
-- neither where rows still wait for their partition to go
SELECT count(pprof.take_profiles(ARRAY[service_id], '2001-09-30', '2001-10-16 00:00Z', true)) AS taken FROM pprof.services WHERE name = 'cart';
SELECT pprof.delete_series('{service_name="cart"}', '2001-09-30', '2001-10-01');
-- all services: partitions
CALL retain('2001-10-18 00:00Z');
SELECT * FROM state ORDER BY day, service;
SELECT * FROM partitions WHERE day >= '20010901' AND day < '20011101' ORDER BY 2, 1;
TABLE wrong_hours;
TABLE wrong_days;
TABLE wrong_times;
SELECT * FROM pprof.check();
-- totals are looked at by themselves now
BEGIN;
UPDATE pprof.totals SET data = substr(data, 2) WHERE hour < '2001-10-01';
SELECT DISTINCT problem FROM pprof.check();
ROLLBACK;
BEGIN;
DELETE FROM pprof.series_days WHERE day = '2001-09-30';
SELECT DISTINCT problem FROM pprof.check() WHERE object LIKE 'hour%';
ROLLBACK;
-- then the sums of hours, their dictionaries, and the series
CALL retain('2001-10-23 00:00Z');
SELECT * FROM state ORDER BY day, service;
TABLE wrong_days;
SELECT count(*) FROM times;
SELECT * FROM pprof.label_values('pod', '{"{service_name=\"shop\"}"}', '2001-09-30', '2001-10-01');
SELECT * FROM pprof.label_values('service_name', '{}', '2001-09-30', '2001-10-01') ORDER BY 1;
SELECT * FROM pprof.profile_types('2001-09-30', '2001-10-01') ORDER BY 1;
SELECT * FROM pprof.check();
-- then those of days, by month
CALL retain('2001-11-29 00:00Z');
SELECT * FROM state ORDER BY day, service;
-- what is left for the partition to take along is no damage
DO $$ BEGIN
    WHILE EXISTS (SELECT FROM pprof.path_dictionaries WHERE month < '2001-11-01') LOOP
        EXIT WHEN pprof.retention_step('2001-11-30 00:00Z') = 0;
    END LOOP;
END $$;
SELECT count(*) > 0 AS left_behind FROM pprof.paths WHERE month < '2001-11-01';
SELECT * FROM pprof.check();
CALL retain('2001-11-30 00:00Z');
SELECT * FROM state ORDER BY day, service;
SELECT * FROM partitions WHERE day >= '200109' AND day < '2001111' ORDER BY 2, 1;
SELECT * FROM pprof.check();
-- a day that had no sum when its profiles went too late gets it from its hours
SELECT sum(pprof.ingest(body('late', 3, at), '{"service_name": "shop"}')) AS stored FROM generate_series('2001-12-01 01:00Z'::timestamptz, '2001-12-01 20:00Z', interval '1 hour') AS at;
CALL roll_up();
WITH gone AS (DELETE FROM pprof.day_rollups WHERE day = '2001-12-01' RETURNING service_id, type_id, day) INSERT INTO pprof.dirty_days SELECT * FROM gone;
CALL retain('2001-12-20 00:00Z');
SELECT * FROM pprof.check();
CALL roll_up();
SELECT s.name, e.rewritten, r.profiles FROM pprof.expired_days e JOIN pprof.services s USING (service_id) JOIN pprof.day_rollups r USING (service_id, day) WHERE e.day = '2001-12-01';
SELECT * FROM pprof.check();
DROP VIEW state, wrong_times, wrong_days, wrong_hours, days, times;
DROP TABLE days_before, times_before, bodies;
DROP PROCEDURE roll_up();

-- who may look, and who may not
SET ROLE pprof_read;
SELECT count(*) > 0 AS some FROM pprof.retention;
SELECT pprof.set_retention('1 day');
RESET ROLE;
SET ROLE pprof_admin;
SELECT pprof.apply_retention() >= 0 AS applied;
SELECT count(*) FROM pprof.retention_lag();
SELECT pprof.retention_step(now());
RESET ROLE;
DROP VIEW left_over, partitions;
DROP PROCEDURE retain(timestamptz);
DROP FUNCTION store(text, text, timestamptz);
SELECT count(*) FILTER (WHERE pprof.drop_retention(service, profile_type, resolution)) FROM pprof.own_retention_rules;
SELECT count(*) FROM pprof.own_retention_rules;
SELECT count(pprof.delete_service(name)) FROM (SELECT DISTINCT name FROM pprof.services) s;
DROP FUNCTION body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
