-- about: a JSON text whose long numbers are texts of their digits: as numbers they would pass through a float, which
--        changes the 18th digit. Strings are matched first, so that their contents do not change.
CREATE OR REPLACE MACRO import_exact(payload) AS
    CASE
        WHEN regexp_matches(payload, '[:\[,]\s*-?[0-9][0-9.eE+-]{15,}')
        THEN array_to_string(
            [CASE WHEN length(x) > 15 AND regexp_matches(x, '^-?[0-9]') THEN '"' || x || '"' ELSE x END
                FOR x IN regexp_extract_all(payload, '"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|[^"0-9-]+|-')],
            '')
        ELSE payload
    END
