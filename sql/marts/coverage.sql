-- about: how much of the time that listeners intended to watch each book was live, stale or unknown, by UTC hour, and why
-- creates: mart.coverage
-- grain: instrument, date, hour
-- partition: date
-- inputs: core.book_snapshots, core.book_gaps, core.live_trades, core.trades, core.daily_prices
-- lookups: core.watched_time, core.instrument_completeness
-- Expected time comes from core.watched_time, up to the end of the recording; in the hour that is still being recorded,
-- up to the venue's last book. Books and trades count within that time only. Live trades have our clock and core.trades
-- the venue's: a print at the edge of an hour may count in different hours. Contracts that fit no column are NULL, and
-- so is their share.
WITH hours AS (
    SELECT
        date,
        hour,
        (date + to_hours(hour)) AT TIME ZONE 'UTC' AS begins_at,
        (date + to_hours(hour + 1)) AT TIME ZONE 'UTC' AS ends_at
    FROM (SELECT unnest(generate_series($from::DATE, $to::DATE - 1, INTERVAL 1 DAY))::DATE AS date)
    CROSS JOIN (SELECT unnest(range(24))::INTEGER AS hour)
),

books AS (
    SELECT venue, date, hour, instrument_id, valid_from, valid_to, state
    FROM core.book_snapshots
    WHERE date >= $from AND date < $to
),

reached AS (
    SELECT venue, date, max(valid_to) AS books_to FROM books GROUP BY venue, date
),

pieces AS (
    SELECT
        w.venue,
        h.date,
        h.hour,
        w.instrument_id,
        greatest(w.from_at, h.begins_at) AS from_at,
        least(w.to_at, h.ends_at, greatest(w.recorded_to, r.books_to)) AS to_at
    FROM core.watched_time w
    JOIN hours h ON w.from_at < h.ends_at AND coalesce(w.to_at > h.begins_at, true)
    LEFT JOIN reached r ON w.venue = r.venue AND h.date = r.date
    WHERE greatest(w.from_at, h.begins_at) < least(w.to_at, h.ends_at, greatest(w.recorded_to, r.books_to))
        AND greatest(w.recorded_to, r.books_to) IS NOT NULL
),

expected AS (
    SELECT venue, date, hour, instrument_id, sum(epoch_us(to_at) - epoch_us(from_at)) AS us
    FROM pieces
    GROUP BY venue, date, hour, instrument_id
),

-- A book lasts until the next one begins: no time counts twice.
lasting AS (
    SELECT
        date,
        hour,
        instrument_id,
        valid_from,
        least(valid_to, lead(valid_from) OVER (PARTITION BY date, hour, instrument_id ORDER BY valid_from)) AS valid_to,
        state
    FROM books
),

live_time AS (
    SELECT
        date,
        hour,
        instrument_id,
        sum(epoch_us(least(b.valid_to, p.to_at)) - epoch_us(greatest(b.valid_from, p.from_at)))
            FILTER (b.state = 'live') AS live_us,
        sum(epoch_us(least(b.valid_to, p.to_at)) - epoch_us(greatest(b.valid_from, p.from_at)))
            FILTER (b.state = 'stale') AS stale_us
    FROM pieces p
    JOIN lasting b USING (date, hour, instrument_id)
    WHERE b.valid_from < p.to_at AND b.valid_to > p.from_at
    GROUP BY date, hour, instrument_id
),

lost AS (
    SELECT
        date,
        hour,
        instrument_id,
        sum(n)::BIGINT AS gaps,
        '{' || string_agg('"' || reason || '": ' || n, ', ' ORDER BY reason) || '}' AS gap_reasons
    FROM (
        SELECT date, hour, instrument_id, reason, count(*) AS n
        FROM core.book_gaps
        WHERE date >= $from AND date < $to
        GROUP BY date, hour, instrument_id, reason
    )
    GROUP BY date, hour, instrument_id
),

seen AS (
    SELECT date, hour, instrument_id, sum(t.size) AS contracts
    FROM pieces p
    JOIN core.live_trades t USING (date, hour, instrument_id)
    WHERE t.date >= $from AND t.date < $to AND t.received_at >= p.from_at AND t.received_at < p.to_at
    GROUP BY date, hour, instrument_id
),

traded AS (
    SELECT p.date, p.hour, p.instrument_id, sum(t.size) AS contracts
    FROM pieces p
    JOIN core.trades t ON p.instrument_id = t.instrument_id AND p.date = t.date
    WHERE t.date >= $from AND t.date < $to AND t.identity = 'strong'
        AND t.event_at >= p.from_at AND t.event_at < p.to_at
    GROUP BY p.date, p.hour, p.instrument_id
),

-- Days that were read completely, and hours of a day that is not over whose expected time was.
complete AS (
    SELECT p.date, p.hour, p.instrument_id
    FROM pieces p
    LEFT JOIN core.daily_prices d
        ON d.date >= $from AND d.date < $to AND d.date = p.date AND d.instrument_id = p.instrument_id
        AND d.price_source = 'trades' AND d.is_complete
    LEFT JOIN core.instrument_completeness k ON k.instrument_id = p.instrument_id AND k.table_name = 'core.trades'
    GROUP BY p.date, p.hour, p.instrument_id
    HAVING bool_and(d.date IS NOT NULL OR coalesce(k.complete_from <= p.from_at AND k.complete_to >= p.to_at, false))
),

named AS (
    SELECT venue, date, hour, instrument_id FROM expected
    UNION
    SELECT venue, date, hour, instrument_id FROM books
)

SELECT
    n.venue,
    n.date,
    n.hour,
    n.instrument_id,
    coalesce(e.us, 0)::DOUBLE / 1e6 AS expected_seconds,
    coalesce(h.live_us, 0)::DOUBLE / 1e6 AS live_seconds,
    coalesce(h.stale_us, 0)::DOUBLE / 1e6 AS stale_seconds,
    (coalesce(e.us, 0) - coalesce(h.live_us, 0) - coalesce(h.stale_us, 0))::DOUBLE / 1e6 AS unknown_seconds,
    coalesce(h.live_us, 0)::DOUBLE / nullif(e.us, 0)::DOUBLE AS coverage,
    coalesce(l.gaps, 0) AS gaps,
    l.gap_reasons,
    CASE WHEN e.us IS NOT NULL THEN fits(coalesce(s.contracts, 0)) END AS seen_contracts,
    CASE WHEN e.us IS NOT NULL AND c.instrument_id IS NOT NULL THEN fits(coalesce(t.contracts, 0)) END AS venue_contracts,
    seen_contracts::DOUBLE / nullif(venue_contracts, 0)::DOUBLE AS seen_share
FROM named n
LEFT JOIN expected e USING (date, hour, instrument_id)
LEFT JOIN live_time h USING (date, hour, instrument_id)
LEFT JOIN lost l USING (date, hour, instrument_id)
LEFT JOIN seen s USING (date, hour, instrument_id)
LEFT JOIN traded t USING (date, hour, instrument_id)
LEFT JOIN complete c USING (date, hour, instrument_id)
