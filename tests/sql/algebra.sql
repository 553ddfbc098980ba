-- sums, differences and products of few profiles: units, columns, labels, edges, refusals
\getenv abs_srcdir PG_ABS_SRCDIR
\set data :abs_srcdir '/data/pprof/'
SELECT set_config('test.data', :'data', false) \g /dev/null
SET search_path = public, pprof;
CREATE FUNCTION file(name text) RETURNS profile LANGUAGE sql
    AS $$ SELECT pg_read_binary_file(current_setting('test.data') || name)::pprof.profile $$;
CREATE FUNCTION types(p profile) RETURNS text LANGUAGE sql
    AS $$ SELECT string_agg(type || '/' || unit, ' ' ORDER BY idx) FROM pprof.sample_types(p) $$;
-- a profile of one stack and one column
CREATE FUNCTION string(s text) RETURNS bytea LANGUAGE sql
    AS $$ SELECT '\x32'::bytea || decode(lpad(to_hex(length(s)), 2, '0'), 'hex') || s::bytea $$;
CREATE FUNCTION tiny(type text, unit text, value float8, function text DEFAULT 'main') RETURNS profile LANGUAGE sql
    AS $$ SELECT pprof.scale(pprof.from_bytea('\x0a040801100212060a010112010122060801220208012a04080110033200'::bytea
              || public.string(type) || public.string(unit) || public.string(function)), value) $$;

-- ---- units ----

-- of one family: the finest of all, whichever comes first
SELECT types(a + b) AS types, total(a + b), a + b = b + a AS commutes,
       types(merge(a, b)) AS tool_types, total(merge(a, b)) AS tool_total
  FROM (SELECT tiny('cpu', 'milliseconds', 7) AS a, tiny('cpu', 'nanoseconds', 9) AS b) s;
SELECT types(merge(p ORDER BY id)) AS up, total(merge(p ORDER BY id)) AS total,
       merge(p ORDER BY id) = merge(p ORDER BY id DESC) AS commutes,
       merge(p) = (SELECT merge(part) FROM (SELECT merge(p) AS part FROM (VALUES (1, tiny('cpu', 's', 2)), (2, tiny('cpu', 'us', 3)), (3, tiny('cpus', 'ms', 4)), (4, tiny('cpu', 'hours', 1))) w(id, p) GROUP BY id % 2) x) AS associates
  FROM (VALUES (1, tiny('cpu', 's', 2)), (2, tiny('cpu', 'us', 3)), (3, tiny('cpus', 'ms', 4)), (4, tiny('cpu', 'hours', 1))) v(id, p);
SELECT types(a + b) AS types, total(a + b) FROM (SELECT tiny('space', 'kilobytes', 3) AS a, tiny('space', 'bytes', 5) AS b) s;
-- two spellings of one unit, of one name; the default sample type follows
SELECT types(a + b) AS types, total(a + b), default_sample_type(a + b), a + b = b + a AS commutes
  FROM (SELECT tiny('cpu', 'ns', 1) AS a, tiny('cpus', 'nanoseconds', 2) AS b) s;
-- the files that the tool converts
SELECT types(a) AS a, types(b) AS b, types(a + b) AS sum, types(merge(a, b)) AS tool, total(a + b) = total(merge(a, b)) AS total
  FROM (SELECT file('in/merge_ms.pb') AS a, file('in/merge1.pb') AS b) s;
-- differences take units together as well, as function and as aggregate
SELECT types(a - b) AS types, net_total(a - b) AS minus, net_total(diff(a, b)) AS diff, total(diff(a, b)) AS base,
       (SELECT net_total(subtract(p, base)) FROM (VALUES (a, false), (b, true)) v(p, base)) AS aggregate,
       (SELECT net_total(diff(p, base)) FROM (VALUES (b, true), (a, false)) v(p, base)) AS diff_aggregate
  FROM (SELECT tiny('cpu', 'ms', 5) AS a, tiny('cpu', 'us', 1) AS b) s;

-- what is of no family, or of another, is not added up: both types are named
SELECT tiny('cpu', 'ms', 1) + tiny('cpu', 'bytes', 1);
SELECT tiny('requests', 'count', 1) + tiny('requests', 'things', 1);
SELECT merge(p) FROM (VALUES (file('in/basic.pb')), (file('in/heap.pb'))) v(p);
-- nor is what does not fit
SELECT tiny('cpu', 'hours', 9000000) + tiny('cpu', 'ns', 1);
SELECT tiny('cpu', 'ns', 1) + tiny('cpu', 'hours', 9000000);
SELECT file('in/big.pb') + file('in/big.pb');
SELECT file('in/big.pb') * -1;
SELECT file('in/big.pb') - file('in/big.pb');
SELECT total(file('in/big.pb'), '0');
SELECT total(file('in/big.pb'), '1');

-- ---- nothing ----

-- a profile without sample types is neutral; its header counts
SELECT p + none = p AS neutral, none + p = p AS on_either_side, none + none = none AS of_itself, num_samples(none)
  FROM (SELECT '\x3200'::bytea::profile AS none, file('in/basic.pb') AS p) s;
