-- about: the time from a number of microseconds since 1970 UTC (TimeZone is UTC in every session).
CREATE OR REPLACE MACRO of_micros(x) AS CAST(make_timestamp(x) AS TIMESTAMPTZ)
