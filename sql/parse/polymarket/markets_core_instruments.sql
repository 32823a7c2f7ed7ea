-- about: Polymarket conditions with their slow attributes, as last served in the unit.
-- grain: instrument_id
-- inputs: parsed
WITH described AS (
    SELECT *,
           json_object(
               'gamma_id', f.id, 'question_id', nullif(f.questionID, ''), 'version', f.version,
               'neg_risk_market_id', nullif(f.negRiskMarketID, ''), 'neg_risk_request_id', nullif(f.negRiskRequestID, ''),
               'sports_market_type', nullif(f.sportsMarketType, ''), 'game_id', nullif(f.gameId, ''),
               'combo_status', nullif(f.comboStatus, ''), 'resolution_source', nullif(f.resolutionSource, '')) AS ref
    FROM parsed
)
SELECT
    'polymarket' AS venue,
    bucket_of(instrument_id) AS bucket,
    instrument_id,
    native_id,
    event_id,
    series_id,
    nullif(f.slug, '') AS slug,
    f.question AS title,
    nullif(f.groupItemTitle, '') AS sub_title,
    nullif(f.marketType, '') AS market_type,
    status,
    nullif(venue_status, '') AS venue_status,
    is_disputed,
    regexp_full_match(lower(native_id), '0x03[0-9a-f]{60}') AS is_combo,
    outcome_count,
    category,
    tags,
    CASE WHEN TRY_CAST(f.orderPriceMinTickSize AS DECIMAL(9, 6)) BETWEEN 0 AND 1
         THEN TRY_CAST(f.orderPriceMinTickSize AS DECIMAL(9, 6)) END AS tick_size,
    CASE WHEN TRY_CAST(f.orderMinSize AS DECIMAL(18, 6)) >= 0 THEN TRY_CAST(f.orderMinSize AS DECIMAL(18, 6)) END
        AS min_order_size,
    nullif(f.feeType, '') AS fee_type,
    -- Without fees the schedule, if there is one, is not charged.
    CASE WHEN TRY_CAST(f.feesEnabled AS BOOLEAN) = false THEN 0
         ELSE TRY_CAST(f.feeSchedule ->> '$.rate' AS DECIMAL(12, 8)) END AS fee_rate,
    CASE WHEN json_type(f.feeSchedule) = 'OBJECT' THEN CAST(f.feeSchedule AS VARCHAR) END AS fee_schedule,
    TRY_CAST(f.negRisk AS BOOLEAN) AS is_neg_risk,
    nullif(f.description, '') AS rules,
    as_time(f.createdAt) AS created_at,
    opens_at,
    as_time(f.endDate) AS closes_at,
    CASE WHEN is_closed THEN closed_at END AS trading_ended_at,
    coalesce(as_time(f.gameStartTime), as_time(f.eventStartTime)) AS occurrence_at,
    CASE WHEN is_final THEN coalesce(closed_at, as_time(f.umaEndDate)) END AS settled_at,
    -- Where one sees that the venue lists the outcomes in another order than at first.
    CAST(CASE WHEN is_reordered THEN json_merge_patch(ref, json_object('served_tokens', served_tokens)) ELSE ref END
         AS VARCHAR) AS external_ref,
    received_at AS observed_at,
    sha256 AS raw_sha256
FROM described
QUALIFY row_number() OVER (PARTITION BY instrument_id ORDER BY received_at DESC, unit_id DESC, page DESC, position DESC) = 1
