-- about: a page of the market overview, most traded first; a NULL argument does not filter
-- creates: mart.markets_filtered
-- grain: instrument
-- inputs: mart.market_overview
-- argument category VARCHAR: only this category
-- argument status VARCHAR: only this status, such as active
-- argument venue VARCHAR: only this venue
-- argument search VARCHAR: a part of the title or display name, in any case
-- argument page_size BIGINT: number of rows; 50 if not given
-- argument after_volume DECIMAL: volume_24h of the last row of the page before
-- argument after_id VARCHAR: instrument_id of the last row of the page before
-- search: a part of title or display name, in any case; % and _ are ordinary characters. Order: volume_24h (NULL last),
-- then instrument_id. Next page: after_volume and after_id are volume_24h and instrument_id of the last row.
CREATE MACRO mart.markets_filtered(
    category := NULL,
    status := NULL,
    venue := NULL,
    search := NULL,
    page_size := 50,
    after_volume := NULL,
    after_id := NULL
) AS TABLE
    SELECT o.*
    FROM mart.market_overview AS o
    WHERE
        (category IS NULL OR o.category = category)
        AND (status IS NULL OR o.status = status)
        AND (venue IS NULL OR o.venue = venue)
        AND (
            search IS NULL
            OR contains(lower(o.title), lower(search))
            OR (o.display_name IS DISTINCT FROM o.title AND contains(lower(o.display_name), lower(search)))
        )
        AND (
            after_id IS NULL
            OR (o.volume_24h IS NULL AND (after_volume IS NOT NULL OR o.instrument_id > after_id))
            OR o.volume_24h < after_volume
            OR (o.volume_24h = after_volume AND o.instrument_id > after_id)
        )
    ORDER BY o.volume_24h DESC NULLS LAST, o.instrument_id
    LIMIT page_size
