-- what belongs to the extension is in its schema, and described
SELECT extname, nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'pprof';
SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname IN ('pprof_ingest', 'pprof_read', 'pprof_admin') ORDER BY 1;
