-- about: rows of an imported file that are not separate taker executions. verdict: maker (the taker's row counts it),
--        alone (a maker's side without the taker's row), unknown (an invalid role), doubled (rows that add up to each
--        other and have no known sides).
-- grain: row_no, item
-- inputs: legs
-- role names the side of a row. Without it, counterparty decides: a taker's fill names the exchange, a maker's fill
-- names the taker, who has a row of the same transaction; a counterparty that is not an exchange and has no row is a
-- taker whose row is missing. Without both, a transaction whose largest row is the sum of the others has both sides,
-- unless all its rows belong to one trader or the outcomes and sides exclude it.
WITH traders AS (
    SELECT DISTINCT tx, who FROM legs WHERE tx IS NOT NULL AND who IS NOT NULL AND EXISTS (FROM legs WHERE other IS NOT NULL)
), crossing AS (
    -- The taker's own rows: their counterparty, the exchange, has no row of this transaction.
    SELECT DISTINCT l.tx, l.who
    FROM legs l ANTI JOIN traders t ON t.tx = l.tx AND t.who = l.other
    WHERE l.tx IS NOT NULL AND l.other IS NOT NULL AND l.who IS NOT NULL
), exchanges AS (
    -- Counterparties of takers' rows: Polymarket's contracts, and counterparties in rows of known takers.
    SELECT hash(address) AS other
    FROM (VALUES
        ('0x4bfb41d5b3570defd03c39a9a4d8de6bd8b8982e'), ('0xc5d563a36ae78145c45a50134d48a1215220f80a'),
        ('0xe111180000d2663c0091e4f400237545b87b996b'), ('0xe2222d279d744050d28e00520010520000310f59'),
        ('0xe3333700ca9d93003f00f0f71f8515005f6c00aa')) AS known (address)
    UNION
    SELECT l.other
    FROM legs l
    SEMI JOIN legs m ON m.tx = l.tx AND m.other = l.who
    ANTI JOIN traders t ON t.tx = l.tx AND t.who = l.other
    WHERE l.tx IS NOT NULL AND l.other IS NOT NULL
), taken AS (
    SELECT DISTINCT tx FROM legs WHERE role = 'taker' AND tx IS NOT NULL
), sided AS (
    SELECT
        l.*,
        CASE WHEN l.role IS NOT NULL THEN l.role
            WHEN c.who IS NOT NULL THEN 'maker'
            WHEN l.other IS NOT NULL AND t.who IS NULL
            THEN CASE WHEN l.other IN (SELECT other FROM exchanges) THEN 'taker' ELSE 'alone' END END AS judged,
        k.tx IS NOT NULL AS is_taken
    FROM legs l
    LEFT JOIN crossing c ON c.tx = l.tx AND c.who = l.other
    LEFT JOIN traders t ON t.tx = l.tx AND t.who = l.other
    LEFT JOIN taken k ON k.tx = l.tx
), unsided AS (
    SELECT * FROM sided WHERE judged IS NULL AND tx IS NOT NULL AND micros > 0
), sums AS (
    -- The largest row, the last of several, is the remainder of this number by 1e18.
    SELECT tx, max(CAST(micros AS HUGEINT) * 1000000000000000000 + leg) % 1000000000000000000 AS top_leg
    FROM unsided
    GROUP BY tx
    HAVING count(*) > 1 AND 2 * max(micros) = sum(micros) AND (count(who) < count(*) OR min(who) < max(who))
), doubled AS (
    SELECT s.tx
    FROM sums s
    JOIN unsided u ON u.tx = s.tx AND u.leg <> s.top_leg
    JOIN unsided top ON top.leg = s.top_leg
    GROUP BY s.tx
    -- The other side of a match sells the same outcome or buys the opposite one.
    HAVING bool_and(coalesce(
        (u.outcome = top.outcome) = (u.word <> top.word) OR NOT u.has_outcome OR NOT top.has_outcome, true))
)
SELECT
    s.row_no, s.item, s.tx,
    CASE
        WHEN s.judged IN ('unknown', 'alone') THEN s.judged
        WHEN s.judged = 'maker' THEN CASE WHEN s.role IS NULL OR s.is_taken THEN 'maker' ELSE 'alone' END
        ELSE 'doubled'
    END AS verdict
FROM sided s
LEFT JOIN doubled d ON d.tx = s.tx AND s.judged IS NULL
WHERE s.judged IN ('maker', 'alone', 'unknown') OR d.tx IS NOT NULL
