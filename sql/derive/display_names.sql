-- about: what people call each instrument and its first two outcomes
-- grain: instrument
-- inputs: instruments, events, series, outcomes, ticker_parts
-- The event's title and what the instrument is about within it; the instrument's own title where that says both.
-- A game's title lacks its day, which the ticker has. Without titles the name is made of what the ticker says.
-- Prices are those of outcome 0: where that is "No", the name says so, for it would be read as the price of yes.
WITH sides AS (
    SELECT
        instrument_id,
        any_value(trim(label)) FILTER (WHERE outcome_index = 0) AS label_0,
        any_value(trim(label)) FILTER (WHERE outcome_index = 1) AS label_1,
        bool_or(outcome_index = 0) AS has_0,
        bool_or(outcome_index = 1) AS has_1
    FROM outcomes
    WHERE outcome_index IN (0, 1)
    GROUP BY instrument_id
),

known AS (
    SELECT
        i.venue,
        i.bucket,
        i.instrument_id,
        i.event_id,
        i.native_id,
        nullif(trim(regexp_replace(regexp_replace(i.title, '[\s\p{Z}]+', ' ', 'g'), ',(yes|no) ', ', \1 ', 'g')), '') AS title,
        nullif(trim(regexp_replace(i.sub_title, '[\s\p{Z}]+', ' ', 'g')), '') AS sub_title,
        nullif(trim(regexp_replace(e.title, '[\s\p{Z}]+', ' ', 'g')), '') AS event_title,
        nullif(trim(regexp_replace(s.title, '[\s\p{Z}]+', ' ', 'g')), '') AS series_title,
        nullif(replace(trim(i.slug), '-', ' '), '') AS slug,
        p.outcome_code,
        CASE p.date_precision
            WHEN 'year' THEN strftime(p.ticker_date, '%Y')
            WHEN 'quarter' THEN 'Q' || quarter(p.ticker_date) || strftime(p.ticker_date, ' %Y')
            WHEN 'month' THEN strftime(p.ticker_date, '%b %Y')
            ELSE strftime(p.ticker_date, '%b %-d, %Y')
        END || CASE WHEN p.date_precision IN ('hour', 'minute') THEN ' ' || p.ticker_time || ' ET' ELSE '' END AS day_text,
        p.date_precision IN ('day', 'hour', 'minute') AS has_day,
        CASE WHEN p.strike_low IS NOT NULL
            THEN regexp_replace(p.strike_low::VARCHAR, '\.?0+$', '') END AS low,
        CASE WHEN p.strike_high IS NOT NULL
            THEN regexp_replace(p.strike_high::VARCHAR, '\.?0+$', '') END AS high,
        CASE p.strike_kind
            WHEN 'above' THEN 'Above ' || low
            WHEN 'at_least' THEN 'At least ' || low
            WHEN 'below' THEN 'Below ' || high
            WHEN 'at_most' THEN 'At most ' || high
            WHEN 'between' THEN low || ' to ' || high
        END AS strike_text
    FROM instruments i
    LEFT JOIN events e ON e.event_id = i.event_id
    LEFT JOIN series s ON s.series_id = coalesce(i.series_id, e.series_id)
    LEFT JOIN ticker_parts p ON p.instrument_id = i.instrument_id
),

flagged AS (
    SELECT k.*, CASE WHEN lower(s.label_0) = 'no' AND venue_has_tokens(k.venue) THEN ' · No' ELSE '' END AS suffix
    FROM known k
    LEFT JOIN sides s ON s.instrument_id = k.instrument_id
),

-- base: what the event is; own: which of its instruments this is.
said AS (
    SELECT
        *,
        coalesce(sub_title, strike_text) AS about,
        CASE
            WHEN event_title IS NOT NULL AND about IS NOT NULL THEN 'event'
            WHEN title IS NOT NULL THEN 'title'
            WHEN event_title IS NOT NULL THEN 'event'
            WHEN slug IS NOT NULL THEN 'slug'
            WHEN series_title IS NOT NULL THEN 'parts'
            ELSE 'native_id'
        END AS name_source,
        CASE name_source
            WHEN 'event' THEN event_title
            WHEN 'title' THEN title
            WHEN 'slug' THEN slug
            WHEN 'parts' THEN series_title
            ELSE native_id
        END AS bare,
        count(*) OVER (PARTITION BY event_id, bare) = 1 OR event_id IS NULL AS is_alone,
        CASE
            WHEN name_source = 'native_id' THEN NULL
            WHEN about IS NULL AND title IS NULL THEN outcome_code
            -- A title that is the instrument's alone and says what it is about needs no more; a game's names both sides.
            WHEN is_alone AND (contains(lower(bare), lower(about)) OR lower(about) = 'yes') THEN NULL
            ELSE about
        END AS own
    FROM flagged
),

dated AS (
    SELECT
        *,
        bare || CASE
            WHEN name_source <> 'native_id' AND venue_has_tickers(venue) AND (has_day OR name_source = 'parts')
                AND day_text IS NOT NULL
                AND NOT regexp_matches(
                    concat_ws(' ', bare, own),
                    '(?i)\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* [0-9]|20[0-9]{2}'
                )
                THEN ' (' || day_text || ')'
            ELSE ''
        END AS base
    FROM said
),

-- 120 characters: the instrument's own part keeps up to 60 of them, the event's is cut first.
cut AS (
    SELECT
        *,
        120 - length(suffix) AS most,
        CASE WHEN length(own) > 60 AND length(base) + length(own) > most - 3
            THEN left(own, greatest(59, most - 4 - length(base))) || '…'
            ELSE own END AS own_cut,
        most - coalesce(length(own_cut) + 3, 0) AS room,
        CASE WHEN length(base) > room THEN left(base, room - 1) || '…' ELSE base END AS base_cut,
        concat_ws(' · ', base_cut, own_cut) AS name
    FROM dated
),

-- Equal names within an event (long parlays, unnamed outcomes) get the end of the id.
twins AS (
    SELECT
        *,
        coalesce(outcome_code, right(native_id, 8)) AS tail,
        count(*) OVER (PARTITION BY event_id, name) AS alike
    FROM cut
),

told AS (
    SELECT
        *,
        event_id IS NOT NULL AND alike > 1 AND name_source <> 'native_id' AS is_twin,
        CASE WHEN is_twin
            THEN CASE WHEN length(name) + length(left(tail, 40)) > most - 3
                THEN left(name, most - 4 - length(left(tail, 40))) || '…'
                ELSE name END || ' [' || left(tail, 40) || ']'
            WHEN name = '' THEN left(coalesce(nullif(native_id, ''), instrument_id), most)
            ELSE name END || suffix AS display_name
    FROM twins
)

SELECT
    t.venue,
    t.bucket,
    t.instrument_id,
    t.display_name,
    CASE WHEN NOT venue_has_tokens(t.venue) OR s.has_0 THEN outcome_0_name(venue_has_tokens(t.venue), s.label_0) END AS outcome_0_name,
    left(CASE
        WHEN NOT venue_has_tokens(t.venue) AND coalesce(s.label_1, 'No') IN ('No', 'Yes') THEN 'No'
        WHEN NOT venue_has_tokens(t.venue) THEN 'No: ' || s.label_1
        WHEN s.has_1 THEN coalesce(nullif(s.label_1, ''), 'Outcome 1')
    END, 120) AS outcome_1_name,
    t.name_source || CASE WHEN t.is_twin THEN ' + id' ELSE '' END AS name_source
FROM told t
LEFT JOIN sides s ON s.instrument_id = t.instrument_id
