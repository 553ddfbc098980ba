-- Label selectors: text form, semantics of the operator, the index, refusals.

-- canonical text
SELECT s, s::pprof.selector AS canonical
FROM unnest(ARRAY[
    '{}',
    ' { } # nothing',
    '{a="b"}',
    '{a="b",}',
    '{ a = "b" , c != ''d"e'' , f=~`\d+`, g !~ "x|y" }',
    'process_cpu',
    'process_cpu:cpu:nanoseconds:cpu:nanoseconds{service_name="x"}',
    'memory:alloc_space:bytes::{}',
    '{"a.b"="c"}',
    '{"größe"="ü"}',
    '{"metric name", a="b"}',
    '{a="\x41\u00e9\n\"\101"}']) WITH ORDINALITY AS t(s, ord)
ORDER BY ord;

-- the canonical text parses back to itself, and through the binary form
SELECT bool_and(s::pprof.selector::text = s::pprof.selector::text::pprof.selector::text) AS stable
FROM unnest(ARRAY['{a="b\\n"}', '{"a b"=~`"[^"]`}', 'x{y!~"\t|\\."}', '{a="\xff"}']) s;
CREATE TEMP TABLE selectors (s pprof.selector);
INSERT INTO selectors VALUES ('x{y!~"\t|\\.", "a.b"="\xfe"}'), ('{}');
SELECT convert_from(pprof.selector_send(s), 'UTF8') = s::text AS sent FROM selectors;

-- what each operator says about a value, an empty value and an absent label
WITH labels(what, l) AS (
    VALUES (1, '{"env": "prod", "n": 7}'::jsonb), (2, '{"env": ""}'), (3, '{"other": "x"}'), (4, '{}')
)
SELECT s AS selector,
       string_agg(CASE WHEN l OPERATOR(pprof.@~) s::pprof.selector THEN 'yes' ELSE 'no' END, ' ' ORDER BY what)
           AS "value empty absent none"
FROM labels, unnest(ARRAY[
    '{}',
    '{env="prod"}', '{env="pro"}', '{env=""}',
    '{env!="prod"}', '{env!="dev"}', '{env!=""}',
    '{env=~"prod"}', '{env=~"p.*"}', '{env=~"ro"}', '{env=~".*"}', '{env=~".+"}', '{env=~""}',
    '{env=~"dev|prod"}', '{env=~"(dev|prod)"}', '{env=~"dev|"}', '{env=~"de|pro"}',
    '{env!~"prod"}', '{env!~"p.*"}', '{env!~".+"}', '{env!~""}', '{env!~"dev|prod"}',
    '{env=~"(?i)PROD"}', '{env=~"PROD"}', '{env=~"^prod$"}', '{env=~"(?P<x>p)rod"}', '{env=~"\\bprod\\z"}',
    '{n="7"}', '{n=""}',
    '{env="prod", other=""}', '{env="prod", other="x"}', '{env!="x", other!="x"}']) WITH ORDINALITY AS t(s, ord)
GROUP BY s, ord ORDER BY ord;

-- names and values beyond ASCII; whole values, not parts of them
SELECT '{"größe": "mäßig"}'::jsonb OPERATOR(pprof.@~) '{"größe"=~"m.ßi[fg]"}' AS unicode,
       '{"größe": "mäßig"}'::jsonb OPERATOR(pprof.@~) '{"größe"="mäßig"}' AS equal,
       '{"a": "x\ny"}'::jsonb OPERATOR(pprof.@~) '{a=~"x.y"}' AS dot_takes_newline,
       '{"a": "x\ny"}'::jsonb OPERATOR(pprof.@~) '{a=~"x"}' AS anchored_at_text;
-- RE2's spellings
SELECT p AS pattern, v AS value,
       jsonb_build_object('a', v) OPERATOR(pprof.@~) format('{a=~%s}', to_json(p))::pprof.selector AS matches
