-- about: known combos that are not settled, the longest unseen first
-- A provisional combo that never traded may vanish: combos that were not served since $since are given up.
-- grain: instrument
-- inputs: instruments
SELECT native_id
FROM instruments
WHERE is_combo AND status <> 'settled' AND observed_at >= $since
ORDER BY observed_at, native_id
