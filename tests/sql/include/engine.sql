-- engine.sql: what specs of the storage engine share, in a schema of their own;
-- after body.sql.  The service is "shop", its hours are over.
CREATE FUNCTION store(leaf text, count int, at timestamptz) RETURNS int LANGUAGE sql AS
	$$ SELECT pprof.ingest(body(leaf, count, at), jsonb_build_object('service_name', 'shop')) $$;
CREATE FUNCTION shop() RETURNS bigint LANGUAGE sql STABLE AS
	$$ SELECT service_id FROM pprof.services WHERE name = 'shop' $$;
-- The same sums in four ways: by profile, by line, by function, by time.
CREATE FUNCTION answer(OUT profiles bigint, OUT total numeric, OUT lines bigint, OUT functions bigint, OUT series numeric) LANGUAGE sql STABLE AS $$
	SELECT (SELECT count(*) FROM pprof.profiles), (SELECT sum(p.total) / 10000000 FROM pprof.profiles AS p)::bigint,
	       (SELECT pprof.total(pprof.query(type, 'process_cpu', since, until))),
	       (SELECT value FROM pprof.flamegraph(type, 'process_cpu', since, until) WHERE level = 0),
	       (SELECT sum(value) FROM pprof.timeseries(type, 'process_cpu', since, until, '1 h'))
	  FROM (VALUES ('process_cpu:samples:count:cpu:nanoseconds', '2023-11-10'::timestamptz, '2023-11-20'::timestamptz)) AS v (type, since, until)
$$;
-- What is stored where.
CREATE FUNCTION places(OUT raw bigint, OUT segments bigint, OUT hours bigint, OUT days bigint, OUT dirty bigint) LANGUAGE sql STABLE AS $$
	SELECT (SELECT count(*) FROM pprof.raw), (SELECT sum(s.profiles) FROM pprof.segments AS s), (SELECT count(*) FROM pprof.rollups),
	       (SELECT count(*) FROM pprof.day_rollups), (SELECT count(*) FROM pprof.dirty_hours) + (SELECT count(*) FROM pprof.dirty_days)
$$;
CREATE PROCEDURE clear() LANGUAGE plpgsql AS $$
DECLARE
	tables text;
BEGIN
	SELECT string_agg(oid::regclass::text, ', ') INTO tables FROM pg_class
	 WHERE relnamespace = 'pprof'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'days';
	EXECUTE 'TRUNCATE ' || tables;
END $$;
-- Maintenance until nothing is left to do.
CREATE PROCEDURE settle() LANGUAGE plpgsql AS $$
BEGIN
	WHILE EXISTS (SELECT FROM pprof.services, pprof.compact_service(service_id) AS n WHERE n > 0) LOOP
	END LOOP;
	WHILE EXISTS (SELECT FROM pprof.services, pprof.rollup_service(service_id) AS n WHERE n > 0) LOOP
	END LOOP;
END $$;
-- The profile whose one sample counts so many.
CREATE FUNCTION id_of(count int) RETURNS uuid LANGUAGE sql STABLE AS
	$$ SELECT profile_id FROM pprof.profiles WHERE total = count * 10000000 $$;
-- Partitions as they were before a spec made them.
CREATE PROCEDURE drop_day(day date) LANGUAGE plpgsql AS $$
DECLARE
	partition regclass;
BEGIN
	FOR partition IN
		SELECT oid FROM pg_class WHERE relnamespace = 'pprof'::regnamespace AND relkind = 'r' AND relname LIKE '%\_' || to_char(day, 'YYYYMMDD')
	LOOP
		EXECUTE 'DROP TABLE ' || partition;
	END LOOP;
	DELETE FROM pprof.days d WHERE d.day = drop_day.day;
END $$;
-- Days without profiles that are past retention go, so that the next step of it is about those that a spec stores.
CREATE PROCEDURE forget_old_days() LANGUAGE plpgsql AS $$
BEGIN
	WHILE pprof.apply_retention() > 0 LOOP
	END LOOP;
END $$;
