-- pprof.merge_chunks(): fewer rows, the same answers, for old and new sessions
SET pprof.accept_past = 0;
SET TIME ZONE 'UTC';
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/body.sql'
\i :include
CREATE FUNCTION store(leaf text, at timestamptz) RETURNS int LANGUAGE sql AS
    $$ SELECT pprof.ingest(body(leaf, 1, at), '{"service_name": "chunky"}') $$;
CREATE FUNCTION service() RETURNS bigint LANGUAGE sql AS
    $$ SELECT service_id FROM pprof.services WHERE name = 'chunky' $$;
CREATE FUNCTION rows_of(day date) RETURNS TABLE (first_no int, last_no int) LANGUAGE sql AS
    $$ SELECT first_no, last_no FROM pprof.chunks WHERE service_id = service() AND day = rows_of.day ORDER BY last_no $$;
CREATE FUNCTION leaves(day date) RETURNS TABLE (leaves bigint, total numeric) LANGUAGE sql AS
    $$ SELECT count(*), sum(self) FROM pprof.flamegraph('process_cpu:samples:count:cpu:nanoseconds',
        '{service_name="chunky"}', day::timestamptz, (day + 1)::timestamptz) WHERE self > 0 $$;
-- a day that is over: one transaction each, some rolled back
DO $$
BEGIN
    FOR i IN 0 .. 19 LOOP
        PERFORM store('old ' || i, '2023-11-14 01:00Z'::timestamptz + i * interval '1 second');
        IF i % 5 = 3 THEN
            ROLLBACK;
        ELSE
            COMMIT;
        END IF;
    END LOOP;
END
$$;
SELECT count(*) AS rows, max(last_no) FROM rows_of('2023-11-14');
SELECT * FROM leaves('2023-11-14');
SELECT pprof.merge_chunks(service());
SELECT * FROM rows_of('2023-11-14');
SELECT pprof.merge_chunks(service());
SELECT * FROM leaves('2023-11-14');
SELECT * FROM pprof.check();
-- what is known stays known, what is new is added; then both are put together
SELECT store('old 1', '2023-11-14 02:00Z'), store('late', '2023-11-14 02:01Z');
SELECT * FROM rows_of('2023-11-14');
SELECT pprof.merge_chunks(service());
SELECT * FROM rows_of('2023-11-14');
SELECT * FROM leaves('2023-11-14');
-- a session that knows nothing yet
\c
SET pprof.accept_past = 0;
SET TIME ZONE 'UTC';
SELECT * FROM leaves('2023-11-14');
SELECT store('old 2', '2023-11-14 03:00Z'), store('later', '2023-11-14 03:01Z');
SELECT * FROM leaves('2023-11-14');
SELECT * FROM pprof.check();
-- a day that grows: the newest chunks are left alone, and what follows a gap
CREATE TABLE today AS SELECT (now() AT TIME ZONE 'UTC')::date AS day;
SET pprof.accept_future = 0;
DO $$
BEGIN
    FOR i IN 0 .. 109 LOOP
        PERFORM store('new ' || i, (SELECT day::timestamptz FROM today) + i * interval '1 second');
        IF i = 25 THEN
            ROLLBACK;
        ELSE
            COMMIT;
        END IF;
    END LOOP;
END
$$;
SELECT count(*), min(last_no), max(last_no) FROM rows_of((SELECT day FROM today));
SELECT pprof.merge_chunks(service()) > 0 AS merged;
SELECT count(*) AS rows FROM rows_of((SELECT day FROM today));
SELECT r.* FROM rows_of((SELECT day FROM today)) r WHERE first_no <> last_no;
SELECT * FROM leaves((SELECT day FROM today));
SELECT * FROM pprof.check();
-- only by administrators, in READ COMMITTED, and for a service that there is
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pprof.merge_chunks(service());
ROLLBACK;
SELECT pprof.merge_chunks(1);
SET ROLE pprof_ingest;
SELECT pprof.merge_chunks(1);
RESET ROLE;
DROP TABLE today;
DROP FUNCTION store(text, timestamptz), service(), rows_of(date), leaves(date), body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
TRUNCATE pprof.services, pprof.service_types, pprof.series, pprof.series_days, pprof.label_days, pprof.dictionaries, pprof.chunks, pprof.raw, pprof.pushes;
