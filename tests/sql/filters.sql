-- the filters of the pprof tool, one by one and all at once
\getenv abs_srcdir PG_ABS_SRCDIR
\set data :abs_srcdir '/data/pprof/'
SELECT set_config('test.data', :'data', false) \g /dev/null
SET search_path = public, pprof;
CREATE FUNCTION file(name text) RETURNS profile LANGUAGE sql
    AS $$ SELECT pg_read_binary_file(current_setting('test.data') || name)::pprof.profile $$;
-- stacks from the root, values, labels: a line each
CREATE FUNCTION lines(p profile) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT coalesce((SELECT string_agg(f, ';' ORDER BY n DESC) FROM unnest(stack) WITH ORDINALITY u(f, n)), '') || ' ' || value
           || CASE WHEN labels <> '{}' THEN ' ' || labels::text ELSE '' END
      FROM pprof.stacks(p, 'samples') ORDER BY sample_id $$;
CREATE FUNCTION p() RETURNS profile LANGUAGE sql AS $$ SELECT public.file('in/filter.pb') $$;
SELECT * FROM lines(p());

-- names
SELECT * FROM lines(focus(p(), 'B'));
SELECT count(*) AS focused, (SELECT count(*) FROM lines(ignore(p(), 'B'))) AS ignored, (SELECT count(*) FROM lines(p())) AS all FROM lines(focus(p(), 'B'));
SELECT * FROM lines(hide(p(), '^[AE]$'));
SELECT * FROM lines(show(p(), '^[AE]$'));
SELECT * FROM lines(show_from(p(), 'B'));
SELECT * FROM lines(prune_from(p(), '^C'));
-- as the tool: hide and show drop samples without a stack, and all four look at files and mappings, too
SELECT num_samples(hide(p, 'nothing')) AS hide, num_samples(focus(p, '')) AS not_given, num_samples(p) AS all FROM (SELECT file('in/t_empty_stack.pb') AS p) s;

-- labels
SELECT DISTINCT key, value, num, unit FROM labels(p()) ORDER BY key, value, num, unit;
SELECT option, filter, num_samples(CASE option WHEN 'focus' THEN tagfocus(p(), filter) ELSE tagignore(p(), filter) END) AS samples
  FROM unnest('{focus, ignore}'::text[]) option,
       unnest('{v1, other, "k=v1,v2", "v,k", "bytes=1024", "bytes=1kb:", "bytes=:4kb", "n=5", "1kb:1mb", "lat=1ms:2s", none}'::text[]) filter ORDER BY 1, 2;
SELECT DISTINCT key FROM labels(tagshow(p(), '^[a-k]')) ORDER BY key;
SELECT DISTINCT key FROM labels(taghide(p(), '^[a-k]')) ORDER BY key;
SELECT * FROM lines(tagroot(p(), 'k', 'bytes')) LIMIT 3;
SELECT * FROM lines(tagleaf(p(), 'k', 'bytes')) LIMIT 3;
SELECT tagroot(p(), 'k') = p() AS same, tagroot(p(), 'none') = p() AS same_without_values, tagroot(p(), VARIADIC '{}') = p() AS same_without_keys;

-- all at once, in the tool's order whatever theirs
SELECT filter(p(), '{"taghide": "bytes", "focus": "D", "tagroot": "k"}') = taghide(focus(tagroot(p(), 'k'), 'D'), 'bytes') AS in_order,
       filter(p(), '{"focus": "D"}') = focus(p(), 'D') AS one, filter(p(), '{}') = p() AS none, filter(p(), NULL) IS NULL AS null;
SELECT num_samples(filter(p, '{"divide_by": 1000000000000}')) = num_samples(p) AS zeros_stay, filter(p, '{"divide_by": 3}') = p / 3 AS divided,
       (SELECT bool_or(inlined) FROM frames(filter(p, '{"noinlines": true}'))) AS inlined
  FROM (SELECT file('in/basic.pb') AS p) s;
-- reports of a filtered profile are relative to it
SELECT sum(flat) AS flat, max(cum_pct) AS relative FROM top(focus(p(), 'B'), 'samples');
SELECT (SELECT array_agg(t) FROM top(focus(p(), 'B'), 'samples') t) = (SELECT array_agg(t) FROM top(p(), 'samples', options => '{"focus": "B", "relative_percentages": true}') t) AS same;

-- frames to drop: reports do, filters do not
SELECT drop_frames(p), keep_frames(p), drop_frames(q) AS after, num_samples(q) = num_samples(p) AS samples, (SELECT count(*) FROM frames(p)) > (SELECT count(*) FROM frames(q)) AS fewer,
       (SELECT array_agg(t) FROM top(p) t) = (SELECT array_agg(t) FROM top(q) t) AS same_top, drop_frames(focus(p, '.')) = drop_frames(p) AS kept,
       apply_drop_frames(q) = q AS idempotent, prune(p, drop_frames(p), keep_frames(p)) = p AS pruned_is_same,
       (SELECT array_agg(f) FROM frames(prune(p, drop_frames(p), keep_frames(p))) f) = (SELECT array_agg(f) FROM frames(q) f) AS prune
  FROM (SELECT file('in/drop.pb') AS p, apply_drop_frames(file('in/drop.pb')) AS q) s;
SELECT apply_drop_frames(file('in/basic.pb')) = file('in/basic.pb') AS nothing_to_drop, prune(file('in/basic.pb'), '') = file('in/basic.pb') AS nor_here;
-- the producer's mistake is no error, the caller's is
SELECT num_samples(apply_drop_frames(file('in/t_bad_drop_regexp.pb')));
SELECT prune(file('in/basic.pb'), 'a(');
SELECT prune(file('in/basic.pb'), 'a', 'b(');

-- predicates: of samples, not of tables
SELECT has_function(p, 'B') AS yes, has_function(p, '^Ci.') AS anchored, has_function(p, 'nothing') AS no, has_function(ignore(p, 'B'), 'B') AS gone,
       has_function(p * 0, 'B') AS zero, has_function(p, '') AS any, has_label(p, 'k') AS label, has_label(p, 'k', 'v2') AS value, has_label(p, 'bytes', '512') AS number, has_label(taghide(p, 'k'), 'k') AS hidden
  FROM p() p;

-- refusals name the option
SELECT focus(p(), '(');
SELECT ignore(p(), 'a**');
SELECT hide(p(), '[');
SELECT show(p(), 'a{2,1}');
SELECT show_from(p(), '\');
SELECT prune_from(p(), '(');
SELECT tagfocus(p(), 'user=a,(');
SELECT tagignore(p(), '(');
SELECT tagshow(p(), '(');
SELECT taghide(p(), '(');
SELECT has_function(p(), '(');
SELECT filter(p(), '{"focus": "("}');
SELECT filter(p(), '{"focsu": "x"}');
SELECT tagfocus(p(), 'bytes=99999999999999999999');
SELECT tagroot(p(), 'a,b');
SELECT tagleaf(p(), 'a', NULL);
\set VERBOSITY sqlstate
SELECT focus(p(), '(');
SELECT tagfocus(p(), 'user=(');
SELECT prune(p(), '(');
DROP FUNCTION p, lines, file;
