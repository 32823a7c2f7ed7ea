-- about: the fault of a field that is not a time. A bare number needs its unit in the field's name; units are never guessed.
CREATE OR REPLACE MACRO import_no_time(field, t) AS
    CASE
        WHEN coalesce(t, '') = '' THEN import_bad(field, 'no time')
        WHEN TRY_CAST(t AS DECIMAL(38, 9)) IS NOT NULL
        THEN import_bad(field, 'the number is no time from 2000 to 9999 in the unit that the mapping names; units are '
            || field || ' (a text with date and time), ' || field || '_epoch_s, ' || field || '_epoch_ms, '
            || field || '_epoch_us, ' || field || '_epoch_ns')
        ELSE import_bad(field, 'not a time')
    END
