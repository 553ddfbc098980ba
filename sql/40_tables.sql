-- 40_tables.sql
--     Tables of stored profiles.  service_id comes first in every key, ids are
--     hashes or random and never sequences, and parents of partitioned tables
--     have neither index nor key: each partition has its own.  Nobody is granted
--     anything here; functions and views are the way in.

CREATE TABLE pprof.services (
    service_id bigint NOT NULL,
    tenant     text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    bucket     integer NOT NULL DEFAULT 0,
    created    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    relabeled  boolean NOT NULL DEFAULT false,
    PRIMARY KEY (service_id)
);
CREATE INDEX services_name_idx ON pprof.services (tenant, name);
COMMENT ON TABLE pprof.services IS 'services, each a tenant and a name; one name may own several buckets';
COMMENT ON COLUMN pprof.services.service_id IS 'hash of tenant, name and bucket; the next salt where that is taken';
COMMENT ON COLUMN pprof.services.tenant IS 'who owns it; pprof.tenant of the session that wrote first';
COMMENT ON COLUMN pprof.services.name IS 'the label service_name';
COMMENT ON COLUMN pprof.services.bucket IS 'part of a service that was split';
COMMENT ON COLUMN pprof.services.created IS 'when the first profile came';
COMMENT ON COLUMN pprof.services.relabeled IS 'it was renamed: its id is no hash of the name';
COMMENT ON INDEX pprof.services_name_idx IS 'finds the buckets of a name, and the names of a tenant';

CREATE TABLE pprof.service_types (
    service_id   bigint NOT NULL,
    type_id      bigint NOT NULL,
    profile_type text COLLATE "C" NOT NULL,
    PRIMARY KEY (service_id, type_id)
);
COMMENT ON TABLE pprof.service_types IS 'profile types of each service';
COMMENT ON COLUMN pprof.service_types.service_id IS 'the service';
COMMENT ON COLUMN pprof.service_types.type_id IS 'hash of the profile type; the next salt where that is taken';
COMMENT ON COLUMN pprof.service_types.profile_type IS 'name:sample type:sample unit:period type:period unit';

CREATE TABLE pprof.series (
    service_id bigint NOT NULL,
    series_id  bigint NOT NULL,
    labels     jsonb NOT NULL,
    created    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    relabeled  boolean NOT NULL DEFAULT false,
    PRIMARY KEY (service_id, series_id)
);
CREATE INDEX series_labels_idx ON pprof.series USING gin (labels pprof.labels_ops);
COMMENT ON INDEX pprof.series_labels_idx IS 'answers selectors';
COMMENT ON TABLE pprof.series IS 'label sets of each service, without the profile type';
COMMENT ON COLUMN pprof.series.service_id IS 'the service';
COMMENT ON COLUMN pprof.series.series_id IS 'hash of the labels; the next salt where that is taken';
COMMENT ON COLUMN pprof.series.labels IS 'object of strings, service_name among them; no private labels';
COMMENT ON COLUMN pprof.series.created IS 'when the first profile came';
COMMENT ON COLUMN pprof.series.relabeled IS 'labels were changed: its id is no hash of them, and another may have the same';

CREATE TABLE pprof.series_days (
    service_id bigint NOT NULL,
    day        date NOT NULL,
    type_id    bigint NOT NULL,
    series_id  bigint NOT NULL
) PARTITION BY RANGE (day);
COMMENT ON TABLE pprof.series_days IS 'which series had profiles of which type on which UTC day';
COMMENT ON COLUMN pprof.series_days.service_id IS 'the service';
COMMENT ON COLUMN pprof.series_days.day IS 'UTC day';
COMMENT ON COLUMN pprof.series_days.type_id IS 'a profile type, also one that is derived from another (see raw)';
COMMENT ON COLUMN pprof.series_days.series_id IS 'the label set';

CREATE TABLE pprof.dictionaries (
    service_id bigint NOT NULL,
    day        date NOT NULL,
    dict_id    bigint NOT NULL,
    shared     boolean NOT NULL DEFAULT false,
    created    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (service_id, day, dict_id)
);
CREATE INDEX dictionaries_dict_id_idx ON pprof.dictionaries (dict_id);
COMMENT ON TABLE pprof.dictionaries IS 'dictionaries of names and stacks, by service and UTC day';
COMMENT ON COLUMN pprof.dictionaries.service_id IS 'the service';
COMMENT ON COLUMN pprof.dictionaries.day IS 'UTC day of the profiles that refer to it';
COMMENT ON COLUMN pprof.dictionaries.dict_id IS 'random; samples carry it';
COMMENT ON COLUMN pprof.dictionaries.shared IS 'ids come from counters in shared memory, for as long as one server runs; else who writes holds a lock until commit';
COMMENT ON COLUMN pprof.dictionaries.created IS 'when it was begun';
COMMENT ON INDEX pprof.dictionaries_dict_id_idx IS 'finds the service and day of samples';

