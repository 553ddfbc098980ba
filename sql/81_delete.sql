-- 81_delete.sql
--     Profiles that go before their time, and labels that change.  Only what the
--     tenant of the session owns; all that was made of it is right at once.

CREATE FUNCTION pprof.delete_series(
    selector text,
    since    timestamptz DEFAULT '-infinity',
    until    timestamptz DEFAULT 'infinity'
) RETURNS bigint
AS 'MODULE_PATHNAME', 'pprof_delete_series'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.delete_series(text, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.delete_series(text, timestamptz, timestamptz)
    IS 'deletes what a selector, private labels of the profile type included, means in [since, until); returns rows: one per profile, series and sample type';

CREATE FUNCTION pprof.delete_profile(
    profile_id uuid,
    selector   text DEFAULT '{}',
    since      timestamptz DEFAULT '-infinity',
    until      timestamptz DEFAULT 'infinity'
) RETURNS bigint
AS 'MODULE_PATHNAME', 'pprof_delete_profile'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION pprof.delete_profile(uuid, text, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.delete_profile(uuid, text, timestamptz, timestamptz)
    IS 'deletes a profile; returns its rows, 0 if it is not there; a selector and a range make the search shorter';

CREATE FUNCTION pprof.delete_profiles(
    profile_type text,
    selector     text,
    since        timestamptz,
    until        timestamptz
) RETURNS bigint
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pprof.delete_series(
        format('{__profile_type__="%s"%s',
               replace(replace(array_to_string((string_to_array(profile_type, ':'))[1:5], ':'), '\', '\\'), '"', '\"'),
               CASE c.text WHEN '{}' THEN '}' ELSE ', ' || substr(c.text, 2) END),
        since, until)
      FROM (SELECT selector::pprof.selector::text) AS c (text)
$$;
REVOKE ALL ON FUNCTION pprof.delete_profiles(text, text, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pprof.delete_profiles(text, text, timestamptz, timestamptz)
    IS 'deletes the profiles that pprof.query would add up with the same arguments; returns rows: one per profile and series';

-- By the catalog, so that no table is forgotten; the service is locked.
CREATE FUNCTION pprof.remove_service(service_id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN
        SELECT c.oid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = 'pprof'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND a.attname = 'service_id' AND NOT a.attisdropped AND a.atttypid = 'bigint'::regtype
         ORDER BY c.relname
    LOOP
        EXECUTE format('DELETE FROM %s WHERE service_id = $1', relation) USING remove_service.service_id;
    END LOOP;
    PERFORM pprof.storage_invalidate();
END
$$;
REVOKE ALL ON FUNCTION pprof.remove_service(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pprof.remove_service(bigint) IS 'removes a service that the caller has locked from every table';

CREATE FUNCTION pprof.delete_service(service text) RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id bigint;
    n bigint := 0;
BEGIN
    PERFORM pprof.require_read_committed();
    FOR id IN
        SELECT s.service_id FROM pprof.services s
         WHERE s.tenant = pprof.own_tenant() AND s.name = delete_service.service ORDER BY 1
    LOOP
        PERFORM pprof.lock_service(id, 'destroy');
        -- it may have been renamed until the lock was there
        CONTINUE WHEN NOT EXISTS (SELECT FROM pprof.services s WHERE s.service_id = id
                                   AND s.tenant = pprof.own_tenant() AND s.name = delete_service.service);
        n := n + (SELECT count(*) FROM pprof.raw r WHERE r.service_id = id)
               + (SELECT COALESCE(sum(g.profiles), 0) FROM pprof.segments g WHERE g.service_id = id);
        PERFORM pprof.remove_service(id);
    END LOOP;
    RETURN n;
END
$$;
REVOKE ALL ON FUNCTION pprof.delete_service(text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.delete_service(text)
    IS 'deletes all of a service, what retention had left of it included; returns rows: one per profile, series and sample type';

-- --- labels ---

CREATE FUNCTION pprof.checked_labels(labels jsonb) RETURNS jsonb
AS 'MODULE_PATHNAME', 'pprof_checked_labels'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION pprof.checked_labels(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pprof.checked_labels(jsonb)
    IS 'labels as a series may have them, empty ones dropped; refuses what ingest would';

-- Pins mean services by their labels: they must not lose what they hold.
CREATE FUNCTION pprof.pins_of(service_id bigint) RETURNS uuid[]
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(array_agg(p.pin_id), '{}')
      FROM pprof.pins p JOIN pprof.services s USING (tenant)
     WHERE s.service_id = $1
       AND EXISTS (SELECT FROM pprof.dictionaries d WHERE d.service_id = $1
                      AND d.day::timestamp AT TIME ZONE 'UTC' < p.until
                      AND (d.day + 1)::timestamp AT TIME ZONE 'UTC' > p.since)
       AND EXISTS (SELECT FROM pprof.series l WHERE l.service_id = $1 AND l.labels OPERATOR(pprof.@~) p.selector)
$$;
REVOKE ALL ON FUNCTION pprof.pins_of(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pprof.pins_of(bigint) IS 'pins that hold days of a service';

-- The service is locked.  Ids stay: nothing that is stored has to change.
CREATE FUNCTION pprof.set_labels(service_id bigint, ids bigint[], changes jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed bigint[];
    held uuid[] := pprof.pins_of($1);
BEGIN
    WITH wanted AS (
        SELECT s.series_id, pprof.checked_labels(jsonb_strip_nulls(s.labels || changes)) AS labels
          FROM pprof.series s WHERE s.service_id = $1 AND s.series_id = ANY (ids)
    ), updated AS (
        UPDATE pprof.series s SET labels = w.labels, relabeled = true
          FROM wanted w WHERE s.service_id = $1 AND s.series_id = w.series_id AND s.labels <> w.labels
        RETURNING s.series_id
    )
    SELECT array_agg(u.series_id) INTO changed FROM updated u;
    IF changed IS NULL THEN
        RETURN 0;
    END IF;
    IF NOT pprof.pins_of($1) @> held THEN
        RAISE object_in_use USING MESSAGE = 'a pin would not hold the service any more',
              HINT = 'See pprof.own_pins; first pin the range by what the labels will be as well, and unpin the other.';
    END IF;
    PERFORM pprof.label_summary_rebuild($1, d.day)
       FROM (SELECT DISTINCT x.day FROM pprof.series_days x
              WHERE x.service_id = $1 AND x.series_id = ANY (changed)) d;
    PERFORM pprof.storage_invalidate();
    RETURN cardinality(changed);
END
$$;
REVOKE ALL ON FUNCTION pprof.set_labels(bigint, bigint[], jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pprof.set_labels(bigint, bigint[], jsonb) IS 'changes labels of series of a service that the caller has locked';

CREATE FUNCTION pprof.relabel(selector text, labels jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id bigint;
    n bigint := 0;
BEGIN
    PERFORM pprof.require_read_committed();
    IF jsonb_typeof(relabel.labels) <> 'object' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'labels must be an object of strings';
    END IF;
    IF EXISTS (SELECT FROM jsonb_object_keys(relabel.labels) AS k WHERE k = 'service_name' OR k LIKE '\_\_%') THEN
        RAISE invalid_parameter_value USING MESSAGE = 'service_name and private labels cannot be changed',
              HINT = 'pprof.rename_service() gives a service another name.';
    END IF;
    IF relabel.selector ~ '__[a-z_]+__\s*[=!]' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'labels are those of all profile types of a series',
              HINT = 'Leave private labels such as __profile_type__ out of the selector.';
    END IF;
    FOR id IN
        SELECT s.service_id FROM pprof.services s
         WHERE s.tenant = pprof.own_tenant()
           AND EXISTS (SELECT FROM pprof.series l WHERE l.service_id = s.service_id
                          AND l.labels OPERATOR(pprof.@~) relabel.selector::pprof.selector)
         ORDER BY 1
    LOOP
        PERFORM pprof.lock_service(id, 'destroy');
        n := n + pprof.set_labels(id,
                 ARRAY(SELECT l.series_id FROM pprof.series l WHERE l.service_id = id
                          AND l.labels OPERATOR(pprof.@~) relabel.selector::pprof.selector), relabel.labels);
    END LOOP;
    RETURN n;
END
$$;
REVOKE ALL ON FUNCTION pprof.relabel(text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pprof.relabel(text, jsonb)
    IS 'sets labels of stored series that satisfy the selector, a null removes one; returns how many series changed';

CREATE FUNCTION pprof.rename_service(old text, new text) RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id bigint;
    n bigint := 0;
    name jsonb := jsonb_build_object('service_name', rename_service.new);
BEGIN
    PERFORM pprof.require_read_committed();
    IF pprof.checked_labels(name) IS DISTINCT FROM name OR rename_service.old = rename_service.new THEN
        RAISE invalid_parameter_value USING MESSAGE = format('"%s" cannot be the new name', rename_service.new);
    END IF;
    FOR id IN
        SELECT s.service_id FROM pprof.services s
         WHERE s.tenant = pprof.own_tenant() AND s.name = rename_service.old ORDER BY 1
    LOOP
        PERFORM pprof.lock_service(id, 'destroy');
        UPDATE pprof.services s SET name = rename_service.new, relabeled = true
         WHERE s.service_id = id AND s.name = rename_service.old;
        CONTINUE WHEN NOT FOUND;
        PERFORM pprof.set_labels(id, ARRAY(SELECT l.series_id FROM pprof.series l WHERE l.service_id = id), name);
        PERFORM pprof.storage_invalidate();
        n := n + 1;
    END LOOP;
    RETURN n;
END
$$;
REVOKE ALL ON FUNCTION pprof.rename_service(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pprof.rename_service(text, text)
    IS 'gives a service another name, which others may have as well: they are one service to queries then; returns 0 if there is none';

GRANT EXECUTE ON FUNCTION
    pprof.delete_series(text, timestamptz, timestamptz),
    pprof.delete_profile(uuid, text, timestamptz, timestamptz),
    pprof.delete_profiles(text, text, timestamptz, timestamptz),
    pprof.delete_service(text),
    pprof.relabel(text, jsonb),
    pprof.rename_service(text, text)
 TO pprof_admin;
