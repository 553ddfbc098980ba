-- what a session keeps of dictionaries stays within its settings, however many services
SET pprof.accept_past = 0;
SET TIME ZONE 'UTC';
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/body.sql'
\i :include
CREATE FUNCTION store(service int, leaf text) RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(stored) FROM pprof.push(
        ARRAY(SELECT body(leaf || ' ' || i, 1, '2023-11-14 01:00Z'::timestamptz + i * interval '1 second') FROM generate_series(1, 20) AS i),
        ARRAY(SELECT jsonb_build_object('__name__', 'process_cpu', 'service_name', 'cached ' || service) FROM generate_series(1, 20)))
$$;
CREATE FUNCTION leaves(service int) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM pprof.flamegraph('process_cpu:samples:count:cpu:nanoseconds',
        format('{service_name="cached %s"}', service), '2023-11-14'::timestamptz, '2023-11-15'::timestamptz) WHERE self > 0
$$;
CREATE FUNCTION kept() RETURNS numeric LANGUAGE sql AS
    $$ SELECT coalesce(sum(total_bytes), 0) FROM pg_backend_memory_contexts WHERE name = 'pprof dictionary' $$;
\c
SET pprof.accept_past = 0;
SET TIME ZONE 'UTC';
SET pprof.writer_cache_size = '1MB';
SET pprof.reader_cache_size = '1MB';
SELECT sum(store(s, 'first')) FROM generate_series(1, 100) AS s;
SELECT kept() BETWEEN 500000 AND 1048576 AS writers;
SELECT sum(leaves(s)) FROM generate_series(1, 100) AS s;
SELECT kept() BETWEEN 1000000 AND 2 * 1048576 AS writers_and_readers;
-- what was dropped is read again: known stacks stay known
SELECT sum(store(s, 'first')) FROM generate_series(1, 100) AS s;
SELECT sum(store(s, 'second')) FROM generate_series(1, 100) AS s;
SELECT sum(leaves(s)) FROM generate_series(1, 100) AS s;
SELECT kept() < 2 * 1048576 AS writers_and_readers;
-- many services in one transaction, part of it rolled back
BEGIN;
SELECT sum(store(s, 'third')) FROM generate_series(1, 50) AS s;
SAVEPOINT s;
SELECT sum(store(s, 'lost')) FROM generate_series(25, 75) AS s;
ROLLBACK TO s;
SELECT sum(store(s, 'third')) FROM generate_series(51, 100) AS s;
SELECT kept() < 2 * 1048576 AS writers_and_readers;
COMMIT;
SELECT sum(leaves(s)) FROM generate_series(1, 100) AS s;
SELECT * FROM pprof.check();
-- no cache at all
SET pprof.writer_cache_size = 0;
SET pprof.reader_cache_size = 0;
SELECT sum(store(s, 'fourth')) FROM generate_series(1, 3) AS s;
SELECT sum(leaves(s)) FROM generate_series(1, 3) AS s;
SELECT kept();
DROP FUNCTION store(int, text), leaves(int), kept(), body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
TRUNCATE pprof.services, pprof.service_types, pprof.series, pprof.series_days, pprof.label_days, pprof.dictionaries, pprof.chunks, pprof.raw, pprof.pushes;
