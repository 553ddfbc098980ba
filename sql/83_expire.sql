-- 83_expire.sql
--     The steps of retention.  expired_days remembers what of a service and day was
--     taken: its profiles, then the rollups and totals of its hours; what is left of
--     a month goes together.  Where all services of a day are due, their rows stay
--     until the partition goes.

-- A day is due when even its end is older than what is kept.
CREATE FUNCTION pprof.retention_before(at timestamptz, keep interval) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN keep IS NULL THEN '-infinity'::date ELSE ((at AT TIME ZONE 'UTC') - keep)::date END $$;
REVOKE ALL ON FUNCTION pprof.retention_before(timestamptz, interval) FROM PUBLIC;
COMMENT ON FUNCTION pprof.retention_before(timestamptz, interval) IS 'the first UTC day that is not due';

CREATE FUNCTION pprof.day_start(day date) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT day::timestamp AT TIME ZONE 'UTC' $$;
REVOKE ALL ON FUNCTION pprof.day_start(date) FROM PUBLIC;
COMMENT ON FUNCTION pprof.day_start(date) IS 'where a UTC day starts';

CREATE FUNCTION pprof.all_taken(day date) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (
        SELECT FROM pprof.dictionaries d LEFT JOIN pprof.expired_days e USING (service_id, day)
         WHERE d.day = $1 AND NOT COALESCE(e.profiles_gone, false))
$$;
REVOKE ALL ON FUNCTION pprof.all_taken(date) FROM PUBLIC;
COMMENT ON FUNCTION pprof.all_taken(date) IS 'did retention take the profiles of all services of a day?';

CREATE FUNCTION pprof.has_profiles(service_id bigint, day date) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pprof.raw r WHERE r.service_id = $1
                      AND r.at >= pprof.day_start($2) AND r.at < pprof.day_start($2 + 1))
        OR EXISTS (SELECT FROM pprof.segments s WHERE s.service_id = $1
                      AND s.hour >= pprof.day_start($2) AND s.hour < pprof.day_start($2 + 1))
$$;
REVOKE ALL ON FUNCTION pprof.has_profiles(bigint, date) FROM PUBLIC;
COMMENT ON FUNCTION pprof.has_profiles(bigint, date) IS 'are there profiles of a service and day?';

CREATE FUNCTION pprof.has_hours(service_id bigint, day date) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pprof.rollups r WHERE r.service_id = $1
                      AND r.hour >= pprof.day_start($2) AND r.hour < pprof.day_start($2 + 1))
        OR EXISTS (SELECT FROM pprof.totals t WHERE t.service_id = $1
                      AND t.hour >= pprof.day_start($2) AND t.hour < pprof.day_start($2 + 1))
$$;
REVOKE ALL ON FUNCTION pprof.has_hours(bigint, date) FROM PUBLIC;
COMMENT ON FUNCTION pprof.has_hours(bigint, date) IS 'are there rollups or totals of hours of a service and day?';

-- Nothing in a partition is to be kept.  Called with the table locked, so it
-- reads small tables only.
CREATE FUNCTION pprof.may_drop(parent text, first_day date) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    next_month date := first_day::timestamp + interval '1 month';
BEGIN
    IF parent <> 'raw' AND to_regclass('pprof.raw_' || to_char(first_day::timestamp, 'YYYYMMDD')) IS NOT NULL THEN
        RETURN false;
    END IF;
    CASE
        WHEN parent IN ('raw', 'segments') THEN
            RETURN pprof.all_taken(first_day);
        WHEN parent IN ('totals', 'rollups') THEN
            RETURN NOT EXISTS (
                SELECT FROM pprof.dictionaries d LEFT JOIN pprof.expired_days e USING (service_id, day)
                 WHERE d.day = first_day AND NOT COALESCE(e.hours_gone, false));
        WHEN parent = 'chunks' THEN
            RETURN NOT EXISTS (SELECT FROM pprof.dictionaries d WHERE d.day = first_day);
        WHEN parent = 'series_days' THEN
            RETURN NOT EXISTS (SELECT FROM pprof.series_days d WHERE d.day = first_day);
        WHEN parent = 'label_days' THEN
            RETURN NOT EXISTS (SELECT FROM pprof.label_days d WHERE d.day = first_day);
        WHEN parent IN ('paths', 'day_rollups', 'function_days') THEN
            RETURN NOT EXISTS (SELECT FROM pprof.path_dictionaries p WHERE p.month = first_day)
               AND NOT EXISTS (SELECT FROM pprof.days d WHERE d.day >= first_day AND d.day < next_month)
               AND NOT EXISTS (SELECT FROM pprof.dictionaries d WHERE d.day >= first_day AND d.day < next_month);
    END CASE;
