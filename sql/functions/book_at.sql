-- about: the book of an instrument at a given time: one row, best level first, prices and sizes in dollars and contracts
-- creates: core.book_at
-- grain: one row
-- inputs: core.book_snapshots, internal.unknown_instrument
-- argument instrument VARCHAR: an instrument_id
-- argument t TIMESTAMPTZ: the time
-- column as_of_at: the requested time
-- column state: live, carried, stale or unknown; unknown with the reason not_recorded if no row is valid at that time
-- column reason: why the book is unknown
-- column source_at: since when the book is as shown
-- column age_seconds: seconds from source_at to as_of_at
-- column bid_prices: best first, at most 25 levels [USD]
-- column bid_sizes: of these levels [contracts]
-- column ask_prices: best first, at most 25 levels [USD]
-- column ask_sizes: of these levels [contracts]
-- The row valid at that time is in the file of its hour, among the row groups of its instrument: everything else is
-- skipped. Without such a row the state is unknown, the reason not_recorded. age_seconds counts from source_at; a book
-- that lasts over a full hour is stored again there, so an age is at most one hour. An instrument that neither
-- core.instruments nor a row has is an error.
CREATE MACRO core.book_at(instrument, t) AS TABLE
    SELECT
        instrument AS instrument_id,
        CAST(t AS TIMESTAMPTZ) AS as_of_at,
        coalesce(b.state, 'unknown') AS state,
        CASE WHEN b.state IS NULL THEN 'not_recorded' ELSE b.reason END AS reason,
        b.valid_from AS source_at,
        (epoch_us(CAST(t AS TIMESTAMPTZ)) - epoch_us(b.valid_from)) / 1e6 AS age_seconds,
        b.valid_to,
        b.is_verified,
        b.event_at,
        b.bid,
        b.bid_size,
        b.ask,
        b.ask_size,
        b.mid,
        b.spread,
        as_dollars(b.bid_prices) AS bid_prices,
        as_contracts(b.bid_sizes) AS bid_sizes,
        as_dollars(b.ask_prices) AS ask_prices,
        as_contracts(b.ask_sizes) AS ask_sizes,
        b.bid_depth,
        b.ask_depth,
        b.bid_levels,
        b.ask_levels,
        b.connection_id,
        b.frame
    FROM (SELECT 1)
    LEFT JOIN (
        SELECT *
        FROM core.book_snapshots AS s
        WHERE
            s.venue = split_part(instrument, ':', 1)
            AND s.date = CAST(CAST(t AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS DATE)
            AND s.hour = extract(HOUR FROM CAST(t AS TIMESTAMPTZ) AT TIME ZONE 'UTC')
            AND s.instrument_id = instrument
            AND s.valid_from <= CAST(t AS TIMESTAMPTZ)
            AND s.valid_to > CAST(t AS TIMESTAMPTZ)
    ) AS b ON true
    WHERE
        CASE
            WHEN b.state IS NOT NULL OR internal.unknown_instrument(instrument) IS NULL THEN true
            ELSE error(internal.unknown_instrument(instrument))
        END
