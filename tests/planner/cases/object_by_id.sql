SELECT CASE WHEN set_config('app.namespace_id', $1::text, true) IS NOT NULL THEN convert_to((
  SELECT '{"id":"' || objects_1.id
  || '","keyPrefix":' || coalesce(CAST(to_json(objects_1.key_prefix) AS text), 'null')
  || ',"metadata":' || CAST(objects_1.metadata AS text)
  || ',"documentCount":' || coalesce(CAST((SELECT coalesce(sum(object_tallies.documents), 0) AS coalesce_1
    FROM object_tallies
    WHERE object_tallies.namespace_id = objects_1.namespace_id AND object_tallies.object_id = objects_1.id) AS text), 'null')
  || ',"bucket":' || coalesce((
    SELECT '{"bucketName":' || CAST(to_json(buckets_2.bucket_name) AS text) || '}'
    FROM buckets AS buckets_2
    WHERE buckets_2.namespace_id = $1::text AND buckets_2.id = objects_1.bucket_id
  ), 'null')
  || ',"blobs":' || (
    SELECT '[' || coalesce(string_agg(
      '{"property":' || CAST(to_json(blobs_3.property) AS text)
      || ',"details":{"hash":' || coalesce(CAST(to_json(blobs_3.hash) AS text), 'null')
      || ',"sizeBytes":' || coalesce(CAST(blobs_3.size_bytes AS text), 'null')
      || '},"presignedUrl":null,"@presignedUrl.key":' || coalesce(CAST(to_json((SELECT contents.key
        FROM contents
        WHERE contents.namespace_id = blobs_3.namespace_id AND contents.hash = blobs_3.hash AND blobs_3.has_bytes)) AS text), 'null')
      || ',"@presignedUrl.filename":' || coalesce(CAST(to_json(blobs_3.filename) AS text), 'null')
      || ',"@presignedUrl.mime_type":' || coalesce(CAST(to_json(blobs_3.mime_type) AS text), 'null') || '}',
      ',' ORDER BY blobs_3.position
    ), '') || ']'
    FROM blobs AS blobs_3
    WHERE blobs_3.namespace_id = $1::text AND blobs_3.object_id = objects_1.id
  ) || '}'
  FROM objects AS objects_1
  WHERE objects_1.namespace_id = $1::text AND objects_1.id = $2::text
), 'UTF8') END
