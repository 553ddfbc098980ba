-- laws of the algebra, on profiles of real programs
\getenv abs_srcdir PG_ABS_SRCDIR
\set data :abs_srcdir '/data/pprof/'
SELECT set_config('test.data', :'data', false) \g /dev/null
SET search_path = public, pprof;
CREATE FUNCTION file(name text) RETURNS profile LANGUAGE sql
    AS $$ SELECT pg_read_binary_file(current_setting('test.data') || name)::pprof.profile $$;
CREATE TABLE real (name text, kind text, p profile);
INSERT INTO real SELECT name, kind, file(name) FROM (VALUES
    ('go/go123-a-cpu.pb.gz', 'cpu'), ('go/go123-b-cpu.pb.gz', 'cpu'), ('go/go119-a-cpu.pb.gz', 'cpu'),
    ('go/go119-b-cpu.pb.gz', 'cpu'), ('go/go123-a-heap.pb.gz', 'heap'), ('go/go123-b-heap.pb.gz', 'heap'),
    ('go/go119-a-heap.pb.gz', 'heap'), ('go/go123-a-allocs.pb.gz', 'heap'), ('go/go123-a-goroutine.pb.gz', 'goroutine'),
    ('go/go123-a-mutex.pb.gz', 'contention'), ('go/go123-a-block.pb.gz', 'contention'),
    ('go/go123-a-threadcreate.pb.gz', 'threadcreate')) v(name, kind);
-- two of one kind, the profile itself among them
CREATE VIEW pairs AS SELECT a.name AS a_name, b.name AS b_name, a.p AS a, b.p AS b FROM real a JOIN real b USING (kind);
SELECT count(*) FROM pairs;

-- sums commute and associate, in content and in bytes
SELECT bool_and(a + b = b + a) AS commutes, bool_and((a + b)::bytea = (b + a)::bytea) AS bytes FROM pairs;
SELECT bool_and((x.p + y.p) + z.p = x.p + (y.p + z.p)) AS associates
  FROM real x JOIN real y USING (kind) JOIN real z USING (kind);
-- the tool's order shows in the header and in mappings only, where programs differ
SELECT bool_and(merge(a, b) = a + b) AS same_sum FROM pairs WHERE a_name LIKE '%go123%cpu%' AND b_name LIKE '%go123%cpu%';
SELECT count(*) AS differences FROM (
    SELECT a_name, b_name, stack, labels::text, sum(value) FROM pairs, stacks(merge(a, b), '0') GROUP BY 1, 2, 3, 4
    EXCEPT SELECT a_name, b_name, stack, labels::text, sum(value) FROM pairs, stacks(b + a, '0') GROUP BY 1, 2, 3, 4) d;
-- of the aggregate, whatever the order and the partial sums
SELECT kind, merge(p ORDER BY name) = merge(p ORDER BY name DESC) AS commutes, merge(p) = sum(p) AS synonym,
       merge(p) = (SELECT merge(part) FROM (SELECT merge(p) AS part FROM real x WHERE x.kind = r.kind GROUP BY length(name) % 2) y) AS associates
  FROM real r GROUP BY kind ORDER BY kind;
-- totals of what is not negative add up
SELECT bool_and(total(a + b, idx::text) = total(a, idx::text) + total(b, idx::text)) AS totals
  FROM pairs, sample_types(a);

-- a profile minus itself is nothing; so is its sum with its negative
SELECT bool_and(num_samples(p - p) = 0) AS subtract, bool_and(num_samples(subtract(p, p)) = 0) AS same,
       bool_and(num_samples(p + p * -1) = 0) AS negative, bool_and(num_samples(merge(p, scale(p, -1))) = 0) AS merged,
       bool_and((SELECT num_samples(subtract(q, base)) FROM (VALUES (p, true), (p, false)) v(q, base)) = 0) AS aggregate FROM real;
