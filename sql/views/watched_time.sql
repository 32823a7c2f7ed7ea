-- about: when listeners intended to watch an instrument while it could be traded, and until when the recordings are derived
-- creates: core.watched_time
-- grain: instrument, from_at
-- inputs: core.listener_intents, core.instruments, core.ingest_windows
-- column venue: name of the venue
-- column instrument_id: id of the instrument, <venue>:<native id>
-- column from_at: from when a listener intended to watch it, inclusive
-- column to_at: until when, exclusive; NULL for a current intent
-- column recorded_to: the recordings of the venue are derived until here
-- Overlapping intents of several listeners are merged; to_at is NULL for a current intent. recorded_to: the end of the
-- venue's last hour whose books were derived completely, or the begin of the hour that is still being recorded.
-- Trading ends at its known end, else at its scheduled end, unless trading continues at a venue whose schedules are
-- nominal.
WITH recorded AS (
    SELECT venue, max(CASE WHEN state = 'complete' THEN to_at ELSE from_at END) AS recorded_to
    FROM core.ingest_windows
    WHERE table_name = 'core.book_snapshots'
    GROUP BY venue
),

meant AS (
    SELECT
        n.venue,
        instrument_id,
        greatest(n.from_at, i.opens_at) AS from_at,
        least(
            coalesce(n.to_at, 'infinity'::TIMESTAMPTZ),
            i.trading_ended_at,
            CASE
                WHEN i.trading_ended_at IS NULL AND (venue_closes_on_time(n.venue) OR i.status NOT IN ('active', 'paused'))
                    THEN i.closes_at
            END
        ) AS to_at
    FROM core.listener_intents n
    LEFT JOIN core.instruments i USING (instrument_id)
),

linked AS (
    SELECT
        *,
        coalesce(
            from_at > max(to_at) OVER (
                PARTITION BY instrument_id ORDER BY from_at, to_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            true
        ) AS is_first
    FROM meant
    WHERE from_at < to_at
),

chained AS (
    SELECT *, sum(is_first::INTEGER) OVER (PARTITION BY instrument_id ORDER BY from_at, to_at) AS chain
    FROM linked
)

SELECT
    c.venue,
    c.instrument_id,
    min(c.from_at) AS from_at,
    nullif(max(c.to_at), 'infinity'::TIMESTAMPTZ) AS to_at,
    any_value(r.recorded_to) AS recorded_to
FROM chained c
LEFT JOIN recorded r USING (venue)
GROUP BY c.venue, c.instrument_id, c.chain
