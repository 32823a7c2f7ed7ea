-- about: a timestamp in any text form the venues use; NULL for '', the zero time 0001-01-01 and text that is not a time.
--        Text without an offset is UTC. Epoch numbers are never guessed here: they go through as_epoch.
CREATE OR REPLACE MACRO as_time(t) AS
    CASE
        WHEN t IS NULL OR t = '' OR t LIKE '0001-01-01%' THEN NULL
        WHEN suffix(t, 'Z') THEN TRY_CAST(t AS TIMESTAMPTZ)  -- nearly every time: the patterns below cost 3 times as much
        WHEN regexp_matches(t, '^\d{4}-\d\d-\d\d$') THEN TRY_CAST(t || 'T00:00:00Z' AS TIMESTAMPTZ)
        WHEN regexp_matches(t, '([zZ]|[+-]\d\d(:?\d\d)?(:\d\d)?)$') THEN TRY_CAST(t AS TIMESTAMPTZ)
        ELSE TRY_CAST(t || 'Z' AS TIMESTAMPTZ)
    END
