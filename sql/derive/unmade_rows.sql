-- about: rows of an older parser version whose payload is in raw and whose page is recorded: the current version does
--        not make them
-- grain: row of the table
-- inputs: older, raw_objects, pages
SELECT *
FROM older
WHERE raw_sha256 IN (SELECT o.sha256 FROM raw_objects o SEMI JOIN pages p USING (unit_id, page))
