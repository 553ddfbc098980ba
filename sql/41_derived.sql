-- 41_derived.sql
--     Where profiles live, and what is made of them.  Rows of pprof.raw are a
--     write buffer: maintenance moves them into segments.  A rollup is the sum of
--     all segments of its hour (its day); it never has anything of raw rows, which
--     every query adds.  Whoever changes segments deletes the rollups and totals of
--     the hour and the day in the same transaction and leaves a mark that they are
--     to be made anew: a rollup that is there is right.

CREATE TABLE pprof.segments (
    service_id bigint NOT NULL,
    type_id    bigint NOT NULL,
    hour       timestamptz NOT NULL,
    segment    integer NOT NULL,
    profiles   integer NOT NULL,
    first_at   timestamptz NOT NULL,
    last_at    timestamptz NOT NULL,
    head       bytea NOT NULL,
    ids        bytea NOT NULL,
    samples    bytea NOT NULL,
    spans      bytea NOT NULL DEFAULT ''
) PARTITION BY RANGE (hour);
COMMENT ON TABLE pprof.segments IS 'runs of profiles of a service, profile type and hour';
COMMENT ON COLUMN pprof.segments.service_id IS 'the service';
COMMENT ON COLUMN pprof.segments.type_id IS 'the profile type';
COMMENT ON COLUMN pprof.segments.hour IS 'start of the UTC hour of all its profiles';
COMMENT ON COLUMN pprof.segments.segment IS 'number within the hour';
COMMENT ON COLUMN pprof.segments.profiles IS 'rows that it holds: one per profile and series';
COMMENT ON COLUMN pprof.segments.first_at IS 'time of its first profile';
COMMENT ON COLUMN pprof.segments.last_at IS 'time of its last profile';
COMMENT ON COLUMN pprof.segments.head IS 'series, times, durations and totals; first byte: version';
COMMENT ON COLUMN pprof.segments.ids IS 'profile ids, 16 bytes each';
COMMENT ON COLUMN pprof.segments.samples IS 'stacks and values; first byte: version';
COMMENT ON COLUMN pprof.segments.spans IS 'samples by span and trace id, empty without';

CREATE TABLE pprof.totals (
    service_id bigint NOT NULL,
    type_id    bigint NOT NULL,
    hour       timestamptz NOT NULL,
    head       bytea NOT NULL,
    data       bytea NOT NULL
) PARTITION BY RANGE (hour);
COMMENT ON TABLE pprof.totals IS 'times and totals of the profiles in the segments of an hour, by series';
COMMENT ON COLUMN pprof.totals.service_id IS 'the service';
COMMENT ON COLUMN pprof.totals.type_id IS 'the profile type';
COMMENT ON COLUMN pprof.totals.hour IS 'start of the UTC hour';
COMMENT ON COLUMN pprof.totals.head IS 'series with count and sum; first byte: version';
COMMENT ON COLUMN pprof.totals.data IS 'times and totals of each series';

CREATE TABLE pprof.rollups (
    service_id      bigint NOT NULL,
    type_id         bigint NOT NULL,
    hour            timestamptz NOT NULL,
    profiles        integer NOT NULL,
    first_at        timestamptz NOT NULL,
    duration        bigint NOT NULL,
    samples         pprof.samples NOT NULL,
    counts          pprof.samples,
    functions       pprof.samples NOT NULL,
    function_counts pprof.samples
) PARTITION BY RANGE (hour);
COMMENT ON TABLE pprof.rollups IS 'sums of all segments of a service, profile type and hour';
COMMENT ON COLUMN pprof.rollups.service_id IS 'the service';
COMMENT ON COLUMN pprof.rollups.type_id IS 'the profile type';
COMMENT ON COLUMN pprof.rollups.hour IS 'start of the UTC hour';
COMMENT ON COLUMN pprof.rollups.profiles IS 'distinct profiles';
COMMENT ON COLUMN pprof.rollups.first_at IS 'time of the first';
COMMENT ON COLUMN pprof.rollups.duration IS 'sum over distinct profiles, in nanoseconds; the greatest number if it does not fit';
COMMENT ON COLUMN pprof.rollups.samples IS 'by line, in the dictionaries of the day; flagged counted where all profiles are, with one scale';
COMMENT ON COLUMN pprof.rollups.counts IS 'numbers of events, where samples cannot tell and some profile has them';
COMMENT ON COLUMN pprof.rollups.functions IS 'samples by function, in the dictionary of the month (pprof.path_dictionaries)';
COMMENT ON COLUMN pprof.rollups.function_counts IS 'counts by function';

