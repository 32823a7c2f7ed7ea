-- about: the books of an instrument at regular times from from_at, before to_at, forward filled; in no order
-- creates: core.books_every
-- grain: as_of_at
-- inputs: core.book_snapshots, internal.unknown_instrument
-- argument instrument VARCHAR: an instrument_id
-- argument step INTERVAL: distance of the times, such as INTERVAL 1 SECOND
-- argument from_at TIMESTAMPTZ: the first time
-- argument to_at TIMESTAMPTZ: the end, exclusive
-- column as_of_at: the time of the row: from_at, from_at + step, …
-- column state: live, or carried if the book is older than one step; unknown, with the reason, if no book is valid
-- column is_forward_filled: no row of core.book_snapshots begins in the step before the time
-- column reason: why the book is unknown
-- column source_at: since when the book is as shown
-- column age_seconds: seconds from source_at to as_of_at
-- column bid_prices: best first, at most 25 levels [USD]
-- column bid_sizes: of these levels [contracts]
-- column ask_prices: best first, at most 25 levels [USD]
-- column ask_sizes: of these levels [contracts]
-- state: as stored, but carried for a live book if no row begins in the step before the time (then is_forward_filled is
-- true), unknown with the reason not_recorded if no row is valid. age_seconds counts from source_at; the row that
-- continues a book at a full hour does not count as a begin. There is no join: for each row the first grid time that it
-- covers and the first one that it does not are computed. Rows are read twice, because keeping the lists costs more. An
-- instrument that neither core.instruments nor a row has is an error.
CREATE MACRO core.books_every(instrument, step, from_at, to_at) AS TABLE
    WITH grid AS NOT MATERIALIZED (
        SELECT
            epoch_us(CAST(from_at AS TIMESTAMPTZ)) AS from_us,
            epoch_us(CAST(to_at AS TIMESTAMPTZ)) AS to_us,
            greatest(0, epoch_us(CAST(step AS INTERVAL))) AS step_us
    ),

    stored_rows AS NOT MATERIALIZED (
        SELECT
            *,
            coalesce(
                lag(s.valid_to) OVER before = s.valid_from
                AND lag(s.connection_id) OVER before = s.connection_id
                AND lag(s.frame) OVER before = s.frame
                AND lag(s.state) OVER before = s.state
                AND epoch_us(s.valid_from) % 3600000000 = 0,
                false
            ) AS continues_hour
        FROM core.book_snapshots AS s
        WHERE
            s.venue = split_part(instrument, ':', 1)
            AND s.date >= CAST((CAST(from_at AS TIMESTAMPTZ) - CAST(step AS INTERVAL)) AT TIME ZONE 'UTC' AS DATE)
            AND s.date <= CAST((CAST(to_at AS TIMESTAMPTZ) - INTERVAL 1 MICROSECOND) AT TIME ZONE 'UTC' AS DATE)
            AND (
                s.date > CAST((CAST(from_at AS TIMESTAMPTZ) - CAST(step AS INTERVAL)) AT TIME ZONE 'UTC' AS DATE)
                OR s.hour
                >= extract(HOUR FROM (CAST(from_at AS TIMESTAMPTZ) - CAST(step AS INTERVAL)) AT TIME ZONE 'UTC')
            )
            AND (
                s.date < CAST((CAST(to_at AS TIMESTAMPTZ) - INTERVAL 1 MICROSECOND) AT TIME ZONE 'UTC' AS DATE)
                OR s.hour <= extract(HOUR FROM (CAST(to_at AS TIMESTAMPTZ) - INTERVAL 1 MICROSECOND) AT TIME ZONE 'UTC')
            )
            AND s.instrument_id = instrument
            AND s.valid_from < CAST(to_at AS TIMESTAMPTZ)
            AND s.valid_to > CAST(from_at AS TIMESTAMPTZ) - CAST(step AS INTERVAL)
        WINDOW before AS (ORDER BY s.valid_from)
    ),

    placed AS NOT MATERIALIZED (
        SELECT
            *,
            -- n of the grid times from_us + n * step_us; division rounds towards zero.
            greatest(0, (epoch_us(valid_from) - from_us + step_us - 1) // nullif(step_us, 0)) AS first_n,
            (least(epoch_us(valid_to), to_us) - from_us + step_us - 1) // nullif(step_us, 0) AS end_n,
            epoch_us(max(CASE WHEN NOT continues_hour THEN valid_from END) OVER (ORDER BY valid_from)) AS begun_us
        FROM stored_rows
        CROSS JOIN grid
    ),

    typed_books AS NOT MATERIALIZED (
        SELECT
            * REPLACE (
                as_dollars(bid_prices) AS bid_prices,
                as_contracts(bid_sizes) AS bid_sizes,
                as_dollars(ask_prices) AS ask_prices,
                as_contracts(ask_sizes) AS ask_sizes
            )
        FROM placed
        WHERE first_n < end_n
    ),

    bare AS NOT MATERIALIZED (
        SELECT
            count(*) OVER () > 1 AS is_recorded,
            from_us,
            step_us,
            end_n AS first_n,
            -- Not lead(…, 1, default): DuckDB before 2.0 cannot read a stored one.
            coalesce(
                lead(first_n) OVER (ORDER BY first_n, end_n), (to_us - from_us + step_us - 1) // nullif(step_us, 0)
            ) AS end_n
        FROM (
            SELECT from_us, to_us, step_us, first_n, end_n FROM placed WHERE first_n < end_n
            UNION ALL
            SELECT *, 0, 0 FROM grid
        )
    )

    SELECT
        instrument AS instrument_id,
        make_timestamptz(from_us + n * step_us) AS as_of_at,
        CASE WHEN state = 'live' AND begun_us <= from_us + (n - 1) * step_us THEN 'carried' ELSE state END AS state,
        reason,
        begun_us <= from_us + (n - 1) * step_us AS is_forward_filled,
        valid_from AS source_at,
        (from_us + n * step_us - epoch_us(valid_from)) / 1e6 AS age_seconds,
        bid,
        bid_size,
        ask,
        ask_size,
        mid,
        spread,
        bid_prices,
        bid_sizes,
        ask_prices,
        ask_sizes,
        bid_depth,
        ask_depth,
        bid_levels,
        ask_levels
    FROM (SELECT *, unnest(range(first_n, end_n)) AS n FROM typed_books)
    UNION ALL BY NAME
    SELECT
        instrument AS instrument_id,
        make_timestamptz(from_us + n * step_us) AS as_of_at,
        'unknown' AS state,
        'not_recorded' AS reason,
        false AS is_forward_filled
    FROM (SELECT *, unnest(range(first_n, end_n)) AS n FROM bare)
    WHERE
        CASE
            WHEN is_recorded OR internal.unknown_instrument(instrument) IS NULL THEN true
            ELSE error(internal.unknown_instrument(instrument))
        END
