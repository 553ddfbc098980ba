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

-- Profiles one by one, a row for each label set.
CREATE FUNCTION compare_list(ids int[], type text, selector text, since timestamptz, until timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    WITH stored AS MATERIALIZED (
        SELECT at, service, labels, profile_id, round(extract(epoch FROM duration), 3) AS duration, total::numeric
          FROM pprof.profile_list(type, selector, since, until, 100000, 'largest')
    ), wanted AS MATERIALIZED (
        SELECT at, service, labels, profile_id, round(min(duration) / 1e9, 3), sum(total)
          FROM kept WHERE id = ANY (ids) GROUP BY at, service, labels, profile_id
    ), different AS (
        SELECT 'stored ' || x::text AS what FROM (TABLE stored EXCEPT ALL TABLE wanted) AS x
        UNION ALL
        SELECT 'kept ' || x::text FROM (TABLE wanted EXCEPT ALL TABLE stored) AS x
    )
    SELECT differences(array_agg(what ORDER BY what)) FROM different
$$;

-- The same with the view, which has the types that are stored; ids: of all rows of the type.
CREATE FUNCTION compare_view(ids int[], wanted_type text) RETURNS text LANGUAGE sql STABLE AS $$
    WITH stored AS MATERIALIZED (
        SELECT service, labels, at, profile_id, total::numeric, samples::pprof.profile AS profile
          FROM pprof.profiles WHERE profile_type = wanted_type
    ), wanted AS MATERIALIZED (
        SELECT service, labels, at, profile_id, sum(total) AS total, pprof.merge(profile) AS profile
          FROM kept WHERE id = ANY (ids) GROUP BY service, labels, at, profile_id
    ), stored_lines AS MATERIALIZED (
        SELECT service, labels, at, profile_id, total, l.* FROM stored, lines(profile) AS l
    ), wanted_lines AS MATERIALIZED (
        SELECT service, labels, at, profile_id, total, l.* FROM wanted, lines(profile) AS l
    ), different AS (
        SELECT 'stored ' || x::text AS what FROM (TABLE stored_lines EXCEPT ALL TABLE wanted_lines) AS x
        UNION ALL
        SELECT 'kept ' || x::text FROM (TABLE wanted_lines EXCEPT ALL TABLE stored_lines) AS x
    )
    SELECT differences(array_agg(what ORDER BY what)) FROM different
$$;

-- How many profiles there were in each step.
CREATE FUNCTION compare_heatmap(ids int[], type text, selector text, since timestamptz, until timestamptz, step interval) RETURNS text LANGUAGE sql STABLE AS $$
    WITH stored AS MATERIALIZED (
        SELECT microseconds(at) AS at, sum(profiles) FROM pprof.heatmap(type, selector, since, until, step) GROUP BY 1
    ), wanted AS MATERIALIZED (
        SELECT microseconds(since) + point * extract(epoch FROM step) * 1000000, count(DISTINCT (at, profile_id))
          FROM (SELECT greatest(ceil((microseconds(at) - microseconds(since)) / (extract(epoch FROM step) * 1000000)), 0) AS point, at, profile_id
                  FROM kept WHERE id = ANY (ids)) AS x GROUP BY 1
    ), different AS (
        SELECT 'stored ' || x::text AS what FROM (TABLE stored EXCEPT ALL TABLE wanted) AS x
        UNION ALL
        SELECT 'kept ' || x::text FROM (TABLE wanted EXCEPT ALL TABLE stored) AS x
    )
    SELECT differences(array_agg(what ORDER BY what)) FROM different
$$;

-- The mean over profiles, each stack rounded.
CREATE FUNCTION compare_average(ids int[], type text, selector text, since timestamptz, until timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    WITH stored AS MATERIALIZED (
        SELECT l.* FROM lines(pprof.query(type, selector, since, until, 0, 'avg')) AS l
    ), n AS MATERIALIZED (
        SELECT count(*) AS n FROM (SELECT DISTINCT profile_id, at FROM kept WHERE id = ANY (ids)) AS profiles
    ), wanted AS MATERIALIZED (
        SELECT l.stack, l.value / n AS value FROM n, merged(ids) AS p, lines(p) AS l WHERE p IS NOT NULL
    ), different AS (
        SELECT COALESCE(stack, '(empty)') || ': ' || COALESCE(s.value, 0) || ', not ' || COALESCE(w.value, 0) AS what
          FROM (SELECT COALESCE(stack, '') AS stack, value FROM stored) AS s
          FULL JOIN (SELECT COALESCE(stack, '') AS stack, value FROM wanted) AS w USING (stack)
         WHERE abs(COALESCE(s.value, 0) - COALESCE(w.value, 0)) > 0.5
    )
    SELECT differences(array_agg(what ORDER BY what)) FROM different
$$;
