-- about: true where a text is given that is no time.
CREATE OR REPLACE MACRO import_untimed(t) AS t IS NOT NULL AND t <> '' AND t NOT LIKE '0001-01-01%' AND import_time(t) IS NULL
