-- about: a sum of a list, 0 where it is empty; NULL where one of its elements is NULL, so that a part never passes for the whole.
CREATE OR REPLACE MACRO list_sum_of_all(l) AS CASE WHEN list_count(l) = length(l) THEN coalesce(list_sum(l), 0) END
