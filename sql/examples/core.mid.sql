-- about: the mid of the last recorded book
-- grain: one row
-- inputs: core.mid, core.book_snapshots
SELECT as_of_at, state, bid, ask, mid, spread
FROM core.mid(
    (SELECT max(instrument_id) FROM core.book_snapshots WHERE state = 'live'),
    (SELECT max(valid_from) FROM core.book_snapshots WHERE state = 'live')
)
