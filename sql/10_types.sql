-- 10_types.sql
--     pprof.profile and pprof.samples: input, output and casts.

CREATE TYPE pprof.profile;

CREATE FUNCTION pprof.profile_in(text cstring) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_profile_in';
COMMENT ON FUNCTION pprof.profile_in(cstring)
    IS 'profile from its text form: \x and hex, or base64, of a pprof file';

CREATE FUNCTION pprof.profile_out(p pprof.profile) RETURNS cstring
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_profile_out';
COMMENT ON FUNCTION pprof.profile_out(pprof.profile)
    IS 'text form of a profile: \x and the hex of the gzip''d pprof file';

CREATE FUNCTION pprof.profile_recv(message internal) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_profile_recv';
COMMENT ON FUNCTION pprof.profile_recv(internal)
    IS 'profile from its binary form: a pprof file, gzip''d or not';

CREATE FUNCTION pprof.profile_send(p pprof.profile) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_profile_send';
COMMENT ON FUNCTION pprof.profile_send(pprof.profile)
    IS 'binary form of a profile: the gzip''d pprof file';

CREATE TYPE pprof.profile (
    INPUT         = pprof.profile_in,
    OUTPUT        = pprof.profile_out,
    RECEIVE       = pprof.profile_recv,
    SEND          = pprof.profile_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT     = int4,
    STORAGE       = extended
);
COMMENT ON TYPE pprof.profile
    IS 'a self-contained profile: samples with their stacks, lines, mappings and labels';

CREATE FUNCTION pprof.from_bytea(data bytea) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_from_bytea';
COMMENT ON FUNCTION pprof.from_bytea(bytea)
    IS 'profile from the bytes of a file whose format can be told from them, gzip''d or not, within the limits of the settings';

CREATE FUNCTION pprof.to_bytea(p pprof.profile) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_to_bytea';
COMMENT ON FUNCTION pprof.to_bytea(pprof.profile)
    IS 'the gzip''d pprof file of a profile';

CREATE FUNCTION pprof.to_bytea(p pprof.profile, compress boolean) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_to_bytea_compress';
COMMENT ON FUNCTION pprof.to_bytea(pprof.profile, boolean)
    IS 'the pprof file of a profile, gzip''d if compress is true';

CREATE CAST (bytea AS pprof.profile) WITH FUNCTION pprof.from_bytea(bytea) AS ASSIGNMENT;
COMMENT ON CAST (bytea AS pprof.profile) IS 'reads a profile of any format that can be told from its bytes';
CREATE CAST (pprof.profile AS bytea) WITH FUNCTION pprof.to_bytea(pprof.profile);
COMMENT ON CAST (pprof.profile AS bytea) IS 'writes a gzip''d pprof file';

CREATE TYPE pprof.samples;

CREATE FUNCTION pprof.samples_in(text cstring) RETURNS pprof.samples
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10
    AS 'MODULE_PATHNAME', 'pprof_samples_in';
COMMENT ON FUNCTION pprof.samples_in(cstring)
    IS 'samples from their text form: \x and hex';

CREATE FUNCTION pprof.samples_out(s pprof.samples) RETURNS cstring
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10
    AS 'MODULE_PATHNAME', 'pprof_samples_out';
COMMENT ON FUNCTION pprof.samples_out(pprof.samples)
    IS 'text form of samples: \x and hex';

CREATE FUNCTION pprof.samples_recv(message internal) RETURNS pprof.samples
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10
    AS 'MODULE_PATHNAME', 'pprof_samples_recv';
COMMENT ON FUNCTION pprof.samples_recv(internal)
    IS 'samples from their bytes';

CREATE FUNCTION pprof.samples_send(s pprof.samples) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10
    AS 'MODULE_PATHNAME', 'pprof_samples_send';
COMMENT ON FUNCTION pprof.samples_send(pprof.samples)
    IS 'bytes of samples';

CREATE TYPE pprof.samples (
    INPUT         = pprof.samples_in,
    OUTPUT        = pprof.samples_out,
    RECEIVE       = pprof.samples_recv,
    SEND          = pprof.samples_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT     = int4,
    STORAGE       = extended
);
COMMENT ON TYPE pprof.samples
    IS 'values of a profile by stack id, as stored: the names are in a dictionary';

CREATE FUNCTION pprof.samples_from_bytea(data bytea) RETURNS pprof.samples
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10
    AS 'MODULE_PATHNAME', 'pprof_samples_from_bytea';
COMMENT ON FUNCTION pprof.samples_from_bytea(bytea)
    IS 'samples from their bytes, which are checked';

CREATE FUNCTION pprof.samples_to_bytea(s pprof.samples) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10
    AS 'MODULE_PATHNAME', 'pprof_samples_to_bytea';
COMMENT ON FUNCTION pprof.samples_to_bytea(pprof.samples)
    IS 'bytes of samples';

CREATE CAST (bytea AS pprof.samples) WITH FUNCTION pprof.samples_from_bytea(bytea);
COMMENT ON CAST (bytea AS pprof.samples) IS 'takes the bytes, which are checked';
CREATE CAST (pprof.samples AS bytea) WITH FUNCTION pprof.samples_to_bytea(pprof.samples);
COMMENT ON CAST (pprof.samples AS bytea) IS 'gives the bytes';
