-- about: the reason text of a total that is NULL because it fits no column.
CREATE OR REPLACE MACRO too_large_reason() AS 'a total is 10^12 or more, which no column holds'
