-- about: a whole number from 0, also where a typed column made it "1.0"; NULL for anything else.
CREATE OR REPLACE MACRO import_whole(x) AS
    CASE WHEN regexp_full_match(x, '[0-9]{1,9}([.]0*)?') THEN CAST(split_part(x, '.', 1) AS INTEGER) END
