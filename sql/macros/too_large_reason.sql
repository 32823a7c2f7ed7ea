-- about: in words, that a total is NULL because no column holds it.
CREATE OR REPLACE MACRO too_large_reason() AS 'a total is 10^12 or more, which no column holds'
