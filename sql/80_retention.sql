-- 80_retention.sql
--     How long things are kept: rules, pins, and the steps that remove what is due.
--     Steps are called by maintenance, each in a transaction of its own.  What all
--     services of a day no longer keep goes with the partition, other things row
--     by row.  Nothing here waits long for a lock: what is busy is left for later.

-- Where days begin is computed with it: it must not leave the calendar, nor point
-- forward, as parts with different signs could.
CREATE FUNCTION pprof.retention_is_possible(keep interval) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT keep >= interval '1 day' AND keep <= interval '1000 years'
       AND least(extract(year FROM keep), extract(month FROM keep), extract(day FROM keep),
                 extract(hour FROM keep), extract(minute FROM keep), extract(second FROM keep)) >= 0
$$;
REVOKE ALL ON FUNCTION pprof.retention_is_possible(interval) FROM PUBLIC;
COMMENT ON FUNCTION pprof.retention_is_possible(interval) IS 'from a day to 1000 years, with no negative part';

CREATE TABLE pprof.retention_rules (
    tenant       text COLLATE "C" NOT NULL,
    service      text COLLATE "C" NOT NULL,
    profile_type text COLLATE "C" NOT NULL,
    resolution   text COLLATE "C" NOT NULL CHECK (resolution IN ('all', 'profiles', 'hours', 'days')),
    priority     integer NOT NULL DEFAULT 0,
    keep         interval CHECK (pprof.retention_is_possible(keep)),
    PRIMARY KEY (tenant, service, profile_type, resolution)
);
COMMENT ON TABLE pprof.retention_rules IS 'how long what is kept; without a rule: forever';
COMMENT ON COLUMN pprof.retention_rules.tenant IS 'whose services';
COMMENT ON COLUMN pprof.retention_rules.service IS 'regular expression that matches the whole name of a service';
COMMENT ON COLUMN pprof.retention_rules.profile_type IS 'regular expression that matches the whole profile type';
COMMENT ON COLUMN pprof.retention_rules.resolution IS 'profiles; hours: sums by line; days: sums by function; all: each of them';
COMMENT ON COLUMN pprof.retention_rules.priority IS 'of several rules the one with the greatest holds; then the one that names a resolution, then the one that keeps longer';
COMMENT ON COLUMN pprof.retention_rules.keep IS 'counted from the end of the UTC day, for days: of the month; null: forever';

CREATE TABLE pprof.pins (
    pin_id   uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    tenant   text COLLATE "C" NOT NULL,
    selector pprof.selector NOT NULL,
    since    timestamptz NOT NULL,
    until    timestamptz NOT NULL,
    comment  text NOT NULL DEFAULT '',
    created  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (pin_id)
);
COMMENT ON TABLE pprof.pins IS 'ranges that retention leaves alone';
COMMENT ON COLUMN pprof.pins.pin_id IS 'random';
COMMENT ON COLUMN pprof.pins.tenant IS 'whose services';
COMMENT ON COLUMN pprof.pins.selector IS 'services with a series that satisfies it';
COMMENT ON COLUMN pprof.pins.since IS 'start of the range; its whole UTC day is kept';
COMMENT ON COLUMN pprof.pins.until IS 'end of the range, not part of it';
COMMENT ON COLUMN pprof.pins.comment IS 'why';
COMMENT ON COLUMN pprof.pins.created IS 'when it was pinned';

CREATE TABLE pprof.service_cleanings (
    service_id bigint NOT NULL,
    cleaned    timestamptz NOT NULL,
    PRIMARY KEY (service_id)
);
COMMENT ON TABLE pprof.service_cleanings IS 'when series, pushes and marks without use were last removed';
COMMENT ON COLUMN pprof.service_cleanings.service_id IS 'the service';
COMMENT ON COLUMN pprof.service_cleanings.cleaned IS 'when; about once a day';

CREATE INDEX expired_days_day_idx ON pprof.expired_days (day);
COMMENT ON INDEX pprof.expired_days_day_idx IS 'finds the services of a day';
CREATE INDEX expired_days_todo_idx ON pprof.expired_days (day) WHERE NOT rewritten;
COMMENT ON INDEX pprof.expired_days_todo_idx IS 'finds days whose dictionary is to be rewritten';
CREATE INDEX expired_days_hours_idx ON pprof.expired_days (day) WHERE hours_gone AND NOT finished;
COMMENT ON INDEX pprof.expired_days_hours_idx IS 'finds days whose dictionary and series are to go';
CREATE INDEX dictionaries_day_idx ON pprof.dictionaries (day);
COMMENT ON INDEX pprof.dictionaries_day_idx IS 'finds the services of a day';

