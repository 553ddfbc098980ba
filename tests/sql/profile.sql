-- pprof.profile: input, output, casts, equality and what a profile says about itself
\getenv abs_srcdir PG_ABS_SRCDIR
\set data :abs_srcdir '/data/pprof/'
SELECT set_config('test.data', :'data', false) \g /dev/null
SET search_path = public, pprof;
CREATE FUNCTION file(name text) RETURNS bytea LANGUAGE sql
    AS $$ SELECT pg_read_binary_file(current_setting('test.data') || name) $$;
CREATE TABLE profiles (name text PRIMARY KEY, p profile);
INSERT INTO profiles SELECT name, file(name)
  FROM unnest('{in/basic.pb, in/addr.pb, in/heap.pb, in/names.pb, in/drop.pb, in/filter.pb,
                go/go123-a-cpu.pb.gz, go/go123-a-heap.pb.gz, go/go119-a-cpu.pb.gz}'::text[]) name;

-- what is stored comes back, as file, as text and as binary
SELECT bool_and(p::bytea::profile = p) AS file,
       bool_and(to_bytea(p, false)::profile = p) AS plain,
       bool_and(profile_in(profile_out(p)) = p) AS text,
       bool_and(encode(p::bytea, 'base64')::profile = p) AS base64,
       bool_and(profile_send(p)::profile = p) AS binary
  FROM profiles;
-- byte for byte once it is in the form the tool writes
SELECT bool_and(to_bytea(to_bytea(p, false)::profile, false) = to_bytea(p, false)) AS stable,
       bool_and(substring(p::bytea FOR 2) = '\x1f8b') AS gzip,
       bool_and(substring(to_bytea(p, false) FOR 2) <> '\x1f8b') AS plain
  FROM profiles;
CREATE TABLE copies (LIKE profiles);
\getenv abs_builddir PG_ABS_BUILDDIR
\set copied :abs_builddir '/profiles.copy'
COPY profiles TO :'copied' (FORMAT binary);
COPY copies FROM :'copied' (FORMAT binary);
SELECT count(*), bool_and(c.p = p.p) AS copied FROM copies c JOIN profiles p USING (name);
-- equality is about content: neither compression nor the way there matters
SELECT count(*) FILTER (WHERE a.p = b.p) AS equal, count(*) FILTER (WHERE a.p <> b.p) AS different
  FROM profiles a, profiles b;
SELECT a.p = merge(VARIADIC ARRAY[a.p]) AS merged_alone FROM profiles a WHERE name = 'in/basic.pb';
-- for people
SELECT name, summary(p), num_samples(p) FROM profiles WHERE name LIKE 'in/%' ORDER BY name;
SELECT name, s.* FROM profiles, sample_types(p) s
 WHERE name IN ('in/basic.pb', 'go/go123-a-heap.pb.gz') ORDER BY name, idx;
-- totals by name, by index, by default; the tool's "inuse_" may be left out
SELECT total(p), total(p, 'samples'), total(p, '0'), total(p, sample_type => 'cpu')
  FROM profiles WHERE name = 'in/basic.pb';
SELECT total(p, 'space') = total(p, 'inuse_space') AS inuse FROM profiles WHERE name = 'in/drop.pb';

-- null in, null out; what is no profile says why, and where
SELECT total(NULL::profile) IS NULL AS total, validate(NULL) IS NULL AS validate,
       validate(file('in/basic.pb')) IS NULL AS good;
SELECT validate('') AS empty, validate('\x0aff') AS cut, validate('\x1f8b08') AS gzip;
SELECT validate('--- heap profile:') AS text;
SELECT '\x0aff'::bytea::profile;
SELECT profile '\x0aff';

-- limits: the settings hold for what comes from outside, not for what is restored
SET pprof.max_samples = 3;
SELECT validate(file('in/basic.pb'));
SELECT count(*) FROM (SELECT p::text::profile FROM profiles) restored;
SELECT file('in/basic.pb')::profile;
\set VERBOSITY sqlstate
SELECT file('in/basic.pb')::profile;
RESET pprof.max_samples;
-- a plan that was made under other settings says nothing about these
PREPARE complaint AS SELECT validate('\x0a04080110020a0408031004120b0a02010212050280dac40912160a010212050180ade2041a04080710081a040809100a12110a0201021205038087a70e1a04080710081a0408013801220a0801100122040801100b220a080210012204080210162a060801100518052a060802100618063200320773616d706c65733205636f756e743203637075320b6e616e6f7365636f6e647332046c6561663204726f6f743208656e64706f696e7432022f61320a70726f66696c655f6964321030306630363761613062613930326237488080a8b1e39fe7cb175080c8afa0255a04080310046080ade204');
EXECUTE complaint;
SET pprof.max_samples = 2;
EXECUTE complaint;
RESET pprof.max_samples;
DEALLOCATE complaint;

-- refusals
SELECT '\x0aff'::bytea::profile;
SELECT profile '\x0af';
SELECT profile 'no base64!';
SELECT profile '';
SELECT ''::bytea::profile;
SELECT total(p, 'nonsense') FROM profiles WHERE name = 'in/basic.pb';
SELECT total(p, '7') FROM profiles WHERE name = 'in/basic.pb';
DROP TABLE profiles, copies;
DROP FUNCTION file;
