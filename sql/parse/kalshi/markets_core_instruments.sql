-- about: Kalshi markets with their slow attributes, as last served in the unit.
-- grain: instrument_id
-- inputs: parsed
-- The series is known by the event; a market is a combo by its collection, never by its ticker's prefix.
WITH gridded AS (
    SELECT *,
           CASE WHEN json_type(f.price_ranges) = 'ARRAY' THEN json_array_length(f.price_ranges) ELSE 0 END AS ranges,
           coalesce(
               list_min([as_number(s) FOR s IN json_extract_string(f.price_ranges, '$[*].step') IF as_number(s) > 0]),
               kalshi_price(CAST(NULL AS VARCHAR), f.tick_size)
           ) AS step
    FROM parsed
)
SELECT
    'kalshi' AS venue,
    bucket_of(instrument_id) AS bucket,
    instrument_id,
    native_id,
    'kalshi:' || as_id(f.event_ticker) AS event_id,
    'kalshi:' || as_id(f.series_ticker) AS series_id,
    nullif(f.title, '') AS title,
    coalesce(nullif(f.yes_sub_title, ''), nullif(f.subtitle, '')) AS sub_title,
    nullif(f.market_type, '') AS market_type,
    status,
    f.status AS venue_status,
    word = 'disputed' AS is_disputed,
    coalesce(f.mve_collection_ticker, '') <> '' AS is_combo,
    nullif(f.mve_collection_ticker, '') AS collection_id,
    2 AS outcome_count,
    nullif(f.category, '') AS category,
    CASE WHEN step BETWEEN 0 AND 1 THEN step END AS tick_size,
    CASE WHEN ranges > 1 THEN CAST(f.price_ranges AS VARCHAR) END AS price_ranges,
    CASE
        WHEN as_time(f.fee_waiver_expiration_time) IS NOT NULL
            THEN CAST(json_object('waived_until', as_time(f.fee_waiver_expiration_time)) AS VARCHAR)
    END AS fee_schedule,
    nullif(f.strike_type, '') AS strike_type,
    nullif(f.floor_strike, '') AS floor_strike,
    nullif(f.cap_strike, '') AS cap_strike,
    nullif(concat_ws(chr(10) || chr(10), nullif(f.rules_primary, ''), nullif(f.rules_secondary, '')), '') AS rules,
    as_time(f.created_time) AS created_at,
    as_time(f.open_time) AS opens_at,
    closes_at,
    CASE WHEN status IN ('closed', 'determined', 'settled') AND closes_at <= received_at THEN closes_at END
        AS trading_ended_at,
    as_time(f.expected_expiration_time) AS expected_expiration_at,
    as_time(f.occurrence_datetime) AS occurrence_at,
    CASE WHEN status = 'settled' THEN as_time(f.settlement_ts) END AS settled_at,
    CAST(json_object(
        'legs', f.mve_selected_legs, 'custom_strike', f.custom_strike,
        'functional_strike', nullif(f.functional_strike, ''),
        'primary_participant_key', nullif(f.primary_participant_key, ''),
        'is_provisional', TRY_CAST(f.is_provisional AS BOOLEAN),
        'exchange_index', TRY_CAST(f.exchange_index AS INTEGER),
        'price_level_structure', nullif(f.price_level_structure, ''),
        'latest_expiration_time', nullif(f.latest_expiration_time, '')) AS VARCHAR) AS external_ref,
    received_at AS observed_at,
    sha256 AS raw_sha256
FROM gridded
QUALIFY row_number() OVER (PARTITION BY instrument_id ORDER BY received_at DESC, unit_id DESC, page DESC, position DESC) = 1
