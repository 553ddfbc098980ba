-- 70_scrape.sql
--     What is scraped: configurations, targets, and what became of each.
--
-- The tables are the interface: change a row and the next round obeys.  Only
-- members of pprof_admin may, because a target is any address that the server
-- can reach.

CREATE TABLE pprof.scrape_configs
(
    name                      text     NOT NULL PRIMARY KEY,
    job_name                  text,
    scheme                    text     NOT NULL DEFAULT 'http',
    scrape_interval           interval NOT NULL DEFAULT '15 s',
    scrape_timeout            interval NOT NULL DEFAULT '10 s',
    delta_profiling_duration  interval,
    path_prefix               text     NOT NULL DEFAULT '',
    params                    jsonb    NOT NULL DEFAULT '{}',
    profiles                  jsonb    NOT NULL DEFAULT '{}',
    follow_redirects          boolean  NOT NULL DEFAULT true,
    strict_content_type       boolean  NOT NULL DEFAULT false,
    enabled                   boolean  NOT NULL DEFAULT true
);
COMMENT ON TABLE pprof.scrape_configs IS 'how groups of targets are scraped';
COMMENT ON COLUMN pprof.scrape_configs.name IS 'name of the configuration; never empty';
COMMENT ON COLUMN pprof.scrape_configs.job_name IS 'label job of what is stored; null: the name; empty: no such label';
COMMENT ON COLUMN pprof.scrape_configs.scheme IS 'http or https, for targets without the label __scheme__';
COMMENT ON COLUMN pprof.scrape_configs.scrape_interval IS 'time between two scrapes of a target';
COMMENT ON COLUMN pprof.scrape_configs.scrape_timeout IS 'longest time of one scrape; profile types with delta get the interval less one second on top';
COMMENT ON COLUMN pprof.scrape_configs.delta_profiling_duration IS 'how long profile types with delta measure; null: the interval less one second';
COMMENT ON COLUMN pprof.scrape_configs.path_prefix IS 'put before the path of every profile type, for targets without the label __profile_path_prefix__';
COMMENT ON COLUMN pprof.scrape_configs.params IS 'query parameters of every request: {"name": "value"} or {"name": ["value", ...]}';
COMMENT ON COLUMN pprof.scrape_configs.profiles IS 'what differs from the preset profile types: {"type": {"enabled": ..., "path": ..., "delta": ...}}; other names add types of their own';
COMMENT ON COLUMN pprof.scrape_configs.follow_redirects IS 'follow up to ten redirects';
COMMENT ON COLUMN pprof.scrape_configs.strict_content_type IS 'refuse answers whose Content-Type is not application/octet-stream';
COMMENT ON COLUMN pprof.scrape_configs.enabled IS 'false: nothing of it is scraped';

CREATE TABLE pprof.targets
(
    target_id  uuid    NOT NULL DEFAULT pg_catalog.gen_random_uuid() PRIMARY KEY,
    config     text    NOT NULL,
    address    text    NOT NULL,
    labels     jsonb   NOT NULL DEFAULT '{}',
    enabled    boolean NOT NULL DEFAULT true
);
CREATE UNIQUE INDEX targets_identity
    ON pprof.targets (config, address, pg_catalog.jsonb_hash_extended(labels, 0));
COMMENT ON TABLE pprof.targets IS 'what is scraped';
COMMENT ON COLUMN pprof.targets.target_id IS 'identity of the row';
COMMENT ON COLUMN pprof.targets.config IS 'how: a row of scrape_configs, with which it goes';
COMMENT ON COLUMN pprof.targets.address IS 'host:port; without a port that of the scheme is taken';
COMMENT ON COLUMN pprof.targets.labels IS 'labels of what is stored; those starting with __ steer the scrape (__scheme__, __profile_path__, __profile_path_prefix__, __name__, __param_<name>)';
COMMENT ON COLUMN pprof.targets.enabled IS 'false: this target is not scraped';
COMMENT ON INDEX pprof.targets_identity IS 'an address with the same labels occurs once in a configuration';

