-- pprof.check() finds what is damaged; it says nothing about what is sound
SET pprof.accept_past = 0;
SET TIME ZONE 'UTC';
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/body.sql'
\i :include
SELECT pprof.ingest(body('one', 1, '2023-11-14 01:00Z'), '{"service_name": "shop"}'), pprof.ingest(body('two', 2, '2023-11-14 02:00Z'), '{"service_name": "shop"}');
SELECT * FROM pprof.check();
-- what the problems are, ids left out
CREATE FUNCTION problems() RETURNS TABLE (object text, problem text) LANGUAGE sql AS
    $$ SELECT regexp_replace(object, '-?[0-9a-f-]{8,}', 'N', 'g'), problem FROM pprof.check() ORDER BY 1, 2 $$;
CREATE PROCEDURE damage(statement text) LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    EXECUTE statement;
    FOR r IN SELECT * FROM problems() LOOP
        RAISE INFO '%: %', r.object, r.problem;
    END LOOP;
    ROLLBACK;
END $$;
CALL damage('UPDATE pprof.raw SET total = total + 1 WHERE total < 20000000');
CALL damage('UPDATE pprof.chunks SET first_no = 7, last_no = 7 WHERE last_no = 0');
CALL damage('DELETE FROM pprof.chunks WHERE last_no = 1');
CALL damage($$UPDATE pprof.chunks SET data = substr(data, 1, length(data) - 1) WHERE last_no = 1$$);
CALL damage($$UPDATE pprof.chunks SET data = set_byte(data, 0, 9) WHERE last_no = 0$$);
CALL damage('UPDATE pprof.chunks SET data = (SELECT data FROM pprof.chunks WHERE last_no = 0) WHERE last_no = 1');
CALL damage('DELETE FROM pprof.dictionaries');
CALL damage('DELETE FROM pprof.series_days');
CALL damage($$DELETE FROM pprof.label_days WHERE name = ''$$);
CALL damage('DELETE FROM pprof.series');
CALL damage('DELETE FROM pprof.service_types');
CALL damage('DELETE FROM pprof.services');
CALL damage($$UPDATE pprof.services SET name = 'other'$$);
CALL damage($$UPDATE pprof.service_types SET profile_type = 'a:b:c:d:e' WHERE profile_type LIKE '%:samples:%'$$);
CALL damage($$UPDATE pprof.series SET labels = '{"service_name": "shop", "a": "b"}'$$);
CALL damage($$UPDATE pprof.raw SET spans = '\x02' WHERE total < 20000000$$);
SELECT * FROM pprof.check();
DROP FUNCTION problems();
DROP PROCEDURE damage(text);
DROP FUNCTION body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
TRUNCATE pprof.services, pprof.service_types, pprof.series, pprof.series_days, pprof.label_days, pprof.dictionaries, pprof.chunks, pprof.raw, pprof.pushes;
