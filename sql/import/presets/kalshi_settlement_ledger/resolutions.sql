-- about: a recorder's ledger of settled Kalshi markets: result, and the settlement value if it polled the venue.
-- columns: ticker, result, settlement_value, settlement_ts, captured_at
-- source: kalshi_settlement_ledger
-- venue: kalshi
WITH records AS (
    SELECT row_no, sha, json_transform(payload, '{"ticker": "VARCHAR", "result": "VARCHAR", "settlement_value": "VARCHAR",
        "settlement_ts": "VARCHAR", "expiration_value": "VARCHAR", "captured_at": "VARCHAR"}') AS m
    FROM file_rows
)
SELECT
    row_no, sha, m.ticker AS instrument, m.result AS result, m.settlement_value AS payout_0,
    m.settlement_value AS payout_text, m.settlement_ts AS resolved_at, m.expiration_value AS expiration_value,
    m.captured_at AS observed_at
FROM records