SELECT duration_nanos(p + none) - duration_nanos(p) AS duration, types(p + none) = types(p) AS types
  FROM (SELECT '\x320050e807'::bytea::profile AS none, file('in/basic.pb') AS p) s;
SELECT merge(p) = file('in/basic.pb') AS aggregate FROM (VALUES ('\x3200'::bytea::profile), (file('in/basic.pb')), (NULL), ('\x3200')) v(p);
SELECT p + NULL AS null, p - NULL AS minus, p * NULL AS times FROM (SELECT file('in/basic.pb') AS p) s;

-- ---- products ----

-- halves away from zero; what becomes zero goes, but for the division
SELECT ratio, (SELECT array_agg(value ORDER BY value) FROM stacks(p * ratio)) AS scaled
  FROM (SELECT merge(tiny('n', 'count', v, 'f' || v)) AS p FROM unnest('{1, 2, 3, 5}'::int[]) v) s, unnest('{0.5, 0.1, -0.5, 0, 1, 2}'::float8[]) ratio;
SELECT divisor, (SELECT array_agg(value ORDER BY value) FROM stacks(p / divisor)) AS divided
  FROM (SELECT merge(tiny('n', 'count', v, 'f' || v)) AS p FROM unnest('{1, 2, 3, 5}'::int[]) v) s, unnest('{2, 0.5, 1, 10}'::float8[]) divisor;
SELECT 3 * p = p * 3 AS commutes, p * 3 = scale(p, 3) AS function, p * 3 = scale(p, '{3, 3}'::float8[]) AS columns,
       total(scale(p, '{0, 1}'::float8[]), '0') AS first, total(scale(p, '{0, 1}'::float8[]), '1') = total(p, '1') AS second,
       p / 4 = divide(p, 4) AS divided
  FROM (SELECT file('in/basic.pb') AS p) s;
-- sums become those of the base
SELECT idx, total(scale_to(a, b), idx::text) AS scaled, total(b, idx::text) AS base
  FROM (SELECT file('in/norm_new.pb') AS a, file('in/norm_old.pb') AS b) s, sample_types(a) ORDER BY idx;
SELECT pprof.normalize(a, b) = scale_to(a, b) AS synonym FROM (SELECT file('in/norm_new.pb') AS a, file('in/norm_old.pb') AS b) s;
SELECT p / 0 FROM (SELECT file('in/basic.pb') AS p) s;
SELECT p / -1 FROM (SELECT file('in/basic.pb') AS p) s;
SELECT p * 'NaN' FROM (SELECT file('in/basic.pb') AS p) s;
SELECT p * 'Infinity' FROM (SELECT file('in/basic.pb') AS p) s;
SELECT p * 1e300 FROM (SELECT file('in/basic.pb') AS p) s;
SELECT scale(p, '{1}'::float8[]) FROM (SELECT file('in/basic.pb') AS p) s;
SELECT scale(p, '{1, NULL}'::float8[]) FROM (SELECT file('in/basic.pb') AS p) s;
SELECT scale_to(file('in/basic.pb'), file('in/heap.pb'));
SELECT merge(file('in/basic.pb'), file('in/heap.pb'));

-- ---- form ----

-- columns, in the order asked for
SELECT types(p) AS before, types(keep_sample_types(p, 'cpu')) AS one, types(keep_sample_types(p, 'cpu', 'samples')) AS turned,
       total(keep_sample_types(p, 'samples')) = total(p, 'samples') AS total, keep_sample_types(p, 'samples', 'cpu') = p AS same
  FROM (SELECT file('in/basic.pb') AS p) s;
-- what the tool does on its own: what is common
SELECT types(merge(a, b)) AS tool, types(keep_sample_types(a, 'cpu') + keep_sample_types(b, 'cpu')) AS common,
       total(merge(a, b)) = total(keep_sample_types(a, 'cpu') + keep_sample_types(b, 'cpu')) AS total
  FROM (SELECT file('in/merge1.pb') AS a, file('in/merge_subset.pb') AS b) s;
SELECT keep_sample_types(file('in/basic.pb'), 'wall');
SELECT keep_sample_types(file('in/basic.pb'), NULL::text);
SELECT keep_sample_types(file('in/basic.pb'), VARIADIC '{}'::text[]);
SELECT keep_sample_types(file('in/basic.pb'), 'cpu', 'cpu');
-- granularities
SELECT g, num_samples(a), num_locations(a), num_functions(a), total(a) = total(p) AS total
  FROM (SELECT file('in/basic.pb') AS p) s, unnest('{functions, filefunctions, files, lines, addresses}'::text[]) g, aggregate(p, g) a;
SELECT num_samples(aggregate(p)), aggregate(p) = aggregate(p, 'functions', false, false) AS preset,
       (SELECT bool_or(inlined) FROM frames(aggregate(p, 'lines'))) AS inlined, (SELECT bool_or(inlined) FROM frames(aggregate(p, 'lines', noinlines => true))) AS no_inlined,
       (SELECT count(address) FROM frames(aggregate(p, 'lines'))) AS addresses
  FROM (SELECT file('in/basic.pb') AS p) s;
