-- about: the size within 5 cents of the mid
-- grain: one row
-- inputs: core.depth_within, core.book_snapshots
SELECT as_of_at, mid, bid_size, bid_notional_usd, ask_size, ask_notional_usd, is_capped
FROM core.depth_within(
    (SELECT max(instrument_id) FROM core.book_snapshots WHERE state = 'live'),
    (SELECT max(valid_from) FROM core.book_snapshots WHERE state = 'live'),
    0.05
)
