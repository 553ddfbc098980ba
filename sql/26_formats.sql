-- 26_formats.sql
--     Profiles from what other tools write.  Where a setting bounds what is read, it
--     only ever turns a profile into an error, so that these are immutable.

CREATE FUNCTION pprof.from_bytea(
        data bytea, format text, sample_type text DEFAULT '', unit text DEFAULT '',
        period bigint DEFAULT 0, period_type text DEFAULT '', period_unit text DEFAULT '')
    RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_from_bytea_format';
COMMENT ON FUNCTION pprof.from_bytea(bytea, text, text, text, bigint, text, text)
    IS 'profile from bytes of a format: auto, pprof, folded (groups, collapsed), lines, trie, tree, speedscope, perf_script, gperftools (gperftools_cpu, gperftools_heap); gzip and zlib are unpacked first; the rest is for formats that do not say, where empty means samples in count';

CREATE FUNCTION pprof.from_folded(
        stacks text, sample_type text DEFAULT 'samples', unit text DEFAULT 'count',
        period bigint DEFAULT 0, period_type text DEFAULT '', period_unit text DEFAULT '')
    RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_from_folded';
COMMENT ON FUNCTION pprof.from_folded(text, text, text, bigint, text, text)
    IS 'profile from lines "root;frame;leaf 12", as flame graph tools write them; lines without a blank are skipped as long as others have a count, equal stacks add up, counts may be negative';

CREATE FUNCTION pprof.from_lines(
        stacks text, sample_type text DEFAULT 'samples', unit text DEFAULT 'count',
        period bigint DEFAULT 0, period_type text DEFAULT '', period_unit text DEFAULT '')
    RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_from_lines';
COMMENT ON FUNCTION pprof.from_lines(text, text, text, bigint, text, text)
    IS 'profile from lines "root;frame;leaf", each a stack seen once';

CREATE FUNCTION pprof.from_trie(
        data bytea, sample_type text DEFAULT 'samples', unit text DEFAULT 'count',
        period bigint DEFAULT 0, period_type text DEFAULT '', period_unit text DEFAULT '')
    RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_from_trie';
COMMENT ON FUNCTION pprof.from_trie(bytea, text, text, bigint, text, text)
    IS 'profile from a trie of folded stacks, as old Pyroscope agents send it';

CREATE FUNCTION pprof.from_tree(
        data bytea, sample_type text DEFAULT 'samples', unit text DEFAULT 'count',
        period bigint DEFAULT 0, period_type text DEFAULT '', period_unit text DEFAULT '')
    RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_from_tree';
COMMENT ON FUNCTION pprof.from_tree(bytea, text, text, bigint, text, text)
    IS 'profile from a call tree of frames and their own values, as old Pyroscope agents send it';

CREATE FUNCTION pprof.from_speedscope(
        document text, sample_type text DEFAULT '', unit text DEFAULT '')
    RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_from_speedscope';
COMMENT ON FUNCTION pprof.from_speedscope(text, text, text)
    IS 'profile from a speedscope file; times become nanoseconds, and profiles of different names or units one, with the label profile_name and a column for each kind of unit';

CREATE FUNCTION pprof.from_speedscope(
        document jsonb, sample_type text DEFAULT '', unit text DEFAULT '')
    RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_from_speedscope_jsonb';
COMMENT ON FUNCTION pprof.from_speedscope(jsonb, text, text)
    IS 'profile from a speedscope file; times become nanoseconds, and profiles of different names or units one, with the label profile_name and a column for each kind of unit';

CREATE FUNCTION pprof.from_perf_script(script text) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_from_perf_script';
COMMENT ON FUNCTION pprof.from_perf_script(text)
    IS 'profile from what "perf script" prints of a perf.data file';

CREATE FUNCTION pprof.from_gperftools(data bytea) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_from_gperftools';
COMMENT ON FUNCTION pprof.from_gperftools(bytea)
    IS 'profile from a CPU (binary) or heap (text) profile of gperftools or old tcmalloc: addresses and the files they are in';

CREATE FUNCTION pprof.detect_format(data bytea) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_detect_format';
COMMENT ON FUNCTION pprof.detect_format(bytea)
    IS 'the format that from_bytea would take the (unpacked) bytes for, or null if it cannot be told; lines, trie and tree never can';

-- Stable, not immutable: the settings say how much is accepted.
CREATE FUNCTION pprof.validate(data bytea, format text DEFAULT 'auto') RETURNS text
    LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_validate';
COMMENT ON FUNCTION pprof.validate(bytea, text)
    IS 'why these bytes are no profile, or null if they are one';
