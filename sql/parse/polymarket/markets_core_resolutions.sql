-- about: what Gamma says about payouts. Prices of a closed market are payouts once Gamma says that it is resolved.
-- grain: instrument_id, source
-- inputs: parsed
WITH ended AS (
    SELECT *, is_final AND outcome_count = 2 AS is_binary
    FROM parsed
    WHERE is_closed OR status = 'determined'
    QUALIFY row_number() OVER (
        PARTITION BY instrument_id ORDER BY received_at DESC, unit_id DESC, page DESC, position DESC) = 1
)
SELECT
    'polymarket' AS venue,
    bucket_of(instrument_id) AS bucket,
    instrument_id,
    'gamma' AS source,
    CASE WHEN is_final THEN 'settled' WHEN status = 'determined' THEN 'determined' ELSE 'unresolved' END AS status,
    CASE WHEN is_final THEN labels[list_position(prices, 1)] END AS result,
    CASE WHEN is_binary THEN CAST(prices[1] AS DECIMAL(18, 12)) END AS payout_0,
    -- 1 - payout_0, so that two payouts with more than 12 decimals still sum to 1.
    CASE WHEN is_binary THEN 1 - CAST(prices[1] AS DECIMAL(18, 12)) END AS payout_1,
    CASE WHEN is_closed AND is_resolved THEN prices_text END AS payout_text,
    CASE
        WHEN is_final THEN NULL
        WHEN status = 'determined' THEN 'UMA: ' || uma
        WHEN NOT is_resolved
            THEN 'closed without a word of resolution' || coalesce(', UMA: ' || uma, '') || ', prices '
                || coalesce(prices_text, 'none')
        ELSE 'expected payouts that sum to 1, got ' || coalesce(prices_text, 'none')
    END AS unresolved_reason,
    coalesce(list_has_any([lower(s) FOR s IN uma_steps], ['disputed', 'challenged']), false)
        OR coalesce(uma IN ('disputed', 'challenged'), false) AS was_disputed,
    CASE WHEN is_final THEN coalesce(closed_at, as_time(f.umaEndDate)) END AS resolved_at,
    received_at AS observed_at,
    sha256 AS raw_sha256
FROM ended
