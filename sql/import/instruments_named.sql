-- about: the instruments of the texts that name them in the file: the venue's own id, or a Gamma id, slug or question id
--        of core.instruments; reason says why a text names none. Ids are never judged by length.
-- grain: venue, said
-- inputs: plain_fields, known_instruments
WITH said AS (
    SELECT DISTINCT venue, instrument AS said, trim(instrument) AS id FROM plain_fields WHERE coalesce(instrument, '') <> ''
), spelled AS (
    SELECT venue, said, id AS name, 0 AS distance FROM said
    UNION
    SELECT venue, said, CASE WHEN venue_has_tickers(venue) THEN upper(id) ELSE lower(id) END, 1 FROM said
), names AS (
    SELECT venue, native_id AS name, native_id, 0 AS rank FROM known_instruments
    UNION ALL
    SELECT venue, gamma_id, native_id, 2 FROM known_instruments WHERE gamma_id IS NOT NULL
    UNION ALL
    SELECT venue, slug, native_id, 4 FROM known_instruments WHERE slug IS NOT NULL
    UNION ALL
    SELECT venue, lower(question_id), native_id, 6 FROM known_instruments WHERE question_id IS NOT NULL
), ranked AS (
    SELECT s.venue, s.said, n.native_id, s.distance + n.rank AS distance
    FROM spelled s JOIN names n ON n.venue = s.venue AND n.name = s.name
), nearest AS (
    SELECT venue, said, min(native_id) AS native_id, count(DISTINCT native_id) AS instruments
    FROM (FROM ranked QUALIFY rank() OVER (PARTITION BY venue, said ORDER BY distance) = 1)
    GROUP BY venue, said
), judged AS (
    SELECT
        s.*, n.native_id AS known,
        CASE
            WHEN n.instruments > 1 THEN 'several instruments of core.instruments have this id, slug or question'
            WHEN n.native_id IS NOT NULL THEN NULL
            WHEN venue_has_tokens(s.venue) AND NOT regexp_full_match(lower(s.id), '0x[0-9a-f]+')
            THEN 'not a condition id, and no Gamma id, slug or question id of an instrument in core.instruments'
            WHEN venue_has_tickers(s.venue) AND regexp_full_match(lower(s.id), '0x[0-9a-f]+')
            THEN 'not a ticker, but a condition id of Polymarket'
            WHEN venue_has_tickers(s.venue) AND regexp_full_match(lower(s.id), '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')
            THEN 'not a ticker, but a UUID'
            WHEN venue_has_tickers(s.venue) AND regexp_full_match(s.id, '[0-9]+') THEN 'not a ticker, but a number'
            WHEN venue_has_tickers(s.venue) AND regexp_matches(s.id, '^[\[{]') THEN 'not a ticker, but a list or an object'
            WHEN venue_has_tickers(s.venue) AND (s.id <> upper(s.id) OR regexp_matches(s.id, '\s'))
            THEN 'not a ticker: tickers have no lower-case letters and no blanks'
        END AS reason
    FROM said s LEFT JOIN nearest n USING (venue, said)
)
SELECT
    venue, said, reason,
    CASE WHEN reason IS NULL
        THEN coalesce(known, CASE WHEN venue_has_tokens(venue) THEN lower(id) ELSE id END) END AS native_id
FROM judged
