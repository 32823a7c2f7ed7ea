-- about: Kalshi events, typed. The listing that an event came from (context) says whether it is a combo.
-- grain: raw object
-- inputs: raw_objects
WITH given AS (
    SELECT unit_id, page, position, received_at, sha256,
           CASE WHEN json_valid(context) THEN TRY_CAST(context ->> '$.multivariate' AS BOOLEAN) END AS is_combo,
           json_transform(as_json(payload), '{
               "event_ticker": "VARCHAR", "series_ticker": "VARCHAR", "title": "VARCHAR", "sub_title": "VARCHAR",
               "category": "VARCHAR", "mutually_exclusive": "VARCHAR", "strike_date": "VARCHAR",
               "strike_period": "VARCHAR", "last_updated_ts": "VARCHAR", "fee_type_override": "VARCHAR",
               "fee_multiplier_override": "VARCHAR"}') AS f
    FROM raw_objects
)
SELECT *, as_id(f.event_ticker) AS native_id,
       CASE WHEN native_id IS NULL THEN 'event_ticker: no event ticker, or no JSON object: the event has no identity' END
           AS reject_reason,
       '$.event_ticker' AS reject_path
FROM given
