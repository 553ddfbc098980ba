-- 30_aggregates.sql
--     Sums and differences over rows.  A state is a value of the type itself, an
--     expanded object in memory, so that partial sums can travel.

CREATE FUNCTION pprof.merge_transfn(state pprof.profile, p pprof.profile) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_merge_transfn_profile';
COMMENT ON FUNCTION pprof.merge_transfn(pprof.profile, pprof.profile)
    IS 'adds a profile to the state of merge, diff or subtract; a null one is skipped';

CREATE AGGREGATE pprof.merge(p pprof.profile) (
    SFUNC       = pprof.merge_transfn,
    STYPE       = pprof.profile,
    SSPACE      = 1000000,
    COMBINEFUNC = pprof.merge_transfn,
    PARALLEL    = SAFE
);
COMMENT ON AGGREGATE pprof.merge(pprof.profile)
    IS 'sum of profiles with the same sample types, whatever the order of rows, in the finest of their units; null over no rows';

CREATE AGGREGATE pprof.sum(p pprof.profile) (
    SFUNC       = pprof.merge_transfn,
    STYPE       = pprof.profile,
    SSPACE      = 1000000,
    COMBINEFUNC = pprof.merge_transfn,
    PARALLEL    = SAFE
);
COMMENT ON AGGREGATE pprof.sum(pprof.profile)
    IS 'another name of merge';

CREATE FUNCTION pprof.diff_transfn(state pprof.profile, p pprof.profile, is_base boolean)
    RETURNS pprof.profile
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_diff_transfn';
COMMENT ON FUNCTION pprof.diff_transfn(pprof.profile, pprof.profile, boolean)
    IS 'adds a profile to the state of diff: labelled and negated if it belongs to the base';

CREATE AGGREGATE pprof.diff(p pprof.profile, is_base boolean) (
    SFUNC       = pprof.diff_transfn,
    STYPE       = pprof.profile,
    SSPACE      = 1000000,
    COMBINEFUNC = pprof.merge_transfn,
    PARALLEL    = SAFE
);
COMMENT ON AGGREGATE pprof.diff(pprof.profile, boolean)
    IS 'sum of profiles minus that of the base, whose samples are kept apart by the label pprof::base';

CREATE FUNCTION pprof.subtract_transfn(state pprof.profile, p pprof.profile, is_base boolean)
    RETURNS pprof.profile
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_subtract_transfn';
COMMENT ON FUNCTION pprof.subtract_transfn(pprof.profile, pprof.profile, boolean)
    IS 'adds a profile to the state of subtract: negated if it belongs to the base';

CREATE AGGREGATE pprof.subtract(p pprof.profile, is_base boolean) (
    SFUNC       = pprof.subtract_transfn,
    STYPE       = pprof.profile,
    SSPACE      = 1000000,
    COMBINEFUNC = pprof.merge_transfn,
    PARALLEL    = SAFE
);
COMMENT ON AGGREGATE pprof.subtract(pprof.profile, boolean)
    IS 'sum of profiles minus that of the base, equal stacks meeting';

CREATE FUNCTION pprof.merge_transfn(state pprof.samples, s pprof.samples) RETURNS pprof.samples
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10
    AS 'MODULE_PATHNAME', 'pprof_merge_transfn_samples';
COMMENT ON FUNCTION pprof.merge_transfn(pprof.samples, pprof.samples)
    IS 'adds samples to the state of merge; null ones are skipped';

CREATE AGGREGATE pprof.merge(s pprof.samples) (
    SFUNC       = pprof.merge_transfn,
    STYPE       = pprof.samples,
    SSPACE      = 1000000,
    COMBINEFUNC = pprof.merge_transfn,
    PARALLEL    = SAFE
);
COMMENT ON AGGREGATE pprof.merge(pprof.samples)
    IS 'sum of samples, by dictionary and stack id; null over no rows';

CREATE AGGREGATE pprof.sum(s pprof.samples) (
    SFUNC       = pprof.merge_transfn,
    STYPE       = pprof.samples,
    SSPACE      = 1000000,
    COMBINEFUNC = pprof.merge_transfn,
    PARALLEL    = SAFE
);
COMMENT ON AGGREGATE pprof.sum(pprof.samples)
    IS 'another name of merge';
