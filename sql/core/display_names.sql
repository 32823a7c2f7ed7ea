-- about: display names of each instrument and its first two outcomes
-- creates: core.display_names
-- grain: instrument
-- partition: none
-- inputs: core.instruments, core.events, core.series, core.outcomes
-- made_rows is sql/derive/display_names.sql, completed by echelon_pipeline/domain/derived.py.
WITH instruments AS (FROM core.instruments),

events AS (FROM core.events),

series AS (FROM core.series),

outcomes AS (FROM core.outcomes)

SELECT * FROM made_rows
