SELECT CASE WHEN set_config('app.namespace_id', $1::text, true) IS NOT NULL THEN convert_to((
  SELECT (
    WITH lineage AS (
      WITH RECURSIVE start AS (
        SELECT id, coalesce(source_document_id, source_object_id) AS parent_id, collection_id,
        created_at, 0 AS distance, true AS is_shown
        FROM documents WHERE namespace_id = $1::text AND id = $2::text
        UNION ALL
        SELECT id, NULL, NULL, created_at, 0, true
        FROM objects WHERE namespace_id = $1::text AND id = $2::text
      ), above AS (
        SELECT * FROM start
        UNION ALL
        SELECT found.* FROM above CROSS JOIN LATERAL (
          SELECT id, coalesce(source_document_id, source_object_id), collection_id, created_at,
          above.distance + 1, collection_id = ANY ($3::text[])
          FROM documents WHERE namespace_id = $1::text AND id = above.parent_id
          UNION ALL
          SELECT id, NULL, NULL, created_at, above.distance + 1, true
          FROM objects WHERE namespace_id = $1::text AND id = above.parent_id
          ) AS found WHERE above.distance < $4::integer
      ), below AS (
        SELECT * FROM start
        UNION ALL
        SELECT found.* FROM below CROSS JOIN LATERAL (
          SELECT id, CASE WHEN below.is_shown THEN below.id ELSE below.parent_id END,
          collection_id, created_at, below.distance + 1, collection_id = ANY ($3::text[])
          FROM documents WHERE namespace_id = $1::text AND source_object_id = below.id
          UNION ALL
          SELECT id, CASE WHEN below.is_shown THEN below.id ELSE below.parent_id END,
          collection_id, created_at, below.distance + 1, collection_id = ANY ($3::text[])
          FROM documents WHERE namespace_id = $1::text AND source_document_id = below.id
          ) AS found WHERE below.distance < $4::integer
      ), further_up AS (
        SELECT * FROM above WHERE distance = $4::integer
        UNION ALL
        SELECT found.* FROM further_up CROSS JOIN LATERAL (
          SELECT id, coalesce(source_document_id, source_object_id), collection_id, created_at,
          further_up.distance + 1, collection_id = ANY ($3::text[])
          FROM documents WHERE namespace_id = $1::text AND id = further_up.parent_id
          UNION ALL
          SELECT id, NULL, NULL, created_at, further_up.distance + 1, true
          FROM objects WHERE namespace_id = $1::text AND id = further_up.parent_id
          ) AS found
      ), further_down AS (
        SELECT * FROM below WHERE distance = $4::integer
        UNION ALL
        SELECT found.* FROM further_down CROSS JOIN LATERAL (
          SELECT id, CASE WHEN further_down.is_shown THEN further_down.id ELSE further_down.parent_id END,
          collection_id, created_at, further_down.distance + 1, collection_id = ANY ($3::text[])
          FROM documents WHERE namespace_id = $1::text AND source_object_id = further_down.id
          UNION ALL
          SELECT id, CASE WHEN further_down.is_shown THEN further_down.id ELSE further_down.parent_id END,
          collection_id, created_at, further_down.distance + 1, collection_id = ANY ($3::text[])
          FROM documents WHERE namespace_id = $1::text AND source_document_id = further_down.id
          ) AS found
      ), every AS (
        SELECT id, parent_id, collection_id, created_at, distance, true AS is_above
        FROM (
          SELECT id, lead(id) OVER (ORDER BY distance) AS parent_id, collection_id, created_at, distance
          FROM above WHERE is_shown
          ) AS above
        UNION ALL
        SELECT id, parent_id, collection_id, created_at, distance, false AS is_above
        FROM below WHERE is_shown AND distance >= 1
      ), counted AS (
        SELECT count(*) AS nodes FROM (SELECT FROM every LIMIT $5::integer + 1) AS first
      )
      SELECT $1::text AS namespace_id, id, parent_id, collection_id, created_at, distance,
      distance = 0 AND (EXISTS (SELECT FROM further_up WHERE distance > $4::integer AND is_shown) OR EXISTS (SELECT FROM further_down WHERE distance > $4::integer AND is_shown)) AS goes_on, (SELECT nodes FROM counted) > $5::integer AS cut
      FROM every LIMIT $5::integer
    )
    SELECT CASE WHEN EXISTS (SELECT 1 FROM lineage) THEN '{"complete":' || coalesce(CAST(NOT (EXISTS (SELECT lineage.id
      FROM lineage
      WHERE lineage.cut OR lineage.goes_on)) AS text), 'null')
    || ',"nodes":' || (
      SELECT '[' || coalesce(string_agg(
        '{"distance":' || coalesce(CAST(member_1.distance AS text), 'null')
        || ',"node":' || coalesce(CASE
          WHEN split_part(member_1.id, '_', 1) = 'obj' THEN (
            SELECT '{"id":"' || objects_2.id || '"}'
            FROM objects AS objects_2
            WHERE objects_2.namespace_id = $1::text AND objects_2.id = member_1.id
          )
          WHEN split_part(member_1.id, '_', 1) = 'doc' THEN (
            SELECT '{"id":"' || documents_3.id || '"}'
            FROM documents AS documents_3
            WHERE documents_3.namespace_id = $1::text AND documents_3.id = member_1.id
          )
          END, 'null') || '}',
        ',' ORDER BY member_1.distance, member_1.id
      ), '') || ']'
      FROM lineage AS member_1
    )
    || ',"edges":' || (
      SELECT '[' || coalesce(string_agg(
        '{"from":' || coalesce('"' || member_4.parent_id || '"', 'null')
        || ',"to":' || coalesce('"' || member_4.id || '"', 'null') || '}',
        ',' ORDER BY member_4.distance, member_4.id
      ), '') || ']'
      FROM lineage AS member_4
      WHERE member_4.parent_id IN (SELECT lineage.id
        FROM lineage)
    ) || '}' END
  )
), 'UTF8') END
