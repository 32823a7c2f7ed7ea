-- about: the last changes of one book
-- grain: snapshot
-- inputs: core.book_snapshots
SELECT valid_from, state, bid, bid_size, ask, ask_size, spread
FROM core.book_snapshots
WHERE instrument_id = (SELECT max(instrument_id) FROM core.book_snapshots WHERE state = 'live')
ORDER BY valid_from DESC
LIMIT 10
