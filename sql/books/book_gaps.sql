-- about: intervals of one hour in which a watched instrument had no valid book
-- grain: instrument, from_at
-- inputs: made_book_snapshots, gaps, preferred_chains
-- made_book_snapshots: the rows of book_snapshots.sql for this hour. gaps: as found by the chains, in full length.
WITH followed AS (
    SELECT
        *,
        coalesce(
            lead(state) OVER later <> 'unknown' AND lead(valid_from) OVER later = valid_to, false
        ) AS is_over
    FROM made_book_snapshots
    WINDOW later AS (PARTITION BY instrument_id ORDER BY valid_from)
),

chain_gaps AS (
    SELECT
        g.instrument_id,
        of_micros(g.from_at) AS began_at,
        of_micros(coalesce(g.to_at, r.preferred_to)) AS ends_at,
        of_micros(g.last_good_at) AS last_good_at,
        g.discarded
    FROM gaps g
    JOIN preferred_chains r USING (chain, instrument_id)
    WHERE g.from_at < r.preferred_to AND coalesce(g.to_at, r.preferred_to) > r.preferred_from
)

SELECT
    f.venue,
    f.date,
    f.hour,
    f.instrument_id,
    f.valid_from AS from_at,
    f.valid_to AS to_at,
    f.reason,
    t.last_good_at,
    least(coalesce(t.began_at, f.valid_from), f.valid_from) AS began_at,
    f.is_over,
    f.connection_id,
    t.discarded
FROM followed f
ASOF LEFT JOIN chain_gaps t ON f.instrument_id = t.instrument_id AND f.valid_from >= t.began_at
WHERE f.state = 'unknown' AND f.reason <> 'closed'
