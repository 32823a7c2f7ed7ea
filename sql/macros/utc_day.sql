-- about: the UTC day of a time.
CREATE OR REPLACE MACRO utc_day(t) AS CAST(t AT TIME ZONE 'UTC' AS DATE)
