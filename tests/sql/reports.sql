-- a profile as rows: stacks, frames, flame graph, top
\getenv abs_srcdir PG_ABS_SRCDIR
\set data :abs_srcdir '/data/pprof/'
SELECT set_config('test.data', :'data', false) \g /dev/null
SET search_path = public, pprof;
CREATE FUNCTION file(name text) RETURNS profile LANGUAGE sql
    AS $$ SELECT pg_read_binary_file(current_setting('test.data') || name)::pprof.profile $$;
CREATE TABLE profiles AS
    SELECT name, file(name) AS p
      FROM unnest('{in/basic.pb, in/addr.pb, in/heap.pb, in/names.pb, in/drop.pb, in/filter.pb,
                    go/go123-a-cpu.pb.gz, go/go123-a-heap.pb.gz, go/go119-a-cpu.pb.gz}'::text[]) name;

-- stacks carry every value: their sum is the total, of each column
SELECT bool_and(sum = total(p, idx::text)) AS sums, bool_and(n = num_samples(p)) AS numbers
  FROM profiles, sample_types(p),
       LATERAL (SELECT sum(value), count(*) AS n FROM stacks(p, idx::text)) s;
SELECT * FROM stacks(file('in/basic.pb'), 'samples') ORDER BY sample_id LIMIT 6;
SELECT sample_id, value, labels FROM stacks(file('in/heap.pb'), 'inuse_space') ORDER BY sample_id LIMIT 3;
-- frames are the stacks, one row each
SELECT bool_and(array_length(stack, 1) IS NOT DISTINCT FROM n AND inlined IS NOT DISTINCT FROM flags) AS frames
  FROM profiles, stacks(p) s
  LEFT JOIN LATERAL (SELECT nullif(count(*), 0) AS n, coalesce(array_agg(f.inlined ORDER BY depth), '{}') AS flags
                       FROM frames(p) f WHERE f.sample_id = s.sample_id) f ON true
 WHERE name NOT LIKE 'go/%';
SELECT * FROM frames(file('in/basic.pb')) WHERE sample_id < 2 ORDER BY sample_id, depth;
SELECT function, address, mapping FROM frames(file('in/addr.pb')) WHERE sample_id = 0 ORDER BY depth;

-- flame graphs that were computed elsewhere
CREATE TABLE expected (ord serial, level int, value bigint, self bigint, label text);
CREATE FUNCTION differs(name text) RETURNS SETOF expected LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE expected RESTART IDENTITY;
    EXECUTE format($copy$COPY expected (level, value, self, label)
                         FROM %L (DELIMITER E'\t', FORMAT csv, HEADER, QUOTE E'\b')$copy$,
                   current_setting('test.data') || 'derived/' || name || '.flamegraph.tsv');
    RETURN QUERY SELECT e.* FROM (SELECT e.ord - 1 AS ord, e.level, e.value, e.self, replace(e.label, '\n', E'\n') FROM expected e
                                EXCEPT SELECT f.ord, f.level, f.value, f.self, f.label
                                         FROM flamegraph(file('in/' || name || '.pb'), max_nodes => 0) f) e;
END $$;
SELECT name, d.* FROM unnest('{addr, basic, drop, filter, heap, names}'::text[]) name, differs(name) d;
SELECT * FROM flamegraph(file('in/basic.pb'));
SELECT * FROM flamegraph(file('in/basic.pb'), 'samples', max_nodes => 5);
SELECT * FROM flamegraph(file('in/basic.pb'), rules => 'pyroscope');
-- values are sums: a node's is its own and its children's, the root's is the total
SELECT bool_and(value = self + children) AS sums
  FROM profiles, sample_types(p) t,
       LATERAL (SELECT f.value, f.self,
                       (SELECT coalesce(sum(c.value), 0) FROM flamegraph(p, idx::text, 0) c
                         WHERE c.level = f.level + 1 AND c.ord > f.ord
                           AND c.ord < coalesce((SELECT min(n.ord) FROM flamegraph(p, idx::text, 0) n
                                                  WHERE n.level <= f.level AND n.ord > f.ord), 1000000)) AS children
                  FROM flamegraph(p, idx::text, 0) f) x
 WHERE name = 'in/basic.pb';
