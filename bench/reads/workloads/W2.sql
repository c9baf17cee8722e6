SELECT json_build_object('objects', json_build_object('nodes', coalesce(json_agg(json_build_object(
    'id', o.id,
    'bucketId', o.bucket_id,
    'keyPrefix', o.key_prefix,
    'status', o.status,
    'metadata', o.metadata,
    'contentHash', o.content_hash,
    'skipDuplicates', o.skip_duplicates,
    'version', o.version,
    'createdAt', o.created_at,
    'updatedAt', o.updated_at
) ORDER BY o.id), '[]')))::text
FROM (
    SELECT * FROM objects
    WHERE namespace_id = $1 AND bucket_id = $2
    ORDER BY id LIMIT 100
) o
