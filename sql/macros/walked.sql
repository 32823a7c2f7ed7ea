-- about: the cost of taking 100, 1,000 and 10,000 contracts from the levels of one side (best first): for each size the
--        contracts still missing after the last level (millionths), and the cost (10^-12 dollars).
CREATE OR REPLACE MACRO walked(prices, sizes) AS
    list_reduce(
        list_zip(prices, sizes),
        lambda a, l: (
            a[1] - least(a[1], l[2]),
            a[2] + least(a[1], l[2]) * l[1],
            a[3] - least(a[3], l[2]),
            a[4] + least(a[3], l[2]) * l[1],
            a[5] - least(a[5], l[2]),
            a[6] + least(a[5], l[2]) * l[1]
        ),
        (100000000::BIGINT, 0::BIGINT, 1000000000::BIGINT, 0::BIGINT, 10000000000::BIGINT, 0::BIGINT)
    )