SELECT bool_and(value = total(p)) AS totals FROM profiles, flamegraph(p) WHERE level = 0;
-- truncation keeps sums and says so
SELECT bool_and(sum = total(p)) AS sums, bool_or(truncated) AS truncated
  FROM profiles, LATERAL (SELECT sum(self), bool_or(truncated) AS truncated FROM flamegraph(p, '', 8)) f;

-- top, as the tool prints it
SELECT * FROM top(file('in/basic.pb'));
SELECT name, flat, cum FROM top(file('in/basic.pb'), 'samples', sort => 'cum');
SELECT name, flat, cum FROM top(file('in/basic.pb'), granularity => 'lines', noinlines => true);
SELECT granularity, count(*), sum(flat)
  FROM unnest('{functions, filefunctions, files, lines, addresses}'::text[]) granularity,
       top(file('in/basic.pb'), granularity => granularity) GROUP BY granularity ORDER BY granularity;
SELECT name, flat, cum FROM top(file('in/drop.pb'));
-- a difference is relative to what the base has
SELECT name, flat, flat_pct FROM top(diff(file('in/new.pb'), file('in/old.pb'))) ORDER BY abs(flat) DESC, name LIMIT 3;

-- bytes that are no text: each bad one and each NUL reads as U+FFFD, the profile keeps them
SELECT replace(label, U&'\FFFD', '!') AS label FROM flamegraph('\x0a040801100212060a010112010722060801220208012a0408011003320032016e3205636f756e74320b66ff00c3a9f09f94a5e282'::bytea::profile) WHERE level = 1;
SELECT replace(function, U&'\FFFD', '!') AS function
  FROM frames('\x0a040801100212060a010112010722060801220208012a0408011003320032016e3205636f756e74320b66ff00c3a9f09f94a5e282'::bytea::profile);
SELECT position('\x66ff00c3a9'::bytea IN to_bytea('\x0a040801100212060a010112010722060801220208012a0408011003320032016e3205636f756e74320b66ff00c3a9f09f94a5e282'::bytea::profile, false)) > 0 AS kept;

-- null in, nothing out; but a panel gets a root to draw
SELECT * FROM flamegraph(NULL::profile);
SELECT * FROM flamegraph((SELECT merge(p) FROM profiles WHERE false), NULL, NULL, NULL);
-- a null limit is the default, not none
WITH many AS (SELECT from_folded(string_agg('f' || i || ' ' || i, E'\n')) AS p FROM generate_series(1, 17000) i)
SELECT (SELECT count(*) FROM flamegraph(p, max_nodes => NULL)) = (SELECT count(*) FROM flamegraph(p)) AS same,
       (SELECT count(*) FROM flamegraph(p, max_nodes => NULL)) < (SELECT count(*) FROM flamegraph(p, max_nodes => 0)) AS fewer
  FROM many;
SELECT count(*) FROM stacks(NULL::profile);
-- refusals
\set VERBOSITY sqlstate
SELECT * FROM flamegraph(file('in/basic.pb'), rules => 'others');
SELECT * FROM flamegraph(file('in/basic.pb'), 'nonsense');
SELECT * FROM stacks(file('in/basic.pb'), 'nonsense');
SELECT * FROM top(file('in/basic.pb'), 'nonsense');
SELECT * FROM top(file('in/basic.pb'), sort => 'up');
SELECT * FROM top(file('in/basic.pb'), granularity => 'modules');
\set VERBOSITY default
SELECT * FROM top(file('in/basic.pb'), granularity => 'modules');

-- options are the tool's; arguments of their own go before them
SELECT name, flat, inline_label FROM top(file('go/go123-a-cpu.pb.gz'), options => '{"nodecount": 5, "focus": "main"}');
SELECT name, cum FROM top(file('in/basic.pb'), 'samples', options => '{"sample_index": "cpu", "cum": true, "nodefraction": 0.5}');
SELECT count(*) AS untrimmed, (SELECT count(*) FROM top(file('in/trim.pb'), options => '{"nodefraction": 0.005}')) AS trimmed
  FROM top(file('in/trim.pb'));
