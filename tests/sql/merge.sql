-- sums of pprof.profile: the aggregate in canonical order, the function in the tool's
\getenv abs_srcdir PG_ABS_SRCDIR
\set data :abs_srcdir '/data/pprof/'
SELECT set_config('test.data', :'data', false) \g /dev/null
SET search_path = public, pprof;
CREATE FUNCTION file(name text) RETURNS profile LANGUAGE sql
    AS $$ SELECT pg_read_binary_file(current_setting('test.data') || name)::pprof.profile $$;
CREATE TABLE cpu (id int PRIMARY KEY, p profile);
INSERT INTO cpu VALUES (1, file('go/go123-a-cpu.pb.gz')), (2, file('go/go123-b-cpu.pb.gz')),
    (3, file('go/go119-a-cpu.pb.gz')), (4, file('in/basic.pb')), (5, NULL);

-- the order of the rows does not show, byte for byte
SELECT merge(p ORDER BY id)::bytea = merge(p ORDER BY id DESC)::bytea AS commutes FROM cpu;
-- nor does the order of partial sums, nor that they travelled as text or as files
SELECT merge(part)::bytea = (SELECT merge(p)::bytea FROM cpu) AS associates
  FROM (SELECT merge(p) AS part FROM cpu GROUP BY id % 2) parts;
SELECT merge(part::text::profile) = (SELECT merge(p) FROM cpu) AS travels
  FROM (SELECT merge(p) AS part FROM cpu GROUP BY id % 3) parts;
-- sums are sums
SELECT total(merge(p)) = sum(total(p)) AS cpu, total(merge(p), 'samples') = sum(total(p, 'samples')) AS samples
  FROM cpu;
-- merging a sum again changes nothing; one profile is its own sum
SELECT m = merge(VARIADIC ARRAY[m]) AS idempotent FROM (SELECT merge(p) AS m FROM cpu) sum;
SELECT bool_and(m = p) AS alone FROM (SELECT p, (SELECT merge(q) FROM (VALUES (p)) v(q)) AS m FROM cpu) s;
-- the function and the aggregate agree on what happened
SELECT total(merge(VARIADIC array_agg(p))) = total(merge(p)) AS total,
       num_samples(merge(VARIADIC array_agg(p))) = num_samples(merge(p)) AS samples FROM cpu;
SELECT summary(merge(file('in/merge1.pb'), file('in/merge2.pb'), file('in/merge3.pb')));

-- no rows, and nulls alone, both give null
SELECT merge(p) IS NULL AS over_nothing FROM cpu WHERE false;
SELECT merge(p) IS NULL AS over_nulls FROM cpu WHERE p IS NULL;
SELECT merge(VARIADIC '{}'::profile[]) IS NULL AS of_nothing, merge(NULL, NULL::profile) IS NULL AS of_nulls;
-- a sum that cancels out keeps its columns
SELECT summary(merge(p)) FROM (VALUES (file('in/merge1.pb')), (file('in/merge_neg.pb'))) v(p);

-- a running sum keeps what it has shown, and rows are not changed by being added to
SELECT id, total(merge(p) OVER (ORDER BY id)) = sum(total(p)) OVER (ORDER BY id) AS running FROM cpu ORDER BY id;
SELECT total(merge_transfn(p, p)) = 2 * total(p) AS doubled, p = file('in/basic.pb') AS kept FROM cpu WHERE id = 4;
SELECT total(merge_transfn(m, m)) = 2 * total(m) AS doubled, total(m) = total AS kept
  FROM (SELECT merge(p) AS m, sum(total(p)) AS total FROM cpu OFFSET 0) sum;
-- nor are variables that hold a sum in memory
DO $$
DECLARE
    a pprof.profile := public.file('in/basic.pb');
    b pprof.profile;
    c pprof.profile;
BEGIN
    b := pprof.merge_transfn(a, a);
    c := b;
    FOR i IN 1 .. 3 LOOP
        c := pprof.merge_transfn(c, a);
    END LOOP;
    RAISE NOTICE 'a %, b %, c %', pprof.total(a), pprof.total(b), pprof.total(c);
    SELECT pprof.merge(p) INTO c FROM public.cpu WHERE id = 4;
    b := pprof.merge_transfn(c, c);
    RAISE NOTICE 'b %, c %', pprof.total(b), pprof.total(c);
END $$;
-- two aggregates over one state, and one over many groups
SELECT total(merge(p)) = total(merge(p) FILTER (WHERE id < 9)) AS shared, count(merge(p)) OVER () AS n FROM cpu;
SELECT count(*), sum(total) = (SELECT 100 * sum(total(p)) FROM cpu) AS groups
  FROM (SELECT total(merge(p)) FROM cpu, generate_series(1, 100) g GROUP BY g) s;

-- a dump of a sum restores under default settings
SET pprof.max_samples = 100;
SELECT num_samples(m) > 100 AS large, m::text::profile = m AS restored FROM (SELECT merge(p) AS m FROM cpu) sum;
RESET pprof.max_samples;

-- parallel plans give the same, whatever is forced
CREATE TABLE many AS SELECT i AS id, i % 7 AS g, p FROM cpu, generate_series(1, 60) i;
ALTER TABLE many SET (parallel_workers = 2);
ANALYZE many;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE serial AS SELECT g, merge(p) AS p, diff(p, id % 2 = 0) AS d FROM many GROUP BY g;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT DISTINCT set_config(name, 'on', false) AS forced
  FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
DO $$
DECLARE
    line text;
    partial boolean := false;
BEGIN
    FOR line IN EXPLAIN (COSTS OFF) SELECT g, pprof.merge(p), pprof.diff(p, id % 2 = 0) FROM public.many GROUP BY g LOOP
        partial := partial OR line LIKE '%Partial%Aggregate%';
    END LOOP;
    RAISE NOTICE 'partial: %', partial;
END $$;
SELECT count(*), bool_and(p.p::bytea = s.p::bytea) AS merge, bool_and(p.d::bytea = s.d::bytea) AS diff
  FROM (SELECT g, merge(p) AS p, diff(p, id % 2 = 0) AS d FROM many GROUP BY g) p JOIN serial s USING (g);
SELECT merge(p)::bytea = (SELECT merge(p)::bytea FROM serial) AS merge,
       diff(p, id % 2 = 0)::bytea = (SELECT merge(d)::bytea FROM serial) AS diff FROM many;

-- refusals: other sample types, other period types, sums outside 64 bits
\set VERBOSITY sqlstate
SELECT merge(p) FROM (VALUES (file('in/basic.pb')), (file('in/heap.pb'))) v(p);
SELECT merge(p) FROM (VALUES (file('in/merge1.pb')), (file('in/merge_other.pb'))) v(p);
SELECT merge(file('in/basic.pb'), file('in/heap.pb'));
SELECT merge(p) FROM (VALUES (file('in/big.pb')), (file('in/big.pb'))) v(p);
DROP TABLE cpu, many, serial;
DROP FUNCTION file;
