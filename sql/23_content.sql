-- 23_content.sql
--     What a profile says about itself: columns, header, and its parts as rows.
--
-- Null is what a profile does not say.  Ids of profiles take 64 bits without a
-- sign, so they are numeric; addresses are text in hexadecimal.

CREATE FUNCTION pprof.sample_types(
        p pprof.profile,
        OUT idx integer, OUT type text, OUT unit text, OUT is_default boolean)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 4
    AS 'MODULE_PATHNAME', 'pprof_sample_types';
COMMENT ON FUNCTION pprof.sample_types(pprof.profile)
    IS 'columns of a profile, and which one is meant when none is named';

CREATE FUNCTION pprof.default_sample_type(p pprof.profile) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_default_sample_type';
COMMENT ON FUNCTION pprof.default_sample_type(pprof.profile)
    IS 'name of the column that is meant when none is named';

CREATE FUNCTION pprof.period_type(p pprof.profile) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_period_type';
COMMENT ON FUNCTION pprof.period_type(pprof.profile)
    IS 'what the period counts, such as cpu';

CREATE FUNCTION pprof.period_unit(p pprof.profile) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_period_unit';
COMMENT ON FUNCTION pprof.period_unit(pprof.profile)
    IS 'unit of the period, such as nanoseconds';

CREATE FUNCTION pprof.period(p pprof.profile) RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_period';
COMMENT ON FUNCTION pprof.period(pprof.profile)
    IS 'events between two samples, in period_unit; 0 if not known';

CREATE FUNCTION pprof.started_at(p pprof.profile) RETURNS timestamptz
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_started_at';
COMMENT ON FUNCTION pprof.started_at(pprof.profile)
    IS 'time of the profile, to the microsecond';

CREATE FUNCTION pprof.time_nanos(p pprof.profile) RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_time_nanos';
COMMENT ON FUNCTION pprof.time_nanos(pprof.profile)
    IS 'time of the profile in nanoseconds since 1970; 0 if not known';

CREATE FUNCTION pprof.duration(p pprof.profile) RETURNS interval
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_duration';
COMMENT ON FUNCTION pprof.duration(pprof.profile)
    IS 'what the profile covers, to the microsecond';

CREATE FUNCTION pprof.duration_nanos(p pprof.profile) RETURNS bigint
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_duration_nanos';
COMMENT ON FUNCTION pprof.duration_nanos(pprof.profile)
    IS 'what the profile covers in nanoseconds; 0 if not known';

CREATE FUNCTION pprof.comments(p pprof.profile) RETURNS text[]
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_comments';
COMMENT ON FUNCTION pprof.comments(pprof.profile)
    IS 'free text that came with the profile';

CREATE FUNCTION pprof.doc_url(p pprof.profile) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_doc_url';
COMMENT ON FUNCTION pprof.doc_url(pprof.profile)
    IS 'where the profile is explained';

CREATE FUNCTION pprof.drop_frames(p pprof.profile) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_drop_frames';
COMMENT ON FUNCTION pprof.drop_frames(pprof.profile)
    IS 'regular expression on whole function names: frames that reports leave out';

CREATE FUNCTION pprof.keep_frames(p pprof.profile) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_keep_frames';
COMMENT ON FUNCTION pprof.keep_frames(pprof.profile)
    IS 'regular expression on whole function names: exceptions to drop_frames';

CREATE FUNCTION pprof.num_samples(p pprof.profile) RETURNS integer
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_num_samples';
COMMENT ON FUNCTION pprof.num_samples(pprof.profile)
    IS 'number of samples, each a stack with labels';

CREATE FUNCTION pprof.num_locations(p pprof.profile) RETURNS integer
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_num_locations';
COMMENT ON FUNCTION pprof.num_locations(pprof.profile)
    IS 'number of locations, used or not';

CREATE FUNCTION pprof.num_functions(p pprof.profile) RETURNS integer
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_num_functions';
COMMENT ON FUNCTION pprof.num_functions(pprof.profile)
    IS 'number of functions, used or not';

