-- about: an id as served; NULL for an empty one, for a JSON list or object, which is no id whatever it holds, and for a
--        text with a replacement character or a NUL: two different ids would read alike.
CREATE OR REPLACE MACRO as_id(t) AS
    CASE
        WHEN t <> '' AND left(t, 1) NOT IN ('{', '[') AND NOT contains(t, chr(65533)) AND NOT contains(t, chr(0)) THEN t
    END
