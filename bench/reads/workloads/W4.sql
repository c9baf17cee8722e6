SELECT json_build_object(
    'id', d.id,
    'status', d.status,
    'ancestors', (
        WITH RECURSIVE chain AS (
            SELECT id, status, collection_id, source_document_id, 1 AS distance
            FROM documents
            WHERE namespace_id = $1 AND id = d.source_document_id
            UNION ALL
            SELECT p.id, p.status, p.collection_id, p.source_document_id, c.distance + 1
            FROM chain c
            JOIN documents p ON p.namespace_id = $1 AND p.id = c.source_document_id
        )
        SELECT coalesce(json_agg(json_build_object(
            'id', id,
            'status', status,
            'collectionId', collection_id
        ) ORDER BY distance DESC), '[]')
        FROM chain
    ),
    'rootObject', json_build_object(
        'id', o.id,
        'keyPrefix', o.key_prefix,
        'bucket', json_build_object('id', b.id, 'bucketName', b.bucket_name)
    )
)::text
FROM documents d
JOIN objects o ON o.namespace_id = $1 AND o.id = d.root_object_id
JOIN buckets b ON b.namespace_id = $1 AND b.id = o.bucket_id
WHERE d.namespace_id = $1 AND d.id = $2
