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

-- Functions by whom they are for: what is about a value is open to all, the rest to roles.
CREATE TEMP VIEW listed AS
SELECT p.oid, p.proname,
       format('| `%s.%s(%s)%s` | %s |', p.pronamespace::regnamespace, p.proname,
              pg_temp.cell(arguments.text), ' → ' || pg_temp.cell(pg_get_function_result(p.oid)),
              pg_temp.cell(obj_description(p.oid, 'pg_proc'))) AS line,
       'pprof.profile'::regtype = ANY (p.proargtypes::oid[]) OR 'pprof.profile[]'::regtype = ANY (p.proargtypes::oid[]) AS takes_profile,
       p.prorettype = 'pprof.profile'::regtype AS gives_profile,
       EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE') AS for_all,
       ARRAY(SELECT r.rolname FROM aclexplode(p.proacl) a JOIN pg_roles r ON r.oid = a.grantee
              WHERE r.rolname LIKE 'pprof%') AS roles
  FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid,
       LATERAL (SELECT replace(regexp_replace(pg_get_function_arguments(p.oid),
                                             '(DEFAULT (''[^'']*''|NULL))::[a-z]+( with time zone)?(\[\])?', '\1', 'g'),
                              'timestamp with time zone', 'timestamptz') AS text) arguments
 WHERE p.prokind IN ('f', 'p')
   AND NOT EXISTS (SELECT FROM pg_type t WHERE p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout))
   AND NOT EXISTS (SELECT FROM pg_aggregate a
                    WHERE p.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn))
   AND NOT EXISTS (SELECT FROM pg_operator o WHERE p.oid IN (o.oprrest, o.oprjoin))
   AND NOT EXISTS (SELECT FROM pg_amproc a WHERE a.amproc = p.oid)
   AND NOT EXISTS (SELECT FROM pg_proc s WHERE s.prosupport = p.oid)
   AND p.prorettype <> ALL (ARRAY['trigger', 'event_trigger']::regtype[]);

CREATE TEMP VIEW sectioned AS
SELECT line, proname,
       CASE WHEN for_all AND takes_profile AND gives_profile THEN 1
            WHEN for_all AND takes_profile THEN 2
            WHEN for_all AND gives_profile THEN 3
            WHEN for_all THEN 4
            WHEN 'pprof_read' = ANY (roles) THEN 5
            WHEN 'pprof_ingest' = ANY (roles) THEN 6
            WHEN 'pprof_admin' = ANY (roles) THEN 7
            ELSE 8 END AS section
  FROM listed;

\qecho
\qecho '## Functions and procedures'
\qecho
\qecho 'Without the support functions of types, operator classes and aggregates. Functions of values read no tables and are open to all;'
\qecho 'the others are for members of the roles named. An argument called by name (`=>`) may be left out where it has a default.'
\qecho
\qecho '### From profiles to profiles'
\qecho
\qecho '| function | what it does |'
\qecho '| --- | --- |'
SELECT line FROM sectioned WHERE section = 1 ORDER BY proname, 1;
\qecho
\qecho '### What a profile says'
\qecho
\qecho '| function | what it does |'
\qecho '| --- | --- |'
SELECT line FROM sectioned WHERE section = 2 ORDER BY proname, 1;
\qecho
\qecho '### Profiles from bytes and texts'
\qecho
\qecho '| function | what it does |'
\qecho '| --- | --- |'
SELECT line FROM sectioned WHERE section = 3 ORDER BY proname, 1;
\qecho
\qecho '### Other values'
\qecho
\qecho '| function | what it does |'
\qecho '| --- | --- |'
SELECT line FROM sectioned WHERE section = 4 ORDER BY proname, 1;
\qecho
\qecho '### Stored profiles, for pprof_read'
\qecho
\qecho '| function | what it does |'
\qecho '| --- | --- |'
SELECT line FROM sectioned WHERE section = 5 ORDER BY proname, 1;
\qecho
\qecho '### Storing, for pprof_ingest'
\qecho
\qecho '| function | what it does |'
\qecho '| --- | --- |'
SELECT line FROM sectioned WHERE section = 6 ORDER BY proname, 1;
\qecho
\qecho '### Administration, for pprof_admin'
\qecho
\qecho '| function | what it does |'
\qecho '| --- | --- |'
SELECT line FROM sectioned WHERE section = 7 ORDER BY proname, 1;
\qecho
\qecho '### Inside, for the owner only'
\qecho
\qecho 'Steps that the functions above are made of; nobody needs to call them.'
\qecho
\qecho '| function | what it does |'
\qecho '| --- | --- |'
SELECT line FROM sectioned WHERE section = 8 ORDER BY proname, 1;

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
