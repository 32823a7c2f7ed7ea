-- about: first day of the day, week or month before one that begins on a date.
CREATE OR REPLACE MACRO range_before(range, d) AS
    CAST(CASE range WHEN 'day' THEN d - 1 WHEN 'week' THEN d - 7 WHEN 'month' THEN d - INTERVAL 1 MONTH END AS DATE)
