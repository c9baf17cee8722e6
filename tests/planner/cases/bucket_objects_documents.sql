SELECT CASE WHEN set_config('app.namespace_id', $1::text, true) IS NOT NULL THEN convert_to((
  SELECT '{"objectCount":' || coalesce(CAST((SELECT coalesce(sum(bucket_tallies.objects), 0) AS coalesce_1
    FROM bucket_tallies
    WHERE bucket_tallies.namespace_id = buckets_1.namespace_id AND bucket_tallies.bucket_id = buckets_1.id) AS text), 'null')
  || ',"objects":' || (
    SELECT '{"totalCount":' || (
      CAST((SELECT coalesce(sum(bucket_tallies.objects), 0) AS coalesce_1
        FROM bucket_tallies
        WHERE bucket_tallies.namespace_id = buckets_1.namespace_id AND bucket_tallies.bucket_id = buckets_1.id) AS text)
    )
    || ',"pageInfo":{"hasNextPage":' || CAST(count(*) > $2::integer AS text)
    || ',"endCursor":' || coalesce(CAST(to_json((array_agg('obj~' || page_3.id ORDER BY page_3.id ASC))[least(count(*), $2::integer)]) AS text), 'null')
    || '},"nodes":[' || coalesce(array_to_string((array_agg(
      '{"id":"' || page_3.id
      || '","documents":' || (
        SELECT '{"nodes":[' || coalesce(string_agg(
          '{"id":"' || page_5.id
          || '","children":' || (
            SELECT '{"nodes":[' || coalesce(string_agg(
              '{"id":"' || page_7.id || '"}',
              ',' ORDER BY page_7.id ASC
            ), '') || ']}'
            FROM (
              SELECT *
              FROM documents AS documents_6
              WHERE documents_6.namespace_id = $1::text AND documents_6.source_document_id = page_5.id
              ORDER BY documents_6.id ASC
              LIMIT $3::integer
            ) AS page_7
            HAVING true
          ) || '}',
          ',' ORDER BY page_5.id ASC
        ), '') || ']}'
        FROM (
          SELECT *
          FROM documents AS documents_4
          WHERE documents_4.namespace_id = $1::text AND documents_4.root_object_id = page_3.id AND documents_4.source_object_id = page_3.id
          ORDER BY documents_4.id ASC
          LIMIT $4::integer
        ) AS page_5
        HAVING true
      ) || '}'
      ORDER BY page_3.id ASC
    ))[1:$2::integer], ','), '') || ']}'
    FROM (
      SELECT *
      FROM objects AS objects_2
      WHERE objects_2.namespace_id = $1::text AND objects_2.bucket_id = buckets_1.id
      ORDER BY objects_2.id ASC
      LIMIT $2::integer + 1
    ) AS page_3
    HAVING true
  ) || '}'
  FROM buckets AS buckets_1
  WHERE buckets_1.namespace_id = $1::text AND buckets_1.bucket_name = $5::text AND buckets_1.status != 'IN_PROGRESS'
), 'UTF8') END
