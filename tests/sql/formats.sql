-- profiles from what other tools write
SET search_path = pprof, public;
SET bytea_output = hex;
SET client_min_messages = warning;

-- folded stacks: equal ones add up, lines without a count are skipped, counts may be negative
SELECT to_folded(from_folded(E'main;a 3\nmain;b 4\r\nnospace\nmain;a 1\n')) AS folded;
SELECT to_folded(from_folded(E'a;b -3\na 5\n')) AS signed;
SELECT type, unit FROM sample_types(from_folded('a 1'));
SELECT type, unit FROM sample_types(from_folded('a 1', sample_type => 'cpu', unit => 'nanoseconds'));
SELECT num_samples(from_folded('')) AS of_nothing;
SELECT summary(from_folded('a 1', period => 10, period_type => 'cpu', period_unit => 'nanoseconds'));
SELECT period(p), period_type(p), period_unit(p)
  FROM from_folded('a 1', period => 10, period_type => 'cpu', period_unit => 'nanoseconds') p;
-- what can be written can be read
SELECT from_folded(to_folded(p)) = p AS same FROM from_folded(E'a;b;c 1\na;b 2\na;d 3\n') p;
-- what cannot
SELECT from_folded(E'main;a 3\nmain;b 1.5\n');
SELECT from_folded(E'main;a\nmain;b\n');
SELECT from_folded(E'a 9223372036854775807\na 1\n');
SET pprof.max_depth = 2;
SELECT from_folded('a;b;c 1');
RESET pprof.max_depth;

-- stacks seen once
SELECT to_folded(from_lines(E'a;b\na;b\r\n\na c\n')) AS lines;

-- tries: fragments of stacks; more nodes than announced, or fewer
SELECT to_folded(from_trie(trie)) AS stacks
  FROM unnest('{\\x000001056d61696e3b00020161030001620400,
                \\x000001046d61696e0201013b0002016103000162ac0200,
                \\x00000206666f6f3b6261000201726400017ac80100037175780100,
                \\x,
                \\x000002016101000162020001630500}'::bytea[]) trie;
SELECT trie, validate(trie, 'trie')
  FROM unnest('{\\x0000, \\x0000010161, \\x000001056162, \\xffffffffffffffffff01}'::bytea[]) trie;
SELECT from_trie('\x0000010161');

-- trees: whole frames
SELECT to_folded(from_tree(tree)) AS stacks
  FROM unnest('{\\x000001016100020162010001630200,
                \\x000001046d61696e0202016103000162ac0200,
                \\x000000,
                \\x0000020161010001610200,
                \\x00000101610100ffff,
                \\x00000103613b620700}'::bytea[]) tree;
SELECT tree, validate(tree, 'tree')
  FROM unnest('{\\x, \\x0000817d, \\xffffffffffffffffff01, \\x000001016101}'::bytea[]) tree;

-- speedscope, sampled and evented
CREATE TEMP TABLE scopes AS SELECT '{
    "$schema": "https://www.speedscope.app/file-format-schema.json",
    "shared": {"frames": [{"name": "main", "file": "main.py", "line": 3}, {"name": "work", "col": null}]},
    "profiles": [
        {"type": "sampled", "name": "thread 1", "unit": "seconds", "startValue": 0, "endValue": 0.5,
         "samples": [[0], [0, 1], [0]], "weights": [0.1, 0.2, 0.2]},
        {"type": "evented", "name": "thread 2", "unit": "milliseconds", "startValue": 0, "endValue": 9,
         "events": [{"type": "O", "frame": 0, "at": 1}, {"type": "O", "frame": 1, "at": 2.5},
                    {"type": "C", "frame": 1, "at": 5}, {"type": "C", "frame": 0, "at": 6}]}]}' AS document;
SELECT type, unit FROM scopes, sample_types(from_speedscope(document));
SELECT to_folded(from_speedscope(document)) FROM scopes;
SELECT DISTINCT key, value FROM scopes, labels(from_speedscope(document)) ORDER BY 1, 2;
SELECT duration(from_speedscope(document)) FROM scopes;
SELECT DISTINCT function, filename, line FROM scopes, frames(from_speedscope(document)) ORDER BY 1;
SELECT from_speedscope(document::jsonb) = from_speedscope(document) AS same_from_jsonb
  FROM scopes;
