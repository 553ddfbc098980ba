-- 82_limits.sql
--     Caps on how fast a service may grow, how much detail of it is kept, and a
--     view of what grows.  Caps count per UTC day, so that a service that hit one
--     comes back by itself.

CREATE TABLE pprof.service_limits (
    tenant           text COLLATE "C" NOT NULL DEFAULT 'anonymous',
    service          text COLLATE "C" NOT NULL,
    priority         integer NOT NULL DEFAULT 0,
    max_series       integer CHECK (max_series >= 0),
    max_label_names  integer CHECK (max_label_names >= 0),
    max_label_values integer CHECK (max_label_values >= 0),
    max_stacks       integer CHECK (max_stacks >= 0),
    granularity      text NOT NULL DEFAULT 'lines' CHECK (granularity IN ('lines', 'functions')),
    PRIMARY KEY (tenant, service)
);
COMMENT ON TABLE pprof.service_limits IS 'limits of some services; for a cap that is null, and without a rule, the setting holds';
COMMENT ON COLUMN pprof.service_limits.tenant IS 'whose services';
COMMENT ON COLUMN pprof.service_limits.service IS 'regular expression that matches the whole name of a service';
COMMENT ON COLUMN pprof.service_limits.priority IS 'of several rules the one with the greatest holds; then the one with the longest expression';
COMMENT ON COLUMN pprof.service_limits.max_series IS 'most label sets with profiles on one UTC day, 0 for no limit; null: pprof.max_series_per_service';
COMMENT ON COLUMN pprof.service_limits.max_label_names IS 'most names of labels on one UTC day, 0 or null for no limit';
COMMENT ON COLUMN pprof.service_limits.max_label_values IS 'most values of one label on one UTC day, 0 or null for no limit';
COMMENT ON COLUMN pprof.service_limits.max_stacks IS 'most distinct stacks of one UTC day, 0 for no limit; null: pprof.max_stacks_per_day';
COMMENT ON COLUMN pprof.service_limits.granularity IS 'functions: profiles are stored without lines, columns and addresses';
SELECT pg_catalog.pg_extension_config_dump('pprof.service_limits', '');

CREATE FUNCTION pprof.service_limits_changed() RETURNS trigger
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'pprof_service_limits_changed';
REVOKE ALL ON FUNCTION pprof.service_limits_changed() FROM PUBLIC;
COMMENT ON FUNCTION pprof.service_limits_changed() IS 'tells all sessions that limits are to be read anew';

CREATE TRIGGER service_limits_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pprof.service_limits
FOR EACH STATEMENT EXECUTE FUNCTION pprof.service_limits_changed();
COMMENT ON TRIGGER service_limits_changed ON pprof.service_limits IS 'sessions keep limits until they change';

CREATE FUNCTION pprof.service_limits_of(tenant text, service text) RETURNS SETOF pprof.service_limits
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM pprof.service_limits l
     WHERE l.tenant = service_limits_of.tenant
       AND jsonb_build_object('service_name', service_limits_of.service)
           OPERATOR(pprof.@~) pprof.pattern_selector('service_name', l.service)
     ORDER BY l.priority DESC, length(l.service) DESC, l.service
     LIMIT 1
