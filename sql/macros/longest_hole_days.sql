-- about: days without any reading that are still listed as missing; more are no hole: a single row of 1970 must not list
--        every day since.
CREATE OR REPLACE MACRO longest_hole_days() AS 400
