-- 46_chunks.sql
--     Fewer and larger rows of dictionaries.

CREATE FUNCTION pprof.merge_chunks(service_id bigint) RETURNS integer
AS 'MODULE_PATHNAME', 'pprof_merge_chunks'
LANGUAGE C VOLATILE PARALLEL UNSAFE STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.merge_chunks(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pprof.merge_chunks(bigint)
    IS 'puts rows of pprof.chunks and pprof.paths of a service together; returns how many fewer there are, 0 if there is nothing to do or somebody else is at it';

GRANT EXECUTE ON FUNCTION pprof.merge_chunks(bigint) TO pprof_admin;
