-- about: the UTC days, as timestamps, that an interval overlaps; none if it is empty.
CREATE OR REPLACE MACRO utc_days(from_at, to_at) AS
    generate_series(
        date_trunc('day', from_at AT TIME ZONE 'UTC'), to_at AT TIME ZONE 'UTC' - INTERVAL 1 MICROSECOND, INTERVAL 1 DAY
    )
