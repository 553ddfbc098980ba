-- 00_header.sql
--     Refuses to install over somebody else's schema, and makes the roles.

\echo Use "CREATE EXTENSION pprof" to load this file. \quit

DO $$
DECLARE
    squatted boolean;
BEGIN
    -- A schema that exists must be empty and the installer's own: whoever owns
    -- it could add functions that run with the extension's rights later.
    SELECT n.nspowner <> (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
           OR EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace = n.oid)
           OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid)
           OR EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.typnamespace = n.oid)
           OR EXISTS (SELECT FROM pg_catalog.pg_operator o WHERE o.oprnamespace = n.oid)
      INTO squatted
      FROM pg_catalog.pg_namespace n
     WHERE n.nspname = 'pprof';
    IF squatted THEN
        RAISE EXCEPTION 'schema pprof is not empty or belongs to another role'
            USING HINT = 'Drop or rename the schema, then create the extension again.';
    END IF;
    FOR i IN 1 .. 3 LOOP
        BEGIN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN',
                                      (ARRAY['pprof_ingest', 'pprof_read', 'pprof_admin'])[i]);
        EXCEPTION WHEN duplicate_object THEN
            NULL;    -- roles belong to the cluster: made once, never dropped
        END;
    END LOOP;
END
$$;

REVOKE ALL ON SCHEMA pprof FROM PUBLIC;
GRANT USAGE ON SCHEMA pprof TO PUBLIC;
COMMENT ON SCHEMA pprof IS 'continuous profiling: types, stored profiles and scraping';
