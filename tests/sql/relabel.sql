-- labels of what is stored change, and services get other names
SET pprof.accept_past = 0;
SET TIME ZONE 'UTC';
\set SHOW_CONTEXT never
-- other tests have left services
SELECT count(pprof.delete_service(name)) >= 0 AS cleared FROM (SELECT DISTINCT name FROM pprof.services) s;
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/body.sql'
\i :include
CREATE FUNCTION store(labels jsonb, leaf text, at timestamptz) RETURNS boolean LANGUAGE sql AS
    $$ SELECT pprof.ingest(body(leaf, 1, at), labels) > 0 $$;
\set cpu process_cpu:cpu:nanoseconds:cpu:nanoseconds
CREATE VIEW series AS
    SELECT s.name, l.labels - 'service_name' AS labels, l.relabeled FROM pprof.series l JOIN pprof.services s USING (service_id);
SELECT count(*) FILTER (WHERE store(labels::jsonb, leaf, at::timestamptz)) FROM (VALUES
    ('{"service_name": "shop", "pod": "a", "env": "prod"}', 'one', '2023-11-14 01:00Z'),
    ('{"service_name": "shop", "pod": "b", "env": "prod"}', 'two', '2023-11-14 01:10Z'),
    ('{"service_name": "shop", "pod": "b", "env": "prod"}', 'three', '2023-11-15 01:10Z'),
    ('{"service_name": "cart", "pod": "a"}', 'four', '2023-11-14 01:20Z')) AS t (labels, leaf, at);

-- set one, remove one; a second time nothing changes
SELECT pprof.relabel('{pod="b"}', '{"env": null, "zone": "z1"}');
SELECT pprof.relabel('{pod="b"}', '{"env": null, "zone": "z1"}');
SELECT * FROM series ORDER BY name COLLATE "C", labels::text COLLATE "C";
SELECT pprof.total(pprof.query(:'cpu', '{zone="z1"}', '-infinity', 'infinity')) / 10000000 AS z1,
       pprof.total(pprof.query(:'cpu', '{env="prod"}', '-infinity', 'infinity')) / 10000000 AS prod;
SELECT * FROM pprof.label_names('{}', NULL, NULL) ORDER BY 1;
SELECT * FROM pprof.label_values('env', '{}', '2023-11-15', '2023-11-16');
SELECT * FROM pprof.label_values('zone', '{}', '2023-11-14', '2023-11-15');
-- profiles of the old labels begin a series of their own; so do those of the new ones
SELECT store('{"service_name": "shop", "pod": "b", "env": "prod"}', 'five', '2023-11-15 02:00Z');
SELECT store('{"service_name": "shop", "pod": "b", "zone": "z1"}', 'six', '2023-11-15 02:10Z');
SELECT store('{"service_name": "shop", "pod": "b", "zone": "z1"}', 'seven', '2023-11-15 02:20Z');
SELECT * FROM series ORDER BY name COLLATE "C", labels::text COLLATE "C", relabeled;
-- equal labels are one series to questions
SELECT * FROM pprof.label_sets('{"{pod=\"b\"}"}') ORDER BY label_sets::text COLLATE "C";
SELECT labels, sum(value) / 10000000 AS profiles FROM pprof.timeseries(:'cpu', '{}', '2023-11-16', '2023-11-17', '2 days', '{zone}') GROUP BY 1 ORDER BY labels::text COLLATE "C";
SELECT * FROM pprof.check();

-- what cannot be
SELECT pprof.relabel('{}', '{"service_name": "x"}');
SELECT pprof.relabel('{}', '{"__name__": "x"}');
SELECT pprof.relabel('{}', '{"a": 1}');
SELECT pprof.relabel('{}', '[]');
SELECT pprof.relabel('{__type__!="cpu"}', '{"a": "b"}');
SELECT pprof.relabel('{a=', '{"a": "b"}');
SELECT count(*) FROM series WHERE labels ? 'a';

