-- about: quotes of combos, the product of their legs' prices, and the bounds from the legs' quotes
-- creates: mart.parlay_values
-- grain: instrument
-- partition: none
-- inputs: core.parlays, core.parlay_legs
-- Fréchet bounds: for any dependence, all legs together are worth at most the cheapest leg and at least the sum of the
-- legs minus n - 1. Bounds use executable quotes: the ask of a leg for the upper bound, its bid for the lower one. A
-- leg without an ask gives no upper bound, a leg without a bid sells for 0, a leg that does not trade has neither.
-- Quotes within a minute of the combo's own quote are preferred to newer ones. A product is rounded to 18 digits after
-- each leg: ten legs with seven digits fit no decimal.
WITH quoted AS (
    SELECT
        *,
        CASE WHEN status <> 'active' THEN NULL WHEN beside_at IS NULL THEN bid ELSE bid_beside END AS leg_bid,
        CASE WHEN status <> 'active' THEN NULL WHEN beside_at IS NULL THEN ask ELSE ask_beside END AS leg_ask,
        CASE
            WHEN price_source IS DISTINCT FROM 'payout' AND leg_bid IS NOT NULL AND leg_ask IS NOT NULL
                THEN (leg_bid + leg_ask) * 0.5
            ELSE price
        END AS leg_price,
        coalesce(beside_at, observed_at) AS leg_at,
        -- Leagues use the same name for the events of one game (KXMLBGAME-26AUG091335ATLNYY,
        -- KXMLBTOTAL-26AUG091335ATLNYY): such legs depend on each other. This is used only as a reason to give no
        -- product.
        nullif(regexp_extract(event_id, '^[^-]+-([0-9]{2}[A-Z]{3}[0-9]{2}[0-9]*[A-Z]{4}[A-Z0-9]*)$', 1), '') AS game
    FROM core.parlay_legs
),

legs AS (
    SELECT
        parlay_id,
        count(*) AS n,
        bool_and(is_known) AS all_known,
        coalesce(bool_or(is_scalar), false) AS any_scalar,
        count(event_id) = count(*) AS events_known,
        count(DISTINCT event_id) < count(event_id) AS shares_event,
        count(DISTINCT game) < count(game) AS shares_game,
        bool_and(status IS NOT DISTINCT FROM 'active') AS all_active,
        bool_and(leg_bid IS NOT NULL OR leg_ask IS NOT NULL) AS all_quoted,
        coalesce(bool_or(leg_bid > leg_ask), false) AS any_crossed,
        min(leg_ask) AS upper_bound,
        greatest(0, sum(coalesce(leg_bid, 0)) - (count(*) - 1)) AS lower_bound,
        min(leg_at) AS first_at,
        max(leg_at) AS last_at,
        count(leg_price) AS priced,
        count(price_at_creation) AS first_priced,
        count(payout) AS paid,
        array_agg(CAST(leg_price AS DECIMAL(20, 18)) ORDER BY leg_index) AS prices,
        array_agg(CAST(price_at_creation AS DECIMAL(20, 18)) ORDER BY leg_index) AS first_prices,
        array_agg(CAST(payout AS DECIMAL(20, 18)) ORDER BY leg_index) AS payouts
    FROM quoted
    GROUP BY parlay_id
),

valued AS (
    SELECT
        p.*,
        l.* EXCLUDE (parlay_id, upper_bound, lower_bound),
        CASE
            WHEN NOT p.legs_known OR l.n IS NULL THEN 'legs_unknown'
            WHEN NOT l.all_known THEN 'leg_not_held'
        END AS unknown,
        CASE WHEN unknown IS NULL THEN l.upper_bound END AS upper_bound,
        CASE WHEN unknown IS NULL THEN l.lower_bound END AS lower_bound,
        CASE
            WHEN unknown IS NOT NULL THEN unknown
            WHEN l.any_scalar THEN 'scalar_leg'
            WHEN NOT l.events_known THEN 'unknown_event'
            WHEN l.shares_event THEN 'shared_event'
            WHEN l.shares_game THEN 'same_game'
        END AS dependence,
        greatest(p.observed_at, l.last_at) - least(p.observed_at, l.first_at) AS spread
    FROM core.parlays p
    LEFT JOIN legs l ON l.parlay_id = p.instrument_id
),

multiplied AS (
    SELECT
        *,
        coalesce(dependence, CASE WHEN priced < n THEN 'no_price' END) AS product_reason,
        coalesce(dependence, CASE WHEN first_priced < n THEN 'no_price' END) AS creation_reason,
        CASE
            WHEN unknown IS NOT NULL THEN unknown
            WHEN any_scalar THEN 'scalar_leg'
            WHEN status IS DISTINCT FROM 'active' THEN 'not_trading'
            WHEN NOT all_active THEN 'leg_not_trading'
            WHEN bid IS NULL AND ask IS NULL THEN 'no_quote'
            WHEN bid IS NULL OR ask IS NULL THEN 'one_sided'
            WHEN NOT all_quoted THEN 'leg_without_quote'
            WHEN any_crossed OR bid > ask THEN 'crossed_quotes'
            WHEN spread > INTERVAL 60 SECOND THEN 'stale_quotes'
        END AS refusal
    FROM valued
)

SELECT
    venue,
    instrument_id,
    display_name,
    collection_id,
    status,
    created_at,
    leg_count,
    CASE WHEN venue_has_tokens(venue) THEN 'Outcome 0' ELSE 'Yes' END AS priced_outcome,
    bid,
    ask,
    last_price,
    observed_at,
    CASE WHEN product_reason IS NULL THEN list_reduce(prices, lambda x, y: CAST(x * y AS DECIMAL(20, 18))) END
        AS leg_product,
    product_reason,
    CASE WHEN creation_reason IS NULL THEN list_reduce(first_prices, lambda x, y: CAST(x * y AS DECIMAL(20, 18))) END
        AS leg_product_at_creation,
    creation_reason,
    lower_bound,
    upper_bound,
    CASE WHEN unknown IS NOT NULL THEN unknown WHEN upper_bound IS NULL THEN 'no_leg_ask' END AS bounds_reason,
    CASE WHEN unknown IS NULL THEN epoch(spread) END AS quote_spread_seconds,
    bid > upper_bound AS is_bid_above_upper,
    ask > upper_bound AS is_ask_above_upper,
    ask < lower_bound AS is_ask_below_lower,
    CASE
        WHEN refusal IS NOT NULL THEN 'no_verdict'
        WHEN bid > upper_bound OR ask < lower_bound THEN 'violation'
        WHEN ask > upper_bound THEN 'overpriced_quote'
        ELSE 'consistent'
    END AS verdict,
    refusal AS verdict_reason,
    payout_0,
    CASE
        WHEN unknown IS NULL AND paid = n THEN list_reduce(payouts, lambda x, y: CAST(x * y AS DECIMAL(20, 18)))
    END AS legs_payout
FROM multiplied
