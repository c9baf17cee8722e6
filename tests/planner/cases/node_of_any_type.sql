SELECT CASE WHEN set_config('app.namespace_id', $1::text, true) IS NOT NULL THEN convert_to((
  SELECT '{"id":"' || collections_1.id
  || '","collectionName":' || CAST(to_json(collections_1.collection_name) AS text)
  || ',"upstream":' || (
    SELECT '[' || coalesce(string_agg(
      coalesce(CASE
        WHEN collection_sources_2.bucket_id IS NOT NULL THEN (
          SELECT '{"id":"' || buckets_3.id || '"}'
          FROM buckets AS buckets_3
          WHERE buckets_3.namespace_id = $1::text AND buckets_3.id = collection_sources_2.bucket_id
        )
        WHEN collection_sources_2.source_collection_id IS NOT NULL THEN (
          SELECT '{"id":"' || collections_4.id || '"}'
          FROM collections AS collections_4
          WHERE collections_4.namespace_id = $1::text AND collections_4.id = collection_sources_2.source_collection_id
        )
        END, 'null'),
      ',' ORDER BY collection_sources_2.position, collection_sources_2.namespace_id, collection_sources_2.collection_id, collection_sources_2.position
    ), '') || ']'
    FROM collection_sources AS collection_sources_2
    WHERE collection_sources_2.namespace_id = $1::text AND collection_sources_2.collection_id = collections_1.id
  )
  || ',"downstream":' || (
    SELECT '[' || coalesce(string_agg(
      coalesce(CASE
        WHEN collection_sources_5.collection_id IS NOT NULL THEN (
          SELECT '{"id":"' || collections_6.id || '"}'
          FROM collections AS collections_6
          WHERE collections_6.namespace_id = $1::text AND collections_6.id = collection_sources_5.collection_id
        )
        END, 'null'),
      ',' ORDER BY collection_sources_5.collection_id, collection_sources_5.namespace_id, collection_sources_5.collection_id, collection_sources_5.position
    ), '') || ']'
    FROM collection_sources AS collection_sources_5
    WHERE collection_sources_5.namespace_id = $1::text AND collection_sources_5.source_collection_id = collections_1.id
  ) || '}'
  FROM collections AS collections_1
  WHERE collections_1.namespace_id = $1::text AND collections_1.id = $2::text
), 'UTF8') END
