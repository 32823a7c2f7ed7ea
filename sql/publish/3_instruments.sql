-- about: the current instruments, and since when their trades and daily prices are complete
-- creates: core.instruments
-- grain: instrument
-- inputs: core.instrument_completeness, lake:core.instruments
-- column trades_complete_from: core.trades has every trade of the instrument from here on; NULL: not complete at any time
-- column trades_complete_to: core.trades is complete until here, exclusive
-- column trades_complete_reason: why the trades are not complete for longer
-- column prices_complete_from: core.daily_prices is complete from here on; NULL: not complete at any time
-- column prices_complete_to: core.daily_prices is complete until here, exclusive
-- column prices_complete_reason: why the daily prices are not complete for longer
SELECT
    i.*,
    t.complete_from AS trades_complete_from,
    t.complete_to AS trades_complete_to,
    t.reason AS trades_complete_reason,
    p.complete_from AS prices_complete_from,
    p.complete_to AS prices_complete_to,
    p.reason AS prices_complete_reason
FROM lake_instruments i
LEFT JOIN core.instrument_completeness t ON t.instrument_id = i.instrument_id AND t.table_name = 'core.trades'
LEFT JOIN core.instrument_completeness p ON p.instrument_id = i.instrument_id AND p.table_name = 'core.daily_prices'
