-- about: versions of the slow attributes, each valid until the next one; valid_to is NULL for the current one
-- creates: core.instrument_history
-- grain: instrument, valid_from
-- inputs: lake:core.instrument_history
-- column valid_to: when the next version begins; NULL for the current one
SELECT h.*, lead(h.valid_from) OVER (PARTITION BY h.instrument_id ORDER BY h.valid_from) AS valid_to
FROM lake_instrument_history h
