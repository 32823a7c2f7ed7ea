-- about: taker executions: identity, orientation by our own token map, exact notional.
-- grain: trade_id
-- inputs: parsed, known_outcomes
-- The feed has no trade id and identical prints are real, so the identity counts them: the ordinal runs over
-- one walk (cursors are keysets, so a walk never serves a row twice, and a set may go over a page's end).
-- A walk is the pages of a request that differ in the cursor only, from a page without one. Requests that
-- differ otherwise (v1 offsets too) may serve the same row: there equal ordinals are the same reading.
-- Limit: identical prints of one transaction count once where a walk was cut between them and went on in
-- another unit of work, or where only v1's offsets divide them.
WITH counted AS (
    SELECT *, row_number() OVER (
                  PARTITION BY unit_id, asked, walk, transaction_hash, token_id, trader, side, price_text, size_text
                  ORDER BY page, position) - 1 AS ordinal
    FROM parsed
),
read_once AS (
    SELECT *, md5(concat_ws('|', transaction_hash, token_id, coalesce(trader, ''), coalesce(side, ''),
                            price_text, size_text, CAST(ordinal AS VARCHAR))) AS trade_id
    FROM counted
    QUALIFY row_number() OVER (PARTITION BY trade_id ORDER BY received_at, unit_id, page, position) = 1
),
mapped AS (
    SELECT token_id, min(instrument_id) AS instrument_id, min(outcome_index) AS outcome_index,
           count(DISTINCT (instrument_id, outcome_index)) AS places
    FROM known_outcomes
    WHERE token_id IN (SELECT token_id FROM parsed)
    GROUP BY token_id
),
binaries AS (
    SELECT instrument_id
    FROM known_outcomes
    WHERE instrument_id IN (SELECT instrument_id FROM mapped)
    GROUP BY instrument_id
    HAVING count(*) = 2 AND min(outcome_index) = 0 AND max(outcome_index) = 1
),
oriented AS (
    SELECT r.*,
           CASE WHEN m.places = 1 THEN m.outcome_index END AS outcome_index,
           coalesce(CASE WHEN m.places = 1 THEN m.instrument_id END, 'polymarket:' || r.condition_id) AS instrument_id,
           CASE
               WHEN m.places = 1 THEN NULL
               WHEN m.places > 1 THEN 'token belongs to several outcomes'
               WHEN regexp_full_match(lower(r.condition_id), '0x03[0-9a-f]{60}') THEN 'combo: its legs are unknown'
               ELSE 'token is in no known instrument'
           END AS unmapped_reason,
           coalesce(m.places = 1, false) AND b.instrument_id IS NOT NULL AS is_binary
    FROM read_once r
    LEFT JOIN mapped m ON m.token_id = r.token_id
    LEFT JOIN binaries b ON b.instrument_id = m.instrument_id
)
SELECT
    'polymarket' AS venue,
    utc_day(event_at) AS date,
    trade_id,
    md5(concat_ws('|', transaction_hash, token_id)) AS set_id,
    instrument_id,
    event_at,
    outcome_index,
    unmapped_reason,
    token_id,
    price,
    price_text,
    CASE WHEN is_binary THEN CASE outcome_index WHEN 0 THEN price ELSE 1 - price END END AS price_0,
    size,
    notional(price, size) AS taker_notional_usd,
    CASE
        WHEN NOT is_binary OR coalesce(upper(side), '') NOT IN ('BUY', 'SELL') THEN NULL
        WHEN (upper(side) = 'BUY') = (outcome_index = 0) THEN 1
        ELSE -1
    END AS taker_direction,
    lower(side) AS taker_side,
    false AS is_block_trade,
    trader,
    transaction_hash,
    ordinal,
    'taker_aggregate' AS grain,
    'strong' AS identity,
    CASE endpoint WHEN 'trades' THEN 'data_v2/trades' ELSE 'data_v1/trades' END
        || '?taker_only=' || coalesce(nullif(regexp_extract(request, '[?&]taker_?[oO]nly=([^&]*)', 1), ''), 'default')
        || '&filter_amount='
        || coalesce(nullif(regexp_extract(request, '[?&]filter_?[aA]mount=([^&]*)', 1), ''), 'default') AS source,
    received_at AS observed_at,
    sha256 AS raw_sha256
FROM oriented
