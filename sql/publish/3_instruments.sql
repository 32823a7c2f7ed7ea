-- about: the current instruments, and since when their trades and daily prices are complete
-- creates: core.instruments
-- grain: instrument
-- inputs: core.instrument_completeness, lake:core.instruments
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
