-- about: typed daily prices from the fields of an imported file; reject is the reason of a bad row.
-- grain: row_no, item
-- inputs: fields
-- Prices are converted to outcome 0. A point in the first minute of day D (closes_at) is the close of D - 1: publishers
-- sample at midnight, some seconds late (1 to 20 s in 515,714 recorded points). Outcome 0's own bar is preferred to a
-- mirror.
-- Bids and asks that mean "none" are those of the venue's own parser (import_bid, import_ask).
WITH read AS (
    SELECT
        *,
        coalesce(
            import_whole(outcome_index), known_index, label_index, CASE WHEN token_id IS NULL AND said_label IS NULL THEN 0 END
        ) AS idx,
        coalesce(TRY_CAST(date AS DATE), utc_day(import_time(closes_at) - INTERVAL 1 MINUTE)) AS day,
        import_price(open) AS o, import_price(high) AS h, import_price(low) AS l, import_price(close) AS c,
        import_bid(venue, bid_close) AS b, import_ask(ask_close) AS a, import_price(previous_close) AS p,
        coalesce(price_source, 'candle') AS kind
    FROM fields
)
SELECT
    row_no, item, sha, venue,
    CASE idx WHEN 0 THEN 1 ELSE 0 END AS preference,
    CASE
        WHEN import_who(venue, instrument, token_id, known_instrument) IS NOT NULL
        THEN import_who(venue, instrument, token_id, known_instrument)
        WHEN import_which(outcome_index, known_index, label_index) IS NOT NULL
        THEN import_which(outcome_index, known_index, label_index)
        WHEN idx IS NULL AND said_label IS NOT NULL
        THEN import_bad('outcome', 'label is not in core.outcomes, so its outcome is not known')
        WHEN idx IS NULL THEN import_bad('token_id', 'token is not in core.outcomes, so its outcome is not known')
        WHEN idx NOT IN (0, 1) THEN import_bad('outcome_index', 'outcome_index is neither 0 nor 1')
        WHEN day IS NULL AND closes_at IS NOT NULL THEN import_no_time('closes_at', closes_at)
        WHEN day IS NULL THEN import_bad('date', 'no day, or not a day')
        WHEN close IS NULL AND open IS NOT NULL THEN import_bad('close', 'no closing price')
        WHEN close IS NULL AND bid_close IS NULL AND ask_close IS NULL THEN import_bad('close', 'no price')
        WHEN import_off(open) OR import_off(high) OR import_off(low) OR import_off(close) OR import_off(bid_close)
            OR import_off(ask_close) OR import_off(previous_close)
        THEN import_bad('close', 'price is not a number from 0 to 1')
        WHEN l IS NOT NULL AND NOT coalesce(l <= o AND l <= c AND h >= o AND h >= c, false)
        THEN import_bad('low', 'open and close do not lie between low and high')
        WHEN import_negative(volume) THEN import_bad('volume', 'volume is not a number from 0')
        WHEN import_negative(open_interest) THEN import_bad('open_interest', 'open_interest is not a number from 0')
        WHEN trades IS NOT NULL AND NOT coalesce(import_whole(trades) >= 0, false)
        THEN import_bad('trades', 'trades is not a whole number from 0')
        WHEN kind NOT IN ('candle', 'mid_sample', 'trades', 'venue_day')
        THEN import_bad('price_source', 'price_source is not candle, mid_sample, trades or venue_day')
        WHEN import_untimed(observed_at) THEN import_no_time('observed_at', observed_at)
    END AS reject,
    day AS date,
    coalesce(known_instrument, venue || ':' || instrument) AS instrument_id,
    kind AS price_source,
    CASE idx WHEN 1 THEN 1 - o ELSE o END AS open,
    CASE idx WHEN 1 THEN 1 - l ELSE h END AS high,
    CASE idx WHEN 1 THEN 1 - h ELSE l END AS low,
    CASE idx WHEN 1 THEN 1 - c ELSE c END AS close,
    CASE idx WHEN 1 THEN 1 - p ELSE p END AS previous_close,
    CASE idx WHEN 1 THEN 1 - a ELSE b END AS bid_close,
    nullif(CASE idx WHEN 1 THEN 1 - b ELSE a END, 0) AS ask_close,
    import_size(volume) AS volume,
    import_whole(trades) AS trades,
    import_size(open_interest) AS open_interest,
    TRY_CAST(grain_seconds AS INTEGER) AS grain_seconds,
    1 AS n_samples,
    false AS is_complete,
    coalesce(import_time(observed_at), getvariable('import_at')) AS observed_at,
    (day + INTERVAL 1 DAY) AT TIME ZONE 'UTC' AS moment
FROM read
