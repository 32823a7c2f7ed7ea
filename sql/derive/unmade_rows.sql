-- about: rows of an older version of the parsers whose payload is in raw and on record as read: the current one does not
--        make them
-- grain: row of the table
-- inputs: stored, raw_objects, pages
SELECT s.*
FROM stored s
WHERE coalesce(s.parser_version, $first) < $version
    AND s.raw_sha256 IN (SELECT o.sha256 FROM raw_objects o SEMI JOIN pages p USING (unit_id, page))
