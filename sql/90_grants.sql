-- 90_grants.sql
--     Who may do what.  Tables stay closed: functions and views are the way in.

-- Each half has its own joins, so that a selector finds series by their index in both.
CREATE VIEW pprof.profiles WITH (security_barrier) AS
SELECT s.name AS service,
       t.profile_type,
       l.labels,
       r.at,
       r.duration / 1e9 * interval '1 second' AS duration,
       r.total,
       r.profile_id,
       r.samples,
       pg_catalog.date_trunc('hour', r.at, 'UTC') AS hour
  FROM pprof.raw r
  JOIN pprof.services s USING (service_id)
  JOIN pprof.service_types t USING (service_id, type_id)
  JOIN pprof.series l USING (service_id, series_id)
 WHERE s.tenant = COALESCE(pg_catalog.current_setting('pprof.tenant', true), 'anonymous')
UNION ALL
SELECT s.name,
       t.profile_type,
       l.labels,
       p.at,
       p.duration / 1e9 * interval '1 second',
       p.total,
       p.profile_id,
       p.samples,
       g.hour
  FROM pprof.segments g
  JOIN pprof.services s USING (service_id)
  JOIN pprof.service_types t USING (service_id, type_id),
       pprof.segment_rows(g.head, g.ids, g.samples, g.spans) p,
       pprof.series l
 WHERE s.tenant = COALESCE(pg_catalog.current_setting('pprof.tenant', true), 'anonymous')
   AND l.service_id = g.service_id
   AND l.series_id = p.series_id;
COMMENT ON VIEW pprof.profiles IS 'stored profiles of the own tenant: a row per profile, label set and sample type';
COMMENT ON COLUMN pprof.profiles.service IS 'the label service_name';
COMMENT ON COLUMN pprof.profiles.profile_type IS 'name:sample type:sample unit:period type:period unit';
COMMENT ON COLUMN pprof.profiles.labels IS 'labels of the series, without private ones';
COMMENT ON COLUMN pprof.profiles.at IS 'time of the profile';
COMMENT ON COLUMN pprof.profiles.duration IS 'what it covers';
COMMENT ON COLUMN pprof.profiles.total IS 'sum of its values';
COMMENT ON COLUMN pprof.profiles.profile_id IS 'the same for all rows of a profile';
COMMENT ON COLUMN pprof.profiles.hour IS 'start of the UTC hour of the profile; a condition on it spares reading days that it rules out, one on at alone does not';
COMMENT ON COLUMN pprof.profiles.samples IS 'values by stack; cast to pprof.profile for the names';

GRANT EXECUTE ON FUNCTION
    pprof.push(bytea[], jsonb[], text[], timestamptz[], jsonb),
    pprof.ingest(bytea, jsonb, timestamptz, text)
 TO pprof_ingest, pprof_admin;

GRANT EXECUTE ON FUNCTION
    pprof.query(text, text, timestamptz, timestamptz, integer, text),
    pprof.flamegraph(text, text, timestamptz, timestamptz, integer, text, text),
    pprof.flamegraph(text, text, text, text),
    pprof.timeseries(text, text, timestamptz, timestamptz, interval, text[], text),
    pprof.to_profile(pprof.samples),
    pprof.profile_types(timestamptz, timestamptz),
    pprof.label_names(text[], timestamptz, timestamptz),
    pprof.label_values(text, text[], timestamptz, timestamptz),
    pprof.label_sets(text[], text[], timestamptz, timestamptz)
 TO pprof_read, pprof_admin;
GRANT SELECT ON pprof.profiles TO pprof_read, pprof_admin;
GRANT EXECUTE ON FUNCTION pprof.check() TO pprof_admin;
