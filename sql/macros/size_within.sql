-- about: millionths of contracts on the levels of one side (best first) within a distance of the mid, in millionths.
--        twice_mid: bid + ask, because half a millionth is not a whole number.
CREATE OR REPLACE MACRO size_within(prices, sizes, twice_mid, distance) AS
    coalesce(list_sum(sizes[: length(list_filter(prices, lambda p: abs(2 * p - twice_mid) <= 2 * distance))]), 0)
