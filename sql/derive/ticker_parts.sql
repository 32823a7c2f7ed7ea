-- about: what each Kalshi ticker says: date, strike, outcome; what the venue's API says wins
-- grain: instrument (Kalshi)
-- inputs: instruments, events
-- Examples of tickers:
--   KXHIGHNY-26JAN09-B49.5                 day, bucket around 49.5
--   KXBTCD-26JUL0317-T60999.99             day and hour, threshold
--   KXINXU-25NOV14H1600-T6724.9999         day, hour and minute after an H, threshold
--   KXMLBGAME-26AUG112140MILSD-MIL         start of the game, teams, the side
--   KXCPI-26AUG-T-0.3, KXAGICO-COMP-26Q2   month, quarter
--   KXMLBWINS-ATH-26-T95                   a series with a hyphen: only the API says where the series ends
-- Times in tickers are US Eastern. A second implementation is in echelon_pipeline_tests/tickers.py; a test compares both.
WITH given AS (
    SELECT
        i.instrument_id,
        i.native_id AS ticker,
        coalesce(i.is_combo, false) OR starts_with(i.native_id, 'KXMVE') AS is_combo,
        substr(i.event_id, 8) AS event_said,
        substr(coalesce(i.series_id, e.series_id), 8) AS series_said,
        i.strike_type,
        i.floor_strike,
        i.cap_strike,
        regexp_extract(i.native_id, '-([TB]-?[0-9]{1,20}(?:\.[0-9]{1,12})?)$', 1) AS tail
    FROM instruments i
    LEFT JOIN events e ON e.event_id = i.event_id
    WHERE venue_has_tickers(i.venue)
),

split AS (
    SELECT
        *,
        CASE WHEN tail = '' THEN ticker ELSE left(ticker, length(ticker) - length(tail) - 1) END AS head,
        string_split(head, '-') AS parts,
        len(parts) + (tail <> '')::INTEGER AS part_count,
        ticker = event_said OR starts_with(ticker, event_said || '-') AS begins
    FROM given
    WHERE NOT is_combo
),

cut AS (
    SELECT
        *,
        CASE
            WHEN event_said IS NOT NULL THEN event_said
            WHEN part_count = 3 THEN parts[1] || '-' || parts[2]
        END AS event,
        nullif(CASE
            WHEN event_said IS NOT NULL AND begins THEN substr(ticker, length(event_said) + 2)
            WHEN tail <> '' THEN tail
            WHEN event_said IS NULL AND part_count = 3 THEN parts[3]
        END, '') AS outcome,
        CASE
            WHEN event_said IS NULL AND part_count <> 3 THEN part_count || ' parts: where the event ends is not said'
            WHEN NOT begins THEN 'the ticker does not begin with its event ticker'
        END AS cut_note,
        regexp_replace(series_said, '^KX', '') AS legacy_series
    FROM split
),

suffixed AS (
    SELECT
        *,
        nullif(CASE
            WHEN series_said IS NULL THEN substr(event, strpos(event, '-') + 1)
            WHEN event = series_said OR event = legacy_series THEN ''
            WHEN starts_with(event, series_said || '-') THEN substr(event, length(series_said) + 2)
            WHEN starts_with(event, legacy_series || '-') THEN substr(event, length(legacy_series) + 2)
            ELSE substr(event, strpos(event, '-') + 1)
        END, '') AS any_suffix,
        CASE WHEN strpos(event, '-') = 0 AND any_suffix = event THEN NULL ELSE any_suffix END AS suffix,
        CASE
            WHEN event IS NULL THEN NULL
            WHEN series_said IS NULL AND len(string_split(event, '-')) <> 2 THEN 'where the series ends is not said'
            WHEN event NOT IN (series_said, legacy_series) AND NOT starts_with(event, series_said || '-')
                AND NOT starts_with(event, legacy_series || '-')
                THEN 'the event ticker does not begin with its series ticker'
        END AS series_note
    FROM cut
),

-- A form of a date is asked only where no finer one was found.
days AS (
    SELECT *, regexp_extract(
        suffix,
        '(?:^|-)([234][0-9]|50)(JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)([0-9]{2})(H?)([0-9]*)([^0-9]|$)',
        ['year', 'month', 'day', 'marker', 'digits', 'after']
    ) AS first_day
    FROM suffixed
),

last_days AS (
    SELECT *, CASE WHEN first_day.year = '' THEN regexp_extract(
        suffix,
        '[A-Z]([234][0-9]|50)(JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)([0-9]{2})(?:-|$)',
        ['year', 'month', 'day']
    ) END AS last_day
    FROM days
),

months AS (
    SELECT
        *,
        coalesce(nullif(first_day.year, ''), nullif(last_day.year, '')) AS day_year,
        CASE WHEN day_year IS NULL THEN regexp_extract(
            suffix, '(?:^|-)([234][0-9]|50)(JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)(?:-|$)', ['year', 'month']
        ) END AS monthly
    FROM last_days
),

quarters AS (
    SELECT *, CASE WHEN monthly.year = '' THEN regexp_extract(
        suffix, '(?:^|-|[A-Z])([234][0-9]|50)Q([1-4])(?:-|$)', ['year', 'quarter']
    ) END AS quarterly
    FROM months
),

