-- about: typed quotes from the fields of an imported file; reject is the reason of a bad row.
-- grain: row_no, item
-- inputs: fields
-- Prices are of the outcome that the row names (else of outcome 0) and are converted to outcome 0. A bid for the other
-- side (other_bid) is an ask for this one at 1 - p; if both are given they must agree. Bids, asks and last prices that
-- mean "none" are those of the venue's own parser (import_bid, import_ask; a last price of 0 is no trade).
WITH read AS (
    SELECT
        *,
        import_time(observed_at) AS moment,
        coalesce(
            import_whole(outcome_index), known_index, label_index, CASE WHEN token_id IS NULL AND said_label IS NULL THEN 0 END
        ) AS idx,
        import_bid(venue, best_bid) AS own_bid, 1 - import_ask(other_ask) AS mirrored_bid,
        import_ask(best_ask) AS own_ask, nullif(1 - import_bid(venue, other_bid), 0) AS mirrored_ask,
        nullif(import_price(last_price), 0) AS last
    FROM fields
), turned AS (
    SELECT
        *,
        CASE idx WHEN 1 THEN 1 - coalesce(own_ask, mirrored_ask) ELSE coalesce(own_bid, mirrored_bid) END AS bid,
        nullif(CASE idx WHEN 1 THEN 1 - coalesce(own_bid, mirrored_bid) ELSE coalesce(own_ask, mirrored_ask) END, 0) AS ask
    FROM read
)
SELECT
    row_no, item, sha, venue, 0 AS preference,
    CASE
        WHEN import_who(venue, instrument, token_id, known_instrument) IS NOT NULL
        THEN import_who(venue, instrument, token_id, known_instrument)
        WHEN moment IS NULL THEN import_no_time('observed_at', observed_at)
        WHEN import_which(outcome_index, known_index, label_index) IS NOT NULL
        THEN import_which(outcome_index, known_index, label_index)
        WHEN idx IS NULL AND said_label IS NOT NULL
        THEN import_bad('outcome', 'label is not in core.outcomes, so its outcome is not known')
        WHEN idx IS NULL OR idx NOT IN (0, 1)
        THEN import_bad('outcome_index', 'outcome is not known to be 0 or 1')
        WHEN import_off(best_bid) OR import_off(other_ask) THEN import_bad('best_bid', 'bid is not a number from 0 to 1')
        WHEN import_off(best_ask) OR import_off(other_bid) THEN import_bad('best_ask', 'ask is not a number from 0 to 1')
        WHEN import_off(last_price) THEN import_bad('last_price', 'price is not a number from 0 to 1')
        WHEN (best_bid IS NOT NULL AND other_ask IS NOT NULL AND own_bid IS DISTINCT FROM mirrored_bid)
            OR (best_ask IS NOT NULL AND other_bid IS NOT NULL AND own_ask IS DISTINCT FROM mirrored_ask)
        THEN import_bad('best_ask', 'the quote is said twice and the two disagree')
        WHEN import_negative(volume) OR import_negative(volume_24h) OR import_negative(volume_usd)
            OR import_negative(volume_24h_usd)
        THEN import_bad('volume', 'volume is not a number from 0')
        WHEN import_negative(best_bid_size) OR import_negative(best_ask_size)
        THEN import_bad('best_bid_size', 'size is not a number from 0')
        WHEN import_negative(liquidity_usd) OR import_negative(open_interest) OR import_negative(open_interest_usd)
        THEN import_bad('liquidity_usd', 'amount is not a number from 0')
    END AS reject,
    utc_day(moment) AS date,
    coalesce(known_instrument, venue || ':' || instrument) AS instrument_id,
    moment AS observed_at,
    moment,
    bid AS best_bid,
    ask AS best_ask,
    CASE WHEN bid IS NOT NULL THEN import_size(CASE idx WHEN 1 THEN best_ask_size ELSE best_bid_size END) END AS best_bid_size,
    CASE WHEN ask IS NOT NULL THEN import_size(CASE idx WHEN 1 THEN best_bid_size ELSE best_ask_size END) END AS best_ask_size,
    nullif(CASE idx WHEN 1 THEN 1 - last ELSE last END, 0) AS last_price,
    import_size(volume) AS volume,
    import_size(volume_24h) AS volume_24h,
    import_size(volume_usd) AS volume_usd,
    import_size(volume_24h_usd) AS volume_24h_usd,
    CASE WHEN venue_has_tokens(venue) THEN import_size(liquidity_usd) ELSE nullif(import_size(liquidity_usd), 0) END AS liquidity_usd,
    import_size(open_interest) AS open_interest,
    import_size(open_interest_usd) AS open_interest_usd
FROM turned
