-- pprof.samples: bytes by dictionary and stack id, and their sum
SET search_path = public, pprof;
-- version 1, no flags, one part: dictionary 7, scale 10, stacks 0 and 4 once, stack 3 three times
CREATE TABLE rows (id int PRIMARY KEY, s samples);
INSERT INTO rows VALUES
    (1, '\x010001 0700000000000000 0a 020003 010306'),
    (2, '\x010001 0700000000000000 0a 0103 00'),
    (3, '\x010002 0700000000000000 01 0105 00 ffffffffffffffff 05 0101 00'),
    (4, NULL),
    (5, '\x010000');

-- text, bytea and binary forms are the bytes
SELECT id, s FROM rows ORDER BY id;
SELECT bool_and(s::text::samples::bytea = s::bytea) AS text,
       bool_and(samples_send(s) = s::bytea) AS binary, bool_and(s::bytea::samples::bytea = s::bytea) AS cast
  FROM rows WHERE s IS NOT NULL;

-- values add up per dictionary and stack; what adds up to nothing is not there
SELECT merge(s) FROM rows WHERE id IN (1, 2);
SELECT merge(s) FROM rows;
SELECT merge(s) FROM (VALUES ('\x010001 0700000000000000 0a 020003 010306'::samples),
                             ('\x010001 0700000000000000 0a 00 030001 0205 0001')) v(s);
-- the order of the rows and of the partial sums does not show
SELECT merge(s ORDER BY id)::bytea = merge(s ORDER BY id DESC)::bytea AS commutes FROM rows;
SELECT merge(part)::bytea = (SELECT merge(s)::bytea FROM rows) AS associates
  FROM (SELECT merge(s) AS part FROM rows GROUP BY id % 2) parts;
SELECT merge(part::text::samples)::bytea = (SELECT merge(s)::bytea FROM rows) AS travels
  FROM (SELECT merge(s) AS part FROM rows GROUP BY id % 3) parts;
-- no rows, and nulls alone, both give null; no samples give no samples
SELECT merge(s) IS NULL AS over_nothing FROM rows WHERE false;
SELECT merge(s) IS NULL AS over_nulls FROM rows WHERE id = 4;
SELECT merge(s) AS over_empty FROM rows WHERE id = 5;
-- a running sum keeps what it has shown: states are not shared with results
SELECT id, merge(s) OVER (ORDER BY id) FROM rows ORDER BY id;
-- rows are not changed by being added to
SELECT merge_transfn(s, s) AS doubled, s FROM rows WHERE id = 1;
SELECT merge_transfn(m, m)::bytea = (SELECT merge(s)::bytea FROM (SELECT * FROM rows UNION ALL SELECT * FROM rows) two)
       AS twice, m::bytea = n::bytea AS kept
  FROM (SELECT merge(s) AS m, merge(s)::text::samples AS n FROM rows OFFSET 0) sum;

-- parallel plans give the same
CREATE TABLE many AS
    SELECT i AS id, i % 10 AS g,
           decode('010001' || lpad(to_hex(i % 3), 2, '0') || '00000000000000' || '01' || '01'
                  || lpad(to_hex(i % 128), 2, '0') || '00', 'hex')::samples AS s
      FROM generate_series(1, 20000) i;
ALTER TABLE many SET (parallel_workers = 2);
ANALYZE many;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE serial AS SELECT g, merge(s) AS s FROM many GROUP BY g;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
DO $$
DECLARE
    line text;
    partial boolean := false;
BEGIN
    FOR line IN EXPLAIN (COSTS OFF) SELECT g, pprof.merge(s) FROM public.many GROUP BY g LOOP
        partial := partial OR line LIKE '%Partial%Aggregate%';
    END LOOP;
    RAISE NOTICE 'partial: %', partial;
END $$;
SELECT count(*), bool_and(p.s::bytea = serial.s::bytea) AS parallel_is_serial
  FROM (SELECT g, merge(s) AS s FROM many GROUP BY g) p JOIN serial USING (g);
SELECT (SELECT merge(s)::bytea FROM many) = (SELECT merge(s)::bytea FROM serial) AS all_in_one;

-- refusals
\set VERBOSITY sqlstate
SELECT samples 'x';
SELECT samples '\x';
SELECT samples '\x02000000';
SELECT samples '\x010000 00';
SELECT samples '\x0100010700000000000000000a0100';
SELECT '\x0100010700000000000000'::bytea::samples;
-- the sum of 2^62 twice
SELECT merge(s) FROM (VALUES ('\x0100010000000000000000 808080808080808040 010000'::samples),
                             ('\x0100010000000000000000 808080808080808040 010000')) v(s);
\set VERBOSITY default
SELECT '\x010001070000000000000001ffffffff7f'::bytea::samples;
DROP TABLE rows, many, serial;
