-- reference.sql
--     Markdown of everything in the extension pprof; scripts/docs.sh runs it.

\qecho '# SQL reference'
\qecho
\qecho 'Generated from the comments in the catalog by `make docs`; change the comments, not this file.'

CREATE TEMP VIEW member AS
SELECT d.classid, d.objid
  FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'pprof';

-- One line of a table may hold neither a line break nor a bar.
CREATE FUNCTION pg_temp.cell(text) RETURNS text LANGUAGE sql
RETURN replace(replace(coalesce($1, ''), E'\n', ' '), '|', '\|');

\qecho
\qecho '## Types'
\qecho
\qecho '| type | what it is |'
\qecho '| --- | --- |'
SELECT format('| `%s` | %s |', t.oid::regtype, pg_temp.cell(obj_description(t.oid, 'pg_type')))
  FROM pg_type t JOIN member m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
 WHERE t.typrelid = 0 AND t.typelem = 0
 ORDER BY 1;

\qecho
\qecho '## Aggregates'
\qecho
\qecho '| aggregate | what it does |'
\qecho '| --- | --- |'
SELECT format('| `%s.%s(%s) → %s` | %s |', p.pronamespace::regnamespace, p.proname,
              pg_temp.cell(pg_get_function_arguments(p.oid)), pg_get_function_result(p.oid),
              pg_temp.cell(obj_description(p.oid, 'pg_proc')))
  FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
 WHERE p.prokind = 'a'
 ORDER BY p.proname, 1;

\qecho
\qecho '## Functions and procedures'
\qecho
\qecho 'Without the support functions of types, casts, operators and aggregates.'
\qecho
\qecho '| function | what it does |'
\qecho '| --- | --- |'
SELECT format('| `%s.%s(%s)%s` | %s |', p.pronamespace::regnamespace, p.proname,
              pg_temp.cell(pg_get_function_arguments(p.oid)),
              ' → ' || pg_temp.cell(pg_get_function_result(p.oid)),
              pg_temp.cell(obj_description(p.oid, 'pg_proc')))
  FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
 WHERE p.prokind IN ('f', 'p')
   AND NOT EXISTS (SELECT FROM pg_type t WHERE p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout))
   AND NOT EXISTS (SELECT FROM pg_aggregate a
                    WHERE p.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn))
   AND NOT EXISTS (SELECT FROM pg_operator o WHERE p.oid IN (o.oprcode, o.oprrest, o.oprjoin))
   AND NOT EXISTS (SELECT FROM pg_amproc a WHERE a.amproc = p.oid)
   AND NOT EXISTS (SELECT FROM pg_cast c WHERE c.castfunc = p.oid)
   AND NOT EXISTS (SELECT FROM pg_proc s WHERE s.prosupport = p.oid)
   AND p.prorettype <> ALL (ARRAY['trigger', 'event_trigger']::regtype[])
 ORDER BY p.proname, 1;

\qecho
\qecho '## Operators and casts'
\qecho
\qecho '| operator or cast | what it does |'
\qecho '| --- | --- |'
SELECT format('| `%s %s %s` | %s |', o.oprleft::regtype, o.oprname, o.oprright::regtype,
              pg_temp.cell(obj_description(o.oid, 'pg_operator')))
  FROM pg_operator o JOIN member m ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid
 ORDER BY 1;
SELECT format('| `%s::%s`%s | %s |', c.castsource::regtype, c.casttarget::regtype,
              CASE c.castcontext WHEN 'i' THEN ', implicit' WHEN 'a' THEN ', on assignment' ELSE '' END,
              pg_temp.cell(obj_description(c.oid, 'pg_cast')))
  FROM pg_cast c JOIN member m ON m.classid = 'pg_cast'::regclass AND m.objid = c.oid
 ORDER BY 1;

\qecho
\qecho '## Tables and views'
\qecho
\qecho 'Base tables are open to nobody but their owner; read through the functions and views.'
\qecho
\qecho '| name | what it holds |'
\qecho '| --- | --- |'
SELECT format('| `%s` (%s) | %s |', c.oid::regclass,
              CASE c.relkind WHEN 'v' THEN 'view' WHEN 'p' THEN 'partitioned table' ELSE 'table' END,
              pg_temp.cell(obj_description(c.oid, 'pg_class')))
  FROM pg_class c JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
 WHERE c.relkind IN ('r', 'p', 'v')
 ORDER BY 1;

\qecho
\qecho '## Settings'
\qecho
\qecho '| setting | default | who sets it | what it does |'
\qecho '| --- | --- | --- | --- |'
SELECT format('| `%s` | `%s%s` | %s | %s |', s.name, s.boot_val, coalesce(' ' || s.unit, ''), s.context,
              pg_temp.cell(concat_ws(' ', s.short_desc, s.extra_desc)))
  FROM pg_settings s
 WHERE s.name LIKE 'pprof.%'
 ORDER BY s.name;
