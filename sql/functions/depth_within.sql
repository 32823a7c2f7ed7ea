-- about: size and notional on each side of a book at an instant, within so many dollars of the mid
-- creates: core.depth_within
-- grain: one row
-- inputs: core.book_at
-- NULL where there is no mid, which state, bid and ask explain. is_capped: the stored levels (at most 25 a side) end
-- inside of the distance while the book went on, so that the figures are lower bounds.
CREATE MACRO core.depth_within(instrument, t, distance) AS TABLE
    SELECT
        b.instrument_id,
        b.as_of_at,
        b.state,
        b.reason,
        b.age_seconds,
        b.bid,
        b.ask,
        b.mid,
        CASE WHEN b.mid IS NOT NULL THEN CAST(coalesce(list_sum(list_transform(
            list_zip(b.bid_prices, b.bid_sizes), lambda l: CASE WHEN l[1] >= b.mid - distance THEN l[2] END
        )), 0) AS DECIMAL(18, 6)) END AS bid_size,
        CASE WHEN b.mid IS NOT NULL THEN CAST(coalesce(list_sum(list_transform(
            list_zip(b.bid_prices, b.bid_sizes), lambda l: CASE WHEN l[1] >= b.mid - distance THEN notional(l[1], l[2]) END
        )), 0) AS DECIMAL(18, 6)) END AS bid_notional_usd,
        CASE WHEN b.mid IS NOT NULL THEN CAST(coalesce(list_sum(list_transform(
            list_zip(b.ask_prices, b.ask_sizes), lambda l: CASE WHEN l[1] <= b.mid + distance THEN l[2] END
        )), 0) AS DECIMAL(18, 6)) END AS ask_size,
        CASE WHEN b.mid IS NOT NULL THEN CAST(coalesce(list_sum(list_transform(
            list_zip(b.ask_prices, b.ask_sizes), lambda l: CASE WHEN l[1] <= b.mid + distance THEN notional(l[1], l[2]) END
        )), 0) AS DECIMAL(18, 6)) END AS ask_notional_usd,
        (b.bid_levels > length(b.bid_prices) AND b.bid_prices[-1] >= b.mid - distance)
        OR (b.ask_levels > length(b.ask_prices) AND b.ask_prices[-1] <= b.mid + distance) AS is_capped
    FROM core.book_at(instrument, t) AS b
