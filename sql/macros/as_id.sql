-- about: an id as served; NULL for an empty text, for a JSON list or object, and for a text with a replacement character
--        or a NUL, because two different ids could read alike.
CREATE OR REPLACE MACRO as_id(t) AS
    CASE
        WHEN t <> '' AND left(t, 1) NOT IN ('{', '[') AND NOT contains(t, chr(65533)) AND NOT contains(t, chr(0)) THEN t
    END