FROM (VALUES ('a\x41\x{42}', 'aAB'), ('\101\060', 'A0'), ('\Qa.b\E+', 'a.bb'), ('[[:alpha:]_]+\d{2}', 'ab_12'),
             ('\s\S', ' x'), ('\s', E'\x0b'), ('[\s-x]+', ' -x'), ('[^\w]', 'é'), ('a{,2}', 'a{,2}'), ('x{2}', 'xx'),
             ('[]a]+', ']a'), ('[[.]', '['), ('\Aa|b\z', 'b'), ('(?i)(?s)É', 'É'), ('a\.b', 'a.b'),
             ('a\.b', 'axb'), ('', ''), ('(a|b|)', ''), ('(?:a|b)c', 'bc'), ('a*?b+?', 'aab')) AS t(p, v);
-- anything may stand on the left
SELECT l::jsonb OPERATOR(pprof.@~) '{a!="b"}' AS absent, l::jsonb OPERATOR(pprof.@~) '{a="b"}' AS present
FROM unnest(ARRAY['null', '1', '"a"', '["a", "b"]', '{"a": {"b": "c"}}', '{"a": null}']) l;

-- the index gives the answers of a sequential scan
CREATE TEMP TABLE series (id int, labels jsonb);
SELECT setseed(0.42);
INSERT INTO series
SELECT i, jsonb_strip_nulls(jsonb_build_object(
    'service_name', 'svc-' || (random() * 20)::int,
    'pod', CASE WHEN random() < 0.8 THEN 'pod-' || (random() * 300)::int END,
    'env', (ARRAY['prod', 'dev', 'staging', '', NULL])[1 + (random() * 4)::int],
    'größe', CASE WHEN random() < 0.1 THEN (ARRAY['mäßig', 'groß'])[1 + (random() * 1)::int] END,
    'cmd', CASE WHEN random() < 0.05 THEN repeat((ARRAY['x', 'y', '/usr/bin/'])[1 + (random() * 2)::int], 300) || (random() * 3)::int END,
    repeat('long name ', 60), CASE WHEN random() < 0.05 THEN 'v' || (random() * 3)::int END,
    'number', CASE WHEN random() < 0.05 THEN (random() * 10)::int END))
FROM generate_series(1, 4000) i;
INSERT INTO series VALUES (4001, '{}'), (4002, '[]'), (4003, 'null'), (4004, '{"env": {"a": "b"}}');
CREATE INDEX series_labels ON series USING gin (labels pprof.labels_ops);
ANALYZE series;
CREATE TEMP TABLE questions AS
SELECT s::pprof.selector AS s FROM unnest(ARRAY[
    '{}', '{env="prod"}', '{env=""}', '{env!="prod"}', '{env!=""}', '{env=~"prod|dev"}', '{env=~"p.*"}', '{env=~".*"}',
    '{env=~".+"}', '{env!~"p.*|dev"}', '{env!~""}', '{env=~"prod|"}', '{env="nowhere"}', '{nowhere="x"}', '{nowhere!="x"}',
    '{service_name="svc-3"}', '{service_name="svc-3", env="prod"}', '{service_name="svc-3", env!="prod"}',
    '{service_name=~"svc-1.", pod=~"pod-.*7", env=~"prod|dev"}', '{service_name=~"(?i)SVC-[0-5]"}', '{pod=""}', '{pod!=""}',
    '{pod=~"pod-1.?", env=""}', '{pod=~"pod-1|pod-2|pod-3"}', '{pod!~"pod-1.*", service_name=~"svc-1|svc-2"}',
    '{"größe"="groß"}', '{"größe"=~".*ß.*"}', '{"größe"!~"m.*"}', '{number="3"}', '{number=""}', '{cmd!=""}',
    '{cmd=~"x+."}', '{cmd=~"(/usr/bin/)+[12]"}', '{cmd=~".*0"}', '{cmd!~".*0"}', '{cmd=~"[xy]*", env="dev"}']) s
