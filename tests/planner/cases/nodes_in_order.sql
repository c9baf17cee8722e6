SELECT CASE WHEN set_config('app.namespace_id', $2::text, true) IS NOT NULL THEN convert_to((
SELECT '[' || coalesce(string_agg(coalesce(CASE WHEN (split_part(anon_2.id, '_', $1::INTEGER) = 'ns') THEN (SELECT '{"id":"' || namespaces_2.id || '"}' AS anon_3
FROM namespaces AS namespaces_2
WHERE namespaces_2.id = $2::VARCHAR AND namespaces_2.id = anon_2.id) WHEN (split_part(anon_2.id, '_', $3::INTEGER) = 'key') THEN (SELECT '{"id":"' || api_keys_3.id || '"}' AS anon_4
FROM api_keys AS api_keys_3
WHERE (api_keys_3.id = $4::VARCHAR OR $5::TEXT[] IS NULL OR (api_keys_3.namespaces <@ $5::TEXT[])) AND api_keys_3.id = anon_2.id) WHEN (split_part(anon_2.id, '_', $6::INTEGER) = 'bkt') THEN (SELECT '{"id":"' || buckets_4.id || '"}' AS anon_5
FROM buckets AS buckets_4
WHERE buckets_4.namespace_id = $2::VARCHAR AND buckets_4.id = anon_2.id) WHEN (split_part(anon_2.id, '_', $7::INTEGER) = 'obj') THEN (SELECT '{"id":"' || objects_5.id || '","keyPrefix":' || coalesce(CAST(to_json(objects_5.key_prefix) AS TEXT), 'null') || '}' AS anon_6
FROM objects AS objects_5
WHERE objects_5.namespace_id = $2::VARCHAR AND objects_5.id = anon_2.id) WHEN (split_part(anon_2.id, '_', $8::INTEGER) = 'blob') THEN (SELECT '{"id":"' || blobs_6.id || '"}' AS anon_7
FROM blobs AS blobs_6
WHERE blobs_6.namespace_id = $2::VARCHAR AND blobs_6.id = anon_2.id) WHEN (split_part(anon_2.id, '_', $9::INTEGER) = 'doc') THEN (SELECT '{"id":"' || documents_7.id || '"}' AS anon_8
FROM documents AS documents_7
WHERE documents_7.namespace_id = $2::VARCHAR AND documents_7.id = anon_2.id) WHEN (split_part(anon_2.id, '_', $10::INTEGER) = 'col') THEN (SELECT '{"id":"' || collections_8.id || '"}' AS anon_9
FROM collections AS collections_8
WHERE collections_8.namespace_id = $2::VARCHAR AND collections_8.id = anon_2.id) END, 'null'), ',' ORDER BY anon_2.place), '') || ']' AS anon_1
FROM unnest($11::TEXT[]) WITH ORDINALITY AS anon_2(id, place)
), 'UTF8') END
