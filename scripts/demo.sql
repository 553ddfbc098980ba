-- demo.sql
--     What `make run` puts into its database: the role that the bridge connects
--     as, and the example at :target as what is scraped.  Safe to repeat.

DO $$
BEGIN
    CREATE ROLE bridge LOGIN;
EXCEPTION WHEN duplicate_object THEN
    NULL;
END
$$;
GRANT pprof_ingest, pprof_read TO bridge;

SELECT pprof.add_scrape_config('demo', scrape_interval => '5 s');
DELETE FROM pprof.targets WHERE config = 'demo' AND address <> :'target';
SELECT pprof.add_target('demo', :'target', '{"service_name": "shop"}');