SELECT name, flat FROM top(file('in/drop.pb'), options => '{"all_frames": true}') LIMIT 3;
SELECT bool_and(a IS NOT DISTINCT FROM b) AS shorthand
  FROM top(file('in/basic.pb'), options => '{"lines": true, "noinlines": true, "sort": null}') WITH ORDINALITY a
  FULL JOIN top(file('in/basic.pb'), granularity => 'lines', noinlines => true) WITH ORDINALITY b USING (ordinality);
SELECT report(file('in/tags.pb'), 'traces', '{"tagroot": ["thread"]}') = report(file('in/tags.pb'), 'traces', '{"tagroot": "thread"}') AS keys;

-- calls, and sums by label
SELECT * FROM edges(file('in/basic.pb'));
SELECT * FROM callers(file('in/basic.pb'), 'encode');
SELECT * FROM callees(file('in/basic.pb'), '^main', 'samples');
SELECT caller, weight, residual FROM edges(file('in/filter.pb'), options => '{"hide": "B"}') ORDER BY weight DESC, caller COLLATE "C" LIMIT 4;
SELECT bool_and(n = 0) AS callers_and_callees_are_edges
  FROM profiles, LATERAL (SELECT count(*) AS n FROM
         (SELECT caller, name, weight, inlined FROM callers(p, '') EXCEPT ALL SELECT caller, callee, weight, inlined FROM edges(p)) x) a;
SELECT * FROM tags(file('in/basic.pb'));
SELECT * FROM tag_values(file('in/basic.pb'), 'tenant', 'samples');
SELECT * FROM tags(file('in/filter.pb')) WHERE num IS NOT NULL;
SELECT bool_and(t.total = x.total) AS totals
  FROM profiles, tags(p) t JOIN LATERAL (
         SELECT l.key, l.value, l.num, l.unit, sum(s.value) AS total FROM labels(p) l JOIN stacks(p) s USING (sample_id) GROUP BY 1, 2, 3, 4) x
    ON (x.key, x.value, x.num, x.unit) IS NOT DISTINCT FROM (t.key, t.value, t.num, t.unit);

-- texts
SELECT report(file('in/basic.pb'));
SELECT report(file('in/basic.pb'), 'tree', '{"nodecount": 3, "compact_labels": true}');
SELECT report(file('in/basic.pb'), 'peek', '{"peek": "reply"}');
SELECT report(file('in/basic.pb'), 'tags');
SELECT report(file('in/heap.pb'), 'tags', '{"alloc_objects": true}');
SELECT report(file('in/tags.pb'), 'traces', '{"tagfocus": "thread=io"}');
SELECT report(file('in/basic.pb'), 'comments');
SELECT to_dot(p) = report(p, 'dot') AS dot, to_callgrind(p) = report(p, 'callgrind') AS callgrind,
       to_dot(p, 'samples') = report(p, 'dot', '{"sample_index": "samples"}') AS column, report(p, 'text') = report(p, 'top') AS text
  FROM profiles WHERE name = 'in/basic.pb';
SELECT idx, type, unit, is_default FROM topproto(file('in/basic.pb')) p, sample_types(p) ORDER BY idx;
SELECT name, flat, cum FROM topproto(file('in/basic.pb'), options => '{"unit": "ms"}') p, LATERAL top(p, 'flat') ORDER BY flat DESC, name COLLATE "C";

-- formats
SELECT format_value(1500, 'milliseconds'), format_value(1500, 'milliseconds', 'ns'), format_value(-2048, 'bytes'),
       format_value(3, 'widgets'), format_value(3, 'widgets', 'kg'), format_value(0, 'ns'), format_value(-9223372036854775808, 'count');
SELECT format_percentage(1, 3), format_percentage(-1, 3), format_percentage(1, 0), format_percentage(9999, 10000), format_percentage(1, 100000);
SELECT name, shorten(name) FROM unnest('{runtime/pprof.Do, github.com/acme/shop/v3/cart.(*Cart).Add, "std::vector<int>::push_back(int const&)",
    "(anonymous namespace)::Foo::bar", "com.example.Cart.<init>(int)", main, ""}'::text[]) name;

