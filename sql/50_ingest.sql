-- 50_ingest.sql
--     How profiles come in.

CREATE FUNCTION pprof.push(
    bodies  bytea[],
    labels  jsonb[],
    ids     text[] DEFAULT NULL,
    times   timestamptz[] DEFAULT NULL,
    options jsonb DEFAULT '{}',
    OUT idx integer,
    OUT stored integer,
    OUT sqlstate text,
    OUT message text,
    OUT detail text,
    OUT hint text,
    OUT reason text
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pprof_push'
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.push(bytea[], jsonb[], text[], timestamptz[], jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pprof.push(bytea[], jsonb[], text[], timestamptz[], jsonb)
    IS 'stores many profiles in one transaction; a bad one fails alone, with sqlstate set and nothing of it stored; detail of a good one counts samples left out';

CREATE FUNCTION pprof.ingest(
    body   bytea,
    labels jsonb,
    at     timestamptz DEFAULT NULL,
    format text DEFAULT 'auto'
) RETURNS integer
AS 'MODULE_PATHNAME', 'pprof_ingest'
LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.ingest(bytea, jsonb, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.ingest(bytea, jsonb, timestamptz, text)
    IS 'stores a profile under labels; format as of from_bytea, where folded stacks are samples in count; returns the rows made, 0 if it is there already; a notice counts samples left out';
