-- about: depth near the mid, imbalance and the cost of taking size, per instrument and UTC hour, weighted by time
-- creates: mart.book_depth
-- grain: instrument, date, hour
-- partition: date
-- inputs: core.book_snapshots
-- Uses live books only and, except for live_seconds, only books with both sides. All sums are whole microseconds x
-- millionths and divided once, so that a figure does not depend on the order of rows.
WITH lived AS (
    SELECT
        venue,
        date,
        hour,
        instrument_id,
        epoch_us(valid_to) - epoch_us(valid_from) AS us,
        bid_prices,
        bid_sizes,
        ask_prices,
        ask_sizes,
        bid_prices[1] + ask_prices[1] AS twice_mid,
        -- Distance within which the stored levels are complete: the last level if the side has more, unlimited
        -- otherwise.
        least(
            if(bid_levels > length(bid_prices), twice_mid - 2 * bid_prices[-1], NULL),
            if(ask_levels > length(ask_prices), 2 * ask_prices[-1] - twice_mid, NULL)
        ) AS twice_known,
        bid_depth,
        ask_depth
    FROM core.book_snapshots
    WHERE date >= $from AND date < $to AND state = 'live'
),

measured AS (
    SELECT
        venue,
        date,
        hour,
        instrument_id,
        us,
        twice_mid,
        twice_known,
        bid_depth,
        ask_depth,
        size_within(bid_prices, bid_sizes, twice_mid, 10000)::HUGEINT AS bid_1c,
        size_within(ask_prices, ask_sizes, twice_mid, 10000)::HUGEINT AS ask_1c,
        size_within(bid_prices, bid_sizes, twice_mid, 20000)::HUGEINT AS bid_2c,
        size_within(ask_prices, ask_sizes, twice_mid, 20000)::HUGEINT AS ask_2c,
        size_within(bid_prices, bid_sizes, twice_mid, 50000)::HUGEINT AS bid_5c,
        size_within(ask_prices, ask_sizes, twice_mid, 50000)::HUGEINT AS ask_5c,
        size_within(bid_prices, bid_sizes, twice_mid, 100000)::HUGEINT AS bid_10c,
        size_within(ask_prices, ask_sizes, twice_mid, 100000)::HUGEINT AS ask_10c,
        walked(ask_prices, ask_sizes) AS bought,
        walked(bid_prices, bid_sizes) AS sold
    FROM lived
    WHERE twice_mid IS NOT NULL
),

