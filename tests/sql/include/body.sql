-- body(): the bytes of small profiles, made in SQL
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
