-- about: every row that could not be loaded, with its record. The path is of the file seen as a list of records:
--        $[record], the list inside it with the member, the item that a preset makes of it, the field; or the line, for
--        what is no record. Rows that name no known venue are kept under the one asked for.
-- grain: one row of the file
-- inputs: members, all_fields, typed_rows
SELECT
    CASE WHEN b.venue IN ('polymarket', 'kalshi') THEN b.venue
        WHEN getvariable('import_venue') = 'any' THEN 'polymarket' ELSE getvariable('import_venue') END AS venue,
    r.place || coalesce('[' || b.item || ']', '') || coalesce('.' || b.path, '') AS path,
    r.place, b.reason, r.sha, r.payload
FROM (
    SELECT row_no, NULL AS item, NULL AS venue, NULL AS path, fault AS reason
    FROM members WHERE fault IS NOT NULL AND fault IS DISTINCT FROM getvariable('import_empty')
    UNION ALL
    SELECT row_no, item, venue, fault_path, fault FROM all_fields WHERE fault IS NOT NULL
    UNION ALL
    SELECT row_no, item, venue, reject.path, reject.reason FROM typed_rows WHERE reject IS NOT NULL
) b
JOIN members r USING (row_no)
