-- about: a sum of a list, 0 if it is empty; NULL if one of its elements is NULL, so that a partial sum is never shown.
CREATE OR REPLACE MACRO list_sum_of_all(l) AS CASE WHEN list_count(l) = length(l) THEN coalesce(list_sum(l), 0) END
