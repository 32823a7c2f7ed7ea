-- about: Pancake's Polymarket market catalogue. The publisher knows the condition id of 9 of 9,759 recorded markets; the
--        others have Gamma's id, which names an instrument that core.instruments holds. Outcomes carry no token ids, so
--        they are not loaded.
-- columns: external_ids.polymarket_condition_id | external_ids.condition_id, external_ids.polymarket_market_id, title, status
-- source: pancake
-- venue: polymarket
WITH markets AS (
    SELECT row_no, sha, json_transform(payload, '{"market_id": "VARCHAR", "title": "VARCHAR", "category": "VARCHAR",
        "market_kind": "VARCHAR", "status": "VARCHAR", "resolution_rule": "VARCHAR", "created_at": "VARCHAR",
        "resolves_at_planned": "VARCHAR", "external_ids": {"polymarket_market_id": "VARCHAR",
        "polymarket_condition_id": "VARCHAR", "condition_id": "VARCHAR"}, "outcomes": ["JSON"], "resolution": {"resolved_at": "VARCHAR"}}') AS m
    FROM file_rows
)
SELECT
    row_no, sha,
    coalesce(
        m.external_ids.polymarket_condition_id, m.external_ids.condition_id, m.external_ids.polymarket_market_id
    ) AS instrument,
    m.title AS title, m.category AS category, m.market_kind AS market_type, m.status AS status,
    m.resolution_rule AS rules,
    CAST(nullif(len(m.outcomes), 0) AS VARCHAR) AS outcome_count,
    m.created_at AS created_at,
    m.resolves_at_planned AS closes_at,
    m.resolution.resolved_at AS settled_at,
    CAST(json_object('gamma_id', m.external_ids.polymarket_market_id, 'pancake_id', m.market_id) AS VARCHAR) AS external_ref
FROM markets