-- hostile names: lines, quotes, colours, bytes that are no text; a report is still one
SELECT bool_or(regexp_replace(line, '"(\\.|[^"\\])*"', '', 'g') ~ 'URL') AS broken_out, count(*) > 10 AS lines
  FROM set_label(file('in/names.pb'), 'key" URL="x', E'"] \\" \n"URL="javascript:alert(1)') p, string_to_table(to_dot(p), E'\n') line;
SELECT length(report(p, format)) > 0 AS text, count(*)
  FROM unnest('{top, tree, traces, tags, raw, dot, callgrind}'::text[]) format,
       (VALUES ('\x0a040801100212060a010112010722060801220208012a0408011003320032016e3205636f756e74320b66ff00c3a9f09f94a5e282'::bytea::profile)) v (p)
 GROUP BY 1 ORDER BY 1;

-- (no labels, so tags has nothing to say)
-- a regular expression of the profile that is none
SELECT count(*) FROM top(file('in/t_bad_drop_regexp.pb'));
SELECT count(*) FROM top(file('in/t_bad_drop_regexp.pb'), options => '{"all_frames": true}');

-- refusals
SELECT report(file('in/basic.pb'), 'svg');
SELECT report(file('in/basic.pb'), 'peek');
SELECT report(file('in/basic.pb'), 'peek', '{"peek": "nothing of that name"}');
SELECT report(file('in/basic.pb'), 'top', '{"peek": "main"}');
SELECT report(file('in/basic.pb'), 'top', '{"focus": "("}');
SELECT report(file('in/basic.pb'), 'top', '{"fokus": "main"}');
SELECT * FROM top(file('in/basic.pb'), options => '{"unit": "ms"}');
SELECT report(file('in/basic.pb'), 'top', '[]');
SELECT report(file('in/basic.pb'), 'top', '{"nodecount": 1.5}');
SELECT report(file('in/basic.pb'), 'top', '{"nodecount": "5"}');
SELECT report(file('in/basic.pb'), 'top', '{"nodefraction": 1e999}');
SELECT report(file('in/basic.pb'), 'top', '{"focus": 1}');
SELECT report(file('in/basic.pb'), 'top', '{"mean": "yes"}');
SELECT report(file('in/basic.pb'), 'top', '{"mean": []}');
SELECT report(file('in/basic.pb'), 'top', '{"tagroot": {}}');
SELECT report(file('in/basic.pb'), 'top', '{"tagroot": ["a,b"]}');
SELECT report(file('in/basic.pb'), 'top', '{"granularity": "modules"}');
SELECT report(file('in/basic.pb'), 'top', '{"lines": true, "granularity": "files"}');
SELECT report(file('in/basic.pb'), 'top', '{"cum": true, "sort": "flat"}');
SELECT report(file('in/basic.pb'), 'top', '{"divide_by": 0}');
SELECT report(file('in/basic.pb'), 'top', '{"sample_index": 7}');
SELECT * FROM tag_values(file('in/basic.pb'), 'no such key');
-- no percentages of a negative total, as a mean of a difference may be
SELECT line FROM string_to_table(report(diff(file('in/names.pb'), file('in/names.pb')), 'tags', '{"mean": true}'), E'\n') line
 WHERE line LIKE '%Total%';
-- frames of labels are numbered roots first
SELECT line FROM string_to_table(report(file('in/basic.pb'), 'raw', '{"tagroot": "tenant", "tagleaf": "bytes"}'), E'\n') line
 WHERE line ~ '^ +[0-9]+ +[0-9]+: [0-9 ]+$';
-- an empty key is any key
SELECT report(file('in/merge_ms.pb'), 'tags', '{"tagfocus": "=x"}') = report(file('in/merge_ms.pb'), 'tags', '{"tagfocus": "x"}') AS any_key,
       num_samples(tagfocus(file('in/merge_ms.pb'), '=x')) AS samples;
DROP TABLE profiles;
DROP FUNCTION differs;
DROP TABLE expected;
DROP FUNCTION file;