SELECT pg_catalog.pg_extension_config_dump('pprof.retention_rules', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.pins', '');

-- --- locks, for the functions here and those that delete ---

CREATE FUNCTION pprof.lock_service(service_id bigint, mode text, wait boolean DEFAULT true) RETURNS boolean
AS 'MODULE_PATHNAME', 'pprof_lock_service'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION pprof.lock_service(bigint, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION pprof.lock_service(bigint, text, boolean)
    IS 'locks a service until the transaction ends, to "maintain" or to "destroy"; false: somebody else has it';

CREATE FUNCTION pprof.lock_days(service_ids bigint[], day date) RETURNS void
AS 'MODULE_PATHNAME', 'pprof_lock_days'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION pprof.lock_days(bigint[], date) FROM PUBLIC;
COMMENT ON FUNCTION pprof.lock_days(bigint[], date)
    IS 'locks the dictionaries of services on a day against whoever stores, in the order that writers keep';

CREATE FUNCTION pprof.storage_invalidate() RETURNS void
AS 'MODULE_PATHNAME', 'pprof_storage_invalidate'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION pprof.storage_invalidate() FROM PUBLIC;
COMMENT ON FUNCTION pprof.storage_invalidate() IS 'once committed, every backend looks ids up anew';

-- Who waits for a lock must see what was done until then.
CREATE FUNCTION pprof.require_read_committed() RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE feature_not_supported USING MESSAGE = 'this is possible in READ COMMITTED transactions only';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION pprof.require_read_committed() FROM PUBLIC;
COMMENT ON FUNCTION pprof.require_read_committed() IS 'refuses transactions that keep a snapshot';

CREATE FUNCTION pprof.rewrite_dictionaries(service_id bigint, day date) RETURNS bigint
AS 'MODULE_PATHNAME', 'pprof_rewrite_dictionaries'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.rewrite_dictionaries(bigint, date) FROM PUBLIC;
COMMENT ON FUNCTION pprof.rewrite_dictionaries(bigint, date)
    IS 'keeps of the dictionaries of a service and day, whose profiles are gone, what rollups refer to; returns bytes freed';

CREATE FUNCTION pprof.bare_series(service_id bigint) RETURNS bigint
AS 'MODULE_PATHNAME', 'pprof_bare_series'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.bare_series(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pprof.bare_series(bigint) IS 'the series of a service that has no label but its name; made if it is missing';

-- --- rules and pins ---

-- The setting is there once the library is loaded, which no function here needs.
CREATE FUNCTION pprof.own_tenant() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT COALESCE(current_setting('pprof.tenant', true), 'anonymous') $$;
REVOKE ALL ON FUNCTION pprof.own_tenant() FROM PUBLIC;
COMMENT ON FUNCTION pprof.own_tenant() IS 'the tenant of the session';

CREATE FUNCTION pprof.pattern_selector(name text, pattern text) RETURNS pprof.selector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('{%s=~"%s"}', name,
                  replace(replace(replace(pattern, '\', '\\'), '"', '\"'), E'\n', '\n'))::pprof.selector
$$;
REVOKE ALL ON FUNCTION pprof.pattern_selector(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.pattern_selector(text, text) IS 'selector of a label that matches a regular expression';

CREATE FUNCTION pprof.set_retention(
    keep         interval,
    service      text DEFAULT '.*',
    profile_type text DEFAULT '.*',
    resolution   text DEFAULT 'all',
    priority     integer DEFAULT 0
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF set_retention.keep < interval '1 day' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'profiles are kept for a day at least';
    ELSIF NOT pprof.retention_is_possible(set_retention.keep) THEN
        RAISE invalid_parameter_value
            USING MESSAGE = format('profiles cannot be kept for %s', set_retention.keep),
                  HINT = 'The most is 1000 years, no part of it negative; null keeps them forever.';
    END IF;
    IF set_retention.resolution NOT IN ('all', 'profiles', 'hours', 'days') THEN
        RAISE invalid_parameter_value
            USING MESSAGE = format('resolution must be all, profiles, hours or days, not "%s"', set_retention.resolution);
    END IF;
    -- bad expressions are refused here, not where rules are applied
    PERFORM pprof.pattern_selector('service_name', service), pprof.pattern_selector('profile_type', profile_type);
    INSERT INTO pprof.retention_rules AS r (tenant, service, profile_type, resolution, priority, keep)
    VALUES (pprof.own_tenant(), set_retention.service, set_retention.profile_type,
            set_retention.resolution, set_retention.priority, set_retention.keep)
    ON CONFLICT ON CONSTRAINT retention_rules_pkey DO UPDATE
       SET priority = EXCLUDED.priority, keep = EXCLUDED.keep;
END
$$;
REVOKE ALL ON FUNCTION pprof.set_retention(interval, text, text, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION pprof.set_retention(interval, text, text, text, integer)
    IS 'sets how long the own services whose names match are kept; null: forever; at least a day';

CREATE FUNCTION pprof.drop_retention(
    service      text DEFAULT '.*',
    profile_type text DEFAULT '.*',
    resolution   text DEFAULT 'all'
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM pprof.retention_rules r
     WHERE r.tenant = pprof.own_tenant() AND r.service = drop_retention.service
       AND r.profile_type = drop_retention.profile_type AND r.resolution = drop_retention.resolution;
    RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION pprof.drop_retention(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.drop_retention(text, text, text)
    IS 'removes the rule with exactly these patterns; false if there is none';

CREATE FUNCTION pprof.pin(
    selector text,
    since    timestamptz,
    until    timestamptz,
    comment  text DEFAULT ''
) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id uuid;
BEGIN
    IF pin.selector ~ '__[a-z_]+__\s*[=!]' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a pin is for all profile types of a service',
              HINT = 'Leave private labels such as __profile_type__ out of the selector.';
    END IF;
    IF NOT pin.since < pin.until THEN
        RAISE invalid_parameter_value USING MESSAGE = 'the range must end after it begins';
    END IF;
    INSERT INTO pprof.pins (tenant, selector, since, until, comment)
    VALUES (pprof.own_tenant(), pin.selector::pprof.selector, pin.since, pin.until, pin.comment)
    RETURNING pin_id INTO id;
    RETURN id;
END
$$;
REVOKE ALL ON FUNCTION pprof.pin(text, timestamptz, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.pin(text, timestamptz, timestamptz, text)
    IS 'keeps the UTC days of a range, of all services with a series that satisfies the selector, from retention; returns the id of the pin';

CREATE FUNCTION pprof.unpin(pin_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM pprof.pins p
     WHERE p.tenant = pprof.own_tenant() AND p.pin_id = unpin.pin_id;
    RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION pprof.unpin(uuid) FROM PUBLIC;
COMMENT ON FUNCTION pprof.unpin(uuid) IS 'removes a pin; false if there is none';

CREATE FUNCTION pprof.pinned(service_id bigint, since timestamptz, until timestamptz) RETURNS boolean
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM pprof.pins p JOIN pprof.services s USING (tenant)
         WHERE s.service_id = $1 AND p.since < $3 AND p.until > $2
           AND EXISTS (SELECT FROM pprof.series l WHERE l.service_id = $1 AND l.labels OPERATOR(pprof.@~) p.selector))
$$;
REVOKE ALL ON FUNCTION pprof.pinned(bigint, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.pinned(bigint, timestamptz, timestamptz) IS 'does a pin of a service touch the range?';

-- What is coarser is kept at least as long as what it is made of.
CREATE FUNCTION pprof.retention_keeps(
    OUT service_id bigint, OUT type_id bigint,
    OUT profiles interval, OUT hours interval, OUT days interval
) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH named AS MATERIALIZED (
        SELECT s.service_id, r.*
          FROM pprof.services s JOIN pprof.retention_rules r USING (tenant)
         WHERE jsonb_build_object('service_name', s.name)
               OPERATOR(pprof.@~) pprof.pattern_selector('service_name', r.service)
    ), typed AS MATERIALIZED (
        SELECT n.service_id, t.type_id, n.resolution, n.priority, n.keep
          FROM named n JOIN pprof.service_types t USING (service_id)
         WHERE jsonb_build_object('profile_type', t.profile_type)
               OPERATOR(pprof.@~) pprof.pattern_selector('profile_type', n.profile_type)
    ), kept AS (
        SELECT t.service_id, t.type_id,
               (array_agg(keep ORDER BY priority DESC, resolution = 'all', keep DESC NULLS FIRST)
                   FILTER (WHERE resolution IN ('all', 'profiles')))[1] AS profiles,
               (array_agg(keep ORDER BY priority DESC, resolution = 'all', keep DESC NULLS FIRST)
                   FILTER (WHERE resolution IN ('all', 'hours')))[1] AS hours,
               (array_agg(keep ORDER BY priority DESC, resolution = 'all', keep DESC NULLS FIRST)
                   FILTER (WHERE resolution IN ('all', 'days')))[1] AS days
          FROM typed t GROUP BY 1, 2
    )
    SELECT service_id, type_id, profiles,
           CASE WHEN profiles IS NOT NULL AND hours IS NOT NULL THEN greatest(profiles, hours) END,
           CASE WHEN profiles IS NOT NULL AND hours IS NOT NULL AND days IS NOT NULL
                THEN greatest(profiles, hours, days) END
      FROM kept
$$;
REVOKE ALL ON FUNCTION pprof.retention_keeps() FROM PUBLIC;
COMMENT ON FUNCTION pprof.retention_keeps() IS 'what the rules mean for each service and profile type; null: forever';

-- Functions in a view run with the rights of who reads it.
CREATE FUNCTION pprof.own_retention(
    OUT service text, OUT profile_type text,
    OUT profiles interval, OUT hours interval, OUT days interval
) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT s.name, t.profile_type, k.profiles, k.hours, k.days
      FROM pprof.services s
      JOIN pprof.service_types t USING (service_id)
      LEFT JOIN pprof.retention_keeps() k USING (service_id, type_id)
     WHERE s.tenant = pprof.own_tenant()
$$;
REVOKE ALL ON FUNCTION pprof.own_retention() FROM PUBLIC;
COMMENT ON FUNCTION pprof.own_retention() IS 'rows of the view pprof.retention';

CREATE VIEW pprof.retention AS SELECT * FROM pprof.own_retention();
COMMENT ON VIEW pprof.retention IS 'how long the own services are kept; null: forever';
COMMENT ON COLUMN pprof.retention.service IS 'the label service_name';
COMMENT ON COLUMN pprof.retention.profile_type IS 'name:sample type:sample unit:period type:period unit';
COMMENT ON COLUMN pprof.retention.profiles IS 'single profiles';
COMMENT ON COLUMN pprof.retention.hours IS 'sums of hours, by line';
COMMENT ON COLUMN pprof.retention.days IS 'sums of days, by function';

CREATE VIEW pprof.own_retention_rules WITH (security_barrier) AS
SELECT service, profile_type, resolution, priority, keep
  FROM pprof.retention_rules
 WHERE tenant = COALESCE(pg_catalog.current_setting('pprof.tenant', true), 'anonymous');
COMMENT ON VIEW pprof.own_retention_rules IS 'rules of the own tenant';
COMMENT ON COLUMN pprof.own_retention_rules.service IS 'regular expression that matches the whole name of a service';
COMMENT ON COLUMN pprof.own_retention_rules.profile_type IS 'regular expression that matches the whole profile type';
COMMENT ON COLUMN pprof.own_retention_rules.resolution IS 'all, profiles, hours or days';
COMMENT ON COLUMN pprof.own_retention_rules.priority IS 'the greatest holds';
COMMENT ON COLUMN pprof.own_retention_rules.keep IS 'null: forever';

CREATE VIEW pprof.own_pins WITH (security_barrier) AS
SELECT pin_id, selector, since, until, comment, created
  FROM pprof.pins
 WHERE tenant = COALESCE(pg_catalog.current_setting('pprof.tenant', true), 'anonymous');
COMMENT ON VIEW pprof.own_pins IS 'pins of the own tenant';
COMMENT ON COLUMN pprof.own_pins.pin_id IS 'for pprof.unpin';
COMMENT ON COLUMN pprof.own_pins.selector IS 'services with a series that satisfies it';
COMMENT ON COLUMN pprof.own_pins.since IS 'start of the range';
COMMENT ON COLUMN pprof.own_pins.until IS 'end of the range, not part of it';
COMMENT ON COLUMN pprof.own_pins.comment IS 'why';
COMMENT ON COLUMN pprof.own_pins.created IS 'when it was pinned';

GRANT EXECUTE ON FUNCTION
    pprof.set_retention(interval, text, text, text, integer),
    pprof.drop_retention(text, text, text),
    pprof.pin(text, timestamptz, timestamptz, text),
    pprof.unpin(uuid)
 TO pprof_admin;
GRANT EXECUTE ON FUNCTION pprof.own_retention() TO pprof_read, pprof_admin;
GRANT SELECT ON pprof.retention, pprof.own_retention_rules, pprof.own_pins TO pprof_read, pprof_admin;
