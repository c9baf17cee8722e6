SELECT json_build_object(
    'id', id,
    'bucketId', bucket_id,
    'keyPrefix', key_prefix,
    'status', status,
    'metadata', metadata,
    'contentHash', content_hash,
    'skipDuplicates', skip_duplicates,
    'version', version,
    'createdAt', created_at,
    'updatedAt', updated_at
)::text
FROM objects
WHERE namespace_id = $1 AND id = $2
