SELECT json_build_object(
    'id', b.id,
    'bucketName', b.bucket_name,
    'objects', json_build_object('nodes', (
        SELECT coalesce(json_agg(json_build_object(
            'id', o.id,
            'keyPrefix', o.key_prefix,
            'status', o.status,
            'blobs', (
                SELECT coalesce(json_agg(json_build_object(
                    'id', p.id,
                    'property', p.property,
                    'type', p.type,
                    'details', json_build_object(
                        'filename', p.filename,
                        'sizeBytes', p.size_bytes,
                        'mimeType', p.mime_type,
                        'hash', p.hash
                    )
                ) ORDER BY p.position), '[]')
                FROM blobs p
                WHERE p.namespace_id = $1 AND p.object_id = o.id
            ),
            'documents', json_build_object('nodes', (
                SELECT coalesce(json_agg(json_build_object(
                    'id', d.id,
                    'status', d.status,
                    'children', json_build_object('nodes', (
                        SELECT coalesce(json_agg(json_build_object(
                            'id', c.id,
                            'status', c.status
                        ) ORDER BY c.id), '[]')
                        FROM (
                            SELECT id, status FROM documents
                            WHERE namespace_id = $1 AND source_document_id = d.id
                            ORDER BY id LIMIT 3
                        ) c
                    ))
                ) ORDER BY d.id), '[]')
                FROM (
                    SELECT id, status FROM documents
                    WHERE namespace_id = $1 AND root_object_id = o.id
                    ORDER BY id LIMIT 5
                ) d
            ))
        ) ORDER BY o.id), '[]')
        FROM (
            SELECT id, key_prefix, status FROM objects
            WHERE namespace_id = $1 AND bucket_id = b.id
            ORDER BY id LIMIT 20
        ) o
    ))
)::text
FROM buckets b
WHERE b.namespace_id = $1 AND b.id = $2