CREATE TABLE pprof.chunks (
    service_id bigint NOT NULL,
    dict_id    bigint NOT NULL,
    day        date NOT NULL,
    first_no   integer NOT NULL,
    last_no    integer NOT NULL,
    data       bytea NOT NULL
) PARTITION BY RANGE (day);
COMMENT ON TABLE pprof.chunks IS 'contents of dictionaries, in the order in which they grew; never updated';
COMMENT ON COLUMN pprof.chunks.service_id IS 'the service';
COMMENT ON COLUMN pprof.chunks.dict_id IS 'the dictionary';
COMMENT ON COLUMN pprof.chunks.day IS 'its UTC day';
COMMENT ON COLUMN pprof.chunks.first_no IS 'number of its first chunk; numbers count from 0, those of transactions that were rolled back are missing';
COMMENT ON COLUMN pprof.chunks.last_no IS 'number of its last chunk: several where maintenance put them together';
COMMENT ON COLUMN pprof.chunks.data IS 'strings, functions, mappings, locations, nodes and stacks; first byte: version';

CREATE TABLE pprof.raw (
    service_id bigint NOT NULL,
    type_id    bigint NOT NULL,
    series_id  bigint NOT NULL,
    at         timestamptz NOT NULL,
    duration   bigint NOT NULL,
    total      bigint NOT NULL,
    profile_id uuid NOT NULL,
    samples    pprof.samples NOT NULL,
    spans      bytea NOT NULL DEFAULT ''
) PARTITION BY RANGE (at);
COMMENT ON TABLE pprof.raw IS 'one row per profile, series and sample type; a type that counts the events of another has no row of its own';
COMMENT ON COLUMN pprof.raw.service_id IS 'the service';
COMMENT ON COLUMN pprof.raw.type_id IS 'the profile type';
COMMENT ON COLUMN pprof.raw.series_id IS 'the label set';
COMMENT ON COLUMN pprof.raw.at IS 'time of the profile, else of the request';
COMMENT ON COLUMN pprof.raw.duration IS 'nanoseconds';
COMMENT ON COLUMN pprof.raw.total IS 'sum of the values';
COMMENT ON COLUMN pprof.raw.profile_id IS 'id of the push, else hash of the content, else random';
COMMENT ON COLUMN pprof.raw.samples IS 'stack ids and values; where the flag is set, value / scale is the number of events';
COMMENT ON COLUMN pprof.raw.spans IS 'samples by span and trace id, empty without; first byte: version';

CREATE TABLE pprof.pushes (
    service_id bigint NOT NULL,
    push_key   uuid NOT NULL,
    created    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (service_id, push_key)
);
COMMENT ON TABLE pprof.pushes IS 'pushes that were stored although nothing in the profile tells a second delivery: ids of pushes without a time, idempotency keys';
COMMENT ON COLUMN pprof.pushes.service_id IS 'the service';
COMMENT ON COLUMN pprof.pushes.push_key IS 'hash of id or key';
COMMENT ON COLUMN pprof.pushes.created IS 'when it came first';

CREATE TABLE pprof.days (
    day     date NOT NULL,
    tenant  text COLLATE "C",
    created timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (day)
);
COMMENT ON TABLE pprof.days IS 'UTC days that have partitions';
COMMENT ON COLUMN pprof.days.day IS 'UTC day';
COMMENT ON COLUMN pprof.days.tenant IS 'whose profile made it necessary; null: made ahead';
COMMENT ON COLUMN pprof.days.created IS 'when the partitions were made';

-- Large values compress better and faster with lz4, where the server has it.
DO $$
BEGIN
    ALTER TABLE pprof.raw ALTER COLUMN samples SET COMPRESSION lz4;
    ALTER TABLE pprof.raw ALTER COLUMN spans SET COMPRESSION lz4;
    ALTER TABLE pprof.chunks ALTER COLUMN data SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;    -- pglz it is
END
$$;

-- A dump keeps what was stored.
SELECT pg_catalog.pg_extension_config_dump('pprof.services', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.service_types', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.series', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.series_days', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.dictionaries', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.chunks', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.raw', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.pushes', '');
SELECT pg_catalog.pg_extension_config_dump('pprof.days', '');