-- Written by the worker alone, once per scrape: no index over what changes, and
-- room in the page, so that the updates stay in place.
CREATE TABLE pprof.scrape_jobs
(
    job_id                bigint      NOT NULL PRIMARY KEY,
    config                text        NOT NULL,
    profile               text        NOT NULL,
    address               text        NOT NULL,
    url                   text,
    labels                jsonb       NOT NULL,
    state                 text        NOT NULL DEFAULT 'pending',
    up                    boolean,
    last_scrape           timestamptz,
    last_success          timestamptz,
    last_duration         interval,
    last_error            text        NOT NULL DEFAULT '',
    last_store_error      text        NOT NULL DEFAULT '',
    scrapes               bigint      NOT NULL DEFAULT 0,
    failures              bigint      NOT NULL DEFAULT 0,
    missed                bigint      NOT NULL DEFAULT 0,
    last_body_bytes       bigint,
    last_http_status      integer,
    consecutive_failures  bigint      NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
COMMENT ON TABLE pprof.scrape_jobs IS 'state of every job (target and profile type); see the view scrape_status';
COMMENT ON COLUMN pprof.scrape_jobs.job_id IS 'hash of configuration, profile type, URL and labels';
COMMENT ON COLUMN pprof.scrape_jobs.config IS 'the configuration it comes from';
COMMENT ON COLUMN pprof.scrape_jobs.profile IS 'name of the profile type';
COMMENT ON COLUMN pprof.scrape_jobs.address IS 'address of the target, as written';
COMMENT ON COLUMN pprof.scrape_jobs.url IS 'what is fetched; null when the target makes no sense';
COMMENT ON COLUMN pprof.scrape_jobs.labels IS 'labels of what is stored';
COMMENT ON COLUMN pprof.scrape_jobs.state IS 'pending, baseline, stored, empty, failed, store_failed or invalid';
COMMENT ON COLUMN pprof.scrape_jobs.up IS 'did the last scrape succeed; null before the first';
COMMENT ON COLUMN pprof.scrape_jobs.last_scrape IS 'start of the last scrape, good or bad';
COMMENT ON COLUMN pprof.scrape_jobs.last_success IS 'start of the last good scrape';
COMMENT ON COLUMN pprof.scrape_jobs.last_duration IS 'how long the last scrape took';
COMMENT ON COLUMN pprof.scrape_jobs.last_error IS 'why the last scrape failed; empty if it did not';
COMMENT ON COLUMN pprof.scrape_jobs.last_store_error IS 'why the last profile could not be stored; empty if it could';
COMMENT ON COLUMN pprof.scrape_jobs.scrapes IS 'scrapes so far';
COMMENT ON COLUMN pprof.scrape_jobs.failures IS 'scrapes that failed';
COMMENT ON COLUMN pprof.scrape_jobs.missed IS 'scrapes left out because the one before was not over, or for lack of a place';
COMMENT ON COLUMN pprof.scrape_jobs.last_body_bytes IS 'bytes of the last answer';
COMMENT ON COLUMN pprof.scrape_jobs.last_http_status IS 'HTTP status of the last answer; 0 if there was none';
COMMENT ON COLUMN pprof.scrape_jobs.consecutive_failures IS 'failures since the last good scrape';

-- The worker compares one number instead of reading everything again.  It is
-- woken when a change is committed, and looks now and then by itself.
CREATE TABLE pprof.scrape_generation
(
    singleton   boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (singleton),
    generation  bigint  NOT NULL
);
INSERT INTO pprof.scrape_generation (generation) VALUES (0);
COMMENT ON TABLE pprof.scrape_generation IS 'counts changes of the scrape configuration';
COMMENT ON COLUMN pprof.scrape_generation.singleton IS 'there is one row';
COMMENT ON COLUMN pprof.scrape_generation.generation IS 'one more with every statement that changed something';

CREATE FUNCTION pprof.scrape_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'pprof_scrape_changed'
LANGUAGE C
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.scrape_changed() FROM PUBLIC;
COMMENT ON FUNCTION pprof.scrape_changed() IS 'trigger: tells the scraper that its configuration changed';

CREATE FUNCTION pprof.scrape_profiles(profiles jsonb DEFAULT '{}')
RETURNS TABLE (profile text, enabled boolean, path text, delta boolean)
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(p.profile, o.key),
           COALESCE((o.value ->> 'enabled')::boolean, p.enabled, true),
           COALESCE(o.value ->> 'path', p.path),
           COALESCE((o.value ->> 'delta')::boolean, p.delta, false)
      FROM (VALUES ('memory',             true,  '/debug/pprof/allocs',      false),
                   ('block',              true,  '/debug/pprof/block',       false),
                   ('goroutine',          true,  '/debug/pprof/goroutine',   false),
                   ('mutex',              true,  '/debug/pprof/mutex',       false),
                   ('process_cpu',        true,  '/debug/pprof/profile',     true),
                   ('fgprof',             false, '/debug/fgprof',            true),
                   ('godeltaprof_memory', false, '/debug/pprof/delta_heap',  false),
                   ('godeltaprof_mutex',  false, '/debug/pprof/delta_mutex', false),
                   ('godeltaprof_block',  false, '/debug/pprof/delta_block', false))
               AS p (profile, enabled, path, delta)
      FULL JOIN jsonb_each(profiles) AS o ON o.key = p.profile
     ORDER BY 1
$$;
REVOKE ALL ON FUNCTION pprof.scrape_profiles(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pprof.scrape_profiles(jsonb)
    IS 'profile types of a configuration: the preset ones with what its column profiles changes and adds';

-- What a check constraint cannot say with a message and a code of its own.
CREATE FUNCTION pprof.scrape_configs_check() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem  text;
    any_delta boolean;
BEGIN
    IF NEW.name = '' THEN
        problem := 'name of a scrape configuration must not be empty';
    ELSIF NEW.scheme NOT IN ('http', 'https') THEN
        problem := format('invalid scheme: "%s"', NEW.scheme);
    ELSIF NEW.scrape_timeout <= interval '0' THEN
        problem := 'scrape_timeout must be greater than 0';
    ELSIF NEW.scrape_interval < interval '100 ms' THEN
        problem := 'scrape_interval must be at least 100 milliseconds';
    ELSIF NEW.scrape_interval > interval '1 day' OR NEW.scrape_timeout > interval '1 day' THEN
        problem := 'scrape_interval and scrape_timeout must be at most one day';
    ELSIF NOT COALESCE(jsonb_typeof(NEW.params) = 'object', false) THEN
        problem := 'params must be a JSON object';
    ELSIF EXISTS (SELECT FROM jsonb_each(NEW.params) AS p
                   WHERE jsonb_typeof(p.value) NOT IN ('string', 'array')
                      OR jsonb_path_exists(p.value, 'strict $[*] ? (@.type() != "string")', silent => true)) THEN
        problem := 'values of params must be strings or arrays of strings';
    ELSIF NOT COALESCE(jsonb_typeof(NEW.profiles) = 'object', false) THEN
        problem := 'profiles must be a JSON object';
    ELSE
        SELECT CASE WHEN p.key = '' OR p.key LIKE '\_\_%' THEN format('"%s" is no name for a profile type', p.key)
                    WHEN jsonb_typeof(p.value) <> 'object' THEN format('profile type "%s" must be a JSON object', p.key)
                    WHEN p.value - ARRAY['enabled', 'path', 'delta'] <> '{}'
                        THEN format('profile type "%s" can have "enabled", "path" and "delta" only', p.key)
                    WHEN COALESCE(jsonb_typeof(p.value -> 'enabled'), 'boolean') <> 'boolean'
                        THEN format('"enabled" of profile type "%s" must be true or false', p.key)
                    WHEN COALESCE(jsonb_typeof(p.value -> 'delta'), 'boolean') <> 'boolean'
                        THEN format('"delta" of profile type "%s" must be true or false', p.key)
                    WHEN COALESCE(jsonb_typeof(p.value -> 'path'), 'string') <> 'string'
                        THEN format('"path" of profile type "%s" must be a string', p.key)
               END
          INTO problem
          FROM jsonb_each(NEW.profiles) AS p
         ORDER BY 1 NULLS LAST
         LIMIT 1;
    END IF;
    IF problem IS NULL THEN
        SELECT format('profile type "%s" needs a path', p.profile)
          INTO problem
          FROM pprof.scrape_profiles(NEW.profiles) AS p
         WHERE p.path IS NULL
         LIMIT 1;
    END IF;
    IF problem IS NULL THEN
        SELECT bool_or(p.enabled AND p.delta)
          INTO any_delta
          FROM pprof.scrape_profiles(NEW.profiles) AS p;
        IF any_delta AND NEW.scrape_interval < interval '2 s' THEN
            problem := 'scrape_interval must be at least 2 seconds when using delta profiling';
        ELSIF any_delta AND COALESCE(NEW.delta_profiling_duration, NEW.scrape_interval - interval '1 s') <= interval '1 s' THEN
            problem := 'delta_profiling_duration must be larger than 1 second when using delta profiling';
        ELSIF any_delta AND NEW.delta_profiling_duration > NEW.scrape_interval - interval '1 s' THEN
            problem := 'delta_profiling_duration must be at least 1 second smaller than scrape_interval when using delta profiling';
        END IF;
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = problem,
            DETAIL = format('Scrape configuration "%s".', NEW.name);
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION pprof.scrape_configs_check() FROM PUBLIC;
COMMENT ON FUNCTION pprof.scrape_configs_check() IS 'trigger: refuses scrape configurations that make no sense';

-- What a foreign key does, were it not for pg_restore -j: it fills targets and
-- configurations in any order.  Like all dumps it turns check_function_bodies off.
CREATE FUNCTION pprof.targets_follow() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM pprof.targets t WHERE t.config = OLD.name;
    ELSIF NEW.name <> OLD.name THEN
        UPDATE pprof.targets t SET config = NEW.name WHERE t.config = OLD.name;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION pprof.targets_follow() FROM PUBLIC;
COMMENT ON FUNCTION pprof.targets_follow() IS 'trigger: targets go with their configuration, or take its new name';

CREATE FUNCTION pprof.targets_check() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem text;
BEGIN
    IF current_setting('check_function_bodies')::boolean
       AND NOT EXISTS (SELECT FROM pprof.scrape_configs c WHERE c.name = NEW.config) THEN
        RAISE foreign_key_violation USING MESSAGE = format('there is no scrape configuration "%s"', NEW.config),
            HINT = 'pprof.add_scrape_config() makes one.';
    END IF;
    IF NEW.address = '' THEN
        problem := 'no address';
    ELSIF NEW.address ~ '[/?#@\\"<>[:space:][:cntrl:]]' THEN
        problem := format('"%s" is not a valid hostname', NEW.address);
    ELSIF NOT COALESCE(jsonb_typeof(NEW.labels) = 'object', false) THEN
        problem := 'labels must be a JSON object';
    ELSE
        SELECT CASE WHEN jsonb_typeof(l.value) <> 'string' THEN format('value of label "%s" must be a string', l.key)
                    WHEN octet_length(l.key) NOT BETWEEN 1 AND 1024 THEN 'length of a label name must be between 1 and 1024 bytes'
                    WHEN octet_length(l.value #>> '{}') > 2048 THEN format('value of label "%s" is longer than 2048 bytes', l.key)
                    WHEN l.number > 64 THEN 'a target can have at most 64 labels'
               END
          INTO problem
          FROM jsonb_each(NEW.labels) WITH ORDINALITY AS l (key, value, number)
         ORDER BY 1 NULLS LAST
         LIMIT 1;
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = problem,
            DETAIL = format('Target "%s" of scrape configuration "%s".', NEW.address, NEW.config);
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION pprof.targets_check() FROM PUBLIC;
COMMENT ON FUNCTION pprof.targets_check() IS 'trigger: refuses targets that make no sense';

CREATE TRIGGER check_row BEFORE INSERT OR UPDATE ON pprof.scrape_configs
    FOR EACH ROW EXECUTE FUNCTION pprof.scrape_configs_check();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pprof.scrape_configs
    FOR EACH STATEMENT EXECUTE FUNCTION pprof.scrape_changed();
CREATE TRIGGER follow AFTER UPDATE OF name OR DELETE ON pprof.scrape_configs
    FOR EACH ROW EXECUTE FUNCTION pprof.targets_follow();
CREATE TRIGGER check_row BEFORE INSERT OR UPDATE ON pprof.targets
    FOR EACH ROW EXECUTE FUNCTION pprof.targets_check();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pprof.targets
    FOR EACH STATEMENT EXECUTE FUNCTION pprof.scrape_changed();
COMMENT ON TRIGGER check_row ON pprof.scrape_configs IS 'refuses scrape configurations that make no sense';
COMMENT ON TRIGGER changed ON pprof.scrape_configs IS 'tells the scraper';
COMMENT ON TRIGGER follow ON pprof.scrape_configs IS 'targets go with it';
COMMENT ON TRIGGER check_row ON pprof.targets IS 'refuses targets that make no sense';
COMMENT ON TRIGGER changed ON pprof.targets IS 'tells the scraper';

CREATE FUNCTION pprof.add_scrape_config(
    name                      text,
    scrape_interval           interval DEFAULT '15 s',
    scrape_timeout            interval DEFAULT '10 s',
    delta_profiling_duration  interval DEFAULT NULL,
    job_name                  text     DEFAULT NULL,
    scheme                    text     DEFAULT 'http',
    path_prefix               text     DEFAULT '',
    params                    jsonb    DEFAULT '{}',
    profiles                  jsonb    DEFAULT '{}',
    follow_redirects          boolean  DEFAULT true,
    strict_content_type       boolean  DEFAULT false)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO pprof.scrape_configs
        (name, scrape_interval, scrape_timeout, delta_profiling_duration, job_name, scheme,
         path_prefix, params, profiles, follow_redirects, strict_content_type)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (name) DO UPDATE
       SET scrape_interval = EXCLUDED.scrape_interval,
           scrape_timeout = EXCLUDED.scrape_timeout,
           delta_profiling_duration = EXCLUDED.delta_profiling_duration,
           job_name = EXCLUDED.job_name,
           scheme = EXCLUDED.scheme,
           path_prefix = EXCLUDED.path_prefix,
           params = EXCLUDED.params,
           profiles = EXCLUDED.profiles,
           follow_redirects = EXCLUDED.follow_redirects,
           strict_content_type = EXCLUDED.strict_content_type,
           enabled = true
$$;
REVOKE ALL ON FUNCTION pprof.add_scrape_config(text, interval, interval, interval, text, text, text, jsonb, jsonb, boolean, boolean) FROM PUBLIC;
COMMENT ON FUNCTION pprof.add_scrape_config(text, interval, interval, interval, text, text, text, jsonb, jsonb, boolean, boolean)
    IS 'add a scrape configuration, or replace the one of that name; its targets stay';

CREATE FUNCTION pprof.add_target(config text, address text, labels jsonb DEFAULT '{}')
RETURNS uuid
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO pprof.targets (config, address, labels)
    VALUES ($1, $2, $3)
    ON CONFLICT (config, address, pg_catalog.jsonb_hash_extended(labels, 0)) DO UPDATE
       SET enabled = true
    RETURNING target_id
$$;
REVOKE ALL ON FUNCTION pprof.add_target(text, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pprof.add_target(text, text, jsonb)
    IS 'scrape this address as the configuration says; does nothing when it is there already';

CREATE FUNCTION pprof.drop_target(config text, address text, labels jsonb DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dropped integer;
BEGIN
    DELETE FROM pprof.targets AS t
     WHERE t.config = $1 AND t.address = $2 AND ($3 IS NULL OR t.labels = $3);
    GET DIAGNOSTICS dropped = ROW_COUNT;
    RETURN dropped;
END
$$;
REVOKE ALL ON FUNCTION pprof.drop_target(text, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pprof.drop_target(text, text, jsonb)
    IS 'scrape this address no longer (with all its label sets when labels is null); returns how many rows went';

CREATE VIEW pprof.scrape_status AS
    SELECT j.config,
           j.profile,
           j.url,
           j.address,
           j.labels,
           CASE WHEN j.state = 'invalid' THEN 'down'
                WHEN j.up IS NULL THEN 'unknown'
                WHEN j.up THEN 'up'
                ELSE 'down'
           END AS health,
           j.state,
           j.last_scrape,
           j.last_success,
           j.last_duration,
           j.last_error,
           j.last_store_error,
           j.scrapes,
           j.failures,
           j.missed,
           j.last_body_bytes,
           j.last_http_status,
           j.consecutive_failures
      FROM pprof.scrape_jobs AS j;
COMMENT ON VIEW pprof.scrape_status IS 'what became of every job (target and profile type) that is scraped';
COMMENT ON COLUMN pprof.scrape_status.config IS 'the configuration it comes from';
COMMENT ON COLUMN pprof.scrape_status.profile IS 'name of the profile type';
COMMENT ON COLUMN pprof.scrape_status.url IS 'what is fetched; null when the target makes no sense';
COMMENT ON COLUMN pprof.scrape_status.address IS 'address of the target, as written';
COMMENT ON COLUMN pprof.scrape_status.labels IS 'labels of what is stored';
COMMENT ON COLUMN pprof.scrape_status.last_scrape IS 'start of the last scrape, good or bad';
COMMENT ON COLUMN pprof.scrape_status.last_success IS 'start of the last good scrape';
COMMENT ON COLUMN pprof.scrape_status.last_duration IS 'how long the last scrape took';
COMMENT ON COLUMN pprof.scrape_status.last_error IS 'why the last scrape failed; empty if it did not';
COMMENT ON COLUMN pprof.scrape_status.last_store_error IS 'why the last profile could not be stored; empty if it could';
COMMENT ON COLUMN pprof.scrape_status.scrapes IS 'scrapes so far';
COMMENT ON COLUMN pprof.scrape_status.failures IS 'scrapes that failed';
COMMENT ON COLUMN pprof.scrape_status.missed IS 'scrapes left out because the one before was not over, or for lack of a place';
COMMENT ON COLUMN pprof.scrape_status.last_body_bytes IS 'bytes of the last answer';
COMMENT ON COLUMN pprof.scrape_status.last_http_status IS 'HTTP status of the last answer; 0 if there was none';
COMMENT ON COLUMN pprof.scrape_status.consecutive_failures IS 'failures since the last good scrape';
COMMENT ON COLUMN pprof.scrape_status.health IS 'unknown (before the first scrape), up or down';
COMMENT ON COLUMN pprof.scrape_status.state IS 'what became of the last scrape: pending (none yet), baseline (first of a cumulative profile, the next is a difference to it), stored, empty (nothing happened in between), failed, store_failed, invalid (the target makes no sense)';

GRANT SELECT, INSERT, UPDATE, DELETE ON pprof.scrape_configs, pprof.targets TO pprof_admin;
GRANT SELECT ON pprof.scrape_status TO pprof_admin, pprof_read;
GRANT EXECUTE ON FUNCTION pprof.add_scrape_config(text, interval, interval, interval, text, text, text, jsonb, jsonb, boolean, boolean),
    pprof.add_target(text, text, jsonb), pprof.drop_target(text, text, jsonb),
    pprof.scrape_profiles(jsonb) TO pprof_admin;

SELECT pg_catalog.pg_extension_config_dump('pprof.scrape_configs', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.targets', '');
