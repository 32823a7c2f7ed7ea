-- about: the dead letters of some of a file's rows, with their records. The path is of the file seen as a list of records:
--        $[record], the list inside it with the member, the item that a preset makes of it, the field; or the line, for
--        what is no record. Rows that name no known venue are kept under the one asked for.
-- grain: one row of the file
-- inputs: members, refused
SELECT
    CASE WHEN known_venue(b.venue) THEN b.venue
        WHEN getvariable('import_venue') = 'any' THEN any_venue() ELSE getvariable('import_venue') END AS venue,
    r.place || coalesce('[' || b.item || ']', '') || coalesce('.' || b.path, '') AS path,
    b.reason, r.sha, r.payload
FROM (FROM refused WHERE row_no >= $first AND row_no < $last) b
JOIN (FROM members WHERE row_no >= $first AND row_no < $last) r USING (row_no)
