-- about: events with the most instruments
-- grain: event
-- inputs: core.events, core.instruments
SELECT e.venue, e.title, count(*) AS instruments
FROM core.events e
JOIN core.instruments i USING (event_id)
GROUP BY ALL
ORDER BY instruments DESC, e.title
LIMIT 10
