-- about: typed events from the fields of an imported file; reject is the reason of a bad row.
-- grain: row_no, item
-- inputs: fields
SELECT
    row_no, item, sha, venue, 0 AS preference,
    CASE
        WHEN coalesce(event, '') = '' THEN import_bad('event', 'no event')
        WHEN import_untimed(starts_at) THEN import_no_time('starts_at', starts_at)
        WHEN import_untimed(ends_at) THEN import_no_time('ends_at', ends_at)
        WHEN import_untimed(strike_at) THEN import_no_time('strike_at', strike_at)
        WHEN import_untimed(observed_at) THEN import_no_time('observed_at', observed_at)
        WHEN is_mutually_exclusive IS NOT NULL AND import_flag(is_mutually_exclusive) IS NULL
        THEN import_bad('is_mutually_exclusive', 'neither true nor false')
    END AS reject,
    venue || ':' || event AS event_id,
    bucket_of(venue || ':' || event) AS bucket,
    event AS native_id,
    venue || ':' || nullif(series, '') AS series_id,
    slug, title, sub_title, category,
    import_flag(is_mutually_exclusive) AS is_mutually_exclusive,
    import_time(starts_at) AS starts_at,
    import_time(ends_at) AS ends_at,
    import_time(strike_at) AS strike_at,
    coalesce(import_time(observed_at), getvariable('import_at')) AS observed_at,
    coalesce(import_time(ends_at), import_time(strike_at), import_time(observed_at)) AS moment
FROM fields
