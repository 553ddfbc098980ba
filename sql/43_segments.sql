-- 43_segments.sql
--     Rows of pprof.raw become segments.

CREATE FUNCTION pprof.compact_service(service_id bigint, max_rows integer DEFAULT 20000) RETURNS integer
AS 'MODULE_PATHNAME', 'pprof_compact_service'
LANGUAGE C VOLATILE PARALLEL UNSAFE STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.compact_service(bigint, integer) FROM PUBLIC;
COMMENT ON FUNCTION pprof.compact_service(bigint, integer)
    IS 'moves rows of pprof.raw into segments, as soon as there are enough of a profile type and hour or the hour is over; returns how many, 0 if there is nothing to do or somebody else is at it';

CREATE FUNCTION pprof.compaction_backlog(
    OUT service_id bigint,
    OUT rows bigint,
    OUT oldest timestamptz
) RETURNS SETOF record
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
ROWS 1000
AS $$
    SELECT g.service_id, sum(g.rows)::bigint, min(g.oldest)
      FROM (SELECT r.service_id, date_trunc('hour', r.at, 'UTC') AS hour, count(*) AS rows, min(r.at) AS oldest
              FROM pprof.raw r
             GROUP BY r.service_id, r.type_id, date_trunc('hour', r.at, 'UTC')) g
     WHERE (g.rows >= (COALESCE(current_setting('pprof.segment_profiles', true)::integer, 128) + 1) / 2
            OR g.hour + interval '1 hour' + COALESCE(current_setting('pprof.hour_grace', true)::interval, '5 minutes') <= clock_timestamp())
       AND NOT EXISTS (SELECT FROM pprof.expired_days e
                        WHERE e.service_id = g.service_id AND e.day = (g.hour AT TIME ZONE 'UTC')::date)
     GROUP BY g.service_id
     ORDER BY g.service_id
$$;
REVOKE ALL ON FUNCTION pprof.compaction_backlog() FROM PUBLIC;
COMMENT ON FUNCTION pprof.compaction_backlog()
    IS 'services with rows that pprof.compact_service would move: how many, and the time of the oldest';

CREATE FUNCTION pprof.segment_rows(
    segment_head    bytea,
    segment_ids     bytea,
    segment_samples bytea,
    segment_spans   bytea,
    OUT series_id bigint,
    OUT at timestamptz,
    OUT duration bigint,
    OUT total bigint,
    OUT profile_id uuid,
    OUT samples pprof.samples,
    OUT spans bytea
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pprof_segment_rows'
LANGUAGE C IMMUTABLE PARALLEL SAFE STRICT ROWS 128;
REVOKE ALL ON FUNCTION pprof.segment_rows(bytea, bytea, bytea, bytea) FROM PUBLIC;
COMMENT ON FUNCTION pprof.segment_rows(bytea, bytea, bytea, bytea)
    IS 'profiles of a row of pprof.segments, as they were in pprof.raw';

GRANT EXECUTE ON FUNCTION pprof.segment_rows(bytea, bytea, bytea, bytea) TO pprof_read, pprof_admin;
GRANT EXECUTE ON FUNCTION
    pprof.compact_service(bigint, integer),
    pprof.compaction_backlog()
 TO pprof_admin;
