-- about: how did one book develop, second by second?
-- grain: instant
-- inputs: core.books_every, core.book_snapshots
-- The book with the most changes, around the middle of its recording. carried: nothing changed in the second before.
-- Any step is possible, also 100 milliseconds: books are stored once per change. With a literal instrument and literal
-- times, only their hours are read.
WITH busiest AS (
    SELECT
        instrument_id,
        date_trunc('second', min(valid_from) + (max(valid_to) - min(valid_from)) / 2) AS middle
    FROM core.book_snapshots
    GROUP BY instrument_id
    ORDER BY count(*) DESC, instrument_id
    LIMIT 1
)

SELECT
    strftime(as_of_at, '%H:%M:%S') AS utc_time,
    state,
    round(age_seconds, 3) AS age_seconds,
    bid,
    bid_size,
    ask,
    ask_size,
    bid_prices[:3] AS bid_prices
FROM core.books_every(
    (SELECT instrument_id FROM busiest),
    INTERVAL 1 SECOND,
    (SELECT middle FROM busiest),
    (SELECT middle + INTERVAL 8 SECOND FROM busiest)
)
ORDER BY as_of_at
