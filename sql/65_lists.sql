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

CREATE FUNCTION pprof.segment_rows(
    head    bytea,
    ids     bytea,
    samples bytea,
    OUT at timestamptz, OUT series_id bigint, OUT duration bigint, OUT total bigint,
    OUT profile_id uuid, OUT samples pprof.samples
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pprof_segment_rows'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 100;
REVOKE ALL ON FUNCTION pprof.segment_rows(bytea, bytea, bytea) FROM PUBLIC;
COMMENT ON FUNCTION pprof.segment_rows(bytea, bytea, bytea) IS 'profiles in a row of pprof.segments';

GRANT EXECUTE ON FUNCTION
    pprof.heatmap(text, text, timestamptz, timestamptz, interval, integer),
    pprof.profile_list(text, text, timestamptz, timestamptz, integer, text),
    pprof.segment_rows(bytea, bytea, bytea)
 TO pprof_read, pprof_admin;
