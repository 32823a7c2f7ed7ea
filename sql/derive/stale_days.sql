-- about: days with rows of an older version of the parsers that were not derived again by the current one
-- grain: date (NULL for a table without days)
-- inputs: made, rederived
SELECT DISTINCT m.date
FROM made m
LEFT JOIN rederived r
    ON r.table_name = $table AND r.parser_version = $version AND r.date IS NOT DISTINCT FROM m.date
WHERE coalesce(m.parser_version, $first) < $version AND r.table_name IS NULL
ORDER BY m.date DESC