END
$$;
REVOKE ALL ON FUNCTION pprof.may_drop(text, date) FROM PUBLIC;
COMMENT ON FUNCTION pprof.may_drop(text, date) IS 'is nothing to be kept in the partition of a table that begins with a day?';

-- Days without any profile are kept as long as profiles of them are accepted.
CREATE FUNCTION pprof.drop_due_partition(at timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p record;
    accepted date := pprof.retention_before(at, pprof.accepted_for());
    yesterday date := pprof.retention_before(at, interval '1 day');
    busy text[] := '{}';
    dropped boolean;
BEGIN
    FOR p IN
        SELECT parent, CASE WHEN length(suffix) = 6 THEN to_date(suffix || '01', 'YYYYMMDD')
                            ELSE to_date(suffix, 'YYYYMMDD') END AS day
          FROM (SELECT r.relname::text AS parent, substr(c.relname, length(r.relname) + 2) AS suffix
                  FROM pg_class r JOIN pg_inherits i ON i.inhparent = r.oid JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE r.relnamespace = 'pprof'::regnamespace AND r.relkind = 'p') x
         WHERE suffix ~ '^[0-9]{6}([0-9]{2})?$'
         ORDER BY 2, array_position('{raw,segments,totals,rollups,chunks,series_days,label_days}', parent) NULLS LAST, 1
    LOOP
        CONTINUE WHEN p.day >= yesterday
                   OR p.parent IN ('paths', 'day_rollups', 'function_days')
                      AND (p.day::timestamp + interval '1 month')::date >= yesterday
                   OR p.day >= accepted
                      AND NOT EXISTS (SELECT FROM pprof.expired_days e WHERE e.day = p.day)
                   OR NOT pprof.may_drop(p.parent, p.day);
        -- a parent that somebody reads for long is not tried again for each of its
        -- partitions: whoever comes waits as long as the attempt does
        CONTINUE WHEN p.parent = ANY (busy);
        dropped := pprof.drop_partition(p.parent, p.day);
        IF dropped THEN
            RETURN 1;
        ELSIF NOT dropped THEN
            busy := busy || p.parent;
        END IF;
    END LOOP;
    RETURN 0;
END
$$;
REVOKE ALL ON FUNCTION pprof.drop_due_partition(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.drop_due_partition(timestamptz) IS 'step of retention: drops one partition in which nothing is to be kept';

CREATE FUNCTION pprof.accepted_for() RETURNS interval
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT interval '1 day'
           + COALESCE((SELECT make_interval(secs => NULLIF(s.setting, '0')::double precision)
                         FROM pg_settings s WHERE s.name = 'pprof.accept_past'), interval '30 days')
$$;
REVOKE ALL ON FUNCTION pprof.accepted_for() FROM PUBLIC;
COMMENT ON FUNCTION pprof.accepted_for() IS 'how old a profile may be when it comes, and a day more; 31 days where there is no limit';

-- Services with profiles of a day: what is due, and whether it may go now.
CREATE FUNCTION pprof.due_profiles(
    at timestamptz, day date,
    OUT service_id bigint, OUT types bigint[], OUT all_types boolean, OUT ready boolean
) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH k AS MATERIALIZED (
        SELECT service_id, type_id, pprof.retention_before($1, profiles) AS before FROM pprof.retention_keeps()
    ), stored AS MATERIALIZED (
        SELECT DISTINCT service_id, type_id FROM pprof.series_days WHERE day = $2
    ), due AS (
        SELECT s.service_id,
               COALESCE(array_agg(s.type_id ORDER BY s.type_id) FILTER (WHERE $2 < k.before), '{}') AS types,
               bool_and(COALESCE($2 < k.before, false)) AS all_types,
               bool_and(COALESCE($2 < k.before - 7, true)) AS late
          FROM stored s LEFT JOIN k USING (service_id, type_id) GROUP BY 1
    )
    SELECT d.service_id, COALESCE(u.types, '{}'), COALESCE(u.all_types, true),
           NOT pprof.pinned(d.service_id, pprof.day_start($2), pprof.day_start($2 + 1))
           -- first everything goes into the rollups, but not at any price
           AND (COALESCE(u.late, true)
                OR NOT EXISTS (SELECT FROM pprof.raw r WHERE r.service_id = d.service_id
                                AND r.at >= pprof.day_start($2) AND r.at < pprof.day_start($2 + 1))
               AND NOT EXISTS (SELECT FROM pprof.dirty_hours h WHERE h.service_id = d.service_id
                                AND h.hour >= pprof.day_start($2) AND h.hour < pprof.day_start($2 + 1))
               AND NOT EXISTS (SELECT FROM pprof.dirty_days y WHERE y.service_id = d.service_id AND y.day = $2))
      FROM (SELECT DISTINCT service_id FROM pprof.dictionaries WHERE day = $2) d
      LEFT JOIN due u USING (service_id)
$$;
REVOKE ALL ON FUNCTION pprof.due_profiles(timestamptz, date) FROM PUBLIC;
COMMENT ON FUNCTION pprof.due_profiles(timestamptz, date)
    IS 'services with dictionaries of a day, the types whose profiles are due, whether that is all, and whether they may go now';

CREATE FUNCTION pprof.delete_day(service_id bigint, day date, types bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    since timestamptz := pprof.day_start(day);
    until timestamptz := pprof.day_start(day + 1);
BEGIN
    DELETE FROM pprof.raw r WHERE r.service_id = $1 AND r.type_id = ANY (types) AND r.at >= since AND r.at < until;
    DELETE FROM pprof.segments s WHERE s.service_id = $1 AND s.type_id = ANY (types) AND s.hour >= since AND s.hour < until;
END
$$;
REVOKE ALL ON FUNCTION pprof.delete_day(bigint, date, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pprof.delete_day(bigint, date, bigint[]) IS 'deletes the profiles of some types of a service and day';

-- Who stores for long, or has prepared a transaction, keeps his own days from
-- retention, not those of others.
CREATE FUNCTION pprof.lock_day(service_id bigint, day date) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '200ms'
AS $$
BEGIN
    PERFORM pprof.lock_days(ARRAY[service_id], day);
    RETURN true;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN false;
END
$$;
REVOKE ALL ON FUNCTION pprof.lock_day(bigint, date) FROM PUBLIC;
COMMENT ON FUNCTION pprof.lock_day(bigint, date)
    IS 'locks the dictionaries of a service on a day against whoever stores; false: somebody does, for long';

-- Take what is due of a service and day; rows stay where the partition goes.
CREATE FUNCTION pprof.take_profiles(services bigint[], day date, at timestamptz, keep_rows boolean) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    d record;
    n integer := 0;
    begun timestamptz := clock_timestamp();
BEGIN
    -- with the locks held: nobody has added anything since, and nobody will
    FOR d IN SELECT * FROM pprof.due_profiles(at, take_profiles.day) u WHERE u.ready AND u.service_id = ANY (services) LOOP
        CONTINUE WHEN keep_rows AND NOT d.all_types;
        IF NOT keep_rows THEN
            PERFORM pprof.delete_day(d.service_id, take_profiles.day, d.types);
        END IF;
        DELETE FROM pprof.dirty_hours h WHERE h.service_id = d.service_id AND h.type_id = ANY (d.types)
           AND h.hour >= pprof.day_start(take_profiles.day) AND h.hour < pprof.day_start(take_profiles.day + 1);
        INSERT INTO pprof.expired_days (service_id, day, profiles, profiles_gone)
        VALUES (d.service_id, take_profiles.day, d.types, d.all_types)
        ON CONFLICT ON CONSTRAINT expired_days_pkey
        DO UPDATE SET profiles = EXCLUDED.profiles, profiles_gone = EXCLUDED.profiles_gone;
        n := n + 1;
        -- one more call, rather than a long transaction
        EXIT WHEN clock_timestamp() > begun + interval '500 ms';
    END LOOP;
    RETURN n;
END
$$;
REVOKE ALL ON FUNCTION pprof.take_profiles(bigint[], date, timestamptz, boolean) FROM PUBLIC;
COMMENT ON FUNCTION pprof.take_profiles(bigint[], date, timestamptz, boolean)
    IS 'takes the profiles that are due of services on a day, which the caller has locked';

CREATE FUNCTION pprof.expire_profiles(at timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '200ms'
AS $$
DECLARE
    candidate date;
    before date := (SELECT max(pprof.retention_before(at, k.profiles)) FROM pprof.retention_keeps() k);
    todo bigint[];
    uniform boolean;
    locked bigint[];
BEGIN
    FOR candidate IN
        SELECT DISTINCT d.day FROM pprof.dictionaries d LEFT JOIN pprof.expired_days e USING (service_id, day)
         WHERE d.day < before AND NOT COALESCE(e.profiles_gone, false) ORDER BY 1
    LOOP
        SELECT array_agg(u.service_id ORDER BY u.service_id) FILTER (WHERE u.ready
                   AND NOT COALESCE(e.profiles_gone, false) AND NOT COALESCE(e.profiles @> u.types, u.types = '{}' AND NOT u.all_types)),
               bool_and(COALESCE(e.profiles_gone, false) OR u.ready AND u.all_types)
          INTO todo, uniform
          FROM pprof.due_profiles(at, candidate) u
          LEFT JOIN pprof.expired_days e ON e.service_id = u.service_id AND e.day = candidate;
        SELECT array_agg(s ORDER BY s) INTO locked
          FROM (SELECT s FROM unnest(todo) AS s
                 WHERE CASE WHEN pprof.lock_service(s, 'maintain', false) THEN pprof.lock_day(s, candidate) END
                 LIMIT CASE WHEN uniform THEN 200 ELSE 20 END) x;
        IF locked IS NOT NULL THEN
            RETURN pprof.take_profiles(locked, candidate, at, uniform);
        END IF;
    END LOOP;
    RETURN 0;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN 0;
END
$$;
REVOKE ALL ON FUNCTION pprof.expire_profiles(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.expire_profiles(timestamptz) IS 'step of retention: takes the profiles of a day that are due';

-- Once the rows are gone.  Series stay: totals know them.
CREATE FUNCTION pprof.finish_profiles() RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '200ms'
AS $$
DECLARE
    e record;
BEGIN
    FOR e IN
        SELECT x.service_id, x.day, x.profiles, pprof.has_profiles(x.service_id, x.day) AS stored FROM pprof.expired_days x
         WHERE NOT x.rewritten AND x.profiles_gone ORDER BY x.day, x.service_id
    LOOP
        -- rows go with the partition, unless somebody has come who keeps it
        CONTINUE WHEN e.stored AND pprof.all_taken(e.day);
        CONTINUE WHEN NOT pprof.lock_service(e.service_id, 'maintain', false);
        CONTINUE WHEN NOT pprof.lock_day(e.service_id, e.day);
        BEGIN
            IF e.stored THEN
                PERFORM pprof.delete_day(e.service_id, e.day, e.profiles);
            END IF;
            PERFORM pprof.rewrite_dictionaries(e.service_id, e.day);
            UPDATE pprof.expired_days x SET rewritten = true WHERE x.service_id = e.service_id AND x.day = e.day;
            RETURN 1;
        EXCEPTION WHEN data_corrupted THEN
            -- the days of others must go nevertheless
            RAISE WARNING 'retention leaves day % of service % as it is: %', to_char(e.day::timestamp, 'YYYY-MM-DD'), e.service_id, SQLERRM;
        END;
    END LOOP;
    RETURN 0;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN 0;
END
$$;
REVOKE ALL ON FUNCTION pprof.finish_profiles() FROM PUBLIC;
COMMENT ON FUNCTION pprof.finish_profiles() IS 'step of retention: rewrites the dictionary of a service and day whose profiles are gone';

CREATE FUNCTION pprof.delete_hours(service_id bigint, day date, types bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    since timestamptz := pprof.day_start(day);
    until timestamptz := pprof.day_start(day + 1);
BEGIN
    DELETE FROM pprof.rollups r WHERE r.service_id = $1 AND r.type_id = ANY (types) AND r.hour >= since AND r.hour < until;
    DELETE FROM pprof.totals t WHERE t.service_id = $1 AND t.type_id = ANY (types) AND t.hour >= since AND t.hour < until;
END
$$;
REVOKE ALL ON FUNCTION pprof.delete_hours(bigint, date, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pprof.delete_hours(bigint, date, bigint[]) IS 'deletes rollups and totals of the hours of a day, of some types of a service';

CREATE FUNCTION pprof.forget_series(service_id bigint, day date) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bare bigint := pprof.bare_series(service_id);
BEGIN
    INSERT INTO pprof.series_days (service_id, day, type_id, series_id)
    SELECT DISTINCT d.service_id, d.day, d.type_id, bare FROM pprof.series_days d WHERE d.service_id = $1 AND d.day = $2
    ON CONFLICT DO NOTHING;
    DELETE FROM pprof.series_days d WHERE d.service_id = $1 AND d.day = $2 AND d.series_id <> bare;
    PERFORM pprof.label_summary_rebuild($1, $2);
END
$$;
REVOKE ALL ON FUNCTION pprof.forget_series(bigint, date) FROM PUBLIC;
COMMENT ON FUNCTION pprof.forget_series(bigint, date) IS 'leaves of the series of a service on a day one without labels for each profile type';

-- Rollups of hours of days whose profiles are gone.
CREATE FUNCTION pprof.due_hours(
    at timestamptz, day date,
    OUT service_id bigint, OUT types bigint[], OUT all_types boolean, OUT ready boolean
) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH k AS MATERIALIZED (
        SELECT service_id, type_id, pprof.retention_before($1, hours) AS before FROM pprof.retention_keeps()
    ), due AS (
        SELECT s.service_id,
               COALESCE(array_agg(s.type_id ORDER BY s.type_id) FILTER (WHERE $2 < k.before), '{}') AS types,
               bool_and(COALESCE($2 < k.before, false)) AS all_types,
               bool_and(COALESCE($2 < k.before - 7, true)) AS late
          FROM (SELECT DISTINCT service_id, type_id FROM pprof.series_days WHERE day = $2) s
          LEFT JOIN k USING (service_id, type_id) GROUP BY 1
    )
    SELECT e.service_id, COALESCE(u.types, '{}'), COALESCE(u.all_types, true),
           e.rewritten AND NOT pprof.pinned(e.service_id, pprof.day_start($2), pprof.day_start($2 + 1))
           -- first they go into the sum of the day, but not at any price
           AND (COALESCE(u.late, true)
                OR NOT EXISTS (SELECT FROM pprof.dirty_days y WHERE y.service_id = e.service_id AND y.day = $2))
      FROM pprof.expired_days e LEFT JOIN due u USING (service_id) WHERE e.day = $2
$$;
REVOKE ALL ON FUNCTION pprof.due_hours(timestamptz, date) FROM PUBLIC;
COMMENT ON FUNCTION pprof.due_hours(timestamptz, date)
    IS 'services with rollups only of a day, the types whose rollups of hours are due, whether that is all, and whether they may go now';

CREATE FUNCTION pprof.expire_hours(at timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '200ms'
AS $$
DECLARE
    candidate date;
    before date := (SELECT max(pprof.retention_before(at, k.hours)) FROM pprof.retention_keeps() k);
    uniform boolean;
    u record;
    n integer := 0;
BEGIN
    FOR candidate IN
        SELECT DISTINCT e.day FROM pprof.expired_days e WHERE e.day < before AND e.rewritten AND NOT e.hours_gone ORDER BY 1
    LOOP
        uniform := NOT EXISTS (SELECT FROM pprof.dictionaries d LEFT JOIN pprof.expired_days e USING (service_id, day)
                                WHERE d.day = candidate AND e.day IS NULL)
               AND (SELECT bool_and(e.hours_gone OR d.ready AND d.all_types) FROM pprof.due_hours(at, candidate) d
                      JOIN pprof.expired_days e ON e.service_id = d.service_id AND e.day = candidate);
        FOR u IN SELECT d.* FROM pprof.due_hours(at, candidate) d
                   JOIN pprof.expired_days e ON e.service_id = d.service_id AND e.day = candidate
                  WHERE d.ready AND NOT e.hours_gone AND (d.all_types OR NOT e.hours @> d.types) ORDER BY 1
        LOOP
            CONTINUE WHEN NOT pprof.lock_service(u.service_id, 'maintain', false);
            IF NOT uniform THEN
                PERFORM pprof.delete_hours(u.service_id, candidate, u.types);
            END IF;
            DELETE FROM pprof.dirty_days y WHERE y.service_id = u.service_id AND y.type_id = ANY (u.types) AND y.day = candidate;
            UPDATE pprof.expired_days e SET hours = u.types, hours_gone = u.all_types
             WHERE e.service_id = u.service_id AND e.day = candidate;
            n := n + 1;
            EXIT WHEN n >= CASE WHEN uniform THEN 200 ELSE 1 END;
        END LOOP;
        EXIT WHEN n > 0;
    END LOOP;
    RETURN n;
END
$$;
REVOKE ALL ON FUNCTION pprof.expire_hours(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.expire_hours(timestamptz) IS 'step of retention: takes the rollups of hours of a day that are due';

-- Once they are gone, nothing refers to the dictionary and the series of the day.
CREATE FUNCTION pprof.finish_hours() RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '200ms'
AS $$
DECLARE
    e record;
BEGIN
    FOR e IN
        SELECT x.service_id, x.day, pprof.has_hours(x.service_id, x.day) AS stored FROM pprof.expired_days x
         WHERE x.hours_gone AND NOT x.finished ORDER BY x.day, x.service_id
    LOOP
        CONTINUE WHEN e.stored AND pprof.may_drop('rollups', e.day);
        CONTINUE WHEN NOT pprof.lock_service(e.service_id, 'maintain', false);
        CONTINUE WHEN NOT pprof.lock_day(e.service_id, e.day);
        IF e.stored THEN
            PERFORM pprof.delete_hours(e.service_id, e.day, ARRAY(SELECT t.type_id FROM pprof.service_types t
                                                                   WHERE t.service_id = e.service_id));
        END IF;
        PERFORM pprof.rewrite_dictionaries(e.service_id, e.day);
        PERFORM pprof.forget_series(e.service_id, e.day);
        UPDATE pprof.expired_days x SET finished = true WHERE x.service_id = e.service_id AND x.day = e.day;
        RETURN 1;
    END LOOP;
    RETURN 0;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN 0;
END
$$;
REVOKE ALL ON FUNCTION pprof.finish_hours() FROM PUBLIC;
COMMENT ON FUNCTION pprof.finish_hours() IS 'step of retention: removes the dictionary and the series of a service and day whose rollups of hours are gone';

-- Months of services whose hours are all gone: is everything due, and is that so
-- of all services of the month?
CREATE FUNCTION pprof.due_months(
    at timestamptz,
    OUT service_id bigint, OUT month date, OUT uniform boolean
) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH k AS MATERIALIZED (
        SELECT service_id, min(pprof.retention_before($1, days)) AS before FROM pprof.retention_keeps() GROUP BY 1
    ), m AS (
        SELECT service_id, date_trunc('month', day::timestamp)::date AS month, bool_and(finished) AS gone
          FROM pprof.expired_days GROUP BY 1, 2
        UNION ALL
        SELECT service_id, month, true FROM pprof.path_dictionaries
    ), due AS (
        SELECT m.service_id, m.month,
               bool_and(m.gone) AND (m.month::timestamp + interval '1 month')::date <= min(k.before)
               AND NOT EXISTS (SELECT FROM pprof.dictionaries d WHERE d.service_id = m.service_id
                                AND d.day >= m.month AND d.day < (m.month::timestamp + interval '1 month')::date)
               AND NOT pprof.pinned(m.service_id, pprof.day_start(m.month),
                                    pprof.day_start((m.month::timestamp + interval '1 month')::date)) AS due
          FROM m LEFT JOIN k USING (service_id)
         WHERE (m.month::timestamp + interval '1 month')::date <= COALESCE(k.before, '-infinity')
            OR EXISTS (SELECT FROM pprof.path_dictionaries p WHERE p.month = m.month)
         GROUP BY 1, 2
    )
    SELECT d.service_id, d.month, (SELECT bool_and(COALESCE(o.due, false)) FROM due o WHERE o.month = d.month)
      FROM due d WHERE d.due ORDER BY 2, 1
$$;
REVOKE ALL ON FUNCTION pprof.due_months(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.due_months(timestamptz)
    IS 'services and months of which nothing is kept any more, and whether that is so of all services of the month';

CREATE FUNCTION pprof.expire_days(at timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '200ms'
AS $$
DECLARE
    m record;
    next_month date;
    accepted date := pprof.retention_before(at, pprof.accepted_for());
    n integer := 0;
BEGIN
    FOR m IN SELECT * FROM pprof.due_months(at) LOOP
        next_month := m.month::timestamp + interval '1 month';
        -- what is still accepted must be refused as long
        CONTINUE WHEN accepted < next_month
                  AND NOT EXISTS (SELECT FROM pprof.path_dictionaries p WHERE p.service_id = m.service_id AND p.month = m.month)
                  AND NOT EXISTS (SELECT FROM pprof.series_days d WHERE d.service_id = m.service_id
                                   AND d.day >= m.month AND d.day < next_month);
        CONTINUE WHEN NOT pprof.lock_service(m.service_id, 'maintain', false);
        DELETE FROM pprof.day_rollups r WHERE r.service_id = m.service_id AND r.day >= m.month AND r.day < next_month;
        IF NOT m.uniform THEN
            DELETE FROM pprof.function_days f WHERE f.service_id = m.service_id AND f.day >= m.month AND f.day < next_month;
            DELETE FROM pprof.paths p WHERE p.service_id = m.service_id AND p.month = m.month;
        END IF;
        DELETE FROM pprof.path_dictionaries p WHERE p.service_id = m.service_id AND p.month = m.month;
        -- names that only a partition has that is about to go stay for another month
        DELETE FROM pprof.functions f WHERE f.service_id = m.service_id AND f.function_id NOT IN (
            SELECT d.function_id FROM pprof.function_days d WHERE d.service_id = m.service_id);
        DELETE FROM pprof.label_days l WHERE l.service_id = m.service_id AND l.day >= m.month AND l.day < next_month;
        DELETE FROM pprof.series_days d WHERE d.service_id = m.service_id AND d.day >= m.month AND d.day < next_month;
        DELETE FROM pprof.expired_days e WHERE e.service_id = m.service_id AND e.day >= m.month
           AND e.day < least(next_month, accepted);
        n := n + 1;
        EXIT WHEN n >= 50;
    END LOOP;
    RETURN n;
END
$$;
REVOKE ALL ON FUNCTION pprof.expire_days(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.expire_days(timestamptz) IS 'step of retention: removes months of services of which nothing is kept any more';

CREATE FUNCTION pprof.clean_service(service_id bigint, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before timestamptz := at - pprof.accepted_for();
    id ALIAS FOR $1;
    unused bigint[];
BEGIN
    DELETE FROM pprof.pushes p WHERE p.service_id = id AND p.created < before;
    SELECT array_agg(s.series_id) INTO unused FROM pprof.series s
     WHERE s.service_id = id AND s.created < before
       AND NOT EXISTS (SELECT FROM (SELECT DISTINCT d.series_id FROM pprof.series_days d WHERE d.service_id = id) d
                        WHERE d.series_id = s.series_id);
    IF unused IS NOT NULL AND pprof.lock_service(id, 'destroy') THEN
        -- somebody may have used one until the lock was there
        DELETE FROM pprof.series s WHERE s.service_id = id AND s.series_id = ANY (unused)
           AND NOT EXISTS (SELECT FROM pprof.series_days d WHERE d.service_id = id AND d.series_id = s.series_id);
        PERFORM pprof.storage_invalidate();
        IF NOT EXISTS (SELECT FROM pprof.series s WHERE s.service_id = id)
           AND NOT EXISTS (SELECT FROM pprof.dictionaries d WHERE d.service_id = id)
           AND NOT EXISTS (SELECT FROM pprof.path_dictionaries d WHERE d.service_id = id)
           AND NOT EXISTS (SELECT FROM pprof.expired_days d WHERE d.service_id = id)
        THEN
            PERFORM pprof.remove_service(id);
        END IF;
        RETURN true;
    END IF;
    RETURN false;
END
$$;
REVOKE ALL ON FUNCTION pprof.clean_service(bigint, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.clean_service(bigint, timestamptz)
    IS 'removes pushes that cannot come again, series without profiles, and the service if nothing of it is left; true: writers were locked out';

CREATE FUNCTION pprof.clean_services(at timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '200ms'
AS $$
DECLARE
    id bigint;
    n integer := 0;
BEGIN
    FOR id IN
        SELECT x.service_id FROM (
            SELECT s.service_id FROM pprof.services s LEFT JOIN pprof.service_cleanings c USING (service_id)
             WHERE s.created < at - interval '1 day' AND COALESCE(c.cleaned < at - interval '1 day', true)
             ORDER BY c.cleaned NULLS FIRST LIMIT 20) x
         ORDER BY 1
    LOOP
        CONTINUE WHEN NOT pprof.lock_service(id, 'maintain', false);
        INSERT INTO pprof.service_cleanings (service_id, cleaned) VALUES (id, at)
        ON CONFLICT ON CONSTRAINT service_cleanings_pkey DO UPDATE SET cleaned = EXCLUDED.cleaned;
        n := n + 1;
        -- who blocks writers is done soon
        EXIT WHEN pprof.clean_service(id, at);
    END LOOP;
    RETURN n;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN 0;
END
$$;
REVOKE ALL ON FUNCTION pprof.clean_services(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.clean_services(timestamptz) IS 'step of retention: cleans a service that was not cleaned for a day';

-- The time is an argument for the sake of tests: nobody may call it.
CREATE FUNCTION pprof.retention_step(at timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n integer;
BEGIN
    PERFORM pprof.require_read_committed();
    n := pprof.finish_profiles();
    IF n = 0 THEN n := pprof.finish_hours(); END IF;
    IF n = 0 THEN n := pprof.drop_due_partition(at); END IF;
    IF n = 0 THEN n := pprof.expire_profiles(at); END IF;
    IF n = 0 THEN n := pprof.expire_hours(at); END IF;
    IF n = 0 THEN n := pprof.expire_days(at); END IF;
    IF n = 0 THEN n := pprof.clean_services(at); END IF;
    RETURN n;
END
$$;
REVOKE ALL ON FUNCTION pprof.retention_step(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.retention_step(timestamptz) IS 'pprof.apply_retention() as of a time';

CREATE FUNCTION pprof.apply_retention() RETURNS integer
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT pprof.retention_step(clock_timestamp()) $$;
REVOKE ALL ON FUNCTION pprof.apply_retention() FROM PUBLIC;
COMMENT ON FUNCTION pprof.apply_retention()
    IS 'takes one step towards what the rules of all tenants say; 0: nothing is due, or it is busy; commit after each';

CREATE FUNCTION pprof.retention_lag(OUT resolution text, OUT days bigint, OUT oldest date) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH k AS MATERIALIZED (
        SELECT service_id, max(pprof.retention_before(now(), profiles)) AS profiles,
               max(pprof.retention_before(now(), hours)) AS hours
          FROM pprof.retention_keeps() GROUP BY 1
    )
    SELECT 'profiles', count(*), min(d.day)
      FROM (SELECT DISTINCT service_id, day FROM pprof.dictionaries) d JOIN k USING (service_id)
      LEFT JOIN pprof.expired_days e USING (service_id, day)
     WHERE d.day < k.profiles AND NOT COALESCE(e.rewritten, false)
       AND NOT pprof.pinned(d.service_id, pprof.day_start(d.day), pprof.day_start(d.day + 1))
    UNION ALL
    SELECT 'hours', count(*), min(e.day) FROM pprof.expired_days e JOIN k USING (service_id)
     WHERE e.day < k.hours AND NOT e.finished
       AND NOT pprof.pinned(e.service_id, pprof.day_start(e.day), pprof.day_start(e.day + 1))
$$;
REVOKE ALL ON FUNCTION pprof.retention_lag() FROM PUBLIC;
COMMENT ON FUNCTION pprof.retention_lag()
    IS 'days of services past their retention, but for pinned ones: of which profiles, or rollups of hours, are still there';

GRANT EXECUTE ON FUNCTION pprof.apply_retention(), pprof.retention_lag() TO pprof_admin;
