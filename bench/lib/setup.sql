-- setup.sql
--     A schema of its own for the benchmarks: bodies to ingest, and procedures
--     that measure inside the server.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pprof CASCADE;
DROP SCHEMA IF EXISTS pprof CASCADE;
CREATE EXTENSION pprof;
DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;

CREATE UNLOGGED TABLE bench.bodies (
    service int NOT NULL,
    pod     int NOT NULL,
    seq     int NOT NULL,
    at      timestamptz NOT NULL,
    body    bytea NOT NULL
);
ALTER TABLE bench.bodies ALTER body SET STORAGE EXTERNAL;

-- Store the bodies from `skip` on, as pushes arrive: in time order, one in a
-- transaction.  Without `push` only the loop, reading the bodies and the commits
-- remain: what the benchmark itself costs.
CREATE PROCEDURE bench.ingest_slice(skip int, n int, push boolean DEFAULT true) LANGUAGE plpgsql AS $$
DECLARE
    r record;
    failed text;
BEGIN
    FOR r IN SELECT body,
                    jsonb_build_object('__name__', 'process_cpu',
                                       'service_name', 'bench-' || service,
                                       'namespace', 'bench',
                                       'pod', 'bench-' || service || '-' || pod,
                                       'instance', '10.0.' || service || '.' || pod || ':6060') AS labels
               FROM bench.bodies
              ORDER BY at, service, pod OFFSET skip LIMIT n LOOP
        IF NOT push THEN
            PERFORM get_byte(r.body, length(r.body) - 1);
            COMMIT;
            CONTINUE;
        END IF;
        SELECT p.message INTO failed
          FROM pprof.push(ARRAY[r.body], ARRAY[r.labels]) p
         WHERE p.sqlstate IS NOT NULL;
        IF failed IS NOT NULL THEN
            RAISE EXCEPTION 'push failed: %', failed;
        END IF;
        COMMIT;
    END LOOP;
END
$$;

-- Milliseconds of `runs` executions of a query, after one to warm up.
CREATE FUNCTION bench.time_ms(query text, runs int) RETURNS SETOF float8 LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz;
BEGIN
    EXECUTE query;
    FOR i IN 1 .. runs LOOP
        started := clock_timestamp();
        EXECUTE query;
        RETURN NEXT extract(epoch FROM clock_timestamp() - started) * 1000;
    END LOOP;
END
$$;
