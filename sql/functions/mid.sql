-- about: the middle between the best bid and ask of an instrument's book at a given time: one row
-- creates: core.mid
-- grain: one row
-- inputs: core.book_at
-- argument instrument VARCHAR: an instrument_id
-- argument t TIMESTAMPTZ: the time
-- mid is NULL without a valid book (see state and reason) and if a side is empty (see bid and ask). A stale book has a
-- mid: state tells. An unknown instrument is an error.
CREATE MACRO core.mid(instrument, t) AS TABLE
    SELECT instrument_id, as_of_at, state, reason, source_at, age_seconds, bid, ask, mid, spread
    FROM core.book_at(instrument, t)
