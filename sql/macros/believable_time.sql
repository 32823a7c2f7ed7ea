-- about: a plausible time in an object received at a given time; NULL for one before the venues existed or in the next days.
CREATE OR REPLACE MACRO believable_time(t, received_at) AS
    CASE WHEN t >= TIMESTAMPTZ '2018-01-01 00:00:00+00' AND t < received_at + INTERVAL 1 DAY THEN t END
