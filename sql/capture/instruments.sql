-- about: instruments that a listener can watch: open instruments that pass its filters, the most traded first
-- grain: instrument
-- inputs: core.instruments, core.outcomes, core.events, core.series, mart.market_overview
-- Combos are excluded: their books are not worth a stream, and there are millions. Polymarket's markets without exactly
-- two tokens are excluded too: it is not known which token is outcome 0 and which one mirrors it.
-- An empty list and a NULL bound do not filter. Texts are in lower case.
WITH described AS (
    SELECT
        i.*,
        m.volume_24h,
        m.venue_volume_24h,
        m.open_interest,
        m.liquidity_usd,
        [lower(t) FOR t IN [s.series_id, s.native_id, s.slug, i.series_id, e.series_id] IF t IS NOT NULL] AS series_names,
        [lower(t) FOR t IN [e.event_id, e.native_id, e.slug, i.event_id] IF t IS NOT NULL] AS event_names,
        [lower(t) FOR t IN [i.slug, e.slug] IF t IS NOT NULL] AS slugs,
        [lower(t) FOR t IN [i.category, e.category, s.category, m.category] IF t IS NOT NULL] AS categories,
        [
            lower(t)
            FOR t IN coalesce(i.tags, []) || coalesce(e.tags, []) || coalesce(s.tags, [])
            IF t IS NOT NULL
        ] AS all_tags,
        lower(concat_ws(' ', m.display_name, i.title, e.title)) AS titles
    FROM core.instruments i
    LEFT JOIN core.events e ON e.event_id = i.event_id
    LEFT JOIN core.series s ON s.series_id = coalesce(i.series_id, e.series_id)
    LEFT JOIN mart.market_overview m ON m.instrument_id = i.instrument_id
)

SELECT
    d.venue,
    d.instrument_id,
    d.native_id,
    (
        SELECT array_agg(o.token_id ORDER BY o.outcome_index)
        FROM core.outcomes o
        WHERE o.instrument_id = d.instrument_id AND o.token_id IS NOT NULL
    ) AS tokens,
    d.closes_at,
    CAST(d.tick_size AS VARCHAR) AS tick_size,
    CAST(d.min_order_size AS VARCHAR) AS min_order_size,
    d.is_neg_risk
FROM described d
WHERE
    d.status = 'active'
    AND NOT d.is_combo
    AND d.venue IN (SELECT unnest($venues))
    AND (d.venue NOT IN (SELECT unnest($with_tokens)) OR (
        SELECT count(*) = 2 AND count(o.token_id) = 2 FROM core.outcomes o WHERE o.instrument_id = d.instrument_id
    ))
    AND (len($ids) = 0 OR d.instrument_id IN (SELECT unnest($ids)))
    AND d.instrument_id NOT IN (SELECT unnest($without))
    AND (len($native) = 0 OR lower(d.native_id) IN (SELECT unnest($native)))
    AND (len($series) = 0 OR list_has_any(d.series_names, $series))
    AND (len($event) = 0 OR list_has_any(d.event_names, $event))
    AND (len($slug) = 0 OR list_has_any(d.slugs, $slug))
    AND (len($category) = 0 OR list_has_any(d.categories, $category))
    AND (len($tag) = 0 OR list_has_any(d.all_tags, $tag))
    AND (len($title) = 0 OR len([t FOR t IN $title IF contains(d.titles, t)]) > 0)
    AND ($min_liquidity IS NULL OR d.liquidity_usd >= $min_liquidity)
    AND ($max_liquidity IS NULL OR d.liquidity_usd <= $max_liquidity)
    AND ($min_volume IS NULL OR d.venue_volume_24h >= $min_volume)
    AND ($max_volume IS NULL OR d.venue_volume_24h <= $max_volume)
    AND ($min_open_interest IS NULL OR d.open_interest >= $min_open_interest)
    AND ($max_open_interest IS NULL OR d.open_interest <= $max_open_interest)
ORDER BY d.volume_24h DESC NULLS LAST, d.instrument_id
LIMIT $most
