-- about: typed trades from the fields of an imported file; reject is the reason of a bad row, aside why a good row does not count.
-- grain: row_no, item
-- inputs: fields, executions
-- A venue's trade id is an identity on Kalshi only. Elsewhere the identity is weak: md5 of the file's name, the row and
-- its number among identical rows (identical prints are real, and importing the same file twice adds nothing).
-- Kalshi's books are of yes: bid and ask without an outcome buy and sell yes. Yes and no are outcomes of Kalshi by
-- definition, on Polymarket only through the labels in core.outcomes.
WITH numbered AS (
    SELECT row_no, coalesce(item, -1) AS place, row_number() OVER (PARTITION BY sha, item, venue ORDER BY row_no) - 1 AS nth
    FROM fields
), read AS (
    SELECT
        fields.*,
        import_time(event_at) AS moment,
        CASE WHEN NOT venue_has_tokens(venue) THEN CASE lower(side) WHEN 'yes' THEN 0 WHEN 'no' THEN 1 END END AS side_index,
        CASE WHEN NOT venue_has_tokens(venue) AND lower(side) IN ('bid', 'ask') THEN 0 END AS book_index,
        CASE WHEN lower(side) IN ('buy', 'yes', 'no', 'bid') THEN 'buy' WHEN lower(side) IN ('sell', 'ask') THEN 'sell' END
            AS word,
        venue_has_trade_ids(venue) AND coalesce(trade_id, '') <> '' AS is_strong, nth,
        executions.verdict
    FROM fields
    JOIN numbered ON numbered.row_no = fields.row_no AND numbered.place = coalesce(fields.item, -1)
    LEFT JOIN executions ON executions.row_no = fields.row_no AND coalesce(executions.item, -1) = numbered.place
), named AS (
    SELECT *, coalesce(import_whole(outcome_index), known_index, label_index, side_index, book_index) AS idx FROM read
), sided AS (
    SELECT
        *,
        CASE WHEN price IS NOT NULL THEN import_price(price) WHEN idx = 1 THEN 1 - import_price(price_0)
            ELSE import_price(price_0) END AS traded
    FROM named
)
SELECT
    row_no, item, sha, venue, CASE WHEN verdict IS NULL THEN nth ELSE -1 END AS preference,
    CASE WHEN verdict = 'maker' THEN 'duplicate: the maker''s side of an execution, which the taker''s row counts' END AS aside,
    CASE
        WHEN import_who(venue, instrument, token_id, known_instrument) IS NOT NULL
        THEN import_who(venue, instrument, token_id, known_instrument)
        WHEN moment IS NULL THEN import_no_time('event_at', event_at)
        WHEN coalesce(price, price_0) IS NULL THEN import_bad('price', 'no price')
        WHEN import_off(price) OR import_off(price_0) THEN import_bad('price', 'price is not a number from 0 to 1')
        WHEN NOT coalesce(import_size(size) > 0, false) THEN import_bad('size', 'size is not a number above 0')
        WHEN side IS NOT NULL AND word IS NULL THEN import_bad('side', 'side is not buy, sell, bid, ask, yes or no')
        WHEN import_which(outcome_index, known_index, label_index) IS NOT NULL
        THEN import_which(outcome_index, known_index, label_index)
        WHEN coalesce(import_whole(outcome_index), known_index, label_index) <> side_index
        THEN import_bad('outcome_index', 'the outcome is said twice and the two disagree')
        WHEN price IS NOT NULL AND price_0 IS NOT NULL AND idx IN (0, 1)
            AND import_price(price_0) <> CASE idx WHEN 0 THEN import_price(price) ELSE 1 - import_price(price) END
        THEN import_bad('price_0', 'the price is said twice and the two disagree')
        WHEN verdict = 'unknown' THEN import_bad('role', 'role is not maker or taker')
        WHEN verdict = 'alone'
        THEN import_bad('role', 'the maker''s side of an execution whose taker''s row the file does not hold')
        WHEN verdict = 'doubled'
        THEN import_bad('transaction_hash', 'the rows of its transaction add up to each other, so they may be both sides of '
            || 'one execution: map counterparty or role, so that the taker''s row is known (role==taker: all are takers)')
    END AS reject,
    utc_day(moment) AS date,
    CASE WHEN is_strong THEN trade_id
        WHEN coalesce(trade_id, '') <> '' THEN md5(concat_ws('|', getvariable('import_source'), trade_id))
        ELSE md5(concat_ws('|', getvariable('import_file'), sha, item, nth)) END AS trade_id,
    CASE WHEN is_strong THEN trade_id
        WHEN coalesce(trade_id, '') <> '' THEN md5(concat_ws('|', getvariable('import_source'), trade_id))
        ELSE md5(concat_ws('|', getvariable('import_file'), sha, item, nth)) END AS set_id,
    coalesce(known_instrument, venue || ':' || instrument) AS instrument_id,
    moment AS event_at,
    moment,
    idx AS outcome_index,
    CASE WHEN idx IS NULL THEN
        CASE WHEN token_id IS NOT NULL THEN 'token is not in core.outcomes'
            WHEN said_label IS NOT NULL THEN 'label is not in core.outcomes'
            ELSE 'the file does not say the outcome' END
    END AS unmapped_reason,
    token_id,
    traded AS price,
    coalesce(price, price_0) AS price_text,
    CASE idx WHEN 0 THEN traded WHEN 1 THEN 1 - traded END AS price_0,
    import_size(size) AS size,
    TRY_CAST(CAST(traded AS DECIMAL(20, 12)) * import_size(size) AS DECIMAL(18, 6)) AS taker_notional_usd,
    CASE WHEN idx IN (0, 1) AND word IS NOT NULL THEN CASE WHEN (idx = 0) = (word = 'buy') THEN 1 ELSE -1 END END
        AS taker_direction,
    word AS taker_side,
    coalesce(import_flag(is_block_trade), false) AS is_block_trade,
    trader,
    transaction_hash,
    CASE WHEN coalesce(trade_id, '') <> '' THEN 0 ELSE nth END AS ordinal,
    CASE WHEN venue_has_trade_ids(venue) THEN 'match' ELSE 'taker_aggregate' END AS grain,
    CASE WHEN is_strong THEN 'strong' ELSE 'weak' END AS identity,
    coalesce(import_time(observed_at), getvariable('import_at')) AS observed_at
FROM sided