CREATE TABLE pprof.day_rollups (
    service_id      bigint NOT NULL,
    type_id         bigint NOT NULL,
    day             date NOT NULL,
    profiles        bigint NOT NULL,
    functions       pprof.samples NOT NULL,
    function_counts pprof.samples
) PARTITION BY RANGE (day);
COMMENT ON TABLE pprof.day_rollups IS 'sums of all segments of a service, profile type and UTC day, by function';
COMMENT ON COLUMN pprof.day_rollups.service_id IS 'the service';
COMMENT ON COLUMN pprof.day_rollups.type_id IS 'the profile type';
COMMENT ON COLUMN pprof.day_rollups.day IS 'UTC day';
COMMENT ON COLUMN pprof.day_rollups.profiles IS 'distinct profiles';
COMMENT ON COLUMN pprof.day_rollups.functions IS 'samples by function, in the dictionary of the month';
COMMENT ON COLUMN pprof.day_rollups.function_counts IS 'numbers of events, where functions cannot tell and some profile has them';

CREATE TABLE pprof.path_dictionaries (
    service_id bigint NOT NULL,
    month      date NOT NULL,
    dict_id    bigint NOT NULL,
    created    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (service_id, month, dict_id)
);
CREATE INDEX path_dictionaries_dict_id_idx ON pprof.path_dictionaries (dict_id);
COMMENT ON TABLE pprof.path_dictionaries IS 'dictionaries of function paths, by service and UTC month: rollups of all its days add as integers';
COMMENT ON COLUMN pprof.path_dictionaries.service_id IS 'the service';
COMMENT ON COLUMN pprof.path_dictionaries.month IS 'first day of the month';
COMMENT ON COLUMN pprof.path_dictionaries.dict_id IS 'random; rollups carry it';
COMMENT ON COLUMN pprof.path_dictionaries.created IS 'when it was begun';
COMMENT ON INDEX pprof.path_dictionaries_dict_id_idx IS 'finds the service and month of samples';

CREATE TABLE pprof.paths (
    service_id bigint NOT NULL,
    dict_id    bigint NOT NULL,
    month      date NOT NULL,
    first_no   integer NOT NULL,
    last_no    integer NOT NULL,
    data       bytea NOT NULL
) PARTITION BY RANGE (month);
COMMENT ON TABLE pprof.paths IS 'contents of path dictionaries, as in pprof.chunks';
COMMENT ON COLUMN pprof.paths.service_id IS 'the service';
COMMENT ON COLUMN pprof.paths.dict_id IS 'the dictionary';
COMMENT ON COLUMN pprof.paths.month IS 'first day of its month';
COMMENT ON COLUMN pprof.paths.first_no IS 'number of its first chunk';
COMMENT ON COLUMN pprof.paths.last_no IS 'number of its last chunk';
COMMENT ON COLUMN pprof.paths.data IS 'as in pprof.chunks';

CREATE TABLE pprof.functions (
    service_id  bigint NOT NULL,
    function_id bigint NOT NULL,
    name        text COLLATE "C" NOT NULL,
    PRIMARY KEY (service_id, function_id)
);
COMMENT ON TABLE pprof.functions IS 'names of functions of each service';
COMMENT ON COLUMN pprof.functions.service_id IS 'the service';
COMMENT ON COLUMN pprof.functions.function_id IS 'hash of the name; the next salt where that is taken';
COMMENT ON COLUMN pprof.functions.name IS 'as flame graphs show it';

CREATE TABLE pprof.function_days (
    service_id  bigint NOT NULL,
    day         date NOT NULL,
    type_id     bigint NOT NULL,
    function_id bigint NOT NULL,
    self        bigint NOT NULL,
    total       bigint NOT NULL
) PARTITION BY RANGE (day);
COMMENT ON TABLE pprof.function_days IS 'what each function had on each UTC day, of the hours that have rollups';
COMMENT ON COLUMN pprof.function_days.service_id IS 'the service';
COMMENT ON COLUMN pprof.function_days.day IS 'UTC day';
COMMENT ON COLUMN pprof.function_days.type_id IS 'the profile type';
COMMENT ON COLUMN pprof.function_days.function_id IS 'the function';
COMMENT ON COLUMN pprof.function_days.self IS 'sum of the values of stacks that end in it';
COMMENT ON COLUMN pprof.function_days.total IS 'sum of the values of stacks that have it, each counted once';

