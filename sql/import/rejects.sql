-- about: the records of a text file, then the lines that are not records, with the reason. Earlier scans, which searched
--        for keys, read some of the same lines.
--        A broken line is quoted, with its number, in a line of bulk_text.bounded.
-- grain: row_no
-- inputs: good_records, reject_errors
WITH lines AS (
    SELECT CAST(line AS BIGINT) AS line, any_value(csv_line) AS csv_line, any_value(error_type) AS kind
    FROM reject_errors
    WHERE scan_id = (SELECT max(scan_id) FROM reject_errors)
    GROUP BY ALL
), texts AS (
    SELECT
        line, ltrim(coalesce(csv_line, ''), chr(13) || chr(10)) AS payload,
        CASE CAST(kind AS VARCHAR)
            WHEN 'INVALID ENCODING' THEN 'the line is not UTF-8'
            WHEN 'LINE SIZE OVER MAXIMUM' THEN 'the line is too long'
            WHEN 'UNQUOTED VALUE' THEN 'a quoted value has no end, or text after its end'
            ELSE 'the line does not have the cells of the header'
        END AS fault
    FROM lines
), named AS (
    SELECT *, regexp_extract(payload, '(?s)^"\x1f(\d+)\x1f(.*)"(?:.x)?$', ['line', 'payload']) AS broken FROM texts
), whole AS (
    SELECT coalesce(TRY_CAST(broken.line AS BIGINT), line) AS line,
        CASE WHEN broken.line = '' THEN payload ELSE replace(broken.payload, '""', '"') END AS payload,
        CASE WHEN broken.line = '' THEN fault ELSE 'a quoted value has no end, or text after its end' END AS fault
    FROM named
)
FROM good_records
UNION ALL BY NAME
SELECT
    (SELECT count(*) FROM good_records) + row_number() OVER (ORDER BY line) - 1 AS row_no,
    payload, fault, sha256(payload) AS sha, line
FROM whole
