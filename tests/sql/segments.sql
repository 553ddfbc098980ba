-- compaction: raw rows become segments, and nothing of them changes
SET pprof.accept_past = 0;
SET pprof.segment_profiles = 8;
SET TIME ZONE 'UTC';
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/body.sql'
\i :include
CREATE FUNCTION compact(max_rows int DEFAULT 20000) RETURNS SETOF int LANGUAGE sql AS
    $$ SELECT pprof.compact_service(service_id, max_rows) FROM pprof.services ORDER BY name $$;
CREATE TEMP VIEW shape AS
    SELECT s.name, split_part(t.profile_type, ':', 2) AS type, hour::time(0) AS hour, segment, profiles,
           first_at::time, last_at::time, length(ids) AS ids, length(spans) > 0 AS spans
      FROM pprof.segments JOIN pprof.services s USING (service_id) JOIN pprof.service_types t USING (service_id, type_id)
     ORDER BY 1, 2, 3, 4;

-- twenty profiles of two pods in one hour, one in the next; both hours are over
SELECT count(*) FROM generate_series(0, 19) i,
    pprof.ingest(body('leaf' || i % 3, i + 1, '2023-11-14 01:00Z'::timestamptz + i * interval '61 s'),
                 jsonb_build_object('service_name', 'shop', 'pod', (i % 2)::text));
SELECT pprof.ingest(body('late', 5, '2023-11-14 02:59:59.999999Z'), '{"service_name": "shop"}');
-- half of them have another dictionary, one has spans, one counts no events
INSERT INTO pprof.dictionaries SELECT service_id, day, 1 FROM pprof.dictionaries WHERE day = '2023-11-14';
INSERT INTO pprof.chunks SELECT service_id, 1, day, first_no, last_no, data FROM pprof.chunks WHERE day = '2023-11-14';
UPDATE pprof.raw SET samples = overlay(samples::text PLACING '0100000000000000' FROM 9)::pprof.samples
 WHERE series_id = (SELECT series_id FROM pprof.series WHERE labels ->> 'pod' = '1');
