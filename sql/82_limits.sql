-- 82_limits.sql
--     Caps on how fast a service may grow, how much detail of it is kept, and a
--     view of what grows.  Caps count per UTC day, so that a service that hit one
--     comes back by itself.

CREATE TABLE pprof.service_limits (
    tenant           text COLLATE "C" NOT NULL DEFAULT 'anonymous',
    service          text COLLATE "C" NOT NULL,
    max_series       integer CHECK (max_series >= 0),
    max_label_names  integer CHECK (max_label_names >= 0),
    max_label_values integer CHECK (max_label_values >= 0),
    max_stacks       integer CHECK (max_stacks >= 0),
    granularity      text NOT NULL DEFAULT 'lines' CHECK (granularity IN ('lines', 'functions')),
    PRIMARY KEY (tenant, service)
);
COMMENT ON TABLE pprof.service_limits IS 'limits of some services; of several rules the one with the most characters counts, of a cap that is null the setting';
COMMENT ON COLUMN pprof.service_limits.tenant IS 'whose services';
COMMENT ON COLUMN pprof.service_limits.service IS 'name of a service, where * stands for any characters';
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

-- Without SET clauses, so that they become part of the queries they stand in.
CREATE FUNCTION pprof.service_matches(service text, pattern text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT service OPERATOR(pg_catalog.~~) pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(
               pattern, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%')
$$;
REVOKE ALL ON FUNCTION pprof.service_matches(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.service_matches(text, text) IS 'is the name of a service like a pattern, in which * stands for any characters and nothing else is special';

CREATE FUNCTION pprof.service_rank(pattern text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT 2 OPERATOR(pg_catalog.*) pg_catalog.length(pg_catalog.replace(pattern, '*', ''))
           OPERATOR(pg_catalog.+) (pg_catalog.strpos(pattern, '*') OPERATOR(pg_catalog.=) 0)::pg_catalog.int4
$$;
REVOKE ALL ON FUNCTION pprof.service_rank(text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.service_rank(text) IS 'which of several patterns counts: the highest rank, by characters that are no *, and a name before a pattern';

CREATE FUNCTION pprof.service_limits_of(tenant text, service text) RETURNS SETOF pprof.service_limits
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM pprof.service_limits l
     WHERE l.tenant = service_limits_of.tenant AND pprof.service_matches(service_limits_of.service, l.service)
     ORDER BY pprof.service_rank(l.service) DESC, l.service
     LIMIT 1
$$;
REVOKE ALL ON FUNCTION pprof.service_limits_of(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.service_limits_of(text, text) IS 'the rule that counts for a service; none if there is none';

CREATE FUNCTION pprof.set_service_limits(
    service text,
    max_series integer DEFAULT NULL,
    max_label_names integer DEFAULT NULL,
    max_label_values integer DEFAULT NULL,
    max_stacks integer DEFAULT NULL,
    granularity text DEFAULT 'lines'
) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO pprof.service_limits AS l
        (tenant, service, max_series, max_label_names, max_label_values, max_stacks, granularity)
    VALUES (COALESCE(current_setting('pprof.tenant', true), 'anonymous'), set_service_limits.service,
            set_service_limits.max_series, set_service_limits.max_label_names,
            set_service_limits.max_label_values, set_service_limits.max_stacks,
            set_service_limits.granularity)
    ON CONFLICT ON CONSTRAINT service_limits_pkey DO UPDATE
       SET max_series = EXCLUDED.max_series, max_label_names = EXCLUDED.max_label_names,
           max_label_values = EXCLUDED.max_label_values, max_stacks = EXCLUDED.max_stacks,
           granularity = EXCLUDED.granularity
$$;
REVOKE ALL ON FUNCTION pprof.set_service_limits(text, integer, integer, integer, integer, text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.set_service_limits(text, integer, integer, integer, integer, text)
    IS 'sets the limits of a service, or of all whose names are like a pattern with *; replaces the rule of the same pattern';

CREATE FUNCTION pprof.clear_service_limits(service text) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH gone AS (
        DELETE FROM pprof.service_limits l
         WHERE l.tenant = COALESCE(current_setting('pprof.tenant', true), 'anonymous')
           AND l.service = clear_service_limits.service RETURNING 1)
    SELECT EXISTS (SELECT FROM gone)
$$;
REVOKE ALL ON FUNCTION pprof.clear_service_limits(text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.clear_service_limits(text) IS 'removes the rule with this pattern; false if there is none';

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
                      WHERE l.tenant = s.tenant AND pprof.service_matches(s.name, l.service)
                      ORDER BY pprof.service_rank(l.service) DESC, l.service LIMIT 1) r ON true,
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
    pprof.service_matches(text, text), pprof.service_rank(text), pprof.chunk_stacks(bytea)
 TO pprof_read, pprof_admin;
GRANT SELECT ON pprof.growth TO pprof_read, pprof_admin;
GRANT EXECUTE ON FUNCTION
    pprof.set_service_limits(text, integer, integer, integer, integer, text),
    pprof.clear_service_limits(text)
 TO pprof_admin;
