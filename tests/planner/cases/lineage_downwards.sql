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
      ), below AS (
        SELECT * FROM start
        UNION ALL
        SELECT found.* FROM below CROSS JOIN LATERAL (
          SELECT id, CASE WHEN below.is_shown THEN below.id ELSE below.parent_id END,
          collection_id, created_at, below.distance + 1, true
          FROM documents WHERE namespace_id = $1::text AND source_object_id = below.id
          UNION ALL
          SELECT id, CASE WHEN below.is_shown THEN below.id ELSE below.parent_id END,
          collection_id, created_at, below.distance + 1, true
          FROM documents WHERE namespace_id = $1::text AND source_document_id = below.id
          ) AS found WHERE below.distance < $3::integer
      ), every AS (
        SELECT id, parent_id, collection_id, created_at, distance, false AS is_above
        FROM below WHERE is_shown AND distance >= 0
      ), counted AS (
        SELECT count(*) AS nodes FROM (SELECT FROM every LIMIT $4::integer + 1) AS first
      )
      SELECT $1::text AS namespace_id, id, parent_id, collection_id, created_at, distance,
      distance >= $3::integer AND (EXISTS (SELECT FROM documents AS child WHERE child.namespace_id = $1::text AND child.source_document_id = every.id) OR EXISTS (SELECT FROM documents AS child WHERE child.namespace_id = $1::text AND child.source_object_id = every.id)) AS goes_on, (SELECT nodes FROM counted) > $4::integer AS cut
      FROM every LIMIT $4::integer
    )
    SELECT CASE WHEN EXISTS (SELECT 1 FROM lineage) THEN '{"root":' || coalesce('"' || (SELECT lineage.id
      FROM lineage
      WHERE lineage.distance = 0) || '"', 'null')
    || ',"complete":' || coalesce(CAST(NOT (EXISTS (SELECT lineage.id
      FROM lineage
      WHERE lineage.cut OR lineage.goes_on)) AS text), 'null')
    || ',"truncatedBy":' || coalesce(CAST(to_json((SELECT CASE WHEN bool_or(lineage.cut) THEN 'maxNodes' WHEN bool_or(lineage.goes_on) THEN 'depth' END AS anon_1
      FROM lineage)) AS text), 'null')
    || ',"nodes":' || (
      SELECT '[' || coalesce(string_agg(
        '{"distance":' || coalesce(CAST(member_1.distance AS text), 'null')
        || ',"childCount":' || coalesce(CAST((SELECT count(*) AS count_1
          FROM documents
          WHERE documents.namespace_id = member_1.namespace_id AND documents.source_object_id = member_1.id) + (SELECT count(*) AS count_2
            FROM documents
            WHERE documents.namespace_id = member_1.namespace_id AND documents.source_document_id = member_1.id) AS text), 'null')
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
        || ',"to":' || coalesce('"' || member_4.id || '"', 'null')
        || ',"featureExtractorId":' || coalesce(CAST(to_json((SELECT concat(collections.extractor_name, '_', collections.extractor_version) AS concat_1
          FROM collections
          WHERE collections.namespace_id = member_4.namespace_id AND collections.id = member_4.collection_id)) AS text), 'null') || '}',
        ',' ORDER BY member_4.distance, member_4.id
      ), '') || ']'
      FROM lineage AS member_4
      WHERE member_4.parent_id IN (SELECT lineage.id
        FROM lineage)
    ) || '}' END
  )
), 'UTF8') END
