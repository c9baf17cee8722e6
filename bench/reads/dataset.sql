-- What is read: pg_temp.fill makes one namespace.
--
-- Objects are spread over 20 buckets. The first fifth of a bucket's objects are talks, with 20
-- documents on two levels; the next tenth are films, with 10 documents on four; the rest are photos
-- without any. That makes 5 documents for each object.

-- Ids sort by number, as ULIDs do by time.
CREATE FUNCTION pg_temp.id_of(kind text, namespace text, number bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT kind || '_' || lpad(number::text, 10, '0')
        || left(md5(concat(kind, namespace, number)), 16)
$$;

CREATE FUNCTION pg_temp.moment(number bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT timestamptz '2026-01-02T03:04:05.678901Z' + number * interval '7 seconds'
$$;

CREATE PROCEDURE pg_temp.add_buckets(namespace text, count bigint) LANGUAGE sql AS $$
    INSERT INTO namespaces (id, namespace_name)
    VALUES (pg_temp.id_of('ns', namespace, 0), namespace);

    INSERT INTO buckets (namespace_id, id, bucket_name, bucket_schema)
    SELECT pg_temp.id_of('ns', namespace, 0), pg_temp.id_of('bkt', namespace, n), 'bucket ' || n, '{
        "properties": {
            "content": {"type": "json"}, "summary": {"type": "json"}, "still": {"type": "image"},
            "kind": {"type": "string"}, "title": {"type": "string"}, "number": {"type": "integer"}
        }
    }'
    FROM generate_series(0, count - 1) n;
$$;

CREATE PROCEDURE pg_temp.add_objects(namespace text, count bigint, buckets bigint)
LANGUAGE sql AS $$
    INSERT INTO objects (namespace_id, id, bucket_id, key_prefix, metadata, content_hash,
        size_bytes, status, created_at, updated_at)
    SELECT pg_temp.id_of('ns', namespace, 0), pg_temp.id_of('obj', namespace, n),
        pg_temp.id_of('bkt', namespace, n % buckets),
        format('/%ss/%s', kind, n),
        jsonb_build_object('kind', kind, 'number', n, 'title', format('The "%s" no. %s', kind, n),
            'tags', jsonb_build_array('a', 'b' || n % 10, 'ü')),
        encode(sha256(n::text::bytea), 'hex'),
        1000 + n % 9000,
        (ARRAY['COMPLETED', 'COMPLETED', 'DRAFT', 'FAILED'])[1 + n % 4],
        pg_temp.moment(n), pg_temp.moment(n + 1000)
    FROM generate_series(0, count - 1) n, LATERAL (
        SELECT CASE (n / buckets) * 10 / (count / buckets)
            WHEN 0 THEN 'talk' WHEN 1 THEN 'talk' WHEN 2 THEN 'film' ELSE 'photo'
        END AS kind
    ) kinds;

    INSERT INTO blobs (namespace_id, id, object_id, bucket_id, position, property, type,
        properties, filename, size_bytes, mime_type, hash, has_bytes, created_at)
    SELECT pg_temp.id_of('ns', namespace, 0), pg_temp.id_of('blob', namespace, 2 * n + position),
        pg_temp.id_of('obj', namespace, n), pg_temp.id_of('bkt', namespace, n % buckets),
        position, property, type,
        jsonb_build_object('pages', n % 100, 'author', 'Author ' || n % 50),
        CASE WHEN has_bytes THEN format('still-%s.png', n) END,
        100 + n % 900, mime_type,
        encode(sha256(format('%s %s', property, n)::bytea), 'hex'), has_bytes, pg_temp.moment(n)
    FROM generate_series(0, count - 1) n, (VALUES
        (0, 'content', 'JSON', 'application/json', false),
        (1, 'still', 'IMAGE', 'image/png', true)
    ) AS blob (position, property, type, mime_type, has_bytes);

    INSERT INTO contents (namespace_id, hash, size_bytes, key)
    SELECT namespace_id, hash, size_bytes, namespace_id || '/' || hash FROM blobs
    WHERE namespace_id = pg_temp.id_of('ns', namespace, 0) AND has_bytes;
$$;

CREATE PROCEDURE pg_temp.add_collections(namespace text, buckets bigint) LANGUAGE sql AS $$
    INSERT INTO collections (namespace_id, id, collection_name, source_type, extractor_name,
        extractor_version)
    SELECT pg_temp.id_of('ns', namespace, 0), pg_temp.id_of('col', namespace, n), name,
        source_type, name || '_extractor', 'v1'
    FROM (VALUES
        (1, 'frames', 'BUCKET'), (2, 'scenes', 'COLLECTION'), (3, 'faces', 'COLLECTION')
    ) AS collection (n, name, source_type);

    INSERT INTO collection_sources
        (namespace_id, collection_id, position, bucket_id, source_collection_id)
    SELECT pg_temp.id_of('ns', namespace, 0), pg_temp.id_of('col', namespace, 1), n,
        pg_temp.id_of('bkt', namespace, n), NULL
    FROM generate_series(0, buckets - 1) n
    UNION ALL
    SELECT pg_temp.id_of('ns', namespace, 0), pg_temp.id_of('col', namespace, n), 0,
        NULL, pg_temp.id_of('col', namespace, n - 1)
    FROM generate_series(2, 3) n;
$$;

-- Documents that are made from the objects of a kind, so many from each.
CREATE PROCEDURE pg_temp.derive_from_objects(namespace text, of_kind text, each bigint)
LANGUAGE sql AS $$
    INSERT INTO documents (namespace_id, id, collection_id, root_object_id, root_bucket_id,
        source_type, source_object_id, lineage_path, lineage_chain, metadata, features, created_at)
    SELECT o.namespace_id, pg_temp.id_of('doc', namespace || of_kind, 1000000000 + number),
        step.collection_id, o.id, o.bucket_id, 'BUCKET', o.id,
        o.bucket_id || '/' || step.collection_id,
        jsonb_build_array(to_jsonb(step)),
        jsonb_build_object('kind', of_kind, 'label', 'Frame ' || number),
        jsonb_build_array(jsonb_build_object('feature_extractor_id', step.feature_extractor_id,
            'payload', jsonb_build_object('confidence', number % 100))),
        step.timestamp
    FROM (
        SELECT *, row_number() OVER (ORDER BY id, n) AS number
        FROM objects, generate_series(1, each) n
        WHERE namespace_id = pg_temp.id_of('ns', namespace, 0) AND metadata ->> 'kind' = of_kind
    ) o, LATERAL (
        SELECT pg_temp.id_of('col', namespace, 1) AS collection_id,
            'frames_extractor_v1' AS feature_extractor_id, NULL AS document_id,
            pg_temp.moment(number) AS timestamp
    ) step;
$$;

-- Documents that are made from those of a kind and level, so many from each.
CREATE PROCEDURE pg_temp.derive(namespace text, of_kind text, level bigint, each bigint)
LANGUAGE sql AS $$
    INSERT INTO documents (namespace_id, id, collection_id, root_object_id, root_bucket_id,
        source_type, source_document_id, source_collection_id, lineage_path, lineage_chain,
        metadata, features, created_at)
    SELECT d.namespace_id,
        pg_temp.id_of('doc', namespace || of_kind, (level + 1) * 1000000000 + number),
        step.collection_id, d.root_object_id, d.root_bucket_id, 'COLLECTION', d.id, d.collection_id,
        d.lineage_path || '/' || step.collection_id,
        jsonb_set(d.lineage_chain, '{-1,document_id}', to_jsonb(d.id)) || to_jsonb(step),
        jsonb_build_object('kind', of_kind, 'label', 'Part ' || number),
        d.features, step.timestamp
    FROM (
        SELECT *, row_number() OVER (ORDER BY id, n) AS number
        FROM documents, generate_series(1, each) n
        WHERE namespace_id = pg_temp.id_of('ns', namespace, 0) AND metadata ->> 'kind' = of_kind
            AND jsonb_array_length(lineage_chain) = level
    ) d, LATERAL (
        SELECT pg_temp.id_of('col', namespace, least(level + 1, 3)) AS collection_id,
            (ARRAY['frames', 'scenes', 'faces'])[least(level + 1, 3)] || '_extractor_v1'
                AS feature_extractor_id,
            NULL AS document_id, pg_temp.moment(number) AS timestamp
    ) step;
$$;

CREATE PROCEDURE pg_temp.fill(namespace text, objects bigint) LANGUAGE sql AS $$
    CALL pg_temp.add_buckets(namespace, 500);  -- most are empty, to be written into
    CALL pg_temp.add_objects(namespace, objects, 20);
    CALL pg_temp.add_collections(namespace, 20);
    CALL pg_temp.derive_from_objects(namespace, 'talk', 5);
    CALL pg_temp.derive(namespace, 'talk', 1, 3);
    CALL pg_temp.derive_from_objects(namespace, 'film', 1);
    CALL pg_temp.derive(namespace, 'film', 1, 1);
    CALL pg_temp.derive(namespace, 'film', 2, 2);
    CALL pg_temp.derive(namespace, 'film', 3, 3);
$$;
