-- about: the fault of a price of a candle; NULL if there is none. Units as in kalshi_price_of_candle.
CREATE OR REPLACE MACRO kalshi_price_fault_of_candle(name, historical, dollars, bare) AS
    kalshi_price_fault(
        name,
        CASE WHEN historical THEN coalesce(nullif(dollars, ''), bare) ELSE dollars END,
        CASE WHEN NOT historical THEN bare END
    )
