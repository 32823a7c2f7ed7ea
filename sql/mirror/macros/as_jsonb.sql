-- about: a JSON text in the binary form of jsonb (version 1, then the text); a text that jsonb cannot store becomes a JSON string
-- jsonb supports neither \u0000 nor half a surrogate pair. Escaped backslashes and whole pairs are valid: they are
-- removed before the test.
CREATE OR REPLACE TEMP MACRO as_jsonb(j) AS
    chr(1) || CASE
        WHEN
            json_valid(j) AND NOT contains(j, chr(0)) AND NOT regexp_matches(
                regexp_replace(
                    replace(j, '\\', ''), '\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}', '', 'g'
                ),
                '\\u(0000|[dD][89a-fA-F])'
            )
            THEN j
        ELSE to_json(as_pg_text(j))::VARCHAR
    END
