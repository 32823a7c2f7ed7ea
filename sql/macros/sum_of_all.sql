-- about: a sum; NULL if one of its terms is NULL, so that a partial sum is never shown.
CREATE OR REPLACE MACRO sum_of_all(x) AS CASE WHEN count(x) = count(*) THEN sum(x) END
