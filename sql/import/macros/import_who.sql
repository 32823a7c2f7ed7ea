-- about: why the instrument of a row is not known, or NULL. Two encodings that disagree are a fault.
CREATE OR REPLACE MACRO import_who(venue, instrument, token_id, known) AS
    CASE
        WHEN coalesce(instrument, '') = '' AND coalesce(token_id, '') = '' THEN import_bad('instrument', 'no instrument')
        WHEN coalesce(instrument, '') = '' AND known IS NULL
        THEN import_bad('token_id', 'token is not in core.outcomes: load its market or its outcomes first')
        WHEN coalesce(instrument, '') <> '' AND known <> venue || ':' || instrument
        THEN import_bad('token_id', 'token belongs to another instrument in core.outcomes')
    END
