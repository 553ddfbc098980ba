-- renderings: folded stacks, speedscope, JSON, call tree, differences as flame graphs, SVG, profiles for go build
\getenv abs_srcdir PG_ABS_SRCDIR
\set data :abs_srcdir '/data/pprof/'
SELECT set_config('test.data', :'data', false) \g /dev/null
SET search_path = public, pprof;
CREATE FUNCTION file(name text) RETURNS profile LANGUAGE sql
    AS $$ SELECT pg_read_binary_file(current_setting('test.data') || name)::pprof.profile $$;
CREATE FUNCTION derived(name text) RETURNS text LANGUAGE sql
    AS $$ SELECT pg_read_file(current_setting('test.data') || 'derived/' || name) $$;
CREATE TABLE profiles AS
    SELECT name, file(name) AS p
      FROM unnest('{in/basic.pb, in/addr.pb, in/heap.pb, in/names.pb, in/drop.pb, in/filter.pb,
                    go/go123-a-cpu.pb.gz, go/go123-a-heap.pb.gz, go/go123-b-cpu.pb.gz}'::text[]) name;

-- texts that were made elsewhere
SELECT name, to_folded(file('in/' || name || '.pb')) = derived(name || '.folded') AS folded,
       to_speedscope(file('in/' || name || '.pb')) = derived(name || '.speedscope.json')::jsonb AS speedscope
  FROM unnest('{addr, basic, drop, filter, heap, names}'::text[]) name;

-- folded: the values of a column are all there (drop_frames drops frames, no values)
SELECT name, idx FROM profiles, sample_types(p),
       LATERAL (SELECT sum(substring(line FROM ' (-?[0-9]+)$')::bigint)
                  FROM regexp_split_to_table(rtrim(to_folded(p, idx::text), E'\n'), E'\n') line) l
 WHERE coalesce(sum, 0) <> (SELECT sum(value) FROM stacks(p, idx::text));
-- what is written is read back
SELECT name, idx FROM profiles, sample_types(p), to_folded(p, idx::text) f WHERE to_folded(from_folded(f)) <> f;
SELECT name FROM profiles, to_folded(p) f WHERE to_folded(from_speedscope(to_speedscope(p))) <> f AND name <> 'in/names.pb';
SELECT length(to_folded(from_folded(repeat('f;', 9999) || 'f 7'))) AS deep;
-- options: filters, granularity, drop_frames
SELECT to_folded(file('in/basic.pb'), 'samples', '{"focus": "walk"}');
SELECT to_folded(file('in/basic.pb'), options => '{"lines": true, "ignore": "walk", "sample_index": "samples"}');
SELECT to_folded(file('in/basic.pb'), 'samples', '{"noinlines": true, "tagroot": "tenant"}');
SELECT to_folded(file('in/drop.pb'), options => '{"all_frames": true}') <> to_folded(file('in/drop.pb')) AS all_frames;
SELECT to_folded(diff(file('in/new.pb'), file('in/old.pb')));
SELECT to_folded(diff(file('in/new.pb'), file('in/old.pb')), options => '{"drop_negative": true}');
SELECT to_folded(file('in/t_string_utf8_bad.pb'));

-- speedscope: positions of frames where they are asked for
SELECT jsonb_pretty(to_speedscope(file('in/basic.pb'), 'samples', '{"focus": "walk", "lines": true}'));
SELECT to_speedscope(file('go/go123-a-cpu.pb.gz')) #> '{profiles, 0, endValue}' = to_jsonb(total(file('go/go123-a-cpu.pb.gz'))) AS total;