-- what was taken away and given back is the sum without it
SELECT bool_and(((a + b) - b) = (a + b * 0 - b * 0)) AS back FROM pairs;
-- beyond 2^53, where doubles have gaps
SELECT num_samples(p + p * -1) AS nothing, num_samples(p - p) AS nor_so, total(p) > 9007199254740992 AS great
  FROM (SELECT file('go/go123-a-cpu.pb.gz') * 900719925 AS p) s;

-- both sides of a difference are there: every node is 0, the total is that of the profile
CREATE VIEW nothing AS SELECT name, idx::text AS col, p, diff(p, p) AS d FROM real, sample_types(p);
SELECT bool_and(total(d, col) = total(p, col)) AS total, bool_and(net_total(d, col) = 0) AS net,
       bool_and(num_samples(d) = 2 * num_samples(compact(p))) AS both FROM nothing;
SELECT count(*) FILTER (WHERE value <> 0 OR self <> 0) AS flamegraph, count(*) > 0 AS rows FROM nothing, flamegraph(d, col, max_nodes => 0);
SELECT count(*) FILTER (WHERE flat <> 0 OR cum <> 0) AS top FROM nothing, top(d, col);
SELECT count(*) FILTER (WHERE flat <> 0 OR cum <> 0) AS by_line FROM nothing, top(d, col, granularity => 'lines');
SELECT count(*) FILTER (WHERE weight <> 0) AS edges FROM nothing, edges(d, col);
-- the aggregate says the same
SELECT bool_and(d = (SELECT diff(q, base) FROM (VALUES (p, true), (p, false)) v(q, base))) AS aggregate
  FROM (SELECT p, diff(p, p) AS d FROM real) s;

-- out and in again
SELECT bool_and(p::bytea::profile = p) AS file, bool_and(to_bytea(to_bytea(p, false)::profile, false) = to_bytea(p, false)) AS bytes,
       bool_and(p::text::profile = p) AS text, bool_and((p + p)::bytea::profile = p + p) AS sum FROM real;

-- twice is double; compacting again changes nothing
SELECT count(*) AS differences FROM (
    SELECT name, idx, f.stack, f.labels::text, sum(f.value) FROM real, sample_types(p) t, stacks(merge(p, p), t.idx::text) f GROUP BY 1, 2, 3, 4
    EXCEPT SELECT name, idx, f.stack, f.labels::text, sum(f.value) FROM real, sample_types(p) t, stacks(compact(scale(p, 2)), t.idx::text) f GROUP BY 1, 2, 3, 4) d;
SELECT bool_and(p / 1 = p AND p * 1 = p AND 1 * p = p) AS whole FROM real;
SELECT bool_and(compact(p) = p) AS content, bool_and(compact(compact(p))::bytea = compact(p)::bytea) AS bytes FROM real;

-- filters at once are filters in turn
SELECT bool_and(filter(p, '{"focus": "runtime", "ignore": "gcBgMark", "hide": "^runtime\\.m", "show_from": "main", "tagfocus": "endpoint", "taghide": "profile_id", "prune_from": "main\\.work"}')::bytea
    = prune_from(taghide(tagfocus(show_from(hide(ignore(focus(p, 'runtime'), 'gcBgMark'), '^runtime\.m'), 'main'), 'endpoint'), 'profile_id'), 'main\.work')::bytea) AS one,
       bool_and(filter(p, '{"tagroot": "endpoint", "focus": "runtime|main", "show": "runtime|main|net", "tagshow": "e"}')::bytea
    = tagshow(show(focus(tagroot(p, 'endpoint'), 'runtime|main'), 'runtime|main|net'), 'e')::bytea) AS two,
       bool_and(filter(p, '{}')::bytea = p::bytea) AS none FROM real;
-- with what matches and what does not there is all
SELECT bool_and(focus(p, 'runtime') + ignore(p, 'runtime') = p + p * 0) AS complement FROM real;

-- coarser sums are sums of the coarser
SELECT g, bool_and(aggregate(a + b, g) = aggregate(a, g) + aggregate(b, g)) AS commutes,
       bool_and(aggregate(aggregate(a, g), g) = aggregate(a, g)) AS idempotent,
       bool_and(total(aggregate(a, g)) = total(a)) AS total
  FROM pairs, unnest('{functions, filefunctions, files, lines, addresses}'::text[]) g GROUP BY g ORDER BY g;
