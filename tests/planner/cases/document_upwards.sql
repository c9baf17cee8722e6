SELECT CASE WHEN set_config('app.namespace_id', $1::text, true) IS NOT NULL THEN convert_to((
  SELECT '{"ancestors":' || (
    WITH RECURSIVE chain_4 AS (
      SELECT documents_2.id, documents_2.source_document_id, 1 AS distance
      FROM documents AS documents_2
      WHERE documents_2.namespace_id = $1::text AND documents_2.id = documents_1.source_document_id
      UNION ALL
      SELECT documents_3.id, documents_3.source_document_id, chain_4.distance + 1 AS distance
      FROM chain_4, documents AS documents_3
      WHERE documents_3.namespace_id = $1::text AND documents_3.id = chain_4.source_document_id
    )
    SELECT '[' || coalesce(string_agg(
      '{"id":"' || chain_4.id || '"}',
      ',' ORDER BY chain_4.distance DESC
    ), '') || ']'
    FROM chain_4
  )
  || ',"source":' || coalesce(CASE
    WHEN documents_1.source_object_id IS NOT NULL THEN (
      SELECT '{"__typename":"BucketObject"}'
      FROM objects AS objects_5
      WHERE objects_5.namespace_id = $1::text AND objects_5.id = documents_1.source_object_id
    )
    WHEN documents_1.source_document_id IS NOT NULL THEN (
      SELECT '{"__typename":"Document","id":"' || documents_6.id
      || '","source":' || coalesce(CASE
        WHEN documents_6.source_object_id IS NOT NULL THEN (
          SELECT '{"id":"' || objects_7.id || '"}'
          FROM objects AS objects_7
          WHERE objects_7.namespace_id = $1::text AND objects_7.id = documents_6.source_object_id
        )
        WHEN documents_6.source_document_id IS NOT NULL THEN (
          SELECT '{}'
          FROM documents AS documents_8
          WHERE documents_8.namespace_id = $1::text AND documents_8.id = documents_6.source_document_id
        )
        END, 'null') || '}'
      FROM documents AS documents_6
      WHERE documents_6.namespace_id = $1::text AND documents_6.id = documents_1.source_document_id
    )
    END, 'null')
  || ',"rootObject":' || coalesce((
    SELECT '{"bucket":' || coalesce((
      SELECT '{"bucketName":' || CAST(to_json(buckets_10.bucket_name) AS text) || '}'
      FROM buckets AS buckets_10
      WHERE buckets_10.namespace_id = $1::text AND buckets_10.id = objects_9.bucket_id
    ), 'null') || '}'
    FROM objects AS objects_9
    WHERE objects_9.namespace_id = $1::text AND objects_9.id = documents_1.root_object_id
  ), 'null')
  || ',"lineageChain":' || (
    SELECT '[' || coalesce(string_agg(
      '{"collection":' || coalesce((
        SELECT '{"collectionName":' || CAST(to_json(collections_12.collection_name) AS text) || '}'
        FROM collections AS collections_12
        WHERE collections_12.namespace_id = $1::text AND collections_12.id = record_11.collection_id
      ), 'null')
      || ',"timestamp":' || coalesce(CAST(to_json(record_11.timestamp) AS text), 'null') || '}',
      ','
    ), '') || ']'
    FROM jsonb_to_recordset(documents_1.lineage_chain) AS record_11(collection_id text, feature_extractor_id text, document_id text, timestamp timestamp with time zone)
  ) || '}'
  FROM documents AS documents_1
  WHERE documents_1.namespace_id = $1::text AND documents_1.id = $2::text
), 'UTF8') END
