SELECT CASE WHEN set_config('app.namespace_id', $1::text, true) IS NOT NULL THEN convert_to((
SELECT (SELECT '{"edges":[' || coalesce(string_agg('{"cursor":' || CAST(to_json('bkt~' || page_2.id) AS TEXT) || ',"node":{"bucketName":' || CAST(to_json(page_2.bucket_name) AS TEXT) || '}}', ',' ORDER BY page_2.id ASC), '') || ']}' AS anon_2
FROM (SELECT buckets_1.namespace_id AS namespace_id, buckets_1.id AS id, buckets_1.bucket_name AS bucket_name, buckets_1.description AS description, buckets_1.bucket_schema AS bucket_schema, buckets_1.metadata AS metadata, buckets_1.status AS status, buckets_1.is_locked AS is_locked, buckets_1.created_at AS created_at, buckets_1.updated_at AS updated_at, buckets_1.version AS version, buckets_1.unique_key_fields AS unique_key_fields, buckets_1.unique_key_policy AS unique_key_policy
FROM buckets AS buckets_1
WHERE buckets_1.namespace_id = $1::VARCHAR AND buckets_1.status != 'IN_PROGRESS' AND buckets_1.id > $2::VARCHAR ORDER BY buckets_1.id ASC
 LIMIT $3::INTEGER) AS page_2
HAVING true) AS anon_1
), 'UTF8') END
