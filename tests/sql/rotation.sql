-- a dictionary that has grown to its size is not continued; nobody notices but the table
SET pprof.accept_past = 0;
SET pprof.dictionary_nodes = 1000;
SET TIME ZONE 'UTC';
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/body.sql'
\i :include
-- 40 pushes of 100 stacks each, half of them new every time
CREATE FUNCTION store(service text, round int) RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(stored) FROM pprof.push(
        ARRAY(SELECT body('leaf ' || round * 50 + i, 1, '2023-11-20 01:00Z'::timestamptz + round * interval '1 minute' + i * interval '1 second') FROM generate_series(1, 100) AS i),
        ARRAY(SELECT jsonb_build_object('__name__', 'process_cpu', 'service_name', service) FROM generate_series(1, 100)))
$$;
SELECT sum(store('rotates', r)) FROM generate_series(1, 40) AS r;
-- and in one transaction that is rolled back in part
BEGIN;
SELECT store('rotates', 41);
SAVEPOINT s;
SELECT sum(store('rotates', r)) FROM generate_series(42, 80) AS r;
ROLLBACK TO s;
SELECT sum(store('rotates', r)) FROM generate_series(81, 90) AS r;
COMMIT;
SELECT count(*) > 2 AS several FROM pprof.dictionaries d JOIN pprof.services s USING (service_id) WHERE s.name = 'rotates';
SELECT count(*), sum(self) FROM pprof.flamegraph('process_cpu:samples:count:cpu:nanoseconds', '{service_name="rotates"}',
    '2023-11-20'::timestamptz, '2023-11-21'::timestamptz, 0) WHERE self > 0;
SELECT count(DISTINCT r * 50 + i), count(*) FROM generate_series(1, 90) AS r, generate_series(1, 100) AS i WHERE r < 42 OR r > 80;
SELECT * FROM pprof.check();
SELECT pprof.delete_service('rotates') > 0 AS deleted;
DROP FUNCTION store(text, int), body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
