-- about: what buying 1,000 contracts cost in the last recorded book
-- grain: one row
-- inputs: core.cost_of, core.book_snapshots
SELECT contracts, missing_contracts, levels, best_price, average_price, notional_usd, fee_usd, total_usd, over_mid_usd
FROM core.cost_of(
    (SELECT max(instrument_id) FROM core.book_snapshots WHERE state = 'live'),
    (SELECT max(valid_from) FROM core.book_snapshots WHERE state = 'live'),
    1000,
    'buy'
)
