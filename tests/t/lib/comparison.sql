-- comparison.sql
--     What was stored against what was kept: each function asks a question in both
--     ways and returns null, or what differs.  They are stable, so that both ways
--     see the same snapshot.

CREATE TABLE kept (
    id       integer PRIMARY KEY,
    service  text NOT NULL,
    type     text NOT NULL,
    labels   jsonb NOT NULL,
    at       timestamptz NOT NULL,
    profile_id uuid NOT NULL,
    duration bigint NOT NULL,
    total    numeric NOT NULL,
    profile  pprof.profile NOT NULL
);

CREATE FUNCTION merged(ids int[]) RETURNS pprof.profile LANGUAGE sql STABLE AS
    $$ SELECT pprof.merge(profile ORDER BY id) FROM kept WHERE id = ANY (ids) $$;

-- Every stack with all that is known of its frames.
CREATE FUNCTION lines(p pprof.profile) RETURNS TABLE (stack text, value numeric) LANGUAGE sql STABLE AS $$
    SELECT f.stack, sum(s.value)
      FROM pprof.stacks(p) AS s
      LEFT JOIN (SELECT sample_id, string_agg(ROW(function, system_name, filename, line, col, address, mapping, inlined)::text, ' ' ORDER BY depth) AS stack
                   FROM pprof.frames(p) GROUP BY 1) AS f USING (sample_id)
     GROUP BY 1
$$;

CREATE FUNCTION differences(differing text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT cardinality(differing) || ' rows differ: ' || left(array_to_string(differing[1:6], ' // '), 1500)
     WHERE cardinality(differing) > 0
$$;

CREATE FUNCTION compare_query(ids int[], type text, selector text, since timestamptz, until timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    WITH question AS MATERIALIZED (
        SELECT pprof.query(type, selector, since, until) AS stored, merged(ids) AS kept
    ), stored AS MATERIALIZED (
        SELECT l.* FROM question, lines(question.stored) AS l
    ), wanted AS MATERIALIZED (
        SELECT l.* FROM question, lines(question.kept) AS l WHERE question.kept IS NOT NULL
    ), different AS (
        SELECT 'stored ' || COALESCE(stack, '(empty)') || ' = ' || value AS what FROM (TABLE stored EXCEPT ALL TABLE wanted) AS x
        UNION ALL
        SELECT 'kept ' || COALESCE(stack, '(empty)') || ' = ' || value FROM (TABLE wanted EXCEPT ALL TABLE stored) AS x
        UNION ALL
        SELECT 'header ' || pprof.summary(stored) || ', not ' || header
          FROM question, (SELECT COALESCE(' at ' || to_char(date_trunc('second', min(at)) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC', '')
                              || COALESCE(' for ' || (NULLIF(sum(duration), 0) / 1e9)::float4 || ' s', '') AS header
                            FROM (SELECT profile_id, at, min(duration) AS duration FROM kept WHERE id = ANY (ids) GROUP BY 1, 2) AS profiles) AS h
         WHERE right(pprof.summary(stored), length(header)) <> header
    )
    SELECT differences(array_agg(what ORDER BY what)) FROM different
$$;

CREATE FUNCTION compare_flame(ids int[], type text, selector text, since timestamptz, until timestamptz, max_nodes int, rules text) RETURNS text LANGUAGE sql STABLE AS $$
    WITH stored AS MATERIALIZED (
        SELECT * FROM pprof.flamegraph(type, selector, since, until, max_nodes, rules)
    ), wanted AS MATERIALIZED (
        SELECT * FROM pprof.flamegraph(merged(ids), '', max_nodes, rules)
    ), different AS (
        SELECT 'stored ' || x::text AS what FROM (TABLE stored EXCEPT ALL TABLE wanted) AS x
        UNION ALL
        SELECT 'kept ' || x::text FROM (TABLE wanted EXCEPT ALL TABLE stored) AS x
    )
    SELECT differences(array_agg(what ORDER BY what)) FROM different
$$;

CREATE FUNCTION compare_top(ids int[], type text, selector text, since timestamptz, until timestamptz, by text) RETURNS text LANGUAGE sql STABLE AS $$
    WITH stored AS MATERIALIZED (
        SELECT name, flat, cum FROM pprof.top(pprof.query(type, selector, since, until), granularity => by)
    ), wanted AS MATERIALIZED (
        SELECT name, flat, cum FROM pprof.top(merged(ids), granularity => by)
    ), different AS (
        SELECT 'stored ' || x::text AS what FROM (TABLE stored EXCEPT ALL TABLE wanted) AS x
        UNION ALL
        SELECT 'kept ' || x::text FROM (TABLE wanted EXCEPT ALL TABLE stored) AS x
    )
    SELECT differences(array_agg(what ORDER BY what)) FROM different
$$;

CREATE FUNCTION microseconds(at timestamptz) RETURNS numeric LANGUAGE sql IMMUTABLE AS
    $$ SELECT extract(epoch FROM at) * 1000000 $$;

-- ids: of the rows of all points, the first of which reaches before since.
CREATE FUNCTION compare_series(ids int[], type text, selector text, since timestamptz, until timestamptz,
                               step interval, names text[], aggregation text) RETURNS text LANGUAGE sql STABLE AS $$
    WITH stored AS MATERIALIZED (
        SELECT microseconds(at) AS at, labels, round(value, 6) AS value
          FROM pprof.timeseries(type, selector, since, until, step, names, aggregation)
    ), rows AS MATERIALIZED (
        SELECT greatest(ceil((microseconds(at) - microseconds(since)) / (extract(epoch FROM step) * 1000000)), 0) AS point,
               (SELECT COALESCE(jsonb_object_agg(name, labels ->> name) FILTER (WHERE labels ->> name <> ''), '{}') FROM unnest(names) AS name) AS labels,
               kept.at, profile_id, total
          FROM kept WHERE id = ANY (ids)
    ), wanted AS MATERIALIZED (
        SELECT microseconds(since) + point * extract(epoch FROM step) * 1000000 AS at, labels,
               round(CASE WHEN aggregation = 'avg' THEN sum(total) / count(DISTINCT (at, profile_id)) ELSE sum(total) END, 6) AS value
          FROM rows GROUP BY point, labels
    ), different AS (
        SELECT 'stored ' || x::text AS what FROM (TABLE stored EXCEPT ALL TABLE wanted) AS x
        UNION ALL
        SELECT 'kept ' || x::text FROM (TABLE wanted EXCEPT ALL TABLE stored) AS x
    )
    SELECT differences(array_agg(what ORDER BY what)) FROM different
$$;

-- The profiles themselves, one by one; ids: of the rows of a type that may have no row of its own.
CREATE FUNCTION compare_profiles(ids int[], wanted_type text) RETURNS text LANGUAGE sql STABLE AS $$
    WITH stored AS MATERIALIZED (
        SELECT service, labels, at, duration, profile_id, total::numeric FROM pprof.profiles WHERE profile_type = wanted_type
    ), wanted AS MATERIALIZED (
        SELECT service, labels, at, min(duration) / 1e9 * interval '1 second', profile_id, sum(total) AS total
          FROM kept WHERE id = ANY (ids) AND type = wanted_type GROUP BY service, labels, at, profile_id
    ), different AS (
        SELECT 'stored ' || x::text AS what FROM (TABLE stored EXCEPT ALL TABLE wanted) AS x
        UNION ALL
        SELECT 'kept ' || x::text FROM (TABLE wanted EXCEPT ALL TABLE stored) AS x
    )
    SELECT differences(array_agg(what ORDER BY what)) FROM different
$$;
