-- about: Pancake's Polymarket resolutions: the winner by label, the instrument by condition id inside external_ids.
-- columns: external_ids.condition_id | external_ids.polymarket_condition_id, winning_outcome_label, resolved_at
-- source: pancake
-- venue: polymarket
WITH events AS (
    SELECT row_no, sha, json_transform(payload, '{"external_ids": {"condition_id": "VARCHAR",
        "polymarket_condition_id": "VARCHAR"},
        "winning_outcome_label": "VARCHAR", "resolved_at": "VARCHAR", "received_at": "VARCHAR"}') AS e
    FROM file_rows
)
SELECT
    row_no, sha,
    coalesce(e.external_ids.condition_id, e.external_ids.polymarket_condition_id) AS instrument,
    e.winning_outcome_label AS result,
    e.resolved_at AS resolved_at_epoch_s,
    e.received_at AS observed_at_epoch_s
FROM events
