-- pprof.check() finds what is damaged; it says nothing about what is sound
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
SELECT pprof.ingest(body('one', 1, '2023-11-14 01:00Z'), '{"service_name": "shop"}'), pprof.ingest(body('two', 2, '2023-11-14 02:00Z'), '{"service_name": "shop"}');
SELECT * FROM pprof.check();
-- what the problems are, ids left out
CREATE FUNCTION problems() RETURNS TABLE (object text, problem text) LANGUAGE sql AS
    $$ SELECT regexp_replace(object, '-?[0-9a-f-]{8,}', 'N', 'g'), problem FROM pprof.check() ORDER BY 1, 2 $$;
CREATE PROCEDURE damage(statement text) LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    EXECUTE statement;
    FOR r IN SELECT * FROM problems() LOOP
        RAISE INFO '%: %', r.object, r.problem;
    END LOOP;
    ROLLBACK;
END $$;
CALL damage('UPDATE pprof.raw SET total = total + 1 WHERE total < 20000000');
CALL damage('UPDATE pprof.chunks SET chunk_no = 7 WHERE chunk_no = 0');
CALL damage('DELETE FROM pprof.chunks WHERE chunk_no = 1');
CALL damage($$UPDATE pprof.chunks SET data = substr(data, 1, length(data) - 1) WHERE chunk_no = 1$$);
CALL damage($$UPDATE pprof.chunks SET data = set_byte(data, 0, 9) WHERE chunk_no = 0$$);
CALL damage('UPDATE pprof.chunks SET data = (SELECT data FROM pprof.chunks WHERE chunk_no = 0) WHERE chunk_no = 1');
CALL damage('DELETE FROM pprof.dictionaries');
CALL damage('DELETE FROM pprof.series_days');
CALL damage('DELETE FROM pprof.series');
CALL damage('DELETE FROM pprof.service_types');
CALL damage('DELETE FROM pprof.services');
CALL damage($$UPDATE pprof.services SET name = 'other'$$);
CALL damage($$UPDATE pprof.service_types SET profile_type = 'a:b:c:d:e' WHERE profile_type LIKE '%:samples:%'$$);
CALL damage($$UPDATE pprof.series SET labels = '{"service_name": "shop", "a": "b"}'$$);
CALL damage($$UPDATE pprof.raw SET spans = '\x02' WHERE total < 20000000$$);
SELECT * FROM pprof.check();
DROP FUNCTION problems();
DROP PROCEDURE damage(text);
DROP FUNCTION body(text, int, timestamptz), number(int, bigint), block(int, bytea), uvarint(bigint);
TRUNCATE pprof.services, pprof.service_types, pprof.series, pprof.series_days, pprof.dictionaries, pprof.chunks, pprof.raw, pprof.pushes;