-- filled: time in which the stored levels had the size. paid: twice the cost beyond the mid, 10^-12 dollars x time.
summed AS (
    SELECT
        date,
        hour,
        instrument_id,
        sum(us) AS us,
        sum(us * bid_1c) AS bid_1c,
        sum(us * ask_1c) AS ask_1c,
        sum(us * bid_2c) AS bid_2c,
        sum(us * ask_2c) AS ask_2c,
        sum(us * bid_5c) AS bid_5c,
        sum(us * ask_5c) AS ask_5c,
        sum(us * bid_10c) AS bid_10c,
        sum(us * ask_10c) AS ask_10c,
        coalesce(sum(us) FILTER (twice_known <= 20000), 0) AS capped_1c,
        coalesce(sum(us) FILTER (twice_known <= 40000), 0) AS capped_2c,
        coalesce(sum(us) FILTER (twice_known <= 100000), 0) AS capped_5c,
        coalesce(sum(us) FILTER (twice_known <= 200000), 0) AS capped_10c,
        sum(us) FILTER (bid_10c + ask_10c > 0) AS leaning_us,
        sum(us * ((bid_10c - ask_10c) * 1000000000 // nullif(bid_10c + ask_10c, 0))) FILTER (bid_10c + ask_10c > 0) AS leaning,
        coalesce(sum(us) FILTER (bought[1] = 0), 0) AS filled_buy_100,
        coalesce(sum(us) FILTER (bought[3] = 0), 0) AS filled_buy_1000,
        coalesce(sum(us) FILTER (bought[5] = 0), 0) AS filled_buy_10000,
        coalesce(sum(us) FILTER (sold[1] = 0), 0) AS filled_sell_100,
        coalesce(sum(us) FILTER (sold[3] = 0), 0) AS filled_sell_1000,
        coalesce(sum(us) FILTER (sold[5] = 0), 0) AS filled_sell_10000,
        sum(us * (2 * bought[2] - 100000000 * twice_mid::HUGEINT)) FILTER (bought[1] = 0) AS paid_buy_100,
        sum(us * (2 * bought[4] - 1000000000 * twice_mid::HUGEINT)) FILTER (bought[3] = 0) AS paid_buy_1000,
        sum(us * (2 * bought[6] - 10000000000 * twice_mid::HUGEINT)) FILTER (bought[5] = 0) AS paid_buy_10000,
        sum(us * (100000000 * twice_mid::HUGEINT - 2 * sold[2])) FILTER (sold[1] = 0) AS paid_sell_100,
        sum(us * (1000000000 * twice_mid::HUGEINT - 2 * sold[4])) FILTER (sold[3] = 0) AS paid_sell_1000,
        sum(us * (10000000000 * twice_mid::HUGEINT - 2 * sold[6])) FILTER (sold[5] = 0) AS paid_sell_10000,
        max(bid_depth) AS most_bid,
        max(ask_depth) AS most_ask
    FROM measured
    GROUP BY date, hour, instrument_id
),

hours AS (
    SELECT venue, date, hour, instrument_id, sum(us) AS live_us FROM lived GROUP BY venue, date, hour, instrument_id
)

SELECT
    h.venue,
    h.date,
    h.hour,
    h.instrument_id,
    h.live_us::DOUBLE / 1e6 AS live_seconds,
    coalesce(s.us, 0)::DOUBLE / 1e6 AS two_sided_seconds,
    s.bid_1c::DOUBLE / nullif(s.us, 0) / 1e6 AS bid_depth_1c,
    s.ask_1c::DOUBLE / nullif(s.us, 0) / 1e6 AS ask_depth_1c,
    s.bid_2c::DOUBLE / nullif(s.us, 0) / 1e6 AS bid_depth_2c,
    s.ask_2c::DOUBLE / nullif(s.us, 0) / 1e6 AS ask_depth_2c,
    s.bid_5c::DOUBLE / nullif(s.us, 0) / 1e6 AS bid_depth_5c,
    s.ask_5c::DOUBLE / nullif(s.us, 0) / 1e6 AS ask_depth_5c,
    s.bid_10c::DOUBLE / nullif(s.us, 0) / 1e6 AS bid_depth_10c,
    s.ask_10c::DOUBLE / nullif(s.us, 0) / 1e6 AS ask_depth_10c,
    s.capped_1c::DOUBLE / nullif(s.us, 0) AS capped_share_1c,
    s.capped_2c::DOUBLE / nullif(s.us, 0) AS capped_share_2c,
    s.capped_5c::DOUBLE / nullif(s.us, 0) AS capped_share_5c,
    s.capped_10c::DOUBLE / nullif(s.us, 0) AS capped_share_10c,
    s.leaning::DOUBLE / nullif(s.leaning_us, 0) / 1e9 AS imbalance,
    s.paid_buy_100::DOUBLE / nullif(s.filled_buy_100, 0) / 2e12 AS buy_100_usd,
    s.paid_buy_1000::DOUBLE / nullif(s.filled_buy_1000, 0) / 2e12 AS buy_1000_usd,
    s.paid_buy_10000::DOUBLE / nullif(s.filled_buy_10000, 0) / 2e12 AS buy_10000_usd,
    s.paid_sell_100::DOUBLE / nullif(s.filled_sell_100, 0) / 2e12 AS sell_100_usd,
    s.paid_sell_1000::DOUBLE / nullif(s.filled_sell_1000, 0) / 2e12 AS sell_1000_usd,
    s.paid_sell_10000::DOUBLE / nullif(s.filled_sell_10000, 0) / 2e12 AS sell_10000_usd,
    s.filled_buy_100::DOUBLE / nullif(s.us, 0) AS buy_100_share,
    s.filled_buy_1000::DOUBLE / nullif(s.us, 0) AS buy_1000_share,
    s.filled_buy_10000::DOUBLE / nullif(s.us, 0) AS buy_10000_share,
    s.filled_sell_100::DOUBLE / nullif(s.us, 0) AS sell_100_share,
    s.filled_sell_1000::DOUBLE / nullif(s.us, 0) AS sell_1000_share,
    s.filled_sell_10000::DOUBLE / nullif(s.us, 0) AS sell_10000_share,
    CASE
        WHEN s.us IS NULL THEN 'one_sided'
        WHEN s.filled_buy_10000 > 0 THEN NULL
        WHEN s.most_ask >= CASE 0 WHEN s.filled_buy_100 THEN 100 WHEN s.filled_buy_1000 THEN 1000 ELSE 10000 END
            THEN 'beyond_levels'
        ELSE 'too_thin'
    END AS buy_missing_reason,
    CASE
        WHEN s.us IS NULL THEN 'one_sided'
        WHEN s.filled_sell_10000 > 0 THEN NULL
        WHEN s.most_bid >= CASE 0 WHEN s.filled_sell_100 THEN 100 WHEN s.filled_sell_1000 THEN 1000 ELSE 10000 END
            THEN 'beyond_levels'
        ELSE 'too_thin'
    END AS sell_missing_reason
FROM hours h
LEFT JOIN summed s USING (date, hour, instrument_id)
