-- after a delete, everything is as if the profiles had never come
SET pprof.accept_past = 0;
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
\set SHOW_CONTEXT never
-- other tests have left services
SELECT count(pprof.delete_service(name)) >= 0 AS cleared FROM (SELECT DISTINCT name FROM pprof.services) s;
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/body.sql'
\i :include
\set cpu process_cpu:cpu:nanoseconds:cpu:nanoseconds
\set counts process_cpu:samples:count:cpu:nanoseconds
-- bodies that are stored; those that should be left are marked
CREATE TABLE bodies (no int PRIMARY KEY, service text, pod text, at timestamptz, body bytea, id uuid, left_over boolean DEFAULT true);
INSERT INTO bodies (no, service, pod, at, body)
    SELECT i, CASE WHEN i % 4 = 0 THEN 'cart' ELSE 'shop' END, 'p' || i % 3, t, body('leaf' || i % 7, 1 + i % 5, t)
      FROM generate_series(0, 399) AS i, LATERAL (SELECT '2023-11-14 22:30Z'::timestamptz + i * interval '29 seconds' AS t) x;
CREATE FUNCTION store(bodies) RETURNS int LANGUAGE sql AS
    $$ SELECT pprof.ingest($1.body, jsonb_build_object('service_name', $1.service, 'pod', $1.pod)) $$;
SELECT sum(store(b)) FROM bodies b WHERE no < 300;
-- some in segments with rollups, the others in the write buffer
CREATE FUNCTION maintain() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
BEGIN
    FOR id IN SELECT service_id FROM pprof.services ORDER BY 1 LOOP
        WHILE pprof.compact_service(id) + pprof.rollup_service(id) > 0 LOOP
        END LOOP;
    END LOOP;
END $$;
SELECT maintain();
SELECT sum(store(b)) FROM bodies b WHERE no >= 300;
SELECT (SELECT count(*) FROM pprof.raw) AS raw, (SELECT sum(profiles) FROM pprof.segments) AS segments,
       (SELECT sum(profiles) FROM pprof.rollups) AS hours, (SELECT sum(profiles) FROM pprof.day_rollups) AS days;
UPDATE bodies b SET id = p.profile_id FROM pprof.profiles p WHERE p.at = b.at AND p.service = b.service;

-- no rows: what is stored is what is left, by stack and service, of both types, hour by hour and as a whole
CREATE VIEW wrong AS
    WITH r (since, until) AS (
        SELECT t, t + interval '1 hour' FROM generate_series('2023-11-14 22:00Z'::timestamptz, '2023-11-15 02:00Z', interval '1 hour') AS t
        UNION ALL VALUES ('2023-11-14 00:00Z'::timestamptz, '2023-11-16 00:00Z'::timestamptz), ('2023-11-14 23:13:20Z', '2023-11-15 00:31:59Z')),
    q AS (SELECT * FROM r, unnest('{cart,shop}'::text[]) AS service, unnest('{cpu,samples}'::text[]) AS type),
    expected AS (
        SELECT since, until, q.service, type, s.stack, sum(s.value) AS value FROM q
          JOIN bodies b ON b.service = q.service AND b.at >= since AND b.at < until AND left_over, pprof.stacks(b.body::pprof.profile, type) AS s
         GROUP BY 1, 2, 3, 4, 5),
    stored AS (
        SELECT since, until, service, type, s.stack, s.value FROM q,
               pprof.stacks(pprof.query(CASE type WHEN 'cpu' THEN 'process_cpu:cpu:nanoseconds:cpu:nanoseconds' ELSE 'process_cpu:samples:count:cpu:nanoseconds' END,
                                        format('{service_name="%s"}', service), since, until)) AS s)
    (TABLE expected EXCEPT TABLE stored) UNION ALL (TABLE stored EXCEPT TABLE expected);
CREATE VIEW wrong_labels AS
    WITH expected AS (SELECT DISTINCT (at AT TIME ZONE 'UTC')::date AS day, service, pod FROM bodies WHERE left_over),
    stored AS (SELECT DISTINCT d.day, s.name, l.labels ->> 'pod' FROM pprof.series_days d JOIN pprof.services s USING (service_id) JOIN pprof.series l USING (service_id, series_id))
    (TABLE expected EXCEPT TABLE stored) UNION ALL (TABLE stored EXCEPT TABLE expected);
SELECT count(*) FROM wrong;

