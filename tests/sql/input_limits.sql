-- every limit on what comes from outside: its least value refuses something and names the setting
\getenv abs_srcdir PG_ABS_SRCDIR
\set data :abs_srcdir '/data/pprof/'
SELECT set_config('test.data', :'data', false) \g /dev/null
SET search_path = public, pprof;
CREATE TABLE inputs AS
    SELECT pg_read_binary_file(current_setting('test.data') || name) AS data
      FROM unnest('{in/basic.pb, in/tags.pb, go/go123-a-heap.pb.gz}'::text[]) name;
-- a long string; a megabyte that packs well; long comments
INSERT INTO inputs VALUES (to_bytea(from_folded(repeat('x', 2000) || ' 1'))),
    (to_bytea((SELECT from_folded(string_agg(repeat('x', 1000) || i || ' 1', E'\n')) FROM generate_series(1, 1100) i))),
    ('\x320032cc08' || convert_to(repeat('x', 1100), 'UTF8') || '\x6801');
CREATE FUNCTION refusal(lim text, value text, data bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
    hint text;
BEGIN
    PERFORM set_config(lim, value, true);
    BEGIN
        PERFORM data::pprof.profile;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    END;
    PERFORM set_config(lim, (SELECT reset_val || coalesce(unit, '') FROM pg_settings WHERE name = lim), true);
    RETURN CASE WHEN hint ~ ('"' || lim || '"') THEN state || ' ' || message END;
END $$;
SELECT name, regexp_replace(min(refusal(name, min_val || coalesce(unit, ''), data)), ' of \d+ bytes', '') AS refusal
  FROM pg_settings, inputs
 WHERE name LIKE 'pprof.max\_%' AND name !~ '_per_|_label_(name|value)'
 GROUP BY name ORDER BY name COLLATE "C";
SELECT count(data::pprof.profile) AS under_default_settings FROM inputs;
-- what is in the database meets none of them
CREATE TABLE stored AS SELECT data::pprof.profile AS p FROM inputs;
SET pprof.max_samples = 1;
SET pprof.max_strings = 1;
SET pprof.max_depth = 1;
SELECT count(p + p) AS sums, count(p::text::pprof.profile) AS restored FROM stored;
DROP TABLE inputs, stored;
DROP FUNCTION refusal;
