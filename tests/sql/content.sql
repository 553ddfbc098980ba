-- what a profile says about itself: header, sizes, and its parts as rows
\getenv abs_srcdir PG_ABS_SRCDIR
\set data :abs_srcdir '/data/pprof/'
SELECT set_config('test.data', :'data', false) \g /dev/null
SET search_path = public, pprof;
SET timezone = 'UTC';
CREATE FUNCTION file(name text) RETURNS profile LANGUAGE sql
    AS $$ SELECT pg_read_binary_file(current_setting('test.data') || name)::pprof.profile $$;
CREATE TABLE profiles AS
    SELECT name, file(name) AS p
      FROM unnest('{in/basic.pb, in/addr.pb, in/heap.pb, in/names.pb, in/drop.pb, in/filter.pb, in/tags.pb, in/big.pb,
                    in/t_ids_sparse.pb, in/t_empty_stack.pb, in/t_label_both.pb, in/t_label_dup.pb,
                    go/go123-a-cpu.pb.gz, go/go123-a-heap.pb.gz, go/go123-a-threadcreate.pb.gz}'::text[]) name;

-- header
SELECT default_sample_type(p), period_type(p), period_unit(p), period(p), started_at(p), time_nanos(p),
       duration(p), duration_nanos(p), comments(p), doc_url(p), drop_frames(p), keep_frames(p)
  FROM profiles WHERE name = 'in/basic.pb' \gx
SELECT name, default_sample_type(p), drop_frames(p), keep_frames(p) FROM profiles WHERE name IN ('in/drop.pb', 'in/heap.pb') ORDER BY name;
-- what is not said: null where nothing can be meant, 0 where it is a number
SELECT default_sample_type(p), period_type(p), period_unit(p), period(p), started_at(p), time_nanos(p), duration(p), comments(p), doc_url(p)
  FROM (SELECT '\x3200'::bytea::profile AS p) x \gx
-- times far from here
SELECT started_at('\x320048ffffffffffffffff7f'::bytea::profile) AS latest, time_nanos('\x320048ffffffffffffffff7f'::bytea::profile),
       started_at('\x32004880808080808080808001'::bytea::profile) AS earliest,
       started_at('\x320048ffffffffffffffffff01'::bytea::profile) AS before_1970,
       duration('\x320050ffffffffffffffff7f'::bytea::profile) AS long;

-- sizes are those of the rows
SELECT name, num_samples(p), num_locations(p), num_functions(p), num_mappings(p), max_depth(p) FROM profiles ORDER BY name;
SELECT bool_and(num_samples(p) = (SELECT count(*) FROM raw_samples(p))) AS samples,
       bool_and(num_locations(p) = (SELECT count(*) FROM locations(p))) AS locations,
       bool_and(num_functions(p) = (SELECT count(*) FROM functions(p))) AS functions,
       bool_and(num_mappings(p) = (SELECT count(*) FROM mappings(p))) AS mappings,
       bool_and(max_depth(p) = (SELECT coalesce(max(depth) + 1, 0) FROM frames(p))) AS depth
  FROM profiles;

-- parts
SELECT * FROM raw_samples(file('in/basic.pb')) ORDER BY sample_id LIMIT 4;
SELECT sample_id, labels, num_labels, num_units FROM raw_samples(file('in/tags.pb')) ORDER BY sample_id LIMIT 6;
SELECT labels, num_labels, num_units FROM raw_samples(file('in/t_label_both.pb'));
SELECT labels, num_labels, num_units FROM raw_samples(file('in/t_label_dup.pb'));
SELECT * FROM labels(file('in/t_label_dup.pb')) ORDER BY sample_id, key, value, num;
SELECT * FROM locations(file('in/basic.pb')) ORDER BY id LIMIT 3;
SELECT * FROM functions(file('in/basic.pb')) ORDER BY id LIMIT 3;
SELECT * FROM mappings(file('in/basic.pb')) ORDER BY id;
-- ids and addresses of 64 bits, without a sign
SELECT id, mapping_id, address, function_ids FROM locations(file('in/t_ids_sparse.pb')) ORDER BY id;
SELECT id, name FROM functions(file('in/t_ids_sparse.pb')) ORDER BY id;
SELECT address FROM locations(file('go/go123-a-threadcreate.pb.gz')) WHERE length(address) = 18;

-- the parts, joined, are the frames
SELECT name, count(*) AS frames,
       count(*) FILTER (WHERE (f.function, f.filename, f.line, f.address, f.mapping)
                               IS NOT DISTINCT FROM (j.function, j.filename, j.line, j.address, j.mapping)) AS same
  FROM profiles,
       LATERAL (SELECT f.sample_id, f.depth, f.function, f.filename, f.line, f.address, f.mapping FROM frames(p) f) f
  FULL JOIN LATERAL (
         SELECT s.sample_id, row_number() OVER (PARTITION BY s.sample_id ORDER BY l.n, i.n) - 1 AS depth,
                fn.name AS function, fn.filename, nullif(i.line, 0) AS line, loc.address, m.filename AS mapping
           FROM raw_samples(p) s CROSS JOIN unnest(s.location_ids) WITH ORDINALITY l (id, n)
           JOIN locations(p) loc ON loc.id = l.id
           LEFT JOIN unnest(loc.function_ids, loc.lines) WITH ORDINALITY i (function_id, line, n) ON true
           LEFT JOIN functions(p) fn ON fn.id = i.function_id
           LEFT JOIN mappings(p) m ON m.id = loc.mapping_id) j USING (sample_id, depth)
 WHERE name LIKE 'in/%'
 GROUP BY name ORDER BY name;
SELECT bool_and(s."values"[idx + 1] = k.value) AS "values"
  FROM profiles, sample_types(p) t, LATERAL stacks(p, idx::text) k JOIN LATERAL raw_samples(p) s USING (sample_id);

-- bytes that are no text, and texts that look like something else
SELECT replace(name, U&'\FFFD', '!') AS name
  FROM functions('\x0a040801100212060a010112010722060801220208012a0408011003320032016e3205636f756e74320b66ff00c3a9f09f94a5e282'::bytea::profile);
SELECT name, system_name FROM functions(file('in/names.pb')) ORDER BY id;
SELECT key, value FROM labels(file('in/names.pb')) ORDER BY sample_id, key COLLATE "C", value COLLATE "C";

-- null in, nothing out
SELECT period(NULL) IS NULL AND started_at(NULL) IS NULL AND comments(NULL) IS NULL AND max_depth(NULL) IS NULL AS nothing;
SELECT count(*) FROM raw_samples(NULL), locations(NULL), functions(NULL::profile), labels(NULL);
DROP TABLE profiles;
DROP FUNCTION file;
