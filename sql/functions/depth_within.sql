-- about: size and notional on each side of a book at a given time, within a distance of the mid in dollars
-- creates: core.depth_within
-- grain: one row
-- inputs: core.book_at
-- argument instrument VARCHAR: an instrument_id
-- argument t TIMESTAMPTZ: the time
-- argument distance DECIMAL: from the mid, in dollars
-- column bid_size: size of the bid levels within the distance [contracts]
-- column bid_notional_usd: price x size of the bid levels within the distance
-- column ask_size: size of the ask levels within the distance [contracts]
-- column ask_notional_usd: price x size of the ask levels within the distance
-- column is_capped: the stored levels end within the distance: the figures are lower bounds
-- NULL if there is no mid (see state, bid and ask), and for sums from 10^12 on, which fit no column. is_capped: the
-- stored levels (at most 25 a side) end inside the distance while the book has more levels, so the figures are lower
-- bounds.
CREATE MACRO core.depth_within(instrument, t, distance) AS TABLE
    SELECT
        instrument_id,
        as_of_at,
        state,
        reason,
        age_seconds,
        bid,
        ask,
        mid,
        CASE WHEN mid IS NOT NULL THEN
            fits(list_sum_of_all(list_transform(bids, lambda l: l[2])))
        END AS bid_size,
        CASE WHEN mid IS NOT NULL THEN
            fits(list_sum_of_all(list_transform(bids, lambda l: notional(l[1], l[2]))))
        END AS bid_notional_usd,
        CASE WHEN mid IS NOT NULL THEN
            fits(list_sum_of_all(list_transform(asks, lambda l: l[2])))
        END AS ask_size,
        CASE WHEN mid IS NOT NULL THEN
            fits(list_sum_of_all(list_transform(asks, lambda l: notional(l[1], l[2]))))
        END AS ask_notional_usd,
        -- Every stored level is within the distance, and the side has more levels.
        (bid_levels > length(bid_prices) AND length(bids) = length(bid_prices))
        OR (ask_levels > length(ask_prices) AND length(asks) = length(ask_prices)) AS is_capped
    FROM (
        SELECT
            *,
            list_filter(
                list_zip(bid_prices, bid_sizes), lambda l: l[1] >= mid - CAST(distance AS DECIMAL(9, 6))
            ) AS bids,
            list_filter(
                list_zip(ask_prices, ask_sizes), lambda l: l[1] <= mid + CAST(distance AS DECIMAL(9, 6))
            ) AS asks
        FROM core.book_at(instrument, t)
    )