SELECT aggregate(file('in/basic.pb'), 'modules');
-- a program loaded elsewhere is the same program, once addresses are gone
SELECT num_samples(aggregate(a, 'lines') + aggregate(b, 'lines')) = num_samples(aggregate(a, 'lines')) AS meets
  FROM (SELECT file('go/go123-a-cpu.pb.gz') AS a, file('go/go123-a-cpu.pb.gz') AS b) s;

-- labels of every sample
SELECT key, labels -> 'key' AS value, count(*) FROM (SELECT 'set' AS key, s.labels FROM stacks(set_label(file('in/merge1.pb'), 'key', 'v')) s
   UNION ALL SELECT 'number', s.labels FROM stacks(set_label(file('in/merge1.pb'), 'key', 7, 'bytes')) s
   UNION ALL SELECT 'plain number', s.labels FROM stacks(set_label(file('in/merge1.pb'), 'key', 7)) s
   UNION ALL SELECT 'again', s.labels FROM stacks(set_label(set_label(file('in/merge1.pb'), 'key', 'v'), 'key', 'w')) s
   UNION ALL SELECT 'removed', s.labels FROM stacks(remove_label(set_label(set_label(file('in/merge1.pb'), 'key', 'v'), 'key', 7), 'key')) s) x
 GROUP BY 1, 2 ORDER BY 1, 2;
SELECT has_label(p, 'key'), has_label(q, 'key'), has_label(q, 'key', 'v'), has_label(q, 'key', 'w'), has_label(n, 'key', '7') AS number,
       has_label(NULL, 'key') IS NULL AS null
  FROM (SELECT file('in/merge1.pb') AS p, set_label(file('in/merge1.pb'), 'key', 'v') AS q, set_label(file('in/merge1.pb'), 'key', 7) AS n) s;
-- apart by a label, together without it
SELECT num_samples(p + set_label(p, 'host', 'b')) = 2 * num_samples(compact(p)) AS apart,
       remove_label(p + set_label(p, 'host', 'b'), 'host') = p + p AS together
  FROM (SELECT file('go/go123-a-cpu.pb.gz') AS p) s;
SELECT set_label(file('in/merge1.pb'), 'key', '');
SELECT set_label(file('in/merge1.pb'), 'key', 0);

-- ---- equality, for groups, joins and sets ----

CREATE TABLE copies (id int, p profile);
INSERT INTO copies SELECT 1, file('go/go123-a-cpu.pb.gz')
    UNION ALL SELECT 3, compact(file('go/go123-a-cpu.pb.gz')) UNION ALL SELECT 4, file('go/go123-b-cpu.pb.gz') UNION ALL SELECT 5, NULL UNION ALL SELECT 6, NULL;
SELECT count(*), min(id), max(id) FROM copies GROUP BY p ORDER BY 2;
SELECT count(*) AS distinct FROM (SELECT DISTINCT p FROM copies) s;
SELECT count(*) AS union FROM (SELECT p FROM copies WHERE id <> 2 UNION SELECT p FROM copies) s;
SELECT count(*) AS except FROM (SELECT p FROM copies WHERE id = 1 EXCEPT SELECT p FROM copies WHERE id = 3) s;
SET enable_nestloop = off;
SET enable_mergejoin = off;
SELECT a.id, b.id FROM copies a JOIN copies b USING (p) ORDER BY 1, 2;
RESET ALL;
SELECT set_config('test.data', :'data', false) \g /dev/null
SET search_path = public, pprof;
SELECT p IN (SELECT q.p FROM copies q WHERE q.id = 3) AS among, p = ANY (ARRAY[p]) AS any FROM copies WHERE id = 1;
CREATE TABLE hashed (p profile) PARTITION BY HASH (p);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO hashed SELECT p FROM copies;
SELECT count(*), count(DISTINCT tableoid) <= 2 AS parts FROM hashed;
SELECT count(*) FROM hashed WHERE p = file('go/go123-a-cpu.pb.gz');
CREATE INDEX ON copies USING hash (p);
SET enable_seqscan = off;
SELECT array_agg(id ORDER BY id) AS found FROM copies WHERE p = compact(file('go/go123-a-cpu.pb.gz'));
RESET enable_seqscan;
-- what is different in content
SELECT p = p * 2 AS values, p = set_label(p, 'a', 'b') AS labels, p = aggregate(p) AS frames, p = keep_sample_types(p, 'cpu') AS columns, p <> p * 2 AS differ
  FROM copies WHERE id = 1;
-- hashes are stored: in hash indexes, in hash partitions, by people
SELECT hash(file('in/basic.pb')), profile_hash(file('in/basic.pb')), profile_hash_extended(file('in/basic.pb'), 1);
-- there is no order
SELECT p FROM copies ORDER BY p;
SELECT count(DISTINCT p) FROM copies;
DROP TABLE copies, hashed;
DROP FUNCTION file, types, tiny, string;
