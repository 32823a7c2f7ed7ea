-- about: the day after a day, week or month that begins on a date.
CREATE OR REPLACE MACRO range_end(range, d) AS
    CAST(CASE range WHEN 'day' THEN d + 1 WHEN 'week' THEN d + 7 WHEN 'month' THEN d + INTERVAL 1 MONTH END AS DATE)
