-- 20_functions.sql
--     Equality and the algebra of few profiles.

-- Stable, not immutable: the settings say how much is accepted.
CREATE FUNCTION pprof.validate(data bytea) RETURNS text
    LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_validate';
COMMENT ON FUNCTION pprof.validate(bytea)
    IS 'why these bytes are no profile, or null if they are one';

-- Equal content; there is no order and no hash, so no operator class.
CREATE FUNCTION pprof.eq(a pprof.profile, b pprof.profile) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_eq';
COMMENT ON FUNCTION pprof.eq(pprof.profile, pprof.profile)
    IS 'same content: neither order, ids nor samples of value zero count';

CREATE FUNCTION pprof.ne(a pprof.profile, b pprof.profile) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_ne';
COMMENT ON FUNCTION pprof.ne(pprof.profile, pprof.profile)
    IS 'different content: neither order, ids nor samples of value zero count';

CREATE OPERATOR pprof.= (
    LEFTARG    = pprof.profile,
    RIGHTARG   = pprof.profile,
    FUNCTION   = pprof.eq,
    COMMUTATOR = OPERATOR(pprof.=),
    NEGATOR    = OPERATOR(pprof.<>),
    RESTRICT   = eqsel,
    JOIN       = eqjoinsel
);
COMMENT ON OPERATOR pprof.= (pprof.profile, pprof.profile) IS 'same content';

CREATE OPERATOR pprof.<> (
    LEFTARG    = pprof.profile,
    RIGHTARG   = pprof.profile,
    FUNCTION   = pprof.ne,
    COMMUTATOR = OPERATOR(pprof.<>),
    NEGATOR    = OPERATOR(pprof.=),
    RESTRICT   = neqsel,
    JOIN       = neqjoinsel
);
COMMENT ON OPERATOR pprof.<> (pprof.profile, pprof.profile) IS 'different content';

CREATE FUNCTION pprof.merge(VARIADIC profiles pprof.profile[]) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_merge';
COMMENT ON FUNCTION pprof.merge(pprof.profile[])
    IS 'sum of profiles in this order, as the pprof tool merges files; nulls are skipped';

CREATE FUNCTION pprof.diff(a pprof.profile, b pprof.profile) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_diff';
COMMENT ON FUNCTION pprof.diff(pprof.profile, pprof.profile)
    IS 'a minus b, the base, whose samples are kept apart by the label pprof::base (pprof -diff_base)';

CREATE FUNCTION pprof.total(p pprof.profile, sample_type text DEFAULT '') RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_total';
COMMENT ON FUNCTION pprof.total(pprof.profile, text)
    IS 'sum of a column over all samples; sample_type is a name or an index, empty for the default';

CREATE FUNCTION pprof.flamegraph(
        p pprof.profile, sample_type text DEFAULT '', max_nodes integer DEFAULT 16384,
        rules text DEFAULT 'pprof',
        OUT level integer, OUT value bigint, OUT self bigint, OUT label text,
        OUT truncated boolean, OUT ord integer)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 5000
    AS 'MODULE_PATHNAME', 'pprof_flamegraph_profile';
COMMENT ON FUNCTION pprof.flamegraph(pprof.profile, text, integer, text)
    IS 'flame graph in pre-order; beyond max_nodes (below 1: none) the least nodes fold into one "other" each; rules: pprof or pyroscope; one root row if p is null';
