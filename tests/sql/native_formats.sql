-- what native programs and their profilers write: gperftools and perf script
SET search_path = pprof, public;
SET client_min_messages = warning;

CREATE TEMP TABLE texts AS VALUES
    ('heap', E'heap profile:    3:   700 [   9:  2100] @ heap_v2/524288\n'
             '   1:   100 [   2:   300] @ 0x400100 0x400200\n'
             '   2:   600 [   7:  1800] @ 0x400110 0x7f00000010 0x400200\n\n'
             'MAPPED_LIBRARIES:\n00400000-00500000 r-xp 00000000 fd:01 1 /bin/app\n'
             '7f00000000-7f00100000 r-xp 00001000 fd:01 2 /lib/libz.so.1\n'
             '7f00200000-7f00300000 rw-p 00000000 00:00 0\n'),
    ('perf', E'# cmdline : perf record -g ./app \n'
             'my app 42/43 [001] 7.500000:    1000000 cpu-clock:ppp: \n'
             '\t    55d0 inner+0x1 (inlined)\n\t    55d0 leaf+0x1 (/bin/app)\n\t    55e0 main+0x1 (/bin/app)\n\n'
             'my app 42/44 [000] 9.000000:    1000000 cpu-clock:ppp: \n'
             '\t    55d0 inner+0x1 (inlined)\n\t    55d0 leaf+0x1 (/bin/app)\n\t    55e0 main+0x1 (/bin/app)\n\n'
             'swapper 0 [000] 9.250000:          3 page-faults: \n\tffffffff81000130 [unknown] ([kernel.kallsyms])\n\n');
CREATE FUNCTION text_of(name text) RETURNS text LANGUAGE sql AS 'SELECT column2 FROM texts WHERE column1 = name';
CREATE FUNCTION bytes_of(name text) RETURNS bytea LANGUAGE sql AS $$SELECT convert_to(text_of(name), 'UTF8')$$;
-- five samples of 10 ms: words of four bytes, big-endian, then the memory map
CREATE FUNCTION cpu() RETURNS bytea LANGUAGE sql AS $$
    SELECT '\x0000000000000003000000000000271000000000'
        || '\x000000050000000200400100004002010000000200000001004001100000000000000001000000'::bytea || '\x00'
        || E'00400000-00500000 r-xp 00000000 fd:01 1 /bin/app\n'::bytea $$;

-- gperftools: addresses and the files they are in, sampled allocations scaled up
SELECT report(from_gperftools(cpu()), 'raw');
SELECT report(from_gperftools(bytes_of('heap')), 'raw');
SELECT report(from_gperftools(bytes_of('heap')), 'top');
SELECT detect_format(cpu()), detect_format(bytes_of('heap')), detect_format(bytes_of('perf'));
-- whoever reads profiles reads these, too
SELECT from_gperftools(cpu()) = from_bytea(cpu()) AS cpu, from_gperftools(bytes_of('heap')) = bytes_of('heap')::profile AS heap;
SELECT length(drop_frames(from_gperftools(cpu()))) > 0 AS has_drop_frames, keep_frames(from_gperftools(bytes_of('heap')));

-- perf script: columns per event, commands as labels, inlined frames as lines
SELECT report(from_perf_script(text_of('perf')), 'raw');
SELECT name, flat, cum FROM top(from_perf_script(text_of('perf')), 'cpu-clock_event') ORDER BY flat DESC, cum DESC, name;
SELECT from_perf_script(text_of('perf')) = from_bytea(bytes_of('perf'), 'auto') AS detected;

-- what is wrong, and where
SELECT from_perf_script('');
SELECT from_perf_script(E'a 1 2.5: cycles: \n\t 1 f\n\nmain;work 12\n');
SELECT from_gperftools(substring(cpu() FROM 1 FOR 40));
SELECT from_gperftools(convert_to(E'heap profile: 1: 1 [1: 1] @ heapprofile\n0: 5 [1: 1] @ 0x1\n', 'UTF8'));
-- and how much is too much
SET pprof.max_samples = 1;
SELECT from_gperftools(bytes_of('heap'));
SELECT from_perf_script(text_of('perf'));
RESET pprof.max_samples;
SET pprof.max_depth = 1;
SELECT from_gperftools(cpu());
SELECT from_perf_script(text_of('perf'));
RESET pprof.max_depth;
SET pprof.max_mappings = 1;
SELECT from_gperftools(bytes_of('heap'));
RESET pprof.max_mappings;

-- what is known and not read, with what to do instead
SELECT what, validate(bytes)
  FROM (VALUES ('growth', convert_to(E'heap profile: 1: 1 [1: 1] @ growthz\n', 'UTF8')),
               ('counts', convert_to(E'goroutine profile: total 3\n2 @ 0x400101\n', 'UTF8')),
               ('stacks', convert_to(E'goroutine 1 [running]:\nmain.main()\n', 'UTF8')),
               ('threads', convert_to(E'--- threadz 1 ---\n', 'UTF8')),
               ('contention', convert_to(E'--- contentionz 1 ---\n', 'UTF8')),
               ('java heap', convert_to(E'--- heapz 1 ---\n', 'UTF8')),
               ('java cpu', '\x0000000000000003000000010000271000000000'),
               ('jemalloc', convert_to(E'heap_v2/524288\n  t*: 1: 2 [0: 0]\n', 'UTF8')),
               ('perf.data', convert_to('PERFILE2', 'UTF8')),
               ('jfr', '\x464c5200000200000000'),
               ('zstd', '\x28b52ffd0458'),
               ('otlp', convert_to('{"resourceProfiles": []}', 'UTF8'))) AS known (what, bytes)
 ORDER BY what;