-- another name: what is stored moves, what comes under the old name begins anew
SELECT pprof.rename_service('cart', 'basket'), pprof.rename_service('none', 'nothing');
SELECT store('{"service_name": "cart", "pod": "a"}', 'eight', '2023-11-15 03:00Z');
SELECT store('{"service_name": "basket", "pod": "a"}', 'nine', '2023-11-15 03:10Z');
SELECT name, relabeled, count(*) FROM pprof.services GROUP BY 1, 2 ORDER BY 1, 2;
SELECT n.name, pprof.total(pprof.query(:'cpu', format('{service_name="%s"}', n.name), '-infinity', 'infinity')) / 10000000 AS profiles
  FROM unnest('{cart,basket,shop}'::text[]) AS n (name);
SELECT * FROM pprof.check();
-- a name that exists: from then on they are one
SELECT pprof.rename_service('cart', 'shop');
SELECT pprof.rename_service('basket', 'shop');
SELECT store('{"service_name": "shop", "pod": "a", "env": "prod"}', 'ten', '2023-11-15 04:00Z');
SELECT store('{"service_name": "cart", "pod": "a"}', 'eleven', '2023-11-15 04:10Z');
SELECT name, count(*) FROM pprof.services GROUP BY 1 ORDER BY 1;
SELECT pprof.total(pprof.query(:'cpu', '{service_name="shop"}', '-infinity', 'infinity')) / 10000000 AS shop,
       pprof.total(pprof.query(:'cpu', '{service_name="shop", pod="a"}', '-infinity', 'infinity')) / 10000000 AS a;
SELECT sum(self) / 10000000 AS shop FROM pprof.flamegraph(:'cpu', '{service_name="shop"}', '-infinity'::timestamptz, 'infinity'::timestamptz);
SELECT labels, sum(value) / 10000000 AS profiles FROM pprof.timeseries(:'cpu', '{}', '2023-11-16', '2023-11-17', '2 days', '{service_name}') GROUP BY 1 ORDER BY labels::text COLLATE "C";
SELECT * FROM pprof.label_values('service_name') ORDER BY 1;
SELECT * FROM pprof.label_sets('{"{service_name=\"shop\"}"}', '{service_name,pod}') ORDER BY label_sets::text COLLATE "C";
SELECT * FROM pprof.check();
SELECT pprof.rename_service('shop', 'shop');
SELECT pprof.rename_service('shop', '');
SELECT pprof.rename_service('shop', repeat('x', 3000));
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pprof.rename_service('shop', 'other');
ROLLBACK;
-- what a pin holds it must go on holding
SELECT pprof.pin('{service_name="shop"}', '2023-11-15', '2023-11-16') AS pin \gset
SELECT pprof.rename_service('shop', 'store');
SELECT pprof.unpin(:'pin'), pprof.pin('{service_name=~"shop|store"}', '2023-11-15', '2023-11-16') AS pin \gset
SELECT pprof.rename_service('shop', 'store') > 0 AS renamed, pprof.rename_service('store', 'shop') > 0 AS back, pprof.unpin(:'pin');
SELECT pprof.pin('{pod="a"}', '2023-11-15', '2023-11-16') AS pin \gset
SELECT pprof.relabel('{}', '{"pod": null}');
SELECT pprof.unpin(:'pin');
-- only one's own
SET pprof.tenant = 'other';
SELECT pprof.rename_service('shop', 'mine'), pprof.relabel('{}', '{"a": "b"}');
RESET pprof.tenant;
SET ROLE pprof_read;
SELECT pprof.relabel('{}', '{"a": "b"}');
RESET ROLE;
DROP VIEW series;
DROP FUNCTION store(jsonb, text, timestamptz);
SELECT count(pprof.delete_service(name)) FROM (SELECT DISTINCT name FROM pprof.services) s;
DROP FUNCTION body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
