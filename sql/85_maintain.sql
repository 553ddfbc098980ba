-- 85_maintain.sql
--     Maintenance: one procedure that does what is due in small transactions, a
--     table that says what is being done and how it went, and what waits.
--
--     A step is a function that does a bounded piece of work and returns how much
--     it did, 0 when nothing is left or somebody else is at it.  Before each the
--     procedure commits a claim, so that two runs share the work, everybody can
--     see what is going on, and an attempt that took the server down is counted
--     and does not come first again.

CREATE TABLE pprof.maintenance_state (
    service_id    bigint NOT NULL,
    step          text COLLATE "C" NOT NULL,
    pid           integer,
    backend_start timestamptz,
    started       timestamptz NOT NULL,
    finished      timestamptz,
    runs          bigint NOT NULL DEFAULT 0,
    done          bigint NOT NULL DEFAULT 0,
    failures      integer NOT NULL DEFAULT 0,
    error         text,
    error_code    text,
    error_at      timestamptz,
    PRIMARY KEY (service_id, step)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
COMMENT ON TABLE pprof.maintenance_state IS 'steps of maintenance: who is at it, and how it went';
COMMENT ON COLUMN pprof.maintenance_state.service_id IS 'the service; 0 for steps of the whole database';
COMMENT ON COLUMN pprof.maintenance_state.step IS 'name of the step';
COMMENT ON COLUMN pprof.maintenance_state.pid IS 'process that began it; null: it ended';
COMMENT ON COLUMN pprof.maintenance_state.backend_start IS 'tells that process from a later one of the same number';
COMMENT ON COLUMN pprof.maintenance_state.started IS 'when the last attempt began';
COMMENT ON COLUMN pprof.maintenance_state.finished IS 'when the last attempt ended that did end';
COMMENT ON COLUMN pprof.maintenance_state.runs IS 'attempts that ended';
COMMENT ON COLUMN pprof.maintenance_state.done IS 'what all of them did, in units of the step';
COMMENT ON COLUMN pprof.maintenance_state.failures IS 'failures since the last success';
COMMENT ON COLUMN pprof.maintenance_state.error IS 'message of the last failure';
COMMENT ON COLUMN pprof.maintenance_state.error_code IS 'its SQLSTATE';
COMMENT ON COLUMN pprof.maintenance_state.error_at IS 'its time';

CREATE FUNCTION pprof.maintenance_names(step text DEFAULT NULL) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names constant text[] := '{create_partitions, create_function_index, apply_retention, compact_service, rollup_service, merge_chunks}';
BEGIN
    IF maintenance_names.step IS NULL THEN
        RETURN names;
    ELSIF maintenance_names.step = ANY (names) THEN
        RETURN ARRAY[maintenance_names.step];
    END IF;
    RAISE invalid_parameter_value
        USING MESSAGE = format('there is no step of maintenance called "%s"', maintenance_names.step),
              HINT = 'The steps are ' || array_to_string(names, ', ') || '.';
END
$$;
REVOKE ALL ON FUNCTION pprof.maintenance_names(text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.maintenance_names(text) IS 'the steps of maintenance in their order, or the one named';

CREATE FUNCTION pprof.maintenance_run(step text, service_id bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Less than deadlock_timeout: it is maintenance that gives way.
SET lock_timeout = '500ms'
AS $$
BEGIN
    RETURN CASE step
               WHEN 'create_partitions' THEN pprof.create_partitions()
               WHEN 'create_function_index' THEN pprof.create_function_index()::integer
               WHEN 'apply_retention' THEN pprof.apply_retention()
               WHEN 'compact_service' THEN pprof.compact_service(service_id)
               WHEN 'rollup_service' THEN pprof.rollup_service(service_id)
               WHEN 'merge_chunks' THEN pprof.merge_chunks(service_id)
           END;
END
$$;
REVOKE ALL ON FUNCTION pprof.maintenance_run(text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pprof.maintenance_run(text, bigint)
    IS 'does a bounded piece of a step of maintenance; returns how much, 0 when nothing is left to do';

-- Raw rows of an open hour wait only when they fill half a segment.
CREATE FUNCTION pprof.maintenance_backlog(
    step text,
    OUT service_id bigint, OUT waiting bigint, OUT oldest timestamptz
) RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    now timestamptz := clock_timestamp();
    today date := (now AT TIME ZONE 'UTC')::date;
BEGIN
    CASE step
        WHEN 'create_partitions' THEN
            RETURN QUERY
            SELECT 0::bigint, count(*), NULL::timestamptz
              FROM generate_series(0, 7) AS ahead (days)
             WHERE to_regclass('pprof.raw_' || to_char((today + ahead.days)::timestamp, 'YYYYMMDD')) IS NULL
            HAVING count(*) > 0;
        WHEN 'create_function_index' THEN
            RETURN QUERY
            SELECT 0::bigint, 1::bigint, NULL::timestamptz
             WHERE to_regclass('pprof.functions_name_idx') IS NULL
               AND EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_trgm');
        WHEN 'apply_retention' THEN
            -- there may be more to do than days tell
            RETURN QUERY
            SELECT 0::bigint, COALESCE(sum(l.days), 0)::bigint, min(l.oldest)::timestamp AT TIME ZONE 'UTC'
              FROM pprof.retention_lag() l;
        WHEN 'compact_service' THEN
            RETURN QUERY SELECT b.service_id, b.rows, b.oldest FROM pprof.compaction_backlog() b;
        WHEN 'rollup_service' THEN
            RETURN QUERY
            SELECT d.service_id, count(*), min(d.since)
              FROM (SELECT h.service_id, h.hour AS since, h.hour + interval '1 hour' AS over
                      FROM pprof.dirty_hours h
                     UNION ALL
                    SELECT d.service_id, d.day::timestamp AT TIME ZONE 'UTC', (d.day + 1)::timestamp AT TIME ZONE 'UTC'
                      FROM pprof.dirty_days d
                     WHERE NOT EXISTS (SELECT FROM pprof.dirty_hours h
                                        WHERE h.service_id = d.service_id AND h.type_id = d.type_id
                                          AND (h.hour AT TIME ZONE 'UTC')::date = d.day)) d
             WHERE d.over + COALESCE(current_setting('pprof.hour_grace', true)::interval, '5 minutes') <= now
             GROUP BY d.service_id;
        WHEN 'merge_chunks' THEN
            -- late profiles bring a few at a time, which are worth no rewriting; nor are
            -- rows of a megabyte
            RETURN QUERY
            SELECT c.service_id, sum(c.small)::bigint, min(c.day)::timestamp AT TIME ZONE 'UTC'
              FROM (SELECT k.service_id, k.day, k.day < today AS over, count(*) FILTER (WHERE octet_length(k.data) < 1 << 20) AS small
                      FROM pprof.chunks k GROUP BY k.service_id, k.dict_id, k.day
                     UNION ALL
                    SELECT p.service_id, p.month, p.month + 31 < today, count(*) FILTER (WHERE octet_length(p.data) < 1 << 20)
                      FROM pprof.paths p GROUP BY p.service_id, p.dict_id, p.month) c
             WHERE c.small >= CASE WHEN c.over THEN 24 ELSE 112 END
             GROUP BY c.service_id;
    END CASE;
END
$$;
REVOKE ALL ON FUNCTION pprof.maintenance_backlog(text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.maintenance_backlog(text)
    IS 'services for which a step of maintenance has work to do, how much, and since which hour or day; 0: the whole database';

CREATE FUNCTION pprof.maintenance_is_running(pid integer, backend_start timestamptz, started timestamptz) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    -- the statement that began the step still runs: one that was cancelled ended,
    -- although its session lives on
    SELECT EXISTS (SELECT FROM pg_stat_activity a
                    WHERE a.pid = $1 AND a.backend_start = $2
                      AND (a.state IS NULL OR a.state = 'disabled'
                           OR (a.state = 'active' AND a.query_start <= $3)))
$$;
REVOKE ALL ON FUNCTION pprof.maintenance_is_running(integer, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.maintenance_is_running(integer, timestamptz, timestamptz)
    IS 'is the process that began a step still at it?';

CREATE FUNCTION pprof.maintenance_pause(failures integer) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN $1 > 0 THEN (2 ^ least($1 - 1, 6) - 1) * interval '1 minute' ELSE interval '0' END $$;
REVOKE ALL ON FUNCTION pprof.maintenance_pause(integer) FROM PUBLIC;
COMMENT ON FUNCTION pprof.maintenance_pause(integer)
    IS 'how long a step rests after so many failures: not at all, a minute, three, at last an hour';

CREATE FUNCTION pprof.maintenance_due(step text, begun timestamptz) RETURNS bigint[]
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(array_agg(b.service_id ORDER BY s.started NULLS FIRST, b.oldest, b.service_id), '{}')
      FROM pprof.maintenance_backlog($1) b
      LEFT JOIN pprof.maintenance_state s ON s.service_id = b.service_id AND s.step = $1
     WHERE s.step IS NULL
        OR (s.failures = 0 AND s.pid IS NULL)
        OR (greatest(s.started, s.error_at) < $2
            AND greatest(s.started, s.error_at)
                + pprof.maintenance_pause(s.failures + (s.pid IS NOT NULL)::integer) <= clock_timestamp())
$$;
REVOKE ALL ON FUNCTION pprof.maintenance_due(text, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.maintenance_due(text, timestamptz)
    IS 'services that a run begun at that time is to try next, the one that waited longest first; what failed in this run is left to a later one';

CREATE FUNCTION pprof.maintenance_claim(step text, service_id bigint) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '500ms'
AS $$
    WITH claimed AS (
        INSERT INTO pprof.maintenance_state AS s (service_id, step, pid, backend_start, started)
        SELECT $2, $1, a.pid, a.backend_start, clock_timestamp()
          FROM pg_stat_activity a
         WHERE a.pid = pg_backend_pid()
        ON CONFLICT (service_id, step) DO UPDATE
           SET pid = excluded.pid,
               backend_start = excluded.backend_start,
               started = excluded.started,
               failures = s.failures + (s.pid IS NOT NULL)::integer,
               error = CASE WHEN s.pid IS NULL THEN s.error
                            ELSE format('interrupted: process %s began it and did not end it', s.pid) END,
               error_code = CASE WHEN s.pid IS NULL THEN s.error_code ELSE '57014' END,
               error_at = CASE WHEN s.pid IS NULL THEN s.error_at ELSE s.started END
         WHERE s.pid IS NULL OR NOT pprof.maintenance_is_running(s.pid, s.backend_start, s.started)
        RETURNING true)
    SELECT EXISTS (SELECT FROM claimed)
$$;
REVOKE ALL ON FUNCTION pprof.maintenance_claim(text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pprof.maintenance_claim(text, bigint)
    IS 'notes that this process begins a step; false if another is at it';

CREATE FUNCTION pprof.maintenance_finish(step text, service_id bigint, done bigint, error text, error_code text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE pprof.maintenance_state AS s
       SET pid = NULL,
           backend_start = NULL,
           finished = clock_timestamp(),
           runs = s.runs + 1,
           done = s.done + COALESCE($3, 0),
           failures = CASE WHEN $4 IS NULL THEN 0 ELSE s.failures + 1 END,
           error = COALESCE($4, s.error),
           error_code = COALESCE($5, s.error_code),
           error_at = CASE WHEN $4 IS NULL THEN s.error_at ELSE clock_timestamp() END
     WHERE s.service_id = $2 AND s.step = $1;
    -- the service may be gone, by this step or since
    DELETE FROM pprof.maintenance_state s
     WHERE s.service_id = $2 AND s.step = $1 AND $2 <> 0
       AND NOT EXISTS (SELECT FROM pprof.services v WHERE v.service_id = $2);
$$;
REVOKE ALL ON FUNCTION pprof.maintenance_finish(text, bigint, bigint, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.maintenance_finish(text, bigint, bigint, text, text) IS 'notes how a step ended';

CREATE FUNCTION pprof.maintenance_share(until timestamptz, others integer) RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT clock_timestamp() + ($1 - clock_timestamp()) / ($2 + 1) $$;
REVOKE ALL ON FUNCTION pprof.maintenance_share(timestamptz, integer) FROM PUBLIC;
COMMENT ON FUNCTION pprof.maintenance_share(timestamptz, integer)
    IS 'until when one step may go on, for so many others to have as much of the time';

-- It commits, so it can neither set its search path nor run with its owner's rights:
-- every name is qualified.  The time that is left is shared by the steps that are
-- left; each gets on with at least one service, so that none starves.
CREATE PROCEDURE pprof.maintain(max_runtime interval DEFAULT '1 minute', step text DEFAULT NULL)
LANGUAGE plpgsql
AS $$
DECLARE
    steps   CONSTANT pg_catalog.text[] := pprof.maintenance_names(maintain.step);
    begun   CONSTANT pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    until   CONSTANT pg_catalog.timestamptz := begun OPERATOR(pg_catalog.+) max_runtime;
    pause_at pg_catalog.timestamptz;
    number  pg_catalog.int4;
    service pg_catalog.int8;
    tried   boolean;
    again   boolean;
    worked  boolean;
    done    pg_catalog.int8;
    message pg_catalog.text;
    code    pg_catalog.text;
BEGIN
    LOOP
        worked := false;
        FOR number IN 1 .. pg_catalog.cardinality(steps) LOOP
            pause_at := pprof.maintenance_share(until, pg_catalog.cardinality(steps) OPERATOR(pg_catalog.-) number);
            tried := false;
            LOOP
                again := false;
                FOREACH service IN ARRAY pprof.maintenance_due(steps[number], begun) LOOP
                    EXIT WHEN tried AND pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>=) pause_at;
                    CONTINUE WHEN NOT pprof.maintenance_claim(steps[number], service);
                    COMMIT;
                    -- a step must see what was committed before it got its locks
                    SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
                    tried := true;
                    message := NULL;
                    code := NULL;
                    BEGIN
                        done := pprof.maintenance_run(steps[number], service);
                    EXCEPTION WHEN OTHERS THEN
                        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, code = RETURNED_SQLSTATE;
                        done := 0;
                        -- that somebody else needed something is no news
                        IF code OPERATOR(pg_catalog.<>) '55P03' THEN
                            RAISE WARNING 'maintenance: step % of service % failed: %', steps[number], service, message;
                        END IF;
                    END;
                    PERFORM pprof.maintenance_finish(steps[number], service, done, message, code);
                    COMMIT;
                    again := again OR done OPERATOR(pg_catalog.>) 0;
                END LOOP;
                COMMIT;
                worked := worked OR again;
                EXIT WHEN NOT again OR pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>=) pause_at;
            END LOOP;
        END LOOP;
        EXIT WHEN NOT worked OR pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>=) until;
    END LOOP;
END
$$;
REVOKE ALL ON PROCEDURE pprof.maintain(interval, text) FROM PUBLIC;
COMMENT ON PROCEDURE pprof.maintain(interval, text)
    IS 'does what is due in committed steps, all or the one named, until nothing is left or the time is up; several may run at a time';

CREATE VIEW pprof.maintenance AS
SELECT n.step,
       COALESCE(b.waiting, 0) AS waiting,
       b.services,
       b.oldest,
       pg_catalog.clock_timestamp() - b.oldest AS lag,
       s.running,
       s.finished,
       s.done,
       COALESCE(s.failing, 0) AS failing
  FROM pg_catalog.unnest(pprof.maintenance_names()) WITH ORDINALITY AS n (step, number)
 CROSS JOIN LATERAL (SELECT pg_catalog.sum(w.waiting)::bigint AS waiting,
                            pg_catalog.count(*) FILTER (WHERE w.waiting > 0) AS services,
                            pg_catalog.min(w.oldest) AS oldest
                       FROM pprof.maintenance_backlog(n.step) w) b
  LEFT JOIN (SELECT t.step,
                    pg_catalog.array_agg(t.pid) FILTER (WHERE t.pid IS NOT NULL
                        AND pprof.maintenance_is_running(t.pid, t.backend_start, t.started)) AS running,
                    pg_catalog.max(t.finished) AS finished,
                    pg_catalog.sum(t.done)::bigint AS done,
                    pg_catalog.count(*) FILTER (WHERE t.failures > 0) AS failing
               FROM pprof.maintenance_state t
              GROUP BY t.step) s ON s.step = n.step
 ORDER BY n.number;
COMMENT ON VIEW pprof.maintenance IS 'steps of maintenance: what waits for each, who is at it, and how it goes';
COMMENT ON COLUMN pprof.maintenance.step IS 'name of the step';
COMMENT ON COLUMN pprof.maintenance.waiting IS 'what waits: days without partitions, an index, days past their retention, raw rows, hours and days without rollups, rows of chunks';
COMMENT ON COLUMN pprof.maintenance.services IS 'services that have something waiting; the whole database counts as one';
COMMENT ON COLUMN pprof.maintenance.oldest IS 'hour or day of the oldest of it';
COMMENT ON COLUMN pprof.maintenance.lag IS 'how long ago that was; in order while it is little more than one of its hours or days';
COMMENT ON COLUMN pprof.maintenance.running IS 'processes that are at it';
COMMENT ON COLUMN pprof.maintenance.finished IS 'when it last ended for some service';
COMMENT ON COLUMN pprof.maintenance.done IS 'what was done in all: partitions, steps of retention, raw rows, hours and days, rows of chunks';
COMMENT ON COLUMN pprof.maintenance.failing IS 'services for which it failed the last time';

CREATE VIEW pprof.maintenance_steps AS
SELECT s.step,
       v.tenant,
       v.name AS service,
       CASE WHEN r.running THEN s.pid END AS running,
       s.started,
       s.finished,
       s.runs,
       s.done,
       s.failures,
       CASE WHEN s.failures > 0 THEN GREATEST(s.started, s.error_at) + pprof.maintenance_pause(s.failures) END AS retry_at,
       s.error,
       s.error_code,
       s.error_at
  FROM pprof.maintenance_state s
 CROSS JOIN LATERAL (SELECT s.pid IS NOT NULL
                            AND pprof.maintenance_is_running(s.pid, s.backend_start, s.started) AS running) r
  LEFT JOIN pprof.services v ON v.service_id = s.service_id;
COMMENT ON VIEW pprof.maintenance_steps IS 'steps of maintenance by service: progress and errors';
COMMENT ON COLUMN pprof.maintenance_steps.step IS 'name of the step';
COMMENT ON COLUMN pprof.maintenance_steps.tenant IS 'who owns the service';
COMMENT ON COLUMN pprof.maintenance_steps.service IS 'the service; null: the whole database';
COMMENT ON COLUMN pprof.maintenance_steps.running IS 'process that is at it now';
COMMENT ON COLUMN pprof.maintenance_steps.started IS 'when the last attempt began';
COMMENT ON COLUMN pprof.maintenance_steps.finished IS 'when the last attempt ended that did end';
COMMENT ON COLUMN pprof.maintenance_steps.runs IS 'attempts that ended';
COMMENT ON COLUMN pprof.maintenance_steps.done IS 'what all of them did';
COMMENT ON COLUMN pprof.maintenance_steps.failures IS 'failures since the last success';
COMMENT ON COLUMN pprof.maintenance_steps.retry_at IS 'when it is tried again after failures';
COMMENT ON COLUMN pprof.maintenance_steps.error IS 'message of the last failure, also one that is over';
COMMENT ON COLUMN pprof.maintenance_steps.error_code IS 'its SQLSTATE';
COMMENT ON COLUMN pprof.maintenance_steps.error_at IS 'its time';

-- Whoever has CREATE on the database could make a schema called cron, with a view
-- called job: what is read must be pg_cron's own.
CREATE FUNCTION pprof.maintenance_is_scheduled() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found boolean := false;
BEGIN
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        EXECUTE 'SELECT EXISTS (SELECT FROM cron.job j'
                ' WHERE j.active AND j.database = current_database() AND j.command = $1)'
           INTO found USING 'CALL pprof.maintain()';
    END IF;
    RETURN found;
END
$$;
REVOKE ALL ON FUNCTION pprof.maintenance_is_scheduled() FROM PUBLIC;
COMMENT ON FUNCTION pprof.maintenance_is_scheduled() IS 'does a job of pg_cron maintain this database?';

CREATE FUNCTION pprof.schedule_maintenance(
    schedule        text DEFAULT '* * * * *',
    vacuum_schedule text DEFAULT '*/5 * * * *',
    OUT job_id bigint, OUT job_name text, OUT job_schedule text, OUT command text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here text := current_database();
    home text := current_setting('cron.database_name', true);
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        RAISE object_not_in_prerequisite_state
            USING MESSAGE = format('pg_cron is not installed in database "%s"', here),
                  HINT = CASE
                      WHEN home IS NULL THEN
                          format('Install pg_cron, add it to "shared_preload_libraries", set "cron.database_name" to "%s" and '
                                 'restart the server; then run CREATE EXTENSION pg_cron. Without it the worker maintains '
                                 'the databases in "pprof.databases".', here)
                      WHEN home = here THEN 'Run CREATE EXTENSION pg_cron.'
                      ELSE format('Its jobs are in database "%s": there, run SELECT '
                                  'cron.schedule_in_database(%L, %L, %L, %L); and set "pprof.maintenance" to off.',
                                  home, 'pprof maintenance: ' || here, schedule_maintenance.schedule,
                                  'CALL pprof.maintain()', here)
                  END;
    END IF;
    FOR job_name, job_schedule, command IN
        VALUES ('pprof maintenance: ' || here, schedule_maintenance.schedule, 'CALL pprof.maintain()'),
               ('pprof vacuum: ' || here, schedule_maintenance.vacuum_schedule,
                'VACUUM (SKIP_LOCKED) pprof.raw, pprof.chunks, pprof.dirty_hours, pprof.dirty_days')
    LOOP
        CONTINUE WHEN job_schedule IS NULL;
        IF to_regprocedure('cron.schedule_in_database(text, text, text, text, text, boolean)') IS NOT NULL THEN
            EXECUTE 'SELECT cron.schedule_in_database($1, $2, $3, $4)' INTO job_id
              USING job_name, job_schedule, command, here;
        ELSE
            EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO job_id USING job_name, job_schedule, command;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION pprof.schedule_maintenance(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.schedule_maintenance(text, text)
    IS 'lets pg_cron call pprof.maintain(), and VACUUM in a job of its own (null: none); again: changes the schedules';

CREATE FUNCTION pprof.unschedule_maintenance() RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed integer := 0;
BEGIN
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        EXECUTE 'SELECT count(*) FILTER (WHERE cron.unschedule(j.jobid)) FROM (SELECT jobid FROM cron.job'
                ' WHERE database = current_database() AND jobname IN ($1, $2) OFFSET 0) j'
           INTO removed
          USING 'pprof maintenance: ' || current_database(), 'pprof vacuum: ' || current_database();
    END IF;
    RETURN removed;
END
$$;
REVOKE ALL ON FUNCTION pprof.unschedule_maintenance() FROM PUBLIC;
COMMENT ON FUNCTION pprof.unschedule_maintenance()
    IS 'removes the jobs of pprof.schedule_maintenance; returns how many there were';

GRANT EXECUTE ON PROCEDURE pprof.maintain(interval, text) TO pprof_admin;
GRANT EXECUTE ON FUNCTION
    pprof.maintenance_names(text),
    pprof.maintenance_run(text, bigint),
    pprof.maintenance_backlog(text),
    pprof.maintenance_is_running(integer, timestamptz, timestamptz),
    pprof.maintenance_pause(integer),
    pprof.maintenance_due(text, timestamptz),
    pprof.maintenance_claim(text, bigint),
    pprof.maintenance_finish(text, bigint, bigint, text, text),
    pprof.maintenance_share(timestamptz, integer),
    pprof.maintenance_is_scheduled(),
    pprof.schedule_maintenance(text, text),
    pprof.unschedule_maintenance()
 TO pprof_admin;
GRANT SELECT ON pprof.maintenance, pprof.maintenance_steps TO pprof_admin;
