-- about: the Data API's resolution life cycle; of several questions of a condition the one updated last.
-- grain: instrument_id, source
-- inputs: parsed
-- The pair is read as payouts of outcomes 0 and 1; compare with the source 'gamma' before trusting it alone.
WITH judged AS (
    SELECT *,
           coalesce(word = 'resolved' AND len(micro_payouts) = 2
                    AND micro_payouts[1] BETWEEN 0 AND 1000000 AND micro_payouts[2] BETWEEN 0 AND 1000000
                    AND micro_payouts[1] + micro_payouts[2] = 1000000, false) AS is_final
    FROM parsed
    QUALIFY row_number() OVER (
        PARTITION BY instrument_id
        ORDER BY received_at DESC, updated_at DESC NULLS LAST, unit_id DESC, page DESC, position DESC) = 1
)
SELECT
    'polymarket' AS venue,
    bucket_of(instrument_id) AS bucket,
    instrument_id,
    'data_v2' AS source,
    CASE WHEN is_final THEN 'settled'
         WHEN word IN ('proposed', 'reproposed', 'challenged', 'disputed', 'active', 'arbitration') THEN 'determined'
         ELSE 'unresolved' END AS status,
    CASE WHEN is_final THEN CAST(micro_payouts[1] * 0.000001 AS DECIMAL(18, 12)) END AS payout_0,
    CASE WHEN is_final THEN CAST(micro_payouts[2] * 0.000001 AS DECIMAL(18, 12)) END AS payout_1,
    payout_text,
    CASE WHEN is_final THEN NULL
         WHEN word = 'resolved' THEN 'expected payouts that sum to 1000000, got ' || coalesce(payout_text, 'none')
         ELSE 'status: ' || word END AS unresolved_reason,
    price AS expiration_value,
    was_disputed,
    resolved_at,
    received_at AS observed_at,
    sha256 AS raw_sha256
FROM judged
