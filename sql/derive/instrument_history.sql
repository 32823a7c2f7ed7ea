-- about: a new version of the slow attributes for each instrument whose attributes differ from the last known ones
-- grain: instrument, valid_from
-- inputs: enriched_instruments, known_history
WITH candidates AS (
    SELECT
        venue,
        bucket,
        instrument_id,
        observed_at AS valid_from,
        md5(to_json(struct_pack(
            native_id := native_id,
            event_id := event_id,
            series_id := series_id,
            slug := slug,
            title := title,
            sub_title := sub_title,
            market_type := market_type,
            status := status,
            venue_status := venue_status,
            is_disputed := is_disputed,
            is_combo := is_combo,
            collection_id := collection_id,
            outcome_count := outcome_count,
            category := category,
            tags := tags,
            tick_size := tick_size,
            price_ranges := price_ranges,
            min_order_size := min_order_size,
            fee_type := fee_type,
            fee_rate := fee_rate,
            fee_schedule := fee_schedule,
            is_neg_risk := is_neg_risk,
            strike_type := strike_type,
            floor_strike := floor_strike,
            cap_strike := cap_strike,
            rules := rules,
            created_at := created_at,
            opens_at := opens_at,
            closes_at := closes_at,
            trading_ended_at := trading_ended_at,
            expected_expiration_at := expected_expiration_at,
            occurrence_at := occurrence_at,
            settled_at := settled_at,
            external_ref := external_ref
        ))::VARCHAR) AS attributes_md5,
        native_id,
        event_id,
        series_id,
        slug,
        title,
        sub_title,
        market_type,
        status,
        venue_status,
        is_disputed,
        is_combo,
        collection_id,
        outcome_count,
        category,
        tags,
        tick_size,
        price_ranges,
        min_order_size,
        fee_type,
        fee_rate,
        fee_schedule,
        is_neg_risk,
        strike_type,
        floor_strike,
        cap_strike,
        rules,
        created_at,
        opens_at,
        closes_at,
        trading_ended_at,
        expected_expiration_at,
        occurrence_at,
        settled_at,
        external_ref,
        raw_sha256
    FROM enriched_instruments
    QUALIFY row_number() OVER (PARTITION BY instrument_id ORDER BY observed_at DESC, raw_sha256) = 1
),

latest AS (
    SELECT instrument_id, arg_max(attributes_md5, valid_from) AS attributes_md5, max(valid_from) AS valid_from
    FROM known_history
    GROUP BY instrument_id
)

SELECT c.*
FROM candidates c
LEFT JOIN latest l USING (instrument_id)
WHERE l.instrument_id IS NULL OR (l.attributes_md5 <> c.attributes_md5 AND c.valid_from > l.valid_from)
