-- 65_lists.sql
--     Single profiles: how many there are of which size, and which they are.

CREATE FUNCTION pprof.heatmap(
    profile_type text,
    selector     text,
    since        timestamptz,
    until        timestamptz,
    step         interval,
    buckets      integer DEFAULT 20,
    OUT at timestamptz, OUT low bigint, OUT high bigint, OUT profiles bigint
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pprof_heatmap'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE SECURITY DEFINER COST 10000 ROWS 1000
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.heatmap(text, text, timestamptz, timestamptz, interval, integer) FROM PUBLIC;
COMMENT ON FUNCTION pprof.heatmap(text, text, timestamptz, timestamptz, interval, integer)
    IS 'numbers of profiles by total, in buckets of one width from low up to high (the last with high) over all of [since - step, until); at: the end of a step, since + a multiple of it; no rows for an empty step';

CREATE FUNCTION pprof.profile_list(
    profile_type text,
    selector     text,
    since        timestamptz,
    until        timestamptz,
    max          integer DEFAULT 100,
    ordered_by   text DEFAULT 'newest',
    OUT at timestamptz, OUT service text, OUT labels jsonb, OUT profile_id uuid,
    OUT duration interval, OUT total bigint
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pprof_profile_list'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE SECURITY DEFINER COST 10000 ROWS 100
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.profile_list(text, text, timestamptz, timestamptz, integer, text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.profile_list(text, text, timestamptz, timestamptz, integer, text)
    IS 'single profiles of a type in [since, until), a row for each label set of one: the newest, oldest, largest or smallest, in that order; with their samples: pprof.profiles, or pprof.query by {profile_id="..."}';

GRANT EXECUTE ON FUNCTION
    pprof.heatmap(text, text, timestamptz, timestamptz, interval, integer),
    pprof.profile_list(text, text, timestamptz, timestamptz, integer, text)
 TO pprof_read, pprof_admin;
