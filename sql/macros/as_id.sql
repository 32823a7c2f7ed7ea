-- about: an id as served; NULL for an empty one and for a JSON list or object, which is no id whatever it holds.
CREATE OR REPLACE MACRO as_id(t) AS CASE WHEN t <> '' AND left(t, 1) NOT IN ('{', '[') THEN t END
