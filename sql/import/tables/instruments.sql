-- about: typed instruments from the fields of an imported file; reject is the reason of a bad row.
-- grain: row_no, item
-- inputs: fields
-- Status words: ours, Kalshi's, and open / resolved of publishers. Without a word, booleans give the status:
-- is_resolved settled, is_closed closed, is_active false paused, else active. A word and a boolean must agree on
-- whether trading is over.
WITH read AS (
    SELECT
        *,
        import_flag(is_resolved) AS resolved, import_flag(is_closed) AS closed, import_flag(is_active) AS active,
        CASE lower(status)
            WHEN 'initialized' THEN 'unopened' WHEN 'inactive' THEN 'paused' WHEN 'disputed' THEN 'determined'
            WHEN 'amended' THEN 'determined' WHEN 'finalized' THEN 'settled' WHEN 'open' THEN 'active'
            WHEN 'resolved' THEN 'settled' ELSE lower(status) END AS said
    FROM fields
), worded AS (
    SELECT
        *,
        CASE
            WHEN said IS NOT NULL THEN said
            WHEN resolved THEN 'settled' WHEN closed THEN 'closed' WHEN NOT active THEN 'paused'
            WHEN coalesce(resolved, closed, active) IS NOT NULL THEN 'active'
        END AS word
    FROM read
)
SELECT
    row_no, item, sha, venue, 0 AS preference,
    CASE
        WHEN coalesce(instrument, '') = '' THEN import_bad('instrument', 'no instrument')
        WHEN (is_resolved IS NOT NULL AND resolved IS NULL) OR (is_closed IS NOT NULL AND closed IS NULL)
            OR (is_active IS NOT NULL AND active IS NULL)
        THEN import_bad('status', 'is_resolved, is_closed or is_active is neither true nor false')
        WHEN word IS NULL THEN import_bad('status', 'no status')
        WHEN (coalesce(closed, false) OR coalesce(resolved, false)) AND word IN ('unopened', 'active', 'paused')
            OR NOT closed AND word IN ('closed', 'determined', 'settled')
        THEN import_bad('status', 'the status is said twice and the two disagree')
        WHEN word NOT IN ('unopened', 'active', 'paused', 'closed', 'determined', 'settled')
        THEN import_bad('status', 'status is not a known word')
        WHEN import_untimed(created_at) THEN import_no_time('created_at', created_at)
        WHEN import_untimed(opens_at) THEN import_no_time('opens_at', opens_at)
        WHEN import_untimed(closes_at) THEN import_no_time('closes_at', closes_at)
        WHEN import_untimed(settled_at) THEN import_no_time('settled_at', settled_at)
        WHEN import_untimed(observed_at) THEN import_no_time('observed_at', observed_at)
    END AS reject,
    venue || ':' || instrument AS instrument_id,
    bucket_of(venue || ':' || instrument) AS bucket,
    instrument AS native_id,
    venue || ':' || nullif(event, '') AS event_id,
    venue || ':' || nullif(series, '') AS series_id,
    slug, title, sub_title, market_type,
    word AS status,
    coalesce(status, CASE WHEN resolved THEN 'resolved' WHEN closed THEN 'closed' ELSE word END) AS venue_status,
    coalesce(lower(status) = 'disputed', false) AS is_disputed,
    coalesce(import_flag(is_combo), venue_has_tickers(venue) AND instrument LIKE 'KXMVE%') AS is_combo,
    TRY_CAST(outcome_count AS INTEGER) AS outcome_count,
    category, strike_type, floor_strike, cap_strike, rules, external_ref,
    import_time(created_at) AS created_at,
    import_time(opens_at) AS opens_at,
    import_time(closes_at) AS closes_at,
    import_time(settled_at) AS settled_at,
    coalesce(import_time(observed_at), getvariable('import_at')) AS observed_at,
    coalesce(import_time(closes_at), import_time(created_at), import_time(observed_at)) AS moment
FROM worded
