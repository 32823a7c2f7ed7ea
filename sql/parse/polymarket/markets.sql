-- about: Gamma markets, typed. Lists come as JSON text or as arrays; names and tags from the market or its event.
-- grain: raw object
-- inputs: raw_objects, known_outcomes
-- A position in a served list identifies nothing: a token keeps the index that it had first, for good. tokens, labels and
-- prices come in the order of the indexes; place says which index the first, second … served outcome has.
WITH given AS (
    SELECT unit_id, page, position, received_at, sha256,
           json_transform(CASE WHEN json_valid(context) THEN context END, '{
               "event_id": "VARCHAR", "series": ["VARCHAR"], "tags": ["VARCHAR"], "category": "VARCHAR"}') AS c,
           json_transform(as_json(payload), '{
               "id": "VARCHAR", "conditionId": "VARCHAR", "questionID": "VARCHAR", "question": "VARCHAR",
               "slug": "VARCHAR", "groupItemTitle": "VARCHAR", "description": "VARCHAR", "category": "VARCHAR",
               "resolutionSource": "VARCHAR", "marketType": "VARCHAR", "version": "VARCHAR", "outcomes": "VARCHAR",
               "outcomePrices": "VARCHAR", "clobTokenIds": "VARCHAR", "positionIds": "VARCHAR", "active": "VARCHAR",
               "closed": "VARCHAR", "archived": "VARCHAR", "acceptingOrders": "VARCHAR", "negRisk": "VARCHAR",
               "umaResolutionStatus": "VARCHAR", "umaResolutionStatuses": "VARCHAR", "startDate": "VARCHAR",
               "endDate": "VARCHAR", "createdAt": "VARCHAR", "closedTime": "VARCHAR", "umaEndDate": "VARCHAR",
               "acceptingOrdersTimestamp": "VARCHAR", "gameStartTime": "VARCHAR", "eventStartTime": "VARCHAR",
               "orderPriceMinTickSize": "VARCHAR", "orderMinSize": "VARCHAR", "feesEnabled": "VARCHAR",
               "feeType": "VARCHAR", "feeSchedule": "JSON", "bestBid": "VARCHAR", "bestAsk": "VARCHAR",
               "lastTradePrice": "VARCHAR", "volume": "VARCHAR", "volumeNum": "VARCHAR", "volume24hr": "VARCHAR",
               "liquidity": "VARCHAR", "liquidityNum": "VARCHAR", "openInterest": "VARCHAR",
               "negRiskMarketID": "VARCHAR", "negRiskRequestID": "VARCHAR", "sportsMarketType": "VARCHAR",
               "gameId": "VARCHAR", "comboStatus": "VARCHAR", "tags": [{"label": "VARCHAR"}],
               "events": [{"id": "VARCHAR", "category": "VARCHAR", "series": [{"id": "VARCHAR"}],
                           "tags": [{"label": "VARCHAR"}]}]}') AS f
    FROM raw_objects
),
cut AS (
    SELECT *,
           as_id(f.conditionId) AS native_id,
           f.events[1] AS event,
           -- Which ids are traded is said by the version, even where both are present (reference: section 0).
           as_list(CASE WHEN lower(f.version) = 'v2' THEN f.positionIds ELSE f.clobTokenIds END) AS served_tokens,
           as_list(f.outcomes) AS served_labels,
           coalesce(as_list(f.outcomePrices), []) AS served_prices,
           as_list(f.umaResolutionStatuses) AS uma_steps,
           coalesce(TRY_CAST(f.closed AS BOOLEAN), false) AS is_closed,
           coalesce(TRY_CAST(f.archived AS BOOLEAN), false) AS is_archived,
           TRY_CAST(f.active AS BOOLEAN) AS is_active,
           TRY_CAST(f.acceptingOrders AS BOOLEAN) AS says_accepting,
           as_time(f.closedTime) AS closed_at,
           coalesce(as_time(f.startDate), as_time(f.acceptingOrdersTimestamp)) AS opens_at
    FROM given
),
first_served AS (
    SELECT native_id, served_tokens AS tokens, served_labels AS labels
    FROM cut
    WHERE native_id IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY native_id ORDER BY received_at, unit_id, page, position) = 1
),
stored AS (
    SELECT instrument_id,
           list(DISTINCT {'name': token_id, 'place': outcome_index}) FILTER (token_id IS NOT NULL) AS by_token,
           list(DISTINCT {'name': label, 'place': outcome_index}) FILTER (label IS NOT NULL) AS by_label
    FROM known_outcomes
    WHERE instrument_id IN (SELECT 'polymarket:' || native_id FROM first_served)
    GROUP BY instrument_id
),
identified AS (
    SELECT c.*,
           greatest(coalesce(len(served_tokens), 0), coalesce(len(served_labels), 0)) AS outcome_count,
           -- Of an instrument that is not stored, the order in which it was served first.
           CASE WHEN s.instrument_id IS NOT NULL THEN s.by_token
                ELSE [{'name': o.tokens[n + 1], 'place': n} FOR n IN range(len(o.tokens))] END AS by_token,
           CASE WHEN s.instrument_id IS NOT NULL THEN s.by_label
                ELSE [{'name': o.labels[n + 1], 'place': n} FOR n IN range(len(o.labels))] END AS by_label
    FROM cut c
    LEFT JOIN first_served o USING (native_id)
    LEFT JOIN stored s ON s.instrument_id = 'polymarket:' || c.native_id
),
recognized AS (
    SELECT *,
           -- By its token, and by its label where the token is not known.
           [coalesce(list_filter(by_token, lambda k: k.name = nullif(served_tokens[n + 1], ''))[1].place,
                     list_filter(by_label, lambda k: k.name = served_labels[n + 1])[1].place)
            FOR n IN range(outcome_count)] AS found,
           [p FOR p IN found IF p IS NOT NULL] AS taken
    FROM identified
),
placed AS (
    SELECT *,
           [p FOR p IN range(outcome_count) IF NOT list_contains(taken, p)] AS free,
           CASE
               -- Names that do not tell the outcomes apart tell nothing of the order.
               WHEN len(list_distinct(taken)) < len(taken) OR list_max(taken) >= outcome_count THEN range(outcome_count)
               ELSE [coalesce(found[n + 1], free[len([x FOR x IN found[1 : n + 1] IF x IS NULL])])
                     FOR n IN range(outcome_count)]
           END AS place,
           [list_position(place, n) FOR n IN range(outcome_count)] AS spots
    FROM recognized
),
ordered AS (
    SELECT *,
           [coalesce(nullif(served_tokens[spot], ''), list_filter(by_token, lambda k: k.place = place[spot])[1].name)
            FOR spot IN spots] AS tokens,
           [served_labels[spot] FOR spot IN spots] AS labels,
           [TRY_CAST(served_prices[spot] AS DECIMAL(38, 30)) FOR spot IN spots] AS prices,
           place <> range(outcome_count) AS is_reordered,
           CASE WHEN is_reordered THEN CAST(to_json([served_prices[spot] FOR spot IN spots]) AS VARCHAR)
                ELSE f.outcomePrices END AS prices_text
    FROM placed
),
judged AS (
    SELECT *,
           coalesce(says_accepting, coalesce(is_active, false) AND NOT is_archived) AS is_accepting,
           lower(coalesce(nullif(f.umaResolutionStatus, ''), uma_steps[-1])) AS uma,
           len(served_prices) > 0 AND len([x FOR x IN prices IF x IS NULL OR x NOT BETWEEN 0 AND 1]) = 0 AS prices_legal
    FROM ordered
),
final AS (
    SELECT *,
           -- The singular word counts; rows of lists may carry the steps only, then their last one counts. Settled
           -- records were seen whose steps end in "proposed" beside the singular word "resolved".
           coalesce(uma IN ('resolved', 'settled'), false) AS is_resolved,
           -- Prices are payouts once the venue says that it is resolved: before that they sum to 1 as well.
           -- 1e-12 is the resolution of a stored payout.
           coalesce(is_closed AND is_resolved AND prices_legal AND len(served_prices) = outcome_count
                    AND abs(list_sum([x FOR x IN prices IF x BETWEEN 0 AND 1]) - 1) <= 0.000000000001, false)
               AS is_final
    FROM judged
)
SELECT
    unit_id, page, position, received_at, sha256,
    'polymarket:' || native_id AS instrument_id,
    native_id,
    'polymarket:' || coalesce(as_id(c.event_id), as_id(event.id)) AS event_id,
    'polymarket:' || coalesce(as_id(c.series[1]), as_id(event.series[1].id)) AS series_id,
    coalesce(nullif(f.category, ''), nullif(c.category, ''), nullif(event.category, '')) AS category,
    coalesce(c.tags, [t.label FOR t IN coalesce(f.tags, event.tags) IF t.label IS NOT NULL]) AS tags,
    f,
    tokens, labels, prices, prices_text, served_tokens, is_reordered, place[1] AS first_place, outcome_count, uma, uma_steps, is_closed, is_resolved, is_final, closed_at, opens_at,
    CASE
        WHEN is_final THEN 'settled'
        WHEN uma IN ('proposed', 'reproposed', 'challenged', 'disputed') THEN 'determined'
        WHEN is_closed THEN 'closed'
        WHEN uma IN ('resolved', 'settled') THEN 'determined'
        WHEN is_accepting THEN 'active'
        WHEN opens_at > received_at THEN 'unopened'
        ELSE 'closed'
    END AS status,
    NOT is_final AND coalesce(uma IN ('challenged', 'disputed'), false) AS is_disputed,
    concat_ws(',', CASE WHEN is_active THEN 'active' END, CASE WHEN is_closed THEN 'closed' END,
              CASE WHEN is_archived THEN 'archived' END, CASE WHEN says_accepting THEN 'accepting_orders' END,
              'uma:' || uma) AS venue_status,
    CASE WHEN native_id IS NULL THEN 'no condition id, or no JSON object: the market has no identity' END
        AS reject_reason,
    '$.conditionId' AS reject_path
FROM final
