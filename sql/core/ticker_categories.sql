-- about: category of each instrument, in one taxonomy for both venues, and the facts in its ticker
-- creates: core.ticker_categories
-- grain: instrument
-- partition: none
-- inputs: core.instruments, core.events, core.series
-- made_rows is sql/derive/ticker_categories.sql, completed by echelon_pipeline/domain/derived.py.
WITH instruments AS (FROM core.instruments),

events AS (FROM core.events),

series AS (FROM core.series)

SELECT * FROM made_rows
