-- 20_functions.sql
--     What a profile comes to, and when two are the same.

CREATE FUNCTION pprof.total(p pprof.profile, sample_type text DEFAULT '') RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_total';
COMMENT ON FUNCTION pprof.total(pprof.profile, text)
    IS 'what percentages of reports refer to: sum of the absolute values of a column, of the base alone where there is one; sample_type is a name or an index, empty for the default';

CREATE FUNCTION pprof.net_total(p pprof.profile, sample_type text DEFAULT '') RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_net_total';
COMMENT ON FUNCTION pprof.net_total(pprof.profile, text)
    IS 'sum of a column over all samples, negative values counting as such: what a difference comes to; sample_type is a name or an index, empty for the default';

-- Equality and hash by content.  There is no order, so no btree operator class: what
-- sorts to find equals (DISTINCT inside an aggregate, merge joins) is not to be had.
CREATE FUNCTION pprof.eq(a pprof.profile, b pprof.profile) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_eq';
COMMENT ON FUNCTION pprof.eq(pprof.profile, pprof.profile)
    IS 'same content: header and values by stack and labels; neither order, ids nor samples of value zero count';

CREATE FUNCTION pprof.ne(a pprof.profile, b pprof.profile) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_ne';
COMMENT ON FUNCTION pprof.ne(pprof.profile, pprof.profile)
    IS 'different content: header or values by stack and labels; neither order, ids nor samples of value zero count';

CREATE OPERATOR pprof.= (
    LEFTARG    = pprof.profile,
    RIGHTARG   = pprof.profile,
    FUNCTION   = pprof.eq,
    COMMUTATOR = OPERATOR(pprof.=),
    NEGATOR    = OPERATOR(pprof.<>),
    RESTRICT   = eqsel,
    JOIN       = eqjoinsel,
    HASHES
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

CREATE FUNCTION pprof.hash(p pprof.profile) RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300
    AS 'MODULE_PATHNAME', 'pprof_hash';
COMMENT ON FUNCTION pprof.hash(pprof.profile)
    IS '64-bit hash of the content: equal profiles have equal hashes, on every machine';

CREATE FUNCTION pprof.profile_hash(p pprof.profile) RETURNS integer
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300
    AS 'MODULE_PATHNAME', 'pprof_profile_hash';
COMMENT ON FUNCTION pprof.profile_hash(pprof.profile)
    IS 'low half of hash(p), for the hash operator class';

CREATE FUNCTION pprof.profile_hash_extended(p pprof.profile, seed bigint) RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300
    AS 'MODULE_PATHNAME', 'pprof_profile_hash_extended';
COMMENT ON FUNCTION pprof.profile_hash_extended(pprof.profile, bigint)
    IS 'hash(p) with a seed, for the hash operator class';

CREATE OPERATOR CLASS pprof.profile_ops
    DEFAULT FOR TYPE pprof.profile USING hash AS
    OPERATOR 1 pprof.= (pprof.profile, pprof.profile),
    FUNCTION 1 pprof.profile_hash(pprof.profile),
    FUNCTION 2 pprof.profile_hash_extended(pprof.profile, bigint);
COMMENT ON OPERATOR CLASS pprof.profile_ops USING hash
    IS 'profiles by content: GROUP BY, DISTINCT, UNION, hash joins, hash partitions';
COMMENT ON OPERATOR FAMILY pprof.profile_ops USING hash
    IS 'profiles by content';
