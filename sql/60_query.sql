-- 60_query.sql
--     How stored profiles are asked for.

CREATE FUNCTION pprof.query(
    profile_type text,
    selector     text,
    since        timestamptz,
    until        timestamptz,
    max_nodes    integer DEFAULT 0,
    aggregation  text DEFAULT 'sum'
) RETURNS pprof.profile
AS 'MODULE_PATHNAME', 'pprof_query'
LANGUAGE C STABLE PARALLEL UNSAFE SECURITY DEFINER COST 10000
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.query(text, text, timestamptz, timestamptz, integer, text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.query(text, text, timestamptz, timestamptz, integer, text)
    IS 'sum of the stored profiles of a type in [since, until), or with aggregation avg their mean, each stack rounded; beyond max_nodes (below 1: none) the least frames fold into "other"; empty, never null';

CREATE FUNCTION pprof.flamegraph(
    profile_type text,
    selector     text,
    since        timestamptz,
    until        timestamptz,
    max_nodes    integer DEFAULT 16384,
    rules        text DEFAULT 'pprof',
    aggregation  text DEFAULT 'sum',
    OUT level integer, OUT value bigint, OUT self bigint, OUT label text,
    OUT truncated boolean, OUT ord integer
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pprof_flamegraph_range'
LANGUAGE C STABLE PARALLEL UNSAFE SECURITY DEFINER COST 10000 ROWS 5000
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.flamegraph(text, text, timestamptz, timestamptz, integer, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.flamegraph(text, text, timestamptz, timestamptz, integer, text, text)
    IS 'flame graph of the stored profiles of a type in [since, until), in pre-order; rules: pprof or pyroscope; aggregation: sum, or avg over profiles, each node rounded; one root row where an argument is null';

-- Four arguments without a type could be meant for either function above; they are
-- taken as text, so that times can be written as '2026-01-31' alone.
CREATE FUNCTION pprof.flamegraph(
    profile_type text,
    selector     text,
    since        text,
    until        text,
    OUT level integer, OUT value bigint, OUT self bigint, OUT label text,
    OUT truncated boolean, OUT ord integer
) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL UNSAFE COST 10000 ROWS 5000
SET search_path = pg_catalog, pg_temp
AS $$ SELECT * FROM pprof.flamegraph($1, $2, $3::timestamptz, $4::timestamptz) $$;
REVOKE ALL ON FUNCTION pprof.flamegraph(text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.flamegraph(text, text, text, text)
    IS 'flame graph of the stored profiles of a type in [since, until), where both times are written as plain literals';

CREATE FUNCTION pprof.timeseries(
    profile_type text,
    selector     text,
    since        timestamptz,
    until        timestamptz,
    step         interval,
    group_by     text[] DEFAULT '{}',
    aggregation  text DEFAULT 'sum',
    OUT at timestamptz, OUT labels jsonb, OUT value numeric
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pprof_timeseries'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE SECURITY DEFINER COST 10000 ROWS 100
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.timeseries(text, text, timestamptz, timestamptz, interval, text[], text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.timeseries(text, text, timestamptz, timestamptz, interval, text[], text)
    IS 'totals at since, since + step and so on before until, each of the profiles in the step before it; aggregation: sum, or avg over profiles; no row for an empty step; in order of labels and time';

CREATE FUNCTION pprof.to_profile(samples pprof.samples) RETURNS pprof.profile
AS 'MODULE_PATHNAME', 'pprof_to_profile'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE SECURITY DEFINER COST 10000
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.to_profile(pprof.samples) FROM PUBLIC;
COMMENT ON FUNCTION pprof.to_profile(pprof.samples)
    IS 'samples with their names, which must be of the own tenant; the sample type is called "samples"';
CREATE CAST (pprof.samples AS pprof.profile) WITH FUNCTION pprof.to_profile(pprof.samples);
COMMENT ON CAST (pprof.samples AS pprof.profile) IS 'looks up the names';

CREATE FUNCTION pprof.profile_types(since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
RETURNS SETOF text
AS 'MODULE_PATHNAME', 'pprof_profile_types'
LANGUAGE C STABLE PARALLEL UNSAFE SECURITY DEFINER COST 1000 ROWS 20
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.profile_types(timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.profile_types(timestamptz, timestamptz)
    IS 'profile types that are stored, sorted; the range is taken by whole UTC days, null is open';

CREATE FUNCTION pprof.label_names(
    selectors text[] DEFAULT '{}',
    since     timestamptz DEFAULT NULL,
    until     timestamptz DEFAULT NULL
) RETURNS SETOF text
AS 'MODULE_PATHNAME', 'pprof_label_names'
LANGUAGE C STABLE PARALLEL UNSAFE SECURITY DEFINER COST 1000 ROWS 20
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.label_names(text[], timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.label_names(text[], timestamptz, timestamptz)
    IS 'names of labels of series that satisfy all selectors, private ones included, sorted';

CREATE FUNCTION pprof.label_values(
    name      text,
    selectors text[] DEFAULT '{}',
    since     timestamptz DEFAULT NULL,
    until     timestamptz DEFAULT NULL
) RETURNS SETOF text
AS 'MODULE_PATHNAME', 'pprof_label_values'
LANGUAGE C STABLE PARALLEL UNSAFE SECURITY DEFINER COST 1000 ROWS 100
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.label_values(text, text[], timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.label_values(text, text[], timestamptz, timestamptz)
    IS 'values of a label in series that satisfy all selectors, sorted';

CREATE FUNCTION pprof.label_sets(
    selectors   text[] DEFAULT '{}',
    label_names text[] DEFAULT '{}',
    since       timestamptz DEFAULT NULL,
    until       timestamptz DEFAULT NULL
) RETURNS SETOF jsonb
AS 'MODULE_PATHNAME', 'pprof_label_sets'
LANGUAGE C STABLE PARALLEL UNSAFE SECURITY DEFINER COST 1000 ROWS 100
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.label_sets(text[], text[], timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.label_sets(text[], text[], timestamptz, timestamptz)
    IS 'distinct label sets of series that satisfy all selectors, with the labels named (all if none are), sorted';

CREATE FUNCTION pprof.check(OUT object text, OUT problem text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pprof_check'
LANGUAGE C STABLE PARALLEL UNSAFE SECURITY DEFINER COST 1000000 ROWS 1
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.check() FROM PUBLIC;
COMMENT ON FUNCTION pprof.check()
    IS 'what is wrong with the stored profiles of all tenants; no rows: everything is sound';
