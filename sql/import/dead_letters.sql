-- about: the dead letters of some rows of a file, with their records. The path sees the file as a list of records:
--        $[record], the list inside it with the member, the item that a preset makes of it, the field; or the line, if
--        it is not a record. Rows without a known venue are stored under the requested one.
-- grain: one row of the file
-- inputs: members, refused
SELECT
    CASE WHEN known_venue(b.venue) THEN b.venue
        WHEN getvariable('import_venue') = 'any' THEN any_venue() ELSE getvariable('import_venue') END AS venue,
    r.place || coalesce('[' || b.item || ']', '') || coalesce('.' || b.path, '') AS path,
    b.reason, r.sha, r.payload
FROM (FROM refused WHERE row_no >= $first AND row_no < $last) b
JOIN (FROM members WHERE row_no >= $first AND row_no < $last) r USING (row_no)