SELECT from_bytea(convert_to(document, 'UTF8'), 'speedscope') = from_speedscope(document) AS same FROM scopes;
SELECT type, unit FROM scopes, sample_types(from_speedscope(document, sample_type => 'cpu'));
SELECT total(from_speedscope(to_speedscope(p))) = total(p) AS same_total
  FROM from_folded(E'a;b;c 1\na;b 2\na;d 3\n') p;
SELECT from_speedscope(document, unit => 'count') FROM scopes;
SELECT from_speedscope(replace(document, '"frame": 1, "at": 5', '"frame": 2, "at": 5')) FROM scopes;
SELECT from_speedscope(replace(document, '[0, 1]', '[0; 1]')) FROM scopes;
SELECT from_speedscope('{"nodes": []}');

-- perf script and gperftools; their own tests say more
SELECT to_folded(from_perf_script(E'app 42 [001] 7.5: 10 cpu-clock:\n\t 55d0 leaf+0x1 (/bin/app)\n\t 55e0 main+0x1 (/bin/app)\n\n'));
SELECT type, unit FROM sample_types(from_gperftools(E'heap profile: 1: 2 [3: 4] @ heapprofile\n'));

-- one entry that detects, whatever it is packed in
CREATE TEMP TABLE inputs (name text, data bytea);
INSERT INTO inputs
    SELECT 'folded', convert_to(E'main;a 3\nmain;b 4\n', 'UTF8')
    UNION ALL SELECT 'folded, zlib', decode('eJzLTczMs05UMObKBTGSFEy4ADc8BT8=', 'base64')
    UNION ALL SELECT 'speedscope', convert_to(document, 'UTF8') FROM scopes
    UNION ALL SELECT 'pprof', to_bytea(from_folded('main;a 3'), false)
    UNION ALL SELECT 'pprof, gzip', to_bytea(from_folded('main;a 3'))
    UNION ALL SELECT 'like zlib', convert_to('XGetImage;main 3', 'UTF8')
    UNION ALL SELECT 'heap', convert_to(E'heap profile: 1: 2 [3: 4] @ heapprofile\n', 'UTF8')
    UNION ALL SELECT 'count', convert_to(E'threadcreate profile: total 7\n', 'UTF8')
    UNION ALL SELECT 'prose', convert_to('hello world', 'UTF8')
    UNION ALL SELECT 'noise', '\x0102030405'
    UNION ALL SELECT 'nothing', '';
SELECT name, detect_format(data), validate(data) FROM inputs ORDER BY name COLLATE "C";
SELECT name, to_folded(data::profile) FROM inputs WHERE detect_format(data) IN ('folded', 'pprof') ORDER BY name COLLATE "C";
SELECT detect_format('\x1f8b08') IS NULL AS damaged;
SELECT from_bytea('main;a 3', 'groups') = from_bytea('main;a 3', 'collapsed') AS synonyms;
SELECT to_folded(from_bytea('main;a', 'lines'));
SELECT from_bytea('main;a 3', 'nonsense');
SELECT validate('main;a 3', 'nonsense');
SELECT from_bytea('hello world', 'auto');
SELECT from_gperftools('main;a 3');
DROP TABLE inputs, scopes;

-- they can be stored, too: the name of the type is in the labels
BEGIN;
SELECT ingest(convert_to(E'main;a 3\nmain;b 4\n', 'UTF8'), '{"service_name": "flame", "__name__": "wall"}');
SELECT ingest('main;a', '{"service_name": "flame", "__name__": "wall"}', format => 'lines');
SELECT service, profile_type, total FROM profiles WHERE service = 'flame' ORDER BY total;
SAVEPOINT s;
SELECT ingest(E'# HELP up\nup 1', '{"service_name": "flame", "__name__": "wall"}');
ROLLBACK TO s;
SELECT ingest('main;a 3', '{"service_name": "flame", "__name__": "wall"}', format => 'jfr');
ROLLBACK TO s;
-- what agents push is profile.proto only
SELECT sqlstate, message FROM push(ARRAY['main;a 3'::bytea], ARRAY['{"service_name": "flame", "__name__": "wall"}'::jsonb]);
ROLLBACK;
