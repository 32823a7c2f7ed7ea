-- about: the last recorded book
-- grain: one row
-- inputs: core.book_at, core.book_snapshots
SELECT as_of_at, state, bid, bid_size, ask, ask_size, age_seconds
FROM core.book_at(
    (SELECT max(instrument_id) FROM core.book_snapshots WHERE state = 'live'),
    (SELECT max(valid_from) FROM core.book_snapshots WHERE state = 'live')
)
