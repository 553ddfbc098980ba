-- databases that are not UTF-8, and sessions whose time zone is not UTC
SET client_min_messages = warning;
CREATE DATABASE regress_pprof_latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c regress_pprof_latin1
SET client_min_messages = warning;
CREATE EXTENSION pprof;
SET client_encoding = 'UTF8';
SET pprof.accept_past = 0;
-- one sample of a CPU profile; its function is called "Übung"
CREATE FUNCTION body() RETURNS bytea LANGUAGE sql AS $$ SELECT '\x0a040801100212060a010112016422060801220208012a04080110033200320773616d706c65733205636f756e743206c39c62756e6748959a97ece39fe7cb17'::bytea $$;
SELECT pprof.validate(body());
-- tenants that differ beyond ASCII are different tenants, and the view knows them as well
SET pprof.tenant = 'é';
SELECT pprof.ingest(body(), '{"service_name": "größe", "k": "ü"}');
SELECT service, labels FROM pprof.profiles;
SELECT * FROM pprof.label_values('k', '{"{k=\"ü\"}"}');
SELECT s.stack FROM pprof.stacks(pprof.query((SELECT profile_type FROM pprof.profiles), '{k=~"ü|x.*"}', '-infinity', 'infinity')) AS s;
SET pprof.tenant = 'è';
SELECT * FROM pprof.label_values('service_name');
SELECT count(*) FROM pprof.profiles;
SET pprof.tenant = '?';
SELECT * FROM pprof.label_values('service_name');
RESET pprof.tenant;
SELECT * FROM pprof.check();
-- Apia had no 30 December 2011, UTC had
SET TimeZone = 'Pacific/Apia';
SET DateStyle = 'SQL, DMY';
SELECT pprof.add_day(d) FROM unnest('{2011-12-29,2011-12-30,2011-12-31}'::date[]) AS d;
SELECT relname FROM pg_class WHERE relname LIKE 'raw\_20111%' AND relkind = 'r' ORDER BY 1;
\c regression
DROP DATABASE regress_pprof_latin1;
