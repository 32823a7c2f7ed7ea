-- about: what taking a number of contracts costs at a given time: the recorded levels walked from the best, with taker fees
-- creates: core.cost_of
-- grain: one row
-- inputs: core.book_at, core.instrument_history
-- argument instrument VARCHAR: an instrument_id
-- argument t TIMESTAMPTZ: the time
-- argument contracts DECIMAL: the number of contracts, above 0
-- argument side VARCHAR: buy or sell
-- argument outcome INTEGER: 0, also if not given, or 1
-- column side: as asked
-- column outcome_index: the traded outcome
-- column contracts: as asked
-- column filled_contracts: contracts that the stored levels have; NULL without a book
-- column missing_contracts: contracts that they do not have
-- column missing_reason: too_thin: the whole side has less; beyond_levels: it has more levels than the 25 stored ones; no_book
-- column levels: number of levels taken
-- column best_price: price of the first level, of the traded outcome [USD]
-- column worst_price: price of the last level taken [USD]
-- column average_price: notional / contracts [USD]
-- column notional_usd: price x size of the taken levels
-- column fee_usd: taker fees, with one fill per level; NULL if the fee schedule is unknown
-- column total_usd: what is paid with fees, or received after fees
-- column mid: of the traded outcome [USD]
-- column over_mid_usd: cost above the value at the mid, without fees
-- column fee_rate: rate of the fee schedule
-- column fee_known_at: since when the fee schedule is known
-- column fee_reason: why fee_usd is NULL, or that the first known fee schedule is of a later time
-- side: buy or sell; outcome: 0 (Kalshi: yes), or 1, whose asks are the bids of outcome 0 at 1 - price. One fill per
-- level: venues round the fee of each fill, so several makers at a level may cost a step more. If the stored levels do
-- not have the size, missing_contracts is more than 0 and the average price and all amounts are NULL. Fees follow the
-- schedule known at that time (core.instrument_history); if the first known one is later, it is used and fee_reason says
-- so; without any, fee_usd and total_usd are NULL. state and reason are those of the book: a stale book has a cost, an
-- unknown one has none.
CREATE MACRO core.cost_of(instrument, t, contracts, side, outcome := 0) AS TABLE
    WITH asked AS (
        SELECT
            *,
            TRY_CAST(contracts AS DECIMAL(18, 6)) AS wanted,
            CAST(outcome AS INTEGER) AS outcome_index,
            (side = 'buy') = (outcome = 0) AS takes_asks
        FROM core.book_at(instrument, t)
        WHERE
            CASE
                WHEN coalesce(TRY_CAST(contracts AS DECIMAL(18, 6)) > 0, false) THEN true
                ELSE error(
                    'core.cost_of: contracts is ' || coalesce(CAST(contracts AS VARCHAR), 'NULL')
                    || '; a number above 0 and below 10^12 is expected'
                )
            END
            AND CASE
                WHEN side IN ('buy', 'sell') THEN true
                ELSE error('core.cost_of: side is ' || coalesce(CAST(side AS VARCHAR), 'NULL') || '; buy or sell is expected')
            END
            AND CASE
                WHEN outcome IN (0, 1) THEN true
                ELSE error(
                    'core.cost_of: outcome is ' || coalesce(CAST(outcome AS VARCHAR), 'NULL') || '; 0 or 1 is expected'
                )
            END
    ),

    levels AS (
        SELECT
            *,
            coalesce(sum(size) OVER (ORDER BY level ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS size_before
        FROM (
            SELECT
                wanted,
                outcome_index,
                unnest(CASE WHEN takes_asks THEN ask_prices ELSE bid_prices END) AS price_0,
                -- A size that fits no column is larger than any number of contracts that can be asked for.
                unnest(CASE WHEN takes_asks THEN ask_sizes ELSE bid_sizes END) AS served_size,
                coalesce(served_size, 999999999999.999999) AS size,
                generate_subscripts(CASE WHEN takes_asks THEN ask_prices ELSE bid_prices END, 1) AS level
            FROM asked
        )
    ),

    fees AS (
        SELECT venue, fee_rate, fee_schedule, valid_from
        FROM core.instrument_history
        WHERE instrument_id = instrument
        ORDER BY valid_from > CAST(t AS TIMESTAMPTZ), abs(epoch_us(valid_from) - epoch_us(CAST(t AS TIMESTAMPTZ)))
        LIMIT 1
    ),

    taken AS (
        SELECT
            level,
            CAST(least(size, wanted - size_before) AS DECIMAL(18, 6)) AS size,
            CAST(CASE outcome_index WHEN 0 THEN price_0 ELSE 1 - price_0 END AS DECIMAL(9, 6)) AS price
        FROM levels
        WHERE size_before < wanted
    ),

    walked AS (
        SELECT
            coalesce(fits(sum(p.size)), 0) AS filled,
            max(p.level) AS levels,
            arg_min(p.price, p.level) AS best_price,
            arg_max(p.price, p.level) AS worst_price,
            exact_ratio(sum(to_units(p.price, 12) * to_units(p.size, 6)), sum(to_units(p.size, 6))) AS average_price,
            fits(sum(notional(p.price, p.size))) AS notional_usd,
            fits(sum_of_all(taker_fee(f.venue, p.size, p.price, f.fee_rate, f.fee_schedule, CAST(t AS TIMESTAMPTZ)))) AS fee_usd
        FROM taken AS p
        LEFT JOIN fees AS f ON true
    ),

    judged AS (
        SELECT
            a.*,
            w.*,
            (SELECT any_value(fee_rate) FROM fees) AS fee_rate,
            (SELECT any_value(valid_from) FROM fees) AS fee_known_at,
            w.filled = a.wanted AS is_filled,
            CASE WHEN takes_asks THEN a.ask_levels > length(a.ask_prices) ELSE a.bid_levels > length(a.bid_prices) END AS has_more,
            CASE a.outcome_index WHEN 0 THEN a.mid ELSE 1 - a.mid END AS own_mid,
            CASE side WHEN 'buy' THEN 1 ELSE -1 END AS sign
        FROM asked AS a
        CROSS JOIN walked AS w
    )

    SELECT
        instrument_id,
        as_of_at,
        CAST(side AS VARCHAR) AS side,
        outcome_index,
        state,
        reason,
        source_at,
        age_seconds,
        wanted AS contracts,
        CASE WHEN state <> 'unknown' THEN filled END AS filled_contracts,
        CASE WHEN state <> 'unknown' THEN CAST(wanted - filled AS DECIMAL(18, 6)) END AS missing_contracts,
        CASE
            WHEN state = 'unknown' THEN 'no_book'
            WHEN NOT is_filled AND has_more THEN 'beyond_levels'
            WHEN NOT is_filled THEN 'too_thin'
        END AS missing_reason,
        levels,
        best_price,
        worst_price,
        CASE WHEN is_filled THEN average_price END AS average_price,
        CASE WHEN is_filled THEN notional_usd END AS notional_usd,
        CASE WHEN is_filled THEN fee_usd END AS fee_usd,
        CASE WHEN is_filled THEN fits(CAST(notional_usd AS DECIMAL(20, 6)) + sign * fee_usd) END AS total_usd,
        own_mid AS mid,
        CASE WHEN is_filled THEN fits(sign * (CAST(notional_usd AS DECIMAL(20, 6)) - notional(own_mid, wanted))) END
            AS over_mid_usd,
        fee_rate,
        fee_known_at,
        CASE
            WHEN is_filled AND fee_usd IS NULL THEN 'no fee schedule is known'
            WHEN is_filled AND fee_known_at > as_of_at THEN 'the first known fee schedule is of a later time'
        END AS fee_reason
    FROM judged