CREATE FUNCTION pprof.num_mappings(p pprof.profile) RETURNS integer
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_num_mappings';
COMMENT ON FUNCTION pprof.num_mappings(pprof.profile)
    IS 'number of mappings, used or not';

CREATE FUNCTION pprof.max_depth(p pprof.profile) RETURNS integer
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_max_depth';
COMMENT ON FUNCTION pprof.max_depth(pprof.profile)
    IS 'frames of the deepest stack, inlined ones included';

CREATE FUNCTION pprof.summary(p pprof.profile) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'pprof_summary';
COMMENT ON FUNCTION pprof.summary(pprof.profile)
    IS 'one line about a profile: totals, sizes and time';

CREATE FUNCTION pprof.raw_samples(
        p pprof.profile,
        OUT sample_id integer, OUT "values" bigint[], OUT location_ids numeric[],
        OUT labels jsonb, OUT num_labels jsonb, OUT num_units jsonb)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 500
    AS 'MODULE_PATHNAME', 'pprof_raw_samples';
COMMENT ON FUNCTION pprof.raw_samples(pprof.profile)
    IS 'samples as they are: a value per column, locations from the leaf, labels (an array where a key repeats)';

CREATE FUNCTION pprof.stacks(
        p pprof.profile, sample_type text DEFAULT '',
        OUT sample_id integer, OUT stack text[], OUT inlined boolean[], OUT value bigint,
        OUT labels jsonb)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 500
    AS 'MODULE_PATHNAME', 'pprof_stacks';
COMMENT ON FUNCTION pprof.stacks(pprof.profile, text)
    IS 'samples: function names from the leaf, value of one column, labels (an array where a key repeats)';

CREATE FUNCTION pprof.frames(
        p pprof.profile,
        OUT sample_id integer, OUT depth integer, OUT function text, OUT system_name text,
        OUT filename text, OUT line bigint, OUT col bigint, OUT address text, OUT mapping text,
        OUT inlined boolean)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 10000
    AS 'MODULE_PATHNAME', 'pprof_frames';
COMMENT ON FUNCTION pprof.frames(pprof.profile)
    IS 'frames of each sample from the leaf (depth 0), inlined ones included; null is what is not known';

CREATE FUNCTION pprof.locations(
        p pprof.profile,
        OUT id numeric, OUT mapping_id numeric, OUT address text, OUT function_ids numeric[],
        OUT lines bigint[], OUT cols bigint[], OUT is_folded boolean)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 2000
    AS 'MODULE_PATHNAME', 'pprof_locations';
COMMENT ON FUNCTION pprof.locations(pprof.profile)
    IS 'places in the program; several functions are inlined ones, innermost first';

CREATE FUNCTION pprof.functions(
        p pprof.profile,
        OUT id numeric, OUT name text, OUT system_name text, OUT filename text,
        OUT start_line bigint)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 1000
    AS 'MODULE_PATHNAME', 'pprof_functions';
COMMENT ON FUNCTION pprof.functions(pprof.profile)
    IS 'functions: name for people, name for the linker, source file';

CREATE FUNCTION pprof.mappings(
        p pprof.profile,
        OUT id numeric, OUT memory_start text, OUT memory_limit text, OUT file_offset text,
        OUT filename text, OUT build_id text, OUT has_functions boolean, OUT has_filenames boolean,
        OUT has_line_numbers boolean, OUT has_inline_frames boolean)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 4
    AS 'MODULE_PATHNAME', 'pprof_mappings';
COMMENT ON FUNCTION pprof.mappings(pprof.profile)
    IS 'binaries and libraries, where they were loaded and what of them is symbolized; the first is the main binary';

CREATE FUNCTION pprof.labels(
        p pprof.profile,
        OUT sample_id integer, OUT key text, OUT value text, OUT num bigint, OUT unit text)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 1000
    AS 'MODULE_PATHNAME', 'pprof_labels';
COMMENT ON FUNCTION pprof.labels(pprof.profile)
    IS 'labels of samples, a row each: a text has no number, a number no text';
