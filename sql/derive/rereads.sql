-- about: known instruments that are not settled and that the scan did not show
-- grain: instrument
-- inputs: instruments, seen_now
SELECT native_id
FROM instruments
WHERE status <> 'settled'
    AND NOT is_combo
    AND native_id NOT IN (SELECT object_key FROM seen_now)
    AND ($all_unsettled OR (closes_at IS NOT NULL AND closes_at <= $now))
ORDER BY native_id
