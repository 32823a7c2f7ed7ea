-- about: what each instrument is about, in one taxonomy for both venues, and what its ticker says
-- grain: instrument
-- inputs: instruments, events, series, ticker_parts, category_rules, category_words
-- The rules and first_rule(field, text, venue) are filled in by echelon_pipeline/domain/derived.py: the position of
-- the first rule whose pattern is found in a text. The lowest position over all evidence is the rule that decides.
WITH known AS (
    SELECT
        i.venue,
        i.bucket,
        i.instrument_id,
        i.event_id,
        coalesce(i.series_id, e.series_id) AS series_id,
        coalesce(i.is_combo, false) OR (venue_has_tickers(i.venue) AND starts_with(i.native_id, 'KXMVE')) AS is_combo,
        coalesce(i.category, e.category, s.category) AS venue_category,
        CASE WHEN len(i.tags) > 0 THEN i.tags WHEN len(e.tags) > 0 THEN e.tags ELSE s.tags END AS tags,
        lower(trim(i.fee_type)) AS fee,
        CASE WHEN venue_has_tokens(i.venue) THEN
            lower(trim(json_extract_string(i.external_ref, '$.sports_market_type')))
        END AS sport,
        CASE
            WHEN venue_has_tickers(i.venue) THEN coalesce(
                s.native_id, substr(coalesce(i.series_id, e.series_id), length(i.venue) + 2), split_part(i.native_id, '-', 1)
            )
            ELSE s.slug
        END AS series_text,
        lower(trim(concat_ws(' ', e.slug, i.slug))) AS slugs,
        lower(trim(concat_ws(' | ', e.title, i.title))) AS titles
    FROM instruments i
    LEFT JOIN events e ON e.event_id = i.event_id
    LEFT JOIN series s ON s.series_id = coalesce(i.series_id, e.series_id)
),

-- Lists of tags repeat within an event and a series: each is looked at once.
tag_lists AS (
    SELECT t.venue, t.tags, min(w.position) AS position
    FROM (SELECT venue, tags, unnest(tags) AS tag FROM (SELECT DISTINCT venue, tags FROM known WHERE len(tags) > 0)) t
    JOIN category_words w ON w.venue = t.venue AND w.field = 'tag' AND w.word = lower(trim(t.tag))
    GROUP BY ALL
),

said AS (
    SELECT
        k.*,
        least(
            c.position, f.position, b.position, t.position,
            first_rule('sport', k.sport, k.venue),
            first_rule('fee', k.fee, k.venue),
            first_rule('series', k.series_text, k.venue)
        ) AS said_position
    FROM known k
    LEFT JOIN category_words c
        ON c.venue = k.venue AND c.field = 'category' AND c.word = lower(trim(k.venue_category))
    LEFT JOIN category_words f ON f.venue = k.venue AND f.field = 'fee' AND f.word = k.fee
    LEFT JOIN category_words b ON b.venue = k.venue AND b.field = 'combo' AND b.word = 'combo' AND k.is_combo
    LEFT JOIN tag_lists t ON t.venue = k.venue AND t.tags = k.tags
),

-- Words are the last evidence and the dearest: they are asked where nothing before them can win.
asked AS (
    SELECT
        * EXCLUDE (slugs, titles),
        CASE WHEN said_position IS NULL OR said_position > (SELECT min(position) FROM category_rules WHERE source = 'title')
            THEN nullif(slugs, '') END AS slugs,
        CASE WHEN said_position IS NULL OR said_position > (SELECT min(position) FROM category_rules WHERE source = 'title')
            THEN nullif(titles, '') END AS titles
    FROM said
),

decided AS (
    SELECT
        *,
        least(said_position, first_rule('slug', slugs, venue), first_rule('title', titles, venue)) AS position
    FROM asked
)

SELECT
    d.venue,
    d.bucket,
    d.instrument_id,
    d.event_id,
    d.series_id,
    coalesce(r.category, 'Other') AS category,
    coalesce(r.source, 'none') AS category_source,
    r.rule_id,
    d.venue_category,
    p.ticker_date,
    p.date_precision,
    p.ticker_time,
    p.strike_kind,
    p.strike_low,
    p.strike_high,
    p.ticker_strike,
    p.outcome_code,
    p.parse_note
FROM decided d
LEFT JOIN category_rules r ON r.position = d.position
LEFT JOIN ticker_parts p ON p.instrument_id = d.instrument_id
