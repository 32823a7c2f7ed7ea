-- about: typed instruments from the fields of an imported file; reject says why a row is none.
-- grain: row_no, item
-- inputs: fields
-- Status words: ours, Kalshi's, and open / resolved of publishers.
WITH read AS (
    SELECT
        *,
        CASE lower(status)
            WHEN 'initialized' THEN 'unopened' WHEN 'inactive' THEN 'paused' WHEN 'disputed' THEN 'determined'
            WHEN 'amended' THEN 'determined' WHEN 'finalized' THEN 'settled' WHEN 'open' THEN 'active'
            WHEN 'resolved' THEN 'settled' ELSE lower(status) END AS word
    FROM fields
)
SELECT
    row_no, item, sha, venue, 0 AS preference,
    CASE
        WHEN coalesce(instrument, '') = '' THEN import_bad('instrument', 'no instrument')
        WHEN status IS NULL THEN import_bad('status', 'no status')
        WHEN word NOT IN ('unopened', 'active', 'paused', 'closed', 'determined', 'settled')
        THEN import_bad('status', 'status is not a known word')
        WHEN import_untimed(created_at) THEN import_bad('created_at', 'not a time')
        WHEN import_untimed(opens_at) THEN import_bad('opens_at', 'not a time')
        WHEN import_untimed(closes_at) THEN import_bad('closes_at', 'not a time')
        WHEN import_untimed(settled_at) THEN import_bad('settled_at', 'not a time')
        WHEN import_untimed(observed_at) THEN import_bad('observed_at', 'not a time')
    END AS reject,
    venue || ':' || instrument AS instrument_id,
    bucket_of(venue || ':' || instrument) AS bucket,
    instrument AS native_id,
    venue || ':' || nullif(event, '') AS event_id,
    venue || ':' || nullif(series, '') AS series_id,
    slug, title, sub_title, market_type,
    word AS status,
    status AS venue_status,
    lower(status) = 'disputed' AS is_disputed,
    coalesce(import_flag(is_combo), venue = 'kalshi' AND instrument LIKE 'KXMVE%') AS is_combo,
    TRY_CAST(outcome_count AS INTEGER) AS outcome_count,
    category, strike_type, floor_strike, cap_strike, rules, external_ref,
    import_time(created_at) AS created_at,
    import_time(opens_at) AS opens_at,
    import_time(closes_at) AS closes_at,
    import_time(settled_at) AS settled_at,
    coalesce(import_time(observed_at), getvariable('import_at')) AS observed_at,
    coalesce(import_time(closes_at), import_time(created_at), import_time(observed_at)) AS moment
FROM read