-- one profile, in a segment and in the buffer
SELECT pprof.delete_profile(id), pprof.delete_profile(id) AS again FROM bodies WHERE no IN (17, 377) ORDER BY no;
UPDATE bodies SET left_over = false WHERE no IN (17, 377);
TABLE wrong;
TABLE wrong_labels;
SELECT * FROM pprof.check();
SELECT pprof.delete_profile(id, '{service_name="cart"}') AS other_service, pprof.delete_profile(id, '{}', '2023-11-15 12:00Z') AS other_time FROM bodies WHERE no = 18;
-- it may come again
SELECT store(b) FROM bodies b WHERE no = 17;
SELECT store(b) FROM bodies b WHERE no = 17;
UPDATE bodies SET left_over = true WHERE no = 17;
TABLE wrong;
-- a series in a range that begins and ends within hours
SELECT pprof.delete_series('{service_name="shop", pod="p1"}', '2023-11-14 23:13:20Z', '2023-11-15 01:20:00Z');
UPDATE bodies SET left_over = false WHERE service = 'shop' AND pod = 'p1' AND at >= '2023-11-14 23:13:20Z' AND at < '2023-11-15 01:20:00Z';
TABLE wrong;
TABLE wrong_labels;
SELECT * FROM pprof.check();
-- all of it: labels go with it
SELECT pprof.delete_series('{service_name=~"sh.*", pod="p1"}');
UPDATE bodies SET left_over = false WHERE service = 'shop' AND pod = 'p1';
TABLE wrong;
TABLE wrong_labels;
SELECT * FROM pprof.label_values('pod', '{"{service_name=\"shop\"}"}', '2023-11-14', '2023-11-16') ORDER BY 1;
SELECT * FROM pprof.check();
-- by type: the type that counts has no rows of its own
SELECT pprof.delete_profiles(:'counts', '{}', '2023-11-14', '2023-11-16');
SELECT pprof.delete_profiles('memory:inuse_space:bytes:space:bytes', '{}', '2023-11-14', '2023-11-16');
SELECT pprof.delete_profiles(:'cpu', '{pod="p2"}', '2023-11-14 23:30Z', '2023-11-15 00:30Z') > 0 AS deleted;
UPDATE bodies SET left_over = false WHERE pod = 'p2' AND at >= '2023-11-14 23:30Z' AND at < '2023-11-15 00:30Z';
TABLE wrong;
SELECT * FROM pprof.check();
-- made anew, it is the same
SELECT maintain();
TABLE wrong;
TABLE wrong_labels;
SELECT * FROM pprof.check();
-- whose profiles retention has taken cannot be subtracted
INSERT INTO pprof.expired_days (service_id, day) SELECT service_id, '2023-11-20' FROM pprof.services WHERE name = 'shop';
SELECT pprof.delete_series('{service_name="shop"}', '2023-11-20 12:00Z', '2023-11-21');
SELECT pprof.delete_series('{service_name="shop"}', '2023-11-21', '2023-11-22');
DELETE FROM pprof.expired_days;

-- what cannot be
SELECT pprof.delete_series('{span_id="0102030405060708"}');
SELECT pprof.delete_series('{a=');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pprof.delete_series('{}');
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pprof.delete_service('shop');
ROLLBACK;
-- only one's own
SET pprof.tenant = 'other';
SELECT pprof.delete_series('{}'), pprof.delete_service('shop'), pprof.delete_profile(id) FROM bodies WHERE no = 20;
RESET pprof.tenant;
SET ROLE pprof_read;
SELECT pprof.delete_service('shop');
RESET ROLE;
TABLE wrong;

-- a service, and everything of it
SELECT pprof.delete_service('shop') = (SELECT count(*) FROM bodies WHERE service = 'shop' AND left_over) AS all_of_it, pprof.delete_service('shop') AS again;
UPDATE bodies SET left_over = false WHERE service = 'shop';
TABLE wrong;
TABLE wrong_labels;
SELECT * FROM pprof.check();
SELECT c.relname, (xpath('/row/n/text()', query_to_xml(format('SELECT count(DISTINCT service_id) AS n FROM pprof.%I', c.relname), false, true, '')))[1]::text AS services
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'service_id'
 WHERE c.relnamespace = 'pprof'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname IN ('chunks', 'dictionaries', 'raw', 'segments', 'series', 'series_days', 'services') ORDER BY 1;
-- the same backend stores it again
SELECT store(b) FROM bodies b WHERE no = 17;
UPDATE bodies SET left_over = true WHERE no = 17;
TABLE wrong;
SELECT * FROM pprof.check();
DROP VIEW wrong, wrong_labels;
DROP FUNCTION store(bodies), maintain();
DROP TABLE bodies;
SELECT pprof.delete_service('shop'), pprof.delete_service('cart') > 0 AS cart;
DROP FUNCTION body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
