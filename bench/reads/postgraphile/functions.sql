-- The mutation of W5. What PostGraphile makes of the tables would take a mutation for each row, and a
-- transaction for each of those; a function that inserts them all is what its users write instead.
-- The caller brings the hashes along, which the others compute.
CREATE FUNCTION add_object(namespace_id text, bucket_id text, key_prefix text, metadata jsonb,
    content_hash text, size_bytes bigint, blobs jsonb) RETURNS objects LANGUAGE sql AS $$
    WITH new AS (
        SELECT lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1e6)::bigint), 14, '0')
            || left(md5(random()::text), 11) AS id
    ), kept AS (
        INSERT INTO blobs (namespace_id, object_id, bucket_id, id, position, property, type,
            properties, size_bytes, mime_type, hash, has_bytes)
        SELECT $1, 'obj_' || id || '0', $2, 'blob_' || id || place, place - 1,
            blob ->> 'property', 'JSON', blob -> 'properties', (blob ->> 'sizeBytes')::bigint,
            'application/json', blob ->> 'hash', false
        FROM new, jsonb_array_elements($7) WITH ORDINALITY AS given (blob, place)
    )
    INSERT INTO objects
        (namespace_id, id, bucket_id, key_prefix, metadata, content_hash, size_bytes)
    SELECT $1, 'obj_' || id || '0', $2, $3, $4, $5, $6 FROM new
    RETURNING *
$$;
