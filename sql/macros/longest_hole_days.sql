-- about: the longest gap in days whose days are listed as missing; a longer one is not a gap: a single row of 1970 must
--        not list every day since then.
CREATE OR REPLACE MACRO longest_hole_days() AS 400
