-- 45_labels.sql
--     Names and values of labels by service, profile type and UTC day: what lists
--     of them are read from, so that nobody walks all series.  Written together
--     with series_days, of which it is a function.

CREATE TABLE pprof.label_days (
    service_id bigint NOT NULL,
    day        date NOT NULL,
    type_id    bigint NOT NULL,
    name       text COLLATE "C" NOT NULL,
    value      text COLLATE "C" NOT NULL
) PARTITION BY RANGE (day);
COMMENT ON TABLE pprof.label_days IS 'labels of the series of pprof.series_days: each name and value once per service, profile type and day';
COMMENT ON COLUMN pprof.label_days.service_id IS 'the service';
COMMENT ON COLUMN pprof.label_days.day IS 'UTC day';
COMMENT ON COLUMN pprof.label_days.type_id IS 'the profile type';
COMMENT ON COLUMN pprof.label_days.name IS 'name of the label; empty: the value is a name';
COMMENT ON COLUMN pprof.label_days.value IS 'value of the label; empty: there are some too long for the key of an index, which only the series have';
SELECT pg_catalog.pg_extension_config_dump('pprof.label_days', '');

-- What one series adds: no text longer than an index can hold.  Without a SET
-- clause, so that it becomes part of the query it stands in.
CREATE FUNCTION pprof.label_summary(labels jsonb) RETURNS TABLE (name text, value text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT '', CASE WHEN pg_catalog.octet_length(l.key) OPERATOR(pg_catalog.<=) 1000 THEN l.key ELSE '' END
      FROM pg_catalog.jsonb_each_text(labels) l
     WHERE l.key OPERATOR(pg_catalog.<>) ''
    UNION ALL
    SELECT l.key, CASE WHEN pg_catalog.octet_length(l.value) OPERATOR(pg_catalog.<=) 1500 THEN l.value ELSE '' END
      FROM pg_catalog.jsonb_each_text(labels) l
     WHERE pg_catalog.octet_length(l.key) OPERATOR(pg_catalog.<=) 1000
       AND l.key OPERATOR(pg_catalog.<>) '' AND l.value OPERATOR(pg_catalog.<>) ''
$$;
REVOKE ALL ON FUNCTION pprof.label_summary(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pprof.label_summary(jsonb) IS 'rows of pprof.label_days that a series with these labels needs';

-- The caller holds the lock of the service against whoever stores.
CREATE FUNCTION pprof.label_summary_rebuild(service_id bigint, day date) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed bigint;
    added bigint;
BEGIN
    DELETE FROM pprof.label_days l
     WHERE l.service_id = label_summary_rebuild.service_id AND l.day = label_summary_rebuild.day
       AND (l.type_id, l.name, l.value) NOT IN (
           SELECT d.type_id, n.name, n.value
             FROM pprof.series_days d JOIN pprof.series s USING (service_id, series_id),
                  LATERAL pprof.label_summary(s.labels) n
            WHERE d.service_id = label_summary_rebuild.service_id AND d.day = label_summary_rebuild.day);
    GET DIAGNOSTICS removed = ROW_COUNT;
    INSERT INTO pprof.label_days (service_id, day, type_id, name, value)
    SELECT DISTINCT d.service_id, d.day, d.type_id, n.name COLLATE "C", n.value COLLATE "C"
      FROM pprof.series_days d JOIN pprof.series s USING (service_id, series_id),
           LATERAL pprof.label_summary(s.labels) n
     WHERE d.service_id = label_summary_rebuild.service_id AND d.day = label_summary_rebuild.day
     ORDER BY 3, 4, 5
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN removed + added;
END
$$;
REVOKE ALL ON FUNCTION pprof.label_summary_rebuild(bigint, date) FROM PUBLIC;
COMMENT ON FUNCTION pprof.label_summary_rebuild(bigint, date)
    IS 'makes pprof.label_days of a service and day what its series say; for whoever deletes or changes series; rows changed';