CREATE TABLE pprof.dirty_hours (
    service_id bigint NOT NULL,
    type_id    bigint NOT NULL,
    hour       timestamptz NOT NULL,
    PRIMARY KEY (service_id, type_id, hour)
);
COMMENT ON TABLE pprof.dirty_hours IS 'hours whose segments changed since their rollup and totals were made, or that never had them';
COMMENT ON COLUMN pprof.dirty_hours.service_id IS 'the service';
COMMENT ON COLUMN pprof.dirty_hours.type_id IS 'the profile type';
COMMENT ON COLUMN pprof.dirty_hours.hour IS 'start of the UTC hour';

CREATE TABLE pprof.dirty_days (
    service_id bigint NOT NULL,
    type_id    bigint NOT NULL,
    day        date NOT NULL,
    PRIMARY KEY (service_id, type_id, day)
);
COMMENT ON TABLE pprof.dirty_days IS 'the same of days';
COMMENT ON COLUMN pprof.dirty_days.service_id IS 'the service';
COMMENT ON COLUMN pprof.dirty_days.type_id IS 'the profile type';
COMMENT ON COLUMN pprof.dirty_days.day IS 'UTC day';

CREATE TABLE pprof.expired_days (
    service_id    bigint NOT NULL,
    day           date NOT NULL,
    profiles      bigint[] NOT NULL DEFAULT '{}',
    profiles_gone boolean NOT NULL DEFAULT false,
    rewritten     boolean NOT NULL DEFAULT false,
    hours         bigint[] NOT NULL DEFAULT '{}',
    hours_gone    boolean NOT NULL DEFAULT false,
    finished      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (service_id, day)
);
COMMENT ON TABLE pprof.expired_days IS 'days of which retention took profiles: no more are stored, rollups of what it took are final';
COMMENT ON COLUMN pprof.expired_days.service_id IS 'the service';
COMMENT ON COLUMN pprof.expired_days.day IS 'UTC day';
COMMENT ON COLUMN pprof.expired_days.profiles IS 'types whose profiles are gone, or go with the partition';
COMMENT ON COLUMN pprof.expired_days.profiles_gone IS 'these are all types of the day';
COMMENT ON COLUMN pprof.expired_days.hours IS 'types whose rollups and totals of hours are gone, or go with the partition';
COMMENT ON COLUMN pprof.expired_days.hours_gone IS 'these are all types of the day';
COMMENT ON COLUMN pprof.expired_days.finished IS 'these are gone, and so are the dictionary and the series';
COMMENT ON COLUMN pprof.expired_days.rewritten IS 'all profiles are gone, and the dictionary has only what rollups refer to';

DO $$
BEGIN
    ALTER TABLE pprof.segments ALTER COLUMN spans SET COMPRESSION lz4;
    ALTER TABLE pprof.totals ALTER COLUMN data SET COMPRESSION lz4;
    ALTER TABLE pprof.rollups ALTER COLUMN samples SET COMPRESSION lz4;
    ALTER TABLE pprof.rollups ALTER COLUMN counts SET COMPRESSION lz4;
    ALTER TABLE pprof.rollups ALTER COLUMN functions SET COMPRESSION lz4;
    ALTER TABLE pprof.rollups ALTER COLUMN function_counts SET COMPRESSION lz4;
    ALTER TABLE pprof.day_rollups ALTER COLUMN functions SET COMPRESSION lz4;
    ALTER TABLE pprof.day_rollups ALTER COLUMN function_counts SET COMPRESSION lz4;
    ALTER TABLE pprof.paths ALTER COLUMN data SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;    -- pglz it is
END
$$;
-- random bytes; bits that no compression shortens, of which mostly the first are fetched
ALTER TABLE pprof.segments ALTER COLUMN ids SET STORAGE EXTERNAL;
ALTER TABLE pprof.segments ALTER COLUMN samples SET STORAGE EXTERNAL;

SELECT pg_catalog.pg_extension_config_dump('pprof.segments', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.totals', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.rollups', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.day_rollups', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.path_dictionaries', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.paths', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.functions', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.function_days', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.dirty_hours', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.dirty_days', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.expired_days', '');
