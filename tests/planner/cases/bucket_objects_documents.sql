SELECT CASE WHEN set_config('app.namespace_id', $2::text, true) IS NOT NULL THEN convert_to((
SELECT '{"objectCount":' || coalesce(CAST((SELECT coalesce(sum(bucket_tallies.objects), $1::INTEGER) AS coalesce_1
FROM bucket_tallies
WHERE bucket_tallies.namespace_id = buckets_1.namespace_id AND bucket_tallies.bucket_id = buckets_1.id) AS TEXT), 'null') || ',"objects":' || (SELECT '{"totalCount":' || CAST((SELECT count(*) AS count_1
FROM objects AS objects_2
WHERE objects_2.namespace_id = $2::VARCHAR AND objects_2.bucket_id = buckets_1.id) AS TEXT) || ',"pageInfo":{"hasNextPage":' || CAST(count(*) > $3::INTEGER AS TEXT) || ',"endCursor":' || coalesce(CAST(to_json((array_agg('obj~' || page_3.id ORDER BY page_3.id ASC))[least(count(*), $3::INTEGER)]) AS TEXT), 'null') || '},"nodes":[' || coalesce(array_to_string((array_agg('{"id":"' || page_3.id || '","documents":' || (SELECT '{"nodes":[' || coalesce(string_agg('{"id":"' || page_5.id || '","children":' || (SELECT '{"nodes":[' || coalesce(string_agg('{"id":"' || page_7.id || '"}', ',' ORDER BY page_7.id ASC), '') || ']}' AS anon_4
FROM (SELECT documents_6.namespace_id AS namespace_id, documents_6.id AS id, documents_6.collection_id AS collection_id, documents_6.root_object_id AS root_object_id, documents_6.root_bucket_id AS root_bucket_id, documents_6.source_type AS source_type, documents_6.source_collection_id AS source_collection_id, documents_6.source_document_id AS source_document_id, documents_6.source_object_id AS source_object_id, documents_6.lineage_path AS lineage_path, documents_6.lineage_chain AS lineage_chain, documents_6.source_blobs AS source_blobs, documents_6.features AS features, documents_6.vector AS vector, documents_6.metadata AS metadata, documents_6.internal_metadata AS internal_metadata, documents_6.status AS status, documents_6.error AS error, documents_6.created_at AS created_at, documents_6.updated_at AS updated_at, documents_6.version AS version
FROM documents AS documents_6
WHERE documents_6.namespace_id = $2::VARCHAR AND documents_6.source_document_id = page_5.id ORDER BY documents_6.id ASC
 LIMIT $4::INTEGER) AS page_7
HAVING true) || '}', ',' ORDER BY page_5.id ASC), '') || ']}' AS anon_3
FROM (SELECT documents_4.namespace_id AS namespace_id, documents_4.id AS id, documents_4.collection_id AS collection_id, documents_4.root_object_id AS root_object_id, documents_4.root_bucket_id AS root_bucket_id, documents_4.source_type AS source_type, documents_4.source_collection_id AS source_collection_id, documents_4.source_document_id AS source_document_id, documents_4.source_object_id AS source_object_id, documents_4.lineage_path AS lineage_path, documents_4.lineage_chain AS lineage_chain, documents_4.source_blobs AS source_blobs, documents_4.features AS features, documents_4.vector AS vector, documents_4.metadata AS metadata, documents_4.internal_metadata AS internal_metadata, documents_4.status AS status, documents_4.error AS error, documents_4.created_at AS created_at, documents_4.updated_at AS updated_at, documents_4.version AS version
FROM documents AS documents_4
WHERE documents_4.namespace_id = $2::VARCHAR AND documents_4.root_object_id = page_3.id AND documents_4.source_object_id = page_3.id ORDER BY documents_4.id ASC
 LIMIT $5::INTEGER) AS page_5
HAVING true) || '}' ORDER BY page_3.id ASC))[$6::INTEGER:$3::INTEGER], ','), '') || ']}' AS anon_2
FROM (SELECT objects_2.namespace_id AS namespace_id, objects_2.id AS id, objects_2.bucket_id AS bucket_id, objects_2.key_prefix AS key_prefix, objects_2.metadata AS metadata, objects_2.content_hash AS content_hash, objects_2.size_bytes AS size_bytes, objects_2.skip_duplicates AS skip_duplicates, objects_2.status AS status, objects_2.error AS error, objects_2.created_at AS created_at, objects_2.updated_at AS updated_at, objects_2.version AS version, objects_2.unique_key AS unique_key
FROM objects AS objects_2
WHERE objects_2.namespace_id = $2::VARCHAR AND objects_2.bucket_id = buckets_1.id ORDER BY objects_2.id ASC
 LIMIT $3::INTEGER + 1) AS page_3
HAVING true) || '}' AS anon_1
FROM buckets AS buckets_1
WHERE buckets_1.namespace_id = $2::VARCHAR AND buckets_1.bucket_name = $7::VARCHAR COLLATE "C" AND buckets_1.status != 'IN_PROGRESS'
), 'UTF8') END
