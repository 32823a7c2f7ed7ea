-- about: Kalshi markets, typed, in the cent, the transition and the dollar shape, from the live and historical tier.
-- grain: raw object
-- inputs: raw_objects
WITH given AS (
    SELECT unit_id, page, position, received_at, sha256,
           json_transform(as_json(payload), '{
               "ticker": "VARCHAR", "event_ticker": "VARCHAR", "series_ticker": "VARCHAR", "category": "VARCHAR",
               "market_type": "VARCHAR", "title": "VARCHAR", "subtitle": "VARCHAR", "yes_sub_title": "VARCHAR",
               "no_sub_title": "VARCHAR", "status": "VARCHAR", "result": "VARCHAR", "created_time": "VARCHAR",
               "open_time": "VARCHAR", "close_time": "VARCHAR", "expected_expiration_time": "VARCHAR",
               "latest_expiration_time": "VARCHAR", "occurrence_datetime": "VARCHAR", "settlement_ts": "VARCHAR",
               "yes_bid": "VARCHAR", "yes_bid_dollars": "VARCHAR", "yes_ask": "VARCHAR", "yes_ask_dollars": "VARCHAR",
               "no_bid": "VARCHAR", "no_bid_dollars": "VARCHAR", "no_ask": "VARCHAR", "no_ask_dollars": "VARCHAR",
               "last_price": "VARCHAR", "last_price_dollars": "VARCHAR", "yes_bid_size_fp": "VARCHAR",
               "yes_ask_size_fp": "VARCHAR", "volume": "VARCHAR", "volume_fp": "VARCHAR", "volume_24h": "VARCHAR",
               "volume_24h_fp": "VARCHAR", "open_interest": "VARCHAR", "open_interest_fp": "VARCHAR",
               "liquidity": "VARCHAR", "liquidity_dollars": "VARCHAR", "settlement_value": "VARCHAR",
               "settlement_value_dollars": "VARCHAR", "expiration_value": "VARCHAR", "rules_primary": "VARCHAR",
               "rules_secondary": "VARCHAR", "strike_type": "VARCHAR", "floor_strike": "VARCHAR",
               "cap_strike": "VARCHAR", "functional_strike": "VARCHAR", "custom_strike": "JSON",
               "mve_collection_ticker": "VARCHAR", "mve_selected_legs": "JSON", "is_provisional": "VARCHAR",
               "primary_participant_key": "VARCHAR", "exchange_index": "VARCHAR", "tick_size": "VARCHAR",
               "price_level_structure": "VARCHAR", "price_ranges": "JSON", "fee_waiver_expiration_time": "VARCHAR"}') AS f
    FROM raw_objects
),
typed AS (
    SELECT *,
           as_id(f.ticker) AS native_id,
           nullif(lower(f.status), '') AS word,
           nullif(f.result, '') AS result,
           as_time(f.close_time) AS closes_at,
           kalshi_price(f.yes_bid_dollars, f.yes_bid) AS yes_bid,
           kalshi_price(f.yes_ask_dollars, f.yes_ask) AS yes_ask,
           kalshi_price(f.last_price_dollars, f.last_price) AS last_price,
           kalshi_price(f.settlement_value_dollars, f.settlement_value) AS settlement_value
    FROM given
),
judged AS (
    SELECT *,
           CASE
               WHEN word IN ('initialized', 'unopened') THEN 'unopened'
               WHEN word IN ('inactive', 'paused') THEN 'paused'
               WHEN word IN ('active', 'open') THEN 'active'
               WHEN word = 'closed' THEN 'closed'
               WHEN word IN ('determined', 'disputed', 'amended') THEN 'determined'
               WHEN word IN ('finalized', 'settled') THEN 'settled'
               -- A word that we do not know must not lose the instrument: the clock decides, core.drift counts it.
               WHEN closes_at <= received_at THEN 'closed'
               ELSE 'active'
           END AS status,
           CASE
               WHEN native_id IS NULL THEN 'ticker: no ticker, or no JSON object: the market has no identity'
               WHEN word IS NULL THEN 'status: no status'
               -- Sizes at the top of the book are not judged: settled markets were served with sizes below 0 (20 of 754).
               ELSE coalesce(
                   kalshi_price_fault('yes_bid', f.yes_bid_dollars, f.yes_bid),
                   kalshi_price_fault('yes_ask', f.yes_ask_dollars, f.yes_ask),
                   kalshi_price_fault('no_bid', f.no_bid_dollars, f.no_bid),
                   kalshi_price_fault('no_ask', f.no_ask_dollars, f.no_ask),
                   kalshi_price_fault('last_price', f.last_price_dollars, f.last_price),
                   kalshi_price_fault('settlement_value', f.settlement_value_dollars, f.settlement_value),
                   kalshi_size_fault('volume', f.volume_fp, f.volume),
                   kalshi_size_fault('volume_24h', f.volume_24h_fp, f.volume_24h),
                   kalshi_size_fault('open_interest', f.open_interest_fp, f.open_interest)
               )
           END AS reject_reason
    FROM typed
)
SELECT *,
       'kalshi:' || native_id AS instrument_id,
       '$.' || regexp_extract(reject_reason, '^([a-z_0-9]+)', 1) AS reject_path
FROM judged
