-- about: a sum; NULL where one of its terms is NULL, so that a part never passes for the whole.
CREATE OR REPLACE MACRO sum_of_all(x) AS CASE WHEN count(x) = count(*) THEN sum(x) END
