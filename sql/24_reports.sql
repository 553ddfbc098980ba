-- 24_reports.sql
--     What the pprof tool prints, as rows with exact numbers and as its text.

CREATE FUNCTION pprof.top(
        p pprof.profile, sample_type text DEFAULT '', sort text DEFAULT 'flat',
        granularity text DEFAULT 'functions', noinlines boolean DEFAULT false,
        OUT name text, OUT flat bigint, OUT flat_pct double precision,
        OUT sum_pct double precision, OUT cum bigint, OUT cum_pct double precision)
    RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 500
    AS 'MODULE_PATHNAME', 'pprof_top';
COMMENT ON FUNCTION pprof.top(pprof.profile, text, text, text, boolean)
    IS 'where the values are, untrimmed: sort by flat or cum; granularity functions, filefunctions, files, lines or addresses';
