-- about: JSON text in which half of a surrogate pair is replaced by the replacement character (\ufffd). Such halves are
--        legal in the grammar of JSON (programs that count UTF-16 units make them by cutting an emoji) but not
--        characters, so DuckDB rejects the whole text. venues/cutting.py reads the same. Escaped backslashes and whole
--        pairs are replaced by control characters first, which JSON never contains unescaped.
CREATE OR REPLACE MACRO mended_json(t) AS
    CASE
        WHEN regexp_matches(t, '\\u[dD][89a-fA-F]') AND NOT regexp_matches(t, '[\x01\x02]') THEN
            replace(
                replace(
                    regexp_replace(
                        regexp_replace(
                            replace(t, '\\', chr(1)),
                            '\\(u[dD][89abAB][0-9a-fA-F]{2})\\(u[dD][c-fC-F][0-9a-fA-F]{2})',
                            chr(2) || '\1' || chr(2) || '\2', 'g'),
                        '\\u[dD][89a-fA-F][0-9a-fA-F]{2}', '\\ufffd', 'g'),
                    chr(2), '\'),
                chr(1), '\\')
        ELSE t
    END
