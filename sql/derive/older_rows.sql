-- about: rows of older versions of the parsers, by day
-- grain: date (NULL for a table without days)
-- inputs: made
SELECT date, count(*)
FROM made
WHERE coalesce(parser_version, $first) < $version
GROUP BY date
