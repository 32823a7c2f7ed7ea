-- about: dollars of a candle's price: key "x_dollars", else key "x", which is in dollars in the historical tier and in
--        whole cents in the live one.
CREATE OR REPLACE MACRO kalshi_price_of_candle(historical, dollars, bare) AS
    coalesce(as_number(dollars), as_number(bare) * CAST(CASE WHEN historical THEN 1 ELSE 0.01 END AS DECIMAL(3, 2)))