SELECT bool_and((SELECT array_agg(t ORDER BY t) FROM top(p, granularity => g) t) = (SELECT array_agg(t ORDER BY t) FROM top(aggregate(p, g), granularity => g) t)) AS top
  FROM real, unnest('{functions, lines, addresses}'::text[]) g;

-- equal content, equal hash
SELECT bool_and(hash(p) = hash(p::bytea::profile)) AS file, bool_and(hash(p) = hash(compact(p))) AS compact,
       bool_and(hash(p) <> hash(p * 2)) AS value, count(DISTINCT hash(p)) = count(*) AS different FROM real;
SELECT bool_and(hash(a + b) = hash(b + a)) AS sums, bool_and((hash(a) = hash(b)) = (a = b)) AS agree FROM pairs;
SELECT bool_and(profile_hash_extended(p, 0) = hash(p)) AS unseeded, bool_and(profile_hash_extended(p, 1) <> hash(p)) AS seeded,
       bool_and(profile_hash(p) = hash(p)::bit(32)::int) AS low FROM real;
DROP VIEW pairs, nothing;

-- parallel plans equal serial ones
CREATE TABLE many (g int, is_base boolean, p profile) PARTITION BY LIST (g);
CREATE TABLE many_0 PARTITION OF many FOR VALUES IN (0) WITH (parallel_workers = 2);
CREATE TABLE many_1 PARTITION OF many FOR VALUES IN (1) WITH (parallel_workers = 2);
CREATE TABLE many_2 PARTITION OF many FOR VALUES IN (2) WITH (parallel_workers = 2);
INSERT INTO many SELECT i % 3, i % 2 = 0, p FROM real, generate_series(1, 30) i WHERE kind = 'cpu';
INSERT INTO many SELECT i % 3, NULL, NULL FROM generate_series(1, 30) i;
ANALYZE many;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE serial AS
    SELECT g, merge(p) AS m, sum(p) AS s, diff(p, is_base) AS d, subtract(p, is_base) AS b, merge(p) FILTER (WHERE is_base) AS f FROM many GROUP BY g;
CREATE TABLE serial_all AS
    SELECT merge(p) AS m, sum(p) AS s, diff(p, is_base) AS d, subtract(p, is_base) AS b, merge(p) FILTER (WHERE is_base) AS f FROM many;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT DISTINCT set_config(name, 'on', false) AS forced
  FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
