-- 42_partitions.sql
--     Partitions by UTC day, and by UTC month for what outlives days.

-- Keys of partitions; a parent has none.
CREATE FUNCTION pprof.partition_key(parent text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE parent
               WHEN 'series_days' THEN 'service_id, type_id, series_id'
               WHEN 'label_days' THEN 'service_id, type_id, name, value, day'
               WHEN 'chunks' THEN 'service_id, dict_id, last_no'
               WHEN 'raw' THEN 'service_id, type_id, at, series_id, profile_id'
               WHEN 'segments' THEN 'service_id, type_id, hour, segment'
               WHEN 'totals' THEN 'service_id, type_id, hour'
               WHEN 'rollups' THEN 'service_id, type_id, hour'
               WHEN 'paths' THEN 'service_id, dict_id, last_no'
               WHEN 'day_rollups' THEN 'service_id, type_id, day'
               WHEN 'function_days' THEN 'service_id, day, type_id, function_id'
           END
$$;
REVOKE ALL ON FUNCTION pprof.partition_key(text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.partition_key(text) IS 'columns of the primary key of the partitions of a table';

-- The first day of the month names a partition by month; called under the lock
-- that add_day holds.
CREATE FUNCTION pprof.add_partition(parent text, first_day date) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    by_month boolean := parent IN ('paths', 'day_rollups', 'function_days');
    by_time boolean := parent IN ('raw', 'segments', 'totals', 'rollups');
    name text := parent || '_' || to_char(first_day::timestamp, CASE WHEN by_month THEN 'YYYYMM' ELSE 'YYYYMMDD' END);
    next_day date := first_day::timestamp + CASE WHEN by_month THEN interval '1 month' ELSE interval '1 day' END;
    midnight text := CASE WHEN by_time THEN ' 00:00:00+00' ELSE '' END;
    -- a buffer that is emptied all the time stays small where dead rows go at once,
    -- however many rows there are
    often text := CASE WHEN parent = 'raw' THEN
        ', autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, '
        'toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 1000' ELSE '' END;
BEGIN
    IF to_regclass('pprof.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE pprof.%I (LIKE pprof.%I INCLUDING DEFAULTS INCLUDING STORAGE '
                   'INCLUDING COMPRESSION, PRIMARY KEY (%s)) WITH (autovacuum_freeze_min_age = 0%s)',
                   name, parent, pprof.partition_key(parent), often);
    EXECUTE format('COMMENT ON TABLE pprof.%I IS %L', name,
                   format('pprof.%s of %s', parent,
                          to_char(first_day::timestamp, CASE WHEN by_month THEN 'YYYY-MM' ELSE 'YYYY-MM-DD' END)));
    EXECUTE format('ALTER TABLE pprof.%I ATTACH PARTITION pprof.%I FOR VALUES FROM (%L) TO (%L)', parent, name,
                   to_char(first_day::timestamp, 'YYYY-MM-DD') || midnight,
                   to_char(next_day::timestamp, 'YYYY-MM-DD') || midnight);
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION pprof.add_partition(text, date) FROM PUBLIC;
COMMENT ON FUNCTION pprof.add_partition(text, date) IS 'makes the partition of a table that begins with a day; false if it is there';

-- LIKE and ATTACH lock the parent against other partitions only,
-- PARTITION OF would lock it against everybody.
CREATE FUNCTION pprof.add_day(day date, tenant text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    parent text;
    made boolean := false;
BEGIN
    IF add_day.day < '1677-09-22' OR add_day.day > '2262-04-10' THEN
        RAISE datetime_field_overflow USING MESSAGE = format('day %s cannot have profiles', add_day.day);
    END IF;
    -- One at a time; no advisory lock, which anybody could hold.  Who waited must
    -- see what the other has made: locking a table takes in the news about the
    -- catalog, which is up to date in every isolation level.
    LOCK TABLE pprof.days IN SHARE UPDATE EXCLUSIVE MODE;
    FOREACH parent IN ARRAY '{paths,day_rollups,function_days}'::text[] LOOP
        made := pprof.add_partition(parent, date_trunc('month', add_day.day::timestamp)::date) OR made;
    END LOOP;
    -- raw comes last and goes first: where it is, all are
    FOREACH parent IN ARRAY '{series_days,label_days,chunks,segments,totals,rollups,raw}'::text[] LOOP
        made := pprof.add_partition(parent, add_day.day) OR made;
    END LOOP;
    INSERT INTO pprof.days (day, tenant) VALUES (add_day.day, add_day.tenant) ON CONFLICT DO NOTHING;
    RETURN made;
END
$$;
REVOKE ALL ON FUNCTION pprof.add_day(date, text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.add_day(date, text) IS 'makes what is missing of the partitions of a UTC day and its month; false if all are there';

-- DROP needs the parent for itself, and whoever comes meanwhile waits behind it:
-- so it waits no longer than this, and is tried again another time.
CREATE FUNCTION pprof.drop_partition(parent text, first_day date) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '200ms'
AS $$
DECLARE
    by_month boolean := parent IN ('paths', 'day_rollups', 'function_days');
    name text := parent || '_' || to_char(first_day::timestamp, CASE WHEN by_month THEN 'YYYYMM' ELSE 'YYYYMMDD' END);
BEGIN
    LOCK TABLE pprof.days IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass('pprof.' || name) IS NULL THEN
        RETURN false;
    END IF;
    -- the parent first, as queries do
    EXECUTE format('LOCK TABLE ONLY pprof.%I IN ACCESS EXCLUSIVE MODE', parent);
    IF NOT pprof.may_drop(parent, first_day) THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE pprof.%I', name);
    IF parent = 'raw' THEN
        DELETE FROM pprof.days d WHERE d.day = first_day;
    END IF;
    RETURN true;
EXCEPTION
    WHEN lock_not_available OR deadlock_detected THEN
        RETURN false;
    WHEN dependent_objects_still_exist THEN
        RAISE WARNING 'retention leaves pprof.% as it is: %', name, SQLERRM;
        RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION pprof.drop_partition(text, date) FROM PUBLIC;
COMMENT ON FUNCTION pprof.drop_partition(text, date)
    IS 'drops the partition of a table that begins with a day, if nothing in it is to be kept and nobody holds it for long; null: something depends on it';

CREATE FUNCTION pprof.create_partitions(ahead integer DEFAULT 7) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    made integer := 0;
BEGIN
    FOR i IN 0 .. create_partitions.ahead LOOP
        made := made + pprof.add_day(today + i)::integer;
    END LOOP;
    RETURN made;
END
$$;
REVOKE ALL ON FUNCTION pprof.create_partitions(integer) FROM PUBLIC;
COMMENT ON FUNCTION pprof.create_partitions(integer)
    IS 'makes the partitions of today and the days ahead that are missing; a step of pprof.maintain()';
