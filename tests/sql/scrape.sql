-- What may stand in the tables of the scraper.
\set VERBOSITY terse
SET client_min_messages = warning;

-- the preset profile types, and what a configuration changes and adds
SELECT * FROM pprof.scrape_profiles();
SELECT * FROM pprof.scrape_profiles('{"memory": {"enabled": false}, "block": {"path": "/b"}, "mine": {"path": "/mine"}}')
 WHERE profile IN ('memory', 'block', 'mine');

-- a configuration is complete with a name
SELECT pprof.add_scrape_config('plain');
SELECT * FROM pprof.scrape_configs;

-- intervals that fit a measurement of whole seconds, and those that do not
SELECT pprof.add_scrape_config('ten', '10 s');
SELECT pprof.add_scrape_config('ten', '10 s', delta_profiling_duration => '9 s');
SELECT pprof.add_scrape_config('ten', '10 s', delta_profiling_duration => '14 s');
SELECT pprof.add_scrape_config('sixty', '60 s', delta_profiling_duration => '14.5 s');
SELECT pprof.add_scrape_config('two', '2 s');
SELECT pprof.add_scrape_config('two', '1.9 s');
SELECT pprof.add_scrape_config('two', '3 s', delta_profiling_duration => '1 s');
SELECT pprof.add_scrape_config('half', '0.5 s', profiles => '{"process_cpu": {"enabled": false}}');
SELECT pprof.add_scrape_config('tiny', '50 ms', profiles => '{"process_cpu": {"enabled": false}}');
SELECT pprof.add_scrape_config('none', scrape_timeout => '0 s');
-- the same rules for a row that is changed
UPDATE pprof.scrape_configs SET scrape_interval = '1 s' WHERE name = 'ten';
UPDATE pprof.scrape_configs SET profiles = '{}' WHERE name = 'half';

-- other refusals
SELECT pprof.add_scrape_config('');
SELECT pprof.add_scrape_config('x', scheme => 'file');
SELECT pprof.add_scrape_config('x', params => '[]');
SELECT pprof.add_scrape_config('x', params => '{"a": 1}');
SELECT pprof.add_scrape_config('x', params => '{"a": ["b", 1]}');
SELECT pprof.add_scrape_config('x', profiles => '{"x": {"enabled": true}}');
SELECT pprof.add_scrape_config('x', profiles => '{"x": true}');
SELECT pprof.add_scrape_config('x', profiles => '{"memory": {"enable": true}}');
SELECT pprof.add_scrape_config('x', profiles => '{"memory": {"enabled": "yes"}}');
SELECT pprof.add_scrape_config('x', profiles => '{"memory": {"path": 1}}');
SELECT pprof.add_scrape_config('x', profiles => '{"__name__": {"path": "/"}}');
SELECT pprof.add_target('plain', '');
SELECT pprof.add_target('plain', 'host/path');
SELECT pprof.add_target('plain', 'user@host');
SELECT pprof.add_target('plain', 'host x');
SELECT pprof.add_target('plain', 'host', '{"a": 1}');
SELECT pprof.add_target('plain', 'host', '[]');
SELECT pprof.add_target('plain', 'host', jsonb_build_object('a', repeat('x', 2049)));
SELECT pprof.add_target('plain', 'host', (SELECT jsonb_object_agg('l' || i, 'x') FROM generate_series(1, 65) AS i));
SELECT pprof.add_target('missing', 'host');
\set VERBOSITY sqlstate
SELECT pprof.add_scrape_config('x', scrape_timeout => '0 s');
SELECT pprof.add_target('plain', 'host/path');
\set VERBOSITY terse

-- a target occurs once with the same labels
SELECT pprof.add_target('plain', 'host') = pprof.add_target('plain', 'host') AS same;
SELECT pprof.add_target('plain', 'host', '{"pod": "a"}') <> pprof.add_target('plain', 'host', '{"pod": "b"}') AS other;
SELECT config, address, labels, enabled FROM pprof.targets ORDER BY labels;
SELECT pprof.drop_target('plain', 'host', '{"pod": "a"}');
SELECT pprof.drop_target('plain', 'host');
SELECT pprof.drop_target('plain', 'host');

-- every change is counted, so that the worker sees it; one that is rolled back is not
SELECT generation AS before FROM pprof.scrape_generation \gset
UPDATE pprof.scrape_configs SET enabled = false WHERE name = 'plain';
SELECT pprof.add_target('plain', 'host') IS NOT NULL AS added;
DELETE FROM pprof.scrape_configs WHERE name = 'plain';
BEGIN;
DELETE FROM pprof.scrape_configs;
ROLLBACK;
SELECT generation > :before + 2 AS counted FROM pprof.scrape_generation;
-- targets go with their configuration
SELECT count(*) FROM pprof.targets;
SELECT pprof.add_scrape_config('old'), pprof.add_target('old', 'host') IS NOT NULL AS added;
UPDATE pprof.scrape_configs SET name = 'new' WHERE name = 'old';
SELECT config, address FROM pprof.targets;
UPDATE pprof.targets SET config = 'none';
-- a dump may bring them first
BEGIN;
SET LOCAL check_function_bodies = off;
INSERT INTO pprof.targets (config, address) VALUES ('later', 'host');
ROLLBACK;
DELETE FROM pprof.scrape_configs WHERE name = 'new';
SELECT count(*) FROM pprof.targets;

-- who may what
SET ROLE pprof_admin;
SELECT pprof.add_target('ten', 'host') IS NOT NULL AS added;
UPDATE pprof.targets SET enabled = false;
SELECT count(*) FROM pprof.scrape_status;
UPDATE pprof.scrape_generation SET generation = 0;
SELECT count(*) FROM pprof.scrape_jobs;
RESET ROLE;
SET ROLE pprof_read;
SELECT count(*) FROM pprof.scrape_status;
SELECT pprof.add_target('ten', 'other');
SELECT count(*) FROM pprof.targets;
RESET ROLE;
SET ROLE pprof_ingest;
SELECT pprof.add_scrape_config('x');
RESET ROLE;

DELETE FROM pprof.scrape_configs;
