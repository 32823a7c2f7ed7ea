-- about: a list of texts from a JSON array, or from a text that contains one (Gamma); NULL where it is neither.
CREATE OR REPLACE MACRO as_list(j) AS
    CASE
        WHEN j IS NULL OR j = '' OR NOT json_valid(j) THEN NULL
        WHEN json_type(j) = 'ARRAY' THEN json_extract_string(j, '$[*]')
    END
