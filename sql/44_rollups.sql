-- 44_rollups.sql
--     Rollups of hours and days, and what functions have of them.

CREATE FUNCTION pprof.rollup_service(service_id bigint, max_hours integer DEFAULT 24) RETURNS integer
    LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pprof_rollup_service';
REVOKE ALL ON FUNCTION pprof.rollup_service(bigint, integer) FROM PUBLIC;
COMMENT ON FUNCTION pprof.rollup_service(bigint, integer)
    IS 'makes rollups, totals and functions of hours and days of a service that are over and changed; how many, of each type; 0 also while others maintain the service';

-- The operator class is the one that belongs to the extension pg_trgm, wherever
-- that is.  The index does not belong to the extension pprof: dropping pg_trgm
-- takes it along, and nothing else.
CREATE FUNCTION pprof.create_function_index() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    class text;
BEGIN
    IF to_regclass('pprof.functions_name_idx') IS NOT NULL THEN
        RETURN false;
    END IF;
    SELECT format('%I.%I', n.nspname, c.opcname) INTO class
    FROM pg_extension e
    JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
         AND d.deptype = 'e' AND d.classid = 'pg_opclass'::regclass
    JOIN pg_opclass c ON c.oid = d.objid
    JOIN pg_am a ON a.oid = c.opcmethod
    JOIN pg_namespace n ON n.oid = c.opcnamespace
    WHERE e.extname = 'pg_trgm' AND a.amname = 'gin' AND c.opcname = 'gin_trgm_ops';
    IF class IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE INDEX functions_name_idx ON pprof.functions USING gin (name %s)', class);
    COMMENT ON INDEX pprof.functions_name_idx IS 'finds functions by a part of their name';
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION pprof.create_function_index() FROM PUBLIC;
COMMENT ON FUNCTION pprof.create_function_index()
    IS 'makes the index that pprof.search_functions is fast with, where the extension pg_trgm is installed; true if it was missing';

CREATE FUNCTION pprof.search_functions(pattern text, profile_type text DEFAULT NULL,
                                       selector text DEFAULT '{}', since timestamptz DEFAULT NULL,
                                       until timestamptz DEFAULT NULL, max integer DEFAULT 100)
    RETURNS TABLE (service text, function text, profile_type text, self bigint, total bigint)
    LANGUAGE C STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100 COST 10000
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pprof_search_functions';
REVOKE ALL ON FUNCTION pprof.search_functions(text, text, text, timestamptz, timestamptz, integer) FROM PUBLIC;
COMMENT ON FUNCTION pprof.search_functions(text, text, text, timestamptz, timestamptz, integer)
    IS 'functions whose name has the pattern in it, in any case (% stands for any text), by whole UTC days, greatest totals first; null: all profile types, the last 24 hours';

CREATE FUNCTION pprof.function_history(function text, profile_type text, selector text DEFAULT '{}',
                                       since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS TABLE (day date, service text, self bigint, total bigint)
    LANGUAGE C STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100 COST 10000
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pprof_function_history';
REVOKE ALL ON FUNCTION pprof.function_history(text, text, text, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.function_history(text, text, text, timestamptz, timestamptz)
    IS 'what a function, by its whole name, had on each UTC day in each service; null: the last 30 days';

GRANT EXECUTE ON FUNCTION pprof.rollup_service(bigint, integer), pprof.create_function_index()
    TO pprof_admin;
GRANT EXECUTE ON FUNCTION
    pprof.search_functions(text, text, text, timestamptz, timestamptz, integer),
    pprof.function_history(text, text, text, timestamptz, timestamptz)
    TO pprof_read;
