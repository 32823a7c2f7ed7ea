-- about: live order books: spreads, number of changes, and share of the time with a valid book
-- grain: instrument
-- inputs: core.book_snapshots, core.display_names
SELECT
    coalesce(n.display_name, s.instrument_id) AS instrument,
    arg_max(s.bid, s.valid_from) AS bid,
    arg_max(s.ask, s.valid_from) AS ask,
    CAST(avg(s.spread) AS DECIMAL(9, 4)) AS mean_spread,
    count(*) FILTER (s.state = 'live') AS books,
    round(
        sum(epoch_us(s.valid_to) - epoch_us(s.valid_from)) FILTER (s.state = 'live')
        / nullif(sum(epoch_us(s.valid_to) - epoch_us(s.valid_from)), 0), 3
    ) AS live_share
FROM core.book_snapshots s
LEFT JOIN core.display_names n USING (instrument_id)
GROUP BY n.display_name, s.instrument_id
HAVING arg_max(s.bid, s.valid_from) IS NOT NULL
ORDER BY books DESC, instrument
LIMIT 5
