-- about: the records of a JSON file; fault says why a text is not a record. A record with a duplicate key is ambiguous.
-- grain: row_no
-- inputs: json_lines
WITH texts AS (
    SELECT row_number() OVER () - 1 AS row_no, payload FROM json_lines
)
SELECT
    row_no, payload,
    CASE
        WHEN NOT json_valid(payload) THEN 'not JSON'
        WHEN json_type(payload) <> 'OBJECT' THEN 'not a JSON object'
        WHEN len(json_keys(payload)) > len(list_distinct(json_keys(payload))) THEN 'the object names a key twice'
    END AS fault
FROM texts
