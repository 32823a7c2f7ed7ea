-- about: a page of the market overview, most traded first; a NULL argument does not filter
-- creates: echelon.markets_filtered
-- grain: instrument
-- inputs: mart.market_overview
-- The same as sql/functions/markets_filtered.sql. The collation pg_c_utf8 (Postgres 17) knows the cases of all letters,
-- as DuckDB does; on an older server the database's default collation is used.
CREATE FUNCTION echelon.markets_filtered(
    category text DEFAULT NULL,
    status text DEFAULT NULL,
    venue text DEFAULT NULL,
    search text DEFAULT NULL,
    page_size bigint DEFAULT 50,
    after_volume numeric DEFAULT NULL,
    after_id text DEFAULT NULL
) RETURNS SETOF echelon.mart_market_overview LANGUAGE sql STABLE PARALLEL SAFE AS $function$
    SELECT o.*
    FROM echelon.mart_market_overview AS o
    WHERE
        (markets_filtered.category IS NULL OR o.category = markets_filtered.category)
        AND (markets_filtered.status IS NULL OR o.status = markets_filtered.status)
        AND (markets_filtered.venue IS NULL OR o.venue = markets_filtered.venue)
        AND (
            search IS NULL
            OR strpos(lower(o.title COLLATE pg_c_utf8), lower(search COLLATE pg_c_utf8)) > 0
            OR strpos(lower(o.display_name COLLATE pg_c_utf8), lower(search COLLATE pg_c_utf8)) > 0
        )
        AND (
            after_id IS NULL
            OR (o.volume_24h IS NULL AND (after_volume IS NOT NULL OR o.instrument_id > after_id))
            OR o.volume_24h < after_volume
            OR (o.volume_24h = after_volume AND o.instrument_id > after_id)
        )
    ORDER BY o.volume_24h DESC NULLS LAST, o.instrument_id
    LIMIT page_size
$function$