CREATE FUNCTION partial(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    line text;
    found boolean := false;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        found := found OR line LIKE '%Partial%Aggregate%';
    END LOOP;
    RETURN found;
END $$;
CREATE VIEW parallel AS
    SELECT g, merge(p) AS m, sum(p) AS s, diff(p, is_base) AS d, subtract(p, is_base) AS b, merge(p) FILTER (WHERE is_base) AS f FROM many GROUP BY g;
CREATE VIEW parallel_all AS
    SELECT merge(p) AS m, sum(p) AS s, diff(p, is_base) AS d, subtract(p, is_base) AS b, merge(p) FILTER (WHERE is_base) AS f FROM many;
SELECT partial('SELECT * FROM parallel') AS grouped, partial('SELECT * FROM parallel_all') AS whole;
SELECT count(*), bool_and(p.m::bytea = s.m::bytea AND p.s::bytea = s.s::bytea AND p.d::bytea = s.d::bytea AND p.b::bytea = s.b::bytea AND p.f::bytea = s.f::bytea) AS same
  FROM parallel p JOIN serial s USING (g);
SELECT count(*), bool_and(p.m::bytea = s.m::bytea AND p.s::bytea = s.s::bytea AND p.d::bytea = s.d::bytea AND p.b::bytea = s.b::bytea AND p.f::bytea = s.f::bytea) AS same
  FROM parallel_all p, serial_all s;
SET enable_partitionwise_aggregate = on;
SELECT partial('SELECT * FROM parallel_all') AS partitionwise;
SELECT count(*), bool_and(p.m::bytea = s.m::bytea AND p.d::bytea = s.d::bytea AND p.b::bytea = s.b::bytea) AS same FROM parallel p JOIN serial s USING (g);
SELECT count(*), bool_and(p.m::bytea = s.m::bytea AND p.d::bytea = s.d::bytea AND p.b::bytea = s.b::bytea) AS same FROM parallel_all p, serial_all s;
-- nor do units show who met whom
CREATE TABLE mixed AS SELECT i, from_folded(format('main;f%s %s', i % 5, i), 'cpu', (ARRAY['ms', 'us', 'seconds', 'ns'])[i % 4 + 1]) AS p FROM generate_series(1, 400) i;
ALTER TABLE mixed SET (parallel_workers = 2);
ANALYZE mixed;
SELECT partial('SELECT merge(p) FROM mixed') AS partial;
SELECT merge(p)::bytea = (SELECT merge(p ORDER BY i)::bytea FROM mixed) AS merge, subtract(p, i % 3 = 0)::bytea = (SELECT subtract(p, i % 3 = 0 ORDER BY i DESC)::bytea FROM mixed) AS subtract,
       net_total(merge(p)) = sum(i * (ARRAY[1000000, 1000, 1000000000, 1])[i % 4 + 1]::bigint) AS total FROM mixed;
DROP TABLE mixed;
-- groups of content
SELECT count(*) AS groups, sum(n) AS rows FROM (SELECT p, count(*) AS n FROM many WHERE p IS NOT NULL GROUP BY p) s;
RESET ALL;
SELECT set_config('test.data', :'data', false) \g /dev/null
SET search_path = public, pprof;

-- windows, moving ones among them; order inside; grouping sets; nulls
CREATE TABLE ordered AS SELECT row_number() OVER (PARTITION BY kind ORDER BY name) AS id, kind, p FROM real WHERE kind IN ('cpu', 'heap');
SELECT bool_and(m = (SELECT merge(q.p) FROM ordered q WHERE q.kind = w.kind AND q.id BETWEEN w.id - 1 AND w.id + 1)) AS moving,
       bool_and(r = (SELECT merge(q.p) FROM ordered q WHERE q.kind = w.kind AND q.id <= w.id)) AS running
  FROM (SELECT id, kind, merge(p) OVER (PARTITION BY kind ORDER BY id RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS m,
               sum(p) OVER (PARTITION BY kind ORDER BY id) AS r FROM ordered) w;
SELECT bool_and(d = (SELECT subtract(q.p, q.id % 2 = 0) FROM ordered q WHERE q.kind = w.kind AND q.id <= w.id)) AS differences
  FROM (SELECT id, kind, subtract(p, id % 2 = 0) OVER (PARTITION BY kind ORDER BY id) AS d FROM ordered) w;
SELECT kind, half, n = (SELECT count(*) FROM ordered o WHERE o.kind = s.kind AND (s.half IS NULL OR o.id % 2 = s.half)) AS n,
       m = (SELECT merge(o.p) FROM ordered o WHERE o.kind = s.kind AND (s.half IS NULL OR o.id % 2 = s.half)) AS sums
  FROM (SELECT kind, id % 2 AS half, count(*) AS n, merge(p) AS m FROM ordered GROUP BY GROUPING SETS ((kind), (kind, id % 2))) s
 ORDER BY kind, half;
SELECT merge(p) = (SELECT merge(p) FROM ordered WHERE kind = 'cpu') AS skipped, count(*) - count(p) AS nulls
  FROM (SELECT p FROM ordered WHERE kind = 'cpu' UNION ALL VALUES (NULL::profile), (NULL)) s;
SELECT sum(p) IS NULL AS sum, subtract(p, true) IS NULL AS subtract FROM ordered WHERE false;
SELECT sum(NULL::profile) IS NULL AS of_null, subtract(p, NULL::boolean) IS NULL AS of_unknown FROM ordered WHERE kind = 'cpu';
DROP TABLE real, many, serial, serial_all, ordered CASCADE;
DROP FUNCTION file, partial;
