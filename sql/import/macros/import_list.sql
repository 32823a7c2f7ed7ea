-- about: the members of a list in one field: a JSON list (itself or its text), or the text of a Python list of plain
--        words (['1', '2']). NULL for other values.
CREATE OR REPLACE MACRO import_list(x) AS
    CASE
        WHEN json_valid(x) AND json_type(x) = 'ARRAY' THEN json_extract_string(x, '$[*]')
        WHEN regexp_full_match(x, '\s*\[\s*''[^''"\\]*''(\s*,\s*''[^''"\\]*'')*\s*\]\s*')
        THEN regexp_extract_all(x, '''([^'']*)''', 1)
    END
