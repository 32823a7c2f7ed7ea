-- about: contracts or shares from a list of millionths; NULL from 10^12 on, which fits no column.
CREATE OR REPLACE MACRO as_contracts(sizes) AS
    list_transform(sizes, lambda s: TRY_CAST(s * CAST(0.000001 AS DECIMAL(7, 6)) AS DECIMAL(18, 6)))
