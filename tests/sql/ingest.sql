-- profiles come in: what is stored, what is refused, and that nothing is stored half
SET pprof.accept_past = 0;
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
CREATE TABLE bodies (name text PRIMARY KEY, body bytea);
-- two sample types, three samples: one without labels, two of endpoint /a, one of them in a span
INSERT INTO bodies VALUES ('p1', '\x0a04080110020a0408031004120b0a02010212050280dac40912160a010212050180ade2041a04080710081a040809100a12110a0201021205038087a70e1a04080710081a0408013801220a0801100122040801100b220a080210012204080210162a060801100518052a060802100618063200320773616d706c65733205636f756e743203637075320b6e616e6f7365636f6e647332046c6561663204726f6f743208656e64706f696e7432022f61320a70726f66696c655f6964321030306630363761613062613930326237488080a8b1e39fe7cb175080c8afa0255a04080310046080ade204');
SELECT name, length(body), pprof.validate(body) FROM bodies;

-- one row per series; the count of events is in the row of the time
SELECT pprof.ingest(body, '{"__name__": "process_cpu", "service_name": "checkout", "__delta__": "false", "env": "prod"}') FROM bodies WHERE name = 'p1';
SELECT service, profile_type, labels, at, duration, total FROM pprof.profiles ORDER BY labels::text;
SELECT l.labels ->> 'endpoint' AS endpoint, t.type, s.stack, s.value
  FROM (VALUES ('process_cpu:samples:count:cpu:nanoseconds', 'samples'),
               ('process_cpu:cpu:nanoseconds:cpu:nanoseconds', 'cpu')) AS t (id, type),
       (VALUES ('{"endpoint": "/a"}'::jsonb, '{endpoint="/a"}'), ('{}', '{endpoint=""}')) AS l (labels, selector),
       pprof.stacks(pprof.query(t.id, l.selector, '2023-11-14', '2023-11-15')) AS s
 ORDER BY 1, 2, 3;
SELECT s.stack, s.value FROM pprof.stacks(pprof.query('process_cpu:cpu:nanoseconds:cpu:nanoseconds',
    '{span_id="00f067aa0ba902b7"}', '2023-11-14', '2023-11-15')) AS s;

-- sent again: nothing new, as it carries its own time
SELECT pprof.ingest(body, '{"__name__": "process_cpu", "service_name": "checkout", "env": "prod"}') FROM bodies WHERE name = 'p1';
-- but under other labels it is another profile, and its name is found in the sample types
SELECT pprof.ingest(body, '{"service_name": "checkout", "env": "test", "empty": "", "__private__": "x"}') FROM bodies WHERE name = 'p1';
SELECT labels FROM pprof.profiles WHERE labels @> '{"env": "test"}' ORDER BY labels::text;
-- a label of the request wins over that of a sample
SELECT pprof.ingest(body, '{"endpoint": "mine", "env": "wins"}') FROM bodies WHERE name = 'p1';
SELECT service, labels, total FROM pprof.profiles WHERE labels @> '{"env": "wins"}';
-- labels of samples that may not become labels of series
SET pprof.sample_label_deny = 'pid, endpoint';
SELECT pprof.ingest(body, '{"env": "denied"}') FROM bodies WHERE name = 'p1';
SELECT labels, total FROM pprof.profiles WHERE labels @> '{"env": "denied"}';
RESET pprof.sample_label_deny;

-- a batch: the bad ones fail alone
SELECT idx, stored, sqlstate, message, detail, reason FROM pprof.push(
    ARRAY[(SELECT body FROM bodies WHERE name = 'p1'), '\x0aff', '', '\x1f8b08', NULL,
          (SELECT body FROM bodies WHERE name = 'p1'), (SELECT body FROM bodies WHERE name = 'p1'),
          (SELECT body FROM bodies WHERE name = 'p1'), convert_to('--- heapz 1 ---', 'UTF8')],
    ARRAY['{"__name__": "process_cpu", "service_name": "batch"}', '{}', '{}', '{}', '{}',
          '{"service_name": "nameless"}', '[]', '{"__name__": "a:b"}', '{}']::jsonb[]);