UPDATE pprof.raw SET spans = '\x0101010102030405060708010001' WHERE at = '2023-11-14 01:00Z';
UPDATE pprof.raw SET samples = overlay(samples::text PLACING '00' FROM 5)::pprof.samples WHERE at = '2023-11-14 01:03:03Z';
CREATE FUNCTION answers(OUT answer text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT pprof.query('process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{service_name="shop"}', '2023-11-14 00:00Z', '2023-11-15 00:00Z')::text
    UNION ALL
    SELECT pprof.query('process_cpu:samples:count:cpu:nanoseconds', '{service_name="shop"}', '2023-11-14 01:04Z', '2023-11-14 01:11Z')::text
    UNION ALL
    SELECT pprof.query('process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{service_name="shop", pod="1"}', '2023-11-14 01:04Z', '2023-11-14 02:00Z')::text
    UNION ALL
    SELECT pprof.query('process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{service_name="shop", span_id="0102030405060708"}', '2023-11-14 01:00Z', '2023-11-14 02:00Z')::text
    UNION ALL
    SELECT t::text FROM pprof.timeseries('process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{service_name="shop"}', '2023-11-14 01:00Z', '2023-11-14 03:00Z', '90 s', '{pod}') t
$$;
CREATE TEMP TABLE before AS SELECT * FROM pprof.raw;
CREATE TEMP TABLE answers_before AS SELECT * FROM answers();
SELECT count(*), count(answer) FROM answers_before;
SELECT * FROM pprof.check();
SELECT rows, oldest FROM pprof.compaction_backlog();
SELECT compact();
SELECT count(*) FROM pprof.raw;
SELECT * FROM shape;
SELECT * FROM pprof.compaction_backlog();
SELECT compact();
SELECT hour FROM pprof.dirty_hours ORDER BY 1;
SELECT day FROM pprof.dirty_days;
-- rows come out of the segments as they went in
SELECT count(*) FROM (SELECT service_id, type_id, r.* FROM pprof.segments s, pprof.segment_rows(s.head, s.ids, s.samples, s.spans) r) r
    JOIN before b USING (service_id, type_id, series_id, at, duration, total, profile_id, spans) WHERE r.samples::text = b.samples::text;
(TABLE answers_before EXCEPT ALL SELECT * FROM answers()) UNION ALL (SELECT * FROM answers() EXCEPT ALL TABLE answers_before);
SELECT * FROM pprof.check();

-- what was moved is not stored again, neither alone nor in a batch with a new one
SELECT pprof.ingest(body('leaf0', 1, '2023-11-14 01:00Z'), '{"service_name": "shop", "pod": "0"}');
SELECT idx, stored, sqlstate FROM pprof.push(ARRAY[body('leaf1', 2, '2023-11-14 01:01:01Z'), body('leaf1', 2, '2023-11-14 01:01:02Z')],
    array_fill(jsonb '{"__name__": "process_cpu", "service_name": "shop", "pod": "1"}', ARRAY[2]));
SELECT count(*) FROM pprof.raw;
-- a late row comes into the last, small segment; an equal one of another series is another
SELECT pprof.ingest(body('leaf1', 2, '2023-11-14 01:01:01Z'), '{"service_name": "shop", "pod": "2"}');
DELETE FROM pprof.dirty_hours WHERE hour = '2023-11-14 01:00Z';
DELETE FROM pprof.dirty_days;
SELECT compact();
SELECT * FROM shape;
SELECT hour FROM pprof.dirty_hours ORDER BY 1;
SELECT * FROM pprof.check();

-- max_rows, and few rows of an hour that goes on
SELECT compact(0);
SET pprof.accept_future = 0;
SELECT count(*) FROM generate_series(0, 10) i,
    pprof.ingest(body('leaf', i + 1, '2100-01-01 01:00Z'::timestamptz + i * interval '1 s'), '{"service_name": "now"}');
SELECT rows FROM pprof.compaction_backlog();
SELECT compact(3);
SELECT profiles FROM shape WHERE name = 'now';
SELECT rows FROM pprof.compaction_backlog();
SELECT compact();
SELECT profiles FROM shape WHERE name = 'now';
SELECT count(*) FROM pprof.raw;
SELECT * FROM pprof.compaction_backlog();
SELECT * FROM pprof.check();

-- not under a snapshot that may be older than the lock
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT compact();
ROLLBACK;
-- days whose profiles retention took stay as they are
SELECT pprof.ingest(body('gone', 1, '2023-11-16 01:00Z'), '{"service_name": "shop"}');
INSERT INTO pprof.expired_days SELECT service_id, '2023-11-16' FROM pprof.services WHERE name = 'shop';
SELECT * FROM pprof.compaction_backlog();
SELECT compact();
DELETE FROM pprof.raw WHERE at < '2023-11-17Z';
DELETE FROM pprof.expired_days;

-- damage of segments is found
CREATE PROCEDURE damage(statement text) LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    EXECUTE statement;
    FOR r IN SELECT regexp_replace(object, '-?[0-9]{9,}', 'N', 'g') AS object, problem FROM pprof.check() ORDER BY 1, 2 LOOP
        RAISE INFO '%: %', r.object, r.problem;
    END LOOP;
    ROLLBACK;
END $$;
CALL damage($$UPDATE pprof.segments SET head = set_byte(head, 0, 9) WHERE segment = 1$$);
CALL damage($$UPDATE pprof.segments SET ids = substr(ids, 2) WHERE segment = 1$$);
CALL damage($$UPDATE pprof.segments SET samples = substr(samples, 1, length(samples) - 1) WHERE segment = 1$$);
CALL damage($$UPDATE pprof.segments SET first_at = first_at - interval '1 us' WHERE segment = 1$$);
CALL damage($$UPDATE pprof.segments SET profiles = profiles + 1 WHERE segment = 1$$);
CALL damage($$UPDATE pprof.segments SET hour = hour + interval '1 h' WHERE segment = 1$$);
CALL damage($$INSERT INTO pprof.segments SELECT service_id, type_id, hour, 17, profiles, first_at, last_at, head, ids, samples, spans
               FROM pprof.segments WHERE segment = 1$$);
CALL damage($$INSERT INTO pprof.raw SELECT * FROM before WHERE at = '2023-11-14 01:01:01Z'$$);
CALL damage($$UPDATE pprof.segments SET samples = set_byte(samples, 5, get_byte(samples, 5) # 255) WHERE segment = 1$$);
CALL damage('DELETE FROM pprof.dirty_hours');
CALL damage($$INSERT INTO pprof.totals SELECT service_id, type_id, hour, '\x0100000000', '' FROM pprof.segments WHERE segment = 1$$);
CALL damage($$INSERT INTO pprof.totals SELECT service_id, type_id, hour + interval '5 h', '', '' FROM pprof.segments WHERE segment = 1$$);
CALL damage('DELETE FROM pprof.series_days WHERE day < ''2100-01-01''');
CALL damage('DELETE FROM pprof.dictionaries WHERE dict_id = 1');
SELECT * FROM pprof.check();
DROP PROCEDURE damage(text);
DROP VIEW shape;
DROP TABLE before, answers_before;
DROP FUNCTION compact(int), answers(), body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
TRUNCATE pprof.services, pprof.service_types, pprof.series, pprof.series_days, pprof.dictionaries, pprof.chunks, pprof.raw,
    pprof.pushes, pprof.label_days, pprof.segments, pprof.dirty_hours, pprof.dirty_days;