-- JSON: the fields of profile.proto
SELECT jsonb_pretty(j - '{sample, location, function}'::text[] || jsonb_build_object('sample', j #> '{sample, 0}')) FROM to_jsonb(file('in/heap.pb')) j;
SELECT jsonb_pretty(jsonb_build_object('location', j #> '{location, 0}', 'function', j #> '{function, 0}'))
  FROM to_jsonb(file('in/basic.pb')) j;
SELECT bool_and(jsonb_array_length(j -> 'sample') = num_samples(p)
                AND (SELECT sum((s #>> '{value, 0}')::numeric) FROM jsonb_array_elements(j -> 'sample') s)
                    = (SELECT sum(value) FROM stacks(p, '0'))) AS samples
  FROM profiles, CAST(p AS jsonb) j;
SELECT to_jsonb(file('in/t_string_utf8_bad.pb')) -> 'function';
SELECT j -> 'sample' -> 0 -> 'value', j -> 'time_nanos' FROM to_jsonb(file('in/big.pb')) j;

-- call tree: a node's value is its own and its children's; the root is the total
SELECT * FROM call_tree(file('in/basic.pb'), 'samples');
SELECT * FROM call_tree(file('in/basic.pb'), 'samples', 'lines', true, '{"focus": "encode"}');
SELECT profiles.name, node_id FROM profiles, LATERAL (
    SELECT n.node_id, n.value, n.self + coalesce(sum(c.value), 0) AS parts
      FROM call_tree(p) n LEFT JOIN call_tree(p) c ON c.parent_id = n.node_id
     GROUP BY n.node_id, n.value, n.self) x WHERE value <> parts;
-- it is the flame graph of all nodes
SELECT bool_and((t.depth, t.name, t.value, t.self) = (f.level, f.label, f.value, f.self)) AS same
  FROM profiles, call_tree(p) t JOIN LATERAL (SELECT * FROM flamegraph(p, max_nodes => 0)) f ON f.ord = t.node_id;

-- two profiles as one flame graph
SELECT level, value, self, label, "valueRight", "selfRight", truncated, ord FROM flamegraph_diff(file('in/old.pb'), file('in/new.pb'));
SELECT level, value, "valueRight", label, truncated FROM flamegraph_diff(file('in/old.pb'), file('in/new.pb'), max_nodes => 2);
SELECT level, value, "valueRight", label FROM flamegraph_diff(file('in/old.pb'), file('in/new.pb'), rules => 'pyroscope');
-- each side is the flame graph of that profile, whatever the other is
WITH d AS (SELECT * FROM flamegraph_diff(file('go/go123-a-cpu.pb.gz'), file('go/go123-b-cpu.pb.gz'), max_nodes => 0))
SELECT (SELECT array_agg((level, value, self, label) ORDER BY level, value, self, label) FROM d WHERE value <> 0)
       = (SELECT array_agg((level, value, self, label) ORDER BY level, value, self, label) FROM flamegraph(file('go/go123-a-cpu.pb.gz'), max_nodes => 0)) AS "left",
       (SELECT array_agg((level, "valueRight", "selfRight", label) ORDER BY level, "valueRight", "selfRight", label) FROM d WHERE "valueRight" <> 0)
       = (SELECT array_agg((level, value, self, label) ORDER BY level, value, self, label) FROM flamegraph(file('go/go123-b-cpu.pb.gz'), max_nodes => 0)) AS "right";
-- sides swapped, columns swapped
SELECT count(*) AS differences FROM
    (SELECT level, value, self, "valueRight", "selfRight", label, ord FROM flamegraph_diff(file('go/go123-a-cpu.pb.gz'), file('go/go123-b-cpu.pb.gz'))
     EXCEPT
     SELECT level, "valueRight", "selfRight", value, self, label, ord FROM flamegraph_diff(file('go/go123-b-cpu.pb.gz'), file('go/go123-a-cpu.pb.gz'))) x;
-- truncation keeps the sums of both sides
SELECT sum(self) = total(file('go/go123-a-cpu.pb.gz')) AS "left", sum("selfRight") = total(file('go/go123-b-cpu.pb.gz')) AS "right",
       bool_or(truncated) AS truncated, count(*) FILTER (WHERE NOT truncated) AS kept
  FROM flamegraph_diff(file('go/go123-a-cpu.pb.gz'), file('go/go123-b-cpu.pb.gz'), max_nodes => 20);
-- the sides of a difference are those that went into it
SELECT count(*) AS differences FROM
    (SELECT * FROM flamegraph_diff(file('go/go123-a-cpu.pb.gz'), file('go/go123-b-cpu.pb.gz'))
     EXCEPT
     SELECT * FROM flamegraph_diff(diff(file('go/go123-b-cpu.pb.gz'), file('go/go123-a-cpu.pb.gz')))) x;
-- nothing against itself: 0 at every node, and both sides alike
SELECT bool_and(value = 0 AND self = 0) AS zero, count(*) > 1 AS nodes
  FROM profiles, LATERAL (SELECT * FROM flamegraph(diff(p, p), max_nodes => 0)) f;
SELECT bool_and(value = "valueRight" AND self = "selfRight") AS alike, count(*) > 1 AS nodes
  FROM profiles, LATERAL (SELECT * FROM flamegraph_diff(diff(p, p), max_nodes => 0)) f;
-- units of one family meet in the finer one, as in merge and diff
SELECT level, value, "valueRight", label FROM flamegraph_diff(from_folded(E'a;b 2\na 1', 'cpu', 'milliseconds'), from_folded('a;b 500', 'cpu', 'microseconds'));
SELECT level, value, "valueRight", label FROM flamegraph_diff(diff(from_folded('a;b 500', 'cpu', 'microseconds'), from_folded(E'a;b 2\na 1', 'cpu', 'milliseconds')));
SELECT to_svg_diff(from_folded('a 2', 'cpu', 'milliseconds'), from_folded('a 500', 'cpu', 'microseconds')) ~ 'a: 2ms .100.00%. in the baseline, 500us' AS svg;
-- no rows are an empty side, nothing at all one root
SELECT level, value, "valueRight", label FROM flamegraph_diff(NULL::profile, file('in/basic.pb'), 'samples') ORDER BY ord LIMIT 3;
SELECT * FROM flamegraph_diff(NULL::profile, NULL::profile);
SELECT * FROM flamegraph_diff(NULL::profile);
-- the column names that Grafana's panel looks for
SELECT p.proargnames[7:] FROM pg_proc p WHERE p.oid = 'pprof.flamegraph_diff(pprof.profile, pprof.profile, text, integer, text, jsonb)'::regprocedure;
-- what a compiler takes is a profile again: same total, one column, no labels, no mappings
SELECT total(g) = total(p, 'samples') AS total, (SELECT count(*) FROM sample_types(g)) AS types,
       (SELECT count(*) FROM frames(g) WHERE filename IS NOT NULL OR mapping IS NOT NULL OR system_name IS NOT NULL) AS files,
       to_folded(g) = to_folded(p, 'samples') AS stacks
  FROM file('go/go123-a-cpu.pb.gz') p, CAST(to_pgo(p) AS profile) g;
SELECT max(depth) FROM CAST(to_pgo(file('go/go123-a-cpu.pb.gz'), 2) AS profile) g, LATERAL (SELECT count(*) AS depth FROM frames(g) WHERE NOT inlined GROUP BY sample_id) f;

-- pictures: text like any other, of one profile, of two, and of a difference
SELECT regexp_replace(to_svg(file('in/basic.pb'), 'samples', 'a <title> & more', 640, 8), '#[0-9a-f]{6}', '#', 'g');
SELECT to_svg_diff(file('in/old.pb'), file('in/new.pb'), width => 300) ~ '<title>f4: 0 .0.00%. in the baseline, 5ms .1.96%. in the comparison: .1.96%</title>' AS both,
       to_svg(diff(file('in/new.pb'), file('in/old.pb'))) = to_svg_diff(file('in/old.pb'), file('in/new.pb')) AS difference;
SELECT bool_and(octet_length(svg) = length(svg) AND svg ~ '^<svg [^\x01-\x09]*</svg>\n$') AS ascii FROM profiles, to_svg(p) svg;

-- options of flame graphs
SELECT level, value, self, label FROM flamegraph(file('in/basic.pb'), 'samples', options => '{"focus": "walk", "hide": "main"}');
SELECT level, value, self, label FROM flamegraph(file('in/drop.pb'), options => '{"all_frames": true}') ORDER BY ord LIMIT 3;

-- refusals
\set VERBOSITY terse
SELECT to_speedscope(diff(file('in/new.pb'), file('in/old.pb')));
SELECT to_folded(file('in/heap.pb'), options => '{"mean": true}');
SELECT * FROM call_tree(file('in/heap.pb'), options => '{"divide_by": 2}');
SELECT * FROM flamegraph_diff(file('in/basic.pb'), file('in/heap.pb'));
SELECT * FROM flamegraph_diff(file('in/basic.pb'), file('in/basic.pb'), rules => 'none');
SELECT to_folded(file('in/basic.pb'), 'wall');
SELECT to_folded(file('in/basic.pb'), options => '{"focsu": "x"}');
SELECT count(*) FROM call_tree(file('in/basic.pb'), granularity => 'packages');
-- 9 million frames, which the server would need a gigabyte for to make a jsonb of them
SELECT to_speedscope(from_folded(string_agg(repeat('f;', 15000) || i || ' 7', E'\n'))) FROM generate_series(1, 600) i;
SELECT to_svg(file('in/basic.pb'), width => 0);
SELECT to_svg_diff(file('in/basic.pb'), file('in/heap.pb'));
SELECT to_pgo(file('go/go119-a-cpu.pb.gz'));
SELECT to_pgo(file('go/go123-a-heap.pb.gz'));
SELECT to_pgo(diff(file('go/go123-a-cpu.pb.gz'), file('go/go123-b-cpu.pb.gz')));
\set VERBOSITY default
-- a database that is not UTF-8: what it cannot say is "?", a picture says all
CREATE TABLE names AS SELECT to_bytea(file('in/names.pb')) AS p UNION ALL SELECT to_bytea(from_folded('日本;ü 1'));
SELECT string_agg(encode(p, 'hex'), ' ' ORDER BY length(p)) AS bodies FROM names \gset
CREATE DATABASE regress_pprof_renderings ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c regress_pprof_renderings
SET client_min_messages = warning;
CREATE EXTENSION pprof;
SET client_encoding = 'UTF8';
SET search_path = public, pprof;
CREATE TABLE names AS SELECT ord, decode(body, 'hex')::profile AS p FROM regexp_split_to_table(:'bodies', ' ') WITH ORDINALITY AS b (body, ord);
SELECT to_folded(p) FROM names WHERE ord = 1;
SELECT to_speedscope(p) #>> '{shared, frames}' FROM names WHERE ord = 1;
SELECT to_jsonb(p) -> 'function' -> 0 ->> 'name' FROM names WHERE ord = 1;
SELECT label FROM names n, flamegraph_diff(p, p) f WHERE n.ord = 1 ORDER BY f.ord;
SELECT substring(to_svg(p) FROM '<title>(&#x65E5;&#x672C;) ') FROM names WHERE ord = 1;
SELECT strpos(to_folded(p), 'naïve') > 0 AS found FROM names WHERE ord = 2;
\c regression
DROP DATABASE regress_pprof_renderings;
SET search_path = public, pprof;
DROP TABLE profiles, names;
DROP FUNCTION file, derived;
