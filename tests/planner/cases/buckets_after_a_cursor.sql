SELECT CASE WHEN set_config('app.namespace_id', $1::text, true) IS NOT NULL THEN convert_to((
  SELECT (
    SELECT '{"edges":[' || coalesce(string_agg(
      '{"cursor":' || CAST(to_json('bkt~' || page_2.id) AS text)
      || ',"node":{"bucketName":' || CAST(to_json(page_2.bucket_name) AS text) || '}}',
      ',' ORDER BY page_2.id ASC
    ), '') || ']}'
    FROM (
      SELECT *
      FROM buckets AS buckets_1
      WHERE buckets_1.namespace_id = $1::text AND buckets_1.status != 'IN_PROGRESS' AND buckets_1.id > $2::text
      ORDER BY buckets_1.id ASC
      LIMIT $3::integer
    ) AS page_2
    HAVING true
  )
), 'UTF8') END
