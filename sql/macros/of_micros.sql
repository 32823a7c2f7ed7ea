-- about: the time that is so many microseconds after 1970 UTC (TimeZone is UTC in every session).
CREATE OR REPLACE MACRO of_micros(x) AS CAST(make_timestamp(x) AS TIMESTAMPTZ)
