-- about: rows of an imported file that are not a taker's execution of their own. The maker's side of an execution counts
--        once, in the taker's row (aside); rows whose side cannot be told are not added (fault).
-- grain: row_no, item
-- inputs: fields
-- role says the side of a row itself. Else counterparty does: a taker's fill names the exchange, a maker's names the
-- taker, who has a row of the same transaction. Without either, a transaction whose largest row is the sum of the others
-- holds both sides, unless all its rows are one trader's or the outcomes and sides exclude it.
WITH legs AS (
    SELECT
        row_no, coalesce(item, -1) AS place, lower(transaction_hash) AS tx,
        coalesce(known_instrument, venue || ':' || instrument) AS instrument_id,
        lower(nullif(trader, '')) AS who, lower(nullif(counterparty, '')) AS other,
        CASE WHEN lower(role) IN ('maker', 'm') THEN 'maker' WHEN lower(role) IN ('taker', 't') THEN 'taker'
            WHEN role IS NOT NULL THEN 'unknown' END AS role,
        coalesce(token_id, CAST(coalesce(import_whole(outcome_index), known_index, label_index) AS VARCHAR)) AS outcome,
        CASE WHEN lower(side) IN ('buy', 'bid') THEN 'buy' WHEN lower(side) IN ('sell', 'ask') THEN 'sell' END AS word,
        import_size(size) AS size
    FROM fields
    WHERE role IS NOT NULL OR coalesce(transaction_hash, '') <> ''
), traders AS (
    SELECT DISTINCT tx, instrument_id, who FROM legs WHERE tx IS NOT NULL AND who IS NOT NULL
), crossing AS (
    -- The taker's own rows: their counterparty, the exchange, has no row of this transaction.
    SELECT DISTINCT l.tx, l.instrument_id, l.who
    FROM legs l
    ANTI JOIN traders t ON t.tx = l.tx AND t.instrument_id = l.instrument_id AND t.who = l.other
    WHERE l.other IS NOT NULL AND l.who IS NOT NULL
), taken AS (
    SELECT DISTINCT tx, instrument_id FROM legs WHERE role = 'taker' AND tx IS NOT NULL
), sided AS (
    SELECT
        l.*,
        CASE WHEN l.role IS NOT NULL THEN l.role
            WHEN c.who IS NOT NULL THEN 'maker'
            WHEN l.other IS NOT NULL AND t.who IS NULL THEN 'taker' END AS judged,
        k.tx IS NOT NULL AS is_taken
    FROM legs l
    LEFT JOIN crossing c ON c.tx = l.tx AND c.instrument_id = l.instrument_id AND c.who = l.other
    LEFT JOIN traders t ON t.tx = l.tx AND t.instrument_id = l.instrument_id AND t.who = l.other
    LEFT JOIN taken k ON k.tx = l.tx AND k.instrument_id = l.instrument_id
), open_sets AS (
    SELECT
        tx, instrument_id, arg_max(who, size) AS top_who, arg_max(outcome, size) AS top_outcome,
        arg_max(word, size) AS top_word, arg_max(row_no, size) AS top_row, arg_max(place, size) AS top_place
    FROM sided
    WHERE judged IS NULL AND tx <> '' AND size > 0
    GROUP BY tx, instrument_id
    HAVING count(*) > 1 AND 2 * max(size) = sum(size) AND (count(who) < count(*) OR count(DISTINCT who) > 1)
), doubled AS (
    SELECT o.tx, o.instrument_id
    FROM open_sets o
    JOIN sided s USING (tx, instrument_id)
    WHERE s.judged IS NULL AND NOT (s.row_no = o.top_row AND s.place = o.top_place)
    GROUP BY o.tx, o.instrument_id
    -- The other side of a match sells the same outcome or buys the opposite one.
    HAVING bool_and(coalesce((s.outcome = o.top_outcome) = (s.word <> o.top_word), true))
)
SELECT
    s.row_no, nullif(s.place, -1) AS item, s.tx,
    CASE WHEN s.judged = 'maker' AND (s.role IS NULL OR s.tx IS NULL OR s.is_taken)
        THEN 'duplicate: the maker''s side of an execution, which the taker''s row counts' END AS aside,
    CASE
        WHEN s.judged = 'unknown' THEN import_bad('role', 'role is not maker or taker')
        WHEN s.judged = 'maker' AND s.role IS NOT NULL AND s.tx IS NOT NULL AND NOT s.is_taken
        THEN import_bad('role', 'the maker''s side of an execution whose taker''s row the file does not hold')
        WHEN d.tx IS NOT NULL
        THEN import_bad('transaction_hash', 'the rows of its transaction add up to each other, so they may be both sides of '
            || 'one execution: map counterparty or role, so that the taker''s row is known (role==taker: all are takers)')
    END AS fault
FROM sided s
LEFT JOIN doubled d ON d.tx = s.tx AND d.instrument_id = s.instrument_id AND s.judged IS NULL
WHERE s.judged IN ('maker', 'unknown') OR d.tx IS NOT NULL
