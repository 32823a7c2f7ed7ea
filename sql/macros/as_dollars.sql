-- about: prices in dollars from a list of millionths.
CREATE OR REPLACE MACRO as_dollars(prices) AS
    list_transform(prices, lambda p: CAST(p * CAST(0.000001 AS DECIMAL(7, 6)) AS DECIMAL(9, 6)))
