-- report(): every text that the pprof tool printed of the profiles in tests/data, byte for byte
\getenv abs_srcdir PG_ABS_SRCDIR
\set data :abs_srcdir '/data/pprof/'
SELECT set_config('test.data', :'data', false) \g /dev/null
SET search_path = public, pprof;
SET client_min_messages = warning;

-- the cases: a name, the arguments of the tool, its files
CREATE TABLE cases AS
    SELECT suite, f[1] AS name, f[2] AS args, string_to_array(f[3], ' ') AS files
      FROM unnest('{hand, go, tolerance}'::text[]) suite,
           string_to_table(pg_read_file(current_setting('test.data') || suite || '.tsv'), E'\n') line,
           string_to_array(line, E'\t') f
     WHERE line LIKE E'%\t%\t%';
CREATE TABLE deviations AS
    SELECT f[1] AS name, f[2] AS suite, f[4] AS ours
      FROM string_to_table(pg_read_file(current_setting('test.data') || 'deviations.tsv'), E'\n') line,
           string_to_array(line, E'\t') f
     WHERE line LIKE E'%\t%';

-- -nodecount=20 -lines -peek=x as {"nodecount": 20, "lines": true, "peek": "x"}
CREATE FUNCTION arguments(args text, OUT format text, OUT options jsonb, OUT base text, OUT diff_base text, OUT normalized boolean)
LANGUAGE plpgsql AS $$
DECLARE
    arg text;
    key text;
    val text;
BEGIN
    options := '{}';
    normalized := false;
    FOREACH arg IN ARRAY string_to_array(args, ' ') LOOP
        key := split_part(substr(arg, 2), '=', 1);
        val := CASE WHEN position('=' IN arg) > 0 THEN substr(arg, position('=' IN arg) + 1) END;
        IF key IN ('top', 'tree', 'traces', 'tags', 'raw', 'comments', 'dot', 'callgrind', 'proto', 'topproto') THEN
            format := key;
        ELSIF key = 'peek' THEN
            format := key;
            options := options || jsonb_build_object(key, val);
        ELSIF key = 'normalize' THEN normalized := true;
        ELSIF key = 'base' THEN base := val;
        ELSIF key = 'diff_base' THEN diff_base := val;
        ELSIF val IS NULL THEN options := options || jsonb_build_object(key, true);
        ELSIF key IN ('nodecount', 'nodefraction', 'edgefraction', 'divide_by') THEN
            options := options || jsonb_build_object(key, val::numeric);
        ELSIF key IN ('trim') THEN options := options || jsonb_build_object(key, val::boolean);
        ELSE options := options || jsonb_build_object(key, val);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION read_profile(suite text, file text) RETURNS profile LANGUAGE sql AS $$
    SELECT pg_read_binary_file(current_setting('test.data')
                               || CASE suite WHEN 'go' THEN 'go/' ELSE 'in/' END || file)::profile
$$;

CREATE FUNCTION expected(suite text, name text) RETURNS text LANGUAGE sql AS $$
    SELECT convert_from(pg_read_binary_file(current_setting('test.data')
                        || CASE WHEN d.ours = 'expected-fixed' THEN 'expected-fixed/' ELSE 'expected/' END
                        || expected.suite || '/' || expected.name || '.out'), 'UTF8')
      FROM (VALUES (1)) v LEFT JOIN deviations d ON d.suite = expected.suite AND d.name = expected.name
$$;

CREATE FUNCTION outcome(suite text, name text, args text, files text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    a record;
    p profile;
BEGIN
    SELECT * INTO a FROM arguments(args);
    p := read_profile(suite, files[1]);
    IF cardinality(files) > 1 THEN
        p := merge(VARIADIC (SELECT array_agg(read_profile(suite, file)) FROM unnest(files) file));
    END IF;
    IF a.normalized THEN p := pprof.normalize(p, read_profile(suite, coalesce(a.base, a.diff_base))); END IF;
    IF a.base IS NOT NULL THEN p := subtract(p, read_profile(suite, a.base)); END IF;
    IF a.diff_base IS NOT NULL THEN p := diff(p, read_profile(suite, a.diff_base)); END IF;
    RETURN CASE WHEN report(p, a.format, a.options) = expected(suite, name) THEN 'equal' ELSE 'DIFFERENT' END;
EXCEPTION
    WHEN OTHERS THEN RETURN 'refused ' || SQLSTATE;
END $$;

CREATE TABLE outcomes AS
    SELECT c.*, a.format, o AS outcome,
           (SELECT max(e[2]::int) FROM string_to_table(pg_read_file(current_setting('test.data') || 'expected/' || c.suite || '/exit.tsv'), E'\n') line,
                   string_to_array(line, E'\t') e WHERE e[1] = c.name) AS exit, d.ours
      FROM cases c CROSS JOIN arguments(c.args) a LEFT JOIN deviations d USING (suite, name),
           outcome(c.suite, c.name, c.args, c.files) o
     WHERE a.format NOT IN ('proto', 'topproto')
       AND NOT a.options ? 'symbolize' AND c.name NOT IN ('diff_both_flags', 'diff_normalize_alone')
       AND c.name NOT LIKE 'legacy%' AND c.name <> 't_string_utf8_bad';
SELECT suite, format, count(*) AS cases, count(*) FILTER (WHERE outcome = 'equal') AS equal
  FROM outcomes WHERE exit = 0 AND coalesce(ours, '') NOT LIKE 'error%' GROUP BY suite, format ORDER BY suite, format;
-- no rows: what differs
SELECT suite, name, args, outcome FROM outcomes
 WHERE outcome <> 'equal' AND exit = 0 AND coalesce(ours, '') NOT LIKE 'error%' ORDER BY suite, name COLLATE "C";
-- what the tool refuses, and what is refused instead of a wrong number
SELECT outcome, count(*) FROM outcomes
 WHERE suite = 'hand' AND (exit <> 0 OR ours LIKE 'error%') GROUP BY outcome ORDER BY outcome;
-- what the tool's command line refuses, but not the format (zlib is unpacked, too)
SELECT name, args, outcome FROM outcomes
 WHERE suite = 'tolerance' AND exit <> 0 AND outcome NOT LIKE 'refused%' AND name <> 't_zlib' ORDER BY name;
DROP TABLE cases, deviations, outcomes;
DROP FUNCTION arguments, read_profile, expected, outcome;
