-- about: Pancake's Polymarket resolutions: the winner by label, the instrument by condition id inside external_ids.
-- columns: external_ids.condition_id, winning_outcome_label, resolved_at
-- source: pancake
WITH events AS (
    SELECT row_no, sha, json_transform(payload, '{"external_ids": {"condition_id": "VARCHAR"},
        "winning_outcome_label": "VARCHAR", "resolved_at": "VARCHAR", "received_at": "VARCHAR"}') AS e
    FROM file_rows
)
SELECT
    row_no, sha,
    e.external_ids.condition_id AS instrument,
    e.winning_outcome_label AS result,
    e.resolved_at AS resolved_at_epoch_s,
    e.received_at AS observed_at_epoch_s
FROM events
