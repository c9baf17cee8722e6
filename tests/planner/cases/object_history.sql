SELECT CASE WHEN set_config('app.namespace_id', $1::text, true) IS NOT NULL THEN convert_to((
  SELECT '{"history":' || (
    SELECT '[' || coalesce(string_agg(
      '{"cursor":null,"event":' || CAST(to_json(event_log_2.event) AS text)
      || ',"status":' || coalesce(CAST(to_json(event_log_2.status) AS text), 'null')
      || ',"node":' || coalesce(CASE
        WHEN split_part(event_log_2.node_id, '_', 1) = 'bkt' THEN (
          SELECT '{"id":"' || buckets_3.id || '"}'
          FROM buckets AS buckets_3
          WHERE buckets_3.namespace_id = $1::text AND buckets_3.id = event_log_2.node_id
        )
        WHEN split_part(event_log_2.node_id, '_', 1) = 'obj' THEN (
          SELECT '{"id":"' || objects_4.id
          || '","status":' || CAST(to_json(objects_4.status) AS text) || '}'
          FROM objects AS objects_4
          WHERE objects_4.namespace_id = $1::text AND objects_4.id = event_log_2.node_id
        )
        WHEN split_part(event_log_2.node_id, '_', 1) = 'doc' THEN (
          SELECT '{"id":"' || documents_5.id || '"}'
          FROM documents AS documents_5
          WHERE documents_5.namespace_id = $1::text AND documents_5.id = event_log_2.node_id
        )
        WHEN split_part(event_log_2.node_id, '_', 1) = 'col' THEN (
          SELECT '{"id":"' || collections_6.id || '"}'
          FROM collections AS collections_6
          WHERE collections_6.namespace_id = $1::text AND collections_6.id = event_log_2.node_id
        )
        WHEN split_part(event_log_2.node_id, '_', 1) = 'upl' THEN (
          SELECT '{"id":"' || uploads_7.id || '"}'
          FROM uploads AS uploads_7
          WHERE uploads_7.namespace_id = $1::text AND uploads_7.id = event_log_2.node_id
        )
        END, 'null')
      || ',"@cursor.epoch":' || coalesce(CAST(coalesce((SELECT event_epochs.mark
        FROM event_epochs
        WHERE event_epochs.first_seq <= event_log_2.seq ORDER BY event_epochs.epoch DESC
        LIMIT 1), 0) AS text), 'null')
      || ',"@cursor.seq":' || coalesce(CAST(event_log_2.seq AS text), 'null') || '}',
      ',' ORDER BY event_log_2.seq
    ), '') || ']'
    FROM (
      SELECT *
      FROM event_log AS event_log_2
      WHERE event_log_2.namespace_id = $1::text AND event_log_2.node_id = objects_1.id AND event_log_2.seq > least(($2::bigint[])[2], (SELECT min(first_seq) - 1 FROM event_epochs WHERE epoch > coalesce((SELECT epoch FROM event_epochs WHERE mark = ($2::bigint[])[1]), 0)))
      ORDER BY event_log_2.seq LIMIT $3::integer
    ) AS event_log_2
  ) || '}'
  FROM objects AS objects_1
  WHERE objects_1.namespace_id = $1::text AND objects_1.id = $4::text
), 'UTF8') END
