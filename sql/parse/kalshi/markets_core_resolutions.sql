-- about: how Kalshi says that a market paid out, once it says something.
-- grain: instrument_id
-- inputs: parsed
-- Payouts are the settlement value of yes and its complement; without one only the words yes and no have a payout.
WITH latest AS (
    SELECT * FROM parsed
    QUALIFY row_number() OVER (
        PARTITION BY instrument_id ORDER BY received_at DESC, unit_id DESC, page DESC, position DESC) = 1
),
said AS (
    SELECT *,
           CAST(coalesce(settlement_value, CASE lower(result) WHEN 'yes' THEN 1 WHEN 'no' THEN 0 END) AS DECIMAL(18, 12))
               AS payout,
           CASE
               WHEN (lower(result) = 'yes' AND settlement_value = 0) OR (lower(result) = 'no' AND settlement_value = 1)
                   THEN 'result ' || result || ' and settlement value ' || CAST(settlement_value AS VARCHAR) || ' disagree'
               WHEN settlement_value IS NOT NULL OR lower(result) IN ('yes', 'no') THEN NULL
               WHEN result IS NULL THEN 'no result yet'
               ELSE 'result ' || result || ' without a settlement value'
           END AS unresolved_reason
    FROM latest
    WHERE result IS NOT NULL OR settlement_value IS NOT NULL OR status IN ('determined', 'settled')
)
SELECT
    'kalshi' AS venue,
    bucket_of(instrument_id) AS bucket,
    instrument_id,
    'kalshi_market' AS source,
    CASE
        WHEN unresolved_reason IS NOT NULL THEN 'unresolved'
        WHEN status = 'settled' THEN 'settled'
        ELSE 'determined'
    END AS status,
    result,
    CASE WHEN unresolved_reason IS NULL THEN payout END AS payout_0,
    CASE WHEN unresolved_reason IS NULL THEN 1 - payout END AS payout_1,
    coalesce(nullif(f.settlement_value_dollars, ''), nullif(f.settlement_value, ''), result) AS payout_text,
    unresolved_reason,
    nullif(f.expiration_value, '') AS expiration_value,
    CASE WHEN word = 'disputed' THEN true END AS was_disputed,
    CASE WHEN status = 'settled' THEN as_time(f.settlement_ts) END AS resolved_at,
    received_at AS observed_at,
    sha256 AS raw_sha256
FROM said