years AS (
    SELECT
        *,
        CASE WHEN quarterly.year = '' THEN
            nullif(regexp_extract(suffix, '(?:^|-)(?:20)?([234][0-9]|50)(?:-|$)', 1), '')
        END AS yearly,
        quarterly.year = '' AND yearly IS NULL AS is_open,
        is_open AND regexp_matches(suffix, '^[0-9]{2}[A-Z][0-9]{2}(?:-|$)') AS is_two_numbers,
        is_open AND NOT is_two_numbers AND regexp_matches(
            suffix, '^([234][0-9]|50)(JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)[A-Z]'
        ) AS is_named_month,
        CASE WHEN is_open AND NOT is_two_numbers THEN
            nullif(regexp_extract(suffix, '^(?:20)?([234][0-9]|50)[A-Z]', 1), '')
        END AS named_year
    FROM quarters
),

dated AS (
    SELECT
        *,
        first_day.year <> '' AND regexp_matches(first_day.digits, '^(?:[01][0-9]|2[0-3])[0-5][0-9]$') AS has_minute,
        first_day.year <> '' AND first_day.marker = '' AND first_day.after IN ('', '-')
            AND regexp_matches(first_day.digits, '^(?:[01][0-9]|2[0-3])$') AS has_hour,
        coalesce(nullif(first_day.month, ''), nullif(last_day.month, ''), nullif(monthly.month, '')) AS month_name,
        CASE
            WHEN month_name IS NOT NULL
                THEN (strpos('JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC', month_name) + 2) // 3
            WHEN quarterly.year <> '' THEN 3 * TRY_CAST(quarterly.quarter AS INTEGER) - 2
            ELSE 1
        END AS month_number,
        coalesce(day_year, nullif(monthly.year, ''), nullif(quarterly.year, ''), yearly, named_year) AS year_digits,
        TRY_CAST(
            '20' || year_digits || '-' || lpad(month_number::VARCHAR, 2, '0') || '-'
            || coalesce(nullif(first_day.day, ''), nullif(last_day.day, ''), '01') AS DATE
        ) AS ticker_date
    FROM years
),

struck AS (
    SELECT
        *,
        CASE strike_type
            WHEN 'greater' THEN 'above'
            WHEN 'greater_or_equal' THEN 'at_least'
            WHEN 'less' THEN 'below'
            WHEN 'less_or_equal' THEN 'at_most'
            WHEN 'between' THEN 'between'
        END AS said_kind,
        CASE WHEN said_kind NOT IN ('below', 'at_most')
            AND regexp_full_match(floor_strike, '-?[0-9]{1,20}(?:\.[0-9]{1,12})?')
            THEN TRY_CAST(floor_strike AS DECIMAL(38, 12)) END AS strike_low,
        CASE WHEN said_kind NOT IN ('above', 'at_least')
            AND regexp_full_match(cap_strike, '-?[0-9]{1,20}(?:\.[0-9]{1,12})?')
            THEN TRY_CAST(cap_strike AS DECIMAL(38, 12)) END AS strike_high,
        CASE WHEN tail <> '' THEN TRY_CAST(substr(tail, 2) AS DECIMAL(38, 12)) END AS ticker_strike
    FROM dated
)

SELECT
    instrument_id,
    ticker_date,
    CASE
        WHEN ticker_date IS NULL THEN NULL
        WHEN has_minute THEN 'minute'
        WHEN has_hour THEN 'hour'
        WHEN day_year IS NOT NULL THEN 'day'
        WHEN month_name IS NOT NULL THEN 'month'
        WHEN quarterly.year <> '' THEN 'quarter'
        ELSE 'year'
    END AS date_precision,
    CASE
        WHEN ticker_date IS NULL THEN NULL
        WHEN has_minute THEN left(first_day.digits, 2) || ':' || right(first_day.digits, 2)
        WHEN has_hour THEN first_day.digits || ':00'
    END AS ticker_time,
    CASE
        WHEN said_kind IS NOT NULL THEN said_kind
        WHEN strike_type IS NULL AND tail <> '' THEN CASE left(tail, 1) WHEN 'T' THEN 'threshold' ELSE 'bucket' END
        WHEN outcome IS NOT NULL OR strike_type IS NOT NULL THEN 'named'
    END AS strike_kind,
    strike_low,
    strike_high,
    ticker_strike,
    outcome AS outcome_code,
    nullif(concat_ws(
        '; ',
        cut_note,
        series_note,
        CASE WHEN day_year IS NOT NULL AND ticker_date IS NULL THEN 'no such day' END,
        CASE WHEN ticker_date IS NOT NULL AND first_day.digits <> '' AND NOT has_minute AND NOT has_hour
            THEN 'digits after the date are not a time' END,
        CASE WHEN is_two_numbers THEN 'two numbers could be the year' END,
        CASE WHEN is_named_month THEN 'letters after the year could be a month or a name' END,
        CASE WHEN (strike_low IS NOT NULL OR strike_high IS NOT NULL) AND NOT CASE left(tail, 1)
            WHEN 'B' THEN (strike_low IS NULL OR strike_low <= ticker_strike)
                AND (strike_high IS NULL OR ticker_strike <= strike_high)
            WHEN 'T' THEN coalesce(ticker_strike = strike_low, false) OR coalesce(ticker_strike = strike_high, false)
        END THEN 'the ticker''s strike is ' || substr(tail, 2) || ', the venue''s is another' END
    ), '') AS parse_note
FROM struck
UNION ALL
SELECT instrument_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'a combo''s ticker is opaque'
FROM given
WHERE is_combo
