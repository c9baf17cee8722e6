SELECT CASE WHEN set_config('app.namespace_id', $1::text, true) IS NOT NULL THEN convert_to((
  SELECT '[' || coalesce(string_agg(
    coalesce(CASE
      WHEN split_part(wanted_1.id, '_', 1) = 'ns' THEN (
        SELECT '{"id":"' || namespaces_2.id || '"}'
        FROM namespaces AS namespaces_2
        WHERE namespaces_2.id = $1::text AND namespaces_2.id = wanted_1.id
      )
      WHEN split_part(wanted_1.id, '_', 1) = 'key' THEN (
        SELECT '{"id":"' || api_keys_3.id || '"}'
        FROM api_keys AS api_keys_3
        WHERE (api_keys_3.id = $2::text OR $3::text[] IS NULL OR (api_keys_3.namespaces <@ $3::text[])) AND api_keys_3.id = wanted_1.id
      )
      WHEN split_part(wanted_1.id, '_', 1) = 'bkt' THEN (
        SELECT '{"id":"' || buckets_4.id || '"}'
        FROM buckets AS buckets_4
        WHERE buckets_4.namespace_id = $1::text AND buckets_4.id = wanted_1.id
      )
      WHEN split_part(wanted_1.id, '_', 1) = 'obj' THEN (
        SELECT '{"id":"' || objects_5.id
        || '","keyPrefix":' || coalesce(CAST(to_json(objects_5.key_prefix) AS text), 'null') || '}'
        FROM objects AS objects_5
        WHERE objects_5.namespace_id = $1::text AND objects_5.id = wanted_1.id
      )
      WHEN split_part(wanted_1.id, '_', 1) = 'blob' THEN (
        SELECT '{"id":"' || blobs_6.id || '"}'
        FROM blobs AS blobs_6
        WHERE blobs_6.namespace_id = $1::text AND blobs_6.id = wanted_1.id
      )
      WHEN split_part(wanted_1.id, '_', 1) = 'doc' THEN (
        SELECT '{"id":"' || documents_7.id || '"}'
        FROM documents AS documents_7
        WHERE documents_7.namespace_id = $1::text AND documents_7.id = wanted_1.id
      )
      WHEN split_part(wanted_1.id, '_', 1) = 'col' THEN (
        SELECT '{"id":"' || collections_8.id || '"}'
        FROM collections AS collections_8
        WHERE collections_8.namespace_id = $1::text AND collections_8.id = wanted_1.id
      )
      WHEN split_part(wanted_1.id, '_', 1) = 'upl' THEN (
        SELECT '{"id":"' || uploads_9.id || '"}'
        FROM uploads AS uploads_9
        WHERE uploads_9.namespace_id = $1::text AND uploads_9.id = wanted_1.id
      )
      END, 'null'),
    ',' ORDER BY wanted_1.place
  ), '') || ']'
  FROM unnest($4::text[]) WITH ORDINALITY AS wanted_1(id, place)
), 'UTF8') END
