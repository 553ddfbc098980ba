-- types, names, values and sets of labels of what is stored
SET pprof.accept_past = 0;
SET TIME ZONE 'UTC';
CREATE FUNCTION uvarint(v bigint) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	bytes bytea := '';
BEGIN
	WHILE v >= 128 LOOP
		bytes := bytes || set_byte('\x00', 0, (v % 128 + 128)::int);
		v := v / 128;
	END LOOP;
	RETURN bytes || set_byte('\x00', 0, v::int);
END $$;
CREATE FUNCTION block(no int, v bytea) RETURNS bytea LANGUAGE sql AS
	$$ SELECT uvarint(no * 8 + 2) || uvarint(length(v)) || v $$;
CREATE FUNCTION number(no int, v bigint) RETURNS bytea LANGUAGE sql AS
	$$ SELECT uvarint(no * 8) || uvarint(v) $$;
-- a CPU profile of one sample: root, leaf, a count
CREATE FUNCTION body(leaf text, count int, at timestamptz) RETURNS bytea LANGUAGE sql AS $$
	SELECT block(1, '\x08011002') || block(1, '\x08031004')
		|| block(2, block(1, '\x0201') || block(2, uvarint(count) || uvarint(count * 10000000)))
		|| block(4, '\x0801' || block(4, '\x0801')) || block(4, '\x0802' || block(4, '\x0802'))
		|| block(5, '\x08011005') || block(5, '\x08021006')
		|| block(6, '') || block(6, 'samples') || block(6, 'count') || block(6, 'cpu')
		|| block(6, 'nanoseconds') || block(6, 'root') || block(6, convert_to(leaf, 'UTF8'))
		|| number(9, (extract(epoch FROM at) * 1000000)::bigint * 1000) || block(11, '\x08031004') || number(12, 10000000)
$$;
SELECT sum(pprof.ingest(body('leaf', 1, at::timestamptz), labels::jsonb)) FROM (VALUES
    ('2023-11-14 01:00Z', '{"service_name": "shop", "env": "prod", "pod": "p1"}'),
    ('2023-11-14 02:00Z', '{"service_name": "shop", "env": "test", "a.b": "c"}'),
    ('2023-11-15 01:00Z', '{"service_name": "shop", "env": "prod", "pod": "p2"}'),
    ('2023-11-15 02:00Z', '{"service_name": "cart", "env": "prod", "Ünïcode": "wörth"}'),
    ('2023-11-16 02:00Z', '{"service_name": "wall", "__name__": "wall"}')) AS t (at, labels);
SELECT * FROM pprof.profile_types();
SELECT * FROM pprof.profile_types('2023-11-16', NULL);
SELECT * FROM pprof.profile_types(NULL, '2023-11-16');
SELECT * FROM pprof.profile_types('2024-01-01', '2024-02-01');
SELECT * FROM pprof.profile_types('2023-11-16', '2023-11-15');
SELECT count(*) FROM pprof.profile_types('-infinity', 'infinity');
SELECT count(*) FROM pprof.profile_types('infinity', NULL);
SELECT count(*) FROM pprof.profile_types(NULL, '-infinity');
SELECT * FROM pprof.label_names();
SELECT * FROM pprof.label_names('{"{service_name=\"shop\"}"}', '2023-11-15');
SELECT * FROM pprof.label_names('{"{env=\"prod\"}","{pod=\"\"}"}');
SELECT * FROM pprof.label_names('{"{env=\"none\"}"}');
SELECT name, array_agg(v) FROM unnest('{service_name,__service_name__,env,pod,a.b,Ünïcode,__name__,__type__,__period_type__,none}'::text[]) WITH ORDINALITY AS n (name, i),
    LATERAL pprof.label_values(name) AS v GROUP BY name, i ORDER BY i;
SELECT * FROM pprof.label_values('pod', '{"{service_name=~\"sh.*\"}"}', '2023-11-14', '2023-11-15');
SELECT * FROM pprof.label_values('service_name', '{process_cpu}');
SELECT * FROM pprof.label_values('env', '{"{__profile_type__=\"wall:cpu:nanoseconds:cpu:nanoseconds\"}"}');
SELECT * FROM pprof.label_values('');
SELECT * FROM pprof.label_values('env', '{"{bad"}');
SELECT * FROM pprof.label_sets('{}', '{service_name,__type__}');
SELECT * FROM pprof.label_sets('{"{service_name!=\"shop\"}"}', '{service_name,env}');
SELECT * FROM pprof.label_sets('{}', '{nothing}');
SELECT * FROM pprof.label_sets('{"wall{__type__=\"cpu\"}"}');
SELECT count(*) FROM pprof.label_sets();
-- what no other tenant sees
SET pprof.tenant = 'nobody';
SELECT count(*) FROM pprof.label_sets();
SELECT count(*) FROM pprof.profile_types();
RESET pprof.tenant;
DROP FUNCTION body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
TRUNCATE pprof.services, pprof.service_types, pprof.series, pprof.series_days, pprof.dictionaries, pprof.chunks, pprof.raw, pprof.pushes;
