-- every object of the extension has a comment, and PUBLIC may do what is listed here and no more
CREATE TEMP TABLE members AS
    SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS object
      FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
     WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'pprof';
SELECT count(*) > 30 AS some FROM members;

-- no rows: nothing is without a comment (an operator class speaks for its family)
SELECT object FROM members
 WHERE obj_description(objid, (SELECT relname FROM pg_class WHERE oid = classid)) IS NULL
   AND classid <> 'pg_opfamily'::regclass
 ORDER BY object COLLATE "C";

-- no rows: no column either
SELECT m.object, a.attname FROM members m JOIN pg_class c ON c.oid = m.objid AND m.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'p', 'v')
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE col_description(c.oid, a.attnum) IS NULL
 ORDER BY m.object COLLATE "C", a.attnum;

-- no rows: what PUBLIC may execute reads no table and writes none
SELECT m.object FROM members m JOIN pg_proc p ON p.oid = m.objid
 WHERE m.classid = 'pg_proc'::regclass
   AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE')
   AND p.proname <> ALL ('{
       profile_in, profile_out, profile_recv, profile_send, from_bytea, to_bytea,
       samples_in, samples_out, samples_recv, samples_send, samples_from_bytea, samples_to_bytea,
       selector_in, selector_out, selector_recv, selector_send,
       labels_match, labels_extract_value, labels_extract_query, labels_consistent,
       labels_tri_consistent, labels_compare_partial, selector_sel,
       validate, merge, diff, merge_transfn, diff_transfn}'::text[])
   -- what is immutable reads no table
   AND p.provolatile <> 'i'
 ORDER BY m.object COLLATE "C";

-- no rows: PUBLIC has no right on any table, view or sequence
SELECT m.object FROM members m JOIN pg_class c ON c.oid = m.objid
 WHERE m.classid = 'pg_class'::regclass
   AND EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = 0)
 ORDER BY m.object COLLATE "C";

-- no rows: nobody may create in the schema but its owner
SELECT r.rolname FROM pg_roles r, pg_namespace n
 WHERE n.nspname = 'pprof' AND NOT r.rolsuper AND has_schema_privilege(r.oid, n.oid, 'CREATE');

-- no rows: functions that run with the owner's rights pin their search path, and no name is public
SELECT m.object FROM members m JOIN pg_proc p ON p.oid = m.objid
 WHERE m.classid = 'pg_proc'::regclass AND p.prosecdef
   AND NOT coalesce(p.proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}'
 ORDER BY m.object COLLATE "C";
DROP TABLE members;