SELECT count(*) FROM pprof.profiles WHERE service = 'nameless';
-- arrays that do not belong together are a mistake of the caller
SELECT * FROM pprof.push(ARRAY['']::bytea[], ARRAY[]::jsonb[]);
SELECT * FROM pprof.push(ARRAY['']::bytea[], ARRAY['{}']::jsonb[], ARRAY[]::text[]);
SELECT * FROM pprof.push(ARRAY['']::bytea[], ARRAY['{}']::jsonb[], options => '{"nonsense": 1}');
SELECT * FROM pprof.push(NULL, NULL);

-- without a time of its own a profile is nobody's double, unless an id or a key says so
CREATE FUNCTION timeless() RETURNS bytea LANGUAGE sql AS $$
    -- p1 without field 9 (time)
    SELECT substr(body, 1, position('\x488080a8b1e39fe7cb17'::bytea IN body) - 1)
        || substr(body, position('\x488080a8b1e39fe7cb17'::bytea IN body) + 10) FROM bodies WHERE name = 'p1' $$;
SELECT pprof.validate(timeless()) IS NULL AS good;
SELECT pprof.ingest(timeless(), '{"service_name": "timeless"}', '2023-11-14 01:00:00Z') AS first,
       pprof.ingest(timeless(), '{"service_name": "timeless"}', '2023-11-14 01:00:00Z') AS again;
SELECT stored FROM pprof.push(ARRAY[timeless(), timeless()], ARRAY_FILL('{"service_name": "ids"}'::jsonb, '{2}'),
    ids => ARRAY['b7c2f1de-0000-4000-8000-000000000001', 'not a uuid'], options => '{"infer_name": true}') ORDER BY idx;
SELECT stored FROM pprof.push(ARRAY[timeless(), timeless(), timeless()], ARRAY_FILL('{"service_name": "ids"}'::jsonb, '{3}'),
    ids => ARRAY['b7c2f1de-0000-4000-8000-000000000001', 'not a uuid', 'another'], options => '{"infer_name": true}') ORDER BY idx;
SELECT stored FROM pprof.push(ARRAY[timeless()], ARRAY['{"service_name": "keys"}'::jsonb],
    options => '{"infer_name": true, "idempotency_key": "k"}');
SELECT stored FROM pprof.push(ARRAY[timeless()], ARRAY['{"service_name": "keys"}'::jsonb],
    options => '{"infer_name": true, "idempotency_key": "k"}');
SELECT service, count(*), bool_and(at > now() - interval '1 hour') AS now FROM pprof.profiles
 WHERE service IN ('timeless', 'ids', 'keys') GROUP BY 1 ORDER BY 1;
SELECT DISTINCT profile_id FROM pprof.profiles WHERE profile_id = 'b7c2f1de-0000-4000-8000-000000000001';

-- display names decide about a name that was not sent
SELECT stored FROM pprof.push(ARRAY[(SELECT body FROM bodies WHERE name = 'p1')], ARRAY['{"service_name": "display"}'::jsonb],
    options => '{"infer_name": true, "display_names": {"samples": "goroutines", "cpu": "other"}}');
SELECT DISTINCT profile_type FROM pprof.profiles WHERE service = 'display';

-- outside the window
SET pprof.accept_past = '30d';
\set VERBOSITY sqlstate
SELECT pprof.ingest(body, '{"service_name": "late"}') FROM bodies WHERE name = 'p1';
SELECT pprof.ingest(timeless(), '{"service_name": "early"}', now() + interval '11 min');
SELECT pprof.ingest(timeless(), '{"service_name": "now"}', now() + interval '9 min');
\set VERBOSITY default
SELECT idx, stored, sqlstate, regexp_replace(message, '[0-9-]+ [0-9:.]+ \+0000 UTC', 'T', 'g') AS message, reason
  FROM pprof.push(ARRAY[(SELECT body FROM bodies WHERE name = 'p1')], ARRAY['{"__name__": "process_cpu", "service_name": "late"}'::jsonb]);
SET pprof.accept_past = 0;

