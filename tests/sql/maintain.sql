-- maintenance: who may do it, what it records, and what one failing step does to the others
SET client_min_messages = warning;
CREATE ROLE maintain_admin IN ROLE pprof_admin;
CREATE ROLE maintain_reader IN ROLE pprof_read;

SET ROLE maintain_admin;
CALL pprof.maintain();
CALL pprof.maintain(step => 'create_partitions');
SELECT step, waiting, running, failing FROM pprof.maintenance WHERE step = 'create_partitions';
SELECT step, service, running, runs >= 1 AS ran, done >= 7 AS did, failures, error
  FROM pprof.maintenance_steps WHERE step = 'create_partitions';
\set VERBOSITY terse
CALL pprof.maintain(step => 'nonsense');
-- it commits, so it cannot be part of a transaction
BEGIN;
CALL pprof.maintain();
ROLLBACK;
RESET ROLE;

\set VERBOSITY sqlstate
SET ROLE maintain_reader;
CALL pprof.maintain();
SELECT pprof.maintenance_run('create_partitions', 0);
SELECT count(*) FROM pprof.maintenance;
RESET ROLE;
\set VERBOSITY default

-- a step that fails is recorded, with its code; without a pause it is tried again by the
-- next run, and success clears the count
SELECT 'raw_' || to_char((clock_timestamp() AT TIME ZONE 'UTC')::date + 7, 'YYYYMMDD') AS last_day \gset
DROP TABLE pprof.:last_day;
ALTER FUNCTION pprof.create_partitions(integer) RENAME TO other_name;
CALL pprof.maintain(step => 'create_partitions');
SELECT waiting, services, failing FROM pprof.maintenance WHERE step = 'create_partitions';
SELECT failures, error, error_code, retry_at <= now() AS at_once FROM pprof.maintenance_steps WHERE step = 'create_partitions';
CALL pprof.maintain(step => 'create_partitions');
SELECT failures, retry_at > now() AS later FROM pprof.maintenance_steps WHERE step = 'create_partitions';
ALTER FUNCTION pprof.other_name(integer) RENAME TO create_partitions;
CALL pprof.maintain(step => 'create_partitions');
SELECT waiting FROM pprof.maintenance WHERE step = 'create_partitions';
UPDATE pprof.maintenance_state SET started = started - interval '1 minute', error_at = error_at - interval '1 minute';
CALL pprof.maintain(step => 'create_partitions');
SELECT waiting, failing FROM pprof.maintenance WHERE step = 'create_partitions';
SELECT failures, error_code FROM pprof.maintenance_steps WHERE step = 'create_partitions';

-- a claim of a process that is gone is an interruption
DROP TABLE pprof.:last_day;
UPDATE pprof.maintenance_state SET pid = 1, backend_start = now();
SELECT running FROM pprof.maintenance_steps WHERE step = 'create_partitions';
CALL pprof.maintain(step => 'create_partitions');
SELECT waiting FROM pprof.maintenance WHERE step = 'create_partitions';
SELECT failures, error, error_code FROM pprof.maintenance_steps WHERE step = 'create_partitions';

DROP ROLE maintain_admin, maintain_reader;
