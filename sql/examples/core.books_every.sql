-- about: one book, second by second
-- grain: second
-- inputs: core.books_every, core.book_snapshots
SELECT as_of_at, state, bid, ask, is_forward_filled, age_seconds
FROM core.books_every(
    (SELECT max(instrument_id) FROM core.book_snapshots WHERE state = 'live'),
    INTERVAL 1 SECOND,
    (SELECT max(valid_from) - INTERVAL 10 SECOND FROM core.book_snapshots WHERE state = 'live'),
    (SELECT max(valid_from) FROM core.book_snapshots WHERE state = 'live')
)
ORDER BY as_of_at