-- limits name their setting
SET pprof.max_samples = 2;
SELECT sqlstate, message, hint, reason FROM pprof.push(ARRAY[(SELECT body FROM bodies WHERE name = 'p1')], ARRAY['{"__name__": "x"}'::jsonb]);
RESET pprof.max_samples;
SET pprof.max_label_names = 2;
SELECT sqlstate, message, hint, reason FROM pprof.push(ARRAY[(SELECT body FROM bodies WHERE name = 'p1')], ARRAY['{"__name__": "x", "a": "b"}'::jsonb]);
RESET pprof.max_label_names;
-- 100,000 zeros
SET pprof.max_profile_size = '64kB';
SELECT sqlstate, message, hint, reason FROM pprof.push(ARRAY['\x1f8b0800000000000203edc13101000000c2a0f54f6d0d0fa00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000008057037d9511d4a0860100'::bytea], ARRAY['{"__name__": "x"}'::jsonb]);
RESET pprof.max_profile_size;
SET pprof.max_compressed = '1kB';
SELECT sqlstate, message, hint, reason FROM pprof.push(ARRAY['\x1f8b'::bytea || decode(repeat('00', 1024), 'hex')], ARRAY['{"__name__": "x"}'::jsonb]);
RESET pprof.max_compressed;

-- every prefix and every flipped byte: an error with a SQLSTATE of bad input, or a good profile
SELECT sqlstate, count(*) > 0 AS some FROM
    (SELECT array_agg(substr(body, 1, n)) AS b, array_agg('{"__name__": "process_cpu", "service_name": "fuzz"}'::jsonb) AS l
       FROM bodies, generate_series(0, length(body) - 1) AS n WHERE name = 'p1') x, pprof.push(b, l)
 WHERE sqlstate IS NULL OR sqlstate !~ '^(22|0A|54)' GROUP BY 1 ORDER BY 1;