UNION ALL SELECT format('{cmd=%s}', to_json(repeat('x', 300) || '1'))::pprof.selector
UNION ALL SELECT format('{cmd=~%s}', to_json(repeat('/usr/bin/', 300) || '2|nothing'))::pprof.selector
UNION ALL SELECT format('{cmd!=%s}', to_json(repeat('y', 300) || '1'))::pprof.selector
UNION ALL SELECT format('{"%s"="v1"}', repeat('long name ', 60))::pprof.selector
UNION ALL SELECT format('{"%s"=~"v[12]"}', repeat('long name ', 60))::pprof.selector
UNION ALL SELECT format('{"%s"=""}', repeat('long name ', 60))::pprof.selector;
CREATE FUNCTION pg_temp.answer(q pprof.selector) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
    ids int[];
BEGIN
    EXECUTE format('SELECT array_agg(id ORDER BY id) FROM series WHERE labels OPERATOR(pprof.@~) %L', q) INTO ids;
    RETURN ids;
END $$;
CREATE FUNCTION pg_temp.uses_index(q pprof.selector) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT FROM series WHERE labels OPERATOR(pprof.@~) %L', q) LOOP
        IF line LIKE '%Index Scan on series_labels%' THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;
SET enable_bitmapscan = off;
CREATE TEMP TABLE sequential AS SELECT s, pg_temp.answer(s) AS ids, pg_temp.uses_index(s) AS indexed FROM questions;
SET enable_bitmapscan = on;
SET enable_seqscan = off;
CREATE TEMP TABLE by_index AS SELECT s, pg_temp.answer(s) AS ids, pg_temp.uses_index(s) AS indexed FROM questions;
RESET enable_seqscan;
SELECT count(*) AS questions, bool_or(a.indexed) AS seq_indexed, bool_and(b.indexed) AS index_indexed,
       bool_and(a.ids IS NOT DISTINCT FROM b.ids) AS same, count(a.ids) > 30 AS most_have_answers
FROM sequential a JOIN by_index b ON a.s::text = b.s::text;
-- ... from the pending list, after a vacuum, and for more than one condition
INSERT INTO series SELECT id + 10000, labels FROM series WHERE id % 3 = 0;
SET enable_bitmapscan = off;
TRUNCATE sequential;
INSERT INTO sequential SELECT s, pg_temp.answer(s) FROM questions;
SET enable_bitmapscan = on;
SET enable_seqscan = off;
SELECT bool_and(ids IS NOT DISTINCT FROM pg_temp.answer(s)) AS pending FROM sequential;
VACUUM series;
SELECT bool_and(ids IS NOT DISTINCT FROM pg_temp.answer(s)) AS vacuumed FROM sequential;
SELECT count(*) = (SELECT count(*) FROM series WHERE labels ->> 'env' = 'prod' AND labels ->> 'service_name' = 'svc-1') AS two_conditions
FROM series WHERE labels OPERATOR(pprof.@~) '{env="prod"}' AND labels OPERATOR(pprof.@~) '{service_name="svc-1"}';
RESET enable_seqscan;
-- the planner takes the index by itself
SELECT pg_temp.uses_index('{pod="pod-17"}') AS chosen, pg_temp.uses_index('{env!="prod"}') AS not_chosen;
-- selectors from rows, not constants
SELECT count(*) = 3 AS from_rows FROM (VALUES ('{a="1"}'), ('{a=~"1|2"}'), ('{a!="1"}'), ('{a="3"}')) s(s)
WHERE '{"a": "1"}'::jsonb OPERATOR(pprof.@~) s.s::pprof.selector OR s.s = '{a!="1"}';

