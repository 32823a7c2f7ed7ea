-- about: how much of the intended time was recorded, and how much of what traded in it was seen?
-- grain: venue, date, hour
-- inputs: mart.coverage
-- Expected is the time in which a listener intended to watch an instrument while it could be traded. Time that is not
-- live is stale (the last proof is too old) or unknown. gap_reasons of the same table has the reasons per book.
-- seen_contracts are of the recorded trades, venue_contracts of core.trades in the same time.
SELECT
    venue,
    date,
    hour,
    count(*) AS books,
    round(sum(expected_seconds), 1) AS expected_seconds,
    round(sum(live_seconds), 1) AS live_seconds,
    round(sum(stale_seconds), 1) AS stale_seconds,
    round(sum(unknown_seconds), 1) AS unknown_seconds,
    round(sum(live_seconds) / nullif(sum(expected_seconds), 0), 4) AS coverage,
    sum(gaps) AS gaps,
    sum(seen_contracts) AS seen_contracts,
    sum(venue_contracts) AS venue_contracts,
    round(sum(seen_contracts) / nullif(sum(venue_contracts), 0), 4) AS seen_share
FROM mart.coverage
GROUP BY venue, date, hour
HAVING sum(expected_seconds) > 0
ORDER BY venue, date, hour
LIMIT 10