SELECT count(*) AS not_bad_input FROM
    (SELECT array_agg(set_byte(body, n, get_byte(body, n) # (1 << (n % 8)))) AS b, array_agg('{"__name__": "process_cpu", "service_name": "fuzz"}'::jsonb) AS l
       FROM bodies, generate_series(0, length(body) - 1) AS n WHERE name = 'p1') x, pprof.push(b, l)
 WHERE sqlstate IS NOT NULL AND sqlstate !~ '^(22|0A|54)';

-- bytes without any sense, plain, and behind the first bytes of gzip and of a profile
SELECT setseed(0.42) IS NOT NULL AS seeded;
CREATE FUNCTION noise(n int) RETURNS bytea LANGUAGE sql VOLATILE AS $$
    SELECT string_agg(set_byte('\x00', 0, floor(random() * 256)::int), ''::bytea) FROM generate_series(1, n) $$;
CREATE TABLE noises AS SELECT n, substr(body, 1, (ARRAY[0, 2, 30])[1 + n % 3]) || CASE n % 4 WHEN 0 THEN '\x1f8b08' ELSE '' END::bytea || noise(n) AS body
  FROM bodies, generate_series(1, 300) AS n WHERE name = 'p1';
SELECT count(*) AS profiles, count(*) FILTER (WHERE sqlstate IS NOT NULL) > 250 AS most_refused,
       count(*) FILTER (WHERE sqlstate !~ '^(22|0A|54)' OR stored > 0 AND sqlstate IS NOT NULL) AS wrong
  FROM (SELECT array_agg(body ORDER BY n) AS b, array_agg('{"__name__": "process_cpu", "service_name": "noise"}'::jsonb) AS l FROM noises) x, pprof.push(b, l);
SELECT count(*) - count(*) FILTER (WHERE pprof.validate(body) IS NULL) > 250 AS most_refused FROM noises;
DROP TABLE noises;
DROP FUNCTION noise(int);

-- a sample with a negative value is left out, and that is told
INSERT INTO bodies SELECT 'negative', overlay(body PLACING '\x121a0a0201021214ffffffffffffffffff01ffffffffffffffffff01'::bytea
    FROM position('\x120b0a02010212050280dac409'::bytea IN body) FOR 13) FROM bodies WHERE name = 'p1';
SELECT pprof.ingest(body, '{"service_name": "negative"}') FROM bodies WHERE name = 'negative';
SELECT idx, stored, sqlstate, message, detail FROM pprof.push(ARRAY[(SELECT body FROM bodies WHERE name = 'negative')],
    ARRAY['{"__name__": "process_cpu", "service_name": "negative"}'::jsonb]);
SELECT service, sum(total) FROM pprof.profiles WHERE service IN ('checkout', 'negative') AND NOT labels ? 'env' OR labels @> '{"env": "prod"}' GROUP BY 1 ORDER BY 1;

-- a tenant begins no more than 100 new days in an hour; days that are there stay open to it, and others may begin theirs
BEGIN;
SET LOCAL pprof.tenant = 'eager';
INSERT INTO pprof.days (day, tenant) SELECT '2200-01-01'::date + n, 'eager' FROM generate_series(1, 98) AS n;
SELECT idx, stored, sqlstate, message, reason FROM pprof.push(ARRAY_FILL(timeless(), '{4}'), ARRAY_FILL('{"__name__": "process_cpu", "service_name": "eager"}'::jsonb, '{4}'),
    times => '{2001-01-01 Z,2001-01-02 Z,2001-01-03 Z,2001-01-01 01:00 Z}');
SET LOCAL pprof.tenant = 'other';
SELECT pprof.ingest(timeless(), '{"service_name": "eager"}', '2001-01-03 Z');
SET LOCAL pprof.tenant = 'eager';
SELECT pprof.ingest(timeless(), '{"service_name": "eager"}', '2001-01-03 Z');
SELECT count(*) FROM pprof.profiles WHERE service = 'eager';
UPDATE pprof.days SET created = created - interval '61 min' WHERE tenant = 'eager';
SELECT pprof.ingest(timeless(), '{"service_name": "eager"}', '2001-01-04 Z');
ROLLBACK;

-- a rolled-back profile leaves nothing, in the tables and in the cache
BEGIN;
SELECT pprof.ingest(body, '{"service_name": "rolled back"}') FROM bodies WHERE name = 'p1';
ROLLBACK;
SELECT pprof.ingest(body, '{"service_name": "rolled back"}') FROM bodies WHERE name = 'p1';
BEGIN;
SAVEPOINT s;
SELECT pprof.ingest(body, '{"service_name": "saved"}') FROM bodies WHERE name = 'p1';
ROLLBACK TO s;
SELECT pprof.ingest(body, '{"service_name": "saved"}') FROM bodies WHERE name = 'p1';
SELECT value, label FROM pprof.flamegraph('process_cpu:samples:count:cpu:nanoseconds', '{service_name="saved"}', since => '2023-11-14', until => '2023-11-15');
ROLLBACK;
SELECT value, label FROM pprof.flamegraph('process_cpu:samples:count:cpu:nanoseconds', '{service_name="saved"}', since => '2023-11-14', until => '2023-11-15');
SELECT pprof.ingest(body, '{"service_name": "saved"}') FROM bodies WHERE name = 'p1';
SELECT value, label FROM pprof.flamegraph('process_cpu:samples:count:cpu:nanoseconds', '{service_name="saved"}', since => '2023-11-14', until => '2023-11-15');

-- tenants see their own
SET pprof.tenant = 'other';
SELECT pprof.ingest(body, '{"service_name": "checkout"}') FROM bodies WHERE name = 'p1';
SELECT count(*) FROM pprof.profiles;
SELECT count(DISTINCT service_id) FROM pprof.services WHERE name = 'checkout';
SELECT samples AS theirs FROM pprof.profiles LIMIT 1 \gset
RESET pprof.tenant;
\set VERBOSITY sqlstate
SELECT pprof.num_samples(:'theirs'::pprof.samples::pprof.profile);
\set VERBOSITY default
SET pprof.tenant = 'other';
SELECT pprof.num_samples(:'theirs'::pprof.samples::pprof.profile);
RESET pprof.tenant;

-- roles
SET ROLE pprof_read;
SELECT pprof.ingest('', '{}');
SELECT count(*) > 0 AS reads FROM pprof.profiles;
SELECT count(*) FROM pprof.raw;
SET ROLE pprof_ingest;
SELECT count(*) FROM pprof.profiles;
SELECT pprof.query('a:b:c:d:e', '{}', now(), now());
SELECT sqlstate FROM pprof.push(ARRAY['']::bytea[], ARRAY['{}']::jsonb[]);
RESET ROLE;
SELECT * FROM pprof.check();
DROP FUNCTION timeless();
DROP TABLE bodies;
TRUNCATE pprof.services, pprof.service_types, pprof.series, pprof.series_days, pprof.label_days, pprof.dictionaries, pprof.chunks, pprof.raw, pprof.pushes;
-- two columns of one type would be one row
SELECT pprof.ingest('\x0a04080110020a040801100212041202010232003203637075320b6e616e6f7365636f6e6473', '{"service_name": "twice", "__name__": "process_cpu"}', now());
