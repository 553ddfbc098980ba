-- 11_selector.sql
--     Label selectors: the type, its operator on jsonb, and the GIN operator class.

CREATE TYPE pprof.selector;
COMMENT ON TYPE pprof.selector
    IS 'label selector: metric{name="value", name!="value", name=~"regex", name!~"regex"}; an absent label equals ""';

CREATE FUNCTION pprof.selector_in(cstring) RETURNS pprof.selector
    AS 'MODULE_PATHNAME', 'pprof_selector_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pprof.selector_in(cstring) IS 'input of pprof.selector: parses the text and compiles its expressions';

CREATE FUNCTION pprof.selector_out(pprof.selector) RETURNS cstring
    AS 'MODULE_PATHNAME', 'pprof_selector_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pprof.selector_out(pprof.selector) IS 'output of pprof.selector: canonical text';

CREATE FUNCTION pprof.selector_recv(internal) RETURNS pprof.selector
    AS 'MODULE_PATHNAME', 'pprof_selector_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pprof.selector_recv(internal) IS 'binary input of pprof.selector: its text';

CREATE FUNCTION pprof.selector_send(pprof.selector) RETURNS bytea
    AS 'MODULE_PATHNAME', 'pprof_selector_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pprof.selector_send(pprof.selector) IS 'binary output of pprof.selector: its text';

CREATE TYPE pprof.selector (
    INPUT          = pprof.selector_in,
    OUTPUT         = pprof.selector_out,
    RECEIVE        = pprof.selector_recv,
    SEND           = pprof.selector_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT      = int4,
    STORAGE        = extended
);

-- Total, hence leakproof: bad selectors are refused by the input function, and
-- anything that is not an object of strings is a label set without these labels.
CREATE FUNCTION pprof.labels_match(labels jsonb, selector pprof.selector) RETURNS boolean
    AS 'MODULE_PATHNAME', 'pprof_labels_match' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 10;
COMMENT ON FUNCTION pprof.labels_match(jsonb, pprof.selector) IS 'do the labels satisfy every matcher of the selector?';

CREATE FUNCTION pprof.selector_sel(internal, oid, internal, integer) RETURNS double precision
    AS 'MODULE_PATHNAME', 'pprof_selector_sel' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pprof.selector_sel(internal, oid, internal, integer) IS 'restriction selectivity of @~';

CREATE OPERATOR pprof.@~ (
    FUNCTION = pprof.labels_match,
    LEFTARG  = jsonb,
    RIGHTARG = pprof.selector,
    RESTRICT = pprof.selector_sel,
    JOIN     = pg_catalog.matchingjoinsel
);
COMMENT ON OPERATOR pprof.@~ (jsonb, pprof.selector) IS 'labels satisfy selector';

CREATE FUNCTION pprof.labels_extract_value(jsonb, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'pprof_labels_extract_value' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pprof.labels_extract_value(jsonb, internal) IS 'GIN support: keys of a label set';

CREATE FUNCTION pprof.labels_extract_query(pprof.selector, internal, smallint, internal, internal, internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'pprof_labels_extract_query' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pprof.labels_extract_query(pprof.selector, internal, smallint, internal, internal, internal, internal)
    IS 'GIN support: keys a selector asks for';

CREATE FUNCTION pprof.labels_consistent(internal, smallint, pprof.selector, integer, internal, internal, internal, internal) RETURNS boolean
    AS 'MODULE_PATHNAME', 'pprof_labels_consistent' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pprof.labels_consistent(internal, smallint, pprof.selector, integer, internal, internal, internal, internal)
    IS 'GIN support: is a row with these keys an answer?';

CREATE FUNCTION pprof.labels_compare_partial(bytea, bytea, smallint, internal) RETURNS integer
    AS 'MODULE_PATHNAME', 'pprof_labels_compare_partial' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pprof.labels_compare_partial(bytea, bytea, smallint, internal)
    IS 'GIN support: does a value of the label satisfy the matcher?';

CREATE FUNCTION pprof.labels_tri_consistent(internal, smallint, pprof.selector, integer, internal, internal, internal) RETURNS "char"
    AS 'MODULE_PATHNAME', 'pprof_labels_tri_consistent' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pprof.labels_tri_consistent(internal, smallint, pprof.selector, integer, internal, internal, internal)
    IS 'GIN support: is a row an answer when some keys are unknown?';

CREATE OPERATOR CLASS pprof.labels_ops FOR TYPE jsonb USING gin AS
    OPERATOR 1 pprof.@~ (jsonb, pprof.selector),
    FUNCTION 1 pg_catalog.byteacmp(bytea, bytea),
    FUNCTION 2 pprof.labels_extract_value(jsonb, internal),
    FUNCTION 3 pprof.labels_extract_query(pprof.selector, internal, smallint, internal, internal, internal, internal),
    FUNCTION 4 pprof.labels_consistent(internal, smallint, pprof.selector, integer, internal, internal, internal, internal),
    FUNCTION 5 pprof.labels_compare_partial(bytea, bytea, smallint, internal),
    FUNCTION 6 pprof.labels_tri_consistent(internal, smallint, pprof.selector, integer, internal, internal, internal),
    STORAGE bytea;
COMMENT ON OPERATOR CLASS pprof.labels_ops USING gin IS 'label sets, searched by selector';
COMMENT ON OPERATOR FAMILY pprof.labels_ops USING gin IS 'label sets, searched by selector';