-- refusals say what and where
CREATE FUNCTION pg_temp.refusal(s text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    PERFORM s::pprof.selector;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, detail);
END $$;
SELECT s AS selector, pg_temp.refusal(s) AS refusal FROM unnest(ARRAY[
    '', '  ', '{', 'x', '{,}', '{a}', '{a=}', '{a=b}', '{a="b}', '{a="b"', '{a="b"}}', '{a="b"} offset 5m', 'x[5m]',
    '{a=="b"}', '{a!"b"}', '{a="b" c="d"}', '{a.b="c"}', '{1a="b"}', '{""="b"}', 'x{"y"}', '{a="\q"}', '{a="\xg0"}', '{a="\ud800"}',
    '{a=''\"''}', 'sum(x)', '-', '{a=~"("}', '{a=~")"}', '{a=~"a)|(b"}', '{a=~"["}', '{a=~"*"}', '{a=~"a**"}', '{a=~"(a)\\1"}',
    '{a=~"(?=a)"}', '{a=~"(?!a)"}', '{a=~"(?<=a)b"}', '{a=~"\\pL"}', '{a=~"a(?i)b"}', '{a=~"(?i:a)"}', '{a=~"(?m)a"}', '{a=~"\\y"}',
    '{a=~"\\"}', '{a=~"[[:word]"}', '{a=~"[[:nope:]]"}', '{a=~"a{2,1}"}', '{a=~"a{300}"}', '{a=~"((a{200}){200}){200}"}', '{x="y", a=~"("}']) s;
-- many expressions at once: more than the cache of compiled ones holds
SELECT count(*) FILTER (WHERE jsonb_build_object('a', 'x' || i) OPERATOR(pprof.@~) format('{a=~"x+%s"}', i)::pprof.selector) AS all_match
FROM generate_series(1, 200) i;
SELECT ('{"a": "xx7"}'::jsonb OPERATOR(pprof.@~) ('{' || string_agg(format('a!~"y+%s"', i), ',') || ', a=~"x+7"}')::pprof.selector) AS long_selector
FROM generate_series(1, 200) i;

-- A reader who sees rows only through a security barrier still gets the index:
-- the operator is leakproof.
CREATE SCHEMA selector_test;
CREATE TABLE selector_test.series AS SELECT id, labels FROM series;
CREATE INDEX ON selector_test.series USING gin (labels pprof.labels_ops);
ANALYZE selector_test.series;
CREATE VIEW selector_test.visible WITH (security_barrier) AS SELECT * FROM selector_test.series WHERE id % 2 = 0;
CREATE ROLE regress_pprof_reader;
GRANT USAGE ON SCHEMA selector_test TO regress_pprof_reader;
GRANT SELECT ON selector_test.visible TO regress_pprof_reader;
CREATE FUNCTION selector_test.plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    plan text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        plan := plan || line;
    END LOOP;
    RETURN plan;
END $$;
SET ROLE regress_pprof_reader;
SELECT selector_test.plan($$SELECT id FROM selector_test.visible WHERE labels OPERATOR(pprof.@~) '{pod="pod-17"}'$$)
           LIKE '%Bitmap Index Scan on series_labels_idx%Index Cond%' AS leakproof,
       selector_test.plan($$SELECT id FROM selector_test.visible WHERE labels @> '{"pod": "pod-17"}'$$)
           LIKE '%Index Scan%' AS leaky;
RESET ROLE;
DROP SCHEMA selector_test CASCADE;
DROP ROLE regress_pprof_reader;

-- compiled expressions are kept, but large ones not in any number
SELECT count(('{a=~"' || (SELECT string_agg('([a-z]{1,100}|[0-9]{1,100}|[A-Z]{1,100}|[a-f]{1,100}' || i || j || '){1,2}', '|')
    FROM generate_series(1, 5) AS j) || '"}')::pprof.selector) FROM generate_series(1, 30) AS i;
SELECT count(*) BETWEEN 1 AND 20 AS bounded FROM pg_backend_memory_contexts WHERE name = 'pprof regular expression';