$$;
REVOKE ALL ON FUNCTION pprof.service_limits_of(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.service_limits_of(text, text) IS 'the rule that counts for a service; none if there is none';

CREATE FUNCTION pprof.set_service_limits(
    service          text,
    max_series       integer DEFAULT NULL,
    max_label_names  integer DEFAULT NULL,
    max_label_values integer DEFAULT NULL,
    max_stacks       integer DEFAULT NULL,
    granularity      text DEFAULT 'lines',
    priority         integer DEFAULT 0
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF least(max_series, max_label_names, max_label_values, max_stacks) < 0 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'limits must not be negative';
    END IF;
    IF set_service_limits.granularity IS NULL OR set_service_limits.granularity NOT IN ('lines', 'functions') THEN
        RAISE invalid_parameter_value
            USING MESSAGE = format('granularity must be lines or functions, not "%s"', set_service_limits.granularity);
    END IF;
    -- bad expressions are refused here, not where rules are applied
    PERFORM pprof.pattern_selector('service_name', service);
    INSERT INTO pprof.service_limits AS l
        (tenant, service, priority, max_series, max_label_names, max_label_values, max_stacks, granularity)
    VALUES (current_setting('pprof.tenant'), set_service_limits.service, set_service_limits.priority,
            set_service_limits.max_series, set_service_limits.max_label_names,
            set_service_limits.max_label_values, set_service_limits.max_stacks,
            set_service_limits.granularity)
    ON CONFLICT ON CONSTRAINT service_limits_pkey DO UPDATE
       SET priority = EXCLUDED.priority, max_series = EXCLUDED.max_series,
           max_label_names = EXCLUDED.max_label_names, max_label_values = EXCLUDED.max_label_values,
           max_stacks = EXCLUDED.max_stacks, granularity = EXCLUDED.granularity;
END
$$;
REVOKE ALL ON FUNCTION pprof.set_service_limits(text, integer, integer, integer, integer, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION pprof.set_service_limits(text, integer, integer, integer, integer, text, integer)
    IS 'limits the own services whose names match, in place of what was set for the same expression; 0: no limit; null: what the setting says';

CREATE FUNCTION pprof.drop_service_limits(service text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM pprof.service_limits l
     WHERE l.tenant = current_setting('pprof.tenant') AND l.service = drop_service_limits.service;
    RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION pprof.drop_service_limits(text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.drop_service_limits(text) IS 'removes the rule with exactly this expression; false if there is none';

-- The last chunk of a dictionary tells how many stacks it has: the ids end there.
CREATE FUNCTION pprof.chunk_stacks(data bytea) RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'pprof_chunk_stacks';
REVOKE ALL ON FUNCTION pprof.chunk_stacks(bytea) FROM PUBLIC;
COMMENT ON FUNCTION pprof.chunk_stacks(bytea) IS 'id after the last stack in a row of pprof.chunks';

CREATE VIEW pprof.growth WITH (security_barrier) AS
WITH at AS MATERIALIZED (
    SELECT (pg_catalog.clock_timestamp() AT TIME ZONE 'UTC')::date AS today
)
SELECT s.name AS service,
       (SELECT pg_catalog.count(*) FROM pprof.series l WHERE l.service_id = s.service_id) AS series,
       (SELECT pg_catalog.count(*) FROM pprof.series l
         WHERE l.service_id = s.service_id
           AND l.created >= at.today::timestamp AT TIME ZONE 'UTC') AS new_series,
       (SELECT pg_catalog.count(DISTINCT d.series_id) FROM pprof.series_days d
         WHERE d.service_id = s.service_id AND d.day = at.today) AS series_today,
       COALESCE(r.max_series, pg_catalog.current_setting('pprof.max_series_per_service', true)::integer) AS max_series,
       c.stacks_today,
       c.stacks_yesterday,
       COALESCE(r.max_stacks, pg_catalog.current_setting('pprof.max_stacks_per_day', true)::integer) AS max_stacks,
       COALESCE(r.granularity, 'lines') AS granularity,
       c.bytes_today AS dictionary_bytes_today,
       c.bytes_yesterday AS dictionary_bytes_yesterday,
       w.rows AS raw_rows,
       g.profiles AS segment_rows_today,
       g.bytes AS segment_bytes_today
  FROM at, pprof.services s
  LEFT JOIN LATERAL (SELECT l.* FROM pprof.service_limits l
                      WHERE l.tenant = s.tenant
                        AND pg_catalog.jsonb_build_object('service_name', s.name)
                            OPERATOR(pprof.@~) pprof.pattern_selector('service_name', l.service)
                      ORDER BY l.priority DESC, pg_catalog.length(l.service) DESC, l.service LIMIT 1) r ON true,
       LATERAL (SELECT COALESCE(pg_catalog.sum(k.stacks) FILTER (WHERE d.day = at.today), 0)::bigint AS stacks_today,
                       COALESCE(pg_catalog.sum(k.stacks) FILTER (WHERE d.day < at.today), 0)::bigint AS stacks_yesterday,
                       COALESCE(pg_catalog.sum(k.bytes) FILTER (WHERE d.day = at.today), 0)::bigint AS bytes_today,
                       COALESCE(pg_catalog.sum(k.bytes) FILTER (WHERE d.day < at.today), 0)::bigint AS bytes_yesterday
                  FROM pprof.dictionaries d,
                       LATERAL (SELECT (SELECT pprof.chunk_stacks(n.data) FROM pprof.chunks n
                                         WHERE n.service_id = d.service_id AND n.dict_id = d.dict_id AND n.day = d.day
                                         ORDER BY n.last_no DESC LIMIT 1) AS stacks,
                                       (SELECT pg_catalog.sum(pg_catalog.pg_column_size(n.data)) FROM pprof.chunks n
                                         WHERE n.service_id = d.service_id AND n.dict_id = d.dict_id AND n.day = d.day) AS bytes) k
                 WHERE d.service_id = s.service_id AND d.day IN (at.today, at.today - 1)) c,
       LATERAL (SELECT pg_catalog.count(*) AS rows FROM pprof.raw WHERE raw.service_id = s.service_id) w,
       LATERAL (SELECT COALESCE(pg_catalog.sum(e.profiles), 0)::bigint AS profiles,
                       COALESCE(pg_catalog.sum(pg_catalog.pg_column_size(e.head) + pg_catalog.pg_column_size(e.ids)
                                               + pg_catalog.pg_column_size(e.samples) + pg_catalog.pg_column_size(e.spans)), 0)::bigint AS bytes
                  FROM pprof.segments e
                 WHERE e.service_id = s.service_id
                   AND e.hour >= at.today::timestamp AT TIME ZONE 'UTC') g
 WHERE s.tenant = COALESCE(pg_catalog.current_setting('pprof.tenant', true), 'anonymous')
 ORDER BY c.bytes_today DESC, s.name;
COMMENT ON VIEW pprof.growth IS 'what the services of the own tenant grow by, those with the largest dictionaries of today first; no samples are read for it';
COMMENT ON COLUMN pprof.growth.service IS 'the label service_name';
COMMENT ON COLUMN pprof.growth.series IS 'label sets ever stored';
COMMENT ON COLUMN pprof.growth.new_series IS 'those that came today (UTC)';
COMMENT ON COLUMN pprof.growth.series_today IS 'those with profiles of today';
COMMENT ON COLUMN pprof.growth.max_series IS 'how many of these there may be, 0: no limit';
COMMENT ON COLUMN pprof.growth.stacks_today IS 'distinct stacks in the dictionaries of today, about';
COMMENT ON COLUMN pprof.growth.stacks_yesterday IS 'of yesterday';
COMMENT ON COLUMN pprof.growth.max_stacks IS 'how many there may be on a day, 0: no limit';
COMMENT ON COLUMN pprof.growth.granularity IS 'lines or functions';
COMMENT ON COLUMN pprof.growth.dictionary_bytes_today IS 'bytes of the dictionaries of today as stored';
COMMENT ON COLUMN pprof.growth.dictionary_bytes_yesterday IS 'of yesterday';
COMMENT ON COLUMN pprof.growth.raw_rows IS 'rows that maintenance has not put into segments yet';
COMMENT ON COLUMN pprof.growth.segment_rows_today IS 'rows in segments of today';
COMMENT ON COLUMN pprof.growth.segment_bytes_today IS 'bytes of these segments as stored';

-- what the view calls with the rights of who reads it; none reads a table
GRANT EXECUTE ON FUNCTION
    pprof.pattern_selector(text, text), pprof.chunk_stacks(bytea)
 TO pprof_read, pprof_admin;
GRANT SELECT ON pprof.growth TO pprof_read, pprof_admin;
GRANT EXECUTE ON FUNCTION
    pprof.set_service_limits(text, integer, integer, integer, integer, text, integer),
    pprof.drop_service_limits(text)
 TO pprof_admin;
