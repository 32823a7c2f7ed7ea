-- about: the ids of instruments that are most like a text
-- grain: instrument_id
-- inputs: core.instruments
-- An id without its venue is the same text.
SELECT instrument_id
FROM core.instruments
WHERE native_id = $given OR jaro_winkler_similarity(lower(instrument_id), lower($given)) > 0.85
ORDER BY native_id = $given DESC, jaro_winkler_similarity(lower(instrument_id), lower($given)) DESC, instrument_id
LIMIT 3
