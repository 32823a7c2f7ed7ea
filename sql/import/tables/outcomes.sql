-- about: typed outcomes (token to instrument and index) from the fields of an imported file; reject is the reason of a bad row.
-- grain: row_no, item
-- inputs: fields
SELECT
    row_no, item, sha, venue, 0 AS preference,
    CASE
        WHEN coalesce(instrument, '') = '' THEN import_bad('instrument', 'no instrument')
        WHEN import_whole(outcome_index) IS NULL
        THEN import_bad('outcome_index', 'outcome_index is not a whole number from 0')
        WHEN known_instrument IS NOT NULL
            AND (known_instrument <> venue || ':' || instrument OR known_index <> import_whole(outcome_index))
        THEN import_bad('token_id', 'token is another outcome in core.outcomes')
        WHEN import_untimed(observed_at) THEN import_no_time('observed_at', observed_at)
    END AS reject,
    venue || ':' || instrument AS instrument_id,
    bucket_of(venue || ':' || instrument) AS bucket,
    import_whole(outcome_index) AS outcome_index,
    token_id,
    label,
    CASE lower(label) WHEN 'yes' THEN true WHEN 'no' THEN false END AS is_affirmative,
    coalesce(import_time(observed_at), getvariable('import_at')) AS observed_at,
    import_time(observed_at) AS moment
FROM fields
