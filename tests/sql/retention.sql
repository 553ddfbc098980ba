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
CALL retain('2001-08-10 00:00Z');
SELECT * FROM left_over WHERE day >= '2001-06-01' ORDER BY 1, 2;
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
SELECT pprof.drop_retention(), pprof.drop_retention(resolution => 'hours'), pprof.drop_retention('sh.p', resolution => 'profiles'), pprof.drop_retention('ca|car'),
       pprof.drop_retention('cart', '.*:cpu:.*', 'days'), pprof.drop_retention('cart', resolution => 'profiles');
SELECT count(*) FROM pprof.own_retention_rules;
SELECT count(pprof.delete_service(name)) FROM (SELECT DISTINCT name FROM pprof.services) s;
DROP FUNCTION body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
