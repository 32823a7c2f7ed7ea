-- about: what each instrument is about, in one taxonomy for both venues, and what its ticker says
-- creates: core.ticker_categories
-- grain: instrument
-- partition: none
-- inputs: core.instruments, core.events, core.series
-- made_rows stands for sql/derive/ticker_categories.sql with what echelon_pipeline/domain/derived.py fills in.
WITH instruments AS (FROM core.instruments),

events AS (FROM core.events),

series AS (FROM core.series)

SELECT * FROM made_rows
