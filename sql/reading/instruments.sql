-- about: instruments whose names contain every word of a search, most traded first; a NULL parameter does not filter
-- grain: instrument_id
-- inputs: mart.market_overview, mart.coverage
-- Words are found in any case, in titles, display names and ids. has_books: a live book was recorded.
SELECT
    o.instrument_id,
    o.display_name,
    o.venue,
    o.status,
    o.category,
    o.event_id,
    o.series_id,
    o.latest_price,
    o.volume_24h,
    o.ends_at,
    b.instrument_id IS NOT NULL AS has_books
FROM mart.market_overview AS o
LEFT JOIN (SELECT DISTINCT instrument_id FROM mart.coverage WHERE live_seconds > 0) AS b USING (instrument_id)
WHERE
    (len($words) = 0 OR list_bool_and([
        contains(lower(concat_ws(' ', o.title, o.display_name, o.instrument_id, o.event_id, o.series_id)), lower(word))
        FOR word IN $words
    ]))
    AND ($venue IS NULL OR o.venue = $venue)
    AND ($category IS NULL OR o.category = $category)
    AND ($status IS NULL OR o.status = $status)
    AND ($has_books IS NULL OR (b.instrument_id IS NOT NULL) = $has_books)
ORDER BY o.volume_24h DESC NULLS LAST, o.instrument_id
LIMIT $max_rows
