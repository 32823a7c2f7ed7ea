-- about: a list of texts from a JSON array, or from a text that contains one (Gamma); NULL for other values.
CREATE OR REPLACE MACRO as_list(j) AS
    CASE WHEN json_type(as_json(j)) = 'ARRAY' THEN json_extract_string(as_json(j), '$[*]') END
