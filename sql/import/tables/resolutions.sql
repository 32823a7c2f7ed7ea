-- about: typed resolutions from the fields of an imported file; reject is the reason of a bad row.
-- grain: row_no, item
-- inputs: fields
-- A label names an outcome only through core.outcomes; if the instrument is missing there, the label is stored as the
-- result and there are no payouts. ended_at (the end of trading) only dates the window of the import. Payouts that do
-- not sum to 1 are unresolved, with the reason.
WITH read AS (
    SELECT
        *,
        lower(result) AS word,
        CASE WHEN venue_has_tokens(venue) THEN CASE label_index WHEN 0 THEN 1 WHEN 1 THEN 0 END
            ELSE CASE lower(result) WHEN 'yes' THEN 1 WHEN 'no' THEN 0 END END AS said_0,
        CASE WHEN payout_0 IS NULL AND known_index = 1 THEN 1 - import_price(payout) ELSE import_price(coalesce(payout_0, payout)) END
            AS p_0
    FROM fields
), paid AS (
    SELECT *, coalesce(p_0, said_0) AS pay_0, coalesce(import_price(payout_1), 1 - coalesce(p_0, said_0)) AS pay_1 FROM read
)
SELECT
    row_no, item, sha, venue, 0 AS preference,
    CASE
        WHEN import_who(venue, instrument, token_id, known_instrument) IS NOT NULL
        THEN import_who(venue, instrument, token_id, known_instrument)
        WHEN coalesce(result, '') = '' AND payout IS NULL AND payout_0 IS NULL THEN import_bad('result', 'no result')
        WHEN NOT venue_has_tokens(venue) AND result IS NOT NULL AND word NOT IN ('yes', 'no', 'scalar', 'void')
        THEN import_bad('result', 'result is not yes, no, scalar or void')
        WHEN import_off(payout) OR import_off(payout_0) OR import_off(payout_1)
        THEN import_bad('payout_0', 'payout is not a number from 0 to 1')
        WHEN p_0 <> said_0 THEN import_bad('payout_0', 'result and payout disagree')
        WHEN import_untimed(resolved_at) THEN import_no_time('resolved_at', resolved_at)
        WHEN import_untimed(ended_at) THEN import_no_time('ended_at', ended_at)
        WHEN import_untimed(observed_at) THEN import_no_time('observed_at', observed_at)
    END AS reject,
    coalesce(known_instrument, venue || ':' || instrument) AS instrument_id,
    bucket_of(coalesce(known_instrument, venue || ':' || instrument)) AS bucket,
    CASE WHEN pay_0 + pay_1 <> 1 THEN 'unresolved' ELSE 'settled' END AS status,
    result,
    CASE WHEN pay_0 + pay_1 = 1 THEN pay_0 END AS payout_0,
    CASE WHEN pay_0 + pay_1 = 1 THEN pay_1 END AS payout_1,
    payout_text,
    CASE WHEN pay_0 + pay_1 <> 1 THEN 'payouts do not sum to 1'
        WHEN pay_0 IS NULL THEN 'the file names the winner by a label that core.outcomes does not hold' END AS unresolved_reason,
    expiration_value,
    import_time(resolved_at) AS resolved_at,
    coalesce(import_time(observed_at), getvariable('import_at')) AS observed_at,
    coalesce(import_time(resolved_at), import_time(ended_at), import_time(observed_at)) AS moment
FROM paid
