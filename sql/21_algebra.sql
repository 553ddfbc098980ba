-- 21_algebra.sql
--     Sums, differences and products of few profiles, and profiles in other forms.

-- Two senses of a sum: as the tool merges files, in their order; and canonical, like the
-- aggregate, where the order of the operands does not show.
CREATE FUNCTION pprof.merge(VARIADIC profiles pprof.profile[]) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_merge';
COMMENT ON FUNCTION pprof.merge(pprof.profile[])
    IS 'sum of profiles in this order, as the pprof tool merges files: sample types that all have, in the finest of their units; nulls are skipped';

CREATE FUNCTION pprof.add(a pprof.profile, b pprof.profile) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_add';
COMMENT ON FUNCTION pprof.add(pprof.profile, pprof.profile)
    IS 'sum of two profiles with the same sample types, as the aggregate merge forms it; a profile without sample types adds its header only';

CREATE OPERATOR pprof.+ (
    LEFTARG    = pprof.profile,
    RIGHTARG   = pprof.profile,
    FUNCTION   = pprof.add,
    COMMUTATOR = OPERATOR(pprof.+)
);
COMMENT ON OPERATOR pprof.+ (pprof.profile, pprof.profile)
    IS 'sum of two profiles with the same sample types';

CREATE FUNCTION pprof.subtract(p pprof.profile, base pprof.profile) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_subtract';
COMMENT ON FUNCTION pprof.subtract(pprof.profile, pprof.profile)
    IS 'p minus base, equal stacks meeting: for two snapshots of what only grows (pprof -base)';

CREATE OPERATOR pprof.- (
    LEFTARG    = pprof.profile,
    RIGHTARG   = pprof.profile,
    FUNCTION   = pprof.subtract
);
COMMENT ON OPERATOR pprof.- (pprof.profile, pprof.profile)
    IS 'left minus right, equal stacks meeting (pprof -base)';

CREATE FUNCTION pprof.diff(p pprof.profile, base pprof.profile) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_diff';
COMMENT ON FUNCTION pprof.diff(pprof.profile, pprof.profile)
    IS 'p minus base, whose samples are kept apart by the label pprof::base, so that percentages are of the base (pprof -diff_base)';

CREATE FUNCTION pprof.normalize(p pprof.profile, base pprof.profile) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 500
    AS 'MODULE_PATHNAME', 'pprof_normalize';
COMMENT ON FUNCTION pprof.normalize(pprof.profile, pprof.profile)
    IS 'p with each column scaled so that its sum becomes that of base (pprof -normalize); NORMALIZE is a keyword, so this name needs its schema or quotes, or use scale_to';

CREATE FUNCTION pprof.scale_to(p pprof.profile, base pprof.profile) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 500
    AS 'MODULE_PATHNAME', 'pprof_normalize';
COMMENT ON FUNCTION pprof.scale_to(pprof.profile, pprof.profile)
    IS 'another name of normalize';

CREATE FUNCTION pprof.scale(p pprof.profile, ratio double precision) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300
    AS 'MODULE_PATHNAME', 'pprof_scale';
COMMENT ON FUNCTION pprof.scale(pprof.profile, double precision)
    IS 'every value times ratio, rounded, halves away from zero; samples that become zero go';

CREATE FUNCTION pprof.scale(ratio double precision, p pprof.profile) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300
    AS 'MODULE_PATHNAME', 'pprof_scale_by';
COMMENT ON FUNCTION pprof.scale(double precision, pprof.profile)
    IS 'every value times ratio, rounded, halves away from zero; samples that become zero go';

CREATE FUNCTION pprof.scale(p pprof.profile, ratios double precision[]) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300
    AS 'MODULE_PATHNAME', 'pprof_scale_columns';
COMMENT ON FUNCTION pprof.scale(pprof.profile, double precision[])
    IS 'the values of each column times its ratio, rounded, halves away from zero; samples that become zero go';

CREATE OPERATOR pprof.* (
    LEFTARG    = pprof.profile,
    RIGHTARG   = double precision,
    FUNCTION   = pprof.scale,
    COMMUTATOR = OPERATOR(pprof.*)
);
COMMENT ON OPERATOR pprof.* (pprof.profile, double precision)
    IS 'every value times a number, rounded';

CREATE OPERATOR pprof.* (
    LEFTARG    = double precision,
    RIGHTARG   = pprof.profile,
    FUNCTION   = pprof.scale,
    COMMUTATOR = OPERATOR(pprof.*)
);
COMMENT ON OPERATOR pprof.* (double precision, pprof.profile)
    IS 'every value times a number, rounded';

CREATE FUNCTION pprof.divide(p pprof.profile, divisor double precision) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300
    AS 'MODULE_PATHNAME', 'pprof_divide';
COMMENT ON FUNCTION pprof.divide(pprof.profile, double precision)
    IS 'every value divided by a number above zero and truncated; samples that become zero stay (pprof -divide_by)';

CREATE OPERATOR pprof./ (
    LEFTARG    = pprof.profile,
    RIGHTARG   = double precision,
    FUNCTION   = pprof.divide
);
COMMENT ON OPERATOR pprof./ (pprof.profile, double precision)
    IS 'every value divided by a number above zero and truncated';

CREATE FUNCTION pprof.compact(p pprof.profile) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 500
    AS 'MODULE_PATHNAME', 'pprof_compact';
COMMENT ON FUNCTION pprof.compact(pprof.profile)
    IS 'merge of one: without samples of value zero and what no sample uses, equal samples joined, numbered anew';

CREATE FUNCTION pprof.keep_sample_types(p pprof.profile, VARIADIC sample_types text[])
    RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300
    AS 'MODULE_PATHNAME', 'pprof_keep_sample_types';
COMMENT ON FUNCTION pprof.keep_sample_types(pprof.profile, text[])
    IS 'the named columns only, in this order; a default sample type that goes gives way to the first one kept';

CREATE FUNCTION pprof.aggregate(
        p pprof.profile, granularity text DEFAULT 'functions', noinlines boolean DEFAULT false,
        columns boolean DEFAULT false)
    RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_aggregate';
COMMENT ON FUNCTION pprof.aggregate(pprof.profile, text, boolean, boolean)
    IS 'the profile by functions, filefunctions, files, lines or addresses, what became equal added up; noinlines drops inlined frames, columns keeps columns of lines';

CREATE FUNCTION pprof.set_label(p pprof.profile, key text, value text) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300
    AS 'MODULE_PATHNAME', 'pprof_set_label';
COMMENT ON FUNCTION pprof.set_label(pprof.profile, text, text)
    IS 'every sample with the text label key = value, replacing any texts of that key';

CREATE FUNCTION pprof.set_label(p pprof.profile, key text, num bigint, unit text DEFAULT '')
    RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300
    AS 'MODULE_PATHNAME', 'pprof_set_num_label';
COMMENT ON FUNCTION pprof.set_label(pprof.profile, text, bigint, text)
    IS 'every sample with the number label key = num unit, replacing any numbers of that key';

CREATE FUNCTION pprof.remove_label(p pprof.profile, key text) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300
    AS 'MODULE_PATHNAME', 'pprof_remove_label';
COMMENT ON FUNCTION pprof.remove_label(pprof.profile, text)
    IS 'no sample with a label of that key, text or number';
