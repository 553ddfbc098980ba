-- what is damaged of one service, or used by others, keeps nothing else from maintenance
SET pprof.accept_past = 0;
SET pprof.hour_grace = 0;
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = error;
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/body.sql'
\i :include
SELECT sum(pprof.ingest(body('leaf', 1, at::timestamptz), jsonb_build_object('service_name', service)))
  FROM (VALUES ('bad', '2001-12-01 01:00Z'), ('good', '2001-12-02 01:00Z'), ('kept', '2001-12-01 01:00Z'), ('kept', '2001-12-02 01:00Z')) AS t (service, at);
CALL pprof.maintain(step => 'compact_service');
CALL pprof.maintain(step => 'rollup_service');
SELECT pprof.set_retention('30 days', service => 'bad|good', resolution => 'profiles');
UPDATE pprof.chunks SET data = '\x09' WHERE service_id = (SELECT service_id FROM pprof.services WHERE name = 'bad');
SELECT pprof.add_day('2001-11-01'), pprof.add_day('2001-11-02');
CREATE VIEW uses AS SELECT total FROM pprof.raw_20011101;
-- a session that has nothing of it in its caches
\c -
SET client_min_messages = error;
SET datestyle = 'ISO';
SET TIME ZONE 'UTC';
DO $$ BEGIN WHILE pprof.retention_step('2002-01-15Z') > 0 LOOP END LOOP; END $$;
SELECT s.name, e.day, e.profiles_gone, e.rewritten FROM pprof.expired_days e JOIN pprof.services s USING (service_id) WHERE s.name IN ('bad', 'good') ORDER BY 1;
SELECT to_regclass('pprof.raw_20011101') AS used, to_regclass('pprof.raw_20011102') AS unused;
DROP VIEW uses;
DO $$ BEGIN WHILE pprof.retention_step('2002-01-15Z') > 0 LOOP END LOOP; END $$;
SELECT to_regclass('pprof.raw_20011101') AS used_before;
SELECT pprof.drop_retention('bad|good', resolution => 'profiles');
SELECT count(pprof.delete_service(name)) FROM unnest('{bad,good,kept}'::text[]) AS name;
SELECT * FROM pprof.check();
DROP FUNCTION body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
