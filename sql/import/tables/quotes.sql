-- about: typed quotes from the fields of an imported file; reject says why a row is none.
-- grain: row_no, item
-- inputs: fields
-- Prices are of the outcome that the row names (outcome 0 where it names none) and are turned to outcome 0. A bid for
-- the other side (other_bid) is an ask for this one at 1 - p; where both are given they must agree. Bid 0 and ask 1 are
-- no quote.
WITH read AS (
    SELECT
        *,
        import_time(observed_at) AS moment,
        coalesce(TRY_CAST(outcome_index AS INTEGER), known_index, CASE WHEN token_id IS NULL THEN 0 END) AS idx,
        coalesce(import_price(best_bid), 1 - import_price(other_ask)) AS bid,
        coalesce(import_price(best_ask), 1 - import_price(other_bid)) AS ask
    FROM fields
)
SELECT
    row_no, item, sha, venue, 0 AS preference,
    CASE
        WHEN import_who(venue, instrument, token_id, known_instrument) IS NOT NULL
        THEN import_who(venue, instrument, token_id, known_instrument)
        WHEN moment IS NULL THEN import_bad('observed_at', 'no time, or not a time')
        WHEN TRY_CAST(outcome_index AS INTEGER) <> known_index
        THEN import_bad('outcome_index', 'the outcome is said twice and the two disagree')
        WHEN idx IS NULL OR idx NOT IN (0, 1)
        THEN import_bad('outcome_index', 'outcome is not known to be 0 or 1')
        WHEN import_off(best_bid) OR import_off(other_ask) THEN import_bad('best_bid', 'bid is not a number from 0 to 1')
        WHEN import_off(best_ask) OR import_off(other_bid) THEN import_bad('best_ask', 'ask is not a number from 0 to 1')
        WHEN import_off(last_price) THEN import_bad('last_price', 'price is not a number from 0 to 1')
        WHEN import_price(best_bid) <> 1 - import_price(other_ask) OR import_price(best_ask) <> 1 - import_price(other_bid)
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
    nullif(CASE idx WHEN 1 THEN 1 - ask ELSE bid END, 0) AS best_bid,
    nullif(CASE idx WHEN 1 THEN 1 - bid ELSE ask END, 1) AS best_ask,
    import_size(CASE idx WHEN 1 THEN best_ask_size ELSE best_bid_size END) AS best_bid_size,
    import_size(CASE idx WHEN 1 THEN best_bid_size ELSE best_ask_size END) AS best_ask_size,
    CASE idx WHEN 1 THEN 1 - import_price(last_price) ELSE import_price(last_price) END AS last_price,
    import_size(volume) AS volume,
    import_size(volume_24h) AS volume_24h,
    import_size(volume_usd) AS volume_usd,
    import_size(volume_24h_usd) AS volume_24h_usd,
    import_size(liquidity_usd) AS liquidity_usd,
    import_size(open_interest) AS open_interest,
    import_size(open_interest_usd) AS open_interest_usd
FROM read
