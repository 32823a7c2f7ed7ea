-- about: what people call each instrument and its first two outcomes
-- creates: core.display_names
-- grain: instrument
-- partition: none
-- inputs: core.instruments, core.events, core.series, core.outcomes
-- made_rows stands for sql/derive/display_names.sql with what echelon_pipeline/domain/derived.py fills in.
WITH instruments AS (FROM core.instruments),

events AS (FROM core.events),

series AS (FROM core.series),

outcomes AS (FROM core.outcomes)

SELECT * FROM made_rows
