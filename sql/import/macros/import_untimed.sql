-- about: true for a text that is not a time.
CREATE OR REPLACE MACRO import_untimed(t) AS t IS NOT NULL AND t <> '' AND t NOT LIKE '0001-01-01%' AND import_time(t) IS NULL
