-- about: first day of the day, week or month of a date. week_start: weekday on which weeks begin, 1 (Monday) to 7.
CREATE OR REPLACE MACRO range_begin(range, d, week_start) AS
    CASE range
        WHEN 'day' THEN d
        WHEN 'week' THEN d - CAST((isodow(d) - week_start + 7) % 7 AS INTEGER)
        WHEN 'month' THEN CAST(date_trunc('month', d) AS DATE)
    END
