-- differences of pprof.profile: both sides are kept, the base labelled and negated
\getenv abs_srcdir PG_ABS_SRCDIR
\set data :abs_srcdir '/data/pprof/'
SELECT set_config('test.data', :'data', false) \g /dev/null
SET search_path = public, pprof;
CREATE FUNCTION file(name text) RETURNS profile LANGUAGE sql
    AS $$ SELECT pg_read_binary_file(current_setting('test.data') || name)::pprof.profile $$;
CREATE TABLE runs (id int PRIMARY KEY, is_base boolean, p profile);
INSERT INTO runs VALUES (1, true, file('go/go123-a-cpu.pb.gz')), (2, false, file('go/go123-b-cpu.pb.gz')),
    (3, true, file('in/basic.pb')), (4, false, file('go/go119-a-cpu.pb.gz'));

-- what is left is one side minus the other
SELECT net_total(diff(p, is_base)) = sum(CASE WHEN is_base THEN -total(p) ELSE total(p) END) AS difference FROM runs;
SELECT net_total(diff(a.p, b.p)) = total(a.p) - total(b.p) AS difference FROM runs a, runs b WHERE a.id = 2 AND b.id = 1;
-- nothing is left between a profile and itself, though both sides are there; percentages are of the base
SELECT net_total(diff(p, p)), total(diff(p, p)) = total(p) AS of_base, num_samples(diff(p, p)) = 2 * num_samples(m) AS both
  FROM (SELECT merge(p) AS m, merge(p) AS p FROM runs WHERE id = 3) s;
-- the label tells the sides apart
SELECT labels ->> 'pprof::base' AS base, sum(value) = total(file('in/basic.pb')) AS plus,
       sum(value) = -total(file('in/basic.pb')) AS minus
  FROM stacks(diff(file('in/basic.pb'), file('in/basic.pb'))) GROUP BY 1 ORDER BY 1;
-- aggregate and function agree
SELECT diff(p, is_base) = diff((SELECT p FROM runs WHERE id = 2), (SELECT p FROM runs WHERE id = 1)) AS agree
  FROM runs WHERE id IN (1, 2);
-- the order of the rows does not show, nor that of partial differences
SELECT diff(p, is_base ORDER BY id)::bytea = diff(p, is_base ORDER BY id DESC)::bytea AS commutes FROM runs;
SELECT merge(part)::bytea = (SELECT diff(p, is_base)::bytea FROM runs) AS associates
  FROM (SELECT diff(p, is_base) AS part FROM runs GROUP BY is_base) parts;
-- one side alone: as it is, or negated
SELECT diff(p, false)::bytea = merge(p)::bytea AS plus, net_total(diff(p, true)) = -total(merge(p)) AS minus FROM runs;
-- nulls are skipped, a side that is not known is one; null over no rows
SELECT diff(p, is_base) = (SELECT diff(p, is_base) FROM runs) AS skipped
  FROM (TABLE runs UNION ALL VALUES (5, true, NULL), (6, NULL, file('in/basic.pb'))) more;
SELECT diff(p, is_base) IS NULL AS over_nothing FROM runs WHERE false;
SELECT diff(p, NULL::boolean) IS NULL AS over_nulls FROM runs;
SELECT diff(p, NULL::profile) IS NULL AS of_null FROM runs WHERE id = 1;
-- rows are not changed by being subtracted
SELECT net_total(diff_transfn(p, p, true)) AS nothing, total(p) = total(file('in/basic.pb')) AS kept FROM runs WHERE id = 3;

-- refusals: other sample types
\set VERBOSITY sqlstate
SELECT diff(p, b) FROM (VALUES (file('in/basic.pb'), false), (file('in/heap.pb'), true)) v(p, b);
SELECT diff(file('in/basic.pb'), file('in/heap.pb'));
DROP TABLE runs;
DROP FUNCTION file;
