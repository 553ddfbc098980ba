-- 22_filters.sql
--     The filters of the pprof tool.  Each does what the option of its name does and
--     nothing else; an empty text is an option that was not given.  drop_frames is applied
--     by reports, and here by apply_drop_frames().

CREATE FUNCTION pprof.filter(p pprof.profile, options jsonb) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_filter';
COMMENT ON FUNCTION pprof.filter(pprof.profile, jsonb)
    IS 'all filters of the options, by their names in the pprof tool and in its order, as -proto with them gives: tagroot, tagleaf, focus, ignore, hide, show, show_from, tagfocus, tagignore, tagshow, taghide, prune_from, noinlines, divide_by';

CREATE FUNCTION pprof.focus(p pprof.profile, regexp text) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_focus';
COMMENT ON FUNCTION pprof.focus(pprof.profile, text)
    IS 'samples with a frame whose function, file or mapping matches';

CREATE FUNCTION pprof.ignore(p pprof.profile, regexp text) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_ignore';
COMMENT ON FUNCTION pprof.ignore(pprof.profile, text)
    IS 'samples without a frame whose function, file or mapping matches';

CREATE FUNCTION pprof.hide(p pprof.profile, regexp text) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_hide';
COMMENT ON FUNCTION pprof.hide(pprof.profile, text)
    IS 'frames whose function, file or mapping matches go, and samples that have no others';

CREATE FUNCTION pprof.show(p pprof.profile, regexp text) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_show';
COMMENT ON FUNCTION pprof.show(pprof.profile, text)
    IS 'only frames whose function, file or mapping matches stay, and samples that have any';

CREATE FUNCTION pprof.show_from(p pprof.profile, regexp text) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_show_from';
COMMENT ON FUNCTION pprof.show_from(pprof.profile, text)
    IS 'stacks from the outermost frame that matches downwards; samples without one go';

CREATE FUNCTION pprof.prune_from(p pprof.profile, regexp text) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_prune_from';
COMMENT ON FUNCTION pprof.prune_from(pprof.profile, text)
    IS 'stacks without what the innermost frame whose function matches has called';

CREATE FUNCTION pprof.tagfocus(p pprof.profile, filter text) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_tagfocus';
COMMENT ON FUNCTION pprof.tagfocus(pprof.profile, text)
    IS 'samples whose labels match: [key=]regexp,... on texts or [key=]N, N:, :N or N:M, with units, on numbers';

CREATE FUNCTION pprof.tagignore(p pprof.profile, filter text) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_tagignore';
COMMENT ON FUNCTION pprof.tagignore(pprof.profile, text)
    IS 'samples whose labels do not match: [key=]regexp,... on texts or [key=]N, N:, :N or N:M, with units, on numbers';

CREATE FUNCTION pprof.tagshow(p pprof.profile, regexp text) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_tagshow';
COMMENT ON FUNCTION pprof.tagshow(pprof.profile, text)
    IS 'only labels whose key matches stay';

CREATE FUNCTION pprof.taghide(p pprof.profile, regexp text) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_taghide';
COMMENT ON FUNCTION pprof.taghide(pprof.profile, text)
    IS 'labels whose key matches go';

CREATE FUNCTION pprof.tagroot(p pprof.profile, VARIADIC keys text[]) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_tagroot';
COMMENT ON FUNCTION pprof.tagroot(pprof.profile, text[])
    IS 'a frame for each label key at the root of every stack, the first key outermost';

CREATE FUNCTION pprof.tagleaf(p pprof.profile, VARIADIC keys text[]) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_tagleaf';
COMMENT ON FUNCTION pprof.tagleaf(pprof.profile, text[])
    IS 'a frame for each label key at the leaf of every stack, the last key innermost';

CREATE FUNCTION pprof.apply_drop_frames(p pprof.profile) RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_apply_drop_frames';
COMMENT ON FUNCTION pprof.apply_drop_frames(pprof.profile)
    IS 'without the frames that the profile itself asks to drop, as reports show it, and without that wish';

CREATE FUNCTION pprof.prune(p pprof.profile, drop_frames text, keep_frames text DEFAULT '')
    RETURNS pprof.profile
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'pprof_prune';
COMMENT ON FUNCTION pprof.prune(pprof.profile, text, text)
    IS 'stacks without functions whose whole names match drop_frames but not keep_frames, and without what those called, below the first ordinary frame from the root';

CREATE FUNCTION pprof.has_function(p pprof.profile, regexp text) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300
    AS 'MODULE_PATHNAME', 'pprof_has_function';
COMMENT ON FUNCTION pprof.has_function(pprof.profile, text)
    IS 'is there a sample with a function whose name matches?';

CREATE FUNCTION pprof.has_label(p pprof.profile, key text) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200
    AS 'MODULE_PATHNAME', 'pprof_has_label';
COMMENT ON FUNCTION pprof.has_label(pprof.profile, text)
    IS 'is there a sample with a label of this key?';

CREATE FUNCTION pprof.has_label(p pprof.profile, key text, value text) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200
    AS 'MODULE_PATHNAME', 'pprof_has_label_value';
COMMENT ON FUNCTION pprof.has_label(pprof.profile, text, text)
    IS 'is there a sample with this label, a text or a number in decimal?';
