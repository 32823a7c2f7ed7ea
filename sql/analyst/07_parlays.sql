-- about: are parlays priced within the bounds of their legs?
-- grain: verdict
-- inputs: mart.parlay_values
-- A violation needs quotes that could be traded against each other within a minute; every refusal has a reason.
SELECT verdict, verdict_reason, count(*) AS parlays, min(display_name) AS sample
FROM mart.parlay_values
GROUP BY ALL
ORDER BY parlays DESC, verdict, verdict_reason
LIMIT 10
