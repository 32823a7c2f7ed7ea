-- about: what is wrong with a price of a candle; NULL where nothing is. Units as in kalshi_price_of_candle.
CREATE OR REPLACE MACRO kalshi_price_fault_of_candle(name, historical, dollars, bare) AS
    kalshi_price_fault(
        name,
        CASE WHEN historical THEN coalesce(nullif(dollars, ''), bare) ELSE dollars END,
        CASE WHEN NOT historical THEN bare END
    )
