-- 25_renderings.sql
--     Profiles in the shapes that other programs draw or read.
--
-- options are those of reports (24_reports.sql): filters, granularity, noinlines, all_frames,
-- drop_negative; what divides values (mean, divide_by) is refused, for parts must add up.

CREATE FUNCTION pprof.flamegraph(
        p pprof.profile, sample_type text DEFAULT '', max_nodes integer DEFAULT 16384,
        rules text DEFAULT 'pprof', options jsonb DEFAULT '{}',
        OUT level integer, OUT value bigint, OUT self bigint, OUT label text,
        OUT truncated boolean, OUT ord integer)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 5000
    AS 'MODULE_PATHNAME', 'pprof_flamegraph_profile';
COMMENT ON FUNCTION pprof.flamegraph(pprof.profile, text, integer, text, jsonb)
    IS 'flame graph in pre-order; beyond max_nodes (below 1: none) the least nodes fold into one "other" each; rules: pprof or pyroscope; one root row if p is null';

CREATE FUNCTION pprof.flamegraph_diff(
        baseline pprof.profile, comparison pprof.profile, sample_type text DEFAULT '',
        max_nodes integer DEFAULT 16384, rules text DEFAULT 'pprof', options jsonb DEFAULT '{}',
        OUT level integer, OUT value bigint, OUT self bigint, OUT label text,
        OUT "valueRight" bigint, OUT "selfRight" bigint, OUT truncated boolean, OUT ord integer)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 2000 ROWS 5000
    AS 'MODULE_PATHNAME', 'pprof_flamegraph_diff';
COMMENT ON FUNCTION pprof.flamegraph_diff(pprof.profile, pprof.profile, text, integer, text, jsonb)
    IS 'two profiles as one flame graph: value and self are the baseline''s, "valueRight" and "selfRight" the comparison''s; a node counts by the larger one; a null profile is an empty one';

CREATE FUNCTION pprof.flamegraph_diff(
        p pprof.profile, sample_type text DEFAULT '', max_nodes integer DEFAULT 16384,
        rules text DEFAULT 'pprof', options jsonb DEFAULT '{}',
        OUT level integer, OUT value bigint, OUT self bigint, OUT label text,
        OUT "valueRight" bigint, OUT "selfRight" bigint, OUT truncated boolean, OUT ord integer)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 5000
    AS 'MODULE_PATHNAME', 'pprof_flamegraph_diff_profile';
COMMENT ON FUNCTION pprof.flamegraph_diff(pprof.profile, text, integer, text, jsonb)
    IS 'the two sides of a profile that diff() made as one flame graph; the base is the left side';

CREATE FUNCTION pprof.call_tree(
        p pprof.profile, sample_type text DEFAULT '', granularity text DEFAULT '',
        noinlines boolean DEFAULT false, options jsonb DEFAULT '{}',
        OUT node_id integer, OUT parent_id integer, OUT depth integer, OUT name text,
        OUT value bigint, OUT self bigint)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 5000
    AS 'MODULE_PATHNAME', 'pprof_call_tree';
COMMENT ON FUNCTION pprof.call_tree(pprof.profile, text, text, boolean, jsonb)
    IS 'every path of calls as a node, in pre-order from the root "total" (node 0, no parent); value is that of the path and all below it';

CREATE FUNCTION pprof.to_folded(
        p pprof.profile, sample_type text DEFAULT '', options jsonb DEFAULT '{}')
    RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_to_folded';
COMMENT ON FUNCTION pprof.to_folded(pprof.profile, text, jsonb)
    IS 'folded stacks: a line "root;...;leaf value" per stack, equal stacks added up, sorted; ";" in a name becomes ":", a line break a blank';

CREATE FUNCTION pprof.to_speedscope(
        p pprof.profile, sample_type text DEFAULT '', options jsonb DEFAULT '{}')
    RETURNS jsonb
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_to_speedscope';
COMMENT ON FUNCTION pprof.to_speedscope(pprof.profile, text, jsonb)
    IS 'a file for speedscope; frames have file and line by granularity (filefunctions, lines); negative values are refused';

CREATE FUNCTION pprof.to_jsonb(p pprof.profile) RETURNS jsonb
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_to_jsonb';
COMMENT ON FUNCTION pprof.to_jsonb(pprof.profile)
    IS 'the whole profile by the field names of profile.proto, with strings in place of their indexes; what is 0 or empty there is left out';

CREATE CAST (pprof.profile AS jsonb) WITH FUNCTION pprof.to_jsonb(pprof.profile);
COMMENT ON CAST (pprof.profile AS jsonb) IS 'the same as to_jsonb';

CREATE FUNCTION pprof.to_pgo(p pprof.profile, keep_locations integer DEFAULT 0) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_to_pgo';
COMMENT ON FUNCTION pprof.to_pgo(pprof.profile, integer)
    IS 'the file for `go build -pgo=FILE`: a CPU profile with function names, lines and start lines alone; keep_locations shortens stacks to their innermost ones (below 1: none; Go 1.26 reads two)';

CREATE FUNCTION pprof.to_svg(
        p pprof.profile, sample_type text DEFAULT '', title text DEFAULT '',
        width integer DEFAULT 1200, max_nodes integer DEFAULT 16384, options jsonb DEFAULT '{}')
    RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2000
    AS 'MODULE_PATHNAME', 'pprof_to_svg';
COMMENT ON FUNCTION pprof.to_svg(pprof.profile, text, text, integer, integer, jsonb)
    IS 'flame graph as a picture: self-contained SVG without scripts, ASCII, root at the top; says how many frames are too narrow or too deep to draw; a profile that diff() made is drawn as to_svg_diff draws its sides';

CREATE FUNCTION pprof.to_svg_diff(
        baseline pprof.profile, comparison pprof.profile, sample_type text DEFAULT '',
        title text DEFAULT '', width integer DEFAULT 1200, max_nodes integer DEFAULT 16384,
        options jsonb DEFAULT '{}')
    RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 3000
    AS 'MODULE_PATHNAME', 'pprof_to_svg_diff';
COMMENT ON FUNCTION pprof.to_svg_diff(pprof.profile, pprof.profile, text, text, integer, integer, jsonb)
    IS 'two profiles as one flame graph in SVG: frames are as wide as both together, red where the comparison has the larger share, blue where the baseline has';
