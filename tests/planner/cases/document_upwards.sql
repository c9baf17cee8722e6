SELECT CASE WHEN set_config('app.namespace_id', $1::text, true) IS NOT NULL THEN convert_to((
SELECT '{"ancestors":' || (WITH RECURSIVE chain_5(id, parent_id, distance) AS
(SELECT documents_2.id AS id, documents_2.source_document_id AS parent_id, 1 AS distance
FROM documents AS documents_2
WHERE documents_2.namespace_id = $1::VARCHAR AND documents_2.id = documents_1.source_document_id UNION ALL SELECT documents_3.id AS id, documents_3.source_document_id AS source_document_id, chain_5.distance + $2::INTEGER AS anon_3
FROM documents AS documents_3, chain_5
WHERE documents_3.namespace_id = $1::VARCHAR AND documents_3.id = chain_5.parent_id)
 SELECT '[' || coalesce(string_agg('{"id":"' || documents_4.id || '"}', ',' ORDER BY chain_5.distance DESC), '') || ']' AS anon_2
FROM chain_5 JOIN documents AS documents_4 ON documents_4.namespace_id = $1::VARCHAR AND documents_4.id = chain_5.id) || ',"source":' || coalesce(CASE WHEN (documents_1.source_object_id IS NOT NULL) THEN (SELECT '{"__typename":"BucketObject"}'
FROM objects AS objects_6
WHERE objects_6.namespace_id = $1::VARCHAR AND objects_6.id = documents_1.source_object_id) WHEN (documents_1.source_document_id IS NOT NULL) THEN (SELECT '{"__typename":"Document","id":"' || documents_7.id || '","source":' || coalesce(CASE WHEN (documents_7.source_object_id IS NOT NULL) THEN (SELECT '{"id":"' || objects_8.id || '"}' AS anon_5
FROM objects AS objects_8
WHERE objects_8.namespace_id = $1::VARCHAR AND objects_8.id = documents_7.source_object_id) WHEN (documents_7.source_document_id IS NOT NULL) THEN (SELECT '{}'
FROM documents AS documents_9
WHERE documents_9.namespace_id = $1::VARCHAR AND documents_9.id = documents_7.source_document_id) END, 'null') || '}' AS anon_4
FROM documents AS documents_7
WHERE documents_7.namespace_id = $1::VARCHAR AND documents_7.id = documents_1.source_document_id) END, 'null') || ',"rootObject":' || coalesce((SELECT '{"bucket":' || coalesce((SELECT '{"bucketName":' || CAST(to_json(buckets_11.bucket_name) AS TEXT) || '}' AS anon_7
FROM buckets AS buckets_11
WHERE buckets_11.namespace_id = $1::VARCHAR AND buckets_11.id = objects_10.bucket_id), 'null') || '}' AS anon_6
FROM objects AS objects_10
WHERE objects_10.namespace_id = $1::VARCHAR AND objects_10.id = documents_1.root_object_id), 'null') || ',"lineageChain":' || (SELECT '[' || coalesce(string_agg('{"collection":' || coalesce((SELECT '{"collectionName":' || CAST(to_json(collections_13.collection_name) AS TEXT) || '}' AS anon_9
FROM collections AS collections_13
WHERE collections_13.namespace_id = $1::VARCHAR AND collections_13.id = anon_10.collection_id), 'null') || ',"timestamp":' || coalesce(CAST(to_json(anon_10.timestamp) AS TEXT), 'null') || '}', ','), '') || ']' AS anon_8
FROM jsonb_to_recordset(documents_1.lineage_chain) AS anon_10(collection_id TEXT, feature_extractor_id TEXT, document_id TEXT, timestamp TIMESTAMP WITH TIME ZONE)) || '}' AS anon_1
FROM documents AS documents_1
WHERE documents_1.namespace_id = $1::VARCHAR AND documents_1.id = $3::VARCHAR COLLATE "C"
), 'UTF8') END
