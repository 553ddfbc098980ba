-- 24_reports.sql
--     What the pprof tool prints, as rows with exact numbers and as its text.
--
-- Options are those of the tool by their names there: {"focus": "main", "nodecount": 20}.
-- Rows are whole: only nodecount, nodefraction and edgefraction leave some out.

CREATE FUNCTION pprof.top(
        p pprof.profile, sample_type text DEFAULT '', sort text DEFAULT '',
        granularity text DEFAULT '', noinlines boolean DEFAULT false, options jsonb DEFAULT '{}',
        OUT name text, OUT flat bigint, OUT flat_pct double precision,
        OUT sum_pct double precision, OUT cum bigint, OUT cum_pct double precision,
        OUT inline_label text)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 500
    AS 'MODULE_PATHNAME', 'pprof_top';
COMMENT ON FUNCTION pprof.top(pprof.profile, text, text, text, boolean, jsonb)
    IS 'where the values are: sort by flat (the default) or cum; granularity functions (the default), filefunctions, files, lines or addresses; inline_label says whether all calls were inlined, or some';

CREATE FUNCTION pprof.edges(
        p pprof.profile, sample_type text DEFAULT '', options jsonb DEFAULT '{}',
        OUT caller text, OUT callee text, OUT weight bigint, OUT inlined boolean,
        OUT residual boolean)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 1000
    AS 'MODULE_PATHNAME', 'pprof_edges';
COMMENT ON FUNCTION pprof.edges(pprof.profile, text, jsonb)
    IS 'the call graph, heaviest calls first: inlined if all of them were, residual if frames between are not shown';

CREATE FUNCTION pprof.callers(
        p pprof.profile, regexp text, sample_type text DEFAULT '', options jsonb DEFAULT '{}',
        OUT name text, OUT caller text, OUT weight bigint, OUT inlined boolean,
        OUT residual boolean)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 50
    AS 'MODULE_PATHNAME', 'pprof_callers';
COMMENT ON FUNCTION pprof.callers(pprof.profile, text, text, jsonb)
    IS 'who calls the functions whose names match, heaviest first';

CREATE FUNCTION pprof.callees(
        p pprof.profile, regexp text, sample_type text DEFAULT '', options jsonb DEFAULT '{}',
        OUT name text, OUT callee text, OUT weight bigint, OUT inlined boolean,
        OUT residual boolean)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 50
    AS 'MODULE_PATHNAME', 'pprof_callees';
COMMENT ON FUNCTION pprof.callees(pprof.profile, text, text, jsonb)
    IS 'whom the functions call whose names match, heaviest first';

CREATE FUNCTION pprof.tags(
        p pprof.profile, sample_type text DEFAULT '', options jsonb DEFAULT '{}',
        OUT key text, OUT value text, OUT num bigint, OUT unit text, OUT total bigint)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 100
    AS 'MODULE_PATHNAME', 'pprof_tags';
COMMENT ON FUNCTION pprof.tags(pprof.profile, text, jsonb)
    IS 'sums by label, texts as value and numbers as num; numbers in different units are rows of their own';

CREATE FUNCTION pprof.tag_values(
        p pprof.profile, key text, sample_type text DEFAULT '', options jsonb DEFAULT '{}',
        OUT value text, OUT num bigint, OUT unit text, OUT total bigint)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 50
    AS 'MODULE_PATHNAME', 'pprof_tag_values';
COMMENT ON FUNCTION pprof.tag_values(pprof.profile, text, text, jsonb)
    IS 'values of a label with their sums, texts as value and numbers as num';

CREATE FUNCTION pprof.report(p pprof.profile, format text DEFAULT 'top', options jsonb DEFAULT '{}')
    RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_report';
COMMENT ON FUNCTION pprof.report(pprof.profile, text, jsonb)
    IS 'the text that the pprof tool prints: format top, tree, peek (option peek: an expression), traces, tags, raw, comments, dot or callgrind';

CREATE FUNCTION pprof.to_dot(
        p pprof.profile, sample_type text DEFAULT '', options jsonb DEFAULT '{}')
    RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_to_dot';
COMMENT ON FUNCTION pprof.to_dot(pprof.profile, text, jsonb)
    IS 'the call graph for Graphviz, with the nodes, edges, labels and colours of the pprof tool';

CREATE FUNCTION pprof.to_callgrind(
        p pprof.profile, sample_type text DEFAULT '', options jsonb DEFAULT '{}')
    RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_to_callgrind';
COMMENT ON FUNCTION pprof.to_callgrind(pprof.profile, text, jsonb)
    IS 'costs by instruction and calls, for KCachegrind';

CREATE FUNCTION pprof.topproto(
        p pprof.profile, sample_type text DEFAULT '', options jsonb DEFAULT '{}')
    RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_topproto';
COMMENT ON FUNCTION pprof.topproto(pprof.profile, text, jsonb)
    IS 'a profile of the rows of top: a sample each, columns cum and flat';

CREATE FUNCTION pprof.format_value(value bigint, unit text, to_unit text DEFAULT 'auto') RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'pprof_format_value';
COMMENT ON FUNCTION pprof.format_value(bigint, text, text)
    IS 'a number of this unit as the pprof tool prints it, 1.50s for 1500 milliseconds; to_unit auto takes the largest unit that leaves at least 1';

CREATE FUNCTION pprof.format_percentage(part bigint, whole bigint) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'pprof_format_percentage';
COMMENT ON FUNCTION pprof.format_percentage(bigint, bigint)
    IS 'a part as the pprof tool prints its percentage, without a sign; 0% of nothing';

CREATE FUNCTION pprof.shorten(name text) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'pprof_shorten';
COMMENT ON FUNCTION pprof.shorten(text)
    IS 'a function''s name without package path and arguments, as graphs show it';
