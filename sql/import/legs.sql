-- about: the fields that decide the side of each row of an imported file of trades, as narrow rows: names are 64-bit
--        hashes, so that millions of rows are compared in little memory. leg numbers the rows, in their order.
-- grain: row_no, item
-- inputs: fields
SELECT
    row_no, item, row_no * 1000000 + coalesce(item, -1) + 1 AS leg,
    CASE WHEN coalesce(transaction_hash, '') <> ''
        THEN hash(lower(transaction_hash), coalesce(known_instrument, venue || ':' || instrument)) END AS tx,
    CASE WHEN coalesce(trader, '') <> '' THEN hash(lower(trader)) END AS who,
    CASE WHEN coalesce(counterparty, '') <> '' THEN hash(lower(counterparty)) END AS other,
    CASE WHEN lower(role) IN ('maker', 'm') THEN 'maker' WHEN lower(role) IN ('taker', 't') THEN 'taker'
        WHEN role IS NOT NULL THEN 'unknown' END AS role,
    CASE WHEN token_id IS NOT NULL THEN hash(token_id)
        ELSE hash(coalesce(import_whole(outcome_index), known_index, label_index)) END AS outcome,
    token_id IS NOT NULL OR coalesce(import_whole(outcome_index), known_index, label_index) IS NOT NULL AS has_outcome,
    CASE WHEN lower(side) IN ('buy', 'bid') THEN 'buy' WHEN lower(side) IN ('sell', 'ask') THEN 'sell' END AS word,
    CAST(import_size(size) * 1000000 AS BIGINT) AS micros
FROM fields
WHERE role IS NOT NULL OR coalesce(transaction_hash, '') <> ''
